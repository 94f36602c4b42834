"""A pack on a line with frames of its own kind."""

from array import array

from micropython import const

from cabinet.devices.profiles.pack_polled import PolledPack

# of form.py; folded only where they are private
_PAGE_WORDS = const(13)
_SERIAL = const(2)
_P_MIN = const(7)
_P_ASK = const(8)
_P_LENGTH = const(9)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cabinet.bus.framed_bus import FramedBus
    from cabinet.devices.profiles.profile import Profile
    from cabinet.ports import Clock


class ProfileSerial(PolledPack):
    """The pack at one address; where a protocol has none, the only one on the line."""

    def __init__(self, bus: "FramedBus", address: int, clock: "Clock", profile: "Profile") -> None:
        self.lengths = array("H", [0] * profile.page_count)  # of the last answer to each page: how long to wait for the next one
        for page in range(profile.page_count):
            fixed = profile.pages[page * _PAGE_WORDS + _P_LENGTH]
            self.lengths[page] = fixed if fixed > 0 else profile.pages[page * _PAGE_WORDS + _P_MIN]
        PolledPack.__init__(self, bus, address, clock, profile, _SERIAL)

    def least(self, page: int) -> int:
        """The shortest answer that is taken, without its check."""
        return self.profile.pages[page * _PAGE_WORDS + _P_MIN]

    def page_name(self, page: int) -> str:
        """The bytes with which the page is asked for."""
        at = self.profile.pages[page * _PAGE_WORDS + _P_ASK]
        size = self.profile.pool[at]
        return self.profile.pool[at + 2 : at + 2 + min(size, 4)].hex().upper()

    def compose(self, now_ms: int) -> bool:
        """The next request of this pack."""
        return self.begin(now_ms) and self.bus.ask(self, self.page)

    def accept(self, buf: "bytearray", at: int, now_ms: int) -> str:
        """An answer."""
        return self.take(buf, at, self.bus.length, now_ms)
