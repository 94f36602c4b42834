"""docs/boards.md, the emulated board: each command as it stands there, and the outputs that a reader will see.

Numbers may differ (the firmware grows, pseudo-terminals have other names), and the folder is another one, so that a developer's
own emulated board is left alone.
"""

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from patience import PATIENCE_S

from swapcab.paths import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the emulated board needs /proc")


def blocks():
    """(kind, text) of each marked block of the page: "keep running", "awaited" or ""."""
    page = (ROOT / "docs" / "boards.md").read_text()
    return re.findall(r"<!-- walk(?:: ([a-z ]+))? -->\n```console\n(.*?)```", page, re.DOTALL)


def steps(text):
    """(command, lines that it prints)."""
    found = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        else:
            found[-1][1].append(line)
    return found


def without_numbers(lines):
    """What must be the same."""
    return [re.sub(r"[0-9][0-9,.]*", "#", line.rstrip()) for line in lines if line.strip()]


class Terminal:
    """Runs a command that goes on, and collects its lines."""

    def __init__(self, command, environment):
        self.lines = []
        self.came = threading.Condition()
        self.ended = False
        self.process = subprocess.Popen(
            ["bash", "-c", "exec " + command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT, env=environment
        )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self.came:
                self.lines.append(line.rstrip())
                self.came.notify_all()
        with self.came:
            self.ended = True
            self.came.notify_all()

    def await_lines(self, wanted):
        """Until the lines of the page, numbers aside, have come in their order."""

        def there():
            rest = list(wanted)
            for line in without_numbers(self.lines):
                if rest and line == rest[0]:
                    rest.pop(0)
            return not rest

        with self.came:
            assert self.came.wait_for(lambda: there() or self.ended, PATIENCE_S) and there(), self.lines

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        self.reader.join()


def test_the_page_walked_through_on_the_emulated_board(tmp_path):
    folder = os.path.relpath(tmp_path / "emulated", ROOT) if len(str(tmp_path)) > 60 else str(tmp_path / "emulated")
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "COLUMNS": "200"}
    first: Terminal | None = None

    def placed(text):
        return text.replace("build/emulated", folder)

    try:
        for kind, text in blocks():
            if kind == "awaited":
                assert first is not None, "the page awaits something of a command that was not started"
                first.await_lines(without_numbers(text.splitlines()))
                continue
            for command, expected in steps(placed(text)):
                if kind == "keep running":
                    first = Terminal(command + f" --folder {folder}", environment)
                    first.await_lines(without_numbers(expected))
                else:
                    done = subprocess.run(
                        ["bash", "-c", command], capture_output=True, text=True, cwd=ROOT, env=environment, check=False
                    )
                    assert (done.returncode, without_numbers(done.stdout.splitlines())) == (0, without_numbers(expected)), done.stderr
    finally:
        if first is not None:
            first.end()
