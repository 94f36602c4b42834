"""Slot states are reported by exception."""

from cabinet.uplink.states import SlotStates


class Clock:
    now_ms = 0

    def ticks_ms(self):
        return self.now_ms & 0x3FFFFFFF


def view(**more):
    """A slot that charges."""
    base = {"slot": 1, "state": "charging", "pack": "SC1", "soc_pct": 50, "pack_mv": 52000, "current_ma": 9000}
    base.update({"door_closed": True, "why": ""})
    base.update(more)
    return base


def fresh():
    """States of which slot 1 has been sent."""
    clock = Clock()
    states = SlotStates(clock, 60000)
    assert states.update(1, view()) is True
    states.take()
    return states, clock


def test_the_first_state_of_a_slot_is_sent_without_what_is_only_for_people():
    states = SlotStates(Clock(), 60000)
    states.update(3, view(winner="x"))
    slot, sent = states.take()
    assert slot == 3 and "winner" not in sent and sent["state"] == "charging"
    assert states.take() is None


def test_noise_is_not_reported_however_long_it_lasts():
    states, clock = fresh()
    for step in range(100):
        clock.now_ms += 10000
        assert states.update(1, view(pack_mv=52000 + step % 3 * 200, current_ma=9000 - step % 7 * 100)) is False
    assert states.take() is None


def test_switches_and_words_are_reported_at_once_and_what_is_unknown_is_left_out():
    for change in ({"door_closed": False}, {"state": "full"}, {"pack": None}, {"why": "hot"}, {"current_ma": 0}, {"soc_pct": None}):
        states, _ = fresh()
        assert states.update(1, view(**change)) is True
        slot, sent = states.take()
        for name in change:
            assert sent.get(name) == change[name] and (name in sent) == (change[name] is not None)


def settling():
    """As fresh, with 10 s for words to settle."""
    clock = Clock()
    states = SlotStates(clock, 60000, 10000)
    assert states.update(1, view()) is True
    states.take()
    return states, clock


def test_words_that_change_in_quick_succession_go_as_one():
    states, clock = settling()
    for state in ("open", "empty", "checking"):
        assert states.update(1, view(state=state, door_closed=state == "checking")) is False
        assert states.take() is None
        clock.now_ms += 3000
    clock.now_ms += 1000
    assert states.update(1, view(state="charging", soc_pct=20)) is True
    assert states.take()[1]["soc_pct"] == 20 and states.take() is None


def test_what_has_changed_back_before_it_was_due_is_not_told():
    states, clock = settling()
    states.update(1, view(door_closed=False))
    clock.now_ms += 5000
    assert states.update(1, view()) is False
    clock.now_ms += 20000
    assert states.update(1, view()) is False and states.take() is None


def test_after_a_reconnect_nothing_settles():
    states, clock = settling()
    states.update(1, view(state="full"))
    states.all_due()
    assert states.take()[1]["state"] == "full"


def test_measured_values_wait_for_the_pause_and_then_the_newest_is_sent():
    states, clock = fresh()
    assert states.update(1, view(soc_pct=51)) is False
    clock.now_ms = 59999
    assert states.update(1, view(soc_pct=52)) is False
    clock.now_ms = 60000
    assert states.update(1, view(soc_pct=53)) is True
    assert states.take()[1]["soc_pct"] == 53


def test_a_state_that_waits_for_the_line_is_kept_up_to_date():
    states, _ = fresh()
    states.update(1, view(state="full"))
    states.update(1, view(state="full", soc_pct=99))
    assert states.take()[1]["soc_pct"] == 99
    assert states.take() is None


def test_after_a_reconnect_all_slots_are_sent_once_with_the_newest_state():
    states, _ = fresh()
    states.update(2, view())
    states.update(1, view(state="full"))
    states.all_due()
    sent = [states.take(), states.take(), states.take()]
    assert [item and item[0] for item in sent] == [1, 2, None] and sent[0][1]["state"] == "full"


WEEK_MS = 7 * 86400000


def test_the_first_connection_may_come_weeks_after_the_start():
    clock = Clock()
    states = SlotStates(clock, 60000, 10000)
    states.update(1, view())
    clock.now_ms += WEEK_MS  # nobody updates meanwhile, which is worse than what happens
    states.all_due()
    assert states.take()[0] == 1 and states.take() is None


def test_what_waits_for_the_line_is_still_due_after_a_week():
    states, clock = fresh()
    states.update(1, view(state="full"))
    for _ in range(7):
        clock.now_ms += WEEK_MS // 7
        assert states.update(1, view(state="full", soc_pct=100)) is True
    assert states.take()[1]["soc_pct"] == 100


def test_a_measured_value_that_moves_after_a_week_is_reported():
    states, clock = fresh()
    clock.now_ms += WEEK_MS
    assert states.update(1, view(soc_pct=51)) is True


def test_what_changed_and_changed_back_without_a_line_is_told_as_it_is():
    states, clock = settling()
    states.update(1, view(state="faulted"))
    clock.now_ms += 20000
    states.update(1, view(state="faulted"))
    clock.now_ms += 1000
    states.update(1, view())
    clock.now_ms += 3600000
    states.all_due()
    assert states.take()[1]["state"] == "charging" and states.take() is None
