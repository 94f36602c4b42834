"""Named values that outlive a power cut, on the same records as the journal."""

import random

from nor_flash import NorFlash, PowerCut
from refusing_flash import RefusingFlash

from cabinet.store.ring import JournalFull
from cabinet.store.state import StateStore


def refusal(call, *args):
    """The exception with which a call ends, or None."""
    try:
        call(*args)
    except (JournalFull, OSError, ValueError) as error:
        return error
    return None


def test_a_value_comes_back_also_after_a_restart():
    flash = NorFlash(16384)
    store = StateStore(flash)
    assert store.get("swap") is None
    store.put("swap", b"half done")
    store.put("swap", b"done")
    store.put("empty", b"")
    assert store.get("swap") == b"done"
    store = StateStore(flash)
    assert store.get("swap") == b"done"
    assert store.get("empty") == b""
    assert sorted(store.names()) == ["empty", "swap"]


def test_a_deleted_value_stays_deleted():
    flash = NorFlash(16384)
    store = StateStore(flash)
    store.put("a", b"1")
    store.put("b", b"2")
    store.delete("a")
    store.delete("never")
    assert StateStore(flash).get("a") is None
    assert StateStore(flash).get("b") == b"2"


def test_values_survive_many_rounds_in_areas_of_every_size():
    dice = random
    for sectors in (2, 3, 4, 8):
        dice.seed(sectors)
        flash = NorFlash(sectors * 4096)
        store = StateStore(flash)
        model = {}
        for n in range(1500):
            name = "name%d" % (dice.getrandbits(8) % 12)
            if dice.getrandbits(8) < 20:
                store.delete(name)
                model.pop(name, None)
            else:
                value = bytes([dice.getrandbits(8) for _ in range(dice.getrandbits(6))])
                store.put(name, value)
                model[name] = value
            before = flash.erases
            store.idle()
            store.idle()
            assert flash.erases - before <= 2
            if n == 700:
                store = StateStore(flash)
            if n % 50 == 0:
                assert {k: store.get(k) for k in store.names()} == model
        store = StateStore(flash)
        assert {k: store.get(k) for k in model} == model
        assert max(flash.sector_erases) - min(flash.sector_erases) <= 2


def test_a_store_without_room_refuses_before_it_writes_and_keeps_what_it_has():
    flash = NorFlash(8192)
    store = StateStore(flash)
    n = 0
    while refusal(store.put, "v%d" % n, bytes(100)) is None:
        n += 1
        store.idle()
        assert n < 1000
    assert n >= 10
    assert store.get("v0") == bytes(100)
    for k in range(200):
        store.put("v0", b"new%d" % k)
        store.idle()
        store.idle()
        store.idle()
    store = StateStore(flash)
    assert store.get("v0") == b"new199"
    assert store.get("v%d" % (n - 1)) == bytes(100)


def test_an_image_full_of_garbage_is_taken_up_as_an_empty_store():
    dice = random
    dice.seed(1)
    flash = NorFlash(8192, image=bytes([dice.getrandbits(8) for _ in range(8192)]))
    store = StateStore(flash)
    assert store.names() == []
    assert store.findings == [("garbage", 2)]
    store.put("a", b"1")
    assert StateStore(flash).get("a") == b"1"


def test_wrong_names_and_values_are_refused():
    store = StateStore(NorFlash(8192))
    for name, value in (("", b""), ("x" * 33, b""), ("x", bytes(600))):
        assert isinstance(refusal(store.put, name, value), ValueError)


def test_a_cut_at_any_operation_leaves_every_value_old_or_new():
    dice = random
    dice.seed(3)
    for tear in ("none", "whole", "front", "back", "bits", "weak", "faint"):
        for cut in range(1, 400, 13):
            flash = NorFlash(8192)
            flash.tear = tear
            flash.cut_at = cut
            model = {}
            doing = None
            try:
                store = StateStore(flash)
                for n in range(300):
                    name = "n%d" % (n % 5)
                    value = b"%d" % n * 8
                    doing = (name, value)
                    store.put(name, value)
                    model[name] = value
                    doing = None
                    store.idle()
            except PowerCut:
                pass
            for _ in range(3):
                flash.cut_at = 0
                store = StateStore(flash)
                for name, value in model.items():
                    found = store.get(name)
                    assert found == value or doing == (name, found), (tear, cut, name, found, value)
                flash.boot()


class FlashThatFails(RefusingFlash):
    """Of `count` operations from the `begin`-th on, about half do nothing but raise."""

    def __init__(self, size, begin, count):
        RefusingFlash.__init__(self, size, 1024)
        self.tried = 0
        self.begin = begin
        self.end = begin + count
        self.dice_state = begin

    def _ask(self):
        self.tried += 1
        self.dice_state = (self.dice_state * 1103515245 + 12345) & 0x7FFFFFFF
        self.refuses = self.begin <= self.tried < self.end and self.dice_state & 0x10000
        RefusingFlash._ask(self)


def test_a_flash_that_fails_for_a_while_does_not_use_up_all_room():
    for begin in range(60, 700, 64):
        for count in (100, 400, 1000):
            flash = FlashThatFails(8192, begin, count)
            store = StateStore(flash)
            model = {}
            done = waited = after = 0
            while after < 100:
                name, value = "v%d" % (done % 5), bytes([done & 255]) * (20 + done * 7 % 40)
                if refusal(store.put, name, value) is None:
                    model[name] = value
                    done += 1
                    waited = 0
                    after += flash.tried >= flash.end
                store.idle()
                waited += 1
                if waited > 2000:
                    flash.end = flash.tried  # nothing is even tried any more
                assert waited < 4000, (begin, count, store._ring.head, store._ring.oldest, bytes(store._ring.state))
            for again in (store, StateStore(flash)):
                assert {name: again.get(name) for name in model} == model
