"""The journal on NOR flash: what it stores, gives back, acknowledges, drops and refuses."""

import random

from nor_flash import NorFlash
from refusing_flash import RefusingFlash, left_behind

from cabinet.core import events
from cabinet.core.events import RING_A, RING_B
from cabinet.store.area import AreaPart, split
from cabinet.store.event_codec import to_envelope
from cabinet.store.journal import Journal, JournalFull

KEY = b"k" * 32


class Clock:
    """A clock that stands at one instant."""

    def __init__(self):
        self.seconds = 1_700_000_000
        self.grade = 2

    def ticks_ms(self):
        """Some ticks."""
        return 12345

    def wall_s(self):
        """Wall time."""
        return self.seconds

    def quality(self):
        """How good it is."""
        return self.grade


def areas(sectors_a=16, sectors_b=8):
    """Two blank areas."""
    return NorFlash(sectors_a * 4096), NorFlash(sectors_b * 4096)


def opened(a, b, **options):
    """A journal over two areas."""
    return Journal(a, b, KEY, Clock(), **options)


def step(n):
    """An ordinary event of ring A that can be told from others."""
    return events.make("swap.step", 1 + n % 12, "PACK%04d" % n, n, "x" * 60)


def telemetry(n):
    """An event of ring B."""
    return events.make("telemetry.slot", 1 + n % 12, "PACK%04d" % n, n, 52000, -1200, 251, 3301, 3312)


def sequences(journal, ring, after=0):
    """All sequences that can be read."""
    found = []
    while True:
        record = journal.read(ring, after)
        if record is None:
            return found
        after = record.sequence
        found.append(after)


def refusal(call, *args):
    """The exception with which a call ends, or None."""
    try:
        call(*args)
    except (JournalFull, OSError, ValueError) as error:
        return error
    return None


def test_an_event_comes_back_as_it_went_in_also_after_a_restart():
    a, b = areas()
    journal = opened(a, b)
    sequence = journal.append(events.make("pack.refused", 3, "S-77", "over_voltage", "cell_high", 3651, 3650))
    journal = opened(a, b)
    record = journal.read(RING_A, sequence - 1)
    assert record.sequence == sequence
    assert record.boot == 1
    assert record.ticks_ms == 12345
    assert record.time_s == 1_700_000_000
    assert record.quality == 2
    assert (record.event.name, record.event.slot, record.event.pack) == ("pack.refused", 3, "S-77")
    assert record.event.values == ("over_voltage", "cell_high", 3651, 3650)


def test_the_boot_number_rises_with_every_construction():
    a, b = areas()
    assert [opened(a, b).boot for _ in range(40)] == list(range(1, 41))


def test_the_envelope_carries_every_part_of_the_record():
    a, b = areas()
    journal = opened(a, b)
    sequence = journal.append(events.make("pack.removed", 4, "S-1", 97))
    envelope = to_envelope("cab-1", RING_A, journal.read(RING_A, sequence - 1))
    assert envelope == {
        "v": 1,
        "cabinet": "cab-1",
        "boot": 1,
        "ring": "A",
        "seq": sequence,
        "time": 1_700_000_000,
        "tq": "sync",
        "ticks": 12345,
        "type": "pack.removed",
        "slot": 4,
        "pack": "S-1",
        "data": {"soc_pct": 97},
    }


def test_without_a_clock_the_time_is_null():
    a, b = areas()
    clock = Clock()
    clock.grade = 0
    journal = Journal(a, b, KEY, clock)
    sequence = journal.append(step(1))
    envelope = to_envelope("cab-1", RING_A, journal.read(RING_A, sequence - 1))
    assert envelope["time"] is None
    assert envelope["tq"] == "unknown"


def test_many_rounds_keep_order_and_wear_all_sectors_alike():
    a, b = areas(8, 8)
    journal = opened(a, b, checkpoint_every=0)
    expected = 0
    for n in range(2000):
        sequence = journal.append(step(n))
        assert sequence == expected + 1
        expected = sequence
        if n % 10 == 9:
            journal.ack(RING_A, sequence)
        erases = a.erases
        journal.idle()
        assert a.erases - erases <= 1
        if n % 333 == 332:
            journal = opened(a, b, checkpoint_every=0)
            assert journal.head(RING_A) == expected
            assert journal.acked(RING_A) == expected // 10 * 10
    assert max(a.sector_erases) - min(a.sector_erases) <= 2
    found = sequences(journal, RING_A, journal.acked(RING_A))
    assert found == list(range(journal.acked(RING_A) + 1, expected + 1))


def test_append_never_erases():
    a, b = areas(8, 8)
    journal = opened(a, b)
    for n in range(1000):
        before = a.erases + b.erases
        journal.append(step(n))
        journal.append(telemetry(n))
        journal.ack(RING_A, journal.head(RING_A))
        assert a.erases + b.erases == before
        journal.idle()
        journal.idle()


def test_a_full_ring_a_refuses_ordinary_events_but_takes_alarms_and_recovers_by_acknowledgement():
    a, b = areas(8, 8)
    journal = opened(a, b)
    n = 0
    while refusal(journal.append, step(n)) is None:
        n += 1
        journal.idle()
        assert n < 5000
    assert journal.level_pct(RING_A) == 100
    last = journal.head(RING_A)
    for _ in range(10):
        journal.append(events.make("fault.raised", 1, "", "smoke", "stop_cabinet", 1, 0))
    assert isinstance(refusal(journal.append, step(n)), JournalFull)
    assert sequences(journal, RING_A) == list(range(1, last + 11))
    journal.ack(RING_A, last)
    for _ in range(4):
        journal.idle()
    assert refusal(journal.append, step(n)) is None
    assert journal.level_pct(RING_A) < 50


def test_the_level_rises_evenly_and_is_reported_once_at_fifty_and_once_at_ninety_percent():
    a, b = areas(16, 8)
    journal = opened(a, b, checkpoint_every=0)
    levels = []
    n = 0
    while refusal(journal.append, step(n)) is None:
        levels.append(journal.level_pct(RING_A))
        n += 1
        journal.idle()
    assert levels == sorted(levels)
    assert max(y - x for x, y in zip(levels, levels[1:])) <= 2
    alarms = []
    after = 0
    while True:
        record = journal.read(RING_A, after)
        if record is None:
            break
        after = record.sequence
        if record.event.name == "journal.level":
            alarms.append(record.event.values)
    assert [ring for ring, _ in alarms] == ["A", "A"]
    assert 50 <= alarms[0][1] <= 52
    assert 90 <= alarms[1][1] <= 92


def test_a_swap_under_way_can_be_ended_at_level_100():
    a, b = areas(16, 8)
    journal = opened(a, b)
    n = 0
    while journal.level_pct(RING_A) < 100:
        journal.append(step(n))
        n += 1
        journal.idle()
    for k in range(20):
        journal.append(step(k))


def test_ring_b_drops_its_oldest_sector_and_tells_exactly_what():
    a, b = areas(8, 8)
    journal = opened(a, b)
    for n in range(2000):
        journal.append(telemetry(n))
        journal.idle()
    found = sequences(journal, RING_B)
    assert found[-1] == journal.head(RING_B)
    assert found == list(range(found[0], found[-1] + 1))
    reported = []
    after = 0
    while True:
        record = journal.read(RING_B, after)
        if record is None:
            break
        after = record.sequence
        if record.event.name == "journal.gap":
            reported.append(record.event.values)
    assert reported
    assert reported[-1][1] == found[0] - 1
    for earlier, later in zip(reported, reported[1:]):
        assert later[0] == earlier[1] + 1
        assert later[2] == later[1] - later[0] + 1
    assert journal.acked(RING_B) == found[0] - 1


def test_acknowledgements_outlive_a_restart_and_never_go_back():
    a, b = areas()
    journal = opened(a, b)
    for n in range(50):
        journal.append(step(n))
    journal.ack(RING_A, 20)
    journal.ack(RING_A, 10)
    assert journal.acked(RING_A) == 20
    journal = opened(a, b)
    assert journal.acked(RING_A) == 20
    assert journal.backlog(RING_A) == journal.head(RING_A) - 20
    journal.ack(RING_A, 10_000)
    assert journal.acked(RING_A) == journal.head(RING_A)


def test_repeats_are_counted_instead_of_stored_when_room_is_short():
    a, b = areas(8, 8)
    journal = opened(a, b, checkpoint_every=0)
    n = 0
    while journal.level_pct(RING_A) < 75:
        journal.append(step(n))
        n += 1
        journal.idle()
    same = events.make("command.refused", 0, "", "c1", "swap", "no_pack")
    first = journal.append(same)
    head = journal.head(RING_A)
    for _ in range(7):
        assert journal.append(same) == first
    assert journal.head(RING_A) == head
    journal.ack(RING_A, head)
    journal.idle()
    record = journal.read(RING_A, head)
    assert record.event.name == "journal.repeated"
    assert record.event.values == ("command.refused", 7, first)


def test_alarms_are_never_coalesced():
    a, b = areas(8, 8)
    journal = opened(a, b, checkpoint_every=0)
    n = 0
    while journal.level_pct(RING_A) < 75:
        journal.append(step(n))
        n += 1
        journal.idle()
    alarm = events.make("fault.raised", 1, "", "smoke", "stop_cabinet", 1, 0)
    assert journal.append(alarm) + 1 == journal.append(alarm)


def test_an_image_full_of_garbage_is_taken_up_as_an_empty_journal_that_says_so():
    dice = random
    dice.seed(5)
    for _ in range(5):
        image = bytearray(32768)
        for i in range(32768):
            image[i] = dice.getrandbits(8)
        a = NorFlash(32768, image=image)
        b = NorFlash(32768, image=image)
        journal = opened(a, b)
        names = [journal.read(RING_A, s - 1).event.values[:2] for s in sequences(journal, RING_A)]
        assert names == [("A", "garbage"), ("B", "garbage")]
        for n in range(600):
            journal.append(step(n))
            journal.append(telemetry(n))
            journal.ack(RING_A, journal.head(RING_A))
            journal.idle()
            journal.idle()


def test_an_image_of_zeros_is_taken_up_too():
    journal = opened(NorFlash(32768, image=bytes(32768)), NorFlash(32768, image=bytes(32768)))
    assert journal.append(step(1)) == journal.head(RING_A)


def filled(sectors=8, events_stored=120):
    """A ring A with several sectors of unacknowledged events, and how many there are."""
    a, b = areas(sectors, 8)
    journal = opened(a, b, checkpoint_every=0)
    for n in range(events_stored):
        journal.append(step(n))
        journal.idle()
    return a, b, journal.head(RING_A)


def test_a_damaged_header_never_costs_a_record_wherever_it_is():
    _, _, head = filled()
    for sector in range(5):
        for part in (0, 9, 14, 20, 40, 45):
            a, b, head = filled()
            a.cells[sector * 4096 + part] ^= 0xA5
            journal = opened(a, b, checkpoint_every=0)
            assert sequences(journal, RING_A)[:head] == list(range(1, head + 1)), (sector, part)
            for n in range(400):
                refused = refusal(journal.append, step(n))
                journal.idle()
                if refused:
                    break
            assert sequences(journal, RING_A)[:head] == list(range(1, head + 1)), (sector, part)


def test_a_damaged_record_costs_no_other_record():
    dice = random
    dice.seed(9)
    for _ in range(40):
        a, b, head = filled(8, 100)
        at = dice.randrange(64, 3 * 4096)
        if at % 4096 < 48:
            continue
        a.cells[at] ^= 1 << dice.randrange(8)
        journal = opened(a, b, checkpoint_every=0)
        found = [s for s in sequences(journal, RING_A) if s <= head]
        assert len(found) >= head - 1, (at, found)


def test_flash_that_does_not_keep_a_byte_is_passed_over():
    a, b = areas()
    journal = opened(a, b)
    journal.append(step(0))
    a.cells[500] = 0x00
    for n in range(60):
        journal.append(step(n))
    journal = opened(a, b)
    assert sequences(journal, RING_A) == list(range(1, 62))


def test_flash_that_fails_for_good_is_an_error_and_not_a_loss():
    a, b = areas()
    journal = opened(a, b)
    journal.append(step(0))
    program = a.program

    def broken(address, data):
        raise OSError(5)

    a.program = broken
    assert isinstance(refusal(journal.append, step(1)), OSError)
    assert journal.head(RING_A) == 1
    a.program = program
    journal.append(step(2))
    assert sequences(opened(a, b), RING_A) == [1, 2]


def test_sectors_that_could_not_be_erased_in_their_turn_do_not_hide_newer_records():
    a, b = RefusingFlash(16 * 4096), NorFlash(8 * 4096)
    journal = opened(a, b)
    left_behind(journal, a, step)
    head = journal.head(RING_A)
    again = opened(a, b)
    assert again.acked(RING_A) == journal.acked(RING_A)
    for after in range(journal.acked(RING_A), head):
        assert again.read(RING_A, after).sequence == after + 1
        again.read(RING_A, head - 1)  # so that the next one is looked for again


def test_checkpoints_leave_regularly_and_name_the_head():
    a, b = areas()
    journal = opened(a, b, checkpoint_every=50)
    points = []
    for n in range(170):
        journal.append(step(n))
        journal.ack(RING_A, journal.head(RING_A))
        journal.idle()
    after = 0
    while True:
        record = journal.read(RING_A, after)
        if record is None:
            break
        after = record.sequence
        if record.event.name == "journal.checkpoint":
            points.append((record.sequence, record.event.values))
    assert len(points) == 3
    for sequence, (ring, named, tag, signature) in points:
        assert ring == "A"
        assert named == sequence - 1
        assert len(tag) == 16
        assert signature is None


def test_one_area_can_be_split_between_both_rings():
    chip = NorFlash(32 * 4096)
    a, b = split(chip)
    assert a.size + b.size == chip.size
    journal = opened(a, b)
    for n in range(200):
        journal.append(step(n))
        journal.append(telemetry(n))
        journal.idle()
        journal.idle()
    journal = opened(*split(chip))
    assert len(sequences(journal, RING_A)) >= 200
    assert isinstance(refusal(AreaPart, chip, 100, 4096), ValueError)
    assert isinstance(refusal(split, NorFlash(7 * 4096)), ValueError)


def test_an_event_with_overlong_text_is_stored_cut():
    a, b = areas()
    journal = opened(a, b)
    sequence = journal.append(events.make("task.restarted", 0, "", "drain", "é" * 3000))
    text = journal.read(RING_A, sequence - 1).event.values[1]
    assert text == "é" * 48


def test_an_event_of_a_later_firmware_is_passed_on_with_its_values():
    a, b = areas()
    journal = opened(a, b)
    events.EVENTS[999] = ("future.event", RING_A, False, "x y")
    try:
        sequence = journal.append(events.Event(999, 0, "", (7, "y")))
    finally:
        del events.EVENTS[999]
    envelope = to_envelope("c", RING_A, journal.read(RING_A, sequence - 1))
    assert envelope["type"] == "unknown.999"
    assert envelope["data"] == {"values": [7, "y"]}


def test_flash_that_does_not_answer_at_boot_leaves_a_journal_that_refuses():
    a, b = areas()

    def dead(address, buf):
        raise OSError(5)

    a.read = dead
    journal = opened(a, b)
    assert isinstance(refusal(journal.append, step(1)), OSError)
    assert journal.append(telemetry(1)) == 1
    assert journal.read(RING_A, 0) is None
    assert journal.level_pct(RING_A) == 0
    assert journal.idle() in (True, False)


def test_a_bit_lost_in_blank_space_costs_no_long_search():
    a, b = areas()
    journal = opened(a, b)
    journal.append(step(0))
    a.cells[4000] = 0xFE
    a.reads = 0
    journal = opened(a, b)
    assert journal.read(RING_A, 0).sequence == 1
    assert a.reads < 600, a.reads
