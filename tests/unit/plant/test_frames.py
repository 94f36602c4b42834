"""The nodes of the wires at frame level, as a simulator in one process drives them."""

import struct

from plant import frames, image, proof
from plant.cabinet_world import World
from plant.crc16 import crc16
from plant.isotp_peer import IsoTpPeer
from plant.rng import Rng


def read(unit, function, address, count):
    """A request with its CRC."""
    return frames.sealed(struct.pack(">BBHH", unit, function, address, count))


def registers(answer):
    """What came back, checked."""
    delay, frame = answer
    assert delay == frames.TURNAROUND
    assert crc16(frame[:-2]) == frame[-2] | frame[-1] << 8 and not frame[1] & 0x80
    return struct.unpack(">%dH" % (frame[2] // 2), frame[3:-2])


def test_the_crc_is_that_of_the_modbus_specification():
    assert crc16(b"\x02\x07") == 0x1241
    assert crc16(b"") == 0xFFFF


def a_pack_line(slots=12, seed=1):
    world = World(slots, seed)
    units = frames.RtuUnits(world, Rng(1))
    unit = [s.number for s in world.slots if s.pack is not None][0]
    return world, units, unit


def test_a_pack_answers_reads_and_a_challenge():
    world, units, unit = a_pack_line()
    pack = world.slots[unit - 1].pack
    identity = registers(units.answer(read(unit, 3, 0, 24)))
    assert identity[0] == image.MAGIC and struct.pack(">8H", *identity[3:11])[: len(pack.serial)] == pack.serial.encode()
    status = registers(units.answer(read(unit, 3, 0x0100, 24)))
    assert status[4] << 16 | status[5] == int(pack.volts() * 1000)
    nonce = bytes(range(32))
    written = units.answer(frames.sealed(struct.pack(">BBHHB", unit, 16, 0x0200, 16, 32) + nonce))
    assert written[1][:6] == struct.pack(">BBHH", unit, 16, 0x0200, 16)
    assert registers(units.answer(read(unit, 3, 0x0210, 17)))[0] == 1
    world.step(0.1)
    answer = registers(units.answer(read(unit, 3, 0x0210, 17)))
    assert answer[0] == 2 and struct.pack(">16H", *answer[1:]) == proof.pack_mac(pack.key, nonce, pack.serial)


def test_exceptions_and_silence_are_as_on_a_real_line():
    world, units, unit = a_pack_line()
    for request, code in ((read(unit, 3, 0x0118, 1), 2), (read(unit, 3, 0, 65), 2), (read(unit, 4, 0, 1), 1)):
        frame = units.answer(request)[1]
        assert frame[1] == request[1] | 0x80 and frame[2] == code
    good = read(unit, 3, 0, 24)
    assert units.answer(good[:-1] + bytes((good[-1] ^ 1,))) is None
    assert units.answer(b"\x01\x03") is None
    assert units.answer(read(99, 3, 0, 24)) is None
    world.slots[unit - 1].pack = None
    assert units.answer(good) is None


def test_wire_faults_show_in_the_frames():
    world, units, unit = a_pack_line()
    request = read(unit, 3, 0x0100, 24)
    good = units.answer(request)
    world.set_fault(unit, "dead")
    assert units.answer(request) is None
    world.set_fault(unit, "crc")
    assert units.answer(request)[1][:-2] == good[1][:-2] and units.answer(request)[1] != good[1]
    world.set_fault(unit, "foreign")
    assert units.answer(request)[1][0] == unit % 8 + 1
    world.set_fault(unit, "late")
    assert units.answer(request) == (frames.LATE, good[1])
    world.set_fault(unit, "babble")
    assert units.answer(request)[1] != good[1]
    world.set_fault(unit, "none")
    assert units.answer(request) == good


def test_an_io_board_pulses_locks_and_tells_doors():
    world = World(12, 1)
    units = frames.RtuUnits(world, Rng(1), boards=True)
    frame = units.answer(read(2, 2, 0, 32))[1]
    assert frame[3] == 0x0F and frame[4] == 0x0F  # board 2 has four slots
    assert units.answer(read(1, 2, 0, 32))[1][3] == 0xFF
    pulse = read(2, 6, 0x0102, 300)
    assert units.answer(pulse)[1] == pulse
    for _ in range(10):
        world.step(0.05)
    assert units.answer(read(2, 2, 0, 32))[1][3] == 0x0B
    assert not world.slots[10].door_closed
    for request, code in ((read(2, 6, 0x0104, 300), 2), (read(1, 6, 0x0100, 0), 3), (read(1, 6, 0x0100, 2001), 3), (read(1, 2, 1, 32), 2)):
        assert units.answer(request)[1][2] == code


def can_world(seed=1):
    world = World(12, seed)
    nodes = frames.CanNodes(world, Rng(1))
    node = [n for n in sorted(nodes.nodes) if world.slots[n - 1].pack is not None][0]
    return world, nodes, node


def run(world, nodes, seconds):
    """How many frames of each id some seconds bring."""
    sent = {}
    end = world.now + seconds
    while world.now < end:
        world.step(0.01)
        for can_id, extended, data in nodes.poll(world.now):
            assert extended and len(data) == 8
            sent[can_id] = sent.get(can_id, 0) + 1
    return sent


def test_each_can_frame_keeps_its_period():
    world, nodes, node = can_world()
    sent = run(world, nodes, 10.0)
    for frame, period in enumerate(image.CAN_PERIOD_MS):
        assert abs(sent[image.can_id(frame, node)] - 10000 // period) <= 1
    for slot in world.slots:
        assert abs(sent[frames.STATUS_ID | slot.charger.address] - 10) <= 1


def test_empty_slots_and_dead_packs_are_silent_on_can():
    world, nodes, node = can_world()
    world.set_fault(node, "dead")
    assert image.can_id(0, node) not in run(world, nodes, 2.0)
    world.set_fault(node, "foreign")
    assert image.can_id(0, node) not in run(world, nodes, 2.0)
    world.set_fault(node, "none")
    assert image.can_id(0, node) in run(world, nodes, 2.0)


def exchange(world, nodes, node, request):
    """A host's end of the transport, for what does not fit one frame."""
    host = IsoTpPeer()
    to_pack, came = [], []
    host.send(request, world.now, to_pack)
    for _ in range(200):
        world.step(0.01)
        host.poll(world.now, to_pack)
        answers = []
        for data in to_pack:
            answers.extend(nodes.receive(image.CHALLENGE_ID | node << 8, True, data, world.now))
        to_pack = []
        for can_id, _, data in answers + nodes.poll(world.now):
            if can_id == image.ANSWER_ID | node:
                whole = host.receive(data, world.now, to_pack)
                if whole is not None:
                    came.append(whole)
        if came:
            return came[0]
    return None


def test_a_pack_proves_itself_over_iso_tp():
    world, nodes, node = can_world()
    pack = world.slots[node - 1].pack
    nonce = bytes(range(50, 82))
    assert exchange(world, nodes, node, b"\x01" + nonce) == b"\x41" + proof.pack_mac(pack.key, nonce, pack.serial)
    assert exchange(world, nodes, node, b"\x02" + nonce) == b"\x7f\x02\x13"
    assert exchange(world, nodes, node, b"\x01\x02") == b"\x7f\x01\x13"
    pack.key = None
    assert exchange(world, nodes, node, b"\x01" + nonce) == b"\x7f\x01\x22"


def test_a_transport_that_loses_a_frame_gives_up_and_works_again():
    peer = IsoTpPeer()
    out = []
    assert peer.receive(bytes((0x10, 33)) + b"abcdef", 0.0, out) is None and out[0][0] == 0x30
    assert peer.receive(b"\x22ghijklm", 0.1, out) is None and peer.aborted == 1
    assert peer.receive(bytes((0x10, 33)) + b"abcdef", 0.2, out) is None
    peer.poll(1.5, out)
    assert peer.aborted == 2 and not peer.busy
    assert peer.receive(b"\x03abc", 2.0, out) == b"abc"
    for garbage in (b"", b"\x00", b"\x0f", b"\x10", b"\xff" * 8, b"\x1f\xff" + bytes(6), b"\x30"):
        assert peer.receive(garbage, 2.0, out) is None


def test_a_charger_hears_commands_from_the_bus():
    world, nodes, _ = can_world()
    charger = world.slots[0].charger
    nodes.receive(frames.COMMAND_ID | charger.address << 8, True, bytes.fromhex("0230003200000000"), 0.0)
    assert charger.started and charger.set_v == 56.0 and charger.set_a == 5.0
    nodes.receive(frames.COMMAND_ID | charger.address << 8, True, bytes.fromhex("0000000001000000"), 0.0)
    assert not charger.started
    nodes.receive(frames.COMMAND_ID | charger.address << 8, True, b"\x02\x30", 0.0)
    assert not charger.started
