"""A board's prompt: MicroPython's unix port words some messages otherwise than a controller does."""

from __future__ import annotations

import re

RAW_BANNER = b"raw REPL; CTRL-B to exit\r\n"
FRIENDLY_PROMPT = b">>> "
UNIX_BANNER = re.compile(rb"MicroPython [^\r\n]*linux[^\r\n]*")
KEPT = 64  # bytes of before that are looked at with what is new


class Screen:
    """`shown` turns what the program printed into what a board would have printed, and follows which prompt that was."""

    def __init__(self, banner: str) -> None:
        self._banner = banner.encode()
        self.begin(False)

    def begin(self, raw: bool) -> None:
        """A new program. `raw`: it comes to the raw prompt by way of the friendly one, which is not shown."""
        self._raw_start = raw
        self._tail = b""
        self.in_raw = False
        self.mounted = False  # a file system of the host: bytes go both ways as they are

    def shown(self, data: bytes) -> bytes:
        """What the host gets to see."""
        if self._raw_start:
            self._tail += data
            at = self._tail.find(RAW_BANNER)
            if at < 0:
                return b""
            before = UNIX_BANNER.split(self._tail[:at])[0]
            data, self._tail, self._raw_start = before + self._tail[at:], b"", False
            self.in_raw = True
        seen = data if self.mounted else self._tail[-KEPT:] + data
        raw_at, friendly_at = seen.rfind(RAW_BANNER), seen.rfind(b"\r\n" + FRIENDLY_PROMPT)
        if raw_at != friendly_at:
            self.in_raw = raw_at > friendly_at
        self._tail = data[-KEPT:]
        return data if self.mounted else re.sub(rb"(?<!\r)\n", b"\r\n", UNIX_BANNER.sub(self._banner, data))
