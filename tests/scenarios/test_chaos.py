"""Some seconds of what `make chaos` does for half an hour."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_nothing_is_lost_or_out_of_order_on_a_line_that_suffers_everything():
    command = [sys.executable, str(ROOT / "tests" / "scenarios" / "chaos.py"), "--minutes", "0.1", "--events", "300", "--tls"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=170, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout + done.stderr
