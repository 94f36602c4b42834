"""Every command: registered in one way, a help text with an example that parses, the exit codes of one table, no traceback."""

from __future__ import annotations

import ast
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from swapcab import VERSION, cli, exits
from swapcab.docs import commands as page
from swapcab.paths import ROOT

COMMANDS = dict(page.commands())
runner = CliRunner()


def swapcab(*arguments: object, cwd: Path = ROOT) -> tuple[int, str]:
    """Exit code and everything printed, of the command line as a process."""
    command = [sys.executable, "-m", "swapcab", *map(str, arguments)]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("words", COMMANDS)
def test_each_help_text_has_an_example_and_ends_well(words: str):
    done = runner.invoke(cli.app, [*words.split(), "--help"])
    assert done.exit_code == exits.GOOD and "Example" in done.output


@pytest.mark.parametrize(("words", "example"), [(words, line) for words, one in COMMANDS.items() for line in page.examples(one)])
def test_each_example_is_of_its_command_and_parses(words: str, example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    arguments = shlex.split(example)[1:]
    assert arguments[: len(words.split())] == words.split()
    rest = arguments[len(words.split()) :]
    monkeypatch.chdir(tmp_path)
    for name in (word for word in rest if word.endswith((".json", ".dbc", ".bin"))):  # files that an example takes for granted
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("{}")
    if words == "fit":
        rest = ["--source", str(tmp_path)]
    COMMANDS[words].make_context(words, rest, resilient_parsing=False)


def test_the_command_line_only_registers_and_every_folder_does_so_in_the_same_way():
    tree = ast.parse((ROOT / "tools" / "swapcab" / "cli.py").read_text())
    assert [node.name for node in tree.body if isinstance(node, ast.FunctionDef)] == ["_version", "host_tools", "main"]
    with_commands = {path.parent.name for path in (ROOT / "tools").glob("*/*/cli.py")} | {"emulator"}
    assert {part.__name__.split(".")[-2] for part in cli.PARTS} == with_commands
    for part in cli.PARTS:
        app = typer.Typer()
        part.register(app)
        assert app.registered_commands or app.registered_groups, part.__name__


def test_the_page_of_commands_is_current():
    assert page.TARGET.read_text() == page.render(), "run python -m swapcab.docs.commands"


def test_the_version_is_that_of_the_firmware():
    done = runner.invoke(cli.app, ["--version"])
    assert (done.exit_code, done.output) == (0, f"swapcab {VERSION}\n")
    assert f'VERSION = "{VERSION}"' in (ROOT / "firmware/cabinet/runtime/version.py").read_text()


def test_every_exit_code_has_one_meaning():
    assert [code for code, _ in exits.CODES] == [exits.GOOD, exits.BAD, exits.USAGE, exits.TROUBLE, exits.INTERRUPTED]


# what is wrong -> the code, and a word of the sentence
WRONG = (
    (exits.USAGE, "no-such", ["no-such"]),
    (exits.USAGE, "--no-such", ["sim", "--no-such"]),
    (exits.USAGE, "--headless", ["sim"]),
    (exits.USAGE, "charger_stuck", ["sim", "--headless", "--fault", "nonsense:3"]),
    (exits.USAGE, "mqtt://HOST:PORT", ["sim", "--headless", "--broker", "http://x"]),
    (exits.USAGE, "gone.json", ["sim", "--headless", "--profile", "gone.json", "--dbc", "gone.dbc"]),
    (exits.TROUBLE, "/proc/none", ["sim", "--headless", "--folder", "/proc/none"]),
    (exits.TROUBLE, "/proc/none", ["sim", "--headless", "--json", "/proc/none/x.json"]),
    (exits.USAGE, "--outage", ["fleet", "--outage", "soon"]),
    (exits.USAGE, "--cabinets", ["fleet", "--cabinets", "0"]),
    (exits.USAGE, "gone.json", ["settings", "check", "gone.json"]),
    (exits.USAGE, "no such profile", ["profile", "check", "nobody"]),
    (exits.USAGE, "gone.json", ["profile", "show", "gone.json"]),
    (exits.TROUBLE, "/proc/none", ["profile", "compile", "swap-80", "--out", "/proc/none"]),
    (exits.USAGE, "gone.dbc", ["profile", "import", "gone.dbc"]),
    (exits.USAGE, "gone.bin", ["journal", "verify", "gone.bin"]),
    (exits.USAGE, "gone.bin", ["replay", "gone.bin"]),
    (exits.USAGE, "gone", ["fit", "--source", "gone"]),
    (exits.USAGE, "--part", ["benchmark", "--part", "none"]),
    (exits.USAGE, "--slots", ["size", "--slots", "2"]),
    (exits.USAGE, "--only", ["bench", "--port", "gone", "--only", "nothing"]),
    (exits.TROUBLE, "gone", ["bench", "--port", "gone"]),
    (exits.USAGE, "gone", ["provision", "--port", "gone", "--secrets", "gone.json"]),
    (exits.USAGE, "nothing", ["emulate", "--fault", "nothing"]),
)


@pytest.mark.parametrize(("code", "word", "arguments"), WRONG, ids=[" ".join(row[2]) for row in WRONG])
def test_what_is_wrong_is_one_sentence_and_the_code_of_the_table(code: int, word: str, arguments: list[str], tmp_path: Path):
    found, text = swapcab(*arguments, cwd=tmp_path)
    assert "Traceback" not in text and word in "".join(text.split("\n")), text
    assert found == code, text


@pytest.mark.parametrize("command", [["sim", "--headless"], ["fleet", "--cabinets", "1"]], ids=["sim", "fleet"])
def test_a_broker_that_cannot_be_reached_is_named(command: list[str], tmp_path: Path):
    with socket.socket() as nobody:  # bound, and listening to no one
        nobody.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{nobody.getsockname()[1]}"
        more = ["--folder", str(tmp_path / "run")] if command[0] == "sim" else []
        code, text = swapcab(*command, "--broker", f"mqtt://{address}", *more)
    assert code == exits.TROUBLE and f"no MQTT broker answers at {address}" in text and "Traceback" not in text, text


def test_a_port_in_use_is_named_by_the_embedded_broker():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run([sys.executable, "-m", "swapcab.broker", "--port", str(port)], capture_output=True, text=True)
    assert done.returncode == exits.TROUBLE and f"cannot listen on 127.0.0.1:{port}" in done.stderr and "Traceback" not in done.stderr


def test_ctrl_c_and_what_the_system_refuses_end_in_one_sentence():
    app = typer.Typer(cls=exits.Commands)

    @app.command()
    def ctrl_c() -> None:
        raise KeyboardInterrupt

    @app.command()
    def full_disk() -> None:
        raise OSError(28, "No space left on device", "x.json")

    interrupted, refused = runner.invoke(app, ["ctrl-c"]), runner.invoke(app, ["full-disk"])
    assert interrupted.exit_code == exits.INTERRUPTED and "interrupted" in interrupted.output
    assert refused.exit_code == exits.TROUBLE and "swapcab full-disk: x.json: No space left on device" in refused.output
