"""Who is served next on a request/answer bus.

Each client says how often it wants to be asked (`period_ms`, 0 = not at all) and when it is due. The one that is most
overdue *against its own period* goes first, so on a full bus everybody is slowed down in proportion. A client that has
failed several times in a row is only probed: with exponential back-off, and paid from an account that grows by a fixed
share of the time, so that any number of dead devices costs the living ones no more than that share.
"""

from micropython import const

from cabinet.bus.polled_client import SILENT_AFTER
from cabinet.core import ticks

_BACKOFF_FIRST_MS = const(250)
_BACKOFF_MAX_MS = const(8000)
PAIR = const(2)  # probes come in pairs: the first one wakes a BMS that sleeps, the second one is answered
_LATE_CAP_MS = const(0x3FFFF)
_PAID = const(0x4000000)  # above every key of a living client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cabinet.bus.polled_client import PolledClient


class Schedule:
    """The clients of one bus and the account for probing silent ones."""

    def __init__(self, share_permille: int, probe_us: int) -> None:
        self.clients = []
        self.due_count = 0  # how many were due when choose() last looked
        self.next_ms = 0  # when the next one will be due, if none was
        self._share_permille = share_permille
        self._price = probe_us * 1000  # of a probe, in thousandths of a microsecond
        self._credit = self._price  # never more: no burst after a quiet time
        self._turn = 0  # where the search for urgent clients begins

    def earn(self, elapsed_us: int) -> None:
        """Time went by."""
        credit = self._credit + (elapsed_us if elapsed_us < 1_000_000 else 1_000_000) * self._share_permille
        self._credit = credit if credit < self._price else self._price

    def pay(self, spent_us: int) -> None:
        """A probe found nobody."""
        self._credit -= (spent_us if spent_us < 500_000 else 500_000) * 1000

    def choose(self, now_ms: int) -> "PolledClient | None":
        """The client to serve now, or None."""
        best = None
        best_key = -1
        due = 0
        soonest = _LATE_CAP_MS
        clients = self.clients
        count = len(clients)
        for i in range(count):
            client = clients[i]
            if client.rest_ms:
                rest = _rest(client, now_ms)
                if rest > 0:
                    if rest < soonest and (client.urgent or client.period_ms):
                        soonest = rest
                    continue
            if client.urgent:
                # several urgent ones take turns
                best = self._next_urgent(count, now_ms)
                self.due_count = 2
                return best
            period = client.period_ms
            if not period:
                continue
            late = ticks.diff(now_ms, client.due_ms)
            if late < 0:
                if -late < soonest:
                    soonest = -late
                continue
            if client.fails >= SILENT_AFTER:
                if self._credit < self._price and client.fails % PAIR == 0:
                    continue
                key = _PAID + (late if late < _PAID else _PAID)  # ahead of the others; of several the one that waits longest
            else:
                due += 1
                if late > _LATE_CAP_MS:
                    late = _LATE_CAP_MS
                key = (late << 8) // period
            if key > best_key:
                best_key = key
                best = client
        self.due_count = due
        self.next_ms = soonest
        return best

    def _next_urgent(self, count: int, now_ms: int) -> "PolledClient | None":
        for k in range(count):
            i = (self._turn + k) % count
            client = self.clients[i]
            if client.urgent and not (client.rest_ms and _rest(client, now_ms) > 0):
                self._turn = i + 1
                return client
        return None


def _rest(client: "PolledClient", now_ms: int) -> int:
    """How much longer it has to be left alone, ms; 0 or less: not at all."""
    since = ticks.diff(now_ms, client.done_ms)
    return client.rest_ms - since if since >= 0 else 0


def served(client: "PolledClient", now_ms: int) -> None:
    """It was asked: when it is due again. One that fell behind is due at once, but not for what it missed."""
    due = ticks.add(client.due_ms, client.period_ms)
    if ticks.diff(now_ms, due) > 0:
        due = now_ms
    client.due_ms = due


def missed(client: "PolledClient", now_ms: int, pause_ms: int) -> None:
    """It did not give a good answer: when to try again. Not before `pause_ms`: the others come first, and an answer that is
    only late is not mistaken for that to the next request."""
    if client.fails < 255:
        client.fails += 1
    if client.fails < SILENT_AFTER or client.fails % PAIR:
        client.due_ms = ticks.add(now_ms, pause_ms)
        if client.fails < SILENT_AFTER:
            client.backoff_ms = _BACKOFF_FIRST_MS
    else:
        client.due_ms = ticks.add(now_ms, client.backoff_ms)
        client.backoff_ms = min(client.backoff_ms * 2, _BACKOFF_MAX_MS)
