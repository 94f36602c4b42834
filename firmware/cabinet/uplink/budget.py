"""A monthly budget of the line. Imported only where one is set.

The cabinet earns a 32nd of the budget a day, and saves up to one day's share: so no month costs more than the budget as long as
telemetry and slot states alone can make up for it. Events, commands and what a session needs are never held back; they may run
into debt, which is paid before anything else flows again.
"""

from cabinet.core import ticks
from cabinet.uplink import meter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_STEP_MS = 60000


class Budget(meter.Meter):
    """`month_bytes` for 31 days."""

    def __init__(self, clock: "Any", store: "Any", month_bytes: int) -> None:
        super().__init__(clock, store, month_bytes // 64)
        self._share = month_bytes // 32  # of a day
        self._earned_ms = clock.ticks_ms()

    def count(self, kind: int, size: int) -> None:
        """See Meter."""
        self._earn()
        self.credit -= size + meter.OVERHEAD
        super().count(kind, size)

    def roll(self) -> None:
        """See Meter."""
        self._earn()
        super().roll()

    def _earn(self) -> None:
        passed_ms = ticks.diff(self._clock.ticks_ms(), self._earned_ms)
        if passed_ms < 0 or passed_ms >= _STEP_MS:  # below 0: not called for six days, so the ticks wrapped
            self._earned_ms = self._clock.ticks_ms()
            self.credit = min(self._share, self.credit + self._share * max(0, passed_ms) // 86400000)

    def thrifty(self, kind: int) -> bool:
        """Telemetry waits when a quarter of a day's share is left, slot states when nothing is."""
        self._earn()
        if kind == meter.TELEMETRY:
            return self.credit < self._share // 4
        return kind == meter.STATES and self.credit <= 0
