"""What the bench makes of a running cabinet's console."""

import json

import pytest

from swapcab.bench import controller, passive
from swapcab.board_link import LinkError

CABINET = {"t": "cabinet", "link": "online", "connected": True, "backlog": 0, "level_pct": 3, "failed": "", "storage": ""}
STATS = {"t": "stats", "loop_gap_ms_max": 40, "heap_peak_bytes": 300000, "heap_free": 90000, "dropped_events": 0}
STATS["poll"] = {"1": 400, "2": 410}


def received(*views: dict) -> list:
    lines = [json.dumps(view).encode() for view in views] + [b"no JSON", b"[1]"]
    seen = passive.listen(lambda: lines.pop(0), 60.0, lambda so_far: not lines)
    return passive.judge(seen)


def parts(results: list) -> list[str]:
    return [result.part for result in results if result.status == "fail"]


def test_a_good_cabinet_has_no_faulty_part_and_says_what_was_not_tried():
    results = received(CABINET, STATS)
    assert parts(results) == [] and [result.status for result in results].count("skip") == 1


DEVICE = {"name": "pack 2", "bus": "packs", "requests": 400, "crc_errors": 0, "timeouts": 0, "foreign": 0, "fault": ""}
CAN = {"name": "can", "kind": "can", "state": 0, "bus_off": 0, "dropped": 0, "fault": ""}


def test_devices_buses_slots_and_clocks_name_their_part():
    for more, part in (
        ({"device": {**DEVICE, "fault": "timeout"}}, "pack 2 on packs"),
        ({"device": {**DEVICE, "crc_errors": 40}}, "pack 2 on packs"),
        ({"bus": {**CAN, "state": 2}}, "CAN line can"),
        ({"bus": {**CAN, "fault": "passive"}}, "CAN line can"),
    ):
        assert parts(received(CABINET, {**STATS, **more})) == [part]
    good = {"device": DEVICE, "bus": CAN}
    assert parts(received(CABINET, {**STATS, **good})) == []
    lost = {"t": "slot", "slot": 2, "door_closed": True, "faults": ["charger_lost"]}
    assert parts(received(CABINET, STATS, lost)) == ["slot 2: charger_lost"]
    assert parts(received(CABINET, STATS, {"t": "slot", "slot": 3, "door_closed": None, "faults": []})) == ["switches of slot 3"]


def test_where_all_devices_of_a_line_fail_the_line_is_named():
    both = [{**STATS, "device": {**DEVICE, "name": f"pack {n}", "fault": "timeout"}} for n in (1, 2)]
    assert parts(received(CABINET, *both)) == ["line packs"]


def test_errors_of_before_are_not_held_against_a_device_that_is_good_now():
    before, now = {**DEVICE, "crc_errors": 40}, {**DEVICE, "requests": 800, "crc_errors": 40}
    assert parts(received(CABINET, {**STATS, "device": before}, {**STATS, "device": now})) == []


def clocks(ran_ms: int, wall_s: int, quality: int = 2) -> list[str]:
    seen = passive.Seen()
    for at_s, clock in ((100.0, [5000, wall_s - 60, quality]), (160.0, [5000 + ran_ms & passive.TICKS_MASK, wall_s, quality])):
        seen.take(json.dumps({**STATS, "clock": clock}).encode(), at_s)
    seen.take(json.dumps(CABINET).encode())
    return parts(passive.judge(seen, 1795354200.0))


def test_the_cabinets_clocks_are_held_against_the_hosts():
    assert clocks(60000, 1795354200) == []
    assert clocks(58000, 1795354200) == ["crystal of the controller"]
    assert clocks(60000, 1795354200 - 86400) == ["RTC (chip, cell, crystal)"]
    assert clocks(60000, 0, 0) == ["RTC (chip, cell, crystal)"]


def test_lines_that_are_no_cabinets_are_passed_over():
    seen = passive.Seen()
    for line in (b"\xff\xfe", b"[" * 100000, b'{"t":"stats"}', b'{"t":"slot","slot":[]}', b'{"t":"stats","loop_gap_ms_max":"x"}', b"null"):
        seen.take(line)
    assert parts(passive.judge(seen)) == ["cabinet: not running, or another port"]


def test_silence_is_no_cabinet():
    assert parts(received()) == ["cabinet: not running, or another port"]


def test_each_trouble_names_its_part():
    for view, part in (
        ({**CABINET, "failed": "control: no report for 900 ms"}, "firmware"),
        ({**CABINET, "storage": "the journal is full"}, "flash chip"),
        ({**CABINET, "connected": False}, "way to the broker"),
        ({**STATS, "loop_gap_ms_max": 900}, "controller"),
        ({**STATS, "heap_free": 2000}, "RAM"),
        ({**STATS, "poll": {"1": 400, "2": 9000}}, "slot 2"),
        ({**STATS, "dropped_events": 4}, "journal"),
    ):
        wrong = parts(received(CABINET, STATS, view))
        assert len(wrong) == 1 and part in wrong[0], wrong


def test_what_a_controller_answers_is_told_apart():
    for said, error in (
        ('{"error": "OSError", "text": "[Errno 19] ENODEV"}', controller.BoardError),
        ('{"error": "MemoryError", "text": ""}', controller.OutOfMemory),
        ('{"error": "AttributeError", "text": "rest"}', controller.Unforeseen),
    ):
        with pytest.raises(error):
            controller.answer_in(f"\n@bench {said}\n", "can")
    assert controller.answer_in('noise\n@bench {"ok": {"a": 1}}\n', "can") == {"a": 1}
    with pytest.raises(LinkError):
        controller.answer_in("nothing of it", "can")
