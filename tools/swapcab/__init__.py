"""The host command line of Swapcab."""

from pathlib import Path

_HOME = Path(__file__).resolve().parents[2] / "firmware" / "cabinet" / "runtime" / "version.py"
# the one that the firmware reports; pyproject.toml takes it from here
VERSION = _HOME.read_text().partition('VERSION = "')[2].partition('"')[0]
