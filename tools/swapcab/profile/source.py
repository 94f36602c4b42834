"""Readable profiles (JSON): read, check, and say of every mistake where it is and what would be right."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from swapcab.paths import ROOT
from swapcab.profile.words import CHEMISTRIES, NEEDED, bounds, form, scale_of

FOLDER = ROOT / "firmware" / "profiles"
FORMAT = 1
PROOFS = {"none": form.PROOF_NONE, "pack-link challenge": form.PROOF_PACK_LINK}
TOP = {
    "format", "name", "title", "maker", "version", "sources", "notes", "bus", "baud", "addresses", "proof", "limits", "pace", "framing",
    "fixed", "messages", "identifiers", "dummy_serial",
}  # fmt: skip
MESSAGE = {
    "name", "id", "request", "start", "count", "function", "ask", "begins", "length", "tail", "mux", "every_ms", "need", "key", "repeat",
    "fields", "ask_data", "or_begins",
}  # fmt: skip
FIELD = {
    "to", "name", "at", "type", "bits", "bit", "start_bit", "bit_length", "order", "signed", "unit", "add", "negate", "min", "max",
    "index", "count", "invert", "absent", "from",
}  # fmt: skip
LIMITS = {"read_max", "rest_ms", "addresses_count"}
SELF_CHECKS = ("sum8", "xor8", "negsum16_be", "crc16_modbus", "none")


class ProfileMistake(ValueError):
    """A profile is wrong: `where` names the place, the text says what stands there and what would be right."""

    def __init__(self, where: str, text: str) -> None:
        super().__init__(f"{where}: {text}")
        self.where = where


class ProfileMissing(ProfileMistake):
    """There is no such profile, or its file cannot be read."""


@dataclass
class Field:
    """One value in an answer, checked. `scale` and `offset` are exact: value = (raw + add) * num // den."""

    kind: int
    to: int
    at: int
    size: int
    how: int = 0
    shift: int = 0
    bits: int = 0
    add: int = 0
    num: int = 1
    den: int = 1
    low: int = 0
    high: int = 0
    index: int = 0
    count: int = 1
    absent: int = form.NOT_ABSENT
    name: str = ""
    quantity: str = ""


@dataclass
class Page:
    """One answer, or one part of a multiplexed one."""

    name: str
    ident: int = 0
    mux: int = -1
    mux_field: Field | None = None
    flags: int = 0
    request: int = 0
    least: int = 0
    every_ms: int = 0
    ask: tuple[bytes, int] = (b"", 255)
    ask_end: bytes = b""
    begins: tuple[bytes, int] = (b"", 255)
    tail: tuple[bytes, int] = (b"", 255)
    other: tuple[bytes, int] | None = None  # another right beginning
    length: int = 0
    plus: int = 0
    fields: list[Field] = field(default_factory=list)


@dataclass
class Checked:
    """A whole profile, checked, ready to be compiled."""

    name: str
    title: str
    maker: str
    bus: int
    baud: int
    pages: list[Page]
    flags: int
    proof: int
    proof_ids: tuple[int, int]
    first: int
    last: int
    shift: int
    request_shift: int
    read_max: int
    rest_ms: int
    lost_ms: int
    checks: tuple[int, int, int, int]  # request: kind, from; answer: kind, from
    fixed: list[tuple[int, int]]
    dummy: str
    missing: list[str]  # what a pack needs to be charged and this profile does not tell
    tree: dict[str, Any]
    keep_alive: int = 0


def load(path: Path) -> dict[str, Any]:
    """The JSON object of a file. Raises ProfileMistake."""
    try:
        tree = json.loads(path.read_text())
    except OSError as error:
        raise ProfileMissing(str(path), f"cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise ProfileMistake(str(path), f"no JSON: {error}") from None
    if not isinstance(tree, dict):
        raise ProfileMistake(str(path), "one JSON object {...} is needed")
    return tree


def find(name: str) -> Path:
    """A profile by its name (among those that ship) or by its path. Raises ProfileMistake."""
    path = Path(name)
    if path.suffix == ".json":
        return path
    if not (FOLDER / f"{name}.json").is_file():
        there = ", ".join(sorted(p.stem for p in FOLDER.glob("*.json")))
        raise ProfileMissing(name, f"no such profile; give a .json file, or one of {there}")
    return FOLDER / f"{name}.json"


def whole(value: Any, where: str, low: int, high: int) -> int:
    """A whole number, as 16 or "0x10". Raises ProfileMistake."""
    if isinstance(value, str):
        try:
            value = int(value, 0)
        except ValueError:
            value = None
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ProfileMistake(where, f"a whole number from {low} to {high} is needed, as 16 or \"0x10\"")
    return value


def _only(tree: Any, names: set[str], where: str) -> dict[str, Any]:
    if not isinstance(tree, dict):
        raise ProfileMistake(where, "an object {...} is needed")
    for name in tree:
        if name not in names:
            raise ProfileMistake(f"{where}.{name}", f"no such word here; there are {', '.join(sorted(names))}")
    return tree


def _text(tree: dict[str, Any], name: str, most: int, where: str, default: str | None = None) -> str:
    value = tree.get(name, default)
    if not isinstance(value, str) or len(value) > most or (default is None and not value):
        raise ProfileMistake(f"{where}.{name}", f"a text of at most {most} characters is needed")
    return value


def template(text: Any, where: str, most: int) -> tuple[bytes, int]:
    """Hexadecimal bytes, with @ where the pack's address goes, @+63 where 63 is added to it. Raises ProfileMistake."""
    if not isinstance(text, str):
        raise ProfileMistake(where, "hexadecimal bytes are needed, as \"DD A5 03 00\"; @ stands for the address")
    found = bytearray()
    place = 255
    for word in text.split():
        if re.fullmatch(r"@(\+\d{1,3})?", word):
            if place != 255:
                raise ProfileMistake(where, "the address may stand in one place only")
            place = len(found)
            found.append(whole(word[2:] or 0, where, 0, 255))
            continue
        try:
            found += bytes.fromhex(word)
        except ValueError:
            raise ProfileMistake(where, f"`{word}` is no hexadecimal byte") from None
    if len(found) > most:
        raise ProfileMistake(where, f"{len(found)} bytes; at most {most} fit")
    return bytes(found), place


def check(tree: dict[str, Any]) -> Checked:
    """All of it. Raises ProfileMistake."""
    from swapcab.profile.pages import pages_of

    _only(tree, TOP, "profile")
    if tree.get("format") != FORMAT:
        raise ProfileMistake("profile.format", f"{tree.get('format')!r}; this tool knows format {FORMAT}")
    name = _text(tree, "name", 16, "profile")
    if not all(c.islower() or c.isdigit() or c == "-" for c in name):
        raise ProfileMistake("profile.name", f"`{name}`: small letters, digits and - only")
    if tree.get("bus") not in form.BUSES:
        raise ProfileMistake("profile.bus", f"{tree.get('bus')!r}; one of {', '.join(form.BUSES)}")
    bus = form.BUSES.index(tree["bus"])
    maker = _text(tree, "maker", 8, "profile", "")
    dummy = _text(tree, "dummy_serial", 16, "profile", "")
    if not all("!" <= c <= "~" for c in maker + dummy):
        raise ProfileMistake("profile.maker", "printable ASCII characters without blanks")
    limits = _only(tree.get("limits", {}), LIMITS, "limits")
    pace = _only(tree.get("pace", {}), {"lost_ms"}, "pace")
    first, last = _addresses(tree, bus)
    proof, proof_ids = _proof(tree, bus)
    checked = Checked(
        name=name, title=_text(tree, "title", 120, "profile"), maker=maker, bus=bus,
        baud=whole(tree.get("baud"), "profile.baud", 1200, 1000000), pages=[], flags=0, proof=proof, proof_ids=proof_ids,
        first=first, last=last, shift=form.NO_NODE, request_shift=form.NO_NODE,
        read_max=whole(limits.get("read_max", 125), "limits.read_max", 1, 125),
        rest_ms=whole(limits.get("rest_ms", 0), "limits.rest_ms", 0, 5000),
        lost_ms=whole(pace.get("lost_ms", 5000), "pace.lost_ms", 100, 20000), checks=(0, 0, 0, 0), fixed=_fixed(tree), dummy=dummy,
        missing=[], tree=tree,
    )  # fmt: skip
    if bus == form.CAN:
        _identifiers(tree, checked)
    pages_of(tree, checked)
    _whole_reading(checked)
    return checked


def _addresses(tree: dict[str, Any], bus: int) -> tuple[int, int]:
    given = _only(tree.get("addresses", {"first": 1, "last": 1}), {"first", "last"}, "addresses")
    first = whole(given.get("first"), "addresses.first", 1, 247)
    return first, whole(given.get("last"), "addresses.last", first, 247)


def _identifiers(tree: dict[str, Any], checked: Checked) -> None:
    given = _only(tree.get("identifiers", {}), {"extended", "address_shift", "request_address_shift", "keep_alive"}, "identifiers")
    if given.get("extended") is True:
        checked.flags |= form.EXTENDED
    if "address_shift" in given:
        checked.shift = whole(given["address_shift"], "identifiers.address_shift", 0, 21)
    elif checked.first != checked.last:
        raise ProfileMistake("identifiers.address_shift", "missing: without it a line has one pack, and `addresses` names one only")
    if "request_address_shift" in given:
        checked.request_shift = whole(given["request_address_shift"], "identifiers.request_address_shift", 0, 21)
    if "keep_alive" in given:
        top = 29 if checked.flags & form.EXTENDED else 11
        checked.keep_alive = whole(given["keep_alive"], "identifiers.keep_alive", 1, (1 << top) - 1)
    if checked.shift != form.NO_NODE and not checked.flags & form.EXTENDED:
        raise ProfileMistake("identifiers.address_shift", "11-bit identifiers have no room for addresses; `extended` is needed")


def _proof(tree: dict[str, Any], bus: int) -> tuple[int, tuple[int, int]]:
    given = _only(tree.get("proof"), {"strategy", "request_id", "answer_id", "nonce", "answer"}, "proof")
    strategy = given.get("strategy")
    if strategy not in PROOFS:
        raise ProfileMistake("proof.strategy", f"{strategy!r}; one of " + ", ".join(f"`{p}`" for p in PROOFS))
    if PROOFS[strategy] == form.PROOF_NONE:
        return form.PROOF_NONE, (0, 0)
    if bus == form.SERIAL:
        raise ProfileMistake("proof.strategy", "the pack link's challenge runs over CAN or Modbus only")
    if bus == form.CAN:
        ids = [whole(given.get(k), f"proof.{k}", 0, (1 << 29) - 1) for k in ("request_id", "answer_id")]
    else:
        ids = [whole(given.get(k), f"proof.{k}", 0, 0xFFFF) for k in ("nonce", "answer")]
    return form.PROOF_PACK_LINK, (ids[0], ids[1])


def _fixed(tree: dict[str, Any]) -> list[tuple[int, int]]:
    found = []
    for name, value in _only(tree.get("fixed", {}), set(form.QUANTITIES), "fixed").items():
        if name == "chemistry" and value in CHEMISTRIES:
            value = CHEMISTRIES[value]
        low, high = bounds(name)
        found.append((form.QUANTITIES.index(name), whole(value, f"fixed.{name}", low, high)))
    return found


def _whole_reading(checked: Checked) -> None:
    reported = {f.quantity for p in checked.pages for f in p.fields}
    for to, _ in checked.fixed:
        if form.QUANTITIES[to] in reported:
            raise ProfileMistake(f"fixed.{form.QUANTITIES[to]}", "a message tells it already; one source is enough")
        reported.add(form.QUANTITIES[to])
    if {"nominal_mv", "nominal_cell_mv"} <= reported:
        raise ProfileMistake("messages", "nominal_mv and nominal_cell_mv are both told; one is enough")
    if "cell" in reported and not {"cell_min_mv", "cell_max_mv"} & reported:
        checked.flags |= form.FROM_CELLS
        reported |= {"cell_min_mv", "cell_max_mv"}
    if "temp" in reported and not {"temp_min_ddegc", "temp_max_ddegc"} & reported:
        checked.flags |= form.FROM_TEMPS
        reported |= {"temp_min_ddegc", "temp_max_ddegc"}
    if "serial" in reported:
        checked.flags |= form.HAS_SERIAL
        if "cell_count" not in reported:
            raise ProfileMistake("messages", "a pack that tells its serial number must tell its cell_count too (or `fixed` does)")
    if any(f.quantity == "counter" for p in checked.pages for f in p.fields):
        checked.flags |= form.HAS_COUNTER
    if "nominal_cell_mv" in reported and "cell_count" in reported:
        reported.add("nominal_mv")
    checked.missing = [name for name in NEEDED if name not in reported]
    for low in ("cell_min_mv", "temp_min_ddegc"):
        high = low.replace("_min_", "_max_")
        if (low in reported) != (high in reported):
            raise ProfileMistake("messages", f"of {low} and {high} a profile has both or none")
    if checked.proof and checked.missing:
        needed = ", ".join(checked.missing)
        raise ProfileMistake("messages", f"a pack that can prove itself may be charged, so its profile must also tell {needed}")
    if not any(p.flags & form.READING for p in checked.pages):
        raise ProfileMistake("messages", "none of them is needed for a reading")


def scale_field(found: Field, quantity: str, tree: dict[str, Any], where: str) -> None:
    """Unit, offset, sign and range of a number. Raises ProfileMistake."""
    try:
        factor, after = scale_of(quantity, str(tree.get("unit", "")))
    except ValueError as error:
        raise ProfileMistake(f"{where}.unit", str(error)) from None
    if tree.get("negate"):
        factor = -factor
    add = Fraction(str(tree.get("add", 0)))
    if "add" not in tree and after:
        add = after / factor
    if add.denominator != 1:
        raise ProfileMistake(f"{where}.add", f"{add} is no whole number of raw steps")
    found.add, found.num, found.den = int(add), factor.numerator, factor.denominator
    if not (abs(found.num) <= 1000000 and found.den <= 1000000 and abs(found.add) <= 10000000):
        raise ProfileMistake(f"{where}.unit", "more digits than fit")
    low, high = bounds(quantity)
    found.low = whole(tree.get("min", low), f"{where}.min", low, high)
    found.high = whole(tree.get("max", high), f"{where}.max", found.low, high)

