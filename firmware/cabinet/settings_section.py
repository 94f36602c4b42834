"""What stays of the settings while the cabinet runs. In a file of its own: a class keeps its whole module in memory."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Section:
    """Checked values of one section as attributes."""

    def __init__(self, path: str, values: dict) -> None:
        self.path = path
        for name, value in values.items():
            setattr(self, name, value)
        self._values = values

    def values(self) -> dict:
        """All of them by name."""
        return self._values

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> "Any": ...
