"""The swap alone: Out-In, and what becomes of a swap after a reset, in every word."""


from core_stubs import StubSlot, empty, reported

from cabinet.core import interlock, rules, slot, swap
from cabinet.core.options import Options
from cabinet.core.swap import Swap

RESUME_MS = 60000
OPENING_MS = 3 * 3000 + 15000


class Table:
    """A swap over given slots."""

    def __init__(self, *slots, **options):
        self.slots = list(slots) or [empty(1), StubSlot(2, pack_soc_pct=95), StubSlot(3, pack_soc_pct=97)]
        self.events = []
        self.messages = []
        self.swap = Swap(self.slots, Options(**options), self.events, self.messages)

    def tell(self):
        """Events and codes said since the last look."""
        rows = reported(self.events)
        assert all(values[0] == self.swap.number for name, _, _, values in rows if name[:5] == "swap.")
        events = [(name, number, pack) + values[1:] for name, number, pack, values in rows]
        codes = [(number, code) for number, code in self.messages]
        self.messages.clear()
        return events, codes

    def at(self, now_ms):
        """A step; what it told."""
        self.swap.step(now_ms)
        return self.tell()


def saved(state, in_slot=1, out_slot=0, **other):
    """A saved swap, number 7."""
    values = {"in_serial": "", "in_soc_pct": 0, "out_serial": "", "out_soc_pct": 0, "reason": "", "taken": 0, "reopened": 0, "tried": 0,
              "last_in": 1, "out_first": 0, "more": 0}  # fmt: skip
    for name in other:
        assert name in values
    values.update(other)
    row = [7, state, "anna", "rider", in_slot, out_slot]
    order = "in_serial in_soc_pct out_serial out_soc_pct reason taken reopened tried last_in out_first more"
    for name in order.split():
        row.append(values[name])
    return row


def resumed(row, *slots):
    """A fresh controller that has taken up a saved swap at 1000 ms."""
    t = Table(*slots)
    t.swap.restore(row, 1000)
    return t


# ---- Out-In


def out_in(*slots):
    """The rider is served first: slot 2 opens."""
    t = Table(*(slots or (StubSlot(1), StubSlot(2, pack_soc_pct=95))), swap_order=1)
    t.swap.begin("anna", "rider", 1000)
    return t


def test_out_in_from_order_to_thanks():
    t = out_in()
    assert t.swap.out_first is True
    assert t.tell() == ([("swap.ordered", 0, "", "anna", "rider"), ("swap.step", 2, "P2", "opening_out")], [])
    two = t.slots[1].set(state=slot.OPEN)
    assert t.at(2000) == ([("swap.step", 2, "P2", "taking_out")], [(2, "take_pack")])
    two.present = False
    assert t.at(2500) == ([], [])
    two.set(state=slot.EMPTY, serial="")
    assert t.at(3000) == ([("swap.step", 2, "", "opening_in")], [(2, "one_moment")])
    assert two.reserved is False and t.swap.last_in == 2 and t.swap.in_slot == 2 and t.swap.reopened == 0
    t.at(3050)
    assert two.door_claim == interlock.RIDER_IN
    two.set(state=slot.OPEN)
    assert t.at(4000) == ([("swap.step", 2, "", "putting_in")], [(2, "put_pack_in")])
    two.set(state=slot.IDENTIFYING, serial="IN", present=True, pack_soc_pct=9)
    assert t.at(5000) == ([("swap.step", 2, "IN", "checking_in")], [(2, "checking")])
    two.set(state=slot.IDLE)
    assert t.at(6000) == ([("swap.completed", 2, "P2", 2, "IN", 9, 2, "P2", 95)], [(0, "thank_you")])
    assert not t.swap.active


def test_out_in_without_a_full_pack_and_with_a_stuck_door():
    t = out_in(StubSlot(1, ready=False))
    events, codes = t.tell()
    assert events == [("swap.ordered", 0, "", "anna", "rider"), ("swap.cancelled", 0, "", "no_full_pack", "none")]
    assert codes == [(0, "no_full_pack")]
    t = out_in()
    t.tell()
    t.slots[1].stuck = True
    assert t.at(1050) == ([("swap.step", 1, "P1", "opening_out")], [])
    t.slots[0].stuck = True
    assert t.at(1100) == ([("swap.cancelled", 1, "", "door_stuck", "opening_out")], [(1, "door_stuck")])


def test_out_in_with_the_own_pack_put_in_at_once_is_checked_where_it_stands():
    t = out_in()
    two = t.slots[1].set(state=slot.OPEN)
    t.at(2000)
    two.present = False
    t.at(2500)
    two.set(state=slot.IDENTIFYING, serial="IN", present=True)
    t.tell()
    assert t.at(3000) == ([("swap.step", 2, "IN", "opening_out")], [])  # it may be the full pack, put back
    two.set(identified=False)
    assert t.at(3050) == ([], [])
    two.set(identified=True)
    assert t.at(3100) == ([("swap.step", 2, "IN", "checking_in")], [])
    assert t.swap.in_slot == t.swap.last_in == 2 and two.reserved is False


def test_out_in_takes_the_own_pack_into_the_slot_that_has_just_become_empty():
    t = out_in(empty(1), StubSlot(2, pack_soc_pct=95), empty(3))
    t.slots[1].set(state=slot.OPEN)
    t.at(2000)
    t.slots[1].present = False
    t.at(2500)
    t.slots[1].set(state=slot.EMPTY, serial="")
    t.tell()
    assert t.at(3000) == ([("swap.step", 2, "", "opening_in")], [(2, "one_moment")])


def test_out_in_with_a_pack_that_was_exchanged_or_is_silent_once_the_door_was_open_checks_what_stands_there():
    for change in ({"serial": "IN"}, {"faults_keep_rule": rules.index_of("pack_silent")}):
        t = out_in()
        two = t.slots[1].set(state=slot.OPEN)
        t.at(2000)
        two.set(state=slot.IDENTIFYING)
        assert t.at(3000)[0] == [("swap.step", 2, "P2", "opening_out")] and t.swap.reopened == 1
        two.set(**change)
        serial = two.serial
        assert t.at(3050) == ([("swap.step", 2, serial, "checking_in")], []), change
        assert t.swap.in_slot == 2 and two.reserved is False
        two.set(faults_keep_rule=-1)
        assert t.at(3050 + 20000) == ([], [])
        assert t.at(3051 + 20000) == ([("swap.step", 2, serial, "opening_back")], [(2, "check_timeout")])


def test_out_in_behind_a_door_left_open_goes_on_in_another_slot():
    t = out_in(empty(1), StubSlot(2, pack_soc_pct=95))
    t.slots[1].set(state=slot.OPEN)
    t.at(2000)
    t.slots[1].present = False
    t.at(62001)
    t.tell()
    assert t.at(92001) == ([("swap.step", 1, "", "opening_in")], [(1, "one_moment")])
    assert t.at(92051) == ([], [])
    assert t.slots[1].left_open is True


# ---- after a reset


def test_what_is_saved_is_what_is_restored():
    row = saved(swap.TAKING_OUT, 1, 3, in_serial="IN", in_soc_pct=12, out_serial="P3", out_soc_pct=97, reason="x",
                taken=1, reopened=1, tried=4, last_in=2, out_first=1, more=2)  # fmt: skip
    t = resumed(row)
    assert t.swap.saved() == row and t.swap.state == swap.RESUMING and t.swap.active
    assert t.swap.taken is True and t.swap.out_first is True and t.slots[2].reserved is True and t.slots[0].reserved is False
    assert resumed(row[:16]).swap.saved() == row[:16] + [0]  # saved by an older firmware
    t = resumed(saved(swap.OPENING_OUT, 1, 2))
    assert t.swap.taken is False and t.swap.out_first is False and t.slots[1].reserved is True
    t = resumed(saved(swap.NONE, 0, last_in=3))
    assert not t.swap.active and t.swap.number == 7 and t.swap.last_in == 3 and t.swap.token == ""
    t.swap.begin("ben", "rider", 2000)
    assert reported(t.events)[0][3] == (8, "ben", "rider")


def test_a_saved_swap_that_makes_no_sense_is_refused():
    for row in (
        saved(-1), saved(swap.RESUMING), saved(swap.PUTTING_IN, 4), saved(swap.PUTTING_IN, -1), saved(swap.TAKING_OUT, 1, 4),
        saved(swap.TAKING_OUT, 1, -1), saved(swap.PUTTING_IN, 1, last_in=4), saved(swap.PUTTING_IN, 1, last_in=-1),
        saved(swap.PUTTING_IN, 0), saved(swap.OPENING_OUT, 1, 0), saved(swap.TAKING_OUT, 1, 0), saved(swap.OPENING_OUT, 0, 0, out_first=1),
    ):  # fmt: skip
        t = Table()
        try:
            t.swap.restore(row, 1000)
        except ValueError as error:
            assert str(error) in ("a saved swap that makes no sense", "a saved swap without its slots"), error
            assert not t.swap.active and t.swap.token == "" and t.swap.in_slot == 0
            continue
        raise AssertionError("taken up: %s" % row)
    for row in (saved(swap.TAKING_BACK, 3), saved(swap.TAKING_OUT, 0, 3, out_first=1), saved(swap.PUTTING_IN, 3, 3, last_in=3),
                saved(swap.PUTTING_IN, 1, last_in=0)):  # fmt: skip
        assert resumed(row).swap.active, row


def test_nothing_is_decided_before_the_door_has_been_seen():
    for change in ({"state": slot.UNSEEN}, {"io_fresh": False}):
        t = resumed(saved(swap.PUTTING_IN), empty(1, **change), StubSlot(2))
        assert t.at(1050) == ([], []) and t.at(1000 + RESUME_MS) == ([], [])
        assert t.at(1001 + RESUME_MS) == (
            [("swap.resumed", 1, "", "putting_in", "undo"), ("swap.cancelled", 1, "", "io_stale", "resuming")], [(1, "io_stale")]
        )  # fmt: skip
    t = resumed(saved(swap.OPENING_OUT, 1, 3), empty(1), StubSlot(2), StubSlot(3, io_fresh=False))
    assert t.at(1050) == ([], [])
    assert t.at(1001 + RESUME_MS)[0][0] == ("swap.resumed", 3, "", "opening_out", "undo")


def test_a_stopped_cabinet_undoes_what_was_under_way():
    for state, at in ((swap.CHECKING_IN, 1), (swap.TAKING_OUT, 3), (swap.TAKING_BACK, 1)):
        t = resumed(saved(state, 1, 3), StubSlot(1), StubSlot(2), StubSlot(3))
        t.swap.stopped = True
        events, codes = t.at(1050)
        assert events[0] == ("swap.resumed", at, "", swap.STATES[state][0], "undo"), events
        assert events[1][3:] == ("cabinet_stopped", "resuming") and codes[0][1] == "cabinet_stopped"
        assert not t.swap.active and t.swap.dirty is True
    t = resumed(saved(swap.TAKING_OUT, 0, 3, out_first=1), StubSlot(1), StubSlot(2), StubSlot(3))
    t.swap.stopped = True
    assert t.at(1050)[0][1] == ("swap.cancelled", 3, "", "cabinet_stopped", "resuming")


def test_a_full_pack_that_was_lifted_out_before_the_cut_counts_as_put_back_once_more():
    for before in (0, 1):
        t = resumed(saved(swap.TAKING_OUT, 1, 3, taken=1, reopened=before), StubSlot(1), StubSlot(2), StubSlot(3))
        t.at(1050)
        assert t.swap.state == swap.OPENING_OUT and t.swap.reopened == before + 1
        assert t.swap.saved()[1] == swap.OPENING_OUT and t.swap.saved()[12] == before + 1


def test_a_full_pack_that_was_lifted_out_and_never_proved_itself_again_is_with_the_rider():
    for out_first, state in ((0, swap.OPENING_IN), (1, swap.CHECKING_IN)):
        t = resumed(saved(swap.TAKING_OUT, 1, 3, taken=1, more=1, out_first=out_first, out_serial="P3"), empty(1), StubSlot(2), StubSlot(3))
        t.at(1050)
        t.slots[2].state = slot.CHECKING
        t.swap.step(1050 + OPENING_MS + RESUME_MS + 1)
        assert t.swap.state == state and t.swap._since_ms == 1050 + OPENING_MS + RESUME_MS + 1


def test_a_stop_finds_the_full_pack_with_the_rider_or_not():
    """He has given his pack and lifted the full one out: that is a swap, whatever has stopped the cabinet."""
    held = {"in_serial": "MINE", "in_soc_pct": 20, "out_serial": "P3", "out_soc_pct": 97, "more": 2}
    for state, taken, present, out_first, done in (
        (swap.TAKING_OUT, 1, False, 0, True), (swap.TAKING_OUT, 0, False, 0, True), (swap.TAKING_OUT, 1, True, 0, False),
        (swap.OPENING_OUT, 1, False, 0, True), (swap.OPENING_OUT, 0, False, 0, False), (swap.TAKING_OUT, 1, False, 1, False),
        (swap.TAKING_BACK, 1, False, 0, False), (swap.CHECKING_IN, 1, False, 0, False),
    ):  # fmt: skip
        at = 3 if state in (swap.TAKING_OUT, swap.OPENING_OUT) else 1
        slots = [empty(1), StubSlot(2), StubSlot(3, present=present)]
        t = resumed(saved(state, 1, 3, taken=taken, out_first=out_first, **held), *slots)
        t.swap.stopped = True
        events, codes = t.at(1050)
        assert events[0] == ("swap.resumed", at, "", swap.STATES[state][0], "finish" if done else "undo"), (state, taken, present)
        assert [row[0] for row in events[1:]] == ["swap.completed" if done else "swap.cancelled"] and not t.swap.active
        assert codes == ([(0, "thank_you")] if done else [(codes[0][0], "cabinet_stopped")])  # no further pack is begun
        t = Table(empty(1), StubSlot(2), StubSlot(3, present=present))
        t.swap.begin("anna", "rider", 1000, 3)
        t.tell()
        t.swap.state, t.swap.in_slot, t.swap.out_slot = state, 1, 3
        t.swap.taken, t.swap.out_first, t.swap.stopped = bool(taken), bool(out_first), True
        events, codes = t.at(1050)
        assert [row[0] for row in events] == ["swap.completed" if done else "swap.cancelled"], (state, taken, present)
        assert codes[-1][1] == ("thank_you" if done else "cabinet_stopped") and len(codes) == 1 and not t.swap.active
        assert t.slots[2].left_open is False


def test_the_time_of_a_door_begins_anew_once_flash_takes_records_again_and_no_other_does():
    for state, at in ((swap.OPENING_IN, 1), (swap.OPENING_OUT, 3), (swap.OPENING_BACK, 1)):
        t = resumed(saved(swap.CHECKING_IN, 1, 3), StubSlot(1), StubSlot(2), StubSlot(3))
        t.swap.state, t.swap._since_ms, t.swap.stored = state, 1000, False
        t.swap.out_serial = "P3"
        t.at(500000)
        assert t.swap.state == state and t.swap._since_ms == 500000 and t.slots[at - 1].door_claim
        t.at(559999)
        assert t.swap.state == state and t.swap._since_ms == 559999
        t.at(560000)  # for a minute at most, counted from the first refusal
        assert t.swap.state == state and t.swap._since_ms == 559999
        t.swap.stored = True
        t.at(559999 + OPENING_MS)
        assert t.swap.state == state
        t.at(559999 + OPENING_MS + 1)
        assert t.swap.state != state or t.swap.out_slot != 3


def test_while_flash_refuses_no_other_slot_is_tried():
    for state, out_first, then in (
        (swap.OPENING_IN, 0, swap.NONE), (swap.OPENING_IN, 1, swap.NONE),
        (swap.OPENING_OUT, 1, swap.NONE), (swap.OPENING_OUT, 0, swap.OPENING_BACK),
    ):  # fmt: skip
        t = Table(empty(1), StubSlot(2, pack_soc_pct=99), StubSlot(3, pack_soc_pct=98), empty(4), swap_order=out_first)
        t.swap.begin("anna", "rider", 1000)
        t.swap.state, t.swap.in_slot, t.swap.out_slot, t.swap.out_serial, t.swap.stored = state, 1, 3, "P3", False
        for at in (1000, 60999, 60999 + OPENING_MS):
            t.at(at)
            assert t.swap.state == state
        events, codes = t.at(60999 + OPENING_MS + 1)
        assert t.swap.state == then and codes == [(1 if state == swap.OPENING_IN or not out_first else 3, "storage_fault")]
        assert [row[0] for row in events] == ["swap.step" if then else "swap.cancelled"]
        assert t.swap.reason == ("storage_fault" if then else "")
        if then:
            assert t.swap._since_ms == 61000 + OPENING_MS


def test_while_flash_refuses_a_full_pack_that_was_lifted_out_is_with_the_rider():
    t = Table(empty(1), StubSlot(2, pack_soc_pct=99))
    t.swap.begin("anna", "rider", 1000)
    t.swap.state, t.swap.out_slot, t.swap.out_serial, t.swap.taken, t.swap.stored = swap.OPENING_OUT, 2, "P2", True, False
    t.slots[1].state = slot.IDENTIFYING  # back in its slot, perhaps, and not proven
    for at in (1000, 60999):
        t.at(at)
    events, codes = t.at(60999 + OPENING_MS + 1)
    assert [row[0] for row in events] == ["swap.completed"] and codes == [(0, "thank_you")]
    t = Table(empty(1), StubSlot(2), StubSlot(3))
    t.swap.begin("anna", "rider", 1000)
    t.swap.state, t.swap.stored = swap.CHECKING_IN, False
    t.slots[0].state = slot.IDENTIFYING
    t.at(1050)
    assert t.swap._since_ms == 1000


def test_the_three_ends_of_each_step():
    back = {"reason": "pack_type"}
    for state, number, change, verdict, events, codes in (
        (swap.OPENING_IN, 1, {"state": slot.OPEN}, "continue", [("swap.step", 1, "P1", "putting_in")], [(1, "put_pack_in")]),
        (swap.PUTTING_IN, 1, {"state": slot.IDLE}, "continue", [("swap.step", 1, "P1", "checking_in")], [(1, "checking")]),
        (swap.CHECKING_IN, 1, {"state": slot.EMPTY}, "undo", [("swap.cancelled", 1, "", "power_cut", "resuming")], [(1, "power_cut")]),
        (swap.OPENING_OUT, 3, {"state": slot.OPEN}, "continue", [("swap.step", 3, "P3", "taking_out")], [(3, "take_pack")]),
        (swap.TAKING_OUT, 3, {"state": slot.FULL}, "continue", [("swap.step", 3, "P3", "opening_out")], [(3, "one_moment")]),
        (swap.TAKING_OUT, 3, {"state": slot.EMPTY}, "finish", [("swap.completed", 3, "OUT", 1, "", 0, 3, "OUT", 0)], [(0, "thank_you")]),
        (swap.OPENING_BACK, 1, {"state": slot.OPEN}, "continue", [("swap.step", 1, "P1", "taking_back")], [(1, "take_back")]),
        (swap.TAKING_BACK, 1, {"state": slot.REFUSED}, "continue", [("swap.step", 1, "P1", "opening_back")], []),
        (swap.TAKING_BACK, 1, {"state": slot.EMPTY}, "undo", [("swap.cancelled", 1, "", "pack_type", "resuming")], [(1, "pack_type")]),
    ):
        slots = [StubSlot(1), StubSlot(2), StubSlot(3)]
        slots[number - 1].set(**change)
        t = resumed(saved(state, 1, 3, out_serial="OUT", **back), *slots)
        t.swap.dirty = False
        assert t.at(1050) == ([("swap.resumed", number, "", swap.STATES[state][0], verdict)] + events, codes), (state, change)
        assert t.swap.dirty is True
    t = resumed(saved(swap.TAKING_BACK, 1), empty(1))
    assert t.at(1050)[1] == [(1, "cancelled")]


def test_a_pack_that_was_taken_in_the_dark_ends_the_swap_even_if_another_stands_there():
    t = resumed(saved(swap.TAKING_OUT, 1, 3, out_serial="OUT", taken=1), StubSlot(1), StubSlot(2), StubSlot(3))
    events, codes = t.at(1050)
    assert events[0] == ("swap.resumed", 3, "", "taking_out", "continue") and events[1] == ("swap.step", 3, "P3", "opening_out")
    events, codes = t.at(1100)
    assert events[0][0] == "swap.completed"  # another serial
    t = resumed(saved(swap.TAKING_OUT, 0, 3, out_serial="OUT", taken=1, out_first=1), empty(1), StubSlot(2), empty(3))
    events, codes = t.at(1050)
    assert events == [("swap.resumed", 3, "", "taking_out", "continue"), ("swap.step", 3, "", "opening_in")]
    assert codes == [(3, "one_moment")]


def test_after_a_reset_checks_and_doors_get_more_time():
    t = resumed(saved(swap.PUTTING_IN), StubSlot(1, state=slot.IDENTIFYING), StubSlot(2))
    t.at(1050)
    assert t.at(1050 + 20000 + RESUME_MS) == ([], []) and t.at(1051 + 20000 + RESUME_MS)[1] == [(1, "check_timeout")]
    t = resumed(saved(swap.TAKING_OUT, 1, 2, out_serial="P2"), StubSlot(1), StubSlot(2, state=slot.IDENTIFYING))
    t.at(1050)
    assert t.at(1050 + OPENING_MS + RESUME_MS) == ([], []) and t.at(1051 + OPENING_MS + RESUME_MS)[0] != []
    t = resumed(saved(swap.TAKING_BACK, 1), StubSlot(1, state=slot.REFUSED))
    t.at(1050)
    assert t.at(1050 + OPENING_MS + RESUME_MS) == ([], []) and t.at(1051 + OPENING_MS + RESUME_MS)[1][0] == (1, "pack_kept")
