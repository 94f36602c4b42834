"""Swaps in the order Out-In: the rider takes the full pack first and then brings his own."""


from core_cabinet import Cabinet, Pack, cabinet_with_full_packs, take


def ended(cabinet):
    """Whether no swap is in progress."""
    return not cabinet.control.swap.active


def order_and_take(cabinet):
    """A rider orders and takes the full pack."""
    assert cabinet.control.order("anna", "rider", cabinet.now_ms) == (True, "ok")
    return take(cabinet)


def put(cabinet, pack):
    """The rider puts a pack into the slot that opens, and shuts it."""
    assert cabinet.run(cabinet.open_doors, 10000), cabinet.log[-6:]
    number = cabinet.open_doors()[0]
    cabinet.run(limit_ms=500)
    cabinet.packs[number] = pack
    cabinet.run(limit_ms=500)
    cabinet.doors[number] = True
    return number


def test_a_cabinet_without_an_empty_slot_serves_out_in():
    cabinet = Cabinet(3, {n: Pack("FULL-%d" % n, 92 + n) for n in (1, 2, 3)}, swap_order=1)
    cabinet.settle()
    number, pack = order_and_take(cabinet)
    assert number == 3 and pack.serial == "FULL-3" and not ended(cabinet)
    assert put(cabinet, Pack("EMPTY", 12)) == 3
    assert cabinet.run(lambda: ended(cabinet), 10000)
    done = cabinet.last("swap.completed")[2]
    assert done["in_slot"] == done["out_slot"] == 3 and done["in_pack"] == "EMPTY" and done["out_pack"] == "FULL-3"


def test_a_rider_may_put_his_pack_into_the_open_slot_at_once():
    cabinet = cabinet_with_full_packs(swap_order=1)
    assert cabinet.control.order("anna", "rider", cabinet.now_ms)[0]
    assert cabinet.run(cabinet.open_doors, 5000)
    cabinet.run(limit_ms=500)
    cabinet.packs.pop(4)
    cabinet.run(limit_ms=500)
    cabinet.packs[4] = Pack("EMPTY", 12)
    cabinet.run(limit_ms=500)
    cabinet.doors[4] = True
    assert cabinet.run(lambda: ended(cabinet), 10000)
    assert cabinet.last("swap.completed")[2]["in_pack"] == "EMPTY"


def test_a_bad_pack_is_given_back_and_the_debt_is_recorded():
    cabinet = cabinet_with_full_packs(swap_order=1)
    order_and_take(cabinet)
    bad = Pack("CLONE", 12, genuine=False)
    put(cabinet, bad)
    assert cabinet.run(lambda: cabinet.control.swap_view()["state"] == "taking_back", 15000)
    number, back = take(cabinet)
    assert back is bad and ended(cabinet)
    assert cabinet.last("swap.cancelled")[2]["reason"] == "pack_unknown"


def test_a_rider_who_brings_nothing_ends_the_swap_with_a_debt():
    cabinet = cabinet_with_full_packs(swap_order=1)
    order_and_take(cabinet)
    assert cabinet.run(lambda: ended(cabinet), 90000)
    assert cabinet.last("swap.cancelled")[2]["reason"] == "in_timeout"


def test_a_rider_who_does_not_take_the_full_pack_owes_nothing():
    cabinet = cabinet_with_full_packs(swap_order=1)
    assert cabinet.control.order("anna", "rider", cabinet.now_ms)[0]
    for _ in range(2):
        assert cabinet.run(cabinet.open_doors, 30000)
        cabinet.run(limit_ms=500)
        cabinet.doors[4] = True
        cabinet.run(limit_ms=500)
    assert cabinet.run(lambda: ended(cabinet), 5000)
    assert cabinet.last("swap.cancelled")[2]["reason"] == "out_timeout"


def test_stuck_doors_and_no_full_pack_end_the_swap():
    cabinet = cabinet_with_full_packs(3, swap_order=1)
    cabinet.jammed.update((2, 3))
    assert cabinet.control.order("anna", "rider", cabinet.now_ms)[0]
    assert cabinet.run(lambda: ended(cabinet), 40000)
    assert cabinet.last("swap.cancelled")[2]["reason"] == "door_stuck"


def test_power_cuts_at_every_step_lose_nothing():
    for step in ("opening_out", "taking_out", "opening_in", "putting_in", "checking_in"):
        cabinet = cabinet_with_full_packs(swap_order=1)
        assert cabinet.control.order("anna", "rider", cabinet.now_ms)[0]
        hands = Pack("EMPTY", 12)
        full = None
        cut = False
        for tick in range(1500):
            cabinet.tick()
            if not cut and cabinet.control.swap_view()["state"] == step:
                cut = True
                cabinet.cut_power()
            for number in cabinet.open_doors():
                if tick % 15 == 0 and number in cabinet.packs and full is None:
                    full = cabinet.packs.pop(number)
                    cabinet.run(limit_ms=300)
                    cabinet.doors[number] = True
                elif tick % 15 == 0 and number not in cabinet.packs and full is not None and hands is not None:
                    cabinet.packs[number] = hands
                    hands = None
                    cabinet.run(limit_ms=300)
                    cabinet.doors[number] = True
            if ended(cabinet):
                break
        assert ended(cabinet) and cut, (step, cabinet.log[-6:])
        if cabinet.last("swap.completed") is None:  # undone before the rider's own pack was in
            assert hands is not None and cabinet.last("swap.cancelled")[2]["reason"] == "power_cut", (step, cabinet.log[-6:])
        assert full is not None and full.serial == "FULL-4"
