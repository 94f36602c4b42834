"""`make arm`: the unit tests on an emulated Cortex-M3. Prints a table and writes build/arm.json.

Exit code 1: a test failed; 3: it cannot run here.
"""

from __future__ import annotations

import argparse
import sys

from rich.progress import Progress

from arm import guest, image, interpreter, units
from swapcab.rows import Row, publish


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="files of tests/unit whose path contains this text, as core/test_gate")
    only = parser.parse_args().only
    try:
        elf = interpreter.built()
        rom = interpreter.WORK / "units.romfs"
        rom.write_bytes(guest.rom_image({**image.asyncio_files(), **image.tested_files(), **image.test_files()}))
    except interpreter.ArmError as error:
        print(f"make arm: {error}", file=sys.stderr)
        return 3
    files = [path for path in units.files() if only in path.as_posix()]
    outcomes: list[units.Outcome] = []
    with Progress(transient=True) as progress:
        for path in progress.track(files, description="unit tests on Cortex-M3"):
            outcomes += units.run_file(elf, rom, path)
    failed = [outcome for outcome in outcomes if outcome.error]
    for outcome in failed:
        print(f"{outcome.file} {outcome.test}\n{outcome.error}", file=sys.stderr)
    rows = [
        Row("files of tests/unit run on ARM", len(files)),
        Row("tests passed", len(outcomes) - len(failed), "", "all", bool(outcomes) and not failed),
        Row("tests failed", len(failed), "", "0", not failed),
        *(Row(f"left out: {name}", "needs " + why) for name, why in units.LEFT_OUT.items()),
    ]
    return 0 if publish(rows, "the firmware on an emulated Cortex-M3", "arm") else 1


if __name__ == "__main__":
    sys.exit(main())
