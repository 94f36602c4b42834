""".venv is whole or is made anew: after a failure, an interruption, for another Python, for other pins.

A small tree of its own, with the real tools/setup_env.py and real environments; pip and the steps after it are stand-ins.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from swapcab.paths import ROOT

PYTHON = getattr(sys, "_base_executable", sys.executable)
STAND_IN_PIP = """
import pathlib, sys, time
root = pathlib.Path(__file__).resolve().parents[2]
with open(root / "calls", "a") as calls:
    calls.write(" ".join(sys.argv[1:]) + "\\n")
if (root / "hang").exists():
    (root / "hanging").touch()
    time.sleep(3600)
sys.exit((root / "fail").exists())
"""


class Tree:
    """A checkout with as much in it as setup reads."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.stamp = root / ".venv" / ".swapcab-setup"
        for name in (
            "requirements.lock", "pyproject.toml", "firmware/cabinet/runtime/version.py", "tools/swapcab/compile/mpy_packages.lock",
        ):  # fmt: skip
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text("first\n")
        for name in ("__init__", "paths", "compile/__init__", "compile/mpy_fetch"):
            (root / "tools" / "swapcab" / f"{name}.py").write_text("")
        shutil.copy(ROOT / "tools" / "setup_env.py", root / "tools")
        (root / "stand_ins" / "pip").mkdir(parents=True)
        (root / "stand_ins" / "pip" / "__init__.py").touch()
        (root / "stand_ins" / "pip" / "__main__.py").write_text(STAND_IN_PIP)

    def start(self) -> subprocess.Popen:
        """Begin a setup."""
        environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": f"{self.root / 'stand_ins'}:{self.root / 'tools'}"}
        command = [PYTHON, str(self.root / "tools" / "setup_env.py")]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def setup(self) -> tuple[int, str]:
        """Exit code and what a person sees."""
        process = self.start()
        said, _ = process.communicate()
        return process.returncode, said

    def calls(self) -> int:
        """How often pip has run."""
        path = self.root / "calls"
        return len(path.read_text().splitlines()) if path.exists() else 0


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """A tree whose setup has gone well."""
    made = Tree(tmp_path_factory.mktemp("tree"))
    code, said = made.setup()
    assert code == 0, said
    return made


def rebuilt(tree: Tree, why: str) -> None:
    """The next setup makes a new environment, says why, and the one after it does nothing."""
    left = tree.root / ".venv" / "left-behind"
    left.touch()
    code, said = tree.setup()
    assert code == 0 and why in said and tree.stamp.exists() and not left.exists(), said
    calls = tree.calls()
    assert tree.setup() == (0, "") and tree.calls() == calls


def test_the_pins_are_installed_with_their_hashes_and_from_wheels(tree: Tree):
    assert "install --require-hashes --only-binary :all: -r requirements.lock" in (tree.root / "calls").read_text()


def test_a_whole_environment_stays(tree: Tree):
    calls = tree.calls()
    assert tree.setup() == (0, "") and tree.calls() == calls


def test_a_failed_setup_is_begun_anew(tree: Tree):
    (tree.root / "requirements.lock").write_text("second\n")
    (tree.root / "fail").touch()
    code, said = tree.setup()
    (tree.root / "fail").unlink()
    assert code == 1 and "Run make setup again" in said and not tree.stamp.exists()
    rebuilt(tree, "the last setup did not finish")


def test_a_setup_that_was_killed_is_begun_anew(tree: Tree):
    (tree.root / "requirements.lock").write_text("third\n")
    (tree.root / "hang").touch()
    process = tree.start()
    while not (tree.root / "hanging").exists():
        assert process.poll() is None, process.communicate()
    assert not tree.stamp.exists()
    family = psutil.Process(process.pid).children(recursive=True)
    for member in (process, *family):
        member.kill()
    process.wait()
    (tree.root / "hang").unlink()
    rebuilt(tree, "the last setup did not finish")


def test_another_python_makes_another_environment(tree: Tree):
    stamp = json.loads(tree.stamp.read_text())
    tree.stamp.write_text(json.dumps({**stamp, "python": "3.9.1", "home": "/opt/other"}))
    rebuilt(tree, "it had Python 3.9.1 of /opt/other")


def test_a_python_that_has_gone_makes_a_new_environment(tree: Tree):
    python = tree.root / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/python3")
    rebuilt(tree, "its Python answers nothing")


def test_a_stamp_that_says_nothing_counts_as_none(tree: Tree):
    tree.stamp.write_text("{")
    rebuilt(tree, "the last setup did not finish")


def test_a_python_that_does_not_fit_is_refused_by_name():
    done = subprocess.run(["make", "setup", "PYTHON=/nowhere/python3"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode != 0 and "/nowhere/python3 is not a Python 3.10 to 3.14 with venv" in done.stderr
