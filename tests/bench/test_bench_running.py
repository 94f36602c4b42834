"""What the bench makes of a running cabinet's console."""

import json

from swapcab.bench import passive

CABINET = {"t": "cabinet", "link": "online", "connected": True, "backlog": 0, "level_pct": 3, "failed": "", "storage": ""}
STATS = {"t": "stats", "loop_gap_ms_max": 40, "heap_peak_bytes": 300000, "heap_free": 90000, "dropped_events": 0}
STATS["poll"] = {"1": 400, "2": 410}


def heard(*views: dict) -> list:
    lines = [json.dumps(view).encode() for view in views] + [b"no JSON", b"[1]"]
    seen = passive.listen(lambda: lines.pop(0), 60.0, lambda so_far: not lines)
    return passive.judge(seen)


def parts(results: list) -> list[str]:
    return [result.part for result in results if result.status == "fail"]


def test_a_good_cabinet_has_no_faulty_part_and_says_what_was_not_tried():
    results = heard(CABINET, STATS)
    assert parts(results) == [] and [result.status for result in results].count("skip") == 1


def test_silence_is_no_cabinet():
    assert parts(heard()) == ["cabinet: not running, or another port"]


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
        wrong = parts(heard(CABINET, STATS, view))
        assert len(wrong) == 1 and part in wrong[0], wrong
