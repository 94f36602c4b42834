# pyright: reportArgumentType=false
"""NPB chargers: the firmware's frames against cantools."""

import random

from cabinet.bus.can_bus import CanBus
from cabinet.devices.chargers.npb import NpbCharger
from plant.npb import VALUES
from plant.wire_can import load

DATABASE = load("npb.dbc")
COMMAND, ANSWER = DATABASE.get_message_by_name("NpbCommand"), DATABASE.get_message_by_name("NpbAnswer")


class HandClock:
    ms = 1000

    def ticks_ms(self):
        return self.ms & 0x3FFFFFFF


class CantoolsUnit:
    """A CAN port with a unit that cantools speaks for; `state` holds raw values by name."""

    bitrate = 250_000

    def __init__(self):
        self.reported = []
        self.inbox = []
        self.state = dict.fromkeys(VALUES, 0)

    def set_filters(self, filters):
        assert all(extended for _, _, extended in filters)

    def send(self, can_id, extended, data):
        assert extended and can_id == COMMAND.frame_id | 1
        data = bytes(data)
        if len(data) == 2:
            name = next(n for n, c in VALUES.items() if c == int.from_bytes(data, "little"))
            self.inbox.append(ANSWER.encode({"Command": VALUES[name], name: self.state[name]}, scaling=False, padding=False, strict=False))
            return True
        reported = COMMAND.decode(data.ljust(4, b"\0"), scaling=False)
        name = next(n for n in reported if n != "Command")
        assert len(data) == (3 if name == "Operation" else 4)
        self.reported.append((name, reported[name]))
        self.state[name] = reported[name]
        self.state["FaultStatus"] = 0 if self.state["Operation"] else 1 << 6
        return True

    def recv(self, frame):
        if not self.inbox:
            return False
        data = self.inbox.pop(0)
        frame.can_id, frame.extended, frame.length = ANSWER.frame_id | 1, True, len(data)
        frame.data[: len(data)] = data
        return True


def bench():
    clock, unit = HandClock(), CantoolsUnit()
    port = type("Port", (), {"bitrate": 250_000, "send": staticmethod(unit.send), "recv": staticmethod(unit.recv),
                             "set_filters": staticmethod(unit.set_filters), "state": staticmethod(lambda: 0)})()
    bus = CanBus("can", port, clock)
    return clock, unit, bus, NpbCharger(bus, 1, clock)


def run(clock, bus, charger, ms, want=(0, 0)):
    for _ in range(ms // 20):
        charger.set(*want)
        bus.step()
        clock.ms += 20


def test_what_is_told_is_what_cantools_reads():
    clock, unit, bus, charger = bench()
    run(clock, bus, charger, 3_000, (54_600, 5_000))
    assert unit.reported[0] == ("Operation", 0)
    assert ("SystemConfig", 0x0400) in unit.reported and ("VoltageSet", 5460) in unit.reported and ("CurrentSet", 500) in unit.reported
    assert unit.reported.index(("SystemConfig", 0x0400)) < unit.reported.index(("VoltageSet", 5460))
    assert unit.state["Operation"] == 1
    run(clock, bus, charger, 2_000)
    assert unit.state["Operation"] == 0


def test_what_cantools_answers_is_what_is_read():
    clock, unit, bus, charger = bench()
    run(clock, bus, charger, 3_000)
    dice = random.Random(5)
    for _ in range(200):
        volt, amp, temp = dice.randrange(8000), dice.randrange(2000), dice.randrange(-400, 1000)
        unit.state.update(Voltage=volt, Current=amp, Temperature=temp)
        run(clock, bus, charger, 2_600)
        r = charger.reading
        assert (r.output_mv, r.output_ma, r.temp_ddegc) == (volt * 10, amp * 10, temp)
