"""The tables and the wiring picture of docs/boards.md from boards/*/pins.py: `python -m swapcab.docs.boards [--check]`."""

from __future__ import annotations

import importlib.util
import sys
from html import escape
from pathlib import Path
from types import ModuleType

from swapcab.paths import ROOT

PAGE = ROOT / "docs" / "boards.md"
IMAGES = ROOT / "docs" / "img"

# What hangs on each group of pins, for the picture.
FAR_ENDS = {
    "rs485-packs": "isolated RS485 transceiver: packs",
    "rs485-io": "isolated RS485 transceiver: I/O and lock boards",
    "kiosk": "rider terminal",
    "can-1": "isolated CAN transceiver: packs, chargers",
    "can-2": "isolated CAN transceiver: second bus",
    "flash": "W25Q32JV: journal, state",
    "expanders": "MCP23017: own inputs and outputs",
    "heartbeat": "charge pump, mains relay of the chargers",
    "ethernet": "LAN8742A, RJ45 (on the board)",
    "repl": "ST-LINK, USB (on the board)",
}


def load(board: str) -> ModuleType:
    """The pins.py of a board."""
    spec = importlib.util.spec_from_file_location(f"pins_{board}", ROOT / "boards" / board / "pins.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError(board)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def header(pins: ModuleType) -> str:
    """What the names on the board's connectors are called."""
    return getattr(pins, "HEADER", "Zio")


def prefix(pins: ModuleType) -> str:
    """What stands before a pin's number or name in data sheets."""
    return getattr(pins, "PREFIX", "P")


def pin_table(pins: ModuleType) -> str:
    """Use, signal, pins, note."""
    lines = [f"| use | signal | MCU pin | {header(pins)} | wiring |", "|---|---|---|---|---|"]
    last = ""
    for use, signal, cpu, zio, note in pins.PINS:
        lines.append(f"| {'' if use == last else f'`{use}`'} | {signal} | {prefix(pins)}{cpu} | {zio} | {note} |")
        last = use
    return "\n".join(lines)


def flash_table(pins: ModuleType) -> str:
    """Area, place, size."""
    lines = ["| area | from | to | size |", "|---|---|---|---|"]
    for name, (base, size) in sorted(pins.FLASH_AREAS.items(), key=lambda row: row[1]):
        lines.append(f"| `{name}` | 0x{base:06X} | 0x{base + size - 1:06X} | {size // 1024} KiB |")
    return "\n".join(lines)


def picture(board: str, pins: ModuleType) -> str:
    """The wiring as SVG: the controller on the left, what hangs on it on the right."""
    far_ends = {**FAR_ENDS, **getattr(pins, "FAR_ENDS", {})}
    groups: dict[str, list[str]] = {}
    for use, signal, cpu, zio, _note in pins.PINS:
        groups.setdefault(use, []).append(f"{signal} {prefix(pins)}{cpu}" + (f" ({zio})" if zio else ""))
    row_height, top, width = 46, 56, 980
    height = top + row_height * len(groups) + 16
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        'font-family="Helvetica, Arial, sans-serif" font-size="13">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<text x="20" y="30" font-size="18" font-weight="bold" fill="#1a2b3c">{escape(board)}: what is wired where</text>',
        f'<rect x="20" y="{top - 8}" width="470" height="{height - top - 4}" rx="8" fill="#eef3f8" stroke="#4a6785"/>',
    ]
    for i, (use, signals) in enumerate(groups.items()):
        y = top + i * row_height
        colour = "#b03a2e" if use == "heartbeat" else "#4a6785"
        shown = " · ".join(signals[:4]) + (" · ..." if len(signals) > 4 else "")
        parts += [
            f'<text x="36" y="{y + 14}" font-weight="bold" fill="#1a2b3c">{escape(use)}</text>',
            f'<text x="36" y="{y + 31}" font-size="11" fill="#333333">{escape(shown)}</text>',
            f'<line x1="490" y1="{y + 18}" x2="600" y2="{y + 18}" stroke="{colour}" stroke-width="2"/>',
            f'<rect x="600" y="{y}" width="360" height="36" rx="6" fill="#ffffff" stroke="{colour}"/>',
            f'<text x="612" y="{y + 23}" fill="#1a2b3c">{escape(far_ends.get(use, ""))}</text>',
        ]
    return "\n".join(parts) + "\n</svg>\n"


def fill(text: str, tables: dict[str, str]) -> str:
    """`text` with what stands between the marks replaced by the tables. Raises ValueError for a mark that is missing."""
    for name, table in tables.items():
        begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
        if text.count(begin) != 1 or text.count(end) != 1:
            raise ValueError(f"docs/boards.md has no single {begin} ... {end}")
        before, rest = text.split(begin)
        text = f"{before}{begin}\n{table}\n{end}{rest.split(end)[1]}"
    return text


def wanted() -> dict[Path, str]:
    """What the generated files should contain."""
    tables, files = {}, {}
    for path in sorted((ROOT / "boards").glob("*/pins.py")):
        board = path.parent.name
        pins = load(board)
        tables[f"{board} pins"] = pin_table(pins)
        tables[f"{board} flash"] = flash_table(pins)
        files[IMAGES / f"{board}.svg"] = picture(board, pins)
    files[PAGE] = fill(PAGE.read_text(), tables)
    return files


def main() -> int:
    """Write what differs, or with --check only say so."""
    check = "--check" in sys.argv[1:]
    try:
        files = wanted()
    except ValueError as error:  # marks that docs/boards.md lacks
        print(error, file=sys.stderr)
        return 1
    stale = [path for path, text in files.items() if not path.is_file() or path.read_text() != text]
    for path in stale:
        if check:
            print(f"{path.relative_to(ROOT)} is not what boards/*/pins.py say; run: python -m swapcab.docs.boards", file=sys.stderr)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files[path])
            print(f"wrote {path.relative_to(ROOT)}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
