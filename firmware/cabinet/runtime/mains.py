"""The relay before the chargers' mains, for chargers that never stop by themselves (contract.GuardedCharger).

The supervisor asks `wanted` before each half period of the heartbeat that holds the relay, and `wanted` asks each charger for its
`runaway`: a line whose task hangs or dies cannot keep the relay. While a charger is out of hand the heartbeat rests, the
relay falls, and every charger of the cabinet is without mains for long enough to be off for sure.
"""

from cabinet.core import events, ticks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

OFF_MS = 15_000  # the relay's fall, and the capacitors of the chargers


class MainsGuard:
    """Watches the chargers that never stop by themselves; `note` journals an event."""

    def __init__(self, chargers: list, note: "Any") -> None:
        self._chargers = chargers
        self._note = note
        self._since_ms = None  # since when the relay has been let fall

    def wanted(self, now_ms: int) -> bool:
        """Whether the relay may be held."""
        since = self._since_ms
        if since is None:
            for charger in self._chargers:
                if charger.runaway(now_ms):
                    self._since_ms = now_ms
                    self._note(events.make("mains.cut", 0, "", charger.name))
                    return False
            return True
        if 0 <= ticks.diff(now_ms, since) < OFF_MS:
            return False
        self._since_ms = None
        for charger in self._chargers:
            charger.mains_was_off()
        self._note(events.make("mains.restored"))
        return True
