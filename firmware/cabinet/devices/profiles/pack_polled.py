"""A pack that is asked page by page, on a Modbus line or on one with frames of its own: one round of answers makes one reading."""

from array import array

from micropython import const

from cabinet.bus.polled_client import SILENT_AFTER, PolledClient
from cabinet.core import ticks
from cabinet.devices.bms.pack_age import check_age
from cabinet.devices.profiles.decode import forget_page
from cabinet.devices.profiles.pack import ProfilePack

# of form.py; folded only where they are private
_PAGE_WORDS = const(13)
_HAS_SERIAL = const(1)
_P_EVERY = const(12)
_ABSENT_MS = const(30_000)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cabinet.bus.polled_bus import PolledBus
    from cabinet.devices.profiles.profile import Profile
    from cabinet.ports import Clock


class PolledPack(PolledClient):
    """What both kinds of lines share; `length_of_answer` and `compose` differ."""

    def __init__(self, bus: "PolledBus", address: int, clock: "Clock", profile: "Profile", wanted: int) -> None:
        if profile.bus != wanted:
            raise ValueError("the profile %s is not for the line %s" % (profile.name, bus.name))
        if not profile.first <= address <= profile.last:
            raise ValueError(
                "profile %s: the address of a pack is %d, allowed are %d to %d" % (profile.name, address, profile.first, profile.last)
            )
        self.clock = clock
        self.profile = profile
        self.pack = ProfilePack(profile)
        self.reading = self.pack.reading
        self.page = 0  # that is asked for
        self._seen = 0  # pages that have been read since the pack came, a bit each
        self._at_ms = array("i", [0] * profile.page_count)  # when
        self._who_left = profile.who  # pages of the identity that are still to come
        self._goes_on = False  # the round goes on at `page`
        self._rounds = 0  # in a row without a reading
        self._absent = 0  # pages that a reading can do without and that did not come, a bit each
        bus.gap_us = max(bus.gap_us, profile.rest_ms * 1000)
        PolledClient.__init__(self, bus, address, "pack %d" % address)

    def forget(self) -> None:
        """The pack is gone."""
        self.pack.forget()
        self._seen = self._absent = 0
        self._who_left = self.profile.who
        self._goes_on = False
        self._rounds = 0
        self.stats.page_note = ""
        self.standing = ""
        self.page = -1  # an answer that is still under way is that of a pack that has left

    async def prove(self, nonce: bytes) -> "bytes | None":
        """Such a pack cannot."""
        return None

    def next_page(self, now_ms: int) -> bool:
        """Go on to the page that is to be asked for next in this round; False: there is none any more."""
        pages = self.profile.pages
        page = self.page + 1
        while page < self.profile.page_count:
            every = pages[page * _PAGE_WORDS + _P_EVERY]
            if self._absent >> page & 1:
                if not 0 <= ticks.diff(now_ms, self._at_ms[page]) < _ABSENT_MS:
                    self.page = page
                    return True
            elif not every or not self._seen >> page & 1 or not 0 <= ticks.diff(now_ms, self._at_ms[page]) < every:
                self.page = page
                return True
            page += 1
        return False

    def begin(self, now_ms: int) -> bool:
        """A request is to be composed: True if `page` is the one to ask for."""
        if self._goes_on:
            self._goes_on = False
            return True
        self.page = -1
        return self.next_page(now_ms)

    def take(self, buf: "bytearray", at: int, length: int, now_ms: int) -> str:
        """The answer to `page`: "" or the fault that it shows."""
        page = self.page
        if not self.period_ms or page < 0:
            return ""  # nobody wants to know any more
        profile = self.profile
        if not self.pack.take(page, buf, at, length):
            if profile.need >> page & 1:
                return "implausible"
            self._miss(page, "implausible", now_ms)
            return self._go_on(now_ms)
        self._absent &= ~(1 << page)
        self._seen |= 1 << page
        self._at_ms[page] = now_ms
        if profile.flags & _HAS_SERIAL and self._who_left >> page & 1:
            self._who_left &= ~(1 << page)
            if not self._who_left:  # each part of the identity is newer than the last judgement
                self._who_left = profile.who
                fault = self.pack.identify(now_ms)
                if fault:
                    return fault
        return self._go_on(now_ms)

    def _go_on(self, now_ms: int) -> str:
        """The next page of the round, or the end of it: "" or the fault that the reading shows."""
        profile = self.profile
        if self.next_page(now_ms):
            self.again = self._goes_on = True
            return ""
        self.page = -1
        if self._seen & profile.need != profile.need:
            return ""
        fault = self.pack.complete(now_ms)
        if not fault:
            self._rounds = 0
            self.standing = "implausible" if self.pack.lost else ""
            if self.pack.lost:
                self.stats.page_note = "temperature sensor"
            elif not self._absent and self.stats.page_note:
                self.stats.page_note = ""
            self.pack.show(self, self.bus.cells)
            self.stats.renewed(now_ms)
        return fault

    def _miss(self, page: int, reason: str, now_ms: int) -> None:
        """A page that a reading can do without is asked for again after half a minute."""
        self._absent |= 1 << page
        self._at_ms[page] = now_ms
        forget_page(self.profile, page, self.pack)
        self._note(page, reason)

    def _note(self, page: int, reason: str) -> None:
        what = "no good answer" if reason != "timeout" else "unanswered"
        self.stats.page_note = "%s %s" % (self.page_name(page), what)

    def page_name(self, page: int) -> str:
        """A page as the maker's document names it."""
        return "page %d" % page

    def lost(self, reason: str, now_ms: int) -> None:
        """No good answer: the page is left out if a reading can do without it, else the round begins anew."""
        page = self.page
        if page >= 0 and not self.profile.need >> page & 1 and self._seen and self.fails < SILENT_AFTER:
            self._miss(page, reason, now_ms)
            self._go_on(now_ms)
            self.again = False
            return
        if page >= 0:
            self._note(page, reason)
            self._rounds += self._rounds < 255
            if self._rounds >= SILENT_AFTER:  # it answers, but for a page that a reading needs
                self.fault = self.standing = reason
        self.page = -1
        self._goes_on = False
        if self.fails >= SILENT_AFTER:
            self._seen = 0  # the pack that answers next must identify itself
            self._who_left = self.profile.who
        check_age(self.reading, now_ms)
