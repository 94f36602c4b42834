"""Fetch the MicroPython packages that pip cannot install (they have no setup.py), by hash, into build/lib."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import requests
from pypi_simple import PYPI_SIMPLE_ENDPOINT, PyPISimple

from swapcab.paths import LIB

LOCK = Path(__file__).with_name("mpy_packages.lock")


class FetchError(Exception):
    """A package could not be had, or is not the one that the lock file names."""


def locked_packages(lock: Path = LOCK) -> list[dict]:
    """The rows of the lock file."""
    return json.loads(lock.read_text())["packages"]


def pip_setting(name: str) -> str | None:
    """A setting of pip, from its environment variable or its configuration files."""
    value = os.environ.get("PIP_" + name.upper().replace("-", "_"))
    if value:
        return value
    listing = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, timeout=60, check=False)
    found: dict[str, str] = {}
    for line in listing.stdout.splitlines():
        key, _, quoted = line.partition("=")
        section, _, setting = key.partition(".")
        if setting == name and section in ("global", "install", "download"):
            found[section] = quoted.strip("'\"")
    return found.get("global") or found.get("install") or found.get("download")


def sdist_bytes(client: PyPISimple, package: dict) -> bytes:
    """The archive of one package; raises FetchError if it is absent or has another hash."""
    page = client.get_project_page(package["name"])
    for candidate in page.packages:
        if candidate.version != package["version"] or candidate.package_type != "sdist":
            continue
        answer = client.s.get(candidate.url, timeout=120)
        answer.raise_for_status()
        if hashlib.sha256(answer.content).hexdigest() != package["sha256"]:
            raise FetchError(f"{candidate.filename}: its SHA-256 is not the one in {LOCK.name}; refused")
        return answer.content
    raise FetchError(f"{package['name']} {package['version']}: the index has no such source archive")


def unpack(archive: Path, package: dict, lib: Path = LIB) -> None:
    """Take the files that the lock file names, and only these, out of the archive."""
    with tarfile.open(archive) as tar:
        for wanted in package["files"]:
            member = tar.extractfile(f"{package['name']}-{package['version']}/{wanted}")
            if member is None:
                raise FetchError(f"{archive.name}: {wanted} is not a file")
            target = lib / wanted
            target.parent.mkdir(parents=True, exist_ok=True)
            part = target.with_suffix(".part")
            part.write_bytes(member.read())
            part.replace(target)


def fetch(lib: Path = LIB) -> list[str]:
    """Bring build/lib up to the lock file; returns what was fetched anew."""
    missing = []
    downloads = lib.parent / "downloads"
    downloads.mkdir(parents=True, exist_ok=True)
    for package in locked_packages():
        archive = downloads / f"{package['name']}-{package['version']}.tar.gz"
        if not (archive.is_file() and hashlib.sha256(archive.read_bytes()).hexdigest() == package["sha256"]):
            missing.append((package, archive))
    if missing:
        session = requests.Session()
        certificate = pip_setting("cert")
        if certificate:
            session.verify = certificate
        with PyPISimple(endpoint=pip_setting("index-url") or PYPI_SIMPLE_ENDPOINT, session=session) as client:
            for package, archive in missing:
                archive.write_bytes(sdist_bytes(client, package))
    for package in locked_packages():
        unpack(downloads / f"{package['name']}-{package['version']}.tar.gz", package, lib)
    return [package["name"] for package, _ in missing]


def main() -> int:
    """Entry point of `python -m swapcab.compile.mpy_fetch`."""
    try:
        fetched = fetch()
    except (FetchError, requests.RequestException, OSError) as error:
        print(f"MicroPython packages: {error}", file=sys.stderr)
        return 1
    print("MicroPython packages:", ", ".join(fetched) + " fetched" if fetched else "present")
    return 0


if __name__ == "__main__":
    sys.exit(main())
