"""Make .venv what this tree needs, or leave it alone if it already is. Run by `make setup` with the Python that .venv is to have.

.venv is whole only while its stamp says so: the stamp goes before anything else is touched and comes back last. So a setup that
failed or was interrupted is begun anew, and so is one with another Python or other pins. Needs nothing but the standard library.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
STAMP = VENV / ".swapcab-setup"
FETCHED = ROOT / "build" / "lib" / ".fetched"
PINS = ROOT / "requirements.lock"
INSTALLED = (ROOT / "pyproject.toml", ROOT / "firmware" / "cabinet" / "runtime" / "version.py", ROOT / "tools" / "swapcab" / "paths.py")
MPY_PINS = ROOT / "tools" / "swapcab" / "compile" / "mpy_packages.lock"
PROMISED = ((3, 10), (3, 14))
PIP = ("-m", "pip", "--quiet", "--disable-pip-version-check", "install")


class SetupError(Exception):
    """The environment could not be made; the text says what to do."""


def digest(*paths: Path) -> str:
    """SHA-256 of the files."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()


def wanted(version: str, home: str) -> dict[str, str]:
    """What the stamp of a whole .venv says, for a Python of this version and prefix."""
    return {"python": version, "home": os.path.realpath(home), "pins": digest(PINS), "project": digest(*INSTALLED)}


def stamped() -> dict[str, str]:
    """What the stamp says; nothing at all if it is absent or cannot be read."""
    try:
        found = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_whole(path: Path, text: str) -> None:
    """The file appears with all of its text or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(text)
    os.replace(part, path)


def python_of_venv() -> str:
    """The version that .venv's interpreter answers with; "" if it does not start."""
    try:
        words = [str(VENV / "bin" / "python"), "-c", "import platform; print(platform.python_version())"]
        return subprocess.run(words, capture_output=True, text=True, check=False, timeout=600).stdout.strip()
    except OSError:
        return ""


def run(what: str, *words: str) -> None:
    """Run .venv's Python in the root of the tree; raises SetupError naming the step."""
    if subprocess.run([str(VENV / "bin" / "python"), *words], cwd=ROOT, check=False).returncode:
        raise SetupError(f"{what} failed; see above. Run make setup again: it begins anew.")


def rebuild(reason: str, base: str) -> None:
    """A new .venv with all pins."""
    STAMP.unlink(missing_ok=True)
    print(f"Creating .venv with {base} ({reason})", flush=True)
    if VENV.is_symlink():
        VENV.unlink()
    elif VENV.exists():
        shutil.rmtree(VENV)
    if subprocess.run([base, "-m", "venv", str(VENV)], check=False).returncode:
        raise SetupError(f"{base} -m venv failed (Debian: apt-get install python3-venv)")
    print("Installing the pinned dependencies", flush=True)
    run("Installing the dependencies", *PIP, "--require-hashes", "--only-binary", ":all:", "-r", PINS.name)


def why_rebuild(found: dict[str, str], want: dict[str, str]) -> str:
    """Why .venv has to be made anew; "" if it stays."""
    if not found:
        return "the last setup did not finish" if VENV.exists() else "there is none"
    if (found.get("python"), found.get("home")) != (want["python"], want["home"]):
        return f"it had Python {found.get('python')} of {found.get('home')}"
    if found.get("pins") != want["pins"]:
        return "requirements.lock has changed"
    answer = python_of_venv()
    return "" if answer == want["python"] else f"its Python answers {answer or 'nothing'}"


def make_ready(base: str) -> None:
    """Bring .venv and build/lib up to date. Raises SetupError."""
    want = wanted(platform.python_version(), sys.base_prefix)
    found = stamped()
    reason = why_rebuild(found, want)
    if reason:
        rebuild(reason, base)
    if reason or found != want:
        STAMP.unlink(missing_ok=True)
        run("Installing the command swapcab", *PIP, "--no-deps", "--no-build-isolation", "-e", ".")
        run("Naming the tree's folders to Python", "-m", "swapcab.paths")
        write_whole(STAMP, json.dumps(want))
    if not FETCHED.is_file() or FETCHED.read_text() != digest(MPY_PINS):
        run("Fetching the MicroPython packages", "-m", "swapcab.compile.mpy_fetch")
        write_whole(FETCHED, digest(MPY_PINS))


@contextmanager
def alone() -> Iterator[None]:
    """One setup at a time; a second one waits for the first."""
    (ROOT / "build").mkdir(exist_ok=True)
    with open(ROOT / "build" / "setup.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> int:
    """Entry point of `make setup`."""
    if not PROMISED[0] <= sys.version_info[:2] <= PROMISED[1]:
        print(f"make setup: Python {platform.python_version()} is not one of 3.10 to 3.14", file=sys.stderr)
        return 1
    base = getattr(sys, "_base_executable", None) or sys.executable
    try:
        with alone():
            make_ready(base)
    except (SetupError, OSError) as error:
        print(f"make setup: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nmake setup: interrupted; the next one begins anew", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
