"""The record of a bench: JSON for machines, an HTML sheet to print, sign and file with the serial number."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from html import escape
from pathlib import Path
from typing import Any

from swapcab.bench.common import FAIL, SKIP, Result

STYLE = """
body { font: 14px/1.4 Helvetica, Arial, sans-serif; color: #1a2b3c; max-width: 60em; margin: 2em auto; padding: 0 1em; }
table { border-collapse: collapse; width: 100%; margin: 1em 0; }
td, th { border-bottom: 1px solid #ccd6e0; padding: .3em .6em; text-align: left; vertical-align: top; }
.pass { color: #1e7a3c; } .fail { color: #b03a2e; font-weight: bold; } .skip { color: #8a6d1a; }
.verdict { font-size: 1.4em; border: 2px solid; padding: .4em .8em; display: inline-block; }
.sign td { height: 3em; width: 33%; }
@media print { body { margin: 0; } }
"""


ACCEPTANCE = "Acceptance test of a controller"
OBSERVATION = "Observation of a running cabinet"  # the bench only listened: no acceptance


def verdict(results: list[Result], running: bool = False) -> str:
    """accepted, accepted with checks left out, or rejected; of a cabinet that runs (only observed): no fault seen, or faults seen."""
    if any(result.status == FAIL for result in results):
        return "faults seen" if running else "rejected"
    if running:
        return "no fault seen"
    return "accepted, but not everything was tried" if any(result.status == SKIP for result in results) else "accepted"


def record(identity: dict[str, Any], results: list[Result], taken: str, by: str, running: bool = False) -> dict[str, Any]:
    """Everything as one object. `taken`: date and time; `by`: the operator or jig that worked the inputs; `running`: nothing was tried."""
    return {
        "format": 2,
        "kind": OBSERVATION if running else ACCEPTANCE,
        "verdict": verdict(results, running),
        "taken": taken,
        "cabinet": identity.get("cabinet", ""),
        "operator": by,
        "controller": identity,
        "faulty": sorted({result.part for result in results if result.status == FAIL}),
        "results": [asdict(result) for result in results],
    }


def name_of(kept: dict[str, Any]) -> str:
    """The cabinet's id and the controller's serial number, as far as they are known."""
    return " ".join(word for word in (kept["cabinet"], str(kept["controller"].get("serial", ""))) if word)


def html(kept: dict[str, Any]) -> str:
    """The sheet."""
    known = kept["controller"]
    rows = []
    for result in kept["results"]:
        words = f"<b>{escape(result['part'])}</b><br>{escape(result['step'])}" if result["part"] else escape(result["step"])
        rows.append(
            f'<tr><td>{escape(result["what"])}</td><td class="{result["status"]}">{result["status"]}</td>'
            f"<td>{escape(result['figure'])}</td><td>{words}</td></tr>"
        )
    facts = "".join(f"<tr><td>{escape(name)}</td><td>{escape(str(value))}</td></tr>" for name, value in known.items())
    mark = "fail" if kept["faulty"] else "pass" if kept["verdict"] in ("accepted", "no fault seen") else "skip"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(kept['kind'])}: {escape(name_of(kept))}</title><style>{STYLE}</style></head><body>\n"
        f"<h1>{escape(kept['kind'])}, cabinet {escape(kept['cabinet'] or 'unknown')}</h1>\n"
        f"<p>{escape(kept['taken'])}, inputs worked by: {escape(kept['operator'])}</p>\n"
        f'<p class="verdict {mark}">{escape(kept["verdict"])}</p>\n<table>{facts}</table>\n'
        "<table><tr><th>what</th><th>result</th><th>figure</th><th>faulty part, next step</th></tr>\n" + "\n".join(rows) + "\n</table>\n"
        '<table class="sign"><tr><td>Date</td><td>Name</td><td>Signature</td></tr></table>\n</body></html>\n'
    )


def write(folder: Path, kept: dict[str, Any]) -> tuple[Path, Path]:
    """Both files, named by serial number and time. Raises OSError."""
    whose = kept["controller"].get("serial") or kept["cabinet"] or "unknown"
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", f"bench-{whose}-{kept['taken']}").strip("-")
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / f"{name}.json", folder / f"{name}.html"
    paths[0].write_text(json.dumps(kept, indent=1) + "\n")
    paths[1].write_text(html(kept))
    return paths
