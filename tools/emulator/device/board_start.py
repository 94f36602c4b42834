"""What an emulated board does from power-on to its prompt: mount its own flash, put its `machine` in place, run boot.py and main.py.

Started by `emulator.host` with one argument, a JSON file that says which board it is. Everything of the host's file
system is out of reach afterwards, as on a board.
"""

import gc
import json
import os
import sys

import vfs


def stand_in(name: str, module, **more):
    """A copy of a builtin module's names with some replaced: builtin modules cannot be written to."""
    copy = type(name, (), {})
    for attribute in dir(module):
        if not attribute.startswith("__"):
            setattr(copy, attribute, getattr(module, attribute))
    for attribute in more:
        setattr(copy, attribute, more[attribute])
    copy.__name__ = name
    sys.modules[name] = copy
    return copy


def identify(config, control) -> None:
    """`sys`, `os` and `micropython` as the board has them."""
    from collections import namedtuple

    fields = ("name", "version", "_machine", "_mpy", "_build", "_thread")
    real = sys.implementation
    version = tuple(config["micropython"])
    identity = namedtuple("", fields)("micropython", version, config["machine"], real._mpy, config["build"], "unsafe")
    text = "3.4.0; MicroPython v%d.%d.%d on 2026-07-05" % version[:3]
    stand_in("sys", sys, implementation=identity, platform=config["platform"], version=text)
    uname = namedtuple("", ("sysname", "nodename", "release", "version", "machine"))
    release = "%d.%d.%d" % version[:3]
    name = uname(config["platform"], config["platform"], release, "v%s on 2026-07-05" % release, config["machine"])
    import micropython

    def kbd_intr(character):
        control.tell("intr %d" % character)

    stand_in("micropython", micropython, kbd_intr=kbd_intr)
    board_os = stand_in("os", os, uname=lambda: name)
    faults = config["faults"]
    if "disk" in faults or "ticks" in faults:
        import hardware_faults

        if "disk" in faults:
            board_os.statvfs = hardware_faults.full_disk(os.statvfs)
        if "ticks" in faults:
            hardware_faults.slow_clock(stand_in, faults["ticks"])
    for host_only in ("system", "getenv", "putenv", "unsetenv", "VfsPosix"):
        if hasattr(board_os, host_only):
            delattr(board_os, host_only)


def mount(config, posix, control) -> None:
    """The board's own flash at the root, instead of the host's files."""
    from flash_blocks import Blocks
    from rom_partition import RomPartition

    blocks = Blocks(posix, config, control)
    try:
        littlefs = vfs.VfsLfs2(blocks, progsize=256)
    except OSError:  # as the RP2 port does
        vfs.VfsLfs2.mkfs(blocks, progsize=256)
        littlefs = vfs.VfsLfs2(blocks, progsize=256)
    vfs.umount("/")
    vfs.mount(littlefs, "/")
    os.chdir("/")
    if config["romfs_bytes"]:
        rom = RomPartition(posix, config["rom"], config["romfs_bytes"], blocks)
        stand_in("vfs", vfs, rom_ioctl=rom.ioctl)
        try:
            vfs.mount(vfs.VfsRom(rom.memory), "/rom")
        except OSError:
            pass  # nothing in it that could be mounted


def run(name: str, scope: dict) -> bool:
    """A script of the file system, if it is there. False if it raised something, which is printed, as a board does."""
    try:
        with open(name) as file:
            source = file.read()
    except OSError:
        return True
    try:
        exec(compile(source, name, "exec"), scope)
    except SystemExit:
        raise
    except BaseException as error:  # noqa: BLE001 (KeyboardInterrupt too: the prompt follows)
        sys.print_exception(error)
        return False
    return True


def power_on(scope: dict) -> None:
    """All of it."""
    with open(sys.argv[1]) as file:
        config = json.load(file)
    posix = vfs.VfsPosix("/")
    from control import Control
    from machine_module import build

    control = Control()
    machine = build(config, posix, control)
    identify(config, control)
    mount(config, posix, control)
    for name in machine:
        sys.modules[name] = machine[name]
    sys.path[:] = ["", ".frozen", "/lib"]
    sys.argv[:] = []
    gc.collect()
    control.tell("up")
    if run("/boot.py", scope) and config["main"]:
        run("/main.py", scope)
