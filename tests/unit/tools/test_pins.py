"""Every pin can be installed on every Python that the README promises, and from nothing but the archives that the lock files name."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from swapcab.parts.lock import NOTE
from swapcab.paths import ROOT

LOCKS = sorted(ROOT.glob("requirements*.lock"))
PATCHES = range(30)  # more than any Python has had
PYTHONS = [f"3.{minor}.{patch}" for minor in range(10, 15) for patch in PATCHES]
PROMISED = SpecifierSet(">=3.10,<3.15")
ANY = "any"


def blocks(path: Path) -> list[tuple[Requirement, str, list[str]]]:
    """(requirement, its Requires-Python, its hashes) of each pin of a lock file."""
    found = []
    for block in re.split(r"(?m)^(?=[a-z0-9])", path.read_text())[1:]:
        lines = [line.rstrip(" \\") for line in block.splitlines()]
        notes = [line.removeprefix(NOTE) for line in lines if line.startswith(NOTE)]
        hashes = [line.strip() for line in lines if "--hash=" in line]
        assert len(notes) == 1, f"{path.name}: {lines[0]} has no Requires-Python; run make lock"
        found.append((Requirement(lines[0]), "" if notes[0] == ANY else notes[0], hashes))
    return found


def environment(python: str, platform: str = "linux") -> dict[str, str]:
    """What the markers of a requirement see."""
    return {"python_full_version": python, "python_version": python.rpartition(".")[0], "sys_platform": platform}


def wanted(requirement: Requirement, python: str) -> bool:
    """Whether the pin applies to that Python, on Linux or macOS."""
    marker = requirement.marker
    return marker is None or any(marker.evaluate(environment(python, platform)) for platform in ("linux", "darwin"))


def refusals(pins: list[tuple[Requirement, str, list[str]]]) -> list[str]:
    """Pins that refuse a Python that they apply to."""
    return [
        f"{requirement} needs Python {needs}, and applies to {python}"
        for requirement, needs, _ in pins
        for python in PYTHONS
        if wanted(requirement, python) and not SpecifierSet(needs).contains(python)
    ]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_no_pin_refuses_a_promised_python(lock: Path):
    assert refusals(blocks(lock)) == []


def test_a_pin_that_refuses_debians_python_is_noticed():
    found = refusals([(Requirement("soupsieve==4.1.2"), ">=3.11.5", [])])
    assert any("applies to 3.11.2" in text for text in found) and not any("3.11.5" in text.partition("applies")[2] for text in found)
    assert refusals([(Requirement('soupsieve==4.1.2; python_full_version >= "3.11.5"'), ">=3.11.5", [])]) == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_each_python_has_one_version_of_a_package(lock: Path):
    for python in PYTHONS:
        names = [canonicalize_name(requirement.name) for requirement, _, _ in blocks(lock) if wanted(requirement, python)]
        assert len(names) == len(set(names)), python


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_each_pin_is_exact_and_has_the_hashes_of_its_archives(lock: Path):
    for requirement, _, hashes in blocks(lock):
        assert re.fullmatch(r"==[^*,]+", str(requirement.specifier)), requirement
        assert hashes and all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", text) for text in hashes), requirement


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_no_lock_file_names_a_host(lock: Path):
    assert "://" not in lock.read_text() and "index-url" not in lock.read_text()


def test_what_pyproject_promises_is_what_the_pins_are_held_against():
    text = (ROOT / "pyproject.toml").read_text()
    assert 'requires-python = ">=3.10,<3.15"' in text
    assert all(PROMISED.contains(python) for python in PYTHONS)
    assert "Python 3.10 to 3.14" in (ROOT / "README.md").read_text()


def test_the_notes_are_what_the_installed_packages_say():
    for requirement, needs, _ in blocks(ROOT / "requirements.lock"):
        try:
            installed = metadata.distribution(requirement.name)
        except metadata.PackageNotFoundError:
            continue  # for another Python or another system
        if requirement.specifier.contains(installed.version, prereleases=True):
            assert SpecifierSet(installed.metadata["Requires-Python"] or "") == SpecifierSet(needs), requirement.name


def test_this_environment_holds_the_pinned_versions():
    for requirement, _, _ in blocks(ROOT / "requirements.lock"):
        if requirement.marker is None or requirement.marker.evaluate():
            assert Version(metadata.version(requirement.name)) in requirement.specifier, requirement.name
