"""Keeps how the connectors of the slots wear over a restart: for each slot the mean resistance of late and the first one."""

import asyncio
from array import array

from cabinet.core import quantities
from cabinet.store.ring import JournalFull

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

KEY = "contacts"
EVERY_MS = 600_000
WORTH_16 = 32  # 2 milliohm: a smaller change is not worth a write


class ConnectorWear:
    """`state`: the store; `slots`: core's. Two numbers a slot, in sixteenths of a milliohm."""

    def __init__(self, state: "Any", slots: list) -> None:
        self._state = state
        self._slots = slots
        self._kept = array("H", [0] * (2 * len(slots)))

    def restore(self) -> None:
        """Take up what was kept; a record for another number of slots, or none, leaves all unknown."""
        data = self._state.get(KEY)
        if data is None or len(data) != len(self._kept) * 2:
            return
        for index, slot in enumerate(self._slots):
            at = index * 4
            mean_16 = self._kept[index * 2] = data[at] | data[at + 1] << 8
            first_16 = self._kept[index * 2 + 1] = data[at + 2] | data[at + 3] << 8
            quantities.restore_contact(slot.measures, mean_16, first_16)

    def keep(self) -> bool:
        """Write them down if one has moved enough; whether it was done. Raises OSError or JournalFull if the flash refuses."""
        kept = self._kept
        moved = False
        for index, slot in enumerate(self._slots):
            measures = slot.measures
            first = max(measures.contact_first_16, 0)
            last = measures.contact_16 - kept[index * 2]
            if not -WORTH_16 < last < WORTH_16 or first != kept[index * 2 + 1]:
                moved = True
        if not moved:
            return False
        data = bytearray()
        for slot in self._slots:
            for value in (slot.measures.contact_16, max(slot.measures.contact_first_16, 0)):
                data.append(value & 0xFF)
                data.append(value >> 8 & 0xFF)
        self._state.put(KEY, bytes(data))
        for index, slot in enumerate(self._slots):
            kept[index * 2] = slot.measures.contact_16
            kept[index * 2 + 1] = max(slot.measures.contact_first_16, 0)
        return True

    def try_to_keep(self) -> bool:
        """`keep`; what the flash refuses, or has no room for now, is tried again the next time."""
        try:
            return self.keep()
        except (OSError, JournalFull):
            return False

    async def run(self) -> None:
        """For ever."""
        while True:
            await asyncio.sleep_ms(EVERY_MS)
            self.try_to_keep()

    def view(self) -> dict:
        """For technicians: slot -> [milliohm of late, at first]; slots that were never measured are left out."""
        reported = {}
        for slot in self._slots:
            if slot.measures.contact_16:
                reported[str(slot.number)] = [slot.measures.contact_16 >> 4, max(slot.measures.contact_first_16, 0) >> 4]
        return reported
