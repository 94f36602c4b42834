"""CAN through the MCP2515 and its queue at 500 kbit/s: the bus room's own tests, and a bus as full as it can be."""

from chips.can_queue import QueuedCan, SharedBus
from chips.mcp2515 import MCP2515
from mcp2515_model import Mcp2515Model, Wire
from other_tests import module_of, run_all
from spi_bus import Clock, Select, Spi

from cabinet.bus.can_bus import CanBus

BITRATE = 500000


class Frame:
    """What the bus room hands to recv."""

    def __init__(self):
        self.can_id, self.extended, self.length, self.data = 0, False, 0, bytearray(8)


class Line:
    """A queue on a driver on a chip on a timed bus. The handler of the INT pin runs `late_us` after the edge."""

    def __init__(self, late_us=150, us_per_call=6, frames=64):
        self.clock = Clock()
        self.model = Mcp2515Model(self.clock)
        self.spi = Spi(self.clock, us_per_call)
        self.bus = SharedBus()
        select = self.bus.select(Select(self.spi, self.model))
        self.chip = MCP2515(self.spi, select, self.clock, BITRATE, 16000000, self.model.interrupt)
        self.port = QueuedCan(self.chip, self.bus, self.model.interrupt, frames)
        self.wire = Wire(self.clock, self.model, BITRATE)
        self.late_us = late_us
        self._fallen_us = -1
        self._level = 1

    def pass_us(self, microseconds, step=20):
        """Time passes: frames arrive, and the handler runs when its time has come."""
        ends = self.clock.now_us + microseconds
        while self.clock.now_us < ends:
            self.clock.now_us += step
            self.wire.run()
            level = self.model.interrupt()
            if self._level and not level:
                self._fallen_us = self.clock.now_us
            self._level = level
            if self._fallen_us >= 0 and self.clock.now_us - self._fallen_us >= self.late_us:
                self._fallen_us = -1
                self.port.on_interrupt(None)
                self._level = self.model.interrupt()

    def received(self):
        """All that waits."""
        found, frame = [], Frame()
        while self.port.recv(frame):
            found.append((frame.can_id, frame.extended, bytes(frame.data[: frame.length])))
        return found


def full_bus(line, count):
    """As many frames of 8 bytes as the wire carries, one behind the other."""
    frames = [(0x18FF0000 + n, True, bytes((n & 0xFF,)) * 8) for n in range(count)]
    line.wire.queue = list(frames)
    line.wire.free_us = line.clock.now_us
    return frames


def test_a_full_bus_loses_nothing_while_the_loop_comes_by_every_five_milliseconds():
    line = Line()
    line.port.set_filters([(0, 0, True)])
    frames, seen = full_bus(line, 300), []
    while line.wire.queue:
        line.pass_us(5000)
        seen += line.received()
    line.pass_us(5000)
    assert seen + line.received() == frames and line.port.overruns == 0 and line.model.lost == 0


def test_an_interrupt_half_a_millisecond_late_is_early_enough():
    line = Line(late_us=250)
    line.port.set_filters([(0, 0, True)])
    frames = full_bus(line, 60)
    while line.wire.queue:
        line.pass_us(1000)
    line.pass_us(2000)
    assert line.received() == frames


def test_a_program_that_is_held_up_for_two_milliseconds_loses_frames_as_the_real_chip_does_and_counts_it():
    line = Line(late_us=2000)
    line.port.set_filters([(0, 0, True)])
    frames, seen = full_bus(line, 100), []
    while line.wire.queue:
        line.pass_us(5000)
        seen += line.received()
    line.pass_us(5000)
    seen += line.received()
    assert line.model.lost == len(frames) - len(seen) > 20 and line.port.overruns > 0
    assert seen == [frame for frame in frames if frame in seen]  # what came came in order


def test_without_the_interrupt_five_milliseconds_are_too_long_at_this_rate():
    line = Line(late_us=10**9)
    line.port.set_filters([(0, 0, True)])
    full_bus(line, 100)
    while line.wire.queue:
        line.pass_us(5000)
        line.received()
    assert line.model.lost > 50 and line.port.overruns > 0


def test_a_queue_that_is_full_drops_the_newest_and_counts():
    line = Line(frames=8)
    line.port.set_filters([(0, 0, True)])
    frames = full_bus(line, 20)
    line.pass_us(20000)
    assert line.received() == frames[:8] and line.port.lost == line.port.overruns == 12


def test_an_edge_that_was_missed_is_made_up_for_when_somebody_looks():
    line = Line()
    line.port.set_filters([(0, 0, True)])
    line.model.deliver(0x123456, True, b"missed")
    assert line.port.stream.ioctl(3, 1) == 1 and line.received() == [(0x123456, True, b"missed")]


def test_what_is_sent_in_the_middle_of_what_comes_goes_out_once_and_whole():
    line = Line()
    line.port.set_filters([(0, 0, True)])
    frames, seen, sent = full_bus(line, 120), [], []
    number = 0
    while line.wire.queue:
        if line.port.send(0x1806E5F4, True, bytes((number,)) * 8):
            number += 1
        line.pass_us(700)
        frame = line.model.transmit()
        if frame:
            sent.append(frame[2][0])
        seen += line.received()
    line.pass_us(3000)
    assert seen + line.received() == frames and sent == list(range(len(sent))) and len(sent) > 20


def test_an_interrupt_while_the_bus_is_held_waits_for_its_release():
    line = Line()
    line.port.set_filters([(0, 0, True)])
    line.bus.hold()
    line.model.deliver(5, True, b"")
    line.port.on_interrupt(None)
    calls = line.spi.calls
    assert line.bus.asked and line.spi.calls == calls
    line.bus.release()
    assert not line.bus.asked and line.spi.calls > calls and line.received() == [(5, True, b"")]


def test_a_chip_that_answers_no_more_is_an_error_where_frames_are_looked_for_and_nowhere_else():
    line = Line()
    line.port.set_filters([(0, 0, True)])
    line.model.deliver(5, True, b"")
    line.model.exchange = lambda byte: 0xFF  # INT still works, what it says does not come through
    line.port.on_interrupt(None)
    line.bus.hold()
    line.port.on_interrupt(None)
    line.bus.release()  # another chip's driver, which has no part in this
    assert line.bus.held == 0
    try:
        line.port.recv(Frame())
    except OSError:
        pass
    else:
        raise AssertionError("taken for a line on which nothing is said")
    bus = CanBus("can", line.port, line.clock)
    bus._take_frames(0)
    assert bus.fault == "timeout" and line.bus.held == 0


class Inbox:
    """What the bus room's tests put on the bus: each frame takes its time on the wire, then the handler may run."""

    def __init__(self, line):
        self._line = line

    def append(self, frame):
        """One frame."""
        can_id, data = frame
        line = self._line
        line.wire.queue.append((can_id, True, bytes(data)))
        line.wire.free_us = line.clock.now_us
        line.pass_us(600)

    def extend(self, frames):
        """Several."""
        for frame in frames:
            self.append(frame)


class ChipPort:
    """Takes the place of the stand-in port in the tests of the drivers on CAN."""

    stream = None

    def __init__(self):
        self.line = Line()
        self.inbox = Inbox(self.line)
        self.out = []
        self.filters = None
        self.restarts = 0
        self.room = 1000
        self.bitrate = self.line.port.bitrate
        self.fault_state = 0
        self.line.port.set_filters([(0, 0, True)])  # the tests speak before the bus has told what it wants to hear

    def _trouble(self):
        flags = self.line.model.registers[0x2D] & 0xC0
        self.line.model.registers[0x2D] = flags | (0x20 if self.fault_state == 3 else 0)

    def send(self, can_id, extended, data):
        """Through the chip, and off the bus at once."""
        if len(self.out) >= self.room or not self.line.port.send(can_id, extended, data):
            return False
        frame = self.line.model.transmit()
        if frame is not None:
            self.out.append(self.row(frame))
        return True

    @staticmethod
    def row(frame):
        """As the packs' tests want it."""
        return frame

    def recv(self, frame):
        """Through the chip."""
        return self.line.port.recv(frame)

    def set_filters(self, filters):
        """Into the chip."""
        self.filters = filters
        self.line.port.set_filters(filters)

    def state(self):
        """The chip's; 3 for as long as the test says."""
        self._trouble()
        return self.line.port.state()

    def restart(self):
        """The chip's."""
        self.restarts += 1
        self.line.port.restart()


class ChargersPort(ChipPort):
    """The same for the chargers' tests, which know extended ids only."""

    @staticmethod
    def row(frame):
        """Id and data."""
        return frame[0], frame[2]


def through_the_chip(module, port):
    """All tests of a module with the chip below the bus; how many."""
    kept, module.Port = module.Port, port
    try:
        return run_all(module)
    finally:
        module.Port = kept


def test_the_packs_tests_pass_through_the_chip():
    assert through_the_chip(module_of("devices", "test_pack_link_can"), ChipPort) > 10


def test_the_chargers_tests_pass_through_the_chip():
    assert through_the_chip(module_of("devices", "test_elcon"), ChargersPort) > 5
