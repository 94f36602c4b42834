"""Programs of the system that pip does not bring: where each is, and how to get it."""

from __future__ import annotations

import os
import shutil

# Debian keeps servers out of the PATH of ordinary users
SERVER_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")
WITHOUT = "SWAPCAB_WITHOUT"  # names that count as not installed, with commas: to see what a machine without them does

HOW_TO_GET = {
    "mosquitto": "Debian: apt-get install mosquitto; macOS: brew install mosquitto",
    "openssl": "Debian: apt-get install openssl; macOS: brew install openssl",
    "gcc": "Debian: apt-get install gcc",
}


def find(name: str) -> str:
    """The path of a program, or ""."""
    if name in os.environ.get(WITHOUT, "").split(","):
        return ""
    return shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", ""), *SERVER_FOLDERS))) or ""


def absent(name: str) -> str:
    """The sentence for a program that was not found."""
    return f"{name} is not installed ({HOW_TO_GET[name]})"
