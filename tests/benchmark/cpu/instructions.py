"""How much a control round asks of a processor: instructions of a 32-bit MicroPython, counted by valgrind, so the same on any machine.

`python tests/benchmark/cpu/instructions.py`, after `make fit` has built its interpreter (build/fit). What boards make of it is
reckoned, not measured: see PROCESSORS.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from swapcab.compile.firmware import build
from swapcab.paths import MICROPYPATH, OUT, ROOT
from swapcab.rows import Row, publish

INTERPRETER = ROOT / "build" / "fit" / "ram" / "build" / "micropython"
SLOTS = (6, 12, 24)
ROUNDS = 50
PERIOD_MS = 50
# MHz, and cycles an instruction with flash wait states and cache misses: an assumption, to be replaced by what a bench finds
PROCESSORS = {"nucleo_h743zi2": (480, 1.3), "esp32_s3": (240, 1.7), "w5500_evb_pico2": (150, 1.4)}
SCRIPT = """\
import gc, sys
slots, rounds = int(sys.argv[1]), int(sys.argv[2])
from core_cabinet import Cabinet, Pack
cabinet = Cabinet(slots, {n: Pack("P%d" % n, 40 + n % 50) for n in range(1, slots)}, budget_w=1000 * slots)
cabinet.run(lambda: cabinet.state(1) == "charging", 8000)
gc.collect()
gc.disable()
for _ in range(rounds):
    cabinet.control.step(cabinet.now_ms)
"""


def counted(script: Path, slots: int, rounds: int) -> int:
    """Instructions of a whole run. Raises RuntimeError with what went wrong."""
    run = [str(INTERPRETER), "-X", "heapsize=4m", str(script), str(slots), str(rounds)]
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *run]
    env = {**os.environ, "MICROPYPATH": f"{OUT}:{MICROPYPATH}"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False, env=env)
    found = re.search(r"refs:\s+([\d,]+)", done.stderr)
    if done.returncode or not found:
        raise RuntimeError(done.stderr[-2000:])
    return int(found[1].replace(",", ""))


def main() -> int:
    """Command line."""
    if not INTERPRETER.is_file():
        print(f"{INTERPRETER.relative_to(ROOT)} is missing: run `make fit SOURCE=...` first", file=sys.stderr)
        return 2
    build()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "rounds.py"
        script.write_text(SCRIPT)
        for slots in SLOTS:
            each = (counted(script, slots, ROUNDS) - counted(script, slots, 0)) // ROUNDS
            rows.append(Row(f"{slots} slots: a control round", each, "instructions"))
            for board, (mhz, cycles) in PROCESSORS.items():
                ms = each * cycles / mhz / 1000
                rows.append(Row(f"{slots} slots: on {board}, reckoned", round(ms, 1), "ms", f"of {PERIOD_MS} ms"))
    return 0 if publish(rows, "control round on a processor", "instructions") else 1


if __name__ == "__main__":
    sys.exit(main())
