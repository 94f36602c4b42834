"""A flash that does not answer, at the start or for a moment: whoever asks is told, and another start finds everything again."""


from nor_flash import NorFlash

from cabinet.core import events
from cabinet.store.journal import Journal
from cabinet.store.state import StateStore

KEY = b"k" * 32
MUTE = 1 << 29  # operations: until it is told otherwise


class Clock:
    def ticks_ms(self):
        return 1000

    def wall_s(self):
        return 0

    def quality(self):
        return 0


class Dips(NorFlash):
    """Does not answer for `length` operations: from the next read on, or once a sector's header for use is written."""

    armed = ""
    length = 0
    left = 0

    def _answer(self):
        if self.left:
            self.left -= 1
            raise OSError(5)

    def read(self, address, buf):
        if self.armed == "read":
            self.armed, self.left = "", self.length
        self._answer()
        NorFlash.read(self, address, buf)

    def program(self, address, data):
        self._answer()
        NorFlash.program(self, address, data)
        if self.armed == "open" and len(data) == 36 and address % self.sector_size == 12:
            self.armed, self.left = "", self.length

    def erase(self, address):
        self._answer()
        NorFlash.erase(self, address)


def prepare(journal):
    while journal.idle():
        pass


def test_a_journal_whose_flash_does_not_answer_says_so_and_stores_nothing():
    a, b = Dips(), Dips()
    journal = Journal(a, b, KEY, Clock())
    prepare(journal)
    assert not journal.broken
    sequence = journal.append(events.make("door.opened", 1))
    for area in (a, b):
        area.left = MUTE
        journal = Journal(a, b, KEY, Clock())
        assert journal.broken
        area.left = 0
    journal = Journal(a, b, KEY, Clock())
    assert not journal.broken
    assert journal.head(events.RING_A) >= sequence
    assert journal.read(events.RING_A, sequence - 1).event.name == "door.opened"


def test_a_state_store_whose_flash_does_not_answer_does_not_pass_for_an_empty_one():
    area = Dips(size=32768)
    store = StateStore(area, KEY)
    store.idle()
    store.put("swap", b"under way")
    area.left = MUTE
    assert StateStore(area, KEY).broken
    area.left = 0
    store = StateStore(area, KEY)
    assert not store.broken
    assert store.get("swap") == b"under way"


def test_a_sector_that_was_opened_while_the_supply_dipped_does_not_come_back_beside_the_one_opened_in_its_place():
    for length in range(1, 12):
        a, b = Dips(65536), NorFlash(65536)
        a.length = length
        journal = Journal(a, b, KEY, Clock())
        prepare(journal)
        stored = []
        dipped = 0
        while len(stored) < 400 and not (dipped and not a.left and journal.rings[0].pos > 1200):
            if len(stored) == 300:
                a.armed = "open"
            before = a.armed
            try:
                stored.append(journal.append(events.make("pack.removed", 1, "P", len(stored) % 100)))
            except OSError:
                pass
            dipped += bool(before) and not a.armed
            journal.idle()
        assert dipped
        again = Journal(NorFlash(65536, image=a.cells), NorFlash(65536, image=b.cells), KEY, Clock())
        at = again.acked(0)
        found = []
        while True:
            record = again.read(0, at)
            if record is None:
                break
            at = record.sequence
            found.append(at)
        assert [sequence for sequence in stored if sequence not in found] == [], length


def test_a_value_that_was_refused_does_not_come_back_in_the_place_of_a_later_one():
    refusals = 0
    for size in (250, 251):  # 251 make a payload of 256 bytes: the low byte of its length is 0 from the start
        for length in range(1, 16):
            area = Dips(32768)
            store = StateStore(area, KEY)
            prepare(store)
            store.put("swap", b"first")
            area.armed, area.length = "read", length
            held = b"A" * size
            try:
                store.put("swap", held)
            except OSError:
                held = b"first"
                refusals += 1
            area.left = 0
            assert store.get("swap") == held
            store.put("swap", b"later")
            assert StateStore(NorFlash(32768, image=area.cells), KEY).get("swap") == b"later", (size, length)
    assert refusals


def test_a_state_store_goes_on_after_a_sector_that_failed_was_erased_before_the_flash_had_proved_itself():
    """The proof was then written into the erased sector, which spoilt it; nothing could be stored any more before a restart."""
    refused = 0
    for length in range(1, 24):
        area = Dips(32768)
        area.length = length
        store = StateStore(area, KEY)
        prepare(store)
        area.armed = "open"
        for i in range(400):
            if not area.armed and not area.left:
                break
            try:
                store.put("swap", b"%d" % i)
            except OSError:
                refused += 1
            store.idle()
        for _ in range(8):  # the flash is sound again, and has time
            store.idle()
        for i in range(400):
            store.put("swap", b"%d later" % i)
            store.idle()
        assert StateStore(NorFlash(32768, image=area.cells), KEY).get("swap") == b"399 later"
    assert refused
