"""What a technician wants to know of one device on a bus."""

from cabinet.core import ticks


class DeviceStats:
    """Counters of one device. They are plain integers: counting allocates nothing, but for the room of those that ever count:
    what never happens to a device takes no memory in it."""

    requests = 0
    answers = 0
    timeouts = 0
    crc_errors = 0
    exceptions = 0
    foreign = 0  # answers of somebody else, or a pack that is not the one it was
    implausible = 0
    latency_ms = 0  # from the end of the last request to the end of its answer
    latency_ms_max = 0
    period_ms_max = 0  # longest time between two good answers since the last restart()
    page_note = ""  # of a device that is read page by page: the page that failed last, and how
    _last_ms: "int | None" = None

    def answered(self, now_ms: int, latency_ms: int) -> None:
        """A good answer."""
        self.answers += 1
        self.latency_ms = latency_ms
        if latency_ms > self.latency_ms_max:
            self.latency_ms_max = latency_ms

    def renewed(self, now_ms: int) -> None:
        """The reading was renewed: the poll period as it really is."""
        last = self._last_ms
        if last is None:
            self.period_ms_max = 0  # has its place from now on
        else:
            period = ticks.diff(now_ms, last)
            if period > self.period_ms_max:
                self.period_ms_max = period
        self._last_ms = now_ms

    def restart(self) -> None:
        """Begin to measure the poll period anew."""
        if self._last_ms is not None:
            self._last_ms = None
            self.period_ms_max = 0

    def failed(self, reason: str) -> None:
        """A request without a good answer; the reason in the words of `device.lost`."""
        if reason == "timeout":
            self.timeouts += 1
        elif reason == "crc":
            self.crc_errors += 1
        elif reason == "exception":
            self.exceptions += 1
        elif reason == "foreign":
            self.foreign += 1
        else:
            self.implausible += 1

    def as_dict(self) -> dict:
        """For the console and diagnostics."""
        found: "dict[str, int | str]" = {
            "requests": self.requests,
            "answers": self.answers,
            "timeouts": self.timeouts,
            "crc_errors": self.crc_errors,
            "exceptions": self.exceptions,
            "foreign": self.foreign,
            "implausible": self.implausible,
            "latency_ms": self.latency_ms,
            "latency_ms_max": self.latency_ms_max,
            "period_ms_max": self.period_ms_max,
        }
        if self.page_note:
            found["page"] = self.page_note
        return found
