"""What has been published and not yet acknowledged: packet ids, and the cursors that may only advance in order."""

# beside ring 0 and 1: messages that advance nothing
RETAINED = 2  # birth, online, the state of a slot
RESULT = 3  # the answer to a command
ALARM = 4  # an alarm published ahead of its order in ring 0


class Flights:
    """At most `window` messages in flight, acknowledged in any order. Answers and alarms are counted apart: a sender of many commands
    must not take the events' places.
    """

    def __init__(self, window: int) -> None:
        self.window = window
        self._by_pid = {}  # pid: [ring, highest sequence in the message, events, done]
        self._order = ([], [])  # the same lists per ring, as sent
        self._pid = 0
        self.beside = 0  # answers and alarms in flight

    def __len__(self) -> int:
        return len(self._by_pid)

    @property
    def free(self) -> bool:
        """Whether another message of a ring or a retained one may be sent."""
        return len(self._by_pid) - self.beside < self.window

    def take_pid(self) -> int:
        """A packet id that is not in flight: 1 to 65535, then from 1 again."""
        while True:
            self._pid = self._pid % 65535 + 1
            if self._pid not in self._by_pid:
                return self._pid

    def sent(self, pid: int, ring: int, last: int = 0, count: int = 0) -> None:
        """Remember a message."""
        flight = self._by_pid[pid] = [ring, last, count, False]
        if ring < RETAINED:
            self._order[ring].append(flight)
        elif ring != RETAINED:
            self.beside += 1

    def acknowledged(self, pid: int) -> "tuple[int, int, int] | None":
        """(ring, sequence up to which everything has arrived, events) or None if nothing advanced. KeyError: never sent.

        For an alarm: (ALARM, its sequence, 0).
        """
        flight = self._by_pid.pop(pid)
        flight[3] = True
        ring = flight[0]
        if ring >= RETAINED:
            if ring != RETAINED:
                self.beside -= 1
            return (ring, flight[1], 0) if flight[1] else None
        order = self._order[ring]
        count = 0
        last = 0
        while order and order[0][3]:
            first = order.pop(0)
            count += first[2]
            last = first[1]
        return (ring, last, count) if count else None

    @property
    def overtaken(self) -> bool:
        """Whether so much was acknowledged behind a message that its own acknowledgement will not come any more."""
        limit = 4 * self.window
        return len(self._order[0]) > limit or len(self._order[1]) > limit

    def clear(self) -> None:
        """The connection is gone: whatever was not acknowledged will be read from the journal again."""
        self._by_pid.clear()
        self.beside = 0
        self._order[0].clear()
        self._order[1].clear()
