"""`swapcab replay`: take evidence from a journal image, an export or a single event, and reach the verdict again."""

from __future__ import annotations

import json
from typing import Any

import typer

from swapcab.exits import BAD, GOOD, USAGE
from swapcab.journal.source import SourceError, open_journal, read_key
from swapcab.replay.verdicts import TYPE, EvidenceError, Verdict, replay


def evidence_in(source: str, key: str, sector_size: int) -> list[dict[str, Any]]:
    """All evidence events of a file. Raises SourceError."""
    journal = open_journal(source, read_key(key) if key else None, sector_size, None, lambda n, total: None)
    return [e for e in journal.envelopes() if e["type"] == TYPE]


def run(source: str, key: str = "", rule: str = "", sector_size: int = 4096, as_json: bool = False) -> int:
    """Returns GOOD if every verdict is reached again, BAD if one is not, USAGE if there is nothing to replay."""
    try:
        found = [e for e in evidence_in(source, key, sector_size) if not rule or e["data"].get("rule") == rule]
    except (SourceError, OSError) as error:
        typer.echo(str(error), err=True)
        return USAGE
    if not found:
        typer.echo(f"{source}: holds no evidence" + (f" of rule {rule}" if rule else ""), err=True)
        return USAGE
    wrong = 0
    rows = []
    for envelope in found:
        place = f"{envelope.get('ring', '')}{envelope.get('seq', '')}"
        try:
            verdict = replay(envelope)
        except EvidenceError as error:
            verdict = Verdict(str(envelope["data"].get("rule")), str(envelope["data"].get("decision")), "", [str(error)])
        wrong += not verdict.same
        row = {"event": place, "rule": verdict.rule, "decision": verdict.decision, "reached": verdict.reached, "same": verdict.same}
        rows.append({**row, "differences": verdict.differences})
        if not as_json:
            _print(place, verdict)
    if as_json:
        typer.echo(json.dumps({"ok": not wrong, "events": rows}))
    else:
        typer.echo(f"{len(found)} verdicts, {len(found) - wrong} reached again, {wrong} not")
    return BAD if wrong else GOOD


def _print(place: str, verdict: Verdict) -> None:
    typer.echo(f"event {place}: " + (verdict.lines[0] if verdict.lines else f"rule {verdict.rule}"))
    for line in verdict.lines[1:]:
        typer.echo(line)
    for words in verdict.differences:
        typer.echo("  DIFFERS: " + words)
    typer.echo("  same verdict" if verdict.same else "  NOT the same verdict")
