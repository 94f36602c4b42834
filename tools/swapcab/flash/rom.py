"""The firmware in a board's ROMFS partition, from which bytecode runs in place.

There is one such partition, so it is only ever a second place: a copy with the same modules is in the file system before. The file
`ready` is the last of the image and the partition is written from its beginning, so that it is missing as long as anything is.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from mpremote.romfs import VfsRomWriter

from swapcab.board_link import BoardRefused, Link, LinkError
from swapcab.flash import board as far
from swapcab.flash import bundle
from swapcab.maintenance import Maintenance

DEPLOY_LIMIT_S = 600
READ_BACK = """
import vfs, hashlib
from binascii import hexlify
_m = memoryview(vfs.rom_ioctl(2, 0))
_h = hashlib.sha256()
for _i in range(0, {size}, 1024):
    _h.update(_m[_i:min(_i + 1024, {size})])
print(hexlify(_h.digest()).decode())
"""


def image(parts: Mapping[str, bytes], sequence: int) -> bytes:
    """The ROMFS image: modules in their folders, then `ready`."""
    writer = VfsRomWriter()
    _folder(writer, dict(parts))
    writer.mkfile("ready", bundle.ending(bundle.layout(parts), sequence, alone=True))
    return bytes(writer.finalise())


def _folder(writer: VfsRomWriter, parts: Mapping[str, bytes]) -> None:
    folders: dict[str, dict[str, bytes]] = {}
    for name in sorted(parts):
        head, slash, rest = name.partition("/")
        if slash:
            folders.setdefault(head, {})[rest] = parts[name]
        else:
            writer.mkfile(name, parts[name])
    for name, inside in folders.items():
        writer.opendir(name)
        _folder(writer, inside)
        writer.closedir()


def partition_bytes(link: Link) -> int:
    """Size of the first ROMFS partition, 0 if there is none."""
    try:
        if link.value("__import__('vfs').rom_ioctl(1)") < 1:
            return 0
        return link.value("len(memoryview(__import__('vfs').rom_ioctl(2, 0)))")
    except BoardRefused:
        return 0  # this MicroPython knows no ROMFS


def deploy(
    stopped: Maintenance, parts: Mapping[str, bytes], there: list[far.OnBoard], sequence: int, dry_run: bool, say: Callable[[str], None]
) -> None:
    """Write it with mpremote and read it back. `sequence`: of the same modules in the file system. Raises LinkError."""
    link = stopped.link
    pieces = {piece.name: piece.digest for piece in bundle.layout(parts)}
    if any(copy.path == far.ROM and copy.rank >= (True, sequence) and {p.name: p.digest for p in copy.pieces} == pieces for copy in there):
        say("ROMFS: has these modules already")
        return
    wanted = image(parts, sequence + 1)
    room = partition_bytes(link)
    if room < len(wanted):
        raise LinkError(
            f"ROMFS: the image has {len(wanted):,} bytes, the board's partition {room:,}. The copy in the file system is in place and runs."
        )
    if dry_run:
        say(f"ROMFS: an image of {len(wanted):,} bytes would be written")
        return
    stopped.leave_idle(DEPLOY_LIMIT_S)
    link.close()
    mpremote = str(Path(sys.executable).with_name("mpremote"))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "firmware.romfs"
        file.write_bytes(wanted)
        command = [mpremote, "connect", link.port, "resume", "romfs", "deploy", str(file)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=DEPLOY_LIMIT_S, check=False)
    if done.returncode != 0:
        raise LinkError(f"ROMFS: mpremote reports: {(done.stderr or done.stdout).strip()[-300:]}. The copy in the file system runs.")
    link.connect()
    far.teach(link)
    if link.call(READ_BACK.format(size=len(wanted))).strip() != hashlib.sha256(wanted).hexdigest():
        raise LinkError("ROMFS: reads back differently from what was written. The copy in the file system runs if it does not come up.")
    say(f"ROMFS: version {sequence + 1}, {len(wanted):,} bytes written and read back")
