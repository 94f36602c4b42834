"""Relations between settings: values that are each allowed, and with which together a cabinet would be unsafe or could not work.

What can work but is probably not meant is no error: the host's check gives a note (tools/swapcab/settings/notes.py).
"""

from cabinet.core import charging
from cabinet.startup.settings_error import SettingsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# (smaller setting, larger setting, whether they may be equal, why)
PAIRS = (
    ("full_soc_pct", "charge_stop_soc_pct", True, "else charging ends before a pack may be handed out"),
    ("charge_min_ma", "charge_ma", True, "else the least charge current is above the largest"),
    ("class_min_mv", "class_max_mv", True, "else no pack is of the class"),
    ("pulse_ms", "door_open_ms", True, "else the time for the door ends before the pulse does"),
    ("debounce_ms", "door_open_ms", False, "else no door is seen open in time, and each counts as stuck"),
)
# setting: (how often its data are taken, in ms; what they are). Data that may not be as old as that are always too old.
AGES = {
    "stale_pack_ms": (500, "pack data while charging"),
    "stale_rest_ms": (1500, "data of a resting pack"),
    "stale_charger_ms": (1000, "charger data"),
    "stale_io_ms": (100, "switches"),
}
LEAST_CHARGE_MA = 200  # less counts as no current: the rule no_current would stop every charge
_STEP_MA = 100  # of the charge plan
_TLS_ONLY = ("ca_file", "cert_file", "key_file", "server_name")


def ports(settings: "Any") -> None:
    """Each bus has a port of its own, and there is one kiosk at most."""
    users = {}
    kiosk = ""
    for name in sorted(settings.buses):
        bus = settings.buses[name]
        if bus.port in users:
            raise SettingsError("buses.%s.port" % name, bus.port, "a port of its own; the bus %s has this one" % users[bus.port])
        users[bus.port] = name
        if bus.kind == "kiosk":
            if kiosk:
                raise SettingsError("buses.%s.kind" % name, bus.kind, "one kiosk, and that is the bus %s" % kiosk)
            kiosk = name


def pairs(settings: "Any") -> None:
    """What is a minimum is not above its maximum."""
    control = settings.control
    for small, large, may_equal, why in PAIRS:
        least, most = getattr(control, small), getattr(control, large)
        if least > most or least == most and not may_equal:
            raise SettingsError("control." + small, least, "%s %s (%d): %s" % ("at most" if may_equal else "less than", large, most, why))


def ages(settings: "Any") -> None:
    """Data may be older than the time between two questions."""
    for name in sorted(AGES):
        period_ms, what = AGES[name]
        value = getattr(settings.control, name)
        if value <= period_ms:
            raise SettingsError("control." + name, value, "more than %d ms: %s are taken every %d ms and would always be too old" % (
                period_ms, what, period_ms))


def least_budget_w(control: "Any", mv: int) -> int:
    """Mains power with which the charge plan gives a slot its least current at this voltage, in W."""
    output_w = charging.power_w(mv, max(control.charge_min_ma, _STEP_MA))
    return (output_w * 100 + control.charger_efficiency_pct - 1) // control.charger_efficiency_pct


def charges(settings: "Any") -> None:
    """Something is charged at all."""
    control = settings.control
    if control.charge_ma < LEAST_CHARGE_MA:
        raise SettingsError("control.charge_ma", control.charge_ma, "at least %d mA: with less nothing is ever charged. 15 A are 15000"
                            % LEAST_CHARGE_MA)
    least_w = least_budget_w(control, control.class_min_mv)
    if control.budget_w < least_w:
        raise SettingsError("control.budget_w", control.budget_w, "at least %d W: with less nothing is ever charged, because a slot waits "
                            "for charge_min_ma (%d mA) at class_min_mv (%d mV). 5 kW are 5000"
                            % (least_w, control.charge_min_ma, control.class_min_mv))


def swaps(settings: "Any") -> None:
    """A cabinet has the packs of one vehicle."""
    if settings.control.swap_packs > settings.cabinet.slots:
        raise SettingsError("control.swap_packs", settings.control.swap_packs, "at most cabinet.slots (%d)" % settings.cabinet.slots)


def _is_host(text: str) -> bool:
    """Whether a text is a host name or an IPv4 address."""
    labels = text.split(".")
    for label in labels:
        if not 1 <= len(label) <= 63 or label[0] == "-" or label[-1] == "-":
            return False
        for character in label:
            if not ("a" <= character <= "z" or "A" <= character <= "Z" or "0" <= character <= "9" or character in "-_"):
                return False
    # ASCII by now: the digits of other scripts are digits to CPython and none to the controller
    if all(label.isdigit() for label in labels):
        return len(labels) == 4 and all(int(label) < 256 for label in labels)
    return True


def hosts(settings: "Any") -> None:
    """Names and addresses are that alone: no URL, no port, no path."""
    wanted = "a host name or an IPv4 address alone: no mqtt://, no port (%s), no path"
    for name in ("host", "server_name"):
        value = getattr(settings.uplink, name)
        if value and not _is_host(value):
            raise SettingsError("uplink." + name, value, wanted % "uplink.port")
    seen = []
    for server in settings.time.servers.split():
        if not _is_host(server):
            raise SettingsError("time.servers", server, wanted % "time.port")
        if server in seen:
            raise SettingsError("time.servers", server, "each server once: two answers of one server confirm nothing")
        seen.append(server)


def uplink(settings: "Any") -> None:
    """TLS is either whole or off, and topics can be published."""
    given = settings.uplink
    if given.tls == "off":
        for name in _TLS_ONLY:
            if getattr(given, name):
                raise SettingsError("uplink." + name, getattr(given, name), 'nothing without "tls": "on"; switch TLS on, or remove '
                                    "this setting")
    for character in given.prefix:
        if character in "+#" or not " " < character <= "~":
            raise SettingsError("uplink.prefix", given.prefix, "a topic of printable ASCII characters without blanks, + and #")
    if given.prefix[0] == "$":
        raise SettingsError("uplink.prefix", given.prefix, "a topic that does not begin with $: brokers keep these for themselves")
    names = given.interfaces.split()
    for index, name in enumerate(names):
        if name in names[:index]:
            raise SettingsError("uplink.interfaces", given.interfaces, "each interface once; %s stands twice" % name)


def telemetry(settings: "Any") -> None:
    """A slot is looked at as often as it is to be recorded."""
    given = settings.telemetry
    if given.heartbeat_s < given.period_s:
        raise SettingsError("telemetry.heartbeat_s", given.heartbeat_s, "at least period_s (%d), because a slot is looked at no more often"
                            % given.period_s)


ALL = (ports, pairs, ages, charges, swaps, hosts, uplink, telemetry)
