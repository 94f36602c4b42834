"""The uplink as the rest of the firmware sees it: run it, and nothing that happens on the network can be felt.

`run()` never returns and never raises; it connects, drains the journal, takes commands, and after every end of a session waits a
while and begins again. What was lost with a session is read from the journal again.
"""

import asyncio
import json

from cabinet.core import events, ticks
from cabinet.uplink.backoff import Backoff
from cabinet.uplink.codec import Codec, Framer
from cabinet.uplink.commands import CommandDesk
from cabinet.uplink.drain import Drain
from cabinet.uplink.meter import Meter
from cabinet.uplink.session import Session
from cabinet.uplink.states import SlotStates


class UplinkOptions:
    """Settings of the uplink; config has checked them."""

    def __init__(self, cabinet: str, host: str, port: int = 1883, **more: object) -> None:
        self.cabinet = cabinet
        self.host = host
        self.port = port
        self.client_id = cabinet
        self.user = None
        self.password = None
        self.tls = None  # or {"ca": ..., "hostname": ..., "cert": ..., "key": ...}: files, PEM text or bytes
        self.interfaces = False  # whether the network is uplink/interfaces.py, which needs to know how each session ended
        self.prefix = "swapcab/v1"
        self.window = 16  # messages in flight
        self.batch = 16  # events in one message of a backlog
        self.batch_bytes = 2048  # size of such a message
        self.gather_ms = 0  # how long an event waits for others that go in the same message; for metered lines
        self.compact = False  # in arrays, leave out what is the same as in the envelope before; for metered lines
        self.telemetry_gather_ms = 1000
        self.month_bytes = 0  # budget of a metered line; telemetry waits when it is used up, events never
        self.state_settle_ms = 0  # for how long a changed word of a slot's state waits for more changes
        self.keepalive_s = 60
        self.state_pause_ms = 60000  # between two messages about a slot in which only measured values moved
        self.inbound_bytes = 1024  # largest packet taken from the broker
        self.connect_ms = 15000  # name, TCP and TLS
        self.answer_ms = 20000  # CONNACK, PUBACK (since the last one), PINGRESP, a write that does not move
        self.spread_ms = 0  # the first connection waits any part of this: cabinets that start together come one by one
        self.backoff_first_ms = 1000
        self.backoff_max_ms = 60000
        for name in more:
            if name not in self.__dict__:
                raise ValueError("uplink: unknown option " + name)
            setattr(self, name, more[name])


class Topics:
    """All topics of one cabinet."""

    def __init__(self, prefix: str, cabinet: str) -> None:
        root = prefix + "/" + cabinet + "/"
        self.root = root
        self.events = ((root + "events/a").encode(), (root + "events/b").encode())
        self.alarms = (root + "alarms").encode()
        self.birth = (root + "birth").encode()
        self.results = (root + "results").encode()
        self.online = root + "online"
        self.commands = root + "commands"

    def slot(self, number: int) -> bytes:
        """Where the state of a slot is retained."""
        return (self.root + "slots/%d" % number).encode()


class Uplink:
    """See the module. Made by app; `network` and `clock` are ports, `journal` is store's, `birth` returns a dict."""

    def __init__(self, network, clock, journal, options: UplinkOptions, birth, random_bytes, on_command=None, store=None) -> None:
        self.network = network
        self.clock = clock
        self.journal = journal
        self.options = options
        self.topics = Topics(options.prefix, options.cabinet)
        self.codec = Codec(options.client_id, options.user, options.password, options.keepalive_s)
        self.framer = Framer(options.inbound_bytes)
        gather_ms = (options.gather_ms, options.telemetry_gather_ms)
        self.drain = Drain(journal, clock, json.dumps(options.cabinet), options.batch, options.batch_bytes, gather_ms, options.compact)
        if options.month_bytes:
            from cabinet.uplink.budget import Budget

            self.meter: "Meter" = Budget(clock, store, options.month_bytes)
        else:
            self.meter = Meter(clock, store)
        self.desk = CommandDesk(clock, on_command, store=store)
        self._backoff = Backoff(options.backoff_first_ms, options.backoff_max_ms, random_bytes)
        self._birth = birth
        self.states = SlotStates(clock, options.state_pause_ms, options.state_settle_ms)
        self._session = None
        self._down_ms = clock.ticks_ms()  # until here the time without link is counted; None while there is one
        self._down_s = 0
        self.state_text = "not started"
        self.commands_refused = False
        self.sessions = 0
        self.failures = 0
        self.strange = 0
        self.commands_dropped = 0
        self.bytes_in = 0
        self.bytes_out = 0
        self.slice_us_max = 0

    @property
    def connected(self) -> bool:
        """Whether a broker has accepted us and takes events."""
        return self._session is not None and self._session.established

    def backlog(self) -> int:
        """Events that the broker has not acknowledged."""
        return self.journal.backlog(0) + self.journal.backlog(1)

    def notify(self) -> None:
        """An event was journaled. Not needed, but then it leaves up to 50 ms later."""
        if self._session is not None and self._session.established:
            self._session.wake()

    def publish_state(self, slot: int, view: dict) -> None:
        """The retained state of a slot; sent only if it differs enough from the last one, see states."""
        if self.states.update(slot, view):
            self.notify()

    def leave(self, reason: str) -> None:
        """End the session and begin another one at once."""
        if self._session is not None:
            self._session.left = True
            self._session.end(reason)

    def stats(self) -> dict:
        """Counters since start."""
        return {
            "sessions": self.sessions,
            "failures": self.failures,
            "events_sent": self.drain.events_sent,
            "events_resent": self.drain.events_resent,
            "cursor_writes": self.drain.flushes,
            "bytes_in": self.bytes_in,
            "bytes_out": self.bytes_out,
            "slice_us_max": max(self.slice_us_max, self.drain.slice_us_max),
            "today": self.meter.report(),
            "strange": self.strange,
            "commands_dropped": self.commands_dropped,
            "commands_refused": self.desk.refused,
        }

    async def run(self) -> None:
        """For ever."""
        self.state_text = "waiting for its turn"
        await asyncio.sleep_ms(self._backoff.part_of(self.options.spread_ms))
        while True:
            again = False
            try:
                again = await self._one_session()
            except Exception as error:  # whatever it is, the cabinet goes on and the uplink tries again
                self.state_text = "failed: %r" % error
                print("uplink:", self.state_text)
            self._session = None
            self._time_goes_on()
            if not again:
                await asyncio.sleep_ms(self._backoff.next_ms())

    async def _one_session(self) -> bool:
        """Whether the next one is to begin without a pause: with another interface, or because we left by ourselves."""
        blind = self.options.tls is not None
        while not self.network.is_up() or (blind and not self.clock.quality()):
            self.state_text = "no certificate can be checked: time unknown" if self.network.is_up() else "no network"
            self._time_goes_on()
            await asyncio.sleep_ms(500)
        self.state_text = "connecting"
        self.commands_refused = False
        session = self._session = Session(self)
        try:
            reason = await session.run()
        except Exception as error:  # such as no memory to connect: a session that failed like any other
            reason = "failed: %r" % error
            print("uplink:", reason)
        if session.acknowledged > 2:  # it was worth it: more than birth and online
            self._backoff.reset()
        again = session.left
        if self.options.interfaces and not session.left:
            again = self.network.ended(session.accepted and not session.silent)
        self.state_text = "down: " + reason
        self.failures += 1
        if self._down_ms is None:
            self._down_ms = self.clock.ticks_ms()
            self._note("link.down", reason)
        self.drain.flush()
        return again

    def _time_goes_on(self) -> None:
        """To be called often while there is no link, which may be for weeks: the clock's milliseconds wrap after six days."""
        self.meter.roll()
        if self._down_ms is not None:
            passed_s = ticks.diff(self.clock.ticks_ms(), self._down_ms) // 1000
            self._down_s += passed_s
            self._down_ms = ticks.add(self._down_ms, passed_s * 1000)

    # for the session

    def session_up(self) -> None:
        """The broker has accepted us."""
        self.sessions += 1
        self._tell_connected()
        if self._down_ms is not None:
            self._time_goes_on()
            self._note("link.up", self._down_s, getattr(self.network, "name", None) or None)
            self._down_ms = None
            self._down_s = 0

    def subscribed(self, granted: bool) -> None:
        """The broker's answer to the subscription. If it is refused, events are still published and no commands come."""
        self.commands_refused = not granted
        if self.connected:  # else session_up sets it
            self._tell_connected()

    def _tell_connected(self) -> None:
        self.state_text = "connected, commands refused by the broker" if self.commands_refused else "connected"

    def birth_message(self) -> dict:
        """What is retained on /birth, with what a receiver needs to date events recorded without a clock."""
        message = self._birth()
        message["v"] = 1
        message["cabinet"] = self.options.cabinet
        message["boot"] = self.journal.boot
        message["ticks"] = self.clock.ticks_ms()
        message["time"] = self.clock.wall_s() or None
        message["tq"] = ("unknown", "rtc", "sync")[self.clock.quality()]
        return message

    def slice(self, begin_us: int) -> None:
        """Remember the longest stretch of work without giving way."""
        spent_us = ticks.diff(self.clock.ticks_us(), begin_us)
        if spent_us > self.slice_us_max:
            self.slice_us_max = spent_us

    def _note(self, name: str, *values: object) -> None:
        try:
            self.journal.append(events.make(name, 0, "", *values))
        except Exception as error:  # no room, or the flash failed: the link matters more than the word about it
            print("uplink: not journaled:", name, repr(error))
