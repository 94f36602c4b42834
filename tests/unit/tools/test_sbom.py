"""The list of a release's parts is complete, and CycloneDX's own check takes it."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from needs import need_file

from cabinet.runtime import version as firmware_version
from swapcab import VERSION
from swapcab.compile.mpy_fetch import locked_packages
from swapcab.parts import sbom
from swapcab.paths import ROOT


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The list as `make sbom` writes it."""
    need_file(sbom.TOOL, "make sbom")
    return sbom.write(tmp_path_factory.mktemp("sbom") / "swapcab.cdx.json")


def test_the_list_keeps_to_the_schema_of_cyclonedx(listed: Path):
    sbom.validate(listed)


def test_a_list_that_breaks_the_schema_is_refused(listed: Path, tmp_path: Path):
    for spoil in ({"bomFormat": "other"}, {"components": [{"name": "without a type"}]}, {"unknown": 1}):
        broken = tmp_path / "broken.json"
        broken.write_text(json.dumps({**json.loads(listed.read_text()), **spoil}))
        with pytest.raises(sbom.SbomError):
            sbom.validate(broken)


def test_every_installed_and_every_micropython_package_is_in_it_with_its_version(listed: Path):
    document = json.loads(listed.read_text())
    found = {(sbom.normal(part["name"]), part["version"]) for part in document["components"]}
    installed = {(sbom.normal(one.name), one.version) for one in metadata.distributions() if sbom.normal(one.name) != "swapcab"}
    fetched = {(sbom.normal(package["name"]), package["version"]) for package in locked_packages()}
    assert installed | fetched <= found
    assert (document["metadata"]["component"]["name"], document["metadata"]["component"]["version"]) == ("swapcab", VERSION)


def test_it_says_what_a_release_needs_to_run_and_under_which_licence(listed: Path):
    parts = {sbom.normal(part["name"]): part for part in json.loads(listed.read_text())["components"]}
    scopes = {name: part["scope"] for name, part in parts.items()}
    assert scopes["amqtt"] == scopes["argon2-cffi"] == scopes["micropython-umqtt-simple"] == "required"
    assert scopes["pytest"] == scopes["ruff"] == scopes["micropython-modbus"] == "excluded"
    assert [name for name, part in parts.items() if not part.get("licenses")] == []
    assert parts["micropython-umqtt-simple"]["hashes"][0]["alg"] == "SHA-256"


def test_two_lists_of_one_tree_are_equal(listed: Path, tmp_path: Path):
    assert sbom.write(tmp_path / "again.cdx.json").read_text() == listed.read_text()


def test_the_command_the_firmware_and_the_package_have_one_version():
    said = subprocess.run([sys.executable, "-m", "swapcab", "--version"], cwd=ROOT, capture_output=True, text=True).stdout
    assert said == f"swapcab {VERSION}\n"
    assert VERSION == firmware_version.VERSION == metadata.version("swapcab")
    assert f"\n## {VERSION} " in (ROOT / "CHANGELOG.md").read_text() or f"\n## [{VERSION}]" in (ROOT / "CHANGELOG.md").read_text()
