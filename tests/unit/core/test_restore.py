"""Power cuts at every step of a swap: it is finished or undone, it says so, and the next rider is served."""


from core_cabinet import Cabinet, Pack, bring, cabinet_with_full_packs, take


def ended(cabinet):
    """Whether no swap is in progress."""
    return not cabinet.control.swap.active


def reach(cabinet, step):
    """Run until the swap has come to a step."""
    assert cabinet.run(lambda: cabinet.control.swap_view()["state"] == step, 30000), (step, cabinet.log[-5:])
    cabinet.tick()


def resumed(cabinet):
    """(step, verdict) of the last swap.resumed."""
    row = cabinet.last("swap.resumed")
    return None if row is None else (row[2]["step"], row[2]["verdict"])


def served(cabinet, token="ben"):
    """Whether a whole swap works now."""
    cabinet.settle()
    cabinet.run(limit_ms=6000)
    before = cabinet.names().count("swap.completed")
    bring(cabinet, Pack("NEXT", 20), token)
    take(cabinet)
    return cabinet.names().count("swap.completed") == before + 1


def test_cut_while_the_first_door_opens_and_stays_shut_undoes_the_swap():
    cabinet = cabinet_with_full_packs()
    cabinet.jammed.add(1)
    cabinet.control.order("anna", "rider", cabinet.now_ms)
    reach(cabinet, "opening_in")
    cabinet.jammed.clear()
    cabinet.cut_power()
    assert cabinet.run(lambda: resumed(cabinet) is not None, 5000)
    assert resumed(cabinet) == ("opening_in", "undo") and ended(cabinet)
    assert served(cabinet)


def test_cut_while_the_rider_stands_at_the_open_door_goes_on():
    cabinet = cabinet_with_full_packs()
    cabinet.control.order("anna", "rider", cabinet.now_ms)
    reach(cabinet, "putting_in")
    cabinet.cut_power()
    cabinet.run(limit_ms=1000)
    assert resumed(cabinet) == ("putting_in", "continue")
    cabinet.packs[1] = Pack("EMPTY", 15)
    cabinet.run(limit_ms=500)
    cabinet.doors[1] = True
    number, pack = take(cabinet)
    assert number == 4 and cabinet.last("swap.completed")[2]["in_pack"] == "EMPTY"
    assert served(cabinet)


def test_cut_while_the_rider_puts_the_pack_in_and_shuts_the_door_in_the_dark_goes_on():
    cabinet = cabinet_with_full_packs()
    cabinet.control.order("anna", "rider", cabinet.now_ms)
    reach(cabinet, "putting_in")
    cabinet.packs[1] = Pack("EMPTY", 15)
    cabinet.doors[1] = True
    cabinet.cut_power()
    number, _ = take(cabinet)
    assert resumed(cabinet) == ("putting_in", "continue")
    assert number == 4 and served(cabinet)


def test_cut_after_the_rider_shut_an_empty_slot_in_the_dark_undoes_the_swap():
    cabinet = cabinet_with_full_packs()
    cabinet.control.order("anna", "rider", cabinet.now_ms)
    reach(cabinet, "putting_in")
    cabinet.doors[1] = True
    cabinet.cut_power()
    assert cabinet.run(lambda: ended(cabinet) and resumed(cabinet) == ("putting_in", "undo"), 5000)
    assert cabinet.last("swap.cancelled")[2]["reason"] == "power_cut"
    assert served(cabinet)


def test_cut_during_the_check_checks_again():
    cabinet = cabinet_with_full_packs()
    bring(cabinet, Pack("EMPTY", 15))
    reach(cabinet, "checking_in")
    cabinet.cut_power()
    number, _ = take(cabinet)
    assert resumed(cabinet) == ("checking_in", "continue")
    assert number == 4 and served(cabinet)


def test_cut_during_the_check_of_a_bad_pack_still_gives_it_back():
    cabinet = cabinet_with_full_packs()
    pack = Pack("CLONE", 15, genuine=False)
    bring(cabinet, pack)
    reach(cabinet, "checking_in")
    cabinet.cut_power()
    number, back = take(cabinet)
    assert number == 1 and back is pack and served(cabinet)


def test_cut_while_the_full_slot_opens_proves_the_pack_afresh_and_opens_it():
    cabinet = cabinet_with_full_packs()
    cabinet.jammed.add(4)
    bring(cabinet, Pack("EMPTY", 15))
    reach(cabinet, "opening_out")
    cabinet.jammed.clear()
    cabinet.cut_power()
    number, pack = take(cabinet)
    assert resumed(cabinet) == ("opening_out", "continue")
    assert number == 4 and pack.serial == "FULL-4" and served(cabinet)


def test_cut_while_the_rider_takes_the_pack_goes_on():
    cabinet = cabinet_with_full_packs()
    bring(cabinet, Pack("EMPTY", 15))
    reach(cabinet, "taking_out")
    cabinet.cut_power()
    number, pack = take(cabinet)
    assert resumed(cabinet) == ("taking_out", "continue")
    assert pack.serial == "FULL-4" and cabinet.last("swap.completed")[2]["out_pack"] == "FULL-4"
    assert served(cabinet)


def test_cut_while_the_rider_takes_the_pack_and_shuts_the_door_in_the_dark_finishes_the_swap():
    cabinet = cabinet_with_full_packs()
    bring(cabinet, Pack("EMPTY", 15))
    reach(cabinet, "taking_out")
    cabinet.packs.pop(4)
    cabinet.doors[4] = True
    cabinet.cut_power()
    assert cabinet.run(lambda: ended(cabinet) and resumed(cabinet) == ("taking_out", "finish"), 5000)
    done = cabinet.last("swap.completed")[2]
    assert done["out_pack"] == "FULL-4" and done["in_pack"] == "EMPTY" and done["in_soc_pct"] == 15
    assert served(cabinet)


def test_cut_and_the_rider_shuts_the_door_without_taking_offers_the_pack_once_more():
    cabinet = cabinet_with_full_packs()
    bring(cabinet, Pack("EMPTY", 15))
    reach(cabinet, "taking_out")
    cabinet.doors[4] = True
    cabinet.cut_power()
    number, pack = take(cabinet)
    assert number == 4 and pack.serial == "FULL-4" and served(cabinet)


def test_cut_while_a_refused_pack_is_given_back_goes_on():
    for step in ("opening_back", "taking_back"):
        cabinet = cabinet_with_full_packs()
        pack = Pack("CLONE", 15, genuine=False)
        bring(cabinet, pack)
        if step == "opening_back":
            cabinet.jammed.add(1)
        reach(cabinet, step)
        cabinet.jammed.clear()
        cabinet.cut_power()
        number, back = take(cabinet)
        assert number == 1 and back is pack and resumed(cabinet) == (step, "continue"), step
        assert cabinet.last("swap.cancelled")[2]["reason"] == "pack_unknown"
        assert served(cabinet)


def test_cut_and_a_refused_pack_is_taken_in_the_dark_ends_the_swap():
    cabinet = cabinet_with_full_packs()
    bring(cabinet, Pack("CLONE", 15, genuine=False))
    reach(cabinet, "taking_back")
    cabinet.packs.pop(1)
    cabinet.doors[1] = True
    cabinet.cut_power()
    assert cabinet.run(lambda: ended(cabinet) and resumed(cabinet) == ("taking_back", "undo"), 5000)
    assert served(cabinet)


def test_two_cuts_in_a_row_lose_nothing():
    cabinet = cabinet_with_full_packs()
    bring(cabinet, Pack("EMPTY", 15))
    reach(cabinet, "taking_out")
    cabinet.cut_power()
    cabinet.cut_power()
    cabinet.tick()
    cabinet.cut_power()
    number, pack = take(cabinet)
    assert pack.serial == "FULL-4" and served(cabinet)


def run_to_the_end(cabinet):
    """Let the swap end by itself."""
    assert cabinet.run(lambda: ended(cabinet), 70000), cabinet.log[-4:]


def test_a_cut_at_any_step_of_the_core_ends_in_a_cabinet_that_serves():
    for cut_at in range(0, 130, 7):
        cabinet = cabinet_with_full_packs()
        cabinet.control.order("anna", "rider", cabinet.now_ms)
        pack = Pack("EMPTY", 15)
        hands = pack  # what the rider holds
        for tick in range(400):
            if tick == cut_at:
                cabinet.cut_power()
            cabinet.tick()
            for number in cabinet.open_doors():
                if tick % 12 == 0 and number in cabinet.packs and hands is None:
                    hands = cabinet.packs.pop(number)
                    cabinet.run(limit_ms=200)
                    cabinet.doors[number] = True
                elif tick % 12 == 0 and number not in cabinet.packs and hands is pack:
                    cabinet.packs[number] = pack
                    hands = None
                    cabinet.run(limit_ms=200)
                    cabinet.doors[number] = True
        run_to_the_end(cabinet)
        everywhere = sorted([p.serial for p in cabinet.packs.values()] + ([hands.serial] if hands else []))
        assert everywhere == ["EMPTY", "FULL-2", "FULL-3", "FULL-4"], cut_at
        assert served(cabinet), (cut_at, cabinet.log[-6:])


def test_a_snapshot_that_makes_no_sense_is_refused_and_the_cabinet_starts():
    impossible = b'[1,[1,99,"","",1,1,"",0,"",0,"",0,0,0,0,0],[],[],[]]'
    for data in (b"", b"{", b"[]", b"[3,0]", b"[2,0]", b'[1,[1,2],["A"],[],[]]', impossible, b"\xff\xfe"):
        cabinet = Cabinet(3, {2: Pack("A", 95), 3: Pack("B", 97)})
        assert cabinet.control.restore({"swap": data}, cabinet.now_ms) == (data == b""), data
        assert served(cabinet), data


def test_service_latches_and_marks_outlive_a_cut():
    cabinet = cabinet_with_full_packs()
    cabinet.danger_bits = 1
    cabinet.run(limit_ms=3000)
    assert cabinet.control.order("anna", "rider", cabinet.now_ms) == (False, "cabinet_stopped")
    cabinet.danger_bits = 0
    cabinet.cut_power()
    cabinet.run(limit_ms=12000)
    assert cabinet.control.order("anna", "rider", cabinet.now_ms) == (False, "cabinet_stopped")
    cabinet.control.command("clear", 0, cabinet.now_ms)
    cabinet.run(limit_ms=12000)
    assert served(cabinet)
