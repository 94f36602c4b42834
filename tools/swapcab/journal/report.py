"""The compliance report: one HTML file with everything in it, to be filed, printed, and read without a network."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from datetime import datetime, timezone
from html import escape
from typing import Any

from swapcab.journal.plots import bars, ranks
from swapcab.journal.source import Journal
from swapcab.messages import gaps_of
from swapcab.replay.verdicts import EvidenceError, replay

MOST_ROWS = 150
GREEN, AMBER, RED, BLUE = "#2e7d4f", "#c98a1b", "#b3382c", "#2f6690"
Envelope = dict[str, Any]

STYLE = """
body{font:15px/1.5 system-ui,sans-serif;color:#1d2329;background:#fff;max-width:940px;margin:32px auto;padding:0 20px}
h1{font-size:27px;margin:0 0 2px}h2{font-size:19px;margin:36px 0 8px;border-bottom:1px solid #d5dadf;padding-bottom:4px}
.muted{color:#5b6670}.verdict{border-left:6px solid;padding:10px 16px;margin:20px 0;font-weight:600;background:#f5f7f9}
.good{border-color:#2e7d4f}.bad{border-color:#b3382c;background:#fbefed}.open{border-color:#c98a1b;background:#fdf6e8}
.tiles{display:grid;grid-template-columns:repeat(4,1fr);gap:10px}.tile{border:1px solid #d5dadf;border-radius:6px;padding:8px 12px}
.tile b{display:block;font-size:23px}.tile span{color:#5b6670;font-size:13px}
table{border-collapse:collapse;width:100%;font-size:13px;margin:8px 0}th,td{text-align:left;
padding:3px 8px;border-bottom:1px solid #e5e8eb}

th{background:#f5f7f9}td.n{text-align:right;font-variant-numeric:tabular-nums}
figure{margin:14px 0}figcaption{font-weight:600;font-size:14px}
svg{width:100%;height:auto;font:11px system-ui,sans-serif;fill:#1d2329}svg .grid{stroke:#e5e8eb;stroke-width:1}
@media print{body{margin:0;max-width:none}h2{break-after:avoid}tr{break-inside:avoid}}
"""


def stamp(seconds: int | None) -> str:
    """UTC time for a person."""
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d %H:%M:%S") if seconds else "time unknown"


def table(heads: list[str], rows: list[list[Any]], total: int, name: str) -> str:
    """A table of at most MOST_ROWS rows that says how many there are."""
    if not rows:
        return f'<p class="muted">No {escape(name)}.</p>'
    out = ["<table><tr>", *(f"<th>{escape(h)}</th>" for h in heads), "</tr>"]
    for row in rows[-MOST_ROWS:]:
        out.append("<tr>")
        for cell in row:
            number = isinstance(cell, int)
            out.append(f"<td{' class=n' if number else ''}>{escape('' if cell is None else str(cell))}</td>")
        out.append("</tr>")
    out.append("</table>")
    if total > MOST_ROWS:
        out.append(f'<p class="muted">The newest {MOST_ROWS} of {total:,}; all of them stand in the CSV and JSON lines exports.</p>')
    return "".join(out)


def picked(e: Envelope, *names: str) -> list[Any]:
    """Some of an event's data."""
    return [e["data"].get(name) for name in names]


def place(e: Envelope) -> list[Any]:
    """Time, ring and sequence of an event."""
    return [stamp(e["time"]), f"{e['ring']}{e['seq']}"]


class Newest:
    """The newest rows of a table, and how many there were: a year of them is not kept."""

    def __init__(self) -> None:
        self.rows: deque[Envelope] = deque(maxlen=MOST_ROWS)
        self.total = 0

    def append(self, envelope: Envelope) -> None:
        """One more."""
        self.rows.append(envelope)
        self.total += 1


class Changes(Newest):
    """The starts at which a version or the settings changed, and the last one."""

    _before: tuple[Any, ...] | None = None
    _changed = True

    def append(self, envelope: Envelope) -> None:
        """One more start; it takes the place of the last one if nothing had changed then."""
        now = tuple(envelope["data"].get(k) for k in ("firmware", "limits", "settings"))
        if not self._changed:
            self.rows.pop()
            self.total -= 1
        self._changed = now != self._before
        self._before = now
        super().append(envelope)


class Facts:
    """What the events say, gathered in one pass."""

    def __init__(self, envelopes: Iterable[Envelope]) -> None:
        self.by_type: Counter[str] = Counter()
        self.days: dict[str, list[int]] = {}
        self.rules: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.refusals = Newest()
        self.safety = Newest()
        self.swaps = Newest()
        self.failed = Newest()
        self.gaps = Newest()
        self.boots = Changes()
        self.evidence = Newest()
        self.checkpoints = Newest()
        self.packs: set[str] = set()
        self.cabinet = ""
        self.first: int | None = None
        self.last: int | None = None
        lists: dict[str, Newest] = {
            "pack.refused": self.refusals,
            "pack.quarantined": self.safety,
            "fault.raised": self.safety,
            "fault.cleared": self.safety,
            "door.stuck": self.safety,
            "swap.completed": self.swaps,
            "swap.refused": self.failed,
            "swap.cancelled": self.failed,
            "journal.gap": self.gaps,
            "journal.recovered": self.gaps,
            "journal.damaged": self.gaps,
            "journal.repeated": self.gaps,
            "state.damaged": self.gaps,
            "boot.started": self.boots,
            "evidence.taken": self.evidence,
            "journal.checkpoint": self.checkpoints,
        }
        columns = {"swap.completed": 0, "swap.refused": 1, "swap.cancelled": 2, "pack.refused": 3, "fault.raised": 4, "pack.quarantined": 4}
        names: dict[int, str] = {}
        for e in envelopes:
            kind = e["type"]
            self.by_type[kind] += 1
            self.cabinet = self.cabinet or e.get("cabinet") or ""
            if e["pack"]:
                self.packs.add(e["pack"])
            seconds = e["time"]
            if seconds:
                self.first = min(seconds, self.first or seconds)
                self.last = max(seconds, self.last or seconds)
            if kind in lists:
                lists[kind].append(e)
            if kind in columns and seconds:
                number = seconds // 86400
                if number not in names:
                    names[number] = datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d")
                self.days.setdefault(names[number], [0] * 5)[columns[kind]] += 1
            if kind in ("pack.refused", "pack.quarantined"):
                self.rules[str(e["data"].get("rule"))] += 1
            if kind == "fault.raised":
                self.faults[str(e["data"].get("rule"))] += 1

    def spans(self) -> list[tuple[str, list[int]]]:
        """Days, or weeks where there are too many of them."""
        days = sorted(self.days.items())
        if len(days) <= 62:
            return [(day[5:], counts) for day, counts in days]
        weeks: dict[str, list[int]] = {}
        for day, counts in days:
            year, week, _ = datetime.strptime(day, "%Y-%m-%d").isocalendar()
            sums = weeks.setdefault(f"{year % 100}-W{week:02}", [0] * 5)
            for i, count in enumerate(counts):
                sums[i] += count
        return sorted(weeks.items())


def report(journal: Journal, envelopes: Iterable[Envelope], verdict: str) -> str:
    """The whole page."""
    f = Facts(envelopes)
    cabinet = journal.cabinet or f.cabinet or "not named"
    made = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    mood = "bad" if journal.faults else "good" if journal.has_key else "open"
    count = f.by_type
    tiles = [
        (count["swap.completed"], "swaps completed"),
        (count["swap.refused"] + count["swap.cancelled"], "refused or cancelled"),
        (count["pack.refused"], "packs refused"),
        (count["pack.quarantined"], "packs quarantined"),
        (count["fault.raised"], "safety faults"),
        (len(f.packs), "packs seen"),
        (count["boot.started"], "starts"),
        (sum(count.values()), "events in all"),
    ]
    spans = f.spans()
    word = "week" if spans and "W" in spans[0][0] else "day"
    parts = [
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Compliance report, cabinet {escape(cabinet)}</title>',
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{STYLE}</style></head><body>',
        f"<h1>Compliance report: cabinet {escape(cabinet)}</h1>",
        f'<p class="muted">{stamp(f.first)} to {stamp(f.last)} UTC. Made {made} from the cabinet\'s journal by swapcab.</p>',
        f'<div class="verdict {mood}">{escape(verdict)}</div>',
        '<div class="tiles">',
        *(f'<div class="tile"><b>{n:,}</b><span>{escape(t)}</span></div>' for n, t in tiles),
        "</div><h2>Swaps</h2>",
        bars(
            f"Swaps a {word}",
            [(label, values[:3]) for label, values in spans],
            ["completed", "refused", "cancelled"],
            [GREEN, AMBER, RED],
        ),
        "<h2>Packs refused</h2>",
        ranks("Refusals and quarantines by rule", f.rules.most_common(12), AMBER),
        "<h2>Safety</h2>",
        bars(
            f"Packs refused and safety faults a {word}",
            [(label, values[3:]) for label, values in spans],
            ["packs refused", "faults and quarantines"],
            [AMBER, RED],
        ),
        ranks("Faults by rule", f.faults.most_common(12), RED),
        "<h2>Gaps and findings</h2>",
        '<p class="muted">What the cabinet itself says that it dropped (telemetry only), found damaged, or counted instead of storing.</p>',
        table(
            ["time (UTC)", "event", "what", "said"],
            [[*place(e), e["type"], " ".join(f"{k} {v}" for k, v in e["data"].items())] for e in f.gaps.rows],
            f.gaps.total,
            "gaps",
        ),
        _missing(journal),
        "<h2>Firmware, limits and settings in force</h2>",
        table(
            ["time (UTC)", "event", "boot", "firmware", "limit set", "settings", "cause"],
            [[*place(e), e["boot"], *picked(e, "firmware", "limits", "settings", "cause")] for e in f.boots.rows],
            f.boots.total,
            "starts",
        ),
        "<h2>Chain of records</h2>",
        _chain(journal),
        table(
            ["time (UTC)", "event", "ring", "sequence", "chain tag"],
            [[*place(e), *picked(e, "ring", "sequence", "tag")] for e in list(f.checkpoints.rows)[-20:]],
            min(20, f.checkpoints.total),
            "checkpoints",
        ),
        *_ledger(journal),
        "<h2>Packs refused, with rule and evidence</h2>",
        table(
            ["time (UTC)", "event", "slot", "pack", "rule", "reason", "reading", "limit"],
            [[*place(e), e["slot"], e["pack"], *picked(e, "rule", "reason", "value", "limit")] for e in f.refusals.rows],
            f.refusals.total,
            "refusals",
        ),
        "<h2>Safety events, with rule and evidence</h2>",
        table(
            ["time (UTC)", "event", "what", "slot", "pack", "rule", "severity", "reading", "limit"],
            [[*place(e), e["type"], e["slot"], e["pack"], *picked(e, "rule", "severity", "value", "limit")] for e in f.safety.rows],
            f.safety.total,
            "safety events",
        ),
        "<h2>Evidence, replayed</h2>",
        '<p class="muted">What the firmware knew at each trip, put back into its own core: does it decide the same again?</p>',
        table(
            ["time (UTC)", "event", "slot", "pack", "rule", "decision", "limit set", "replayed"],
            [[*place(e), e["slot"], e["pack"], *picked(e, "rule", "decision", "limits"), _replayed(e)] for e in f.evidence.rows],
            f.evidence.total,
            "evidence",
        ),
        "<h2>Swaps refused or cancelled</h2>",
        table(
            ["time (UTC)", "event", "swap", "what", "reason", "step"],
            [[*place(e), *picked(e, "swap"), e["type"][5:], *picked(e, "reason", "step")] for e in f.failed.rows],
            f.failed.total,
            "swaps refused or cancelled",
        ),
        "<h2>Swaps completed</h2>",
        table(
            ["time (UTC)", "event", "swap", "in: slot", "pack", "SoC %", "out: slot", "pack", "SoC %"],
            [
                [*place(e), *picked(e, "swap", "in_slot", "in_pack", "in_soc_pct", "out_slot", "out_pack", "out_soc_pct")]
                for e in f.swaps.rows
            ],
            f.swaps.total,
            "swaps",
        ),
        "</body></html>\n",
    ]
    return "".join(parts)


def _ledger(journal: Journal) -> list[str]:
    """What the cabinet itself counted and remembers; nothing for a source that has no state area."""
    facts = journal.ledger
    if facts is None:
        return []
    packs = [
        [p.serial, stamp(p.first_seen_s), stamp(p.last_seen_s), p.visits, p.refusals, p.cycles, " ".join(map(str, p.soh_pct))]
        for p in facts.packs[:MOST_ROWS]
    ]
    heads = ["pack", "first seen (UTC)", "last seen (UTC)", "visits", "refusals", "cycles", "SoH %, newest first"]
    return [
        "<h2>Counted over the cabinet's life</h2>",
        table(["counter", "count"], [[name, count] for name, count in facts.counters.items()], len(facts.counters), "counters"),
        "<h2>Packs remembered</h2>",
        table(heads, packs, len(packs), "packs"),
    ]


def _replayed(e: Envelope) -> str:
    try:
        verdict = replay(e)
    except EvidenceError as error:
        return str(error)
    return "the same" if verdict.same else "OTHERWISE: " + (verdict.reached or "no trip") + " ".join(["", *verdict.differences])


def _missing(journal: Journal) -> str:
    if journal.images:
        return ""
    gaps = gaps_of(journal.captured)
    words = "Missing in this capture: " + "; ".join(gaps) if gaps else "No sequence is missing in this capture."
    return f"<p>{escape(words)}</p>"


def _chain(journal: Journal) -> str:
    if not journal.images:
        return '<p class="muted">Made from what the broker passed on; the chain can be verified on a flash image only.</p>'
    rows = []
    for name, image in journal.images.items():
        erases = [s.erases for s in image.sectors] or [0]
        wear = f"{min(erases):,} to {max(erases):,}"
        rows.append([name, image.first + 1, image.head, image.acked, len(image.sectors), image.torn, wear, len(image.faults)])
    heads = [
        "ring",
        "first event",
        "last event",
        "acknowledged",
        "sectors",
        "stretches left unused after restarts",
        "erases a sector",
        "faults found",
    ]
    faults = [[f.ring, f.sequence, f.kind, f.words] for f in journal.faults]
    found = table(["ring", "event", "what was done", "where"], faults, len(faults), "faults") if faults else ""
    return table(heads, rows, len(rows), "rings") + found
