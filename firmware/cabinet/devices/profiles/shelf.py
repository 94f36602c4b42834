"""The profiles that a cabinet's settings name: loaded once at start, held against the wiring, shared by all packs that speak them."""

from micropython import const

SUFFIX = ".profile"
_CAN = const(1)
_MODBUS = const(0)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from cabinet.devices.profiles.profile import Profile


def load(settings: "Any", read: "Callable", error: "Any") -> None:
    """Fill `settings.profiles` (name -> Profile) by `read`, which gives the bytes of a file beside settings.json.

    Raises `error` (a SettingsError) naming the profile if one is missing or damaged, or does not fit the bus or the addresses."""
    from cabinet.devices.profiles import reader

    for name in settings.profiles:
        where = "profile:" + name
        try:
            profile = reader.read(read(name + SUFFIX))
        except OSError:
            raise error("groups", where, "a profile whose file %s lies beside settings.json; `swapcab profile compile %s` writes it"
                        % (name + SUFFIX, name))
        except reader.ProfileError as reason:
            raise error("groups", where, "a sound profile (%s); compile it anew" % reason)
        if profile.name != name:
            raise error("groups", where, "a file with this profile; it holds %s" % profile.name)
        settings.profiles[name] = profile
    for slot in settings.slots:
        if slot.pack_driver.startswith("profile:"):
            _fits(slot, settings, error, reader.BUSES)


def _fits(slot: "Any", settings: "Any", error: "Any", kinds: tuple) -> None:
    profile = settings.profiles[slot.pack_driver[8:]]
    where = "groups (slot %d).pack" % slot.number
    kind = settings.buses[slot.pack_bus].kind
    if kind != kinds[profile.bus]:
        raise error(where + ".bus", slot.pack_bus, "a bus of kind %s for %s" % (kinds[profile.bus], slot.pack_driver))
    if not profile.first <= slot.pack_address <= profile.last:
        only = "one pack a line, with address %d" % profile.first
        many = "addresses from %d to %d" % (profile.first, profile.last)
        allowed = only if profile.first == profile.last else many
        raise error(where + ".first_address", slot.pack_address, allowed + " for " + slot.pack_driver)


def driver(profile: "Profile") -> "Any":
    """The class that drives a pack with this profile, imported only where one is used."""
    if profile.bus == _CAN:
        from cabinet.devices.profiles.pack_can import ProfileCan

        return ProfileCan
    if profile.bus == _MODBUS:
        from cabinet.devices.profiles.pack_modbus import ProfileModbus

        return ProfileModbus
    from cabinet.devices.profiles.pack_serial import ProfileSerial

    return ProfileSerial
