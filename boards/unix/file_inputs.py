"""Inputs of the machine without pins: a file beside the settings with eight hexadecimal digits, see ports.InputPort."""


class FileInputs:
    """`path` is read at each call; the simulated switches write it."""

    def __init__(self, path: str) -> None:
        self._path = path

    def read(self) -> int:
        """The levels. Raises OSError if the file is not there or holds something else."""
        with open(self._path) as file:
            text = file.read(16).strip()
        try:
            levels = int(text, 16)
        except ValueError:
            levels = -1
        if len(text) != 8 or levels < 0:
            raise OSError(5)
        return levels
