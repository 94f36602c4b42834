"""What flash no longer holds as it was written: put right where one bit is flipped, refused and reported where more is."""

from nor_flash import NorFlash

from cabinet.core import events
from cabinet.store import cross_check
from cabinet.store.journal import Journal
from cabinet.store.state import ACCEPTED, StateStore

KEY = b"k" * 32


class Clock:
    def ticks_ms(self):
        return 1000

    def wall_s(self):
        return 0

    def quality(self):
        return 0


def stored(flash):
    """A store with a value of each of three names, written in this order."""
    store = StateStore(flash, KEY)
    for name in ("latched", "marked0", "swap"):
        store.put(name, b"value of " + name.encode())
    return store


def place_of(flash, text):
    """Where this text stands, the newest copy of it."""
    return bytes(flash.cells).rfind(text)


def step(n):
    return events.make("swap.step", 1, "PACK%04d" % n, n, "x" * 40)


def test_a_value_with_one_flipped_bit_is_read_as_it_was_and_written_anew():
    for bit in range(8):
        flash = NorFlash(16384)
        stored(flash)
        at = place_of(flash, b"value of marked0")
        flash.cells[at] ^= 1 << bit
        store = StateStore(flash, KEY)
        assert store.get("marked0") == b"value of marked0"
        assert ("healed", 1) in store.findings
        assert place_of(flash, b"value of marked0") > at
        assert not [name for name in ("latched", "marked0", "swap") if store.unsure(name)]


def test_values_before_an_unreadable_record_are_unsure_and_those_behind_it_are_not():
    flash = NorFlash(16384)
    stored(flash)
    at = place_of(flash, b"value of marked0")
    for i in range(6):
        flash.cells[at + i] = 0
    store = StateStore(flash, KEY)
    assert store.unsure("marked0") and store.unsure("latched") and store.unsure("never stored")
    assert not store.unsure("swap")
    assert store.get("swap") == b"value of swap"


def test_damage_that_was_accepted_is_not_reported_at_the_next_start():
    flash = NorFlash(16384)
    stored(flash)
    at = place_of(flash, b"value of marked0")
    for i in range(6):
        flash.cells[at + i] = 0
    store = StateStore(flash, KEY)
    store.put("latched", b"new")
    assert not store.unsure("latched") and store.unsure("marked0")
    store.put(ACCEPTED, store.damage())
    assert not store.unsure("marked0")
    assert not StateStore(flash, KEY).unsure("marked0")


def test_a_record_under_another_key_counts_for_nothing():
    flash = NorFlash(16384)
    forger = StateStore(flash, b"another key")
    forger.put("swap", b"forged")
    store = StateStore(flash, KEY)
    assert store.get("swap") is None and store.unsure("swap")


def test_a_value_that_becomes_unreadable_while_the_controller_runs_is_named():
    flash = NorFlash(16384)
    store = stored(flash)
    at = place_of(flash, b"value of marked0")
    flash.cells[at] ^= 1
    assert store.get("marked0") == b"value of marked0"
    flash.cells[at + 4] = 0
    assert store.get("marked0") is None
    assert store.unreadable == ["marked0"] and store.unsure("marked0")


def test_a_flipped_bit_in_the_header_in_use_costs_no_event():
    for at in range(12, 48):
        a, b = NorFlash(65536), NorFlash(32768)
        journal = Journal(a, b, KEY, Clock())
        for n in range(5):
            journal.append(step(n))
        a.cells[at] ^= 0x10
        again = Journal(a, b, KEY, Clock())
        assert again.head(0) >= 5
        assert again.read(0, 4).event.values[0] == 4
        assert ("healed", 1) in again.rings[0].findings


def test_a_flipped_bit_found_while_draining_is_reported_once():
    a, b = NorFlash(65536), NorFlash(32768)
    journal = Journal(a, b, KEY, Clock())
    for n in range(5):
        journal.append(step(n))
    a.cells[place_of(a, b"PACK0002")] ^= 4
    assert journal.read(0, 2).event.pack == "PACK0002"
    head = journal.head(0)
    for _ in range(8):
        journal.idle()
    assert journal.head(0) == head + 1
    event = journal.read(0, head).event
    assert (event.name, event.values) == ("journal.recovered", ("A", "healed", 1))


def test_a_ring_that_is_empty_while_the_other_was_in_use_is_reported():
    a, b = NorFlash(65536), NorFlash(32768)
    journal = Journal(a, b, KEY, Clock())
    journal.append(events.make("link.up", 0, "", 1, ""))
    again = Journal(NorFlash(65536), b, KEY, Clock())
    event = again.read(0, 0).event
    assert (event.name, event.values[:2]) == ("journal.recovered", ("A", "lost"))
    assert again.boot > journal.boot


def test_a_lost_ring_is_missed_by_what_the_state_store_remembers_and_no_boot_number_comes_twice():
    a, b, flash = NorFlash(65536), NorFlash(32768), NorFlash(16384)
    journal = Journal(a, b, KEY, Clock())
    for n in range(5):
        journal.append(step(n))
    store = StateStore(flash, KEY)
    assert cross_check.check(journal, store)
    journal = Journal(a, b, KEY, Clock())
    assert cross_check.check(journal, store) and journal.head(0) == 5
    boot = journal.boot
    journal = Journal(NorFlash(65536), NorFlash(32768), KEY, Clock())
    assert journal.boot == 1
    assert cross_check.check(journal, store)
    assert journal.boot == boot + 1
    event = journal.read(0, 0).event
    assert (event.name, event.values) == ("journal.damaged", ("A", 1, 5))


def test_an_empty_state_store_beside_an_old_journal_is_no_fresh_start():
    a, b = NorFlash(65536), NorFlash(32768)
    for start in range(1, 6):
        journal = Journal(a, b, KEY, Clock())
        assert cross_check.check(journal, StateStore(NorFlash(16384), KEY)) == (start <= 3)
