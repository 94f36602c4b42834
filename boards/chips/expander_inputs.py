"""The switches of eight slots on two MCP23017 (ports.InputPort). Inputs only: no expander times a lock's pulse.

First chip (0x20, 0x22, ...): GPA doors, GPB latches. Second (0x21, 0x23, ...): GPA presence switches, GPB dangers. A switch closes to
ground when the door is shut, the latch in, the pack present. A danger contact is closed to ground while all is well: an open one, or a
broken wire, is the danger.
"""

from micropython import const

from chips.mcp23017 import MCP23017

_BASE = const(0x20)
_PULL_UPS = const(0xFFFF)
_SWITCHES = const(0xFFFF)  # inverted: closed reads 1
_PACKS = const(0x00FF)  # the dangers are not

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class ExpanderInputs:
    """Pair `index` (0 to 3). Nothing is asked of the chips before the first read: one that is missing is found whenever it comes."""

    def __init__(self, i2c: "Any", index: int) -> None:
        if not 0 <= index <= 3:
            raise ValueError("expanders {}: there are pairs 0 to 3".format(index))
        self._i2c = i2c
        self._first = _BASE + 2 * index
        self._chips: "list[MCP23017]" = []
        self._set_up = False

    def read(self) -> int:
        """32 levels: doors, latches, packs, dangers, 8 bits each from the lowest on; -1 until three reads have agreed.

        Raises OSError if a chip is missing or has lost its settings; the next read sets it up again."""
        if not self._set_up:
            if not self._chips:
                self._chips = [MCP23017(self._i2c, self._first), MCP23017(self._i2c, self._first + 1)]
            self._chips[0].configure(0, 0, _PULL_UPS, _SWITCHES)
            self._chips[1].configure(0, 0, _PULL_UPS, _PACKS)
            self._set_up = True
        first, second = self._chips
        try:
            first.poll()
            second.poll()
        except OSError:
            self._set_up = False
            raise
        if not (first.valid and second.valid):
            return -1
        return first.inputs | second.inputs << 16
