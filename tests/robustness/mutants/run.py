"""`make mutants`: small faults put into the core by mutmut, one at a time; the fast unit tests must notice each.

First with the tests of one part alone, which take milliseconds; what survives these has to get past the small cabinets as well. What
survives both must stand in tests/robustness/mutants/survivors.txt with the reason why it may; anything else is a test that is missing.
Works in build/mutants on copies; `--keep` goes on where the last run was ended, and tries again whatever has changed since; `--again`: what
survived the last run without a reason, or ran out of time, with the tests as they are now. `--sample 200 --seed 1`: only so many.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from swapcab.paths import ROOT
from swapcab.rows import Row, publish

OUT = ROOT / "build" / "mutants"
TOOL = ROOT / "build" / "mutmut"
SURVIVORS = ROOT / "tests" / "robustness" / "mutants" / "survivors.txt"
MODULES = ("rules", "limits", "faults", "interlock", "charging", "slot_state", "slot", "swap")
GOAL_PCT = 90
SLOW = (
    "cut_at_any_step", "clears_at_its_clear_level", "service_lifts_a_latch", "unknown_quantity", "cannot_be_true", "for_an_hour",
    "would_have_changed_nothing",
)  # fmt: skip
SLOW_FILES = ("test_walk.py", "test_wake.py")
PROPERTY = re.compile(r"    @property\n    def (\w+)\(")  # mutmut leaves decorated functions alone
SURVIVED, NO_TEST = 0, 33
NOT_RUN = (None, 34)
OUT_OF_TIME = (-24, 24, 36, 152, 255)  # in an endless loop, or on a machine with too much to do


def put(path: Path, text: str) -> None:
    """Write a file if that changes it: mutmut takes up what is newer."""
    if not path.is_file() or path.read_text() != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def prepare() -> None:
    """Copies of the firmware and of the core's tests, laid out as mutmut expects. What it has done stays where nothing has changed."""
    for path in sorted((ROOT / "firmware" / "cabinet").rglob("*.py")):
        name = path.relative_to(ROOT / "firmware")
        text = path.read_text()
        if name.parent.name == "core" and name.stem in MODULES:
            text = PROPERTY.sub(r"    \1 = property(lambda self: self.property_\1())\n\n    def property_\1(", text)
        put(OUT / name, text)
    for folder in (OUT / "tests", OUT / "mutants" / "tests"):
        shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "tests" / "fixtures", OUT / "tests" / "fixtures")
    shutil.copy(ROOT / "tests" / "shims" / "micropython.py", OUT / "tests")
    shutil.copy(ROOT / "tests" / "robustness" / "mutants" / "direct.py", OUT / "tests" / "conftest.py")
    (OUT / "tests" / "unit").mkdir()
    for path in sorted((ROOT / "tests" / "unit" / "core").glob("test_*.py")):
        if path.name not in SLOW_FILES:
            shutil.copy(path, OUT / "tests" / "unit")


def choose(only_quick: bool) -> None:
    """Which tests are to try the mutants."""
    (OUT / "mutants" / "mutmut-stats.json").unlink(missing_ok=True)  # which test calls which function
    files = sorted((OUT / "tests" / "unit").glob("*.py"))
    selection = json.dumps([f"tests/unit/{path.name}" for path in files if not only_quick or "core_cabinet" not in path.read_text()])
    only = json.dumps([f"cabinet/core/{module}.py" for module in MODULES])
    without = json.dumps(["-k", " and ".join(f"not {word}" for word in SLOW)])
    put(
        OUT / "pyproject.toml",
        '[tool.pytest.ini_options]\npythonpath = [".", "tests", "tests/fixtures"]\ntimeout = 600\n'
        'addopts = "-q --import-mode=importlib -p no:cacheprovider"\n'
        f'[tool.mutmut]\nsource_paths = ["cabinet/"]\nonly_mutate = {only}\n'
        f"pytest_add_cli_args = {without}\npytest_add_cli_args_test_selection = {selection}\n",
    )


def mutmut(names: list[str], children: int, limit_s: int) -> None:
    """Let mutmut work; what it has done when the time is up stays."""
    environment = {**os.environ, "PYTHONPATH": str(TOOL)}
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", str(children), *names]
    try:
        subprocess.run(command, cwd=OUT, env=environment, timeout=limit_s, check=False)
    except subprocess.TimeoutExpired:
        print(f"ended after {limit_s} s")


def codes(module: str) -> dict[str, int | None]:
    """How each mutant of a module ended, by its name."""
    meta = OUT / "mutants" / "cabinet" / "core" / f"{module}.py.meta"
    return json.loads(meta.read_text())["exit_code_by_key"] if meta.is_file() else {}


def changes(module: str) -> dict[str, str]:
    """What each mutant changes: `function: before => after`."""
    text = (OUT / "mutants" / "cabinet" / "core" / f"{module}.py").read_text()
    lines = text.splitlines()
    bodies = {
        node.name: [line.strip() for line in lines[node.lineno : node.end_lineno]]
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef)
    }
    found = {}
    for name, body in bodies.items():
        stem, mark, number = name.partition("__mutmut_")
        original = bodies.get(stem + "__mutmut_orig")
        if not mark or not number.isdigit() or original is None:
            continue
        function = stem.removeprefix("x_").replace("xǁ", "").replace("ǁ", ".")
        reported = []
        for kind, a, b, c, d in difflib.SequenceMatcher(None, original, body, False).get_opcodes():
            if kind != "equal":
                reported.append(f"{' / '.join(original[a:b])} => {' / '.join(body[c:d])}")
        found[f"cabinet.core.{module}.{name}"] = f"{module} {function}: {' ; '.join(reported)}"
    return found


def excused(path: Path = SURVIVORS) -> dict[str, str]:
    """What may survive, and why. Lines in pairs: the change, and below it, indented, the reason."""
    known: dict[str, str] = {}
    change = ""
    for line in path.read_text().splitlines() if path.is_file() else []:
        if line.startswith("    "):
            known[change] = line.strip()
        elif line and not line.startswith("#"):
            change = line
    return known


def result() -> tuple[list[Row], list[str]]:
    """The rows of the table, and the survivors that nobody has explained."""
    known = excused()
    rows = []
    strange: list[str] = []
    total = killed = explained = late = 0
    for module in MODULES:
        ended = {name: code for name, code in codes(module).items() if code not in NOT_RUN}
        if not ended:
            continue
        left = [name for name, code in ended.items() if code in (SURVIVED, NO_TEST)]
        reported = changes(module) if left else {}
        unknown = [reported.get(name, name) for name in left if reported.get(name) not in known]
        strange += unknown
        total += len(ended)
        killed += len(ended) - len(left)
        explained += len(left) - len(unknown)
        late += sum(code in OUT_OF_TIME for code in ended.values())
        share = 100 * (len(ended) - len(left)) / len(ended)
        rows.append(Row(f"{module}: mutants of {len(codes(module))} run", len(ended)))
        rows.append(Row(f"{module}: killed", round(share, 1), "%", f"{GOAL_PCT}", share >= GOAL_PCT))
    share = 100 * killed / max(1, total)
    rows += [
        Row("mutants", total), Row("killed", round(share, 1), "%", f"{GOAL_PCT}", share >= GOAL_PCT),
        Row("of these by running out of time", late), Row("survivors with a reason", explained),
        Row("survivors without", len(strange), "", "0", not strange),
    ]  # fmt: skip
    return rows, strange


def undecided() -> list[str]:
    """What survived without a reason, ran out of time, or was not run."""
    known = excused()
    found = []
    for module in MODULES:
        alive = {name: code for name, code in codes(module).items() if code in (SURVIVED, NO_TEST, *NOT_RUN, *OUT_OF_TIME)}
        reported = changes(module) if alive else {}
        found += [name for name, code in alive.items() if code not in (SURVIVED, NO_TEST) or reported.get(name) not in known]
    return found


def work(sample: int, seed: int, again: bool, children: int, limit_s: int) -> None:
    """Try what has not been tried, first with the quick tests; or only what is undecided."""
    ends = time.monotonic() + limit_s
    prepare()
    choose(only_quick=True)
    names = undecided() if again else []
    if sample:
        mutmut(["nothing-of-this-name"], 1, 600)  # only makes the mutants
        names = sorted(name for module in MODULES for name in codes(module))
        names = random.Random(seed).sample(names, min(sample, len(names)))
    if names or not again:
        mutmut(names, children, limit_s)
    left = [name for name in undecided() if not names or name in names]
    if left and time.monotonic() < ends:
        choose(only_quick=False)
        mutmut(left, children, int(ends - time.monotonic()))


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", action="store_true", help="go on with the last run")
    parser.add_argument("--again", action="store_true", help="what survived the last run without a reason, with the tests as they are now")
    parser.add_argument("--sample", type=int, default=0, help="only so many, drawn by --seed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--children", type=int, default=1)
    parser.add_argument("--minutes", type=int, default=90, help="at most")
    parser.add_argument("--tell", action="store_true", help="run nothing, tell of the last run")
    options = parser.parse_args()
    if not options.tell:
        if not options.keep and not options.again:
            shutil.rmtree(OUT, ignore_errors=True)
        work(options.sample, options.seed, options.again, options.children, options.minutes * 60)
    rows, strange = result()
    for line in strange:
        print(line)
    return 0 if publish(rows, "mutants of the core", "mutants") else 1


if __name__ == "__main__":
    sys.exit(main())
