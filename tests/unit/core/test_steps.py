"""The swap alone, with slots whose every answer is set: each state, what ends it, its time limit, and every word of it."""


from core_stubs import StubSlot, empty, reported

from cabinet.core import interlock, reason_codes, rules, slot, swap
from cabinet.core.options import Options
from cabinet.core.swap import Swap

START = 1000
SLACK_MS = 15000  # that a door gets beyond its pulses


class Table:
    """A swap over slots 1 (empty), 2 (full, 95 %) and 3 (full, 97 %)."""

    def __init__(self, *slots, **options):
        self.slots = list(slots) or [empty(1), StubSlot(2, pack_soc_pct=95), StubSlot(3, pack_soc_pct=97)]
        self.events = []
        self.messages = []
        self.options = Options(**options)
        self.now = START
        self.swap = Swap(self.slots, self.options, self.events, self.messages)

    def tell(self):
        """Events since the last look, without the swap's number: (name, slot, pack, the other values)."""
        return [(name, number, pack) + values[1:] for name, number, pack, values in reported(self.events)]

    def said(self):
        """Codes said since the last look."""
        found = [(number, code) for number, code in self.messages]
        for number, code in self.messages:
            assert reason_codes.sentence(code, number).endswith("."), (number, code)
        self.messages.clear()
        return found

    def at(self, now_ms):
        """A step at this instant."""
        self.now = now_ms
        self.swap.step(now_ms)
        return self

    def begin(self):
        """A rider orders at START."""
        self.swap.begin("anna", "rider", START)
        return self

    def open(self, number, **other):
        """That door opens."""
        self.slots[number - 1].set(state=slot.OPEN, shut=False, **other)
        return self

    def shut(self, number, state, **other):
        """That door is shut."""
        self.slots[number - 1].set(state=state, shut=True, **other)
        return self

    def putting(self):
        """The first door stands open."""
        return self.begin().open(1).at(2000)

    def checking(self):
        """A pack has been put in and the door shut."""
        return self.putting().shut(1, slot.IDENTIFYING, present=True, serial="IN", pack_soc_pct=12).at(3000)

    def opening_out(self):
        """It was accepted."""
        return self.checking().shut(1, slot.IDLE).at(4000)

    def taking(self):
        """The door of the full pack stands open."""
        return self.opening_out().open(3).at(5000)

    def giving_back(self):
        """It was refused."""
        table = self.checking()
        table.slots[0].faults.keep_rule = rules.index_of("soh_low")
        return table.shut(1, slot.REFUSED).at(4000)

    def taking_back(self):
        """The door for giving it back stands open."""
        return self.giving_back().open(1).at(5000)

    def quiet(self):
        """Forget what was told so far."""
        self.tell()
        self.said()
        return self


REASON = rules.reason(rules.index_of("soh_low"))


def ended(table):
    """No swap is under way, and nothing of it is left."""
    s = table.swap
    kept = s.saved()
    assert kept[15:] == [0, 0]
    return not s.active and s.state == swap.NONE and kept[1:14] == [0, "", "", 0, 0, "", 0, "", 0, "", 0, 0, 0] and s.dirty is True


def test_a_swap_from_order_to_thanks_in_every_word():
    t = Table().begin()
    assert t.tell() == [("swap.ordered", 0, "", "anna", "rider"), ("swap.step", 1, "", "opening_in")]
    assert t.said() == [(1, "one_moment")] and t.swap.active and t.swap.number == 1 and t.swap.last_in == 1 and t.swap.extended is False
    t.at(START + 50)
    assert t.slots[0].door_claim == interlock.RIDER_IN and t.tell() == [] and t.said() == []
    t.open(1).at(2000)
    assert t.tell() == [("swap.step", 1, "", "putting_in")] and t.said() == [(1, "put_pack_in")]
    t.at(2050)
    assert t.tell() == [] and t.said() == []
    t.shut(1, slot.IDENTIFYING, present=True, serial="IN", pack_soc_pct=12).at(3000)
    assert t.tell() == [("swap.step", 1, "IN", "checking_in")] and t.said() == [(1, "checking")]
    t.shut(1, slot.CHECKING).at(3050)
    assert t.tell() == [] and not t.slots[2].reserved
    t.shut(1, slot.IDLE).at(4000)
    assert t.tell() == [("swap.step", 3, "P3", "opening_out")] and t.said() == [] and t.slots[2].reserved is True
    assert t.slots[1].reserved is False
    t.slots[2].reserved = False
    t.at(4050)
    assert t.slots[2].door_claim == interlock.RIDER_OUT and t.slots[2].reserved is True
    t.open(3).at(5000)
    assert t.tell() == [("swap.step", 3, "P3", "taking_out")] and t.said() == [(3, "take_pack")]
    t.swap.dirty = False
    t.at(5050)
    assert not t.swap.dirty and not t.swap.taken
    t.slots[2].present = False
    t.at(5100)
    assert t.swap.taken is True and t.swap.dirty is True and t.tell() == []
    t.shut(3, slot.EMPTY).at(6000)
    assert t.tell() == [("swap.completed", 3, "P3", 1, "IN", 12, 3, "P3", 97)] and t.said() == [(0, "thank_you")]
    assert ended(t) and t.slots[2].reserved is False and not t.slots[2].left_open


def test_numbers_count_and_a_step_without_a_swap_does_nothing():
    t = Table()
    assert t.swap.number == 0 and not t.swap.active and t.swap.out_first is False and t.swap.taken is False and t.swap.extended is False
    assert t.swap.dirty is True and t.swap.stopped is False
    t.at(2000)
    assert t.tell() == [] and t.said() == [] and not t.swap.active
    t.begin()
    assert reported(t.events)[0][3] == (1, "anna", "rider")
    t.swap.stopped = True
    t.at(2000)
    assert reported(t.events) == [("swap.cancelled", 1, "", (1, "cabinet_stopped", "opening_in"))]
    t.swap.stopped = False
    t.swap.begin("ben", "command", 3000)
    assert reported(t.events)[0] == ("swap.ordered", 0, "", (2, "ben", "command"))


def test_empty_slots_take_turns_and_the_best_one_goes_first():
    a, b, c = empty(1), empty(2), empty(3)
    t = Table(a, b, c)
    assert t.swap.empty_slot() is a
    t.swap.last_in = 1
    assert t.swap.empty_slot() is b
    t.swap.last_in = 3
    assert t.swap.empty_slot() is a
    t.swap.last_in = 2
    assert t.swap.empty_slot() is c
    for change in ({"charger_fresh": False}, {"faults_stop_rule": 0}, {"pulses_left": 1}):
        c = empty(3, **change)
        t = Table(empty(1), empty(2), c)
        t.swap.last_in = 2
        assert t.swap.empty_slot() is t.slots[0], change
        assert Table(c).swap.empty_slot() is c, change
    two = Table(empty(1, charger_fresh=False), empty(2, charger_fresh=False))
    assert two.swap.empty_slot() is two.slots[0]  # of several second choices the first
    t = Table(empty(1, pulses_left=2), empty(2))
    assert t.swap.empty_slot() is t.slots[0]
    for change in ({"pulses_left": 0}, {"stuck": True}, {"state": slot.FAULT}):
        assert Table(empty(1, **change)).swap.empty_slot() is None, change
    t = Table(empty(1), empty(2))
    t.swap.tried = 1 << 1
    assert t.swap.empty_slot() is t.slots[1]
    t.swap.tried = 1 << 1 | 1 << 2
    assert t.swap.empty_slot() is None


def test_the_fullest_pack_goes_first_and_of_equal_ones_the_first():
    t = Table(StubSlot(1, pack_soc_pct=95), StubSlot(2, pack_soc_pct=97), StubSlot(3, pack_soc_pct=97))
    assert t.swap.full_slot() is t.slots[1]
    t.swap.in_slot = 2
    assert t.swap.full_slot() is t.slots[2]
    t.swap.tried = 1 << 3
    assert t.swap.full_slot() is t.slots[0]
    t.slots[0].pulses_left = 0
    assert t.swap.full_slot() is None
    t.slots[0].pulses_left = 1
    assert t.swap.full_slot() is t.slots[0]
    t.slots[0].ready = False
    assert t.swap.full_slot() is None


def test_packs_that_may_be_handed_out_are_counted():
    for slots, count in (
        ((empty(1),), 0), ((StubSlot(1), StubSlot(2), StubSlot(3, ready=False)), 2), ((StubSlot(1), StubSlot(2, pulses_left=0)), 1),
        ((StubSlot(1, ready=False), StubSlot(2, ready=False, pulses_left=0), StubSlot(3)), 1),
    ):  # fmt: skip
        assert Table(*slots).swap.full_count() == count


def limit(table, reached_ms, limit_ms):
    """Nothing is told at the limit, something one millisecond later."""
    table.quiet().at(reached_ms + limit_ms)
    assert table.tell() == [] and table.said() == []
    table.at(reached_ms + limit_ms + 1)


def test_opening_has_a_limit_after_which_another_slot_is_tried():
    t = Table(empty(1), empty(2), StubSlot(3, pack_soc_pct=97)).begin()
    limit(t, START, 3 * 3000 + SLACK_MS)
    assert t.tell() == [("swap.step", 2, "", "opening_in")] and t.said() == [(2, "one_moment")]
    assert t.swap.tried == 1 << 1 and t.swap.last_in == 2
    limit(t, t.now, 3 * 3000 + SLACK_MS)
    assert t.tell() == [("swap.cancelled", 2, "", "door_stuck", "opening_in")] and t.said() == [(2, "door_stuck")] and ended(t)


def test_without_an_empty_slot_a_swap_ends_at_once():
    t = Table(StubSlot(1), StubSlot(2)).begin()
    assert t.tell() == [("swap.ordered", 0, "", "anna", "rider"), ("swap.cancelled", 0, "", "no_empty_slot", "none")]
    assert t.said() == [(0, "no_empty_slot")] and ended(t)


def test_a_door_gets_its_pulses_and_is_then_stuck():
    t = Table(empty(1), empty(2), StubSlot(3), door_open_ms=3000, pulse_tries=2).begin().quiet()
    s = t.slots[0]
    t.at(1050)
    assert s.door_claim == interlock.RIDER_IN
    s.set(door_claim=0, pulsed_ms=1050)
    t.at(1100)
    assert s.door_claim == 0  # it may open at any moment
    t.at(1050 + 2999)
    assert s.door_claim == 0
    t.at(1050 + 3000)
    assert s.door_claim == interlock.RIDER_IN and not s.stuck
    s.set(door_claim=0, pulsed_ms=4100)
    t.at(4150)
    assert s.door_claim == 0
    t.at(4100 + 2999)
    assert not s.stuck and t.tell() == []
    t.at(4100 + 3000)
    assert s.stuck is True and s.door_claim == 0
    assert t.tell() == [("door.stuck", 1, ""), ("swap.step", 2, "", "opening_in")]
    assert t.swap.tried == 1 << 1


def test_a_pulse_from_before_the_step_counts_for_nothing():
    t = Table(pulse_tries=1)
    t.slots[0].pulsed_ms = START - 1
    t.begin().quiet().at(1050)
    assert t.slots[0].door_claim == interlock.RIDER_IN
    t.slots[0].set(door_claim=0, pulsed_ms=START)
    t.at(1100)
    assert t.slots[0].door_claim == 0


def test_at_the_very_instant_of_its_pulse_a_door_is_waited_for():
    t = Table().begin()
    t.slots[0].pulsed_ms = 1050
    t.at(1050)
    assert t.slots[0].door_claim == 0


def test_a_rider_who_puts_nothing_in_is_told_so():
    t = Table().putting().quiet().shut(1, slot.EMPTY).at(2500)
    assert t.said()[-1] == (1, "no_pack") and t.tell() == [("swap.cancelled", 1, "", "no_pack", "putting_in")] and ended(t)
    t = Table().putting()
    limit(t, 2000, 60000)
    assert t.tell() == [("swap.cancelled", 1, "", "in_timeout", "putting_in")] and t.said() == [(1, "in_timeout")]
    assert t.slots[0].left_open is True and t.slots[1].left_open is False


def test_once_the_pack_is_in_there_is_more_time_to_shut_the_door_but_once_only():
    t = Table().putting()
    t.slots[0].present = True
    limit(t, 2000, 60000)
    assert t.tell() == [] and t.said() == [(1, "shut_door")] and t.swap.active
    limit(t, 2000, 90000)
    assert t.tell() == [("swap.cancelled", 1, "", "in_timeout", "putting_in")]


def test_a_refused_pack_is_given_back_with_its_reason():
    t = Table().checking().quiet()
    t.slots[0].faults.keep_rule = rules.index_of("soh_low")
    t.shut(1, slot.REFUSED).at(4000)
    assert t.said() == [(1, REASON)] and t.tell() == [("swap.step", 1, "IN", "opening_back")] and t.swap.in_serial == "IN"
    t.at(4050)
    assert t.slots[0].door_claim == interlock.GIVE_BACK
    t.open(1).at(5000)
    assert t.said() == [(1, "take_back")] and t.tell() == [("swap.step", 1, "IN", "taking_back")]
    t.at(5050)
    assert t.tell() == []
    t.shut(1, slot.EMPTY).at(6000)
    assert t.tell() == [("swap.cancelled", 1, "IN", REASON, "taking_back")] and t.said() == [(1, REASON)] and ended(t)
    t = Table().checking().quiet().shut(1, slot.REFUSED, faults_keep_rule=0).at(4000)
    assert t.said() == [(1, rules.reason(0))]
    t = Table().checking().quiet().shut(1, slot.REFUSED).at(4000)
    assert t.said() == [(1, "pack_damaged")]


def test_what_else_may_come_of_a_check():
    t = Table().checking().quiet().shut(1, slot.QUARANTINED).open(3).at(4000)
    assert t.tell() == [("swap.cancelled", 1, "IN", "pack_dangerous", "checking_in")] and t.said() == [(1, "pack_dangerous")]
    assert [s.left_open for s in t.slots] == [False] * 3  # one was shut, and the other is none of the swap's
    t = Table().checking().quiet().open(1).at(4000)
    assert t.tell() == [("swap.step", 1, "IN", "putting_in")] and t.said() == []
    assert t.at(4050).tell() == []
    t = Table().checking().quiet().shut(1, slot.EMPTY).at(4000)
    assert t.tell() == [("swap.cancelled", 1, "", "no_pack", "checking_in")] and t.said() == [(1, "no_pack")]
    t = Table().checking().quiet()
    t.slots[0].wants_wake = True
    assert t.at(3050).said() == [(1, "waking")] and t.tell() == []
    t = Table().checking()
    limit(t, 3000, 20000)
    assert t.tell() == [("swap.step", 1, "IN", "opening_back")] and t.said() == [(1, "check_timeout")]
    assert t.swap.reason == "check_timeout" and t.swap.reopened == 0
    assert t.at(t.now + 50).tell() == [] and t.slots[0].door_claim == interlock.GIVE_BACK


def test_without_a_full_pack_the_rider_gets_his_own_back():
    t = Table(empty(1), StubSlot(2, ready=False)).checking().quiet().shut(1, slot.IDLE).at(4000)
    assert t.said() == [(1, "no_full_pack")] and t.tell() == [("swap.step", 1, "IN", "opening_back")]


def test_a_pack_that_goes_bad_or_stuck_at_the_last_moment_is_replaced_by_the_next():
    for change in ({"stuck": True}, {"state": slot.EMPTY}, {"faults_keep_rule": 0}):
        t = Table().opening_out().quiet()
        t.slots[2].set(**change)
        t.at(4050)
        assert t.tell() == [("swap.step", 2, "P2", "opening_out")], change
        assert t.swap.tried == 1 << 3 and t.slots[2].reserved is False and t.slots[1].reserved is True
    assert t.swap.taken is False and t.swap.saved()[11:13] == [0, 0]
    t = Table().opening_out().quiet()  # but not while the door may open at any moment
    t.slots[2].set(pulsed_ms=4010, faults_keep_rule=0)
    t.at(4050)
    assert t.tell() == []


def test_a_full_pack_that_was_exchanged_counts_as_taken():
    t = Table().opening_out().quiet()
    t.slots[2].serial = "OTHER"
    t.at(4050)
    assert t.tell() == [("swap.completed", 3, "P3", 1, "IN", 12, 3, "P3", 97)]
    t = Table().opening_out().quiet()
    t.slots[2].set(serial="OTHER", identified=False)
    t.at(4050)
    assert t.tell() == []


def test_a_pack_that_is_not_taken_is_offered_once_more():
    t = Table().taking().quiet().shut(3, slot.IDENTIFYING).at(6000)
    assert t.tell() == [("swap.step", 3, "P3", "opening_out")] and t.swap.reopened == 1 and t.said() == []
    t.quiet().at(6000 + 9000 + SLACK_MS + 20000)  # it has to prove itself once more
    assert t.tell() == []
    t.open(3).at(51000).quiet().shut(3, slot.IDENTIFYING).at(52000)
    assert t.tell() == [("swap.cancelled", 3, "IN", "out_timeout", "taking_out")] and t.said() == [(3, "out_timeout")]


def test_at_the_open_door_of_the_full_pack_there_is_a_limit_and_some_more_time():
    t = Table().taking()
    limit(t, 5000, 60000)
    assert t.said() == [(3, "shut_door")] and t.tell() == []
    limit(t, 5000, 90000)
    assert t.tell() == [("swap.cancelled", 3, "IN", "out_timeout", "taking_out")] and t.slots[2].left_open is True
    t = Table().taking()
    t.slots[2].present = False
    limit(t, 5000, 60000)
    limit(t, 5000, 90000)
    assert t.tell() == [("swap.completed", 3, "P3", 1, "IN", 12, 3, "P3", 97)] and t.slots[2].left_open is True


def test_giving_back_ends_in_its_own_ways():
    t = Table().giving_back().quiet().shut(1, slot.QUARANTINED).at(4050)
    assert t.tell() == [("swap.cancelled", 1, "IN", "pack_dangerous", "opening_back")]
    t = Table().giving_back().quiet().shut(1, slot.EMPTY).at(4050)
    assert t.tell() == [("swap.cancelled", 1, "IN", REASON, "opening_back")]
    t = Table().giving_back().quiet()
    t.slots[0].stuck = True
    t.at(4050)
    assert t.said() == [(1, "pack_kept"), (1, REASON)] and t.tell() == [("swap.cancelled", 1, "IN", REASON, "opening_back")]
    t = Table().giving_back()
    limit(t, 4000, 9000 + SLACK_MS)
    assert t.said() == [(1, "pack_kept"), (1, REASON)] and t.tell() == [("swap.cancelled", 1, "IN", REASON, "opening_back")]


def test_a_pack_given_back_and_left_is_offered_once_more_and_then_kept():
    t = Table().taking_back().quiet().shut(1, slot.REFUSED).at(6000)
    assert t.tell() == [("swap.step", 1, "IN", "opening_back")] and t.said() == [] and t.swap.reopened == 1
    assert t.at(6050).tell() == []
    t.open(1).at(7000).quiet().shut(1, slot.REFUSED).at(8000)
    assert t.said() == [(1, "pack_kept"), (1, REASON)] and t.tell() == [("swap.cancelled", 1, "IN", REASON, "taking_back")]
    t = Table().taking_back()
    limit(t, 5000, 60000)
    assert t.said() == [(1, "shut_door")] and t.tell() == []
    limit(t, 5000, 90000)
    assert t.said() == [(1, REASON)] and t.tell() == [("swap.cancelled", 1, "IN", REASON, "taking_back")]
    assert t.slots[0].left_open is True


# ---- riders with several packs


def several(packs):
    """The first of so many packs has been changed; slot 3 is empty now."""
    t = Table()
    t.swap.begin("anna", "rider", START, packs)
    t.open(1).at(2000).shut(1, slot.IDENTIFYING, present=True, serial="IN", pack_soc_pct=12).at(3000).shut(1, slot.IDLE).at(4000)
    return t.open(3).at(5000).quiet().shut(3, slot.EMPTY, present=False, serial="").at(6000)


def test_three_packs_are_three_swaps_in_a_row():
    t = several(3)
    assert t.swap.more == 1 and t.swap.number == 2
    assert [row for row in t.tell() if row[0] != "swap.completed"] == [
        ("swap.ordered", 0, "", "anna", "rider"), ("swap.step", 3, "", "opening_in")
    ]  # fmt: skip
    assert t.said() == [(0, "next_pack"), (3, "one_moment")]
    limit(t, 6000, 3 * 3000 + SLACK_MS)
    assert t.tell() == [("swap.cancelled", 3, "", "door_stuck", "opening_in")]
    t = several(3).open(3).at(7000).shut(3, slot.IDENTIFYING, present=True, serial="TWO").at(8000).shut(3, slot.IDLE).at(9000)
    t.open(2).at(10000).quiet().shut(2, slot.EMPTY, present=False, serial="").at(11000)
    assert t.swap.number == 3 and t.swap.more == 0 and t.swap.active and t.said() == [(0, "next_pack"), (2, "one_moment")]
    t.open(2).at(12000).shut(2, slot.IDENTIFYING, present=True, serial="LAST").at(13000).shut(2, slot.IDLE).at(14000)
    t.open(3).at(15000).quiet().shut(3, slot.EMPTY, present=False, serial="").at(16000)
    assert t.said() == [(0, "thank_you")] and ended(t)


def test_a_series_ends_where_the_next_pack_cannot_be_changed():
    for change, reason in (({"ready": False}, "no_full_pack"), ({"ready": True}, "no_empty_slot")):
        t = Table(empty(1), StubSlot(2, pack_soc_pct=95), StubSlot(3, pack_soc_pct=97))
        t.swap.begin("anna", "rider", START, 2)
        t.open(1).at(2000).shut(1, slot.IDENTIFYING, present=True, serial="IN").at(3000).shut(1, slot.IDLE, ready=False)
        t.at(4000).open(3).at(5000).quiet()
        t.slots[1].set(**change)
        t.shut(3, slot.FAULT if change["ready"] else slot.EMPTY, present=False, serial="").at(6000)
        assert reported(t.events)[1:] == [("swap.refused", 0, "", (1, reason))] and t.said() == [(0, reason)] and not t.swap.active, reason
        assert t.swap.number == 1
