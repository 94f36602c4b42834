"""Values that are each allowed, and with which together a cabinet would be unsafe or could not work, are refused at start."""

import json

from example_settings import example
from settings_tree import changed, error_of

from cabinet.core.option_table import FIELDS
from cabinet.startup import settings as config


def refused(tree, path, *said):
    error = error_of(tree)
    assert error.path == path, (error.path, str(error))
    for text in said:
        assert text in str(error), (text, str(error))


def taken(tree):
    return config.parse(json.dumps(tree))


def with_section(name, **values):
    tree = example()
    tree[name] = dict(tree.get(name, {}), **values)
    return tree


def test_two_buses_never_share_a_port():
    refused(changed(("buses", "packs", "port"), "rs485-2"), "buses.packs.port", '"rs485-2"', "the bus io has this one")
    refused(changed(("buses", "can", "port"), "rs485-1"), "buses.packs.port", "the bus can has this one")  # of whatever kind
    tree = example()
    for name in ("kiosk", "second"):
        tree["buses"][name] = {"kind": "kiosk", "port": name, "baud": 115200}
    refused(tree, "buses.second.kind", "the bus kiosk")
    del tree["buses"]["second"]
    taken(tree)


def test_a_driver_has_its_bauds():
    refused(changed(("buses", "can", "baud"), 500000), "buses.can.baud", "500000", "250000 for the driver")
    refused(changed(("buses", "can", "baud"), 125000), "buses.can.baud", "250000 or 500000 for the driver elcon")
    refused(changed(("buses", "packs", "baud"), 38400), "buses.packs.baud", "9600, 19200 or 115200")
    for baud in (9600, 19200):
        taken(changed(("buses", "packs", "baud"), baud))
    taken(changed(("buses", "io", "baud"), 38400))  # slot boards have no bauds of their own


def test_an_npb_or_a_kerong_board_has_its_bauds():
    tree = example()
    tree["cabinet"]["mains_relay"] = "heartbeat"
    tree["buses"]["npb"] = {"kind": "can", "port": "can-2", "baud": 500000}
    for group in tree["groups"]:
        group["charger"] = {"bus": "npb", "driver": "npb", "first_address": group["first_slot"] - 1}
    refused(tree, "buses.npb.baud", "250000 for the driver npb")
    tree["buses"]["npb"]["baud"] = 250000
    tree["buses"]["locks"] = {"kind": "kerong", "port": "rs485-3", "baud": 115200}
    tree["buses"]["gpio"] = {"kind": "pins", "port": "expanders", "baud": 400000}
    for group in tree["groups"]:
        group["io"] = {"bus": "locks", "driver": "kr-cu16", "first_address": 0}
        group["inputs"] = {"bus": "gpio", "driver": "pin-inputs", "first_address": 0}
    refused(tree, "buses.locks.baud", "9600 or 19200 for the driver kr-cu16")
    for baud in (19200, 9600):
        tree["buses"]["locks"]["baud"] = baud
        taken(tree)


def test_no_minimum_is_above_its_maximum():
    for values, path, said in (
        ({"full_soc_pct": 99, "charge_stop_soc_pct": 98}, "control.full_soc_pct", "at most charge_stop_soc_pct (98)"),
        ({"full_soc_pct": 99}, "control.full_soc_pct", "at most charge_stop_soc_pct (98)"),  # against the default
        ({"charge_stop_soc_pct": 89}, "control.full_soc_pct", "at most charge_stop_soc_pct (89)"),
        ({"charge_min_ma": 1001, "charge_ma": 1000}, "control.charge_min_ma", "at most charge_ma (1000)"),
        ({"class_min_mv": 48001, "class_max_mv": 48000}, "control.class_min_mv", "at most class_max_mv (48000)"),
        ({"pulse_ms": 501, "door_open_ms": 500}, "control.pulse_ms", "at most door_open_ms (500)"),
        ({"debounce_ms": 500, "door_open_ms": 500}, "control.debounce_ms", "less than door_open_ms (500)"),
    ):
        refused(with_section("control", **values), path, said)
    taken(with_section("control", full_soc_pct=98, charge_stop_soc_pct=98))
    taken(with_section("control", charge_min_ma=1000, charge_ma=1000))
    taken(with_section("control", class_min_mv=48000, class_max_mv=48000))
    taken(with_section("control", pulse_ms=500, debounce_ms=499, door_open_ms=500))


def test_data_may_be_older_than_the_time_between_two_readings():
    for name, period_ms in (("stale_pack_ms", 500), ("stale_rest_ms", 1500), ("stale_charger_ms", 1000), ("stale_io_ms", 100)):
        refused(with_section("control", **{name: period_ms}), "control." + name, "more than %d ms" % period_ms)
        taken(with_section("control", **{name: period_ms + 1}))


def test_something_is_charged():
    for ma in (0, 15, 199):
        refused(with_section("control", charge_ma=ma, charge_min_ma=0), "control.charge_ma", "at least 200 mA", "15 A are 15000")
    taken(with_section("control", charge_ma=200, charge_min_ma=0))
    for watts in (0, 5, 39):
        refused(with_section("control", budget_w=watts), "control.budget_w", "at least 40 W", "5 kW are 5000")
    taken(with_section("control", budget_w=40))  # 36 V and 1 A, of which nine tenths come out of the charger
    dear = dict(charge_min_ma=20000, charge_ma=20000, class_min_mv=48000, charger_efficiency_pct=50)
    refused(with_section("control", budget_w=1919, **dear), "control.budget_w", "at least 1920 W", "20000 mA", "48000 mV")
    taken(with_section("control", budget_w=1920, **dear))


def test_a_cabinet_has_the_packs_of_one_vehicle():
    tree = with_section("control", swap_packs=3)
    taken(tree)
    tree["cabinet"]["slots"] = 2
    del tree["groups"][1]
    refused(tree, "control.swap_packs", "cabinet.slots (2)")


def test_a_host_is_a_name_or_an_address_alone():
    for host in (
        "\u0661.1.1.1", "1.2.3.\u00b2",
        "mqtt://broker.example:1883", "broker.example:1883", "broker.example/", "broker example", " broker.example", "broker..example",
        ".broker", "-broker", "broker-", "user@broker", "::1", "[::1]", "1883", "192.0.2", "192.0.2.256", "192.0.2.1.1",
        "b\u00fccher.example", "broker.example.",
        "x" * 64,
    ):
        refused(with_section("uplink", host=host), "uplink.host", "no mqtt://, no port (uplink.port)")
    for host in ("broker.example", "192.0.2.1", "broker", "my_broker.local", "3com.example", "127.0.0.1", "x" * 63):
        assert taken(with_section("uplink", host=host)).uplink.host == host
    tls = {"host": "192.0.2.1", "tls": "on", "ca_file": "ca.pem"}
    refused(with_section("uplink", server_name="https://broker", **tls), "uplink.server_name", "host name")
    assert taken(with_section("uplink", server_name="broker.example", **tls)).uplink.server_name == "broker.example"


def test_time_servers_are_hosts_and_each_stands_there_once():
    refused(with_section("time", servers="192.0.2.1 ntp://192.0.2.2"), "time.servers", '"ntp://192.0.2.2"', "no port (time.port)")
    refused(with_section("time", servers="192.0.2.1, 192.0.2.2"), "time.servers", '"192.0.2.1,"')
    refused(with_section("time", servers="a.example b.example a.example"), "time.servers", '"a.example"', "each server once")
    taken(with_section("time", servers="192.0.2.1  192.0.2.2 c.example"))


def test_nothing_of_tls_without_tls():
    for name in ("ca_file", "server_name"):
        refused(with_section("uplink", **{name: "x.pem"}), "uplink." + name, 'without "tls": "on"', "remove")
        refused(with_section("uplink", tls="off", **{name: "x.pem"}), "uplink." + name)
    refused(with_section("uplink", cert_file="c.pem", key_file="k.pem"), "uplink.cert_file")
    taken(with_section("uplink", tls="on", ca_file="ca.pem", server_name="broker", cert_file="c.pem", key_file="k.pem"))


def test_topics_can_be_published():
    for prefix in ("swapcab/#", "+/v1", "swap cab", "swapcab\n", "$SYS/x", "\u00fc"):
        refused(with_section("uplink", prefix=prefix), "uplink.prefix", "a topic")
    taken(with_section("uplink", prefix="/site-7/swapcab/v1"))


def test_an_interface_stands_there_once():
    refused(with_section("uplink", interfaces="ethernet wifi ethernet"), "uplink.interfaces", "ethernet stands twice")
    taken(with_section("uplink", interfaces="ethernet wifi"))


def test_a_heartbeat_is_no_shorter_than_the_period():
    refused(with_section("telemetry", heartbeat_s=59, period_s=60), "telemetry.heartbeat_s", "at least period_s (60)")
    refused(with_section("telemetry", period_s=7201), "telemetry.heartbeat_s", "at least period_s (7201)")
    taken(with_section("telemetry", heartbeat_s=60, period_s=60))


def test_defaults_go_together():
    taken(with_section("control", **{name: row[0] for name, row in FIELDS.items()}))


def test_with_a_list_every_mistake_is_found():
    tree = example()
    tree["control"] = {"full_soc_pct": 99, "charge_ma": 15, "charge_min_ma": 0}
    tree["uplink"]["host"] = "mqtt://broker"
    tree["limits"] = {"temp_high": {"LFP": 43}}
    found = []
    config.parse(json.dumps(tree), found)
    assert [error.path for error in found] == ["control.full_soc_pct", "control.charge_ma", "uplink.host", "limits.temp_high.LFP"]
    tree["cabinet"]["slots"] = "4"
    tree["wifi"] = {}
    tree["telemetry"] = {"period_s": 1}
    found = []
    config.parse(json.dumps(tree), found)  # relations are looked at when all values are right by themselves
    assert [error.path for error in found] == ["wifi", "cabinet.slots", "telemetry.period_s", "limits.temp_high.LFP"]
