"""The table of faults in docs/bench.md: `cd tools && ../.venv/bin/python -m emulator.gen_faults`."""

from __future__ import annotations

from emulator.fault_table import FAULTS
from swapcab.paths import ROOT

PAGE = ROOT / "docs" / "bench.md"
BEGIN, END = "<!-- begin faults -->\n", "<!-- end faults -->"
PLACES = {"{slot}": "N", "{unit}": "1", "{output}": "N"}


def part(text: str) -> str:
    """How the sheet names it, for any slot."""
    for name, letter in PLACES.items():
        text = text.replace(name, letter)
    return text


def wanted() -> str:
    """The page as it should be. Raises ValueError if the marks are missing."""
    rows = ["| `--fault` | what is broken | the sheet names |", "|---|---|---|"]
    for name, fault in FAULTS.items():
        rows.append(f"| `{name}{':N' if fault.of_slot else ''}` | {fault.words} | {part(fault.part)} |")
    page = PAGE.read_text()
    before, _, rest = page.partition(BEGIN)
    _old, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"{PAGE}: the marks {BEGIN.strip()} and {END} are missing")
    return before + BEGIN + "\n".join(rows) + "\n" + END + after


def main() -> int:
    """Write it."""
    PAGE.write_text(wanted())
    print(f"wrote {PAGE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
