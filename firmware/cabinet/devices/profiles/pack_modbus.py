"""A pack whose register map stands in a profile."""

import asyncio

from micropython import const

from cabinet.bus.modbus_frame import READ_HOLDING
from cabinet.bus.polled_client import SILENT_AFTER
from cabinet.core import ticks
from cabinet.devices.profiles.pack_polled import PolledPack

# of form.py; folded only where they are private
_PAGE_WORDS = const(13)
_MODBUS = const(0)
_P_ID = const(0)
_P_REQUEST = const(6)

_PROVE_MS = const(5_000)
_PROVE_POLL_MS = const(40)
_MAC_READY = const(2)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cabinet.bus.modbus_bus import ModbusBus
    from cabinet.devices.profiles.profile import Profile
    from cabinet.ports import Clock


class ProfileModbus(PolledPack):
    """The pack at one unit address."""

    def __init__(self, bus: "ModbusBus", address: int, clock: "Clock", profile: "Profile") -> None:
        self.max_registers = profile.read_max
        self._nonce = None  # of the challenge under way
        self._nonce_sent = False
        self._proving = False  # what was asked last belongs to the challenge
        self._mac = None
        PolledPack.__init__(self, bus, address, clock, profile, _MODBUS)

    def forget(self) -> None:
        """The pack is gone."""
        PolledPack.forget(self)
        self._nonce = None
        self.urgent = False

    async def prove(self, nonce: bytes) -> "bytes | None":
        """Have the pack answer a challenge: the 32-byte MAC, or None if it cannot or does not in time."""
        if not self.profile.proof or len(nonce) != 32 or not self.period_ms or self._nonce is not None:
            return None
        self._mac = None
        self._nonce_sent = False
        self._nonce = nonce
        start = self.clock.ticks_ms()
        while self._nonce is nonce:
            if ticks.diff(self.clock.ticks_ms(), start) > _PROVE_MS or self.fails >= SILENT_AFTER:
                self._nonce = None
                break
            self.urgent = True
            await asyncio.sleep_ms(_PROVE_POLL_MS)
        self.urgent = False
        return self._mac

    def page_name(self, page: int) -> str:
        """The first register of the page."""
        return "register 0x%04X" % self.profile.pages[page * _PAGE_WORDS + _P_ID]

    def compose(self, now_ms: int) -> bool:
        """The next request of this pack."""
        profile = self.profile
        bus = self.bus
        self._proving = False
        if self.urgent:
            self.urgent = False
            if self._nonce is not None:
                self._proving = True
                if self._nonce_sent:
                    return bus.read(READ_HOLDING, profile.proof_b, 17)
                return bus.write_registers(profile.proof_a, self._nonce)
        if not self.begin(now_ms):
            return False
        p = self.page * _PAGE_WORDS
        request = profile.pages[p + _P_REQUEST]
        return bus.read(request >> 8, profile.pages[p + _P_ID], request & 0xFF)

    def accept(self, buf: "bytearray", at: int, now_ms: int) -> str:
        """An answer."""
        if not self._proving:
            count = self.profile.pages[self.page * _PAGE_WORDS + _P_REQUEST] & 0xFF if self.page >= 0 else 0
            return self.take(buf, at, count * 2, now_ms)
        if self._nonce is None:
            return ""
        status = buf[at] << 8 | buf[at + 1]
        if not self._nonce_sent:
            self._nonce_sent = True
        elif status >= _MAC_READY:
            self._mac = bytes(buf[at + 2 : at + 34]) if status == _MAC_READY else None
            self._nonce = None
        return ""
