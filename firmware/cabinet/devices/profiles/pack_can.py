"""A pack on _CAN whose messages stand in a profile: it sends by itself, or answers requests."""

import struct

from micropython import const

from cabinet.bus.can_client import CanClient
from cabinet.bus.isotp import challenge
from cabinet.core import ticks
from cabinet.devices.bms.pack_age import IDENTITY_PERIOD_MS, check_age
from cabinet.devices.profiles.decode import find_page, forget_page
from cabinet.devices.profiles.pack import ProfilePack

# of form.py; folded only where they are private
_PAGE_WORDS = const(13)
_CAN = const(1)
_HAS_SERIAL = const(1)
_EXTENDED = const(8)
_POLLED = const(32)
_NO_NODE = const(255)
_P_FLAGS = const(3)
_P_REQUEST = const(6)
_P_ASK = const(8)
_P_EVERY = const(12)
_KEY = const(4)

_STANDARD = const(0x20000000)  # as in bus.can_bus
_ANSWER_MS = const(200)  # a request without an answer is given up after so long
_WRONG = const(3)
_KEEP_ALIVE_MS = const(1_000)
_ZEROS = bytes(8)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cabinet.bus.can_bus import CanBus
    from cabinet.devices.profiles.profile import Profile
    from cabinet.ports import Clock


class ProfileCan(CanClient):
    """The pack at one node address. set_need says how often to ask it, or whether to listen."""

    def __init__(self, bus: "CanBus", address: int, clock: "Clock", profile: "Profile") -> None:
        if profile.bus != _CAN:
            raise ValueError("the profile %s is not for a _CAN bus" % profile.name)
        if not profile.first <= address <= profile.last:
            raise ValueError(
                "profile %s: the address of a pack is %d, allowed are %d to %d" % (profile.name, address, profile.first, profile.last)
            )
        self.clock = clock
        self.profile = profile
        self.pack = ProfilePack(profile)
        self.reading = self.pack.reading
        self.period_ms = 0
        self._node = 0 if profile.shift == _NO_NODE else address << profile.shift
        self._request_node = 0 if profile.request_shift == _NO_NODE else address << profile.request_shift
        self._kind = 0 if profile.flags & _EXTENDED else _STANDARD
        self._fresh = 0  # a bit for each page: came in the present half of lost_ms
        self._before = 0  # or in the one before it
        self._wrong = 0
        self.tp = None  # there while a challenge is under way
        self._page = 0  # polled: which page is asked for
        self._asked = False
        self._round = False  # a round of requests is under way
        self._slow = False  # this round asks for what changes rarely as well
        self._frame = bytearray(8 if profile.flags & _POLLED else 0)
        self._alive_ms = clock.ticks_ms()
        self._kept = bytearray(8 * profile.page_count)  # the last good frame of each page
        now = clock.ticks_ms()
        self._since_ms = self._heard_ms = self._half_ms = self._due_ms = self._ask_ms = self._slow_ms = now
        ids = [can_id + self._node | self._kind for can_id in profile.first_page]
        if profile.proof:
            ids.append(profile.proof_b + self._node)
        CanClient.__init__(self, bus, "pack %d" % address, tuple(ids))

    def set_need(self, period_ms: int) -> None:
        """More than 0: ask so often, or listen at the pack's own pace. 0: ignore it, and forget whatever was known."""
        if period_ms == self.period_ms:
            return
        if period_ms <= 0 or self.period_ms == 0:
            self._forget()
        self.period_ms = max(period_ms, 0)

    def wake(self) -> None:
        """Nothing is known that would wake it."""

    def _forget(self) -> None:
        self.pack.forget()
        self._fresh = self._before = self._wrong = 0
        self._round = False
        self.fault = ""
        now = self.clock.ticks_ms()
        self._since_ms = self._heard_ms = self._half_ms = self._due_ms = self._ask_ms = now
        self._slow_ms = ticks.add(now, -IDENTITY_PERIOD_MS)
        self.tp = None
        self.stats.restart()

    @property
    def asked(self) -> int:
        """The page that is waited for; -1: none."""
        return self._page if self._round else -1

    async def prove(self, nonce: bytes) -> "bytes | None":
        """Have the pack answer a challenge: the 32-byte MAC, or None if it cannot or does not in time."""
        profile = self.profile
        return await challenge(self, profile.proof_a + self._request_node, nonce) if profile.proof else None

    def put_frames(self, out: bytearray) -> None:
        """The last frame of each page that a reading needs."""
        pages = self.profile.pages
        for page in range(self.profile.page_count):
            if self.profile.need & (self._fresh | self._before) & 1 << page:
                out.extend(struct.pack(">BBI", 2, 12, pages[page * _PAGE_WORDS] | self._node))
                out.extend(self._kept[page << 3 : (page << 3) + 8])

    # ---- called by the bus ----

    def on_frame(self, can_id: int, data: "bytearray", length: int, now_ms: int) -> "bytearray | None":
        """One frame of this pack."""
        if not self.period_ms:
            return None
        self._heard_ms = now_ms
        profile = self.profile
        base = can_id - self._node
        page = profile.first_page.get(base, -1)
        if page < 0:
            if profile.proof and base == profile.proof_b and self.tp is not None:
                self.tp.on_frame(data, length, now_ms)
            return None
        page = find_page(profile, page, data, length)
        if page < 0:
            return None  # a part of a multiplexed message that the profile does not use
        if not self.pack.take(page, data, 0, length):
            self._fresh &= ~(1 << page)  # what this page reported before no longer counts
            self._before &= ~(1 << page)
            self._wrong_frame("implausible")
            return None
        self._fresh |= 1 << page
        at = page << 3
        for k in range(length):
            self._kept[at + k] = data[k]
        if profile.who >> page & 1:
            self._identity(now_ms)
        if profile.flags & _POLLED:
            if self._round and page == self._page:
                self._asked = False
                self._next(now_ms)
        elif profile.pages[page * _PAGE_WORDS + _P_FLAGS] & _KEY and (self._fresh | self._before) & profile.need == profile.need:
            self._complete(now_ms)
        return None

    def _identity(self, now_ms: int) -> None:
        """A page of the identity came. Only a whole set of them identifies the pack, each taken after the last judgement."""
        profile = self.profile
        seen = self._fresh | self._before
        if profile.flags & _HAS_SERIAL and seen & profile.who == profile.who:
            fault = self.pack.identify(now_ms)
            if fault:
                self._wrong_frame(fault)
                if fault == "foreign":
                    self.fault = fault
            self._fresh &= ~profile.who | profile.need
            self._before &= ~profile.who | profile.need

    def _complete(self, now_ms: int) -> None:
        fault = self.pack.complete(now_ms)
        if fault:
            self.stats.failed(fault)
            if fault == "frozen":
                self.fault = fault
                self._since_ms = now_ms
            else:
                self._wrong_frame("")
            return
        self._since_ms = now_ms
        self._wrong = 0
        self.fault = ""
        self.pack.show(self, self.bus.cells)
        self.stats.answers += 1
        self.stats.renewed(now_ms)

    def _wrong_frame(self, reason: str) -> None:
        if reason:
            self.stats.failed(reason)
        if self._wrong < 255:
            self._wrong += 1
        if self._wrong >= _WRONG and self.fault == "":
            self.fault = reason or "implausible"

    def tick(self, now_ms: int) -> None:
        """Time limits and requests."""
        if self.tp is not None:
            self.tp.tick(now_ms)
        if not self.period_ms:
            return
        limit_ms = self.profile.lost_ms
        if not 0 <= ticks.diff(now_ms, self._half_ms) < limit_ms >> 1:
            self._half_ms = now_ms
            self._forget_old(self._fresh)
            self._before = self._fresh
            self._fresh = 0
        if self.profile.flags & _POLLED:
            self._poll(now_ms)
        if self.profile.keep_alive and not 0 <= ticks.diff(now_ms, self._alive_ms) < _KEEP_ALIVE_MS:
            self._alive_ms = now_ms
            self.bus.send(self.profile.keep_alive | self._kind, _ZEROS, 8)
        silent = ticks.diff(now_ms, self._heard_ms) > limit_ms
        if self.reading.identity_taken_ms is None and self.profile.flags & _HAS_SERIAL:
            limit_ms *= 2
        if silent or ticks.diff(now_ms, self._since_ms) > limit_ms:
            if self.fault in ("", "frozen"):
                self.fault = "timeout"
                self.stats.timeouts += 1
            check_age(self.reading, now_ms)
            self._since_ms = ticks.add(now_ms, -limit_ms - 1)  # neither instant may wrap while the silence lasts
            if silent:
                self._fresh = self._before = 0
                self._heard_ms = ticks.add(now_ms, -self.profile.lost_ms - 1)

    def _forget_old(self, came: int) -> None:
        """Messages that a reading can do without and that came in no half of lost_ms: what they reported holds no longer."""
        profile = self.profile
        for page in range(profile.page_count):
            if not (came | profile.need | profile.who) >> page & 1 and not profile.pages[page * _PAGE_WORDS + _P_EVERY]:
                forget_page(profile, page, self.pack)

    # ---- asking ----

    def _poll(self, now_ms: int) -> None:
        if self._round:
            if self._asked and ticks.diff(now_ms, self._ask_ms) >= _ANSWER_MS:
                self._asked = False
                self.stats.failed("timeout")
                if self.profile.need >> self._page & 1:
                    self._round = False  # a round that misses an answer is given up; the next one begins when it is due
                else:
                    self._next(now_ms)
            elif not self._asked:
                self._ask(now_ms)
        elif ticks.diff(now_ms, self._due_ms) >= 0:
            self._due_ms = ticks.add(now_ms, self.period_ms)
            self._slow = not 0 <= ticks.diff(now_ms, self._slow_ms) < IDENTITY_PERIOD_MS or self.reading.identity_taken_ms is None
            if self._slow:
                self._slow_ms = now_ms
            self._round = True
            self._page = -1
            self._next(now_ms)

    def _next(self, now_ms: int) -> None:
        """Ask for the next page of the round; after the last one a reading is complete."""
        profile = self.profile
        page = self._page + 1
        while page < profile.page_count:
            p = page * _PAGE_WORDS
            repeated = page > 0 and profile.pages[p + _P_REQUEST] == profile.pages[p - _PAGE_WORDS + _P_REQUEST]
            if not repeated and (self._slow or not profile.pages[p + _P_EVERY]):
                self._page = page
                self._ask(now_ms)
                return
            page += 1
        self._round = False
        if (self._fresh | self._before) & profile.need == profile.need:
            self._complete(now_ms)

    def _ask(self, now_ms: int) -> None:
        profile = self.profile
        p = self._page * _PAGE_WORDS
        at = profile.pages[p + _P_ASK]
        pool = profile.pool
        size = pool[at]
        frame = self._frame
        for k in range(size):
            frame[k] = pool[at + 2 + k]
        can_id = profile.pages[p + _P_REQUEST] + self._request_node | self._kind
        self._ask_ms = now_ms
        self._asked = self.bus.send(can_id, frame, size)
        if self._asked:
            self.stats.requests += 1
