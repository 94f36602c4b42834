"""Odd words and how often they still stand in the tree: `python -m swapcab.docs.words [--at REVISION] [--where WORD] [--lower]`.

docs/glossary.md says which word the tree uses for what. A word of this table may stand in no more places than its ceiling:
`--lower` lowers the ceilings to what stands now. Do not raise one.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator

from swapcab.paths import ROOT

SUFFIXES = (".py", ".md")
FOLDERS = ("boards", "docs", "examples", "firmware", "tests", "tools")
# history, and the files that must name the words
LEFT_OUT = ("CHANGELOG.md", "docs/glossary.md", "tools/swapcab/docs/words.py", "tests/unit/tools/test_words.py")

# word: (most places it may stand in, what the trade says)
WORDS = {
    "told": (159, "reported, published, journaled; of a set-point: commanded"),
    "tells": (45, "reports, states, names"),
    "gauge": (7, "loop profiler; a fuel gauge is a fuel gauge"),
    "let_go": (7, "unload"),
    "places": (19, "addresses, positions; an address conflict"),
    "quiet": (49, "idle, silent, present at boot, repeat limit: whichever it is"),
    "contacts": (6, "connector; connector wear"),
    "looks": (64, "readings; reads, checks"),
    "stay": (74, "occupancy; remain; of a latch: until_removed"),
    "naps": (8, "idle skip"),
    "hears": (27, "receives"),
    "heard": (72, "received, answered"),
    "believed": (12, "accepted, authenticated"),
    "whoever": (14, "the operator, the technician, a pack that"),
    "so-many": (1, "every N-th; N"),
}  # fmt: skip


def pattern(word: str) -> re.Pattern[str]:
    """The word by itself or as a part of a name with underscores, whatever its case; not as an option of a command (--quiet)."""
    return re.compile(rf"(?<![A-Za-z])(?<!--){re.escape(word)}(?![A-Za-z])", re.IGNORECASE)


def texts(revision: str = "") -> Iterator[tuple[str, str]]:
    """(path, text) of all programs and pages, as they stand in the work tree or stood at a revision of git."""
    if revision:
        listed = _git("ls-tree", "-r", "--name-only", revision).decode().splitlines()
    else:
        found = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*"))
        listed = [str(path.relative_to(ROOT)) for path in (*ROOT.glob("*"), *found)]
    for name in sorted(listed):
        if name.endswith(SUFFIXES) and name not in LEFT_OUT:
            yield name, _git("show", f"{revision}:{name}").decode() if revision else (ROOT / name).read_text()


def _git(*words: str) -> bytes:
    return subprocess.run(["git", "-C", str(ROOT), *words], check=True, capture_output=True).stdout


def counts(revision: str = "") -> dict[str, dict[str, int]]:
    """word: {path: how often}."""
    found: dict[str, dict[str, int]] = {word: {} for word in WORDS}
    patterns = {word: pattern(word) for word in WORDS}
    for name, text in texts(revision):
        for word, regex in patterns.items():
            count = len(regex.findall(text))
            if count:
                found[word][name] = count
    return found


def lower(totals: dict[str, int]) -> None:
    """Rewrite the ceilings of this file; none is raised."""
    path = ROOT / "tools" / "swapcab" / "docs" / "words.py"
    text = path.read_text()
    for word, (ceiling, _) in WORDS.items():
        text = text.replace(f'"{word}": ({ceiling},', f'"{word}": ({min(ceiling, totals[word])},')
    path.write_text(text)


def main() -> int:
    """Print the table; with --where, the lines in which a word stands. Exit code 1 if a word stands in too many places."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--at", default="", metavar="REVISION", help="count at this revision of git instead of in the work tree")
    parser.add_argument("--where", default="", metavar="WORD", help="list the lines in which WORD stands, in place of the table")
    parser.add_argument("--lower", action="store_true", help="write what stands now into this file where it is below the ceiling")
    options = parser.parse_args()
    if options.where:
        regex = pattern(options.where)
        for name, text in texts(options.at):
            for number, line in enumerate(text.splitlines(), 1):
                if regex.search(line):
                    print(f"{name}:{number}: {line.strip()}")
        return 0
    found = counts(options.at)
    if options.lower:
        lower({word: sum(files.values()) for word, files in found.items()})
        return 0
    print(f"{'word':<10} {'count':>5} {'files':>5} {'at most':>7}  use instead")
    over = 0
    for word, (ceiling, instead) in WORDS.items():
        total = sum(found[word].values())
        over += not options.at and total > ceiling
        print(f"{word:<10} {total:>5} {len(found[word]):>5} {ceiling:>7}  {instead}")
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
