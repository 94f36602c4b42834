"""Settings: the one place where they are read, checked and explained.

A settings file is a JSON object of at most 32 KiB. Each section is a table of fields below; docs/settings.md is generated
from these tables. Whatever is wrong is named with its path, its value and what is allowed; nothing is guessed.
"""

from cabinet.core import limits, option_table
from cabinet.settings_section import Section
from cabinet.startup import address_check, driver_registry, json_text, limit_check, relations
from cabinet.startup.settings_error import MISSING, NO_VALUE, SettingsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_BYTES = 32768
MAX_SLOTS = 48
NEEDED = object()  # a field without default

# field: (name, kind, default, lowest, highest, what it means). Texts: lowest and highest count characters.
# kind "choice": highest is the tuple of what is allowed.
CABINET = (
    ("id", "text", NEEDED, 1, 32, "identity of the cabinet in topics and events; letters, digits, - and _"),
    ("slots", "int", NEEDED, 1, MAX_SLOTS, "number of slots"),
    ("mains_relay", "choice", "none", 0, ("none", "heartbeat"),
     "what can take the mains from the chargers: nothing, or a relay that the board's heartbeat output holds; "
     "needed for chargers that never stop by themselves (docs/devices.md)"),
)
BUS = (
    ("kind", "choice", NEEDED, 0, tuple(row.name for row in driver_registry.BUSES),
     "what is spoken on the line; pins: no line, but what is wired to the controller or to expanders beside it"),
    ("port", "text", NEEDED, 1, 64, "name of the port, see the board's page in docs/boards.md"),
    ("baud", "int", NEEDED, 1200, 1000000, "bits per second (pins: of the expanders' I2C, else any)"),
)
GROUP = (
    ("first_slot", "int", NEEDED, 1, MAX_SLOTS, "first slot of the group"),
    ("last_slot", "int", NEEDED, 1, MAX_SLOTS, "last slot of the group"),
    ("pack", "section", NEEDED, 0, 0, "how the packs are reached"),
    ("charger", "section", NEEDED, 0, 0, "how the chargers are reached"),
    ("io", "section", NEEDED, 0, 0, "how the locks are reached; with slot boards doors, latches, presence switches and dangers too"),
    ("inputs", "section", None, 0, 0, "how doors, latches, presence switches and dangers are read where `io` is not a slot board"),
)
DEVICE = (
    ("bus", "text", NEEDED, 1, 16, "name of the bus, as under `buses`"),
    ("driver", "driver", NEEDED, 0, tuple(driver_registry.names()), "what is spoken to the device; "
     "profile:NAME: as the profile says (profiles.md)"),
    ("first_address", "int", NEEDED, 0, 255, "address of the first slot's device, counted up slot by slot; of io and inputs: of the first "
     "board of the cabinet; how many slots a board serves and how many addresses it takes stands below"),
)
CONTROL = tuple((name, "int", row[0], row[1], row[2], row[3]) for name, row in sorted(option_table.FIELDS.items()))
UPLINK = (
    ("host", "text", NEEDED, 1, 253, "name or address of the MQTT broker"),
    ("port", "int", 1883, 1, 65535, "TCP port of the broker"),
    ("prefix", "text", "swapcab/v1", 1, 64, "first part of every topic"),
    ("user", "text", "", 0, 64, "user name at the broker; the password stands in the secrets file"),
    ("window", "int", 16, 1, 64, "messages in flight"),
    ("batch", "int", 16, 1, 64, "most events in one message while a backlog drains"),
    ("keepalive_s", "int", 300, 5, 3600, "MQTT keep-alive, s: a ping each half of it; a dead cabinet is noticed after 1.5 times as long"),
    ("gather_s", "int", 60, 0, 3600, "how long an event waits for others of the same message, s; alarms are published at once"),
    ("compact", "choice", "on", 0, ("off", "on"), "in an array of events, leave out fields that are as in the event before"),
    ("state_settle_s", "int", 60, 0, 3600, "so long a changed word in a slot's retained state waits for more changes, s"),
    ("state_pause_s", "int", 3600, 1, 86400, "least time between two states of a slot in which only measured values moved, s"),
    ("spread_s", "int", 10, 0, 600,
     "after a start the first connection waits for any part of this, s: cabinets that start together come one by one"),
    ("month_mb", "int", 0, 0, 50000, "budget of the line a month, MB: telemetry waits when it runs short, events never; 0: none"),
    ("interfaces", "text", "", 0, 64, "network interfaces of the board in the order of preference, blanks between; empty: its only one"),
    ("return_s", "int", 300, 30, 86400, "the uplink goes back to a better interface when that has answered for so long, s"),
    ("tls", "choice", "off", 0, ("off", "on"), "TLS with a verified server certificate; never falls back"),
    ("ca_file", "text", "", 0, 64, "with TLS: file beside settings.json with the certificate of the broker's authority (PEM or DER)"),
    ("server_name", "text", "", 0, 253, "with TLS: the name in the broker's certificate, if it is not `host`"),
    ("cert_file", "text", "", 0, 64, "with TLS: file with the cabinet's own certificate, for a broker that asks for one (PEM or DER)"),
    ("key_file", "text", "", 0, 64, "with TLS: file with the private key of that certificate; secret"),
)
TELEMETRY = (
    ("period_s", "int", 60, 5, 86400, "each slot is looked at so often, s"),
    ("heartbeat_s", "int", 7200, 5, 86400, "a slot is recorded at least so often, moved or not, s"),
    ("gather_s", "int", 1800, 0, 86400, "so long records wait for others that go in the same message, s"),
    ("soc_pct", "int", 25, 0, 100, "a slot is recorded when the state of charge has moved by so much since its record before, %; 0: never"),
    ("voltage_mv", "int", 0, 0, 100000, "or the voltage of the pack, mV"),
    ("current_ma", "int", 0, 0, 200000, "or its current, mA"),
    ("temp_ddegc", "int", 100, 0, 2000, "or its highest temperature, 0.1 degC"),
    ("cell_mv", "int", 300, 0, 5000, "or the voltage of its lowest or highest cell, mV"),
    ("power_w", "int", 3000, 0, 200000, "the cabinet is recorded when the power of all chargers has moved by so much, W"),
)
TIME = (
    ("servers", "text", "", 0, 253, "SNTP servers with blanks between, two or better three; empty: the board's own clock is trusted"),
    ("port", "int", 123, 1, 65535, "their UDP port"),
    ("period_s", "int", 3600, 60, 86400, "time between two questions, s"),
)
TOP_LEVEL = ("cabinet", "buses", "groups", "control", "limits", "uplink", "telemetry", "time", "access")
MAX_TOKENS = 500
MAX_TOKEN_CHARS = 32


class SlotWiring:
    """Where the devices of one slot are."""

    def __init__(self, number: int, pack: Section, charger: Section, io: Section, inputs: "Any", offset: int) -> None:
        self.number = number
        self.pack_bus = pack.bus
        self.pack_driver = pack.driver
        self.pack_address = pack.first_address + offset
        self.charger_bus = charger.bus
        self.charger_driver = charger.driver
        self.charger_address = charger.first_address + offset
        self.io_bus = io.bus
        self.io_driver = io.driver
        row = driver_registry.driver(io.driver)
        self.io_address = io.first_address + (number - 1) // row.slots * row.addresses
        self.io_channel = (number - 1) % row.slots
        self.inputs_driver = ""
        if inputs is not None:
            self.inputs_bus = inputs.bus
            self.inputs_driver = inputs.driver
            row = driver_registry.driver(inputs.driver)
            self.inputs_address = inputs.first_address + (number - 1) // row.slots * row.addresses


class Settings:
    """All settings, checked. Sections: cabinet, control, uplink, telemetry, time; `buses` by name; `slots`; `limits`; `tokens`."""

    cabinet: Section
    control: Section
    uplink: Section
    telemetry: Section
    time: Section
    limits: "limits.LimitSet"

    def __init__(self, tree: dict, found: "list[SettingsError] | None" = None) -> None:
        """Raises the first SettingsError. With `found`, every error goes into that list instead; then only an empty list means that
        the settings are whole."""
        self._found = found
        self.buses = {}
        self.slots = []
        self.tokens = []
        self.profiles: "dict[str, Any]" = {}
        self._try(_only, tree, TOP_LEVEL, "")
        for name, fields in (("cabinet", CABINET), ("control", CONTROL), ("uplink", UPLINK), ("telemetry", TELEMETRY), ("time", TIME)):
            self._try(self._take_section, tree, name, fields)
        self._try(self._take_buses, tree)
        self._try(self._take_tokens, tree)
        if not found:  # what follows needs the sections
            self._try(self._take_slots, tree)
        if not found:
            for relation in relations.ALL:
                self._try(relation, self)
        self._try(self._take_limits, tree)
        if not found:
            self._try(limit_check.fits_current, self)

    def _try(self, step: "Any", *arguments: "Any") -> None:
        try:
            step(*arguments)
        except SettingsError as error:
            if self._found is None:
                raise
            self._found.append(error)

    def _take_section(self, tree: dict, name: str, fields: tuple) -> None:
        section = _section(tree.get(name, {}), fields, name)
        setattr(self, name, section)
        if name == "cabinet":
            _name(section.id, "cabinet.id")
        elif name == "uplink":
            if section.tls == "on" and not section.ca_file:
                raise SettingsError("uplink.ca_file", MISSING, "the certificate of the broker's authority, without which TLS is not "
                                    "switched on")
            if bool(section.cert_file) != bool(section.key_file):
                raise SettingsError("uplink.key_file", section.key_file, "certificate and key together, or neither")

    def _take_buses(self, tree: dict) -> None:
        for name, bus in _mapping(tree.get("buses", MISSING), "buses").items():
            self.buses[name] = _section(bus, BUS, "buses." + name)

    def _take_slots(self, tree: dict) -> None:
        self.slots = _slots(tree.get("groups", MISSING), self.buses, self.cabinet.slots)
        for slot in self.slots:
            if slot.pack_driver.startswith(driver_registry.PROFILE):
                self.profiles[slot.pack_driver[len(driver_registry.PROFILE) :]] = None
            if self.cabinet.mains_relay == "none" and driver_registry.driver(slot.charger_driver).needs_mains_relay:
                raise SettingsError("cabinet.mains_relay", "none", "heartbeat: a charger of the kind %s goes on for ever when nobody "
                                    "speaks to it, so a relay must be able to take its mains" % slot.charger_driver)

    def _take_limits(self, tree: dict) -> None:
        self.limits = limit_check.check(_mapping(tree.get("limits", {}), "limits"))

    def _take_tokens(self, tree: dict) -> None:
        self.tokens = _tokens(tree.get("access", {}))


def parse(text: "Any", found: "list[SettingsError] | None" = None) -> Settings:
    """Settings from the bytes (or the text) of a file. Raises SettingsError; with `found`, only one for a text that is no JSON object,
    and all others go into that list."""
    if len(text) > MAX_BYTES:
        raise SettingsError("settings", "%d bytes" % len(text), "at most %d bytes" % MAX_BYTES)
    try:
        tree = json_text.load(text)
    except ValueError as error:
        raise SettingsError("settings", NO_VALUE, str(error))
    return Settings(_mapping(tree, "settings"), found)


def _mapping(value: "Any", path: str) -> dict:
    if not isinstance(value, dict):
        raise SettingsError(path, value, "an object {...}")
    return value


def _only(tree: dict, names: tuple, path: str) -> None:
    for name in tree:
        if name not in names:
            # what stands under a mistyped name may be a secret
            where = (path + "." if path else "") + str(name)
            raise SettingsError(where, NO_VALUE, "there is no such setting; allowed: " + ", ".join(names))


def _section(tree: "Any", fields: tuple, path: str) -> Section:
    tree = _mapping(tree, path)
    _only(tree, tuple(f[0] for f in fields), path)
    values = {}
    for name, kind, default, lowest, highest, meaning in fields:
        where = path + "." + name
        if name not in tree:
            if default is NEEDED:
                raise SettingsError(where, MISSING, allowed(kind, lowest, highest) + ": " + meaning)
            values[name] = default
        else:
            values[name] = _value(tree[name], kind, lowest, highest, where)
    return Section(path, values)


def allowed(kind: str, lowest: int, highest: "Any") -> str:
    if kind == "int":
        return "a whole number from %d to %d" % (lowest, highest)
    if kind == "text":
        return "a text of %d to %d characters" % (lowest, highest)
    if kind == "choice" or kind == "driver":
        return "one of " + ", ".join(['"%s"' % name for name in highest] + ([] if kind == "choice" else ["profile:NAME for packs"]))
    return "an object {...}"


def _value(value: "Any", kind: str, lowest: int, highest: "Any", path: str) -> object:
    if kind == "int":
        right = isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest
    elif kind == "text":
        right = isinstance(value, str) and lowest <= len(value) <= highest
    elif kind == "choice" or kind == "driver":
        right = isinstance(value, str) and (value in highest or kind == "driver" and _names_profile(value))
    else:
        right = isinstance(value, dict)
    if not right:
        raise SettingsError(path, value, allowed(kind, lowest, highest))
    return value


def _name(text: str, path: str) -> None:
    for character in text:
        if not ("a" <= character <= "z" or "A" <= character <= "Z" or "0" <= character <= "9" or character in "-_"):
            raise SettingsError(path, text, "letters, digits, - and _")


def _names_profile(driver: str) -> bool:
    name = driver[len(driver_registry.PROFILE) :]
    if not driver.startswith(driver_registry.PROFILE) or not 1 <= len(name) <= 16:
        return False
    return all("a" <= character <= "z" or "0" <= character <= "9" or character == "-" for character in name)


def _row(driver: str, bus: "Any") -> driver_registry.Driver:
    """The row of a driver that exists. Which bus a profile is for stands in its file, which is read later: `bus`, if packs can be on it."""
    rows = driver_registry.PROFILES
    kind = bus.kind if bus is not None and any(row.bus == bus.kind for row in rows) else rows[0].bus
    return driver_registry.driver(driver, kind)


def _device(tree: "Any", section: str, buses: dict, first: int, last: int, path: str) -> Section:
    """The checked section of the devices of the slots `first` to `last`."""
    device = _section(tree, DEVICE, path)
    bus = buses.get(device.bus)
    row = _row(device.driver, bus)
    if row.section != section:
        raise SettingsError(path + ".driver", device.driver, "a driver for `%s`: %s" % (section, ", ".join(driver_registry.names(section))))
    if bus is None:
        raise SettingsError(path + ".bus", device.bus, "one of the buses " + ", ".join(sorted(buses)))
    if bus.kind != row.bus:
        kinds = [other.bus for other in driver_registry.PROFILES] if row.name == driver_registry.PROFILE else [row.bus]
        raise SettingsError(path + ".bus", device.bus, "a bus of kind %s for the driver %s" % (_either(kinds), device.driver))
    if row.bauds and bus.baud not in row.bauds:
        raise SettingsError("buses.%s.baud" % device.bus, bus.baud, "%s for the driver %s" % (_either(row.bauds), device.driver))
    if device.first_address < row.lowest:
        raise SettingsError(path + ".first_address", device.first_address, "at least %d for the driver %s" % (row.lowest, device.driver))
    count = _addresses(row, first, last)
    if count > row.highest - row.lowest + 1:
        raise SettingsError(path + ".first_address", device.first_address, "at most %d devices of the driver %s on one bus (addresses %d "
                            "to %d), and this group has %d: put some on another bus"
                            % (row.highest - row.lowest + 1, device.driver, row.lowest, row.highest, count))
    if device.first_address + count - 1 > row.highest:
        raise SettingsError(path + ".first_address", device.first_address, "at most %d: the driver %s has the addresses %d to %d, and "
                            "this group needs %d" % (row.highest - count + 1, device.driver, row.lowest, row.highest, count))
    return device


def _either(choices: "list | tuple") -> str:
    """a, b or c."""
    texts = [str(choice) for choice in choices]
    return " or ".join(([", ".join(texts[:-1])] if len(texts) > 1 else []) + texts[-1:])


def _addresses(row: driver_registry.Driver, first: int, last: int) -> int:
    """How many addresses the devices of the slots `first` to `last` span. What serves several slots counts from the board of slot 1."""
    if row.section in ("pack", "charger"):
        return last - first + 1
    boards = 1 + (last - 1) // row.slots
    return boards * row.addresses - (row.addresses - row.later_addresses if boards > 1 else 0)


def _inputs(group: Section, io: Section, buses: dict, path: str) -> "Any":
    reads_switches = driver_registry.driver(io.driver).reads_switches
    if group.inputs is None:
        if not reads_switches:
            raise SettingsError(path + ".inputs", MISSING, "where doors, latches, packs and dangers are read: a board of the kind %s has "
                                "locks only" % io.driver)
        return None
    if reads_switches:
        raise SettingsError(path + ".inputs", group.inputs, "nothing: a board of the kind %s reads all of this itself" % io.driver)
    return _device(group.inputs, "inputs", buses, group.first_slot, group.last_slot, path + ".inputs")


def _slots(groups: "Any", buses: dict, count: int) -> list:
    if not isinstance(groups, list) or not groups:
        raise SettingsError("groups", groups, "a list of groups of slots that are wired alike")
    slots: "list[Any]" = [None] * count
    for index, tree in enumerate(groups):
        path = "groups[%d]" % index
        group = _section(tree, GROUP, path)
        if not group.first_slot <= group.last_slot <= count:
            raise SettingsError(path + ".last_slot", group.last_slot, "from first_slot (%d) to cabinet.slots (%d)"
                                % (group.first_slot, count))
        size = group.last_slot - group.first_slot + 1
        first, last = group.first_slot, group.last_slot
        pack = _device(group.pack, "pack", buses, first, last, path + ".pack")
        charger = _device(group.charger, "charger", buses, first, last, path + ".charger")
        io = _device(group.io, "io", buses, first, last, path + ".io")
        inputs = _inputs(group, io, buses, path)
        for offset in range(size):
            number = group.first_slot + offset
            if slots[number - 1] is not None:
                raise SettingsError(path, number, "each slot in one group only; slot %d is in a group before this one" % number)
            slots[number - 1] = SlotWiring(number, pack, charger, io, inputs, offset)
    for number, slot in enumerate(slots):
        if slot is None:
            raise SettingsError("groups", number + 1, "each slot from 1 to %d in a group; add slot %d to one" % (count, number + 1))
    shared = address_check.clash(slots)
    if shared:
        raise SettingsError("groups", NO_VALUE, shared)
    return slots


def _tokens(access: "Any") -> list:
    access = _mapping(access, "access")
    _only(access, ("tokens",), "access")
    tokens = access.get("tokens", [])
    if not isinstance(tokens, list) or len(tokens) > MAX_TOKENS:
        raise SettingsError("access.tokens", "list", "a list of at most %d tokens" % MAX_TOKENS)
    for index, token in enumerate(tokens):
        path = "access.tokens[%d]" % index
        _value(token, "text", 1, MAX_TOKEN_CHARS, path)
        for character in token:
            if not "!" <= character <= "~":
                raise SettingsError(path, token, "printable ASCII characters without blanks")
    return tokens


class Secrets:
    """Keys that never leave the controller: fleet_master and device_key, 32 bytes each, and the broker's password."""

    def __init__(self, tree: dict) -> None:
        _only(tree, ("fleet_master", "device_key", "uplink_password"), "secrets")
        self.fleet_master = _key(tree, "fleet_master")
        self.device_key = _key(tree, "device_key")
        password = tree.get("uplink_password", "")
        if not isinstance(password, str) or len(password) > 256:
            raise SettingsError("secrets.uplink_password", "(not shown)", "a text of at most 256 characters")
        self.uplink_password = password
        self.uplink_ca = b""  # not secret, but kept with what proves identities
        self.uplink_cert = b""
        self.uplink_key = b""


def _key(tree: dict, name: str) -> bytes:
    text: "Any" = tree.get(name)
    try:
        key = bytes.fromhex(text)
    except (TypeError, ValueError):
        key = b""
    if len(key) != 32:
        raise SettingsError("secrets." + name, "(not shown)", "32 bytes as 64 hexadecimal digits")
    return key


def parse_secrets(text: "Any") -> Secrets:
    """Secrets from the bytes (or the text) of a file. Raises SettingsError, which never shows a secret."""
    try:
        tree = json_text.load(text) if len(text) <= MAX_BYTES else None
    except ValueError as error:
        raise SettingsError("secrets", NO_VALUE, str(error))
    if not isinstance(tree, dict):
        raise SettingsError("secrets", NO_VALUE, "needed: one JSON object {...}")
    return Secrets(tree)
