"""Every cell of one pack after the other, for a technician: one piece of memory for the whole cabinet.

The view that shows it names the next pack as `owner`; that pack's driver asks for its cells once, or takes them from what it receives.
"""

from array import array

from micropython import const

CELLS = const(32)
TEMPERATURES = const(16)
NEW = const(0)  # what is still to be asked for: cells, temperatures, nothing
CELLS_ASKED = const(1)
ALL_ASKED = const(2)
_MV_MAX = const(6_000)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class CellView:
    """What is known of the cells of `owner`."""

    def __init__(self) -> None:
        self.owner: "Any" = None
        self.step = NEW
        self._mv = array("H", bytes(2 * CELLS))
        self._ddegc = array("h", bytes(2 * TEMPERATURES))
        self._temperatures = 0

    def show(self, pack: "Any") -> None:
        """This pack is next."""
        self.owner = pack
        self.step = NEW
        self._temperatures = 0
        for i in range(CELLS):
            self._mv[i] = 0

    def cell(self, index: int, mv: int) -> bool:
        """One cell. False, and nothing is kept, if that cannot be."""
        if not 0 <= index < CELLS or mv > _MV_MAX:
            return False
        self._mv[index] = mv
        return True

    def temperature(self, index: int, ddegc: int) -> None:
        """One sensor, 0.1 degC."""
        self._ddegc[index] = ddegc
        if index >= self._temperatures:
            self._temperatures = index + 1

    def reported(self) -> "dict | None":
        """Name of the pack, its cells in mV and its sensors in 0.1 degC; None if nothing has come yet."""
        last = CELLS
        while last and not self._mv[last - 1]:
            last -= 1
        if not last:
            return None
        return {"pack": self.owner.name, "mv": list(self._mv[:last]), "ddegc": list(self._ddegc[: self._temperatures])}
