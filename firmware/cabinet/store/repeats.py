"""Repeats of one and the same event, counted instead of stored when room is short."""

from cabinet.core.events import EVENTS, Event

_KEPT = 8


class Repeats:
    """The last few events with the sequence under which they are stored."""

    def __init__(self) -> None:
        self._rows = []  # [code, slot, pack, values, sequence, repeats]
        self._due = []  # rows that left with repeats not yet journaled

    def remember(self, event: Event, sequence: int) -> None:
        """An event was stored."""
        if len(self._rows) >= _KEPT:
            row = self._rows.pop(0)
            if row[5]:
                self._due.append(row)
                if len(self._due) > _KEPT:
                    self._due.pop(0)
        self._rows.append([event.code, event.slot, event.pack, event.values, sequence, 0])

    def repeated(self, event: Event) -> int:
        """Count a repeat and return the sequence of the one that is stored; 0 if this is none.

        Only a repeat of the slot's newest event counts, so that no change of state gets lost.
        """
        for i in range(len(self._rows) - 1, -1, -1):
            row = self._rows[i]
            if row[1] == event.slot:
                if row[0] == event.code and row[2] == event.pack and row[3] == event.values:
                    row[5] += 1
                    return row[4]
                return 0
        return 0

    def take(self) -> "tuple | None":
        """(type, count, first sequence) of one event that came more often than it was stored."""
        rows = self._due or self._rows
        for row in rows:
            if row[5]:
                count = row[5]
                row[5] = 0
                if rows is self._due:
                    rows.remove(row)
                return EVENTS[row[0]][0], count, row[4]
        return None
