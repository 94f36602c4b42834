"""What boards share beside the chips: look-up of names, watchdog, heartbeat, a check of random bytes, reset causes."""

import errno

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def lookup(table: dict, name: str, kind: str) -> "Any":
    """The row of a port. Raises ValueError that names those which the board has."""
    if name not in table:
        raise ValueError("no %s %s on this board; it has: %s" % (kind, name, ", ".join(sorted(table)) or "none"))
    return table[name]


def refuse_stuck(data: bytes) -> bytes:
    """`data`, unless one byte comes five times on end, once in 4 thousand million bytes by chance. Raises OSError then."""
    run = 1
    for i in range(1, len(data)):
        run = run + 1 if data[i] == data[i - 1] else 1
        if run == 5:
            raise OSError(errno.EIO, "the hardware random source is stuck")
    return data


def cause_name(machine: "Any") -> str:
    """power_on, watchdog, soft, hard or unknown, from the port's own constants."""
    cause = machine.reset_cause()
    for constant, name in (("PWRON_RESET", "power_on"), ("WDT_RESET", "watchdog"), ("SOFT_RESET", "soft"), ("HARD_RESET", "hard")):
        if cause == getattr(machine, constant, None):
            return name
    return "unknown"


class Dog:
    """The hardware watchdog, at most `most_ms` long. Once started it cannot be stopped."""

    def __init__(self, wdt_class: "Any", timeout_ms: int, most_ms: int) -> None:
        if not 100 <= timeout_ms <= most_ms:
            raise ValueError("watchdog time of %d ms is not allowed; allowed: 100 to %d" % (timeout_ms, most_ms))
        self._wdt = wdt_class(id=0, timeout=timeout_ms)

    def feed(self) -> None:
        """Postpone the reset."""
        self._wdt.feed()


_LOOK_MS = 50  # of the timer that watches the heartbeat
STALL_MS = 2600  # longer than the supervisor lets a control round be late, known long work included: then the loop hangs


class RelayHeartbeat:
    """The output into a charge pump: only its edges hold the relay, neither of its levels does.

    With a timer, too: once the toggling has begun, a pause of STALL_MS that is no `rest` drops the output for good, as `drop`
    does. A hard timer calls from an interrupt, whatever Python does; a soft one as soon as the interpreter is at a bytecode,
    so a loop without an end is noticed, and C code that hangs is not. The callback allocates nothing."""

    def __init__(self, pin: "Any", timer: "Any" = None, hard: bool = True) -> None:
        """`timer`: a machine.Timer; `hard`: whether it takes hard=True."""
        self._pin = pin
        self._level = 0
        self._dropped = False
        self._left = 0  # timer ticks until the loop counts as hanging; 0: not begun
        pin(0)
        if timer is not None:
            given = {"hard": True} if hard else {}
            timer.init(mode=timer.PERIODIC, period=_LOOK_MS, callback=self._look, **given)

    def _look(self, timer: "Any") -> None:
        if self._left:
            self._left -= 1
            if not self._left:
                self._dropped = True
                self._pin(0)

    def toggle(self) -> None:
        """One half period."""
        self._left = STALL_MS // _LOOK_MS
        if not self._dropped:
            self._level ^= 1
            self._pin(self._level)

    def rest(self) -> None:
        """Let the relay fall now, until the next `toggle`."""
        self._left = 0
        self._level = 0
        self._pin(0)

    def drop(self) -> None:
        """Let the relay fall now, until the next reset."""
        self._dropped = True
        self._level = 0
        self._pin(0)
