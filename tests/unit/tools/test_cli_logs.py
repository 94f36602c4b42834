"""What a simulation leaves behind is bounded: ten runs, and two files of limited size for each log."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from swapcab.processes import BoundedLog, Child
from swapcab.sim.runs import KEEP, RunFolder, new_folder


def test_the_last_ten_runs_are_kept(tmp_path: Path):
    folders = [new_folder(tmp_path) for _ in range(KEEP + 3)]
    assert [folder.name for folder in folders] == [str(number) for number in range(1, KEEP + 4)]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(folder.name for folder in folders[3:])


def test_a_run_that_goes_on_is_not_removed(tmp_path: Path):
    first = new_folder(tmp_path)
    in_use = RunFolder(first)
    for _ in range(KEEP + 1):
        new_folder(tmp_path)
    assert first.exists() and not (tmp_path / "2").exists()
    in_use.close()
    new_folder(tmp_path)
    assert not first.exists()


def test_a_run_that_was_killed_is_removed_in_its_turn(tmp_path: Path):
    first = new_folder(tmp_path)
    killed = f"from swapcab.sim.runs import *; import os; kept = RunFolder(Path({str(first)!r})); os.kill(os.getpid(), 9)"
    assert subprocess.run([sys.executable, "-c", killed]).returncode == -9
    for _ in range(KEEP):
        new_folder(tmp_path)
    assert not first.exists()


def test_other_files_beside_the_runs_remain(tmp_path: Path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "7").write_text("no folder")
    for _ in range(KEEP + 1):
        new_folder(tmp_path)
    assert (tmp_path / "notes").exists() and (tmp_path / "7").read_text() == "no folder"


def test_a_full_log_goes_on_in_a_new_file_that_says_so(tmp_path: Path):
    log = BoundedLog(tmp_path / "x.log", 1000)
    for number in range(500):
        log.write(b"line %d\n" % number)
    log.close()
    now, before = (tmp_path / "x.log").read_text().splitlines(), (tmp_path / "x.log.1").read_text().splitlines()
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 2000 and len(list(tmp_path.iterdir())) == 2
    assert "log full at 1000 bytes" in now[0] and "x.log.1" in now[0]
    numbers = [int(line.split()[1]) for line in [*before[1:], *now[1:]]]
    assert numbers == list(range(numbers[0], 500))


def test_the_log_of_a_child_holds_both_its_streams_and_only_its_output_is_read(tmp_path: Path):
    lines: list[str] = []
    program = "import sys; print('out', flush=True); print('err', file=sys.stderr)"
    child = Child("x", [sys.executable, "-c", program], tmp_path / "x.log", lines.append)
    for _ in range(2):
        child.start()
        while child.exit_code() is None:
            pass
        child.stop()
    assert lines == ["out", "out"]
    assert sorted((tmp_path / "x.log").read_text().split()) == ["err", "err", "out", "out"]
