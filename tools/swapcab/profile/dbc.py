"""A maker's DBC file as a profile: signals become fields, by what they are called and measured in, or by what they are mapped to."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import cantools

from swapcab.profile.guess import IGNORE, Meaning, dimension_of, guess
from swapcab.profile.words import DIMENSIONS, KELVIN, UNITS, bounds, form

NO_PROOF = "It cannot prove itself: such a pack is watched and given back, never charged and never handed out."
CHALLENGE = {"request_id": "0x18DA00F4", "answer_id": "0x18DAF400"}


class ImportMistake(ValueError):
    """The DBC file or the mapping cannot be made a profile; the text says why and what to do."""


@dataclass
class Row:
    """What became of one signal, for people."""

    message: str
    signal: str
    unit: str
    to: str
    how: str


@dataclass
class Imported:
    """The profile and the account of how it came about."""

    tree: dict[str, Any]
    rows: list[Row] = field(default_factory=list)


@dataclass(frozen=True)
class Wish:
    """What the caller asks for beside the mapping."""

    name: str
    maker: str = ""
    addressed: bool = False  # the low 8 bits of each identifier are the pack's address
    addresses: tuple[int, int] = (1, 1)
    baud: int = 250000
    challenge: bool = False
    fixed: tuple[tuple[str, int | str], ...] = ()


def read(path: Path) -> Any:
    """The database. Raises ImportMistake."""
    try:
        return cantools.database.load_file(path, strict=True)
    except OSError as error:
        raise ImportMistake(f"{path}: cannot be read ({error.strerror})") from None
    except Exception as error:  # noqa: BLE001 (cantools raises what its parser raises)
        raise ImportMistake(f"{path}: {error}") from None


def convert(path: Path, mapping: dict[str, Meaning], wish: Wish) -> Imported:
    """A profile's tree from a DBC file. Raises ImportMistake."""
    database = read(path)
    names = {s.name for m in database.messages for s in m.signals}
    for name in mapping:
        if name not in names:
            raise ImportMistake(f"--map {name}=...: no such signal in {path.name}; there are {', '.join(sorted(names))}")
    done = Imported({})
    meanings = _meanings(database, mapping, done)
    messages: list[dict[str, Any]] = []
    cycles = []
    for message in database.messages:
        made = _messages(message, meanings, wish)
        messages += made
        if made and message.cycle_time:
            cycles.append(message.cycle_time)
    if not messages:
        raise ImportMistake(f"{path}: none of its signals is known; say with --map SIGNAL=QUANTITY what they mean")
    _need(messages)
    done.tree = _head(path, wish, {m.is_extended_frame for m in database.messages if any(s.name in meanings for s in m.signals)})
    done.tree["pace"] = {"lost_ms": max(1000, min(20000, 5 * max(cycles, default=1000)))}
    if wish.fixed:
        done.tree["fixed"] = dict(wish.fixed)
    done.tree["messages"] = messages
    return done


def _head(path: Path, wish: Wish, extended: set[bool]) -> dict[str, Any]:
    if len(extended) != 1:
        raise ImportMistake(f"{path}: signals in use stand in 11-bit and in 29-bit frames; leave those of one kind out with --map SIGNAL=-")
    proof: dict[str, Any] = {"strategy": "none"}
    identifiers: dict[str, Any] = {"extended": extended.pop()}
    if wish.addressed:
        identifiers |= {"address_shift": 0}
    if wish.challenge:
        proof = {"strategy": "pack-link challenge", **CHALLENGE}
        identifiers |= {"request_address_shift": 8} if wish.addressed else {}
    return {
        "format": 1,
        "name": wish.name,
        "title": f"Imported from {path.name}",
        "maker": wish.maker,
        "version": "1",
        "sources": [path.name],
        "notes": [] if wish.challenge else [NO_PROOF],
        "bus": "can",
        "baud": wish.baud,
        "addresses": {"first": wish.addresses[0], "last": wish.addresses[1]},
        "proof": proof,
        "identifiers": identifiers,
    }


def _meanings(database: Any, mapping: dict[str, Meaning], done: Imported) -> dict[str, Meaning]:
    """Signal -> meaning. Two signals that claim the same quantity by a guess are nobody's."""
    found: dict[str, Meaning] = {}
    claims: dict[str, list[str]] = defaultdict(list)
    given = {m.to for m in mapping.values()}
    for message in database.messages:
        text_at = defaultdict(int)
        for signal in sorted(message.signals, key=lambda s: (min(s.multiplexer_ids or [0]), s.start)):
            meaning = mapping.get(signal.name)
            if meaning is None and not signal.is_multiplexer:
                meaning = guess(signal.name, signal.unit or "", signal.length, _is_text(signal))
                if meaning is not None and meaning.to in ("serial", "maker"):
                    meaning = Meaning(meaning.to, text_at[meaning.to])
                    text_at[meaning.to] += signal.length // 8
                if meaning is not None and meaning.to in given and meaning.to not in ("cell", "temp"):
                    meaning = None  # somebody has said what tells this quantity
            row = Row(message.name, signal.name, signal.unit or "", "", "not used")
            if meaning is not None and meaning.to != IGNORE:
                found[signal.name] = meaning
                row.to = meaning.to + (f":{meaning.index}" if meaning.to in ("serial", "maker", "cell", "temp") else "")
                row.how = meaning.how
                if not meaning.to.startswith(("alarm.", "state.", "serial", "maker")):
                    claims[row.to].append(signal.name)
            done.rows.append(row)
    for to, signals in claims.items():
        if len(signals) > 1:
            choice = " or ".join(f"--map {name}=-" for name in signals)
            raise ImportMistake(f"{to} is claimed by {' and '.join(signals)}; leave all but one out with {choice}")
    return found


def _is_text(signal: Any) -> bool:
    return signal.length % 8 == 0 and signal.length >= 16 and signal.start % 8 == (0 if signal.byte_order == "little_endian" else 7)


def _messages(message: Any, meanings: dict[str, Meaning], wish: Wish) -> list[dict[str, Any]]:
    """One entry, or one for each value of the multiplexer."""
    used = [s for s in message.signals if s.name in meanings]
    if not used:
        return []
    ident = message.frame_id
    if wish.addressed:
        ident &= ~0xFF
    head = {"name": message.name, "id": f"0x{ident:X}"}
    switches = [s for s in message.signals if s.is_multiplexer]
    if len(switches) > 1:
        raise ImportMistake(f"{message.name}: multiplexers inside of multiplexers ({', '.join(s.name for s in switches)}) are not read")
    if not switches:
        return [head | {"fields": [_field(s, meanings[s.name], message) for s in used]}]
    made = []
    for value in sorted({v for s in used for v in s.multiplexer_ids or []}):
        fields = [_field(s, meanings[s.name], message) for s in used if value in (s.multiplexer_ids or [])]
        made.append(head | {"mux": _bits(switches[0]) | {"value": value}, "fields": fields})
    if any(not s.multiplexer_ids for s in used):
        raise ImportMistake(f"{message.name}: signals beside the multiplexer are not read; leave them out with --map SIGNAL=-")
    return made


def _bits(signal: Any) -> dict[str, Any]:
    order = "little" if signal.byte_order == "little_endian" else "big"
    return {"start_bit": signal.start, "bit_length": signal.length, "order": order}


def _field(signal: Any, meaning: Meaning, message: Any) -> dict[str, Any]:
    if signal.is_float:
        raise ImportMistake(f"{message.name}.{signal.name}: floating-point numbers are not read; leave it out with --map {signal.name}=-")
    made: dict[str, Any] = {"to": meaning.to, "name": signal.name}
    if meaning.to in ("serial", "maker"):
        if not _is_text(signal) and signal.length != 8:
            raise ImportMistake(f"{message.name}.{signal.name}: a text must be made of whole bytes")
        return made | {"at": signal.start // 8, "count": signal.length // 8, "index": meaning.index}
    if meaning.to in ("cell", "temp"):
        made |= _whole_bytes(signal, message) | {"count": 1, "index": meaning.index}
    else:
        made |= _bits(signal) | ({"signed": True} if signal.is_signed else {})
    if meaning.to in DIMENSIONS:
        made |= _scale(signal, meaning, message)
    return made


def _whole_bytes(signal: Any, message: Any) -> dict[str, Any]:
    edge = 0 if signal.byte_order == "little_endian" else 7
    if signal.length not in (8, 16, 24, 32) or signal.start % 8 != edge:
        raise ImportMistake(f"{message.name}.{signal.name}: cells and sensors must be whole bytes; leave it out with --map {signal.name}=-")
    sign = "i" if signal.is_signed else "u"
    order = "" if signal.length == 8 else "le" if signal.byte_order == "little_endian" else "be"
    return {"at": signal.start // 8, "type": f"{sign}{signal.length}{order}"}


def _scale(signal: Any, meaning: Meaning, message: Any) -> dict[str, Any]:
    """Unit, offset in raw steps, sign and range."""
    where = f"{message.name}.{signal.name}"
    unit = (signal.unit or "") if meaning.unit is None else meaning.unit
    step, name = Fraction(1), unit
    if meaning.unit is not None and unit[:1].isdigit():
        number, _, name = unit.partition(" ")
        step = Fraction(number)
    name = name.strip().replace("deg C", "degC")
    key = name.lower()
    if key not in UNITS or dimension_of(key) != DIMENSIONS[meaning.to]:
        raise ImportMistake(
            f"{where}: {meaning.to} is a {DIMENSIONS[meaning.to]}, `{unit}` is none that is known; give the unit with "
            f"--map {signal.name}={meaning.to}@UNIT"
        )
    scale = Fraction(str(signal.scale)) * step
    add = Fraction(str(signal.offset)) / Fraction(str(signal.scale))
    factor = UNITS[key][1] * scale
    if key in KELVIN:
        add += KELVIN[key] / factor
    if add.denominator != 1:
        raise ImportMistake(f"{where}: its offset {signal.offset} is no whole number of steps of {signal.scale}")
    made: dict[str, Any] = {"unit": f"{_decimal(abs(scale), where)} {name}".strip()}
    if scale < 0:
        made["negate"] = True
    if add or key in KELVIN:
        made["add"] = int(add)
    low, high = bounds(meaning.to)
    if signal.minimum is not None and signal.maximum is not None and signal.maximum > signal.minimum:
        unit_factor = abs(UNITS[key][1]) * step
        least = max(low, int(Fraction(str(signal.minimum)) * unit_factor))
        most = min(high, int(Fraction(str(signal.maximum)) * unit_factor))
        if low < least <= high and key not in KELVIN:
            made["min"] = least
        if low <= most < high and key not in KELVIN:
            made["max"] = most
    return made


def _decimal(value: Fraction, where: str) -> str:
    for digits in range(10):
        if (value * 10**digits).denominator == 1:
            text = f"{float(value):.{digits}f}"
            return text
    raise ImportMistake(f"{where}: a step of {value} has too many digits")


def _need(messages: list[dict[str, Any]]) -> None:
    """Lists of cells that are told beside the extremes may be missing; the message with the pack's voltage completes a reading."""
    reported = {f["to"] for m in messages for f in m["fields"]}
    for message in messages:
        names = {f["to"] for f in message["fields"]}
        spare = set()
        if {"cell_min_mv", "cell_max_mv"} <= reported:
            spare.add("cell")
        if {"temp_min_ddegc", "temp_max_ddegc"} <= reported:
            spare.add("temp")
        if names <= spare:
            message["need"] = "extra"
        if "pack_mv" in names:
            message["key"] = True
        if names & {"serial", "cell_count", "nominal_mv", "capacity_mah", "chemistry"} and names - form_identity():
            message["need"] = "both"


def form_identity() -> set[str]:
    """Quantities that belong to the identity."""
    return {"serial", "maker", *form.QUANTITIES[form.FIRST_IDENTITY :]}
