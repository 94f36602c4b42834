"""The hardware faults of an emulated board and its cabinet, and the part that `swapcab bench` must name for each. Data only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Fault:
    """What is wrong, and where it is put in: a chip or a line of the board, its options, the plant, the jig.

    In `part` and in `device`, {slot}, {channel} and such stand for what hangs at the slot that is at fault.
    """

    words: str
    part: str  # how the sheet of `swapcab bench` names it, from its beginning
    checks: tuple[str, ...]  # of the bench: those that see it
    device: tuple[tuple[str, Any], ...] = ()  # see device/hardware_faults.py
    options: tuple[tuple[str, Any], ...] = ()  # of emulator.host.Options
    plant: str = ""  # a fault of the plant's slot
    board: str = ""  # a fault of the plant's slot board
    jig: tuple[tuple[str, Any], ...] = ()  # attributes of emulator.jig.Jig
    offline: bool = False  # nothing passes between board and broker
    of_slot: bool = False  # NAME:SLOT is allowed

    def in_plant(self) -> bool:
        """Whether it needs a cabinet around the board."""
        return bool(self.plant or self.board or self.jig or self.offline or any(what.startswith("line") for what, _ in self.device))


def _line(port: str, kind: str) -> tuple[tuple[str, Any], ...]:
    return ((f"line {port}", kind),)


_CHIP = "flash area journal-a: flash chip"
_RTC = "RTC (chip, cell, crystal)"
_RELAY = "mains relay of the chargers"
_LINES = ("rs485",)
_PACKS = ("rs485", "packs")
_DOORS = ("rs485", "inputs")

FAULTS: dict[str, Fault] = {
    "heap-small": Fault("hardly any RAM is left", "RAM of the controller", ("memory",), options=(("heap", "300k"),)),
    "disk-full": Fault("the file system is full", "file system of the controller", ("memory",), device=(("disk", "full"),)),
    "button-held": Fault("the service button's contact is stuck", "service button", ("identity",), options=(("inputs", {"28": 0}),)),
    "random-dead": Fault("the random source fails its own tests", "random source", ("random",), device=(("random", "dead"),)),
    "random-stuck": Fault("the random source always gives the same", "random source", ("random",), device=(("random", "stuck"),)),
    "clock-slow": Fault("the MCU's crystal is 2 % slow", "crystal of the controller", ("clock",), device=(("ticks", -20000),)),
    "rtc-missing": Fault("no RTC chip answers", _RTC, ("clock",), device=(("rtc", "missing"),)),
    "rtc-empty": Fault("the RTC's cell is empty", _RTC, ("clock",), device=(("rtc", "empty"),)),
    "rtc-ahead": Fault("the RTC is a day ahead", _RTC, ("clock",), device=(("rtc", "ahead"),)),
    "rtc-stopped": Fault("the RTC stands still since yesterday", _RTC, ("clock",), device=(("rtc", "stopped"),)),
    "flash-missing": Fault("no flash chip answers", "flash area", ("flash",), device=(("flash", "missing"),)),
    "flash-wrong": Fault("the flash chip is another maker's", "flash area", ("flash",), device=(("flash", "wrong"),)),
    "flash-protected": Fault("the flash chip's protection bits are set", "flash area", ("flash",), device=(("flash", "protected"),)),
    "flash-busy": Fault("the flash chip never gets ready", "flash area", ("flash",), device=(("flash", "busy"),)),
    "flash-sector": Fault("a cell of sector 5 no longer erases", _CHIP + ", sector 5", ("flash",), device=(("flash", "sector"),)),
    "flash-wires": Fault("long wires to the flash: bits flip in reading", "flash area", ("flash",), device=(("flash", "wires"),)),
    "io-swapped": Fault("A and B of the slot boards' line are swapped", "RS485 line io: A and B swapped", _LINES,
                        device=_line("rs485-io", "silent")),
    "io-no-termination": Fault("the slot boards' line has no termination: CRC errors", "RS485 line io: termination or bias", _LINES,
                               device=_line("rs485-io", "crc")),
    "io-echo": Fault("the slot boards' line: the receiver is not off while it sends", "RS485 line io: driver enable", _LINES,
                     device=_line("rs485-io", "echo")),
    "slot-board-dead": Fault("the slot board is without supply", "RS485 line io: A and B swapped, or open", _LINES, board="dead"),
    "packs-swapped": Fault("A and B of the packs' line are swapped", "RS485 line packs: A and B swapped", _PACKS,
                           device=_line("rs485-packs", "silent")),
    "packs-no-termination": Fault("the packs' line has no termination: CRC errors", "RS485 line packs: termination or bias", _PACKS,
                                  device=_line("rs485-packs", "crc")),
    "packs-echo": Fault("the packs' line: the receiver is not off while it sends", "RS485 line packs: driver enable", _PACKS,
                        device=_line("rs485-packs", "echo")),
    "packs-no-bias": Fault("the packs' line is noise", "RS485 line packs: termination or bias", _PACKS,
                           device=_line("rs485-packs", "garbage")),
    "pack-dead": Fault("a pack does not answer", "pack of slot {slot} on RS485 line packs", _PACKS, plant="dead", of_slot=True),
    "pack-plug": Fault("a pack's plug is bad: CRC errors", "pack of slot {slot} on RS485 line packs", _PACKS, plant="crc", of_slot=True),
    "can-missing": Fault("no CAN controller answers", "CAN controller can-1", ("can",), device=(("can", "missing"),)),
    "can-crystal": Fault("the CAN controller has the wrong crystal", "CAN line can: open, no termination", ("can",),
                         device=(("can", "crystal"),)),
    "can-interrupt": Fault("the CAN controller's interrupt is not connected", "CAN line can: interrupt", ("can",),
                           device=(("can", "interrupt"),)),
    "can-open": Fault("a wire of the CAN line is off", "CAN line can: open, no termination", ("can",), device=(("can", "open"),)),
    "can-short": Fault("CANH and CANL touch", "CAN line can: shorted", ("can",), device=(("can", "short"),)),
    "charger-silent": Fault("a charger says nothing", "charger of slot {slot} on CAN line can", ("can",), plant="charger_silent",
                            of_slot=True),
    "door-stuck-open": Fault("a door's switch always says open", "door switch of slot {slot}", _DOORS,
                             device=_line("rs485-io", "bit {door} 0 {unit}"), of_slot=True),
    "door-stuck-shut": Fault("a door's switch always says shut", "door switch of slot {slot}", _DOORS,
                             device=_line("rs485-io", "bit {door} 1 {unit}"), of_slot=True),
    "latch-stuck": Fault("a latch's switch always says locked", "lock of slot {slot}", _DOORS,
                         device=_line("rs485-io", "bit {latch} 1 {unit}"), of_slot=True),
    "presence-on": Fault("a presence switch always says in", "presence switch of slot {slot}", _DOORS, plant="presence_on", of_slot=True),
    "presence-off": Fault("a presence switch always says out", "presence switch of slot {slot}", _DOORS, plant="presence_off",
                          of_slot=True),
    "lock-jammed": Fault("a lock's bolt does not move", "lock of slot {slot}", _DOORS, plant="lock_jammed", of_slot=True),
    "lock-dead": Fault("a lock output gives nothing", "slot board {unit}, output {output}", _DOORS, plant="lock_jammed",
                       jig=(("dead_output", "{slot}"),), of_slot=True),
    "lock-long": Fault("the lock outputs stay on for too long", "slot board {unit}, output", _DOORS, jig=(("pulse_share_pct", 230),)),
    "lock-burning": Fault("a lock output never ends its pulse", "slot board {unit}, output", _DOORS, device=_line("rs485-io", "burning")),
    "relay-welded": Fault("the mains relay is welded", _RELAY, ("relay",), jig=(("relay", "welded"),)),
    "relay-dead": Fault("the mains relay's coil has no supply", f"heartbeat, charge pump or coil of the {_RELAY}", ("relay",),
                        jig=(("relay", "dead"),)),
    "relay-pump": Fault("the charge pump's first capacitor is shorted: a level holds the relay", _RELAY, ("relay",),
                        jig=(("relay", "pump"),)),
    "relay-slow": Fault("the mains relay falls much too late", _RELAY, ("relay",), jig=(("relay", "slow"),)),
    "link-down": Fault("the network cable is out", "network: link or DHCP", ("network",), device=(("network", "down"),)),
    "broker-away": Fault("the broker does not answer", "broker", ("network",), offline=True),
    "watchdog-dead": Fault("the watchdog does not bite", "watchdog of the controller", ("watchdog",), options=(("watchdog_bites", False),)),
}  # fmt: skip
