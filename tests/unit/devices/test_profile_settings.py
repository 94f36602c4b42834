"""Profiles that settings name are found, sound, and fit their bus and addresses, or the cabinet does not start."""

import json

from cabinet.devices.profiles import reader
from cabinet.devices.profiles.pack_can import ProfileCan
from cabinet.devices.profiles.pack_modbus import ProfileModbus
from cabinet.devices.profiles.pack_serial import ProfileSerial
from cabinet.startup import driver_registry
from cabinet.startup import settings as settings_file


def settings(driver, kind="can", first=1, slots=1):
    pack = {"bus": "packs", "driver": driver, "first_address": first}
    return settings_file.parse(
        json.dumps(
            {
                "cabinet": {"id": "c", "slots": slots},
                "buses": {
                    "packs": {"kind": kind, "port": "a", "baud": 250000},
                    "can": {"kind": "can", "port": "b", "baud": 250000},
                    "io": {"kind": "modbus", "port": "c", "baud": 115200},
                },
                "groups": [
                    {
                        "first_slot": 1,
                        "last_slot": slots,
                        "pack": pack,
                        "charger": {"bus": "can", "driver": "elcon", "first_address": 0xA1},
                        "io": {"bus": "io", "driver": "slot-board", "first_address": 1},
                    }
                ],
                "uplink": {"host": "localhost"},
            }
        )
    )


def read(name):
    with open("build/profiles/" + name, "rb") as file:
        return file.read()


def wrong(given, fetch=read):
    try:
        reader.load(given, fetch, settings_file.SettingsError)
    except settings_file.SettingsError as error:
        return str(error)
    return ""


def test_each_kind_of_bus_gets_its_driver():
    made_for = (("swap-80", "can", ProfileCan), ("jk-pb-modbus", "modbus", ProfileModbus), ("jbd-rs485", "serial", ProfileSerial))
    for name, kind, made in made_for:
        given = settings("profile:" + name, kind)
        assert list(given.profiles) == [name]
        assert wrong(given) == ""
        assert given.profiles[name].name == name and driver_registry.PROFILES[given.profiles[name].bus].load() is made


def test_cabinets_without_profiles_have_none():
    assert settings("pack-link-can").profiles == {}


def test_a_profile_that_is_missing_damaged_or_another_one_is_named():
    given = settings("profile:nowhere")
    assert "profile:nowhere" in wrong(given) and "swapcab profile compile nowhere" in wrong(given)
    assert "damaged" in wrong(settings("profile:swap-80"), lambda name: read(name)[:-1] + b"x")
    assert "holds daly-can" in wrong(settings("profile:swap-80"), lambda name: read("daly-can.profile"))


def test_a_profile_that_does_not_fit_its_bus_or_its_addresses_is_named_with_the_slot():
    said = wrong(settings("profile:jbd-rs485", "can"))
    assert "slot 1" in said and "a bus of kind serial for profile:jbd-rs485" in said
    said = wrong(settings("profile:jbd-can", "can", 1, 2))
    assert "slot 2" in said and "one pack a line, with address 1" in said
    assert "addresses from 1 to 15" in wrong(settings("profile:daly-can", "can", 9, 8))


def test_only_packs_have_profiles_and_their_names_are_plain():
    for driver in ("profile:", "profile:../x", "profile:Upper", "profile:a-name-that-is-too-long"):
        try:
            settings(driver)
        except settings_file.SettingsError as error:
            assert "profile:NAME for packs" in str(error), driver
        else:
            raise AssertionError(driver)
    try:
        settings("profile:swap-80", "kiosk")
    except settings_file.SettingsError as error:
        assert "a bus of kind modbus, can or serial" in str(error)
    else:
        raise AssertionError("kiosk")
