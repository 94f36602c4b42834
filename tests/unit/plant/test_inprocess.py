"""The plant's wires without a wire, on a clock that the test holds."""

import struct

from plant import frames, image
from plant.cabinet_world import World
from plant.inprocess import CanInProcess, KioskInProcess, LineInProcess, request_length
from plant.rng import Rng


class Clock:
    """Time that passes when told."""

    def __init__(self):
        self.s = 100.0

    def now(self):
        return self.s


class Frame:
    """A CAN frame as the bus room keeps it."""

    def __init__(self):
        self.can_id = 0
        self.extended = False
        self.length = 0
        self.data = bytearray(8)


def a_line(boards=False):
    world = World(12, 1)
    clock = Clock()
    units = frames.RtuUnits(world, Rng(1), boards)
    return world, clock, LineInProcess(units, clock.now, Rng(2))


def take(line, clock, seconds):
    """What arrives within some seconds."""
    buf = bytearray(300)
    got = b""
    end = clock.s + seconds
    while clock.s < end:
        clock.s += 0.0005
        count = line.readinto(buf)
        got += bytes(buf[:count])
    return got


def test_the_length_of_a_request_is_known_from_its_head():
    assert request_length(b"\x01") == 0 and request_length(b"\x01\x10\x02\x00\x00\x10") == 0
    assert request_length(b"\x01\x03") == 8 and request_length(b"\x01\x06") == 8
    assert request_length(b"\x01\x10\x02\x00\x00\x10\x20") == 41


def test_an_answer_takes_the_time_that_the_wire_takes():
    world, clock, line = a_line()
    request = frames.sealed(struct.pack(">BBHH", 1, 3, 0x0100, 24))
    assert line.write(request) == 8
    answer_s = (8 + 53) * 10 / 115200 + frames.TURNAROUND
    assert take(line, clock, (8 * 10 / 115200 + frames.TURNAROUND) * 0.9) == b""
    got = take(line, clock, answer_s / 2)
    assert 0 < len(got) < 53
    got += take(line, clock, answer_s)
    assert got == line.units.answer(request)[1]


def test_requests_in_pieces_are_put_together_and_halves_are_forgotten():
    world, clock, line = a_line(boards=True)
    request = frames.sealed(struct.pack(">BBHH", 1, 2, 0, 32))
    line.write(request[:3])
    line.write(request[3:])
    assert len(take(line, clock, 0.02)) == 9
    line.write(request[:3])
    clock.s += 0.1
    line.write(request)
    assert len(take(line, clock, 0.02)) == 9 and line.requests == 2


def test_a_babbling_unit_speaks_unasked():
    world, clock, line = a_line()
    assert take(line, clock, 5.0) == b""
    world.set_fault(3, "babble")
    assert len(take(line, clock, 10.0)) > 10


def test_a_can_port_hands_frames_over_and_hears_commands():
    world = World(12, 1)
    clock = Clock()
    port = CanInProcess(frames.CanNodes(world, Rng(1), clock.s), clock.now)
    frame = Frame()
    seen = set()
    for _ in range(150):
        clock.s += 0.01
        world.step(0.01)
        while port.recv(frame):
            seen.add((frame.can_id, frame.extended, frame.length))
    node = [s.number for s in world.slots[8:] if s.pack is not None][0]
    for number in range(7):
        assert (image.can_id(number, node), True, 8) in seen
    assert (frames.STATUS_ID | 0xA1, True, 8) in seen
    assert port.send(frames.COMMAND_ID | 0xA100, True, bytes.fromhex("0230003200000000"))
    assert world.slots[0].charger.started
    assert port.state() == 0 and port.lost == 0


def test_a_controller_that_does_not_read_loses_frames():
    world = World(12, 1)
    clock = Clock()
    port = CanInProcess(frames.CanNodes(world, Rng(1), clock.s), clock.now)
    port.QUEUE = 3
    clock.s += 10.0
    frame = Frame()
    count = 0
    while port.recv(frame):
        count += 1
    assert count == 3 and port.lost > 0


def test_the_kiosk_carries_cards_and_sentences():
    world = World(4, 1)
    kiosk = KioskInProcess(world)
    rider = world.bring("normal")
    while not rider.shown:
        world.step(0.05)
    buf = bytearray(5)
    got = b""
    count = kiosk.readinto(buf)
    while count:
        got += bytes(buf[:count])
        count = kiosk.readinto(buf)
    assert got == b"T:" + rider.token.encode() + b"\n"
    kiosk.write(b"S:0:no_full_pack:Not")
    assert rider.said is None
    kiosk.write(b" now.\ngarbage\n")
    assert rider.said == (0, "no_full_pack", "Not now.")
