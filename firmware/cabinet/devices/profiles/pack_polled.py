"""A pack that is asked page by page, on a Modbus line or on one with frames of its own: one round of answers makes one reading."""

from array import array

from micropython import const

from cabinet.bus.polled_client import SILENT_AFTER, PolledClient
from cabinet.core import ticks
from cabinet.devices.bms.pack_age import check_age
from cabinet.devices.profiles.pack import ProfilePack

# of form.py; folded only where they are private
_PAGE_WORDS = const(13)
_HAS_SERIAL = const(1)
_P_EVERY = const(12)

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
        bus.gap_us = max(bus.gap_us, profile.rest_ms * 1000)
        PolledClient.__init__(self, bus, address, "pack %d" % address)

    def forget(self) -> None:
        """The pack is gone."""
        self.pack.forget()
        self._seen = 0
        self._who_left = self.profile.who
        self._goes_on = False
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
            if not every or not self._seen >> page & 1 or not 0 <= ticks.diff(now_ms, self._at_ms[page]) < every:
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
        if not self.pack.take(page, buf, at, length):
            return "implausible"
        profile = self.profile
        self._seen |= 1 << page
        self._at_ms[page] = now_ms
        if profile.flags & _HAS_SERIAL and self._who_left >> page & 1:
            self._who_left &= ~(1 << page)
            if not self._who_left:  # each part of the identity is newer than the last judgement
                self._who_left = profile.who
                fault = self.pack.identify(now_ms)
                if fault:
                    return fault
        if self.next_page(now_ms):
            self.again = self._goes_on = True
            return ""
        self.page = -1
        if self._seen & profile.need != profile.need:
            return ""
        fault = self.pack.complete(now_ms)
        if not fault and self.reading.taken_ms == now_ms:
            self.pack.show(self, self.bus.cells)
            self.stats.renewed(now_ms)
        return fault

    def lost(self, reason: str, now_ms: int) -> None:
        """No good answer: the round begins anew."""
        self.page = -1
        self._goes_on = False
        if self.fails >= SILENT_AFTER:
            self._seen = 0  # whoever answers next must say who it is
            self._who_left = self.profile.who
        check_age(self.reading, now_ms)
