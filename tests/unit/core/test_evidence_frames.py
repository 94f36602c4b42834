"""The raw frames of evidence: what the buses keep, how the control loop adds them, and what happens when flash does not take it."""

from devices_bench import Bench
from loop_bench import bench as loop_bench

from cabinet.bus.crc16 import crc16
from cabinet.core import events
from cabinet.store import event_codec


def frames_of(device):
    """[(kind, frame)] of a device."""
    out = bytearray()
    device.put_frames(out)
    found = []
    at = 0
    while at < len(out):
        found.append((out[at], bytes(out[at + 2 : at + 2 + out[at + 1]])))
        at += 2 + out[at + 1]
    assert at == len(out)
    return found


def taken(state=b"\x01" * 200):
    return events.make("evidence.taken", 1, "SN", "temp_hot", "quarantine", 620, 600, 1000, "1", state, b"")


def test_the_bus_keeps_the_status_of_each_pack_as_it_was_on_the_wire():
    bench = Bench()
    bench.run(3.0)
    for link, slot in zip(bench.links[:4], bench.world.slots):
        if slot.pack is None:
            assert frames_of(link) == []
            continue
        ((kind, frame),) = frames_of(link)
        assert kind == 1 and len(frame) == 47 and frame[0] == slot.number and frame[1] == 3
        assert crc16(frame, 0, 45) == frame[45] | frame[46] << 8
        assert frame[25] << 8 | frame[26] == link.reading.cell_max_mv


def test_a_pack_on_can_and_a_charger_give_their_last_frames():
    bench = Bench()
    bench.run(3.0)
    for link, slot in zip(bench.links[4:], bench.world.slots[4:]):
        if slot.pack is not None:
            found = frames_of(link)
            assert [frame[2] for _, frame in found] == [0x10, 0x11, 0x12, 0x13, 0x14]
            assert {frame[3] for _, frame in found} == {slot.number} and {kind for kind, _ in found} == {2}
    for number, charger in enumerate(bench.chargers, 1):
        ((kind, frame),) = frames_of(charger)
        assert kind == 2 and frame[:4] == bytes((0x18, 0xFF, 0x50, 0xA0 + number)) and len(frame) == 12


def test_the_slot_board_gives_its_inputs_and_its_temperatures():
    bench = Bench()
    bench.run(3.0)
    inputs, temperatures = frames_of(bench.board)
    assert inputs[1][:2] == b"\x01\x02" and len(inputs[1]) == 9
    assert temperatures[1][:2] == b"\x01\x04" and len(temperatures[1]) == 23


def test_the_control_loop_puts_the_frames_of_the_slot_beside_what_core_knew():
    loop, world = slot_with_frames()
    world.put_frames = Frames().put_frames
    stored = []
    loop.on_stored = stored.append
    world.events.append(events.make("fault.raised", 1, "SN", "temp_hot", "quarantine", 620, 600))
    world.events.append(taken())
    loop.step()
    assert [event.name for event in stored] == ["fault.raised", "evidence.taken"]
    pack, other = b"\x03\x06\0\0\0\0SN\x01\x02ab", b"\x03\x04\0\0\0\0\x01\x02ab"
    assert stored[1].values[-1] == pack + other * 2  # pack, charger, board
    buf = bytearray(600)
    size = event_codec.encode(buf, 0, 1, 0, 0, 0, stored[1])
    again = event_codec.decode(1, buf, 0, size).event
    assert again.values == stored[1].values
    envelope = event_codec.to_envelope("c", 0, event_codec.decode(1, buf, 0, size))
    assert envelope["data"]["frames"] == (pack + other * 2).hex() and envelope["data"]["state"] == "01" * 200


def slot_with_frames():
    """(control loop, world): one slot, of which each device gives a frame of two bytes."""
    world, loop, _ = loop_bench()
    loop._parts[0].pack = Frames()
    loop._parts[0].charger = Frames()
    return loop, world


class Frames:
    """A device that does nothing but give its frames."""

    set_ma = 0

    def put_frames(self, out):
        out.extend(b"\x01\x02ab")

    def set(self, mv, ma):
        pass

    def set_need(self, period_ms):
        pass


def test_a_silent_pack_does_not_carry_the_frames_of_the_one_before_it():
    for attribute, value in (("taken_ms", None), ("serial", "BEFORE")):
        loop, world = slot_with_frames()
        reading = type(world.slots[0].pack)()
        setattr(reading, attribute, value)
        world.slots[0].pack = reading
        stored = []
        loop.on_stored = stored.append
        world.events.append(taken())
        world.put_frames = lambda out: None
        loop.step()
        assert stored[0].values[-1] == b"\x03\x04\0\0\0\0\x01\x02ab"  # the charger's


def test_frames_that_do_not_fit_the_record_stay_out():
    world, loop, _ = loop_bench()
    sizes = [140, 90, 11]
    world.put_frames = lambda out: out.extend(bytes(sizes.pop(0)))
    stored = []
    loop.on_stored = stored.append
    world.events.append(taken(bytes(240)))
    loop.step()
    assert len(stored[0].values[-1]) == 8 + 140
    assert sum(len(value) for value in stored[0].values[-2:]) <= 400
    buf = bytearray(600)
    assert event_codec.encode(buf, 0, 1 << 31, 1 << 29, 1 << 31, 2, stored[0]) <= 512


def test_a_full_journal_drops_evidence_and_says_so_while_the_fault_itself_passes():
    world, loop, _ = loop_bench()
    world.put_frames = lambda out: None
    world.full = True
    world.events.append(events.make("fault.raised", 1, "SN", "temp_hot", "quarantine", 620, 600))
    world.events.append(taken())
    loop.step()
    assert world.done == ["step", "fault.raised"] and loop.dropped_events == 1
    assert world.storage_ok  # nothing waits


def test_evidence_that_waits_for_flash_is_bounded():
    world, loop, _ = loop_bench()
    world.put_frames = lambda out: None
    world.flash_error = OSError(5)
    for _ in range(30):
        world.events.append(events.make("door.closed", 1))
        world.events.append(taken())
        loop.step()
    assert loop.dropped_events == 22
    world.flash_error = None
    loop.step()
    assert world.done.count("evidence.taken") == 8 and world.done.count("door.closed") == 30
