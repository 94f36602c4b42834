"""What `swapcab sim` refuses, and how it says so."""

import pytest
from typer.testing import CliRunner

from swapcab.cli import app
from swapcab.sim.options import FAULT_KINDS, Fault, OptionError, Options, Outage, broker_address

runner = CliRunner()


def test_an_outage_is_a_length_and_a_beginning():
    assert Outage.parse("60@10") == Outage(60.0, 10.0)


def test_a_fault_is_a_kind_and_a_slot_and_may_have_a_beginning():
    assert Fault.parse("dead:3") == Fault("dead", 3, 0.0)
    assert Fault.parse("babble:5@20") == Fault("babble", 5, 20.0)


@pytest.mark.parametrize("text", ["60", "@", "a@b", "-1@5", "0@5"])
def test_an_outage_that_makes_no_sense_is_refused(text):
    with pytest.raises(OptionError, match="--outage"):
        Outage.parse(text)


def test_a_fault_that_does_not_exist_is_answered_with_those_that_do():
    with pytest.raises(OptionError) as refused:
        Fault.parse("smoke:3")
    assert all(kind in str(refused.value) for kind in FAULT_KINDS) and "none" not in FAULT_KINDS


def test_the_folder_of_an_earlier_run_is_refused(tmp_path):
    Options(folder=tmp_path).check()
    (tmp_path / "flash.bin").touch()
    with pytest.raises(OptionError, match="--folder"):
        Options(folder=tmp_path).check()


@pytest.mark.parametrize("url", ["http://x", "mqtt://", "mqtt://x:port", "mqtt://x:70000"])
def test_a_broker_is_a_host_and_a_port(url):
    assert broker_address("mqtt://box:1884") == broker_address("box:1884") == ("box", 1884)
    with pytest.raises(OptionError, match="--broker"):
        broker_address(url)


@pytest.mark.parametrize("text", ["dead", "dead:", ":x", "dead:3@soon", "dead:3@-1"])
def test_a_fault_that_makes_no_sense_is_refused(text):
    with pytest.raises(OptionError, match="--fault"):
        Fault.parse(text)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--slots", "2"],
        ["--slots", "49"],
        ["--speed", "0"],
        ["--kill", "1"],
        ["--fault", "dead:13"],
        ["--outage", "x"],
        ["--swaps", "-1"],
        ["--bad-every", "-1"],
        ["--broker", "http://x"],
    ],
)
def test_the_command_line_names_the_option_that_is_wrong_and_starts_nothing(arguments):
    done = runner.invoke(app, ["sim", "--headless", *arguments])
    assert done.exit_code == 2
    assert arguments[0] in done.output


def test_the_panel_needs_a_terminal_and_says_so():
    done = runner.invoke(app, ["sim"])
    assert done.exit_code == 2
    assert "--headless" in done.output


def test_the_heap_cap_is_read_in_bytes_k_and_m():
    assert Options(heap="512k").heap_bytes == 512 * 1024
    assert Options(heap="1m").heap_bytes == 1024 * 1024
    assert Options(heap="100000").heap_bytes == 100000
