"""Contracts that a board fulfils. Only for the type checker and the reader: the firmware never imports it at run time.

Nothing is acquired at import: `Board` hands out each part when app asks for it by the name that stands in the settings.
All calls return at once unless they are `async`.
"""

from typing import Any, Protocol


class SerialLine(Protocol):
    """An asynchronous byte line: a UART with its RS485 transceiver, or a pseudo-terminal. 8N1 unless set otherwise.

    The bus looks at it when an answer is due, not at every byte: it must keep at least 256 received bytes until then."""

    baud: int
    stream: Any  # an object that asyncio's poller can wait on for reading

    def write(self, data: "bytes | bytearray | memoryview") -> int:
        """Hand bytes to the transmitter; returns how many were taken. Driver-enable is the board's business."""
        ...

    def readinto(self, buf: "bytearray | memoryview") -> int:
        """What has arrived, up to len(buf); 0 if nothing has."""
        ...


class CanFrame(Protocol):
    """A frame that the bus room keeps one of and reuses."""

    can_id: int
    extended: bool
    length: int
    data: bytearray  # 8 bytes


class CanPort(Protocol):
    """A CAN controller with bounded queues. The bus looks at it every 5 ms at least: it must keep 64 received frames until then."""

    bitrate: int
    stream: Any  # an object that asyncio's poller can wait on for reading

    def send(self, can_id: int, extended: bool, data: "bytes | bytearray | memoryview") -> bool:
        """Queue a frame; False if there is no room."""
        ...

    def recv(self, frame: CanFrame) -> bool:
        """Fill `frame` with the next received frame; False if there is none."""
        ...

    def set_filters(self, filters: "list[tuple[int, int, bool]]") -> None:
        """Acceptance filters as (id, mask, extended)."""
        ...

    def state(self) -> int:
        """0 error-active, 1 warning, 2 error-passive, 3 bus-off."""
        ...

    def restart(self) -> None:
        """Leave bus-off."""
        ...


class FlashArea(Protocol):
    """Raw NOR flash (or what behaves like it): programming clears bits, erasing sets a whole sector to 0xFF."""

    size: int
    sector_size: int  # what one erase covers, bytes
    page_size: int  # a program operation must not cross a multiple of this, bytes

    def read(self, address: int, buf: "bytearray | memoryview") -> None:
        """Fill `buf`. Raises OSError if the hardware fails."""
        ...

    def program(self, address: int, data: "bytes | bytearray | memoryview") -> None:
        """Clear bits inside one page. Raises OSError if the hardware fails."""
        ...

    def erase(self, address: int) -> None:
        """Erase the sector that begins at `address`. May take 45 to 400 ms on a real chip."""
        ...


class ErasesBeside(FlashArea, Protocol):
    """An area that need not hold the loop while it erases: who finds these two erases so; reading and programming go on meanwhile."""

    def begin_erase(self, address: int) -> None:
        """Start to erase the sector that begins at `address`. Raises OSError if the hardware fails."""
        ...

    def busy(self) -> bool:
        """Whether the chip still erases, for this area or another one on it. Raises OSError if it takes longer than it may."""
        ...


class Clock(Protocol):
    """Time. Wall time never decides safety."""

    def ticks_ms(self) -> int:
        """Milliseconds modulo 2**30; see core.ticks."""
        ...

    def ticks_us(self) -> int:
        """Microseconds modulo 2**30, for measuring."""
        ...

    def wall_s(self) -> int:
        """Seconds since 1970-01-01 UTC, or 0 if unknown."""
        ...

    def quality(self) -> int:
        """0 unknown, 1 kept by an RTC, 2 synchronised."""
        ...


class SettableClock(Clock, Protocol):
    """A clock that takes the time from a better source."""

    def synchronise(self, unix_s: int) -> None:
        """Set wall time from a source that is trusted; the quality is 2 from then on. Raises ValueError for a time that cannot be."""
        ...


class Network(Protocol):
    """The way out by one interface. Opening a stream may take long; it never blocks the loop."""

    name: str  # of the interface, "" where there is only one

    def is_up(self) -> bool:
        """Whether the interface has an address."""
        ...

    async def lookup(self, name: str) -> str:
        """The address of a host name. Raises OSError."""
        ...

    async def connect(self, host: str, port: int, tls: "dict | None") -> "tuple[Any, Any]":
        """An asyncio (reader, writer) pair by this interface, TCP_NODELAY set where the port can. Raises OSError.

        `tls`: see uplink/dial.py; None for plain TCP.
        """
        ...


class Watchdog(Protocol):
    """Resets the controller unless fed in time."""

    def feed(self) -> None:
        """Postpone the reset."""
        ...


class Heartbeat(Protocol):
    """The output whose toggling holds the mains relay of the chargers; it falls by itself when the toggling ends."""

    def toggle(self) -> None:
        """One half period."""
        ...

    def rest(self) -> None:
        """Let the relay fall now, until the next `toggle`: a pause that is meant."""
        ...

    def drop(self) -> None:
        """Let the relay fall now, until the next reset."""
        ...


class InputPort(Protocol):
    """32 switches of eight slots on a board that has some: `Board.inputs(port, index)`, which not every board has."""

    def read(self) -> int:
        """Debounced levels: doors shut, latches in, packs present, dangers, 8 bits each from the lowest on; -1 while not known yet.

        Raises OSError if the hardware does not answer."""
        ...


class PulsePort(Protocol):
    """Lock outputs whose pulses a timer of the hardware ends, whatever this program does: `Board.pulses(port, index)`.

    A board without such a timer does not have `pulses`, and a cabinet with locks on its pins does not start there."""

    def pulse(self, channel: int, ms: int) -> bool:
        """Energise an output for `ms` (1 to 2000); False if it has no such channel or a pulse is running."""
        ...


class Board(Protocol):
    """What a controller's hardware offers."""

    name: str

    @property
    def console(self) -> "tuple[int, int, bool]":
        """What standard output is: us_per_byte, piece, always of runtime/console_port.ConsolePort."""
        ...

    @property
    def clock(self) -> SettableClock:
        """The board's time."""
        ...

    def serial(self, port: str, baud: int) -> SerialLine:
        """Open a serial line. Raises ValueError for a name that the board does not have."""
        ...

    def can(self, port: str, bitrate: int) -> CanPort:
        """Open a CAN controller. Raises ValueError for a name that the board does not have."""
        ...

    def flash(self, area: str) -> FlashArea:
        """A raw flash area: "journal" or "state". Raises ValueError if the board has none."""
        ...

    def network(self, name: str = "") -> Network:
        """An interface by its name; "" for the preferred (or only) one. Raises ValueError for a name that the board does not have."""
        ...

    def watchdog(self, timeout_ms: int) -> Watchdog:
        """Start the hardware watchdog."""
        ...

    def heartbeat(self) -> Heartbeat:
        """The mains relay's heartbeat output."""
        ...

    def random_bytes(self, count: int) -> bytes:
        """From a true random source. Raises OSError where there is none: never a weaker substitute."""
        ...

    def reset_cause(self) -> str:
        """power_on, watchdog, soft, hard or unknown."""
        ...
