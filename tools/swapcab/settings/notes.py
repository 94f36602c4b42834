# ruff: noqa: E501  one sentence a line
"""Notes on settings that can work but are probably not meant. The controller does not look at these; `swapcab settings check` does.

Each function gives texts of the form "path: what stands there; what follows; what to do".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cabinet.core import limits, rules
from cabinet.startup import driver_registry, limit_check, relations
from swapcab.settings import board_check

TLS_PORT = 8883
PLAIN_PORT = 1883
CHARGE_H = 6  # the rule charge_long ends a charge then
SMALL_PACK_MAH = 10000  # a smaller pack is no pack of a vehicle
LINE_BAUDS = (1200, 2400, 4800, 9600, 14400, 19200, 28800, 38400, 57600, 76800, 115200, 230400, 460800, 921600)
CAN_BAUDS = (50000, 100000, 125000, 250000, 500000, 800000, 1000000)
AS_DELIVERED = {"pack-link-modbus": 115200, "elcon": 250000, "kr-cu16": 19200}  # of drivers with several bauds
TEMPLATE_TOKEN = re.compile(r"T-\d{4}")
OF_ITSELF = ("127.0.0.1", "localhost")


def all_notes(settings: Any, folder: Path) -> list[str]:
    """The notes on checked settings whose file lies in `folder`."""
    found: list[str] = []
    for part in (_buses, _boards, _charging, _times, _swaps, _uplink, _access, _of_the_template, _limits):
        found.extend(part(settings))
    found.extend(_files(settings, folder))
    return found


def _devices(slot: Any) -> list[tuple[str, str]]:
    """(driver, bus) of all that a slot hangs on."""
    found = [(slot.pack_driver, slot.pack_bus), (slot.charger_driver, slot.charger_bus), (slot.io_driver, slot.io_bus)]
    return [*found, (slot.inputs_driver, slot.inputs_bus)] if slot.inputs_driver else found


def _buses(settings: Any) -> Iterator[str]:
    used = {bus for slot in settings.slots for _, bus in _devices(slot)}
    for name, bus in sorted(settings.buses.items()):
        if name not in used and bus.kind != "kiosk":
            yield f"buses.{name}: no group uses this bus; remove it, or name it in a group"
        if not bus.port.startswith("/") and bus.port not in board_check.known_ports(bus.kind):
            yield f"buses.{name}.port: no board of the tree has a port {bus.port} for the kind {bus.kind}; check with --board NAME"
        usual = CAN_BAUDS if bus.kind == "can" else LINE_BAUDS
        if bus.kind != "pins" and bus.baud not in usual:
            yield f"buses.{name}.baud: {bus.baud} is no usual rate; usual are {', '.join(map(str, usual))}"
    seen: set[tuple[str, str]] = set()
    for slot in settings.slots:
        for driver, name in _devices(slot):
            baud = settings.buses[name].baud
            own = AS_DELIVERED.get(driver, baud)
            if baud != own and (driver, name) not in seen:
                seen.add((driver, name))
                yield f"buses.{name}.baud: {baud}, but devices of the driver {driver} have {own} as delivered; is this one set to {baud}?"


def _boards(settings: Any) -> Iterator[str]:
    """Groups that count the boards of one line from different addresses."""
    first: dict[tuple[str, str, str], tuple[int, int]] = {}
    noted: set[tuple[str, str, str]] = set()
    for slot in settings.slots:
        found = [("io", slot.io_driver, slot.io_bus, slot.io_address - _boards_before(slot.number, slot.io_driver))]
        if slot.inputs_driver:
            address = slot.inputs_address - _boards_before(slot.number, slot.inputs_driver)
            found.append(("inputs", slot.inputs_driver, slot.inputs_bus, address))
        for section, driver, bus, address in found:
            key = (section, driver, bus)
            number, there = first.setdefault(key, (slot.number, address))
            if address != there and key not in noted:
                noted.add(key)
                yield (f"groups[].{section}.first_address: {address} in the group of slot {slot.number}, but {there} in that of slot {number}; "
                       f"it is the address of the board of slot 1 in every group, unless slot {slot.number} really has a board of its own")


def _boards_before(number: int, driver: str) -> int:
    """Addresses between the board of slot 1 and that of a slot."""
    row = driver_registry.driver(driver)
    return (number - 1) // row.slots * row.addresses


def _charging(settings: Any) -> Iterator[str]:
    control = settings.control
    gap = control.charge_stop_soc_pct - control.charge_resume_pct
    if gap < control.full_soc_pct - 1:
        yield (f"control.charge_resume_pct: {control.charge_resume_pct}; a pack between {gap + 1} and {control.full_soc_pct - 1} % is neither "
               f"charged nor handed out; make it at most {max(1, control.charge_stop_soc_pct - control.full_soc_pct + 1)}, or lower full_soc_pct")
    if control.charge_ma * CHARGE_H < SMALL_PACK_MAH:
        yield (f"control.charge_ma: {control.charge_ma} mA charge {control.charge_ma * CHARGE_H / 1000:g} Ah until the rule charge_long ends "
               "the charge; 15 A are 15000")
    largest = relations.least_budget_w(control, control.class_max_mv)
    if control.budget_w < largest:
        yield (f"control.budget_w: {control.budget_w} W; a pack of class_max_mv ({control.class_max_mv} mV) needs {largest} W for charge_min_ma "
               "and is never charged; 5 kW are 5000")
    limit = rules.level(rules.index_of("over_current"), 0)
    if control.charge_ma >= limit:
        yield (f"control.charge_ma: {control.charge_ma} mA; the rule over_current latches a slot at {limit} mA, so a pack that allows as much "
               f"ends out of service; make it less than {limit}")


def _times(settings: Any) -> Iterator[str]:
    control = settings.control
    for name, (period_ms, what) in sorted(relations.AGES.items()):
        value = getattr(control, name)
        if value < 2 * period_ms:
            yield f"control.{name}: {value} ms; {what} are taken every {period_ms} ms, so one lost answer is too many; make it at least {2 * period_ms}"
    if control.stale_pack_ms > control.stale_rest_ms:
        yield f"control.stale_pack_ms: {control.stale_pack_ms} ms, more than stale_rest_ms ({control.stale_rest_ms}); a pack that is charged is the more urgent one"
    for name in ("in_ms", "out_ms"):
        if getattr(control, name) > control.left_open_ms:
            yield f"control.{name}: {getattr(control, name)} ms, but a door counts as left open after left_open_ms ({control.left_open_ms}); raise that one"
    unproven = settings.limits.limit(rules.index_of("unproven"), limits.CHEMISTRY_UNKNOWN)
    if control.check_ms < unproven:
        yield f"control.check_ms: {control.check_ms} ms; a pack may take up to {unproven} ms to prove its identity (rule unproven), and is refused before"
    if len(settings.time.servers.split()) == 1:
        yield "time.servers: one server, so a wrong time from there is confirmed by nobody; give three"
    if settings.telemetry.gather_s > settings.telemetry.heartbeat_s:
        yield (f"telemetry.gather_s: {settings.telemetry.gather_s} s, more than heartbeat_s ({settings.telemetry.heartbeat_s}); records of a slot at "
               "rest arrive later than that")


def _swaps(settings: Any) -> Iterator[str]:
    control, slots = settings.control, settings.cabinet.slots
    if control.swap_packs == slots and control.swap_order == 0:
        yield f"control.swap_packs: {slots} of {slots} slots; with swap_order 0 one slot must be empty, so a swap never finds as many full packs"


def _uplink(settings: Any) -> Iterator[str]:
    given = settings.uplink
    if given.tls == "off" and given.port == TLS_PORT:
        yield f'uplink.port: {TLS_PORT} is the port of MQTT over TLS, but TLS is off; set "tls": "on" with ca_file, or the port {PLAIN_PORT}'
    if given.tls == "on" and given.port == PLAIN_PORT:
        yield f"uplink.port: {PLAIN_PORT} is the port of MQTT without TLS, but TLS is on; most brokers have TLS at {TLS_PORT}"
    if given.tls == "on" and not given.server_name and given.host.replace(".", "").isdigit():
        yield "uplink.server_name: missing; the broker's certificate must bear the address that stands in host, which few do"
    if given.host in OF_ITSELF:
        yield f"uplink.host: {given.host} is the controller itself; that is right for a simulated cabinet only"


def _access(settings: Any) -> Iterator[str]:
    kiosk = any(bus.kind == "kiosk" for bus in settings.buses.values())
    if settings.tokens and not kiosk:
        yield f"access.tokens: {len(settings.tokens)} tokens, but no bus of kind kiosk brings any; swaps are ordered by commands alone"
    if kiosk and not settings.tokens:
        yield "access.tokens: none, so every rider at the kiosk is refused; swaps are ordered by commands alone"
    if not kiosk and not settings.tokens:
        yield "buses: no bus of kind kiosk; swaps are ordered by commands alone"
    for index, token in enumerate(settings.tokens):
        if token in settings.tokens[:index]:
            yield f"access.tokens[{index}]: stands in access.tokens[{settings.tokens.index(token)}] already; remove it, or was another rider meant?"


def _of_the_template(settings: Any) -> Iterator[str]:
    """What the simulator's settings have and a real cabinet should not."""
    if settings.uplink.host in OF_ITSELF:
        return
    known = [token for token in settings.tokens if TEMPLATE_TOKEN.fullmatch(token)]
    if known:
        yield f"access.tokens: {len(known)} of them are the template's, such as {known[0]}, which anybody can guess and which open doors; remove them"
    zero = [name for name in ("gather_s", "state_settle_s", "spread_s") if not getattr(settings.uplink, name)]
    if len(zero) > 1:
        yield f"uplink.{zero[0]}: 0, as {' and '.join(zero[1:])}; that is the simulator's: each event is a message of its own; leave them out for the defaults"


def _limits(settings: Any) -> Iterator[str]:
    names = rules.quantity_names()
    for rule, identifier in enumerate(rules.IDS):
        levels = settings.limits.levels(rule)
        table = tuple(rules.level(rule, column) for column in range(4))
        if levels == table:
            continue
        quantity = names[rules.quantity(rule)]
        for column, chemistry in enumerate(limits.CHEMISTRY_NAMES):
            path = f"limits.{identifier}.{chemistry}"
            if levels[column] == table[column]:
                yield f"{path}: not given, so {limit_check.amount(table[column], quantity)} hold; give both LFP and NMC"
            if rules.side(rule) > 0 and levels[column + 2] < 0 and quantity != "temp_max_ddegc":
                yield (f"{path}: {limit_check.amount(levels[column], quantity)}; the fault would clear at "
                       f"{limit_check.amount(levels[column + 2], quantity)}, so while the pack stays it never does")
            target_mv = limits.TARGETS[limits.CHEMISTRY_NAMES[chemistry]][0]
            if identifier == "cell_ov" and levels[column] <= target_mv:
                yield f"{path}: {levels[column]} mV; packs are charged to {target_mv} mV a cell, so the rule ends each charge"
            yield from _order(settings, rule, column, path, quantity)


def _order(settings: Any, rule: int, column: int, path: str, quantity: str) -> Iterator[str]:
    """A rule that was tightened past a milder one of the same quantity."""
    side = rules.side(rule)
    for other, name in enumerate(rules.IDS):
        milder = rules.reaction(other) < rules.reaction(rule)
        if rules.quantity(other) != rules.quantity(rule) or not milder:
            continue
        mine, theirs = settings.limits.levels(rule)[column], settings.limits.levels(other)[column]
        if mine * side <= theirs * side < rules.level(rule, column) * side:
            yield (f"{path}: {limit_check.amount(mine, quantity)}; the milder rule {name} acts at {limit_check.amount(theirs, quantity)} only, "
                   "so this one is always first; tighten that one too")


def _files(settings: Any, folder: Path) -> Iterator[str]:
    if settings.uplink.tls != "on":
        return
    for name in ("ca_file", "cert_file", "key_file"):
        file = getattr(settings.uplink, name)
        if file and not (folder / file).is_file():
            yield f"uplink.{name}: {file} is not beside the settings; the controller needs it there"
