"""`swapcab emulate`: an emulated board, alone or in a cabinet, until Ctrl-C."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from pathlib import Path

from rich.console import Console

from emulator.cabinet import EmulatedCabinet
from emulator.faults import FaultError, check, faulty, parse
from emulator.host import BoardError, EmulatedBoard, Options
from emulator.jig import Jig
from swapcab.exits import GOOD, TROUBLE, USAGE, os_text
from swapcab.paths import ROOT
from swapcab.sim.ending import reap_on_signal
from swapcab.sim.network import NetError
from swapcab.sim.options import OptionError
from swapcab.sim.simulation import short

SLOTS_LEAST, SLOTS_MOST = 2, 48  # of the plant
FLASH_LEAST_KIB, FLASH_MOST_KIB = 48, 16384
DEFAULT_FOLDER = ROOT / "build" / "emulated"


def run(folder: Path | None, slots: int, flash_bytes: int, swaps: int, as_json: bool, faults: list[str] | None = None, npb: int = 0) -> int:
    """GOOD after Ctrl-C, or when the number of swaps is reached; TROUBLE if a part did not start; USAGE for a wrong option."""
    reap_on_signal()
    if sys.platform != "linux":
        print("swapcab emulate needs Linux: it reads in /proc whether a program can be interrupted", file=sys.stderr)
        return TROUBLE
    try:
        _check(slots, flash_bytes // 1024, swaps, npb)
        chosen = [parse(text, slots) for text in faults or []]
        check(chosen)
    except (FaultError, OptionError) as error:
        print(f"swapcab emulate: {error}", file=sys.stderr)
        return USAGE
    folder = folder or DEFAULT_FOLDER
    options = Options(flash_bytes=flash_bytes)
    cabinet = EmulatedCabinet(folder, slots, options, npb=npb) if slots else None
    board = cabinet.board if cabinet else EmulatedBoard(folder, options)
    console = Console(stderr=as_json)
    try:
        (cabinet or board).start()
        board.wait(lambda: board.up)
        jig = Jig(cabinet) if cabinet else None
        with jig or contextlib.nullcontext(), faulty(chosen, board, cabinet, jig):
            _report(console, board, cabinet, jig, as_json)
            for one in chosen:
                console.print(f"  fault     {one.name}: {one.fault.words}; swapcab bench should name: {one.part}", highlight=False)
            return _stay(console, board, cabinet, swaps)
    except (BoardError, NetError, OSError) as error:
        print(f"swapcab emulate: {os_text(error) if isinstance(error, OSError) else error}", file=sys.stderr)
        return TROUBLE
    except KeyboardInterrupt:
        return GOOD
    finally:
        (cabinet or board).stop()


def _check(slots: int, flash_kib: int, swaps: int, npb: int) -> None:
    """Raises OptionError."""
    if slots and not SLOTS_LEAST <= slots <= SLOTS_MOST:
        raise OptionError(f"--slots {slots}: from {SLOTS_LEAST} to {SLOTS_MOST}, or 0 for the board alone")
    if not FLASH_LEAST_KIB <= flash_kib <= FLASH_MOST_KIB:
        raise OptionError(f"--flash {flash_kib}: from {FLASH_LEAST_KIB} to {FLASH_MOST_KIB} KiB")
    if swaps < 0:
        raise OptionError(f"--swaps {swaps}: 0 or more")
    if not 0 <= npb <= min(4, slots):
        raise OptionError(f"--npb {npb}: from 0 to 4, and not more than --slots")


def _report(console: Console, board: EmulatedBoard, cabinet: EmulatedCabinet | None, jig: Jig | None, as_json: bool) -> None:
    facts = {"port": f"{short(board.folder)}/port", "device": str(board.port), "console": short(board.folder / "console.log")}
    if cabinet:
        facts["settings"] = short(cabinet.folder / "settings.json")
        facts["secrets"] = short(cabinet.folder / "secrets.json")
    if jig:
        facts["jig"] = f"{short(board.folder)}/jig"
    if as_json:
        print(json.dumps(facts), flush=True)
        return
    console.print(f"[bold]{board.options.machine}[/], {board.options.flash_bytes // 1024} KiB of flash", highlight=False)
    for name, value in facts.items():
        console.print(f"  {name:9} {value}", highlight=False)
    console.print("Ctrl-C ends it; its flash stays in the folder, so that the next start finds it.", highlight=False)


def _stay(console: Console, board: EmulatedBoard, cabinet: EmulatedCabinet | None, swaps: int) -> int:
    asked = False
    known: dict[str, int] = {}
    resets = 0
    while True:
        time.sleep(0.2)
        for cause in board.resets[resets:]:
            resets += 1
            console.print(f"  reset     {cause}", highlight=False)
        if cabinet is None:
            continue
        if swaps and not asked and board.feeds:
            cabinet.ask(cmd="auto", swaps=swaps, bad_every=0)
            asked = True
        now = cabinet.swaps()
        if now != known:
            known = now
            console.print(f"  swaps     {json.dumps(now)}", highlight=False)
        if swaps and now.get("completed", 0) >= swaps:
            return GOOD
