"""Which class drives a pack with a given profile."""

from micropython import const

# of form.py; folded only where they are private
_CAN = const(1)
_MODBUS = const(0)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cabinet.devices.profiles.profile import Profile


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
