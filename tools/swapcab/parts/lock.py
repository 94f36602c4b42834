"""Write the requirements*.lock files: every pin with its hashes, for every Python that pyproject.toml promises. `make lock`.

uv resolves and writes the hashes. This module adds the Requires-Python of each pin, so that a test can hold the pins against
the promised range without a network, and tries an installation for each promised Python.
Pins that are there already stay, unless `--upgrade` or `--upgrade-package NAME` is given.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import requests
from pypi_simple import PYPI_SIMPLE_ENDPOINT, PyPISimple

from swapcab.compile.mpy_fetch import pip_setting
from swapcab.paths import ROOT

OLDEST = "3.10"
TRIED = ("3.10.0", "3.11.2", "3.11.15", "3.12.0", "3.13.0", "3.14.0")
PLATFORMS = ("x86_64-manylinux_2_28", "aarch64-apple-darwin")
UV = ROOT / "build" / "uv" / "bin" / "uv"
LOCKS: dict[str, tuple[str, ...]] = {
    "requirements.lock": ("--extra", "dev", "pyproject.toml"),
    "requirements-stubs.lock": ("--group", "stubs", "--no-deps"),
    "requirements-mutants.lock": ("--group", "mutants", "--constraint", "requirements.lock"),
    "requirements-release.lock": ("--group", "release", "--constraint", "requirements.lock"),
    "requirements-node.lock": ("--group", "node"),
    "requirements-uv.lock": ("--group", "uv"),
}
PIN = re.compile(r"^([a-z0-9][a-z0-9.-]*)==(\S+)")
NOTE = "    # Requires-Python: "


class LockError(Exception):
    """A lock file could not be written, or what it pins cannot be installed on a promised Python."""


def uv(*arguments: str) -> None:
    """Run uv in the root of the tree; raises LockError with its words."""
    index = pip_setting("index-url")
    chosen = ["--default-index", index] if index else []
    done = subprocess.run([str(UV), "pip", *arguments, *chosen], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LockError(f"uv pip {' '.join(arguments)}:\n{done.stderr.strip()}")


def requires_python(client: PyPISimple, name: str, version: str, hashes: set[str]) -> str:
    """What the index says that this pin needs; "" for any Python."""
    for file in client.get_project_page(name).packages:
        if file.version == version and (file.digests or {}).get("sha256") in hashes:
            return file.requires_python or ""
    raise LockError(f"{name} {version}: the index has no file with a hash of the lock file")


def noted(text: str, client: PyPISimple) -> str:
    """The lock file with the Requires-Python of each pin as a comment after its hashes."""
    lines: list[str] = []
    blocks = re.split(r"(?m)^(?=[a-z0-9])", "".join(line for line in text.splitlines(True) if not line.startswith(NOTE)))
    for block in blocks:
        pin = PIN.match(block)
        lines.append(block)
        if pin:
            hashes = set(re.findall(r"--hash=sha256:([0-9a-f]{64})", block))
            lines.append(f"{NOTE}{requires_python(client, pin[1], pin[2], hashes) or 'any'}\n")
    return "".join(lines)


def write(name: str, more: list[str]) -> None:
    """Resolve one lock file and note what its pins need."""
    path = ROOT / name
    options = ("--quiet", "--universal", "--python-version", OLDEST, "--generate-hashes", "--no-annotate", "--no-build")
    uv("compile", *options, "--custom-compile-command", "make lock", *LOCKS[name], "--output-file", name, *more)
    session = requests.Session()
    if certificate := pip_setting("cert"):
        session.verify = certificate
    with PyPISimple(endpoint=pip_setting("index-url") or PYPI_SIMPLE_ENDPOINT, session=session) as client:
        path.write_text(noted(path.read_text(), client))


def try_out(name: str, target: Path) -> None:
    """Resolve an installation from wheels alone for each promised Python and platform; nothing is installed."""
    for platform in PLATFORMS:
        for version in TRIED:
            wanted = ("--python-version", version, "--python-platform", platform, "--target", str(target))
            deps = ("--no-deps",) if "--no-deps" in LOCKS[name] else ()
            uv("install", "--quiet", "--dry-run", "--require-hashes", "--only-binary", ":all:", *deps, *wanted, "-r", name)


def main(more: list[str]) -> int:
    """Entry point of `python -m swapcab.parts.lock`; `more` goes to uv."""
    try:
        for name in LOCKS:
            write(name, more)
            try_out(name, ROOT / "build" / "lock-trial")
            print(f"{name}: {sum(1 for line in (ROOT / name).read_text().splitlines() if PIN.match(line))} pins")
    except (LockError, requests.RequestException, OSError) as error:
        print(f"make lock: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
