"""What the board does to its supply, its reset line and its pins, reported to the process that keeps it."""

import time

_CONTROL_FD = 3


class Control:
    """A pipe to the keeper."""

    def __init__(self) -> None:
        self._file = open(_CONTROL_FD, "wb")

    def tell(self, line: str) -> None:
        """One line."""
        self._file.write(line.encode() + b"\n")

    def stop(self) -> None:
        """Wait for the end."""
        while True:
            time.sleep(1)
