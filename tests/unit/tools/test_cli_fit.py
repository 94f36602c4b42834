"""What the rows of `make fit` say adds up to what was measured."""

from collections import Counter
from types import SimpleNamespace

from swapcab.measure import fit

FEW = Counter({"names": 4000, "objects of Slot": 1200, "module a": 500, "module b": 300, "module c": 20})
MANY = Counter({"names": 4000, "objects of Slot": 2400, "module a": 500, "module b": 312, "module c": 20})


def rows(maps: dict[int, Counter], most: int, monkeypatch) -> dict[str, int]:
    monkeypatch.setattr(fit, "HOLDERS", most)
    found = {slots: SimpleNamespace(holders=one, kinds=Counter({"texts": one.total()})) for slots, one in maps.items()}
    return {row.name: row.figure for row in fit._holder_rows("RAM", found)}  # type: ignore[arg-type]


def test_what_each_slot_holds_is_told_apart_from_what_is_there_anyway(monkeypatch):
    reported = rows({12: FEW, 24: MANY}, 10, monkeypatch)
    assert reported["RAM, each slot: objects of Slot"] == 100 and reported["RAM, each slot: module b"] == 1
    assert reported["RAM, beside slots, by holder: names"] == 4000 and reported["RAM, beside slots, by holder: module b"] == 288
    assert "RAM, beside slots, by holder: objects of Slot" not in reported
    assert reported["RAM, beside slots, by holder: all"] + 12 * reported["RAM, each slot: all"] == FEW.total()
    assert reported["RAM, beside slots, by kind: all"] == reported["RAM, beside slots, by holder: all"]


def test_the_largest_are_named_and_the_others_summed_up(monkeypatch):
    reported = rows({12: FEW}, 2, monkeypatch)
    assert list(reported.items())[:4] == [
        ("RAM, each slot: all", 0), ("RAM, beside slots, by holder: names", 4000), ("RAM, beside slots, by holder: objects of Slot", 1200),
        ("RAM, beside slots, by holder: 3 others", 820),
    ]  # fmt: skip
    assert reported["RAM, beside slots, by holder: all"] == FEW.total()
