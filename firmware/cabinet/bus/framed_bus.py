"""Serial lines on which each maker frames in its own way: start bytes, a length, a check. What the frames look like stands in the profile
of the device."""

from micropython import const

from cabinet.bus.crc16 import crc16
from cabinet.bus.polled_bus import PolledBus

# of form.py; folded only where they are private
_PAGE_WORDS = const(13)
_P_FLAGS = const(3)
_OTHER = const(8)
_P_ASK = const(8)
_P_LENGTH = const(9)
_P_PLUS = const(10)
_P_BEGIN = const(11)

_SUM8 = const(1)
_XOR8 = const(2)
_NEGSUM16_BE = const(3)
_CRC16 = const(4)
_SIZES = b"\x00\x01\x01\x02\x02"
_SLACK = const(4)  # bytes that may stand between an answer and what follows it
_TIMEOUT_MS = const(300)
_PROBE_MS = const(200)
_SHARE = const(50)  # per mille
_LOOK_BYTES = const(200)  # a longer answer is fetched in pieces: a line keeps 256 bytes at least

TYPE_CHECKING = False
if TYPE_CHECKING:
    from array import array
    from typing import Protocol

    from cabinet.ports import Clock, SerialLine

    class FrameTable(Protocol):
        """What frames look like: the tables of devices/profiles/profile.py, laid out as form.py says."""

        pages: array
        pool: bytes
        request_check: int
        request_check_from: int
        answer_check: int
        check_from: int

    class FramedClient(Protocol):
        """A device on such a line."""

        address: int
        page: int  # that is asked for
        lengths: array  # of the last answer to each page

        @property
        def profile(self) -> FrameTable:
            """Its frames."""
            ...

        def least(self, page: int) -> int:
            """The shortest answer to a page that is taken, without its check."""
            ...

        def accept(self, buf: bytearray, at: int, now_ms: int) -> str:
            """The answer begins at buf[at]. Returns "" or the fault that it shows."""
            ...


def check_value(kind: int, buf: "bytes | bytearray", start: int, end: int) -> int:
    """The check over buf[start:end]: sum8, xor8, two's complement of the sum in 16 bits, or Modbus CRC."""
    if kind == _CRC16:
        return crc16(buf, start, end)
    value = 0
    if kind == _XOR8:
        for index in range(start, end):
            value ^= buf[index]
        return value
    for index in range(start, end):
        value += buf[index]
    return value & 0xFF if kind == _SUM8 else -value & 0xFFFF


def put_check(kind: int, buf: bytearray, start: int, end: int) -> int:
    """Write the check behind buf[start:end]; returns where it ends."""
    if not kind:
        return end
    value = check_value(kind, buf, start, end)
    if kind == _NEGSUM16_BE:
        buf[end] = value >> 8
        buf[end + 1] = value & 0xFF
    else:
        buf[end] = value & 0xFF
        if kind == _CRC16:
            buf[end + 1] = value >> 8
    return end + _SIZES[kind]


def check_holds(kind: int, buf: "bytes | bytearray", start: int, end: int) -> bool:
    """Whether the check that ends at buf[end] is that of what begins at buf[start]."""
    if not kind:
        return True
    at = end - _SIZES[kind]
    value = check_value(kind, buf, start, at)
    if kind == _NEGSUM16_BE:
        return buf[at] << 8 | buf[at + 1] == value
    if kind == _CRC16:
        return buf[at] | buf[at + 1] << 8 == value
    return buf[at] == value


def same(pool: bytes, template: int, address: int, buf: "bytes | bytearray", at: int) -> bool:
    """Whether buf[at:] begins with a template of the pool, the address in its place."""
    size = pool[template]
    place = pool[template + 1]
    for index in range(size):
        byte = pool[template + 2 + index]
        if index == place:
            byte = byte + address & 0xFF
        if buf[at + index] != byte:
            return False
    return True


class FramedBus(PolledBus):
    """One line; every device on it brings its profile."""

    length = 0  # of the answer that was found, without its check

    def __init__(self, name: str, line: "SerialLine", clock: "Clock") -> None:
        """Slow makers are waited for; there are few packs on such a line, so silent ones may take more of its time."""
        PolledBus.__init__(self, name, line, clock, _TIMEOUT_MS, _PROBE_MS, share_permille=_SHARE)

    def ask(self, client: "FramedClient", page: int) -> bool:
        """Called from compose(): send the request of a page."""
        profile = client.profile
        pages = profile.pages
        p = page * _PAGE_WORDS
        end = self._put(profile, pages[p + _P_ASK], client.address, 0)
        start = profile.request_check_from
        after = pages[p + _P_ASK] + 2 + profile.pool[pages[p + _P_ASK]]
        end = put_check(profile.request_check, self.tx, start, end)
        self._tx_len = self._put(profile, after, client.address, end)
        tail = pages[p + _P_BEGIN] + 2 + profile.pool[pages[p + _P_BEGIN]]
        self._want = client.lengths[page] + self._tail_size(profile, tail)
        return True

    def _put(self, profile: "FrameTable", template: int, address: int, end: int) -> int:
        pool = profile.pool
        size = pool[template]
        place = pool[template + 1]
        for index in range(size):
            byte = pool[template + 2 + index]
            self.tx[end + index] = byte + address & 0xFF if index == place else byte
        return end + size

    @staticmethod
    def _tail_size(profile: "FrameTable", tail: int) -> int:
        size = profile.pool[tail]
        return size + 2 if size and profile.pool[tail + 1] != 255 else size  # one with an address is a frame with a check of its own

    def _close(self, client: "FramedClient") -> int:
        return self._tx_len

    def _send(self, now: int) -> int:
        wait = PolledBus._send(self, now)
        if self._client is not None and self._want > _LOOK_BYTES:
            early = (self._want - _LOOK_BYTES) * self.char_us
            wait = wait - early if wait > early else 1
            self._wake_us = (now + wait) & 0x3FFFFFFF
        return wait

    def _find(self, client: "FramedClient") -> int:
        profile = client.profile
        pages = profile.pages
        page = client.page
        p = page * _PAGE_WORDS
        begin = pages[p + _P_BEGIN]
        tail = begin + 2 + profile.pool[begin]
        size = profile.pool[begin]
        rx = self.rx
        have = self._have
        fixed = pages[p + _P_LENGTH]
        other = self._other(profile, p)
        for at in range(have - size + 1):
            if not same(profile.pool, begin, client.address, rx, at) and not same(profile.pool, other, client.address, rx, at):
                continue
            length = fixed
            if fixed < 0:
                if at - fixed >= have:
                    return -1
                length = rx[at - fixed] + pages[p + _P_PLUS]
                if length < client.least(page):
                    continue
            if at + length > have or not check_holds(profile.answer_check, rx, at + profile.check_from, at + length):
                continue
            if not self._followed(profile, tail, client.address, at + length):
                continue
            self.length = length - _SIZES[profile.answer_check]
            client.lengths[page] = length
            return at
        return -1

    def _other(self, profile: "FrameTable", p: int) -> int:
        """Another right beginning, or the same: a pack alone on its line may answer with the factory's address or an older code."""
        begin = profile.pages[p + _P_BEGIN]
        if not profile.pages[p + _P_FLAGS] & _OTHER or len(self.clients) > 1:
            return begin
        tail = begin + 2 + profile.pool[begin]
        return tail + 2 + profile.pool[tail]

    def _followed(self, profile: "FrameTable", tail: int, address: int, at: int) -> bool:
        """Whether the frame is followed by what must follow it."""
        size = profile.pool[tail]
        if not size:
            return True
        whole = self._tail_size(profile, tail)
        rx = self.rx
        for start in range(at, min(at + _SLACK, self._have - whole) + 1):
            if same(profile.pool, tail, address, rx, start) and (whole == size or check_holds(_CRC16, rx, start, start + whole)):
                return True
        return False

    def _begun(self, client: "FramedClient") -> bool:
        """Whether a frame that begins as the answer must is not whole yet."""
        profile = client.profile
        p = client.page * _PAGE_WORDS
        begin = profile.pages[p + _P_BEGIN]
        other = self._other(profile, p)
        size = profile.pool[begin]
        fixed = profile.pages[p + _P_LENGTH]
        rx = self.rx
        for at in range(self._have):
            have = self._have - at
            if have >= size and (same(profile.pool, begin, client.address, rx, at) or same(profile.pool, other, client.address, rx, at)):
                if fixed < 0 and have <= -fixed:
                    return True
                return have < (fixed if fixed > 0 else rx[at - fixed] + profile.pages[p + _P_PLUS])
            if have < size and rx[at] == profile.pool[begin + 2]:
                return True
        return False

    def _whole_frame(self) -> bool:
        return False

    def _judge(self, client: "FramedClient", at: int) -> str:
        return client.accept(self.rx, at, self.clock.ticks_ms())
