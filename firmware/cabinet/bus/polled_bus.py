"""The engine of a line on which devices answer one at a time when asked. It never blocks and, once running, never allocates.

Modbus, Kerong and framed lines are kinds of it: a kind composes the request, finds the answer in what was received, and judges it.
The engine works by the clock: it knows how long its request, the unit's usual thinking time and the answer take on the
wire, sleeps until the answer can be complete, and reads it in one piece. A frame ends with its last expected byte; only what
does not look like the expected answer is waited out until the line falls silent. `step()` does all the work and returns how
long there is nothing to do; `run()` only sleeps in between.

Bytes that nobody asked for (late answers, babble) are thrown away before the next request; an answer is looked for behind
such bytes too.
"""

import asyncio

from micropython import const

from cabinet.bus import schedule
from cabinet.bus.last_frames import LastFrames
from cabinet.bus.polled_client import SILENT_AFTER
from cabinet.bus.schedule import Schedule
from cabinet.core import ticks

_MASK = const(0x3FFFFFFF)
_HALF = const(0x20000000)
_RX_SIZE = const(512)
_IDLE_US = const(10_000)
_SILENCE_US = const(4_000)  # beyond t3.5: transports hand bytes over in pieces
_STRAY_LIMIT_US = const(30_000)  # how long unasked bytes may hold up a request
_FULL_US = const(2_200_000)  # the slowest unit thinks for two seconds
_FULL_EVERY_MS = const(100_000)  # on a line on which others answer: 2 % of its time, until each unit had it once
_LATE_MS = const(1_000)  # a slow unit that did not answer is left alone for so long: its late answer is not taken for the next one
_STEP_US = const(120)
_LOOK_US = const(150)  # between looks at a line on which the answer is due
_LOOK_LATER_US = const(500)
_LOOKS = const(12)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cabinet.bus.cell_view import CellView
    from cabinet.bus.polled_client import PolledClient
    from cabinet.ports import Clock, SerialLine


def _diff_us(later: int, earlier: int) -> int:
    return ((later - earlier + _HALF) & _MASK) - _HALF


class PolledBus:
    """One line and the devices on it."""

    kind = ""  # of bus, as in the settings

    cells: "CellView | None" = None  # where packs show their cells, if anybody looks

    def __init__(
        self,
        name: str,
        line: "SerialLine",
        clock: "Clock",
        timeout_ms: int = 100,
        probe_timeout_ms: int = 50,
        share_permille: int = 10,
    ) -> None:
        """`timeout_ms` for units that answer usually, `probe_timeout_ms` for silent ones: these get `share_permille` of the time."""
        self.name = name
        self.line = line
        self.clock = clock
        self.char_us = (10_000_000 + line.baud - 1) // line.baud
        self.gap_us = 1750 if line.baud > 19200 else (35_000_000 + line.baud - 1) // line.baud
        self.transactions = 0
        self.stray_bytes = 0
        self.line_errors = 0
        self.load_permille = 0  # of the last second
        self._busy_us = 0
        self.tx = bytearray(64)
        self.rx = bytearray(_RX_SIZE)
        self._chunk = bytearray(_RX_SIZE)
        self._kept = LastFrames()
        self._views = {}  # request length -> view of tx
        self._schedule = Schedule(share_permille, probe_timeout_ms * 1000)
        self._timeout_us = timeout_ms * 1000
        self._probe_us = probe_timeout_ms * 1000
        self._client = None  # whom we are waiting for
        self._asker = None  # who composes, or composed last
        self._tx_len = 0
        self._want = 0  # length of a good answer
        self._have = 0
        self._late_reason = "timeout"
        self._busy = False
        now = clock.ticks_us()
        self._step_us = now
        self._sent_us = now
        self._base_us = now  # when the answer would be complete if the unit took no time to think
        self._wake_us = now
        self._quiet_us = now  # the line has been quiet since
        self._held = False  # a request waits for silence
        self._held_us = now
        self._looks = 0
        self._answered = False  # somebody on this line has
        self._full_try = False  # what is under way may take all the time that a unit may need
        self._full_ms = clock.ticks_ms()
        self._urgent = False  # what is under way is no poll
        self._window_us = now

    def attach(self, client: "PolledClient") -> None:
        """Called by the device's constructor."""
        for other in self._schedule.clients:
            if other.address == client.address:
                raise ValueError("bus {}: unit address {} is taken by {}".format(self.name, client.address, other.name))
        self._schedule.clients.append(client)
        self._kept.add()

    @property
    def clients(self) -> "list[PolledClient]":
        """The devices on this bus."""
        return self._schedule.clients

    # ---- the work ----

    async def run(self) -> None:
        """For ever."""
        clock = self.clock
        while True:
            wait = self.step()
            if wait >= 1000:
                await asyncio.sleep_ms(wait // 1000)
            elif self._busy:  # somebody is waiting for the line: hit the instant
                end = (clock.ticks_us() + wait) & _MASK
                await asyncio.sleep_ms(0)
                while _diff_us(end, clock.ticks_us()) > 0:
                    await asyncio.sleep_ms(0)
            else:
                await asyncio.sleep_ms(1)

    def step(self) -> int:
        """Do what can be done now; returns the microseconds in which nothing is to be done."""
        now = self.clock.ticks_us()
        elapsed = _diff_us(now, self._step_us)
        self._step_us = now
        if elapsed > 0:
            self._schedule.earn(elapsed)
            elapsed = _diff_us(now, self._window_us)
            if elapsed >= 1_000_000:
                self.load_permille = self._busy_us // (elapsed // 1000)
                self._busy_us = 0
                self._window_us = now
        if self._client is not None:
            wait = _diff_us(self._wake_us, now)
            if wait > 0:
                return wait
            wait = self._listen(self._client, now)
            if wait > 0:
                return wait
        else:
            self._drain(now)
        wait = self.gap_us - _diff_us(now, self._quiet_us)
        if wait > 0:
            if not self._held:
                self._held = True
                self._held_us = now
            if _diff_us(now, self._held_us) < self.gap_us + _STRAY_LIMIT_US:
                return wait
        self._held = False
        return self._send(now)

    def _drain(self, now: int) -> None:
        count = self._receive(self._chunk)
        if count:
            self.stray_bytes = (self.stray_bytes + count) & _MASK
            self._quiet_us = self.clock.ticks_us()
        elif _diff_us(now, self._quiet_us) > 1_000_000:
            self._quiet_us = (now - 1_000_000) & _MASK  # keep it within the counter's period

    def _receive(self, buf: bytearray) -> int:
        try:
            return self.line.readinto(buf) or 0
        except OSError:
            self.line_errors += 1
            return 0

    def _send(self, now: int) -> int:
        now_ms = self.clock.ticks_ms()
        client = self._schedule.choose(now_ms)
        self._busy = self._schedule.due_count > 1
        if client is None:
            wait = self._schedule.next_ms * 1000
            return wait if 0 < wait < _IDLE_US else _IDLE_US
        self._urgent = client.urgent
        self._asker = client
        if not client.compose(now_ms):
            schedule.served(client, now_ms)
            return 1000
        size = self._close(client)
        view = self._views.get(size)
        if view is None:
            view = self._views[size] = memoryview(self.tx)[:size]
        try:
            self.line.write(view)
        except OSError:
            self.line_errors += 1
        client.stats.requests += 1
        self._tx_len = size
        self._client = client
        self._have = 0
        self._looks = 0
        self._late_reason = "timeout"
        since = ticks.diff(now_ms, self._full_ms)
        self._full_try = client.full_time and not self._urgent and (not self._answered or not 0 <= since < _FULL_EVERY_MS)
        if self._full_try:
            self._full_ms = now_ms
        sent = (now + size * self.char_us) & _MASK
        self._sent_us = sent
        self._base_us = (sent + self._want * self.char_us) & _MASK
        self._wake_us = (self._base_us + client.lag_us) & _MASK
        return _diff_us(self._wake_us, now)

    def _listen(self, client: "PolledClient", now: int) -> int:
        """Waiting for an answer: 0 when the transaction is over."""
        self._looks += 1
        chunk = self._chunk
        count = self._receive(chunk)
        if count:
            have = self._have
            if have + count > _RX_SIZE:
                count = _RX_SIZE - have
            rx = self.rx
            if have == 0:
                self.rx = chunk  # the usual case: the whole answer in one piece, no copy
                self._chunk = rx
                rx = chunk
            else:
                for i in range(count):
                    rx[have + i] = chunk[i]
            self._have = have + count
            self._quiet_us = now = self.clock.ticks_us()  # after reading: no byte came later than this
        at = self._find(client)
        if at >= 0:
            self._learn(client, _diff_us(now, self._base_us))
            self._done(client, self._judge(client, at), now)
            return 0
        if self._have >= _RX_SIZE:
            self._done(client, "crc", now)
            return 0
        silence = _diff_us(now, self._quiet_us)
        limit = self._limit_us(client)
        if self._have and silence > self.gap_us + _SILENCE_US and not (silence < limit and self._begun(client)):
            if not self._whole_frame():
                self._done(client, "crc", now)
                return 0
            self._late_reason = "foreign"
            self.stray_bytes += self._have
            self._have = 0  # somebody else's: keep waiting for the right one
        left = limit - _diff_us(now, self._sent_us)
        if self._have == 0 and left <= 0 or _diff_us(now, self._base_us) > limit + _STRAY_LIMIT_US:
            self._done(client, self._late_reason if self._have == 0 else "crc", now)
            return 0
        missing = self._want - self._have
        if self._looks < _LOOKS:
            wait = _LOOK_US  # about now
        elif self._have and missing > 0:
            wait = missing * self.char_us
        else:
            wait = _LOOK_LATER_US
        self._wake_us = (now + wait) & _MASK
        return wait

    def _limit_us(self, client: "PolledClient") -> int:
        """How long its answer is waited for. A unit that never answered gets its full time once, at once where nobody else has answered
        and else when nobody else has had it for a while; and in each eighth probe. Some think for a second or two. One that has answered
        gets what it needs, and half as much again."""
        if client.stats.answers == 0:
            return _FULL_US if self._full_try or client.fails & 7 == 7 and not self._urgent else self._probe_us
        known = client.answer_us
        if client.fails >= SILENT_AFTER and client.fails & 7 != 7:
            return known if known > self._probe_us else self._probe_us
        return known if known > self._timeout_us else self._timeout_us

    # ---- what a kind of line does in its own way ----

    if TYPE_CHECKING:

        def _close(self, client: "Any") -> int:
            """Complete the request in tx; returns its length."""
            ...

        def _find(self, client: "Any") -> int:
            """Where in rx the answer begins; -1 if it is not there."""
            ...

        def _begun(self, client: "Any") -> bool:
            """Whether what was received can be the beginning of the answer: some units, and adapters, send it in pieces."""
            ...

        def _whole_frame(self) -> bool:
            """Whether what was received is a good frame, whoever sent it."""
            ...

        def _judge(self, client: "Any", at: int) -> str:
            """Hand the answer at rx[at] to the device; "" or the fault that it shows."""
            ...

    # ----

    def _learn(self, client: "PolledClient", lag: int) -> None:
        """How long the unit thinks. One slow answer must not make the next ones wait: small steps, and rather too early."""
        known = client.lag_us
        needs = lag + (lag >> 1)
        if needs > client.answer_us:
            client.answer_us = min(needs, _FULL_US)
        if self._looks == 1:
            known -= _STEP_US + (known >> 3)  # it may have been there for a while
        elif lag > known:
            known += min(lag - known, _STEP_US + (lag - known >> (1 if client.stats.answers == 0 else 4)))
        if known < 0:
            known = 0
        client.lag_us = min(known, _FULL_US)

    def put_frames(self, client: "PolledClient", out: bytearray) -> None:
        """Append the last good answers of a device as they were on the wire, each behind the bytes 1 and its length."""
        self._kept.put(self._schedule.clients.index(client), out)

    def _done(self, client: "PolledClient", reason: str, now: int) -> None:
        now_ms = self.clock.ticks_ms()
        self.transactions += 1
        spent = _diff_us(now, self._sent_us) + self._tx_len * self.char_us
        self._busy_us += spent
        self._client = None
        if client.rest_ms:
            client.done_ms = now_ms
        stats = client.stats
        if reason == "frozen":  # it answers, and what it says does not change any more
            stats.failed(reason)
            client.fault = reason
            schedule.served(client, now_ms)
        elif reason:
            if client.fails >= SILENT_AFTER and not client.fails % schedule.PAIR:
                self._schedule.pay(spent + self.gap_us)  # for both of a pair
            stats.failed(reason)
            if self._full_try:
                client.full_time = False
                if reason == "timeout":
                    client.fails = SILENT_AFTER - 1  # it had the time of many
            pause = self._timeout_us // 500
            slow = client.answer_us > self._timeout_us or client.stats.answers == 0
            if reason == "timeout" and slow and client.fails + 1 < SILENT_AFTER:
                pause = _LATE_MS
            if reason != "timeout" and client.period_ms < pause:
                pause = client.period_ms
            schedule.missed(client, now_ms, pause)
            if client.fails >= SILENT_AFTER or reason == "foreign":
                client.fault = reason
            client.lost(reason, now_ms)
        else:
            stats.answered(now_ms, _diff_us(now, self._sent_us) // 1000)
            client.fails = 0
            self._answered = True
            if client.again or self._urgent:
                client.again = False  # has more to ask, or its poll is still to come: stays due, and a fault stands until then
            else:
                client.fault = client.standing
                schedule.served(client, now_ms)

    def totals(self) -> dict:
        """Load of the last second, and totals."""
        return {
            "name": self.name,
            "kind": self.kind,
            "load_permille": self.load_permille,
            "transactions": self.transactions,
            "stray_bytes": self.stray_bytes,
            "line_errors": self.line_errors,
        }
