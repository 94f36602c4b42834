"""Messages in flight, the drain that fills them, and the delay before the next attempt."""

import json

from cabinet.core import events
from cabinet.uplink.backoff import Backoff
from cabinet.uplink.drain import Drain, Message
from cabinet.uplink.flight import ALARM, RESULT, RETAINED, Flights


class Clock:
    """Moves when told to."""

    now_ms = 5

    def ticks_ms(self):
        return self.now_ms

    def ticks_us(self):
        return 0


class Record:
    def __init__(self, sequence, event):
        self.sequence = sequence
        self.boot = 3
        self.ticks_ms = 77
        self.time_s = 0
        self.quality = 0
        self.event = event


class Journal:
    """The part of store's journal that the drain uses; sequences `gone` are missing."""

    def __init__(self, counts=(0, 0), gone=()):
        self.counts = list(counts)
        self.cursors = [0, 0]
        self.acks = []
        self.gone = gone
        self.urgent = []
        self.fails = False
        self.reported = []

    def damaged(self, ring, first, last):
        self.reported.append((ring, first, last))
        return True

    def head(self, ring):
        return self.counts[ring]

    def acked(self, ring):
        return self.cursors[ring]

    def read(self, ring, after):
        if self.fails:
            raise OSError(5)
        for sequence in range(after + 1, self.counts[ring] + 1):
            if sequence not in self.gone:
                return Record(sequence, events.make("door.opened" if ring == 0 else "link.up", 1))
        return None

    def ack(self, ring, sequence):
        self.cursors[ring] = sequence
        self.acks.append((ring, sequence))


def filled(drain, ring):
    """The next message of a ring."""
    message = Message()
    while drain.take(ring, message):
        pass
    return message


def ready_message(drain, ring):
    """The next message of a ring if the drain is ready for one; None if not, or if there is nothing to put into it."""
    message = filled(drain, ring) if drain.ready(ring) else None
    return message if message and message.count else None


def test_a_message_whose_acknowledgement_was_left_out_is_noticed_before_the_list_grows():
    flights = Flights(4)
    for sequence in range(1, 5):
        flights.sent(flights.take_pid(), 0, sequence, 1)
    flights.sent(flights.take_pid(), RESULT)
    sequence = 4
    for pid in range(2, 40):  # all but the first
        flights.acknowledged(pid)
        sequence += 1
        flights.sent(flights.take_pid(), 0, sequence, 1)
        if flights.overtaken:
            break
    assert flights.overtaken and sequence == 17
    flights.clear()
    assert not flights.overtaken


def test_the_cursor_advances_in_order_although_acknowledgements_do_not():
    flights = Flights(4)
    for pid, last in ((1, 10), (2, 20), (3, 25)):
        flights.sent(pid, 0, last, 5)
    assert flights.acknowledged(3) is None
    assert flights.acknowledged(1) == (0, 10, 5)
    assert flights.acknowledged(2) == (0, 25, 10)
    assert len(flights) == 0


def test_rings_do_not_wait_for_each_other():
    flights = Flights(4)
    flights.sent(1, 0, 10, 1)
    flights.sent(2, 1, 7, 2)
    flights.sent(3, RESULT)
    assert flights.acknowledged(3) is None
    assert flights.acknowledged(2) == (1, 7, 2)


def test_an_acknowledgement_of_nothing_is_an_error_also_the_second_time():
    flights = Flights(4)
    flights.sent(1, 0, 10, 1)
    flights.acknowledged(1)
    for pid in (1, 2):
        try:
            flights.acknowledged(pid)
        except KeyError:
            continue
        raise ValueError("was taken")


def test_packet_ids_wrap_and_pass_over_those_in_flight():
    flights = Flights(4)
    flights.sent(2, 0, 1, 1)
    seen = [flights.take_pid() for _ in range(65536)]
    assert seen[0] == 1 and seen[1] == 3 and 2 not in seen and 0 not in seen
    assert max(seen) == 65535 and seen[65534] == 1


def test_the_window_is_a_bound():
    flights = Flights(2)
    flights.sent(1, 0, 1, 1)
    assert flights.free
    flights.sent(2, 0, 2, 1)
    assert not flights.free
    flights.clear()
    assert flights.free


def test_answers_and_alarms_take_no_place_of_the_window():
    flights = Flights(1)
    flights.sent(1, RESULT)
    flights.sent(2, ALARM, 9)
    assert flights.free and flights.beside == 2
    flights.sent(3, RETAINED)
    assert not flights.free
    flights.acknowledged(1)
    assert not flights.free and flights.beside == 1
    flights.acknowledged(3)
    assert flights.free and flights.beside == 1
    flights.clear()
    assert flights.free and flights.beside == 0


def test_fresh_events_go_alone_and_a_backlog_in_arrays():
    journal = Journal((1, 0))
    drain = Drain(journal, Clock(), '"c"', 16, 4096)
    drain.start()
    one = filled(drain, 0)
    assert one.payload()[:1] == b"{" and (one.first, one.last, one.count) == (1, 1, 1)
    journal.counts[0] = 40
    many = filled(drain, 0)
    assert many.payload()[:2] == b"[{" and (many.first, many.last, many.count) == (2, 17, 16)
    assert filled(drain, 0).count == 16 and filled(drain, 0).count == 7
    assert not drain.waiting(0) and filled(drain, 0).count == 0


def test_a_message_stays_within_its_bytes_and_what_did_not_fit_comes_next():
    drain = Drain(Journal((30, 0)), Clock(), '"c"', 100, 700)
    drain.start()
    sequences = []
    while drain.waiting(0):
        message = filled(drain, 0)
        assert 0 < len(message.payload()) <= 702
        sequences += range(message.first, message.last + 1)
    assert sequences == list(range(1, 31))


def test_dropped_records_are_passed_over():
    journal = Journal((0, 9), gone=(1, 2, 3, 4))
    drain = Drain(journal, Clock(), '"c"', 16, 4096)
    drain.start()
    journal.cursors[1] = 4  # ring B counts what it drops as acknowledged
    message = filled(drain, 1)
    assert (message.first, message.last, message.count) == (5, 9, 5)
    assert not drain.waiting(1) and not journal.reported


def test_a_gap_stops_the_drain_until_it_was_read_often_and_reported():
    journal, clock = Journal((9, 0), gone=(4, 5, 9)), Clock()
    drain = Drain(journal, clock, '"c"', 16, 4096)
    drain.start()
    message = filled(drain, 0)
    assert (message.first, message.last) == (1, 3) and not journal.reported
    began_ms = clock.now_ms
    message = None
    while message is None:
        assert drain.waiting(0) and clock.now_ms < began_ms + 20000
        clock.now_ms += 50
        message = ready_message(drain, 0)
    assert journal.reported == [(0, 4, 5)]
    assert (message.first, message.last) == (6, 8)
    assert 5000 < clock.now_ms - began_ms < 10000
    while drain.waiting(0):  # the newest event cannot be read either
        clock.now_ms += 50
        assert ready_message(drain, 0) is None
    assert journal.reported == [(0, 4, 5), (0, 9, 9)]


def test_a_gap_that_was_a_wrong_reading_costs_a_moment_and_nothing_else():
    journal, clock = Journal((9, 0), gone=(4, 5)), Clock()
    drain = Drain(journal, clock, '"c"', 16, 4096)
    drain.start()
    assert filled(drain, 0).last == 3 and filled(drain, 0).count == 0 and not drain.ready(0)
    journal.gone = ()
    clock.now_ms += 250
    assert drain.ready(0)
    message = filled(drain, 0)
    assert (message.first, message.last) == (4, 9) and not journal.reported


def test_after_a_reconnect_everything_unacknowledged_comes_again_marked():
    journal = Journal((10, 0))
    drain = Drain(journal, Clock(), '"c"', 4, 4096)
    drain.start()
    assert drain.sent(0, filled(drain, 0)) is False
    assert drain.sent(0, filled(drain, 0)) is False
    drain.arrived(0, 4, 4)
    drain.start()
    assert journal.cursors[0] == 4
    again = filled(drain, 0)
    assert again.first == 5 and drain.sent(0, again) is True
    assert drain.sent(0, filled(drain, 0)) is False


def test_the_cursor_is_written_in_batches_and_soon_after_the_last():
    journal, clock = Journal((500, 0)), Clock()
    drain = Drain(journal, clock, '"c"', 16, 4096)
    drain.start()
    for sequence in range(1, 101):
        drain.arrived(0, sequence, 1)
    assert journal.acks == [(0, 64)]
    drain.flush_due()
    assert journal.acks == [(0, 64)]
    clock.now_ms += 300
    drain.flush_due()
    assert journal.acks == [(0, 64), (0, 100)]
    drain.flush_due()
    assert len(journal.acks) == 2


def test_a_steady_trickle_writes_the_cursor_once_a_second():
    journal, clock = Journal((500, 0)), Clock()
    drain = Drain(journal, clock, '"c"', 16, 4096)
    for sequence in range(1, 31):
        drain.arrived(0, sequence, 1)
        clock.now_ms += 100
        drain.flush_due()
    assert len(journal.acks) in (2, 3)


def test_a_thin_line_gets_small_messages_until_it_has_shown_better():
    drain = Drain(Journal((100, 0)), Clock(), '"c"', 16, 4096)
    drain.start()
    drain.narrow()
    assert filled(drain, 0).count == 4
    drain.narrow()
    drain.narrow()
    assert filled(drain, 0).count == 1
    for _ in range(30):
        drain.widen()
    assert filled(drain, 0).count == 16


def test_a_journal_that_cannot_be_read_is_named():
    journal = Journal((1, 0))
    drain = Drain(journal, Clock(), '"c"', 16, 4096)
    drain.start()
    journal.fails = True
    try:
        filled(drain, 0)
    except RuntimeError as error:
        assert str(error).startswith("journal cannot be read")
    else:
        raise ValueError("was not named")


def test_delays_double_up_to_a_limit_and_are_spread():
    for dice, share in ((b"\x00\x00", 50), (b"\xff\xff", 99)):
        backoff = Backoff(1000, 8000, lambda count, dice=dice: dice)
        delays = [backoff.next_ms() for _ in range(6)]
        whole = [1000, 2000, 4000, 8000, 8000, 8000]
        assert [delay * 100 // full for delay, full in zip(delays, whole)] == [share] * 6
        backoff.reset()
        assert backoff.next_ms() == delays[0]


def test_without_random_numbers_the_delay_is_the_longest():
    def none_left(count):
        raise OSError(5)

    backoff = Backoff(1000, 8000, none_left)
    assert [backoff.next_ms() for _ in range(5)] == [1000, 2000, 4000, 8000, 8000]
    assert backoff.part_of(10000) == 10000


def test_any_part_of_a_pause_can_be_drawn_but_never_more():
    parts = [Backoff(1000, 8000, lambda count, dice=dice: dice).part_of(10000) for dice in (b"\x00\x00", b"\x80\x00", b"\xff\xff")]
    assert parts == [0, 5000, 9999] and Backoff(1000, 8000, lambda count: b"\xff\xff").part_of(0) == 0


def test_events_wait_for_each_other_only_as_long_as_they_may():
    journal, clock = Journal((0, 1)), Clock()
    drain = Drain(journal, clock, '"c"', 4, 4096, (0, 1000))
    drain.start()
    assert drain.ready(0) is False and drain.ready(1) is False
    clock.now_ms += 999
    assert drain.ready(1) is False
    clock.now_ms += 1
    assert drain.ready(1) is True
    drain.sent(1, filled(drain, 1))
    journal.counts[1] = 2
    assert drain.ready(1) is False
    journal.counts[1] = 5
    assert drain.ready(1) is True  # a whole message has come together
    journal.counts[0] = 1
    assert drain.ready(0) is True


def test_what_waited_on_the_last_connection_waits_anew_on_the_next():
    journal, clock = Journal((0, 1)), Clock()
    drain = Drain(journal, clock, '"c"', 4, 4096, (0, 1000))
    drain.start()
    assert drain.ready(1) is False
    clock.now_ms = (1 << 29) + 100_000  # more than six days without a line: an instant so old lies in the future
    drain.start()
    assert drain.ready(1) is False
    clock.now_ms += 1000
    assert drain.ready(1) is True


def test_compact_messages_can_be_read_one_by_one_from_their_own_first_envelope():
    drain = Drain(Journal((30, 0)), Clock(), '"c"', 100, 400, compact=True)
    drain.start()
    sequences = []
    while drain.waiting(0):
        body = json.loads(filled(drain, 0).payload())
        event = {}
        for one in body if isinstance(body, list) else [body]:
            event.update(one)
            assert event["cabinet"] == "c" and event["ticks"] == 77 and event["slot"] == 1
            sequences.append(event["seq"])
    assert sequences == list(range(1, 31))


def test_an_alarm_is_told_of_ahead_of_the_backlog_and_comes_again_in_its_place():
    journal, clock = Journal((5000, 0)), Clock()
    drain = Drain(journal, clock, '"c"', 16, 4096, (15000, 1000))
    drain.start()
    filled(drain, 0)
    assert not drain.alarmed() and drain.alarm() is None
    journal.urgent += [4998, 5000]
    assert drain.alarmed()
    reported = [drain.alarm(), drain.alarm(), drain.alarm()]
    assert [row and row[0] for row in reported] == [4998, 5000, None] and not drain.alarmed()
    body = json.loads(reported[0][1])
    assert (body["seq"], body["ring"], body["cabinet"]) == (4998, "A", "c")
    sequences = []
    while drain.waiting(0):
        made = filled(drain, 0)
        sequences += range(made.first, made.last + 1)
    assert sequences == list(range(17, 5001))


def test_an_alarm_that_nobody_acknowledged_is_told_of_again_on_the_next_connection():
    journal = Journal((9, 0))
    journal.urgent += [3, 9]
    drain = Drain(journal, Clock(), '"c"', 16, 4096)
    drain.start()
    assert [drain.alarm()[0], drain.alarm()[0]] == [3, 9]
    drain.reported(3)
    drain.reported(3)
    assert journal.urgent == [9]
    drain.start()
    assert drain.alarm()[0] == 9 and drain.alarm() is None


def test_an_acknowledged_alarm_advances_no_cursor():
    flights = Flights(4)
    flights.sent(1, 0, 7, 7)
    flights.sent(2, ALARM, 9)
    assert flights.acknowledged(2) == (ALARM, 9, 0)
    assert flights.acknowledged(1) == (0, 7, 7)
