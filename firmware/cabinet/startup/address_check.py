"""Whether two devices were given one address of a bus, or two slots one channel of a board. Needed while settings are checked.

A lock channel that two slots share opens another rider's door; inputs that two slots share report the wrong door.
"""

from cabinet.startup import driver_registry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cabinet.startup.settings import SlotWiring


def _devices(slot: "SlotWiring") -> list:
    """(what, driver, bus, space, first address, addresses, channel) of each device of a slot; channel None: it serves this slot alone."""
    space = driver_registry.driver(slot.charger_driver).space
    found: "list[tuple]" = [
        ("pack", slot.pack_driver, slot.pack_bus, "", slot.pack_address, 1, None),
        ("charger", slot.charger_driver, slot.charger_bus, space, slot.charger_address, 1, None),
    ]
    boards = [("lock", slot.io_driver, slot.io_bus, slot.io_address)]
    if slot.inputs_driver:
        boards.append(("inputs", slot.inputs_driver, slot.inputs_bus, slot.inputs_address))
    for what, driver, bus, address in boards:
        row = driver_registry.driver(driver)
        count = row.addresses if slot.number <= row.slots else row.later_addresses
        found.append((what, driver, bus, row.space, address, count, (slot.number - 1) % row.slots))
    return found


def clash(slots: "list[SlotWiring]") -> str:
    """Which two devices or slots share a place, and what to do; "" if none do."""
    devices = {}  # (bus, space, address): (what, driver, first address, slot)
    channels = {}  # (bus, space, address, channel): slot
    for slot in slots:
        for what, driver, bus, space, first, count, channel in _devices(slot):
            for address in range(first, first + count):
                place = (bus, space, address)
                there = devices.setdefault(place, (what, driver, first, slot.number))
                at = "address %d of bus %s" % (address, bus)
                if there[:3] != (what, driver, first):
                    return "%s (%s) of slot %d and %s (%s) of slot %d are both at %s; give one of them another first_address" % (
                        there[0], there[1], there[3], what, driver, slot.number, at)
                if channel is None:
                    if there[3] != slot.number:
                        return "%s of slot %d shares %s with that of slot %d; give one of the groups another first_address" % (
                            what, slot.number, at, there[3])
                    continue
                owner = channels.setdefault(place + (channel,), slot.number)
                if owner != slot.number:
                    return ("%s of slot %d shares channel %d at %s with that of slot %d; first_address counts from the board of slot 1, "
                            "in every group" % (what, slot.number, channel + 1, at, owner))
    return ""
