"""`make benchmark PART=journal`: the journal beside littlefs designs, its CPU time, tampering, endurance, a year exported."""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from cabinet_year import KEY, Clock, live
from nor_flash import NorFlash
from rich.console import Console
from rich.progress import Progress
from tampering import Tamperer

from cabinet.store.area import split
from cabinet.store.journal import Journal
from swapcab.journal import image as journal_image
from swapcab.paths import MICROPYPATH, ROOT
from swapcab.rows import Row, publish

PEERS = {
    "open": "littlefs open-append-close",
    "kept": "littlefs kept open, flush",
    "sixteen": "littlefs flush per 16, 15 at risk",
    "segments": "littlefs 4 KiB segments",
    "json": "littlefs JSON lines",
}


def store(name: str) -> dict[str, Any]:
    """Figures of one store, by MicroPython."""
    beside = Path(sys.executable).with_name("micropython")
    command = [str(beside) if beside.exists() else "micropython", "-X", "heapsize=16m", str(Path(__file__).with_name("stores.py")), name]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False, env={"MICROPYPATH": MICROPYPATH})
    if done.returncode:
        raise RuntimeError(f"{name}: {done.stderr or done.stdout}")
    return json.loads(done.stdout.splitlines()[-1])


def mean(runs: list[dict[str, Any]]) -> int:
    """Microseconds of an append; of each call the quietest run counts."""
    calls = [min(times) for times in zip(*(r["took_us"]["append"] for r in runs), strict=True)]
    return sum(calls) // len(calls)


def stores(bar: Progress) -> list[Row]:
    """Bytes, erases, stalls, recovery, memory, CPU."""
    task = bar.add_task("stores", total=len(PEERS) + 8)
    runs = {"ring": [], "ring without chain": []}
    for name, figures in runs.items():
        for _ in range(4):
            figures.append(store(name))
            bar.advance(task)
    ring = runs["ring"][0]
    read = ring["recovery_read_bytes"]
    path = ring["erases_append_path"]
    rows = [
        Row("journal: bytes programmed", round(100 * ring["times_payload"], 1), "% of payload", "<= 115", ring["times_payload"] <= 1.15),
        Row("journal: bytes programmed an event of 120 B", round(ring["bytes_per_event"], 1), "B"),
        Row("journal: erases in the append path", 1000 * path, "in 1,000 events", "0", path == 0),
        Row("journal: erases when idle", 1000 * ring["erases_per_event"], "in 1,000 events"),
        Row("journal: most erases in one append", ring["worst_erases_append"], "erases", "0", ring["worst_erases_append"] == 0),
        Row("journal: worst stall at datasheet maxima", ring["worst_stall_ms"], "ms"),
        Row("journal: bytes read at recovery, half full 1 MiB", read, "B", "<= 24,576", read <= 24576),
        Row("journal: reads at recovery", ring["recovery_reads"], "reads"),
        Row("journal: recovery time, unix port", min(r["recovery_us"] for r in runs["ring"]) / 1000, "ms"),
        Row("journal: RAM of recovery, 256 sectors, 64-bit words", ring["ram_one_ring"], "B", "<= 2,048", ring["ram_one_ring"] <= 2048),
        Row("journal: RAM of both rings and the facade, 64-bit words", ring["ram"], "B"),
        Row("journal: append, mean, with chain", mean(runs["ring"]), "us"),
        Row("journal: append, mean, without chain", mean(runs["ring without chain"]), "us"),
    ]
    # the runs are alike call for call: the least of a call's times is its own, the rest is the machine's
    for what, key in (("append", "append"), ("read", "read"), ("acknowledgement", "ack"), ("idle", "idle")):
        worst = max(min(calls) for calls in zip(*(r["took_us"][key] for r in runs["ring"]), strict=True))
        rows.append(Row(f"journal: longest hold by one {what}", worst, "us", "<= 2,000", True if worst <= 2000 else None))
    for name, words in PEERS.items():
        peer = store(name)
        bar.advance(task)
        rows.append(Row(f"{words}: bytes programmed", round(100 * peer["times_payload"], 1), "% of payload"))
        rows.append(Row(f"{words}: erases in the append path", round(1000 * peer["erases_append_path"]), "in 1,000 events"))
        rows.append(Row(f"{words}: worst stall at datasheet maxima", peer["worst_stall_ms"], "ms"))
        rows.append(Row(f"{words}: bytes read at recovery", peer["recovery_read_bytes"], "B"))
    return rows


def sample() -> tuple[bytes, list[bytes], dict[str, journal_image.RingImage]]:
    """A small journal with restarts, and older states of the same flash."""
    chip = NorFlash(20 * 4096)
    a, b = split(chip)
    clock = Clock()
    older: list[bytes] = []

    def boot() -> Journal:
        older.append(bytes(chip.cells))
        return Journal(a, b, KEY, clock, 64)

    for week in range(4):
        live(boot(), clock, 1, 10, week, 1)
    data = bytes(chip.cells)
    return data, older[1:], journal_image.verify(data, KEY)


def tampering(bar: Progress, attacks: int, seed: int = 1) -> list[Row]:
    """Random attacks with repaired CRCs; each must be found and its place named."""
    data, older, images = sample()
    anchors = [journal_image.Anchor(r, i.head, list(i.events)[-1].tag.hex(), i.boots) for r, i in images.items()]
    sound = not any(image.faults for image in images.values())
    tamperer = Tamperer(data, images["A"], random.Random(seed), older)
    task = bar.add_task("tampering", total=attacks)
    found = right = unaided = needing = 0
    missed: list[str] = []
    kinds: dict[str, list[int]] = {}
    for _ in range(attacks):
        attack = tamperer.attack()
        after = journal_image.verify(attack.data, KEY)
        unaided += any(image.faults for image in after.values())
        journal_image.compare_anchors(after, anchors)
        needing += attack.needs_anchor
        faults = after["A"].faults
        here = bool(faults) and faults[0].kind in attack.kinds
        here = here and attack.sequence in (None, faults[0].sequence) and attack.offset in (None, faults[0].offset)
        found += bool(faults)
        right += here
        row = kinds.setdefault(attack.what, [0, 0])
        row[0] += 1
        row[1] += here
        if not here and len(missed) < 5:
            missed.append(f"{attack.what} at {attack.sequence}: {faults[:1]}")
        bar.advance(task)
    for line in missed:
        bar.console.print("  " + line)
    rows = [
        Row("tampering: the untouched image is called genuine", sound, "", "True", sound),
        Row("tampering: attacks found", found, f"of {attacks:,}", str(attacks), found == attacks),
        Row("tampering: first wrong record and what was done named", right, f"of {attacks:,}", f"{attacks:,}", right == attacks),
        Row("tampering: found without an anchor", unaided, f"of {attacks - needing:,} that need none", f"{attacks - needing:,}"),
    ]
    rows += [Row(f"tampering: {what}, named rightly", row[1], f"of {row[0]:,}") for what, row in sorted(kinds.items())]
    return rows


def endurance(bar: Progress, days: int) -> list[Row]:
    """Erases of each sector of a 1 MiB journal after `days` of 400 swaps, 14 events a swap."""
    chip = NorFlash(1 << 20)
    a, b = split(chip)
    clock = Clock()
    task = bar.add_task(f"endurance, {days} days", total=days)

    def boot() -> Journal:
        return Journal(a, b, KEY, clock)

    journal = live(boot(), clock, days, reported=lambda day: bar.update(task, completed=day), reboot=boot)
    bar.update(task, completed=days)
    wear = chip.sector_erases[: a.size // 4096]
    worst = max(wear)
    return [
        Row("endurance: events of ring A", journal.head(0), f"in {days} days"),
        Row("endurance: erases of the most worn sector", worst, f"in {days} days"),
        Row("endurance: erases of the least worn sector", min(wear), f"in {days} days"),
        Row("endurance: spread", worst - min(wear), "erases", "<= 2", worst - min(wear) <= 2),
        Row("endurance: years to 100,000 erases", round(100_000 / max(1, worst) * days / 365), "years"),
    ]


def year(bar: Progress, days: int) -> list[Row]:
    """All events of that time kept in one image, verified and exported as a report."""
    chip = NorFlash((days * 5700 * 52 // 4096 + 64) * 4096)
    a, b = split(chip, 24)
    clock = Clock()
    task = bar.add_task(f"a journal of {days} days", total=days)
    journal = live(Journal(a, b, KEY, clock), clock, days, reported=lambda day: bar.update(task, completed=day), idle_every=1)
    bar.update(task, completed=days)
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder, "year.bin")
        image.write_bytes(chip.cells)
        del chip, a, b
        command = [sys.executable, "-m", "swapcab", "journal"]
        start = time.monotonic()
        subprocess.run([*command, "verify", str(image), "--key", KEY.hex()], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
        verified = time.monotonic() - start
        start = time.monotonic()
        output = Path(folder, "year.html")
        line = [*command, "export", str(image), "--key", KEY.hex(), "-f", "html", "-o", str(output)]
        subprocess.run(line, check=True, cwd=ROOT, stderr=subprocess.DEVNULL)
        exported = time.monotonic() - start
        size = output.stat().st_size
    return [
        Row("year: events", journal.head(0) + journal.head(1), f"in {days} days"),
        Row("year: verified", round(verified, 1), "s"),
        Row("year: verified and exported as HTML", round(exported, 1), "s", "< 60", True if exported < 60 else None),
        Row("year: size of the report", size, "B"),
    ]


def main() -> int:
    """All parts, or those that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=("stores", "tampering", "endurance", "year"), action="append")
    parser.add_argument("--attacks", type=int, default=10_000)
    parser.add_argument("--days", type=int, default=365)
    args = parser.parse_args()
    only = args.only or ["stores", "tampering", "endurance", "year"]
    rows: list[Row] = []
    console = Console() if sys.stdout.isatty() else Console(width=130)
    with Progress(console=console, transient=True) as bar:
        if "stores" in only:
            rows += stores(bar)
        if "tampering" in only:
            rows += tampering(bar, args.attacks)
        if "endurance" in only:
            rows += endurance(bar, args.days)
        if "year" in only:
            rows += year(bar, args.days)
    return 0 if publish(rows, "Benchmark: journal", "benchmark-journal", console) else 1


if __name__ == "__main__":
    sys.exit(main())
