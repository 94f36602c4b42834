"""Riders with several packs: one order, one pack after the other, never two doors at once."""


from core_cabinet import Cabinet, Pack, cabinet_with_full_packs, take


def put(cabinet, pack):
    """The rider puts a pack into the slot that opens, and shuts it."""
    assert cabinet.run(cabinet.open_doors, 10000), cabinet.log[-6:]
    number = cabinet.open_doors()[0]
    cabinet.run(limit_ms=500)
    cabinet.packs[number] = pack
    cabinet.run(limit_ms=500)
    cabinet.doors[number] = True
    return number


def ended(cabinet):
    return not cabinet.control.swap.active


def completed(cabinet):
    return [row[2] for row in cabinet.log if row[0] == "swap.completed"]


def test_two_packs_are_changed_with_one_order():
    cabinet = cabinet_with_full_packs(4, swap_packs=2)
    assert cabinet.control.order("anna", "rider", cabinet.now_ms) == (True, "ok")
    put(cabinet, Pack("ONE", 12))
    assert take(cabinet)[1].serial == "FULL-4"
    assert not ended(cabinet) and "next_pack" in [code for _, code in cabinet.said]
    put(cabinet, Pack("TWO", 13))
    assert take(cabinet)[1].serial == "FULL-3"
    assert cabinet.run(lambda: ended(cabinet), 5000)
    done = completed(cabinet)
    assert [(row["in_pack"], row["out_pack"]) for row in done] == [("ONE", "FULL-4"), ("TWO", "FULL-3")]
    assert [row["swap"] for row in done] == [1, 2] and cabinet.said[-1][1] == "thank_you"
    assert cabinet.last("swap.ordered")[2]["token"] == [row for row in cabinet.log if row[0] == "swap.ordered"][0][2]["token"]


def test_two_packs_are_changed_in_the_order_out_in_as_well():
    cabinet = Cabinet(3, {n: Pack("FULL-%d" % n, 92 + n) for n in (1, 2, 3)}, swap_order=1, swap_packs=2)
    cabinet.settle()
    assert cabinet.control.order("anna", "rider", cabinet.now_ms) == (True, "ok")
    assert take(cabinet)[1].serial == "FULL-3"
    put(cabinet, Pack("ONE", 12))
    assert take(cabinet)[1].serial == "FULL-2"
    put(cabinet, Pack("TWO", 12))
    assert cabinet.run(lambda: ended(cabinet), 10000)
    assert [row["in_pack"] for row in completed(cabinet)] == ["ONE", "TWO"]


def test_an_order_is_refused_unless_every_pack_can_be_replaced():
    cabinet = cabinet_with_full_packs(2, swap_packs=2)
    assert cabinet.control.order("anna", "rider", cabinet.now_ms) == (False, "no_full_pack")


def test_a_full_pack_that_is_lost_on_the_way_ends_the_series_and_the_rider_is_told():
    cabinet = cabinet_with_full_packs(3, swap_packs=2)
    assert cabinet.control.order("anna", "rider", cabinet.now_ms) == (True, "ok")
    put(cabinet, Pack("ONE", 12))
    assert cabinet.run(lambda: 3 in cabinet.open_doors(), 30000)
    cabinet.packs[2].values["soh_pct"] = 60
    assert take(cabinet)[1].serial == "FULL-3"
    assert ended(cabinet) and cabinet.said[-1][1] == "no_full_pack"
    assert cabinet.last("swap.refused")[2] == {"swap": 1, "reason": "no_full_pack"}


def test_a_bad_second_pack_is_given_back_and_the_first_swap_stands():
    cabinet = cabinet_with_full_packs(4, swap_packs=2)
    cabinet.control.order("anna", "rider", cabinet.now_ms)
    put(cabinet, Pack("ONE", 12))
    take(cabinet)
    put(cabinet, Pack("FALSE", 13, genuine=False))
    assert take(cabinet)[1].serial == "FALSE"
    assert cabinet.run(lambda: ended(cabinet), 5000)
    assert len(completed(cabinet)) == 1 and cabinet.last("swap.cancelled")[2]["reason"] == "pack_unknown"


def test_a_rider_with_one_pack_less_is_simply_done():
    cabinet = cabinet_with_full_packs(4, swap_packs=2)
    cabinet.control.order("anna", "rider", cabinet.now_ms)
    put(cabinet, Pack("ONE", 12))
    take(cabinet)
    assert cabinet.run(cabinet.open_doors, 10000)
    cabinet.run(limit_ms=500)
    cabinet.doors[cabinet.open_doors()[0]] = True
    assert cabinet.run(lambda: ended(cabinet), 9000)
    assert cabinet.last("swap.cancelled")[2]["reason"] == "no_pack"


def test_a_power_cut_between_two_packs_loses_neither():
    cabinet = cabinet_with_full_packs(4, swap_packs=2)
    cabinet.control.order("anna", "rider", cabinet.now_ms)
    put(cabinet, Pack("ONE", 12))
    assert cabinet.run(lambda: 4 in cabinet.open_doors(), 30000)
    cabinet.cut_power()
    cabinet.run(limit_ms=2000)
    assert take(cabinet)[1].serial == "FULL-4"
    assert cabinet.run(lambda: len(completed(cabinet)) == 1, 90000)
    assert not ended(cabinet)
    put(cabinet, Pack("TWO", 12))
    assert take(cabinet)[1].serial == "FULL-3"
    assert cabinet.run(lambda: len(completed(cabinet)) == 2 and ended(cabinet), 10000)
