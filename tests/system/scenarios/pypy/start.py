"""One run on virtual time under another Python (PyPy, CPython): the same sources and the same story as under MicroPython.

`PYTHONPATH=... pypy3 start.py '{"seed": 1, ...}'`; tests/system/scenarios/virtual_run.py knows the path. What MicroPython has and this
Python has not is put in here; what differs in the words of an error is made the same, for such words go to the journal.
"""

import binascii
import errno
import gc
import importlib
import json
import os
import socket
import struct
import sys
import time
import traceback
import types


class MicroPythonOSError(OSError):
    """OSError with MicroPython's attributes and words."""

    def __init__(self, *arguments: object) -> None:
        OSError.__init__(self, *arguments)
        if len(arguments) == 1 and isinstance(arguments[0], int):
            self.errno = arguments[0]

    def __str__(self) -> str:
        if len(self.args) != 1:
            return str(self.args) if self.args else ""
        name = errno.errorcode.get(self.args[0])
        return f"[Errno {self.args[0]}] {name}" if name else str(self.args[0])


MicroPythonOSError.__name__ = "OSError"


def stand_in() -> None:
    """What MicroPython's own modules have besides."""
    for name, module in (("usocket", socket), ("ustruct", struct), ("ubinascii", binascii)):
        sys.modules[name] = module
    time_module: types.ModuleType = time
    time_module.clock = time.process_time  # pyright: ignore[reportAttributeAccessIssue]
    sys_module: types.ModuleType = sys
    sys_module.print_exception = lambda error, file=None: traceback.print_exception(  # pyright: ignore[reportAttributeAccessIssue]
        type(error), error, error.__traceback__, file=file
    )
    gc_module: types.ModuleType = gc
    gc_module.mem_alloc = lambda: 0  # pyright: ignore[reportAttributeAccessIssue]
    gc_module.mem_free = lambda: 1 << 24  # pyright: ignore[reportAttributeAccessIssue]
    gc_module.threshold = lambda *_: None  # pyright: ignore[reportAttributeAccessIssue]


def main() -> None:
    """Run, print what was counted, and leave at once: what a power cut has stopped must not run its `finally`."""
    stand_in()
    words = json.loads(sys.argv[1])
    from virtual import broken, life, plan, sim, troubles  # noqa: F401  # pyright: ignore[reportMissingImports]

    module = importlib.import_module("virtual." + words.get("module", "run"))
    for name, loaded in list(sys.modules.items()):
        if name.split(".")[0] in ("cabinet", "virtual", "plant", "nor_flash"):
            loaded.OSError = MicroPythonOSError  # pyright: ignore[reportAttributeAccessIssue]
    print(json.dumps(module.main(words)))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
