"""`swapcab journal`: look at a cabinet's journal, verify it, export it."""

from __future__ import annotations

import csv
import json
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer
from rich.console import Console
from rich.progress import Progress as Bar
from rich.table import Table

from swapcab.board_link import is_port
from swapcab.exits import INTERRUPTED, TROUBLE, USAGE, example, leave
from swapcab.journal.report import report, stamp
from swapcab.journal.source import Journal, PortError, SourceError, open_journal, read_key
from swapcab.messages import cabinets_of, gaps_of

IMAGE = "build/sim/1/flash.bin --key build/sim/1/secrets.json"  # of the examples
EXAMPLE = example(f"swapcab journal verify {IMAGE}")
app = typer.Typer(no_args_is_help=True, help="Dump, verify and export a cabinet's journal.", epilog=EXAMPLE)

Source = Annotated[str, typer.Argument(help="flash image, capture of the MQTT stream (.jsonl, .log), or serial port of a controller")]
Key = Annotated[str, typer.Option(help="device key: hex, or a file with it (also a secrets.json)")]
SectorSize = Annotated[int, typer.Option(help="bytes that one erase covers")]
Cabinet = Annotated[str, typer.Option(help="Cabinet id for envelopes and report. \\[default: of the settings.json beside an image]")]
RingOption = Annotated[str, typer.Option(help="only ring A or B")]


def register(root: typer.Typer) -> None:
    """Add the commands."""
    root.add_typer(app, name="journal")


def _open(source: str, key: str, sector_size: int, anchor: Path | None = None, cabinet: str = "") -> Journal:
    try:
        with Bar(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("Reading and verifying")
            secret = read_key(key) if key else None
            name = cabinet or ("" if is_port(source) else name_beside(source))
            return open_journal(source, secret, sector_size, anchor, lambda n, total: bar.update(task, completed=n, total=total), name)
    except KeyboardInterrupt:
        raise leave("journal", "interrupted", INTERRUPTED) from None
    except PortError as error:
        raise leave("journal", error, TROUBLE) from None
    except (SourceError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(USAGE) from None


def name_beside(source: str) -> str:
    """The cabinet's id from the settings.json in the folder of an image, or ""; a flash image holds no name."""
    try:
        return str(json.loads(Path(source).with_name("settings.json").read_text())["cabinet"]["id"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def when(envelope: dict[str, Any]) -> str:
    """The time of an event for a person."""
    seconds = envelope.get("time")
    if seconds is None:
        return f"boot {envelope['boot']} +{envelope['ticks'] / 1000:.1f} s"
    return stamp(seconds)


def line_of(envelope: dict[str, Any]) -> str:
    """One event on one line."""
    slot = f" slot {envelope['slot']}" if envelope.get("slot") else ""
    pack = f" {envelope['pack']}" if envelope.get("pack") else ""
    data = " ".join(f"{k}={v}" for k, v in envelope.get("data", {}).items())
    return f"{envelope['ring']}{envelope['seq']:<7} {when(envelope):<20} {envelope['type']:<20}{slot}{pack} {data}".rstrip()


@app.command(epilog=example(f"swapcab journal dump {IMAGE}"))
def dump(source: Source, key: Key = "", ring: RingOption = "", sector_size: SectorSize = 4096) -> None:
    """Every event, one a line."""
    for envelope in _open(source, key, sector_size).envelopes():
        if not ring or envelope["ring"] == ring:
            typer.echo(line_of(envelope))


@app.command(epilog=example(f"swapcab journal tail {IMAGE} --count 5"))
def tail(
    source: Source,
    key: Key = "",
    count: Annotated[int, typer.Option("--count", "-n", help="how many events")] = 20,
    ring: RingOption = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="go on with what is stored later")] = False,
    sector_size: SectorSize = 4096,
) -> None:
    """The newest events of each ring."""
    if follow and is_port(source):
        text = "--follow: each look would stop the cabinet; follow its MQTT stream (docs/events.md), or leave --follow out"
        raise leave("journal tail", text, USAGE)
    shown: dict[str, int] = {}
    first = True
    while True:
        by_ring: dict[str, list[dict[str, Any]]] = {}
        for envelope in _open(source, key, sector_size).envelopes():
            if (not ring or envelope["ring"] == ring) and envelope["seq"] > shown.get(envelope["ring"], 0):
                by_ring.setdefault(envelope["ring"], []).append(envelope)
        for name, envelopes in by_ring.items():
            for envelope in envelopes[-count:] if first else envelopes:
                typer.echo(line_of(envelope))
            shown[name] = envelopes[-1]["seq"]
        if not follow:
            return
        first = False
        time.sleep(1)


@app.command(epilog=example(f"swapcab journal verify {IMAGE}"))
def verify(
    source: Source,
    key: Key = "",
    anchor: Annotated[Path | None, typer.Option(help="capture of the MQTT stream: shows a tail cut off and an old image put back")] = None,
    sector_size: SectorSize = 4096,
    as_json: Annotated[bool, typer.Option("--json", help="the verdict as JSON")] = False,
) -> None:
    """Whether the journal is whole and unchanged; names the first wrong record and what was done. Exit code 1 if not."""
    journal = _open(source, key, sector_size, anchor)
    if not journal.images:
        raise typer.Exit(_verify_capture(journal, as_json))
    faults = journal.faults
    if as_json:
        rings = {r: {"first": i.first + 1, "head": i.head, "acked": i.acked, "torn": i.torn} for r, i in journal.images.items()}
        typer.echo(
            json.dumps(
                {
                    "ok": not faults,
                    "keyed": journal.has_key,
                    "rings": rings,
                    "faults": [vars(f) for f in faults],
                    "flash_errors": [vars(f) for f in journal.flash_errors],
                }
            )
        )
        raise typer.Exit(1 if faults else 0)
    for name, image in journal.images.items():
        torn = f", {image.torn} stretches left unused after restarts" if image.torn else ""
        reach = f"events {image.first + 1} to {image.head}, acknowledged to {image.acked}"
        typer.echo(f"ring {name}: {reach}, {len(image.sectors)} sectors{torn}")
        for line in proven(journal, name):
            typer.echo(f"  {line}")
    typer.echo(verdict(journal))
    for error in journal.flash_errors[:10]:
        typer.echo(f"  flash error: ring {error.ring} event {error.sequence} (image offset {error.offset}): {error.words}")
    for fault in faults[1:10]:
        typer.echo(f"  also: ring {fault.ring} event {fault.sequence}: {fault.kind}: {fault.words}")
    raise typer.Exit(1 if faults else 0)


def _verify_capture(journal: Journal, as_json: bool) -> int:
    """What a capture shows: how many events of which cabinets, and which sequences are missing. The exit code."""
    gaps = gaps_of(journal.captured)
    apart = {cabinet: len(envelopes) for cabinet, envelopes in cabinets_of(journal.captured).items()}
    if as_json:
        typer.echo(json.dumps({"ok": not gaps, "events": len(journal.captured), "cabinets": apart, "missing": gaps}))
        return 1 if gaps else 0
    missing = "missing: " + "; ".join(gaps) if gaps else "no sequence is missing"
    typer.echo(f"{len(journal.captured)} events in the capture; {missing}")
    for cabinet, count in apart.items() if len(apart) > 1 else ():
        typer.echo(f"  cabinet {cabinet}: {count} events")
    return 1 if gaps else 0


def proven(journal: Journal, ring: str) -> list[str]:
    """What is proven of a ring, and what is not, a sentence each."""
    image = journal.images[ring]
    if image.faults:
        return []
    if not journal.has_key:
        return ["proven: nothing; without the device key only sequence and CRCs can be checked"]
    seen = journal.anchored.get(ring)
    lines = [f"proven: events {image.first + 1} to {image.head} are the device's own, whole and in order"]
    if image.first:
        lines.append(f"not proven: events 1 to {image.first}, which were acknowledged and erased; the broker has them")
    if seen is None:
        lines.append(f"not proven: that nothing followed event {image.head}; without an anchor (--anchor) the newest events may be cut off")
    elif seen < image.head:
        lines.append(f"not proven: that nothing followed event {image.head}; the newest event seen outside is {seen}")
    return lines


def verdict(journal: Journal) -> str:
    """One sentence."""
    faults = journal.faults
    if faults:
        first = faults[0]
        where = f"ring {first.ring}, event {first.sequence}" + (f" (image offset {first.offset})" if first.offset else "")
        return f"NOT GENUINE: {where}: {first.kind}: {first.words}"
    if not journal.images:
        return "a capture: nothing to verify but that no sequence is missing"
    if not journal.has_key:
        return "readable and in sequence; whether it is genuine cannot be told without the device key (--key)"
    errors = len(journal.flash_errors)
    flipped = f"; {errors} flash error{'s' if errors > 1 else ''}, each one flipped bit that could be put right" if errors else ""
    return "genuine: every record carries the device's chain tag and follows the one before" + flipped


@app.command(epilog=example(f"swapcab journal ledger {IMAGE}"))
def ledger(
    source: Source,
    key: Key = "",
    sector_size: SectorSize = 4096,
    as_json: Annotated[bool, typer.Option("--json", help="counters and packs as JSON")] = False,
) -> None:
    """What the cabinet counted over its life, and each pack that it remembers. Exit code 1 if these records are not genuine."""
    facts = _open(source, key, sector_size).ledger
    if facts is None:
        typer.echo(f"{source}: holds no state area; the ledger stands in an image of the whole flash or on a controller", err=True)
        raise typer.Exit(USAGE)
    if as_json:
        typer.echo(json.dumps(facts.as_json()))
        raise typer.Exit(1 if facts.faults else 0)
    console = Console(width=None if sys.stdout.isatty() else 110)
    counted = Table(title="Counted", show_header=False)
    for name, count in facts.counters.items():
        counted.add_row(name, f"{count:,}")
    packs = Table(title=f"{len(facts.packs)} packs, the latest visitor first")
    for heading in ("pack", "first seen", "last seen", "visits", "refusals", "cycles", "SoH %, newest first"):
        packs.add_column(heading)
    for pack in facts.packs:
        seen = [stamp(pack.first_seen_s), stamp(pack.last_seen_s)]
        health = " ".join(str(s) for s in pack.soh_pct)
        packs.add_row(pack.serial, *seen, str(pack.visits), str(pack.refusals), str(pack.cycles), health)
    console.print(counted, packs)
    for fault in facts.faults[:5]:
        typer.echo(f"NOT GENUINE: state record {fault.sequence}: {fault.kind}: {fault.words}")
    raise typer.Exit(1 if facts.faults else 0)


@app.command(epilog=example(f"swapcab journal export {IMAGE} --format csv --output events.csv"))
def export(
    source: Source,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="file to write \\[default: standard output]")] = None,
    form: Annotated[str, typer.Option("--format", "-f", help="jsonl, csv or html")] = "jsonl",
    key: Key = "",
    anchor: Annotated[Path | None, typer.Option(help="capture of the MQTT stream, see verify")] = None,
    cabinet: Cabinet = "",
    ring: RingOption = "",
    sector_size: SectorSize = 4096,
) -> None:
    """Events as JSON lines or CSV, or a compliance report as one HTML file."""
    if form not in ("jsonl", "csv", "html"):
        typer.echo(f"--format {form}: jsonl, csv or html", err=True)
        raise typer.Exit(USAGE)
    journal = _open(source, key, sector_size, anchor, cabinet)
    stream: TextIO = output.open("w", newline="") if output else sys.stdout
    count = 0

    def counted() -> Iterator[dict[str, Any]]:
        """Events one after the other, none of them kept."""
        nonlocal count
        with Bar(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("Reading events", total=journal.count)
            for envelope in journal.envelopes():
                if not ring or envelope["ring"] == ring:
                    count += 1
                    yield envelope
                if count % 1000 == 0:
                    bar.update(task, completed=count)

    try:
        if form == "jsonl":
            for envelope in counted():
                stream.write(json.dumps(envelope, separators=(",", ":"), default=plain) + "\n")
        elif form == "csv":
            write_csv(counted(), stream)
        else:
            stream.write(report(journal, counted(), verdict(journal)))
    finally:
        if output:
            stream.close()
            typer.echo(f"{count} events written to {output}", err=True)


def plain(value: object) -> str:
    """What JSON has no word for."""
    return value.hex() if isinstance(value, bytes) else str(value)


SPREADSHEET_RUNS = ("=", "+", "-", "@", "\t")  # a cell that begins so is a formula for a spreadsheet


def write_csv(envelopes: Iterable[dict[str, Any]], stream: TextIO) -> None:
    """One event a row; the data as JSON in the last column. Cells that a spreadsheet would run are made plain text."""
    columns = ("cabinet", "ring", "seq", "boot", "time", "tq", "ticks", "type", "slot", "pack")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow((*columns, "data"))
    for e in envelopes:
        cells = [*(e.get(c) for c in columns), json.dumps(e.get("data", {}), separators=(",", ":"), default=plain)]
        writer.writerow("'" + c if isinstance(c, str) and c.startswith(SPREADSHEET_RUNS) else c for c in cells)
