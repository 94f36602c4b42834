"""Files in tests/unit run twice: under CPython as usual, and under MicroPython with a capped heap, function by function.

Files named test_*_mp.py run under MicroPython only. Each file costs one MicroPython process, started when its first
test runs; `pytest -k micropython` and `-k "not micropython"` choose.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import hang_watch
import hypothesis
import needs
import pytest
import pytest_timeout

from swapcab.paths import MICROPYPATH, ROOT

# no example fails because the machine was slow
hypothesis.settings.register_profile("swapcab", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("swapcab")

UNIT = ROOT / "tests" / "unit"
TOOLS = UNIT / "tools"  # of the host: CPython alone
HEAP = "2m"
MARK = "@@result "


class MicroPythonFailure(Exception):
    """A test that failed under MicroPython; its text is the traceback from there."""


class MicroPythonFile(pytest.File):
    """One file of tests, run whole by one MicroPython process."""

    results: dict[str | None, str | None] | None = None
    output = ""

    def collect(self) -> Iterable[MicroPythonItem]:
        """One item a function, without importing the file into CPython."""
        tree = ast.parse(self.path.read_text(), str(self.path))
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                yield MicroPythonItem.from_parent(self, name=f"{node.name}[micropython]", function=node.name, line=node.lineno)

    def run_once(self) -> dict[str | None, str | None]:
        """The outcome of every function of the file: None for passed, else the traceback."""
        if self.results is None:
            self.results = {}
            command = [str(Path(sys.executable).with_name("micropython")), "-X", f"heapsize={HEAP}", "tests/run_mp.py", str(self.path)]
            env = {**os.environ, "MICROPYPATH": MICROPYPATH}
            done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, stdin=subprocess.DEVNULL)
            text = (done.stdout + done.stderr).decode(errors="replace")
            for line in text.splitlines():
                if line.startswith(MARK):
                    row = json.loads(line[len(MARK) :])
                    self.results[row["test"]] = row["error"]
                else:
                    self.output += line + "\n"
        return self.results


class MicroPythonItem(pytest.Item):
    """One test function under MicroPython."""

    def __init__(self, *, function: str, line: int, **kwargs: object) -> None:
        super().__init__(**kwargs)  # type: ignore[arg-type]
        self.test_name = function  # `function` would be taken for the function itself by `pytest -k`
        self.line = line

    def runtest(self) -> None:
        """Passes if the process said so; a function that it never reached has failed."""
        assert isinstance(self.parent, MicroPythonFile)
        results = self.parent.run_once()
        if None in results:
            raise MicroPythonFailure(f"the file could not be imported:\n{results[None]}")
        if self.test_name not in results:
            raise MicroPythonFailure(f"MicroPython ended before it came to this test:\n{self.parent.output[-4000:]}")
        if results[self.test_name] is not None:
            raise MicroPythonFailure(f"{results[self.test_name]}\n{self.parent.output[-4000:]}")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:  # type: ignore[override]
        """MicroPython's traceback without pytest's around it."""
        return str(excinfo.value)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where it stands."""
        return self.path, self.line - 1, self.name


def _is_unit_test(path: Path) -> bool:
    return UNIT in path.parents and TOOLS not in path.parents and path.name.startswith("test_") and path.suffix == ".py"


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """The MicroPython half of a file that runs under both."""
    if _is_unit_test(file_path) and not file_path.stem.endswith("_mp"):
        return MicroPythonFile.from_parent(parent, path=file_path)
    return None


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Files that only MicroPython can run are never imported by CPython."""
    if _is_unit_test(module_path) and module_path.stem.endswith("_mp"):
        return MicroPythonFile.from_parent(parent, path=module_path)
    return None


def pytest_timeout_set_timer(item: pytest.Item, settings: pytest_timeout.Settings) -> bool:
    """`timeout`, in pyproject.toml or as a mark, is processor time: see hang_watch.py."""

    def hung(reason: str) -> None:
        sys.stderr.write(f"\n{item.nodeid} hangs: {reason}\n")
        hang_watch.end_children()
        pytest_timeout.timeout_timer(item, settings)

    item.cancel_timeout = hang_watch.watch(settings.timeout, hung)  # type: ignore[attr-defined]
    return True


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line on what was left out, and how to get it."""
    reasons = [str(report.longrepr[2]) for report in terminalreporter.stats.get("skipped", []) if isinstance(report.longrepr, tuple)]
    line = needs.left_out(reasons)
    if line:
        terminalreporter.write_line(line, yellow=True)
