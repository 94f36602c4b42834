"""The unit tests on the emulated controller: each file in a guest of its own, as tests/run_mp.py runs it under MicroPython."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from arm.guest import Guest, mount
from arm.image import PATH, TESTED
from arm.interpreter import ArmError
from swapcab.paths import ROOT

MARK = "@@result "
UNIT = ROOT / "tests" / "unit"
# Files that cannot run there, and what of MicroPython's QEMU port they miss. All others must pass.
SOCKETS, FILES, RANDOM, CALENDAR = "sockets", "a file system that can be written or a whole tree", "os.urandom", "time.gmtime"
LEFT_OUT = {
    "boards/test_board_app_mp.py": SOCKETS,
    "boards/test_board_conformance.py": FILES,
    "boards/test_board_conformance_mp.py": "the unix port's ffi and terminals",
    "boards/test_board_contract.py": RANDOM,
    "boards/test_board_gpio.py": FILES,
    "boards/test_ds3231.py": CALENDAR,
    "boards/test_unix_board_mp.py": "the unix port's ffi and terminals",
    "boards/test_w25q_journal.py": "an hour: a whole journal on a chip's model, command by command",
    "devices/test_example_charger.py": FILES,
    "devices/test_profile_settings.py": FILES,
    "devices/test_profiles.py": FILES,
    "devices/test_profiles_mp.py": FILES,
    "startup/test_main_certificates_mp.py": RANDOM,
    "startup/test_main_hardware_mp.py": RANDOM,
    "startup/test_main_unloads_mp.py": FILES,
    "startup/test_mains_guard_mp.py": SOCKETS,
    "startup/test_wiring_io_mp.py": SOCKETS,
    "store/test_area_mp.py": FILES,
    "store/test_pinned_mp.py": FILES,
    "uplink/test_clock_mp.py": SOCKETS,
    "uplink/test_codec.py": SOCKETS,
    "uplink/test_interfaces_mp.py": SOCKETS,
    "uplink/test_resolver_mp.py": SOCKETS,
    "uplink/test_session_mp.py": SOCKETS,
    "uplink/test_sntp.py": SOCKETS,
    "uplink/test_sntp_mp.py": SOCKETS,
}


PROGRAM = """\
sys.argv[:] = ["run_mp", {path!r}]
try:
    import run_mp
except SystemExit:
    pass
"""


@dataclass(frozen=True)
class Outcome:
    """How one test ended; `error` is empty if it passed."""

    file: str
    test: str
    error: str


def files() -> list[Path]:
    """The files that run."""
    found = [path for room in TESTED for path in sorted((UNIT / room).glob("test_*.py"))]
    return [path for path in found if path.relative_to(UNIT).as_posix() not in LEFT_OUT]


def run_file(elf: Path, image: Path, path: Path) -> Iterator[Outcome]:
    """The outcomes of one file."""
    name = path.relative_to(ROOT).as_posix()
    rooms = [f"/rom/tests/unit/{room}" for room in TESTED]
    program = mount(image.stat().st_size, PATH + rooms + ["/rom/tests"]) + PROGRAM.format(path=f"/rom/{name}")
    with Guest(elf, image) as guest:
        try:
            output, error = guest.run(program)
        except ArmError as ended:
            yield Outcome(name, "", str(ended))
            return
    rows = [json.loads(line[len(MARK) :]) for line in output.splitlines() if line.startswith(MARK)]
    for row in rows:
        yield Outcome(name, row["test"] or "", row["error"] or "")
    if not rows:
        yield Outcome(name, "", (error or output)[-2000:])
