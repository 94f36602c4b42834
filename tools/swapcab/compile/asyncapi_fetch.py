"""Fetch the official JSON Schema of AsyncAPI 3.0.0 (npm package @asyncapi/specs, Apache-2.0), by hash, into build/asyncapi.

Only the tests need it, to have docs/asyncapi.json checked by what others wrote. Without npm there is none, and setup goes on.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from swapcab.paths import ROOT

PACKAGE = "@asyncapi/specs"
VERSION = "6.11.1"
SHA256 = "01af8744dc33c0c7eb2e908f6a955319ee58b70ecadc9387d1aeb16c0cd28928"
ARCHIVE = ROOT / "build" / "downloads" / f"asyncapi-specs-{VERSION}.tgz"
FOLDER = ROOT / "build" / "asyncapi"
SCHEMA = FOLDER / "3.0.0.json"
FILES = {"package/schemas/3.0.0.json": SCHEMA, "package/LICENSE": FOLDER / "LICENSE"}


def right(archive: Path) -> bool:
    """Whether it is there and is the one that we know."""
    return archive.is_file() and hashlib.sha256(archive.read_bytes()).hexdigest() == SHA256


def fetch() -> str:
    """Bring build/asyncapi up to date; returns what to tell. Raises OSError or RuntimeError."""
    if not right(ARCHIVE):
        npm = shutil.which("npm")
        if not npm:
            return "not fetched, there is no npm; the test that needs it is skipped"
        ARCHIVE.parent.mkdir(parents=True, exist_ok=True)
        command = [npm, "pack", "--silent", f"{PACKAGE}@{VERSION}", "--pack-destination", str(ARCHIVE.parent)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL, check=False)
        if done.returncode:
            raise RuntimeError(f"npm pack: {done.stderr.strip()[-300:]}")
        if not right(ARCHIVE):
            raise RuntimeError(f"{ARCHIVE.name}: its SHA-256 is not the one in {Path(__file__).name}; refused")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tarfile.open(ARCHIVE) as tar:
        for name, target in FILES.items():
            member = tar.extractfile(name)
            if member is None:
                raise RuntimeError(f"{ARCHIVE.name}: {name} is not a file")
            target.write_bytes(member.read())
    return "present"


def main() -> int:
    """Entry point; fails only for an archive that is not the right one, so that setup works where npm does not."""
    try:
        print("AsyncAPI's own schema:", fetch())
    except (OSError, subprocess.TimeoutExpired) as error:
        print(f"AsyncAPI's own schema: not fetched: {error}", file=sys.stderr)
    except RuntimeError as error:
        print(f"AsyncAPI's own schema: {error}", file=sys.stderr)
        return 1 if "refused" in str(error) else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
