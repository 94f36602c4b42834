"""Run the test functions of one file under MicroPython: `micropython tests/run_mp.py FILE`; one JSON line a test.

tests/conftest.py starts this and turns the lines into pytest's items.
"""

import gc
import io
import json
import sys

MARK = "@@result "


def names_in(path):
    """The test functions in the order in which they stand in the file."""
    found = []
    with open(path) as source:
        for line in source:
            if line.startswith("def test_"):
                found.append(line[4 : line.index("(")])
    return found


def explain(error):
    """The traceback as text."""
    text = io.StringIO()
    sys.print_exception(error, text)  # type: ignore[attr-defined]
    return text.getvalue()


def main(path):
    """Import the file as a module and call each function."""
    folder, _, name = path.rpartition("/")
    sys.path.insert(0, folder or ".")
    try:
        module = __import__(name[:-3])
    except Exception as error:
        print("\n" + MARK + json.dumps({"test": None, "error": explain(error)}))
        return 1
    failed = 0
    for test in names_in(path):
        gc.collect()
        outcome = {"test": test, "error": None}
        try:
            getattr(module, test)()
        except (Exception, SystemExit) as error:
            failed += 1
            outcome["error"] = explain(error)
        print("\n" + MARK + json.dumps(outcome))
    return 1 if failed else 0


sys.exit(main(sys.argv[1]))
