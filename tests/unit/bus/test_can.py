"""The CAN bus itself: who gets a frame, what waits, how troubles of the line are told and left, what the filters let through."""

from cabinet.bus.can_bus import STANDARD, CanBus, acceptance
from cabinet.bus.can_client import CanClient


class HandClock:
    ms = 1000

    def ticks_ms(self):
        return self.ms & 0x3FFFFFFF


class Port:
    bitrate = 250_000

    def __init__(self):
        self.out = []
        self.inbox = []
        self.room = 1000
        self.now = 0
        self.restarts = 0
        self.broken = ()  # calls that raise

    def _touch(self, call):
        if call in self.broken:
            raise OSError(19)

    def send(self, can_id, extended, data):
        self._touch("send")
        if len(self.out) >= self.room or self.now == 3:
            return False
        self.out.append((can_id, extended, bytes(data)))
        return True

    def recv(self, frame):
        self._touch("recv")
        if not self.inbox:
            return False
        frame.can_id, frame.extended, data = self.inbox.pop(0)
        frame.length = len(data)
        frame.data[: len(data)] = data
        return True

    def set_filters(self, filters):
        self._touch("set_filters")
        self.filters = filters

    def state(self):
        self._touch("state")
        return self.now

    def restart(self):
        self.restarts += 1
        self._touch("restart")


class Ear(CanClient):
    def __init__(self, bus, name, can_ids, groups=()):
        self.received = []
        self.ticks = 0
        CanClient.__init__(self, bus, name, can_ids, groups)

    def on_frame(self, can_id, data, length, now_ms):
        self.received.append(can_id)

    def tick(self, now_ms):
        self.ticks += 1


def bench():
    clock, port = HandClock(), Port()
    return clock, port, CanBus("can", port, clock)


def run(clock, bus, ms):
    for _ in range(ms // 10):
        bus.step()
        clock.ms += 10


def refused(call):
    try:
        call()
    except ValueError as error:
        return str(error)
    return ""


def test_frames_go_to_whoever_owns_the_identifier_or_its_group():
    clock, port, bus = bench()
    one = Ear(bus, "one", (0x18DAF407, 0x123 | STANDARD), (0x18FF1007,))
    two = Ear(bus, "two", (0x123,), (0x18FF1008,))
    frames = ((0x18FF1007, True), (0x18FF1708, True), (0x18FF1807, True), (0x18DAF407, True), (0x123, True), (0x123, False))
    port.inbox = [(can_id, extended, b"\x00") for can_id, extended in frames]
    bus.step()
    assert one.received == [0x18FF1007, 0x18DAF407, 0x123] and two.received == [0x18FF1708, 0x123] and bus.unknown == 1


def test_no_identifier_has_two_owners():
    clock, port, bus = bench()
    Ear(bus, "one", (0x18DAF407,), (0x18FF1007,))
    assert "taken by one" in refused(lambda: Ear(bus, "x", (0x18DAF407,)))
    assert "taken by one" in refused(lambda: Ear(bus, "x", (0x18FF1307,)))
    assert "taken by one" in refused(lambda: Ear(bus, "x", (), (0x18FF1007,)))
    assert "taken by one" in refused(lambda: Ear(bus, "x", (), (0x18DAF007,)))
    assert len(bus.clients) == 1


def test_the_filters_let_all_devices_in_use_through_and_are_few():
    clock, port, bus = bench()
    for node in range(1, 25):
        Ear(bus, "pack %d" % node, (0x18DAF400 | node,), (0x18FF1000 | node,))
        Ear(bus, "charger %d" % node, (0x18FF50A0 + node,))
    bus.step()
    assert 1 <= len(port.filters) <= 14

    def passes(can_id):
        return any(extended and can_id & mask == wanted & mask for wanted, mask, extended in port.filters)

    for node in range(1, 25):
        assert passes(0x18DAF400 | node) and passes(0x18FF50A0 + node)
        assert all(passes(0x18FF1000 | kind << 8 | node) for kind in range(8))
    assert not passes(0x0CF00400) and not passes(0x123)
    assert acceptance([0x7FF | STANDARD]) == [(0x7FF, 0x7FF, False)]


def test_what_waits_is_bounded_and_counted():
    clock, port, bus = bench()
    port.room = 0
    for can_id in range(60):
        bus.send(can_id, b"12345678")
    assert bus.dropped == 12
    assert bus.send(5, b"87654321"), "a newer one of the same identifier takes the place of the older"
    port.room = 1000
    bus.step()
    assert len(port.out) == 48 and port.out[5] == (5, True, b"87654321")


def test_what_goes_first_is_on_the_wire_before_the_bus_runs_again():
    _, port, bus = bench()
    port.room = 0
    bus.send(1, b"12345678")
    bus.send(2, b"set it to")
    assert not port.out
    port.room = 1000
    bus.send(3, b"all off.", 8, True)
    assert [row[0] for row in port.out] == [3, 1, 2]
    port.room = 3
    bus.send(2, b"set it to")
    port.room = 1000
    bus.send(2, b"now off.", 8, True)  # takes the place of what waited
    assert port.out[3:] == [(2, True, b"now off.")]


def test_what_goes_first_waits_where_the_port_takes_nothing():
    _, port, bus = bench()
    port.now = 3
    assert bus.send(3, b"all off.", 8, True)
    assert not port.out
    port.now = 0
    bus.step()
    assert port.out == [(3, True, b"all off.")]


def test_the_load_is_that_of_the_frames():
    clock, port, bus = bench()
    Ear(bus, "ear", (1,))
    for _ in range(300):
        port.inbox += [(1, True, bytes(8))] * 10
        run(clock, bus, 10)
    assert 500 <= bus.load_permille <= 560  # 1,000 frames a second of 131 bits, without stuffing, at 250 kbit/s
    run(clock, bus, 2500)
    assert bus.load_permille == 0


def test_bus_off_is_told_and_left_by_a_restart_each_second():
    clock, port, bus = bench()
    bus.send(7, bytes(8))
    port.now = 3
    run(clock, bus, 3500)
    assert bus.fault == "bus_off" and bus.bus_off == 1 and port.restarts == 3 and port.out == []
    port.now = 0
    run(clock, bus, 300)
    assert bus.fault == "" and port.out == [(7, True, bytes(8))], "what waited goes out then"
    port.now = 3
    run(clock, bus, 300)
    assert bus.bus_off == 2


def test_a_controller_that_raises_is_off_the_bus_and_its_devices_go_on():
    dead = (
        ("restart",), ("state",), ("state", "restart"), ("recv", "restart"), ("send", "restart"),
        ("set_filters", "recv", "send", "state", "restart"),
    )
    for broken in dead:
        clock, port, bus = bench()
        ear = Ear(bus, "ear", (7,))
        bus.send(7, bytes(8))
        port.broken = broken
        port.now = 3
        run(clock, bus, 3500)
        assert (bus.fault, bus.bus_off, bus.state, port.restarts) == ("bus_off", 1, 3, 3), broken
        assert 34 <= ear.ticks <= 36, broken
        port.broken = ()
        port.now = 0
        run(clock, bus, 300)
        assert bus.fault == "" and port.out == [(7, True, bytes(8))], broken


def test_a_device_has_its_tick_even_where_the_watch_of_the_controller_fails():
    clock, port, bus = bench()
    ear = Ear(bus, "ear", (7,))

    def lost():
        raise ValueError

    port.state = lost
    clock.ms += 100
    refused(bus.step)
    assert ear.ticks == 1


def test_error_passive_is_told_when_it_lasts():
    clock, port, bus = bench()
    run(clock, bus, 200)
    for _ in range(3):
        port.now = 2
        run(clock, bus, 500)
        assert bus.fault == ""
        port.now = 1
        run(clock, bus, 200)
    assert bus.passive == 3
    port.now = 2
    run(clock, bus, 1500)
    assert bus.fault == "error_passive" and bus.totals()["state"] == 2 and bus.totals()["passive"] == 4
    port.now = 0
    run(clock, bus, 200)
    assert bus.fault == ""
