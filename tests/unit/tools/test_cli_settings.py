"""`swapcab settings`: what the template gives is right, and what is wrong is named."""

import json

import pytest
from typer.testing import CliRunner

from swapcab.cli import app

runner = CliRunner()


@pytest.mark.parametrize("slots", [3, 12, 24, 48])
def test_the_template_passes_its_own_check(tmp_path, slots):
    file = tmp_path / "settings.json"
    file.write_text(runner.invoke(app, ["settings", "template", "--slots", str(slots)]).output)
    done = runner.invoke(app, ["settings", "check", str(file)])
    assert done.exit_code == 0, done.output
    assert f"{slots} slots" in done.output


def test_a_wrong_setting_is_named_with_its_path_its_value_and_what_is_allowed(tmp_path):
    tree = json.loads(runner.invoke(app, ["settings", "template"]).output)
    tree["uplink"]["port"] = 70000
    file = tmp_path / "settings.json"
    file.write_text(json.dumps(tree))
    done = runner.invoke(app, ["settings", "check", str(file)])
    assert done.exit_code == 1
    assert "uplink.port" in done.output and "70000" in done.output and "65535" in done.output


def test_an_unknown_setting_is_refused(tmp_path):
    tree = json.loads(runner.invoke(app, ["settings", "template"]).output)
    tree["uplink"]["hots"] = "x"
    file = tmp_path / "settings.json"
    file.write_text(json.dumps(tree))
    done = runner.invoke(app, ["settings", "check", str(file)])
    assert done.exit_code == 1
    assert "uplink.hots" in done.output


def test_a_file_that_is_not_json_or_not_there_is_an_error_not_a_crash(tmp_path):
    file = tmp_path / "settings.json"
    assert runner.invoke(app, ["settings", "check", str(file)]).exit_code == 2
    file.write_bytes(b"\xff{")
    assert runner.invoke(app, ["settings", "check", str(file)]).exit_code == 1
