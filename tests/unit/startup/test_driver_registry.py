"""Each driver is declared once: its row is whole, its class is there, and a name that no row has is an error."""

import sys

from cabinet.startup import driver_registry


class Clock:
    def ticks_ms(self):
        return 1000

    def ticks_us(self):
        return 1_000_000


ALL = driver_registry.DRIVERS + driver_registry.PROFILES
SECTIONS = ("pack", "charger", "io", "inputs")


def said_by(call):
    try:
        call()
    except ValueError as error:
        return str(error)
    raise AssertionError("taken")


def test_a_name_without_a_row_is_an_error_that_lists_the_names():
    for name in ("delta", "", "npb2", "pins "):
        said = said_by(lambda name=name: driver_registry.driver(name))
        assert "no driver %r" % name in said and ", ".join(driver_registry.names()) in said
    said = said_by(lambda: driver_registry.bus("lin"))
    assert "no kind of bus 'lin'" in said and "kerong" in said
    said = said_by(lambda: driver_registry.driver("profile:x", "kiosk"))
    assert "profile:x" in said and "kiosk" in said and "modbus, can, serial" in said


def test_no_two_rows_have_one_name_and_each_names_its_section_and_a_bus_that_exists():
    names = [row.name for row in driver_registry.DRIVERS]
    assert len(set(names)) == len(names) > 10
    kinds = {row.name for row in driver_registry.BUSES if row.has_devices}
    for row in ALL:
        assert row.section in SECTIONS and row.bus in kinds, row.name
        assert 0 <= row.lowest <= row.highest and row.what, row.name
    for section in SECTIONS:
        assert driver_registry.names(section) == sorted(row.name for row in driver_registry.DRIVERS if row.section == section) != []


def test_the_class_of_each_row_is_imported_when_it_is_asked_for_and_not_before():
    for row in ALL + driver_registry.BUSES:
        kept = sys.modules.pop(row.module, None)
        assert row.load().__name__ == row.made and row.module in sys.modules
        if kept is not None:  # others compare classes
            sys.modules[row.module] = kept


def test_the_rows_of_profiles_stand_in_the_order_of_their_buses():
    from cabinet.devices.profiles import form

    assert tuple(row.bus for row in driver_registry.PROFILES) == form.BUSES


def test_only_chargers_say_when_they_stop_and_each_charger_says_for_how_long_current_may_flow_unseen():
    for row in ALL:
        if row.section != "charger":
            assert row.stops_ms is None and row.blind_ms == 0 and not row.needs_mains_relay, row.name
            continue
        assert row.needs_mains_relay == (row.stops_ms is None), row.name
        # the last frame may go out as much as a second after the last permit, and an open door is worse than a late one
        assert row.blind_ms >= (3100 if row.stops_ms is None else row.stops_ms + 1000), row.name
        assert row.blind_ms <= 60000, row.name


def test_what_serves_several_slots_says_so():
    for row in ALL:
        if row.section in ("pack", "charger"):
            assert (row.slots, row.addresses, row.later_addresses) == (1, 1, 1), row.name
        else:
            assert row.slots in (8, 16) and 1 <= row.later_addresses <= row.addresses, row.name
        assert not row.reads_switches or row.section == "io"
        assert not row.feels_latches or row.section == "io"
