"""The messages of a readable profile become pages with fields; every mistake is named with its place."""

from __future__ import annotations

import re
from typing import Any

from swapcab.profile.source import (
    FIELD,
    MESSAGE,
    SELF_CHECKS,
    Checked,
    Field,
    Page,
    ProfileMistake,
    _only,
    scale_field,
    template,
    whole,
)
from swapcab.profile.words import DIMENSIONS, TYPES, form

CHECK_SIZES = {"none": 0, "sum8": 1, "xor8": 1, "negsum16_be": 2, "crc16_modbus": 2}
LISTS = {"cell": form.CELL, "temp": form.TEMP}
TEXTS = {"serial": form.SERIAL_TEXT, "maker": form.MAKER_TEXT}
IGNORED = "ignored"  # bits beside alarms that are none
UNMAPPED = -1
IDENTITY = {"serial", "maker", "cell_count", "cell_mask", "nominal_mv", "capacity_mah", "chemistry", "nominal_cell_mv"}


def pages_of(tree: dict[str, Any], checked: Checked) -> None:
    """All pages of all messages, into `checked`. Raises ProfileMistake."""
    messages = tree.get("messages")
    if not isinstance(messages, list) or not messages:
        raise ProfileMistake("messages", "a list of what is read is needed")
    framing = _framing(tree, checked) if checked.bus == form.SERIAL else {}
    for number, message in enumerate(messages):
        where = f"messages[{number}]"
        _only(message, MESSAGE, where)
        where += f" ({message.get('name', '?')})"
        for turn in range(whole(message.get("repeat", 1), f"{where}.repeat", 1, 30)):
            page = Page(str(message.get("name", number)))
            _fields(message, page, checked, where, turn)
            if checked.bus == form.CAN:
                _can(message, page, checked, where, turn)
            elif checked.bus == form.MODBUS:
                _modbus(message, page, checked, where)
            else:
                _serial(message, page, framing, where)
            _unmapped_alarms(page)
            _reach(page, where)
            _flags(message, page, where)
            checked.pages.append(page)
    if len(checked.pages) > form.MAX_PAGES:
        raise ProfileMistake("messages", f"{len(checked.pages)} pages; a profile has room for {form.MAX_PAGES}")
    _once(checked)
    _order(checked)


def _framing(tree: dict[str, Any], checked: Checked) -> dict[str, Any]:
    framing = _only(tree.get("framing"), {"request", "answer"}, "framing")
    kinds = []
    for side in ("request", "answer"):
        given = _only(framing.get(side), {"check", "from", "end"}, f"framing.{side}")
        if given.get("check") not in SELF_CHECKS:
            raise ProfileMistake(f"framing.{side}.check", f"{given.get('check')!r}; one of {', '.join(SELF_CHECKS)}")
        kinds += [form.CHECKS.index(given["check"]), whole(given.get("from", 0), f"framing.{side}.from", 0, 15)]
    checked.checks = (kinds[0], kinds[1], kinds[2], kinds[3])
    return framing


def _fields(message: dict[str, Any], page: Page, checked: Checked, where: str, turn: int) -> None:
    fields = message.get("fields")
    if not isinstance(fields, list):
        raise ProfileMistake(f"{where}.fields", "a list of values is needed")
    for number, tree in enumerate(fields):
        place = f"{where}.fields[{number}]"
        _only(tree, FIELD, place)
        page.fields.append(_field(tree, checked, message, place, turn))


def _field(tree: dict[str, Any], checked: Checked, message: dict[str, Any], where: str, turn: int) -> Field:
    to = tree.get("to")
    where += f" ({to})"
    found = _place(tree, checked, message, where)
    found.name = str(tree.get("name", to))
    if not isinstance(to, str):
        raise ProfileMistake(f"{where}.to", "the quantity that it tells is needed")
    found.quantity = to
    if to in LISTS or to in TEXTS:
        found.kind = LISTS.get(to, TEXTS.get(to, 0))
        _list(found, tree, checked, where, turn)
        if to in LISTS:
            scale_field(found, to, tree, where)
    elif to == "cell_mask":
        found.kind, found.quantity = form.CELL_MASK, "cell_count"
    elif to in form.QUANTITIES:
        found.kind, found.to = form.NUMBER, form.QUANTITIES.index(to)
        scale_field(found, to, tree, where)
        found.index = 1  # the first source of its quantity; see _once
        if "absent" in tree:
            found.absent = whole(tree["absent"], f"{where}.absent", -(1 << 29), 1 << 29)
    elif to.partition(".")[0] in ("alarm", "state") and to.partition(".")[2] in form.BITS and to.partition(".")[2]:
        found.kind, found.to = form.BIT, form.BITS.index(to.partition(".")[2])
        if (found.to >= form.STATE_SHIFT) != to.startswith("state."):
            raise ProfileMistake(f"{where}.to", f"`{to}`: alarms are {_bits(0, 16)}; states are {_bits(16, 32)}")
        found.quantity = ""
    elif to == IGNORED:
        found.kind, found.to, found.quantity = form.BIT, UNMAPPED, ""
    else:
        known = [*DIMENSIONS, *TEXTS, "cell_mask"]
        bits = f"alarm.x with x of {_bits(0, 16)}, state.x with x of {_bits(16, 32)}"
        raise ProfileMistake(f"{where}.to", f"`{to}` is no quantity; there are {', '.join(known)}, {bits}")
    if found.kind == form.BIT:
        found.low = whole(tree.get("from", 1), f"{where}.from", 1, 0xFFFF)  # an alarm with levels: from which one on it counts
    elif "from" in tree:
        raise ProfileMistake(f"{where}.from", "only alarms and states have levels")
    if tree.get("invert"):
        found.how |= form.INVERT
    return found


def _bits(low: int, high: int) -> str:
    return ", ".join(b for b in form.BITS[low:high] if b)


def _place(tree: dict[str, Any], checked: Checked, message: dict[str, Any], where: str) -> Field:
    """Where its bits are: a byte and a type, bits of such a number, or a start bit as DBC files have it."""
    if "start_bit" in tree:
        return _dbc_place(tree, where)
    at = _offset(tree.get("at"), checked, message, f"{where}.at")
    kind = tree.get("type", "u8")
    if kind not in TYPES:
        raise ProfileMistake(f"{where}.type", f"{kind!r}; one of {', '.join(TYPES)}")
    size, signed, big = TYPES[kind]
    found = Field(form.NUMBER, 0, at, size, (form.BIG if big else 0) | (form.SIGNED if signed else 0))
    if "bit" in tree:
        found.shift = whole(tree["bit"], f"{where}.bit", 0, size * 8 - 1)
        found.bits = whole(tree.get("bits", 1), f"{where}.bits", 1, size * 8 - found.shift)
    elif "bits" in tree:
        raise ProfileMistake(f"{where}.bits", "`bit`, the lowest of them, is needed too")
    return found


def _dbc_place(tree: dict[str, Any], where: str) -> Field:
    start = whole(tree["start_bit"], f"{where}.start_bit", 0, 63)
    length = whole(tree.get("bit_length"), f"{where}.bit_length", 1, 32)
    order = tree.get("order")
    if order == "little":
        at, size, shift = start // 8, (start % 8 + length + 7) // 8, start % 8
    elif order == "big":  # start is the highest bit; the bits of a byte are numbered from 7 down
        at, above = start // 8, 7 - start % 8
        size = (above + length + 7) // 8
        shift = size * 8 - above - length
    else:
        raise ProfileMistake(f"{where}.order", "with start_bit, `little` or `big` is needed")
    if size > 4:
        raise ProfileMistake(f"{where}.bit_length", f"{length} bits from bit {start} lie in {size} bytes; at most 4 are read as one number")
    how = (form.BIG if order == "big" else 0) | (form.SIGNED if tree.get("signed") else 0)
    if shift == 0 and length == size * 8:
        return Field(form.NUMBER, 0, at, size, how)
    return Field(form.NUMBER, 0, at, size, how, shift, length)


def _offset(value: Any, checked: Checked, message: dict[str, Any], where: str) -> int:
    if checked.bus != form.MODBUS:
        return whole(value, where, 0, form.MAX_ANSWER)
    start = whole(message.get("start"), where.partition(".fields")[0] + ".start", 0, 0xFFFF)
    factor = 1 if _counts_bytes(checked) else 2
    return (whole(value, where, start, start + 250) - start) * factor


def _counts_bytes(checked: Checked) -> bool:
    way = checked.tree.get("limits", {}).get("addresses_count", "registers")
    if way not in ("bytes", "registers"):
        raise ProfileMistake("limits.addresses_count", f"{way!r}; `registers` as the standard has it, or `bytes`")
    return way == "bytes"


def _list(found: Field, tree: dict[str, Any], checked: Checked, where: str, turn: int) -> None:
    room = {
        form.CELL: form.MAX_CELLS, form.TEMP: form.MAX_TEMPS, form.SERIAL_TEXT: form.SERIAL_SIZE, form.MAKER_TEXT: form.MAKER_SIZE,
    }  # fmt: skip
    count = tree.get("count", 1)
    if found.kind in (form.SERIAL_TEXT, form.MAKER_TEXT):
        found.size = 1
    if count == "rest":
        found.count = -1
    elif isinstance(count, str) and re.fullmatch(r"byte \d+", count):
        found.count = -2 - int(count[5:])
    else:
        found.count = whole(count, f"{where}.count", 1, room[found.kind])
    step = found.count if found.count > 0 else 0
    found.index = whole(tree.get("index", 0), f"{where}.index", 0, room[found.kind] - 1) + turn * step
    if found.index >= room[found.kind]:
        raise ProfileMistake(f"{where}.index", f"place {found.index}; there are {room[found.kind]}")
    if found.count > 0 and found.index + found.count > room[found.kind]:
        found.count = room[found.kind] - found.index
    if found.bits:
        raise ProfileMistake(f"{where}.bit", "lists are made of whole bytes")
    if "absent" in tree:
        found.absent = whole(tree["absent"], f"{where}.absent", -(1 << 29), 1 << 29)


def _can(message: dict[str, Any], page: Page, checked: Checked, where: str, turn: int) -> None:
    top = (1 << (29 if checked.flags & form.EXTENDED else 11)) - 1
    page.ident = whole(message.get("id"), f"{where}.id", 0, top)
    if checked.shift != form.NO_NODE and page.ident >> checked.shift & 0xFF:
        raise ProfileMistake(f"{where}.id", f"bits {checked.shift} to {checked.shift + 7} are the pack's address and must be 0 here")
    if "request" in message:
        checked.flags |= form.POLLED
        page.request = whole(message["request"], f"{where}.request", 0, top)
        page.ask = template(message.get("ask_data", "00 00 00 00 00 00 00 00"), f"{where}.ask_data", 8)
    if "mux" in message:
        mux = dict(_only(message["mux"], {"at", "type", "bit", "bits", "value", "start_bit", "bit_length", "order"}, f"{where}.mux"))
        page.mux = whole(mux.pop("value", None), f"{where}.mux.value", 0, 0xFFFF) + turn
        page.mux_field = _place(mux, checked, message, f"{where}.mux")
        page.mux_field.kind = form.MUX
    elif turn:
        raise ProfileMistake(f"{where}.repeat", "only multiplexed messages repeat")


def _modbus(message: dict[str, Any], page: Page, checked: Checked, where: str) -> None:
    page.ident = whole(message.get("start"), f"{where}.start", 0, 0xFFFF)
    count = whole(message.get("count"), f"{where}.count", 1, 125)
    if count > checked.read_max:
        raise ProfileMistake(f"{where}.count", f"{count} registers in one read; limits.read_max allows {checked.read_max}")
    function = whole(message.get("function", 3), f"{where}.function", 3, 4)
    page.request = function << 8 | count
    page.least = count * 2


def _serial(message: dict[str, Any], page: Page, framing: dict[str, Any], where: str) -> None:
    page.ask = template(message.get("ask"), f"{where}.ask", form.MAX_TEMPLATE)
    page.ask_end = template(framing["request"].get("end", ""), "framing.request.end", 4)[0]
    page.begins = template(message.get("begins"), f"{where}.begins", form.MAX_TEMPLATE)
    if "or_begins" in message:
        page.other = template(message["or_begins"], f"{where}.or_begins", form.MAX_TEMPLATE)
        if len(page.other[0]) != len(page.begins[0]):
            raise ProfileMistake(f"{where}.or_begins", "as many bytes as `begins` has")
    page.tail = template(message.get("tail", framing["answer"].get("end", "")), f"{where}.tail", form.MAX_TEMPLATE)
    length = message.get("length")
    check = CHECK_SIZES[framing["answer"]["check"]]
    if isinstance(length, dict):
        _only(length, {"byte", "plus", "least"}, f"{where}.length")
        page.length = -whole(length.get("byte"), f"{where}.length.byte", 1, 60)
        page.plus = whole(length.get("plus"), f"{where}.length.plus", 0, 64)
        page.least = whole(length.get("least"), f"{where}.length.least", len(page.begins[0]) + check, form.MAX_ANSWER) - check
    else:
        page.length = whole(length, f"{where}.length", len(page.begins[0]) + check, form.MAX_ANSWER)
        page.least = page.length - check


def _unmapped_alarms(page: Page) -> None:
    """A bit beside alarms that nobody has mapped counts as an internal fault, unless the profile says that it is `ignored`."""
    mapped: dict[int, int] = {}  # byte: bits that have a meaning
    alarms: set[int] = set()
    for f in page.fields:
        if f.kind != form.BIT:
            continue
        bits = (1 << f.size * 8) - 1 if not f.bits else (1 << f.bits) - 1 << f.shift
        for k in range(f.size):
            at = f.at + k
            place = f.size - 1 - k if f.how & form.BIG else k
            mapped[at] = mapped.get(at, 0) | bits >> place * 8 & 0xFF
            if 0 <= f.to < form.STATE_SHIFT and f.bits:
                alarms.add(at)
    page.fields = [f for f in page.fields if f.kind != form.BIT or f.to != UNMAPPED]
    internal = form.BITS.index("internal")
    for at in sorted(alarms):
        rest = ~mapped[at] & 0xFF
        if rest:
            page.fields.append(Field(form.BIT, internal, at, 1, absent=rest, low=1, name="unmapped"))


def _reach(page: Page, where: str) -> None:
    """How long an answer must be at least; what is known of its length must suffice."""
    reach = 0
    for f in [*page.fields, page.mux_field]:
        if f is None:
            continue
        listed = f.kind in (form.CELL, form.TEMP, form.SERIAL_TEXT, form.MAKER_TEXT)
        size = f.size * f.count if listed and f.count > 0 else 0 if listed else f.size
        reach = max(reach, f.at + size)
        if listed and f.count < -1:
            reach = max(reach, -2 - f.count + 1)
    if page.least == 0:
        page.least = reach
        if reach > 8:
            raise ProfileMistake(where, f"a field ends at byte {reach}; a CAN frame has 8")
    elif reach > page.least:
        raise ProfileMistake(where, f"a field ends at byte {reach}, the answer has {page.least}")


def _flags(message: dict[str, Any], page: Page, where: str) -> None:
    names = {f.quantity for f in page.fields}
    need = message.get("need", "identity" if names & IDENTITY and not names - IDENTITY - {""} else "reading")
    flags = {"reading": form.READING, "identity": form.IDENTITY, "both": form.READING | form.IDENTITY, "extra": 0}
    if need not in flags:
        raise ProfileMistake(f"{where}.need", f"{need!r}; one of {', '.join(flags)}")
    page.flags = flags[need]
    if page.other is not None:
        page.flags |= form.OTHER
    if message.get("key"):
        page.flags |= form.KEY
    slow = 30000 if need == "identity" else 0
    page.every_ms = whole(message.get("every_ms", slow), f"{where}.every_ms", 0, 3600000)


def _once(checked: Checked) -> None:
    seen: dict[str, str] = {}
    for page in checked.pages:
        for f in page.fields:
            if f.kind in (form.CELL, form.TEMP, form.SERIAL_TEXT, form.MAKER_TEXT) or not f.quantity:
                continue
            if f.quantity in seen and f.absent != form.NOT_ABSENT and seen[f.quantity] == page.name:
                f.index = 0  # counts where it has a value, else the one before it does
                continue
            if f.quantity in seen:
                raise ProfileMistake(f"messages ({page.name})", f"{f.quantity} is told already by {seen[f.quantity]}; one source is enough")
            seen[f.quantity] = page.name


def _order(checked: Checked) -> None:
    """Pages of one identifier stand together; one page completes a reading."""
    if checked.bus != form.CAN:
        return
    silent = [p.name for p in checked.pages if not p.request]
    if checked.flags & form.POLLED and silent:
        raise ProfileMistake(f"messages ({silent[0]}).request", "missing: either all messages of a profile are asked for, or none")
    order: list[int] = []
    for page in checked.pages:
        if page.ident not in order:
            order.append(page.ident)
    checked.pages.sort(key=lambda page: order.index(page.ident))
    by_mux = {(p.ident, p.mux) for p in checked.pages}
    plain = [p.ident for p in checked.pages if p.mux < 0]
    if len(by_mux) != len(checked.pages) or any(len([q for q in checked.pages if q.ident == ident]) > 1 for ident in plain):
        raise ProfileMistake("messages", "two messages with the same identifier (and value of the multiplexer)")
    if not any(page.flags & form.KEY for page in checked.pages):
        next(page for page in checked.pages if page.flags & form.READING).flags |= form.KEY
