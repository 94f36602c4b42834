"""A flash that does not answer at the start: whoever asks is told, and another start finds everything again."""

import sys

ROOT = __file__.replace("\\", "/")[: -len("tests/unit/test_store_broken.py")] or "./"
sys.path[:0] = [ROOT + "tests/models"]

from nor_flash import NorFlash  # noqa: E402

from cabinet.core import events  # noqa: E402
from cabinet.store.journal import Journal  # noqa: E402
from cabinet.store.state import StateStore  # noqa: E402

KEY = b"k" * 32


class Clock:
    def ticks_ms(self):
        return 1000

    def wall_s(self):
        return 0

    def quality(self):
        return 0


class Moody(NorFlash):
    """Answers nothing while `mute`."""

    mute = False

    def read(self, address, buf):
        if self.mute:
            raise OSError(5)
        NorFlash.read(self, address, buf)

    def program(self, address, data):
        if self.mute:
            raise OSError(5)
        NorFlash.program(self, address, data)

    def erase(self, address):
        if self.mute:
            raise OSError(5)
        NorFlash.erase(self, address)


def prepare(journal):
    while journal.idle():
        pass


def test_a_journal_whose_flash_does_not_answer_says_so_and_stores_nothing():
    a, b = Moody(), Moody()
    journal = Journal(a, b, KEY, Clock())
    prepare(journal)
    assert not journal.broken
    sequence = journal.append(events.make("door.opened", 1))
    for area in (a, b):
        area.mute = True
        journal = Journal(a, b, KEY, Clock())
        assert journal.broken
        area.mute = False
    journal = Journal(a, b, KEY, Clock())
    assert not journal.broken
    assert journal.head(events.RING_A) >= sequence
    assert journal.read(events.RING_A, sequence - 1).event.name == "door.opened"


def test_a_state_store_whose_flash_does_not_answer_does_not_pass_for_an_empty_one():
    area = Moody(size=32768)
    store = StateStore(area, KEY)
    store.idle()
    store.put("swap", b"under way")
    area.mute = True
    assert StateStore(area, KEY).broken
    area.mute = False
    store = StateStore(area, KEY)
    assert not store.broken
    assert store.get("swap") == b"under way"
