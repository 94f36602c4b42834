"""Whether two devices were given one place: an address of a bus, or a channel of a board. Needed while settings are checked.

A lock channel that two slots share opens another rider's door; inputs that two slots share tell the wrong door.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cabinet.startup.settings import SlotWiring

INPUT_BOARDS = 4  # waveshare-inputs: doors, latches, packs, and of the first eight slots dangers


def _devices(slot: "SlotWiring") -> list:
    """(what, driver, bus, first address, addresses, channel) of all that a slot hangs on; channel None: the device is the slot's own."""
    found = [
        ("pack", slot.pack_driver, slot.pack_bus, slot.pack_address, 1, None),
        ("charger", slot.charger_driver, slot.charger_bus, slot.charger_address, 1, None),
        ("lock", slot.io_driver, slot.io_bus, slot.io_address, 1, slot.io_channel),
    ]
    if slot.inputs_driver:
        count = 1
        if slot.inputs_driver == "waveshare-inputs":
            count = INPUT_BOARDS if slot.number <= 8 else INPUT_BOARDS - 1
        found.append(("inputs", slot.inputs_driver, slot.inputs_bus, slot.inputs_address, count, (slot.number - 1) % 8))
    return found


def _kind(what: str, driver: str) -> str:
    """Devices of different kinds do not meet: on CAN, packs and chargers have identifiers of their own; on pins, locks and inputs
    are counted apart."""
    return what if what == "charger" or driver in ("pins", "pin-inputs") else ""


def clash(slots: "list[SlotWiring]") -> str:
    """Which two places are one, and what to do; "" if all is well."""
    devices = {}  # (bus, kind, address): (what, driver, first address, slot)
    channels = {}  # (bus, kind, address, channel): slot
    for slot in slots:
        for what, driver, bus, first, count, channel in _devices(slot):
            for address in range(first, first + count):
                place = (bus, _kind(what, driver), address)
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
