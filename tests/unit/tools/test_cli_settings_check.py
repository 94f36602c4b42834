"""`swapcab settings check`: notes leave the exit code at 0, boards are checked without a board, bad files get one clear line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from example_settings import example
from typer.testing import CliRunner

from swapcab.cli import app

BOARDS = ("esp32_s3", "nucleo_h743zi2", "w5500_evb_pico2")
runner = CliRunner()


def run(folder: Path, tree: Any, *arguments: str) -> tuple[int, str]:
    """Exit code and output for settings: an object, a text or bytes."""
    file = folder / "settings.json"
    data = tree if isinstance(tree, bytes) else (tree if isinstance(tree, str) else json.dumps(tree)).encode()
    file.write_bytes(data)
    done = runner.invoke(app, ["settings", "check", *arguments, str(file)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


def plain() -> dict[str, Any]:
    """Settings without a note: ports that boards have, a kiosk for the token."""
    tree = example()
    tree["buses"]["packs"]["port"] = "rs485-packs"
    tree["buses"]["io"]["port"] = "rs485-io"
    tree["buses"]["kiosk"] = {"kind": "kiosk", "port": "kiosk", "baud": 115200}
    tree["uplink"]["host"] = "broker.example"
    return tree


def test_settings_without_a_doubt_have_no_note(tmp_path: Path) -> None:
    code, output = run(tmp_path, plain())
    assert code == 0 and "note:" not in output and "right; cabinet cab-1, 4 slots, 1 tokens" in output


def control(**values: int) -> Callable[[dict], object]:
    return lambda d: d.update(control=values)


def tls(**values: object) -> Callable[[dict], object]:
    return lambda d: d["uplink"].update({"tls": "on", "port": 8883, "ca_file": "settings.json"} | values)


NOTES: dict[str, tuple[Callable[[dict], object], str]] = {
    "unused bus": (lambda d: d["buses"].update(spare={"kind": "can", "port": "can-2", "baud": 250000}), "buses.spare: no group uses"),
    "unknown port": (lambda d: d["buses"]["can"].update(port="can-9"), "buses.can.port: no board of the tree has a port can-9"),
    "unusual baud": (lambda d: d["buses"]["io"].update(baud=115201), "buses.io.baud: 115201 is no usual rate"),
    "baud of few devices": (lambda d: d["buses"]["packs"].update(baud=9600), "buses.packs.baud: 9600, but devices of the driver pack-link"),
    "tokens without a kiosk": (lambda d: d["buses"].pop("kiosk"), "access.tokens: 1 tokens, but no bus of kind kiosk"),
    "kiosk without tokens": (lambda d: d.pop("access"), "every rider at the kiosk is refused"),
    "token twice": (lambda d: d["access"].update(tokens=["A", "B", "A"]), "access.tokens[2]: stands in access.tokens[0]"),
    "tokens of the template": (lambda d: d["access"].update(tokens=["T-0001", "T-0002"]), "access.tokens: 2 of them are the template's"),
    "delays of the template": (lambda d: d["uplink"].update(gather_s=0, spread_s=0), "uplink.gather_s: 0, as spread_s; that is the"),
    "TLS port without TLS": (lambda d: d["uplink"].update(port=8883), "uplink.port: 8883 is the port of MQTT over TLS"),
    "plain port with TLS": (tls(port=1883), "uplink.port: 1883 is the port of MQTT without TLS"),
    "TLS to an address": (tls(host="192.0.2.1"), "uplink.server_name: missing"),
    "certificate not there": (tls(ca_file="ca.pem"), "uplink.ca_file: ca.pem is not beside the settings"),
    "host is the controller": (lambda d: d["uplink"].update(host="127.0.0.1"), "uplink.host: 127.0.0.1 is the controller itself"),
    "never recharged": (control(full_soc_pct=97), "a pack between 95 and 96 % is neither charged nor handed out; make it at most 2"),
    "charge takes too long": (control(charge_ma=1500), "1500 mA charge 9 Ah until the rule charge_long ends"),
    "budget for small packs": (control(budget_w=50), "a pack of class_max_mv (60000 mV) needs 67 W"),
    "over the hard limit": (control(charge_ma=60000), "control.charge_ma: 60000 mA; the rule over_current latches"),
    "one lost answer": (control(stale_pack_ms=999), "control.stale_pack_ms: 999 ms"),
    "ages the wrong way": (control(stale_pack_ms=5000, stale_rest_ms=4000), "more than stale_rest_ms (4000)"),
    "time beyond left open": (control(in_ms=300000), "300000 ms, but a door counts as left open after left_open_ms (120000)"),
    "check too short": (control(check_ms=9999), "control.check_ms: 9999 ms; a pack may take up to 10000 ms"),
    "no empty slot": (control(swap_packs=4), "control.swap_packs: 4 of 4 slots; with swap_order 0"),
    "one time server": (lambda d: d.update(time={"servers": "192.0.2.1"}), "time.servers: one server"),
    "gathered past the heartbeat": (lambda d: d.update(telemetry={"gather_s": 7201}), "telemetry.gather_s: 7201 s, more than heartbeat_s"),
    "one chemistry": (lambda d: d.update(limits={"temp_high": {"LFP": 430}}), "limits.temp_high.NMC: not given, so 45.0 degC hold"),
    "never clears": (lambda d: d.update(limits={"pack_silent": {"LFP": 3500, "NMC": 3500}}), "3500 ms; the fault would clear at -500 ms"),
    "no full charge": (lambda d: d.update(limits={"cell_ov": {"LFP": 3500, "NMC": 4230}}), "packs are charged to 3550 mV a cell"),
    "past a milder rule": (
        lambda d: d.update(limits={"temp_hot": {"LFP": 440, "NMC": 440}}),
        "limits.temp_hot.LFP: 44.0 degC; the milder rule temp_high acts at 45.0 degC only",
    ),
}


@pytest.mark.parametrize("name", NOTES)
def test_what_can_work_but_is_probably_not_meant_is_noted(tmp_path: Path, name: str) -> None:
    change, said = NOTES[name]
    tree = plain()
    change(tree)
    code, output = run(tmp_path, tree)
    assert code == 0 and "note: " in output and said in output, output


def locks(**io: object) -> dict[str, Any]:
    tree = plain()
    tree["buses"]["locks"] = {"kind": "kerong", "port": "rs485-io", "baud": 19200}
    tree["buses"]["gpio"] = {"kind": "pins", "port": "expanders", "baud": 400000}
    del tree["buses"]["io"], tree["buses"]["kiosk"]
    for group in tree["groups"]:
        group["io"] = {"bus": "locks", "driver": "kr-cu16", "first_address": 0}
        group["inputs"] = {"bus": "gpio", "driver": "pin-inputs", "first_address": 0}
    return tree


def test_boards_of_one_line_are_counted_from_the_same_address(tmp_path: Path) -> None:
    tree = locks()
    tree["groups"][1]["io"]["first_address"] = 1
    code, output = run(tmp_path, tree)
    assert code == 0 and "groups[].io.first_address: 1 in the group of slot 3, but 0 in that of slot 1" in output


@pytest.mark.parametrize("board", BOARDS)
def test_right_settings_pass_every_board_that_has_their_ports(tmp_path: Path, board: str) -> None:
    assert run(tmp_path, locks(), "--board", board)[0] == 0
    code, output = run(tmp_path, plain(), "--board", board)
    if board == "nucleo_h743zi2":
        assert code == 0, output
    else:  # has no port for a kiosk
        assert code == 1 and "buses.kiosk.port: kiosk is not allowed here; allowed: a port" in output and "rs485-io, rs485-packs" in output


def test_what_a_board_does_not_have_is_named(tmp_path: Path) -> None:
    tree = locks()
    tree["buses"]["can"]["port"] = "can-3"
    code, output = run(tmp_path, tree, "--board", "esp32_s3")
    assert code == 1 and "buses.can.port: can-3 is not allowed here" in output and "can-1, can-2" in output
    tree["buses"]["can"]["port"] = "rs485-packs-2"  # a name of the wrong kind
    assert run(tmp_path, tree, "--board", "esp32_s3")[0] == 1
    tree = locks()
    tree["buses"]["gpio"]["port"] = "pins"
    code, output = run(tmp_path, tree, "--board", "nucleo_h743zi2")
    assert code == 1 and "expanders" in output
    tree = locks()
    tree["buses"]["spare"] = {"kind": "can", "port": "can-2", "baud": 300000}
    code, output = run(tmp_path, tree, "--board", "w5500_evb_pico2")
    assert code == 1 and "buses.spare.baud: 300000" in output and "can do exactly" in output
    for index in (3, 4):
        tree["buses"].update(a={"kind": "can", "port": "can-1x", "baud": 250000}, b={"kind": "serial", "port": f"x{index}", "baud": 9600})
    code, output = run(tmp_path, tree, "--board", "w5500_evb_pico2")
    assert "buses: 3 buses of kind can" in output and "at most 2" in output and "buses: 3 serial lines" in output
    tree = locks()
    tree["buses"]["gpio"]["baud"] = 100000
    code, output = run(tmp_path, tree, "--board", "nucleo_h743zi2")
    assert code == 0 and "note: buses.gpio.baud: 100000 has no effect" in output


def test_expanders_reach_as_far_as_they_do(tmp_path: Path) -> None:
    tree = locks()
    for group in tree["groups"]:
        group["inputs"]["first_address"] = 4
    code, output = run(tmp_path, tree, "--board", "w5500_evb_pico2")
    assert code == 1 and "pairs 0 to 3" in output
    tree = locks()
    for group in tree["groups"]:
        group["io"] = {"bus": "gpio", "driver": "pins", "first_address": 0}
    code, output = run(tmp_path, tree, "--board", "w5500_evb_pico2")
    assert code == 1 and "no outputs that time a lock's pulse" in output


@pytest.mark.parametrize("board", ["pico", "unix", "../boards", "chips"])
def test_an_unknown_board_is_an_error_that_lists_the_boards(tmp_path: Path, board: str) -> None:
    code, output = run(tmp_path, plain(), "--board", board)
    assert code == 1 and f"--board {board}: there is no such board" in output and all(name in output for name in BOARDS)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        ("{}".encode("utf-16"), "UTF-8"),
        (b"// mine\n{}", "line 1, column 1"),
        (b'{"cabinet": {"id": "x"},\n "cabinet": {}}', "line 2, column 2"),
        (b'{"cabinet": {"slots": 10,}}', "line 1, column 26"),
        (b"[]", "an object {...}"),
        (b'"x"', "an object {...}"),
        (b"{}" + b" " * 40000, "at most 32768 bytes"),
        (bytes(range(256)) * 10, "UTF-8"),
        (b'{"a": "\xff"}', "UTF-8"),
        (b"[" * 5000, "inside one another"),
    ],
)
def test_a_bad_file_gets_one_clear_line(tmp_path: Path, data: bytes, said: str) -> None:
    code, output = run(tmp_path, data)
    assert code == 1 and said in output and len(output.splitlines()) == 1 and output.startswith("settings: "), output


def test_a_path_without_a_file_is_an_error(tmp_path: Path) -> None:
    for path, said in ((tmp_path / "none.json", "No such file"), (tmp_path, "directory")):
        done = runner.invoke(app, ["settings", "check", str(path)])
        assert done.exit_code == 2 and said in done.output and str(path) in done.output


def test_every_mistake_is_reported_at_once(tmp_path: Path) -> None:
    tree = plain()
    tree["control"] = {"full_soc_pct": 99}
    tree["uplink"]["host"] = "mqtt://x"
    tree["limits"] = {"temp_high": {"LFP": 43}}
    code, output = run(tmp_path, tree, "--board", "nowhere")
    assert code == 1
    assert [line.split(":")[0] for line in output.splitlines()] == [
        "control.full_soc_pct", "uplink.host", "limits.temp_high.LFP", "--board nowhere",
    ]
