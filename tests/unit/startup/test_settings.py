"""A wrong setting is named with its path, its value and what is allowed."""

import json

from example_settings import example
from settings_tree import changed, error_of

from cabinet.startup import settings as config


def test_the_example_is_taken_and_defaults_are_filled_in():
    settings = config.parse(json.dumps(example()))
    assert settings.uplink.port == 1883
    assert [s.pack_address for s in settings.slots] == [1, 2, 3, 4]
    assert [s.charger_address for s in settings.slots] == [161, 162, 163, 164]
    assert [s.io_channel for s in settings.slots] == [0, 1, 2, 3]
    assert settings.tokens == ["T-1"]


def test_every_wrong_value_is_named_with_its_path():
    cases = (
        (("cabinet", "slots"), 0, "cabinet.slots", "1 to 48"),
        (("cabinet", "slots"), True, "cabinet.slots", "true"),
        (("cabinet", "slots"), "4", "cabinet.slots", '"4"'),
        (("cabinet", "id"), "a/b", "cabinet.id", "letters"),
        (("cabinet", "id"), None, "cabinet.id", "missing"),
        (("cabinet", "color"), 1, "cabinet.color", "no such setting"),
        (("buses", "can", "kind"), "canopen", "buses.can.kind", '"modbus", "can", "kiosk"'),
        (("buses", "can", "baud"), 1, "buses.can.baud", "1200"),
        (("groups", 0, "pack", "bus"), "nowhere", "groups[0].pack.bus", "can, io, packs"),
        (("groups", 0, "pack", "bus"), "can", "groups[0].pack.bus", "modbus"),
        (("groups", 0, "pack", "driver"), "elcon", "groups[0].pack.driver", "`pack`"),
        (("groups", 0, "pack", "first_address"), 247, "groups[0].pack.first_address", "246"),
        (("groups", 1, "first_slot"), 2, "groups[1]", "one group only"),
        (("groups", 1, "last_slot"), 3, "groups", "add slot 4 to one"),
        (("groups", 1, "last_slot"), 5, "groups[1].last_slot", "cabinet.slots"),
        (("groups", 1, "charger", "first_address"), 162, "groups", "charger of slot 3 shares address 162 of bus can with that of slot 2"),
        (("groups",), 7, "groups", "list"),
        (("uplink", "host"), None, "uplink.host", "broker"),
        (("uplink", "tls"), "maybe", "uplink.tls", 'one of "off", "on"'),
        (("uplink", "tls"), "on", "uplink.ca_file", "without which TLS"),
        (("access", "tokens"), [""], "access.tokens[0]", "1 to 32"),
        (("control",), {"budget_w": -1}, "control.budget_w", "0 to 200000"),
        (("limits",), {"no_such_rule": {}}, "limits.no_such_rule", "no such rule"),
        (("access", "tokens"), ["a b"], "access.tokens[0]", "without blanks"),
        (("access", "tokens"), ["a\nb"], "access.tokens[0]", "without blanks"),
        (("wifi",), {}, "wifi", "no such setting"),
    )
    for path, value, where, said in cases:
        error = error_of(changed(path, value))
        assert error.path == where, (error.path, where)
        assert said in str(error), (str(error), said)


def test_chargers_that_never_stop_by_themselves_need_the_mains_relay():
    tree = example()
    for group in tree["groups"]:
        group["charger"] = {"bus": "can", "driver": "npb", "first_address": group["first_slot"] - 1}
    try:
        config.parse(json.dumps(tree))
    except config.SettingsError as error:
        assert error.path == "cabinet.mains_relay" and "heartbeat" in str(error)
    else:
        raise AssertionError("taken")
    tree["cabinet"]["mains_relay"] = "heartbeat"
    assert [s.charger_address for s in config.parse(json.dumps(tree)).slots] == [0, 1, 2, 3]


def with_locks(driver, bus, first, inputs):
    tree = example()
    tree["buses"]["locks"] = {"kind": bus, "port": "rs485-3", "baud": 19200}
    tree["buses"]["gpio"] = {"kind": "pins", "port": "expanders", "baud": 400000}
    for group in tree["groups"]:
        group["io"] = {"bus": "locks", "driver": driver, "first_address": first}
        if inputs:
            group["inputs"] = inputs
    return tree


PINS = {"bus": "gpio", "driver": "pin-inputs", "first_address": 0}


def test_lock_boards_need_inputs_beside_them():
    for driver, bus, first in (("kr-cu16", "kerong", 0), ("xunming", "modbus", 1), ("waveshare", "modbus", 1), ("pins", "pins", 0)):
        error = error_of(with_locks(driver, bus, first, None))
        assert error.path == "groups[0].inputs" and "locks only" in str(error)
        wiring = config.parse(json.dumps(with_locks(driver, bus, first, PINS))).slots[3]
        assert (wiring.io_driver, wiring.io_address, wiring.io_channel) == (driver, first, 3)
        assert (wiring.inputs_driver, wiring.inputs_bus, wiring.inputs_address) == ("pin-inputs", "gpio", 0)
    tree = example()
    tree["groups"][0]["inputs"] = PINS
    tree["buses"]["gpio"] = {"kind": "pins", "port": "expanders", "baud": 400000}
    assert error_of(tree).path == "groups[0].inputs"
    assert error_of(with_locks("kr-cu16", "modbus", 0, PINS)).path == "groups[0].io.bus"
    for wrong in ([], {}, 7, None):
        assert error_of(with_locks(wrong, "modbus", 1, PINS)).path == "groups[0].io.driver"
        assert error_of(with_locks("xunming", "modbus", 1, dict(PINS, driver=wrong))).path == "groups[0].inputs.driver"


def test_boards_of_sixteen_locks_and_four_input_boards_are_counted_rightly():
    tree = with_locks("kr-cu16", "kerong", 2, {"bus": "io", "driver": "waveshare-inputs", "first_address": 10})
    tree["cabinet"]["slots"] = 24
    del tree["groups"][1]
    tree["groups"][0].update(last_slot=24, charger={"bus": "can", "driver": "elcon", "first_address": 1})
    slots = config.parse(json.dumps(tree)).slots
    assert [(s.io_address, s.io_channel) for s in (slots[0], slots[15], slots[16], slots[23])] == [(2, 0), (2, 15), (3, 0), (3, 7)]
    assert [s.inputs_address for s in (slots[0], slots[7], slots[8], slots[16])] == [10, 10, 14, 18]


def cabinet_of_sixteen(first, second, inputs=None, count=16):
    """Two groups, all on one Modbus line but the chargers; their io, and their inputs."""
    tree = example()
    tree["cabinet"]["slots"] = count
    half = count // 2
    for group, begins, io, beside in zip(tree["groups"], (1, half + 1), (first, second), inputs or (None, None)):
        group.update(first_slot=begins, last_slot=begins + half - 1, io=io)
        group["pack"] = {"bus": "io", "driver": "pack-link-modbus", "first_address": 100 + begins}
        group["charger"] = {"bus": "can", "driver": "elcon", "first_address": 100 + begins}
        if beside:
            group["inputs"] = beside
    tree["buses"]["locks"] = {"kind": "kerong", "port": "rs485-3", "baud": 19200}
    tree["buses"]["gpio"] = {"kind": "pins", "port": "expanders", "baud": 400000}
    return tree


def device(driver, first, bus="io"):
    return {"bus": bus, "driver": driver, "first_address": first}


def refused(tree, said):
    """The settings are refused with these words, and with what to do."""
    error = error_of(tree)
    assert error.path == "groups" and said in str(error) and "first_address" in str(error), str(error)


def test_two_slots_never_share_a_lock_or_an_input():
    boards, more_boards = device("slot-board", 1), device("slot-board", 2)
    fine = config.parse(json.dumps(cabinet_of_sixteen(boards, boards)))
    assert [(s.io_address, s.io_channel) for s in fine.slots[7:9]] == [(1, 7), (2, 0)]
    refused(cabinet_of_sixteen(more_boards, boards), "lock of slot 9 shares channel 1 at address 2 of bus io with that of slot 1;")
    inputs, locks = device("waveshare-inputs", 1), device("kr-cu16", 0, "locks")
    refused(
        cabinet_of_sixteen(device("kr-cu16", 1, "locks"), locks, (inputs, inputs), 32),
        "lock of slot 17 shares channel 1 at address 1 of bus locks with that of slot 1;",
    )
    refused(
        cabinet_of_sixteen(locks, locks, (device("waveshare-inputs", 24), device("waveshare-inputs", 20))),
        "inputs of slot 9 shares channel 1 at address 24 of bus io with that of slot 1;",
    )


def test_two_devices_never_share_an_address():
    locks, boards = device("waveshare", 90), device("slot-board", 100)
    refused(
        cabinet_of_sixteen(device("slot-board", 2), device("waveshare", 1), (None, device("waveshare-inputs", 50))),
        "lock (slot-board) of slot 1 and lock (waveshare) of slot 9 are both at address 2 of bus io",
    )
    refused(
        cabinet_of_sixteen(boards, boards),
        "pack (pack-link-modbus) of slot 1 and lock (slot-board) of slot 9 are both at address 101 of bus io",
    )
    for first, said in (  # the first of the four is free, but that of latches, packs or dangers is not
        (88, "lock (waveshare) of slot 1 and inputs (waveshare-inputs) of slot 1 are both at address 90 of bus io"),
        (98, "pack (pack-link-modbus) of slot 1 and inputs (waveshare-inputs) of slot 1 are both at address 101 of bus io"),
    ):
        inputs = device("waveshare-inputs", first)
        refused(cabinet_of_sixteen(locks, locks, (inputs, inputs)), said)
    refused(
        cabinet_of_sixteen(locks, locks, (device("waveshare-inputs", 24), device("waveshare-inputs", 21))),
        "inputs (waveshare-inputs) of slot 1 and inputs (waveshare-inputs) of slot 9 are both at address 25 of bus io",
    )


def test_what_does_not_meet_is_taken():
    locks = device("waveshare", 90)
    # from the ninth slot on there are three boards of inputs: nobody reads dangers there
    config.parse(json.dumps(cabinet_of_sixteen(locks, locks, (device("waveshare-inputs", 79), device("waveshare-inputs", 83)))))
    pins, inputs = device("pins", 0, "gpio"), device("pin-inputs", 0, "gpio")
    config.parse(json.dumps(cabinet_of_sixteen(pins, pins, (inputs, inputs))))  # locks and inputs of pins are counted apart


def test_what_is_no_json_object_is_refused_with_a_next_step():
    for text in ("", "[]", "{", "nul", "\x00\xff", "[" * 200, '{"a":1}'):
        try:
            config.parse(text)
        except config.SettingsError as error:
            assert error.path
        else:
            raise AssertionError(text)


def test_a_huge_file_is_refused_before_it_is_parsed():
    try:
        config.parse(" " * (config.MAX_BYTES + 1))
    except config.SettingsError as error:
        assert "at most" in str(error)
    else:
        raise AssertionError("taken")


def test_a_wrong_secret_is_refused_and_never_shown():
    good = {"fleet_master": "ab" * 32, "device_key": "cd" * 32}
    assert config.parse_secrets(json.dumps(good)).device_key == b"\xcd" * 32
    for name, value in (("fleet_master", "abcd"), ("device_key", "zz" * 32), ("device_key", 5), ("uplink_password", 7)):
        bad = dict(good)
        bad[name] = value
        try:
            config.parse_secrets(json.dumps(bad))
        except config.SettingsError as error:
            assert error.path == "secrets." + name
            assert "abcd" not in str(error).replace("hexadecimal", "")
        else:
            raise AssertionError(name)


def test_what_stands_under_a_mistyped_name_is_not_shown():
    good = {"fleet_master": "ab" * 32, "device_key": "cd" * 32}
    try:
        config.parse_secrets(json.dumps(dict(good, uplink_pasword="hunter2")))
    except config.SettingsError as error:
        assert error.path == "secrets.uplink_pasword" and "hunter2" not in str(error) and "uplink_password" in str(error)
    else:
        raise AssertionError("taken")
    assert "hunter2" not in str(error_of(changed(("uplink", "password"), "hunter2")))
    assert "abab" not in str(error_of(good))  # the file of the secrets, given for that of the settings


def test_certificate_and_key_of_the_cabinet_come_together():
    tls = {"host": "broker", "tls": "on", "ca_file": "ca.pem"}
    assert config.parse(json.dumps(changed(("uplink",), tls))).uplink.cert_file == ""
    for one in ("cert_file", "key_file"):
        error = error_of(changed(("uplink",), dict(tls, **{one: "x.pem"})))
        assert error.path == "uplink.key_file" and "together" in str(error)
    both = config.parse(json.dumps(changed(("uplink",), dict(tls, cert_file="c.pem", key_file="k.pem"))))
    assert (both.uplink.cert_file, both.uplink.key_file) == ("c.pem", "k.pem")


def test_a_line_has_a_speed_that_all_its_devices_have():
    for name, baud, said in (("can", 125000, "250000"), ("can", 500000, "250000 for the driver pack-link-can"), ("packs", 57600, "115200")):
        tree = example()
        tree["buses"][name]["baud"] = baud
        error = error_of(tree)
        assert error.path == "buses.%s.baud" % name and said in str(error), error
