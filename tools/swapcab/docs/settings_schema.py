"""docs/settings.schema.json, for editors: `python -m swapcab.docs.settings_schema [--check]`.

The tables of firmware/cabinet/startup give names, ranges and texts. The schema also has the relations that JSON Schema can express. All
others are the check's (`swapcab settings check`).
"""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any

from swapcab.paths import ROOT, use_firmware

TARGET = ROOT / "docs" / "settings.schema.json"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
HOST = r"^[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*$"
PATTERNS = {
    ("cabinet", "id"): "^[A-Za-z0-9_-]+$",
    ("uplink", "host"): HOST,
    ("uplink", "prefix"): r"^[!-~]+$",
    ("uplink", "server_name"): f"{HOST}|^$",
}
TOKEN = "^[!-~]+$"
TLS_ONLY = ("ca_file", "cert_file", "key_file", "server_name")


def schema() -> dict[str, Any]:
    """The whole schema."""
    use_firmware()
    config = importlib.import_module("cabinet.startup.settings")
    properties: dict[str, Any] = {}
    properties["cabinet"] = _section("cabinet", config.CABINET)
    bus = _section("bus", config.BUS)
    properties["buses"] = {"type": "object", "description": "one object a line, under a name of your choice", "additionalProperties": bus}
    properties["groups"] = {"type": "array", "minItems": 1, "description": "slots that are wired alike", "items": _group(config)}
    properties["control"] = _section("control", config.CONTROL)
    properties["limits"] = _limits()
    properties["uplink"] = _uplink(config)
    properties["telemetry"] = _section("telemetry", config.TELEMETRY)
    properties["time"] = _section("time", config.TIME)
    properties["access"] = _access(config)
    needed = ["cabinet", "buses", "groups", "uplink"]
    return {
        "$schema": DIALECT,
        "title": "Settings of a Swapcab cabinet (settings.json)",
        "description": "Generated. An editor sees ranges and names with it; `swapcab settings check` sees everything.",
        **_object(properties, needed),
    }


def _object(properties: dict[str, Any], needed: list[str]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "required": needed, "properties": properties}


def _section(name: str, fields: tuple) -> dict[str, Any]:
    config = importlib.import_module("cabinet.startup.settings")
    return _object(
        {field[0]: _field(name, field) for field in fields},
        [field[0] for field in fields if field[2] is config.NEEDED],
    )


def _field(section: str, row: tuple) -> dict[str, Any]:
    config = importlib.import_module("cabinet.startup.settings")
    name, kind, default, lowest, highest, meaning = row
    found: dict[str, Any] = {"description": meaning}
    if kind == "int":
        found |= {"type": "integer", "minimum": lowest, "maximum": highest}
    elif kind == "text":
        found |= {"type": "string", "minLength": lowest, "maxLength": highest}
    elif kind == "choice":
        found |= {"enum": list(highest)}
    if (section, name) in PATTERNS:
        found["pattern"] = PATTERNS[section, name]
    if default is not config.NEEDED and default is not None:
        found["default"] = default
    return found


def _group(config: Any) -> dict[str, Any]:
    found = _section("group", config.GROUP)
    for section in ("pack", "charger", "io", "inputs"):
        found["properties"][section] = _device(config, section) | {"description": found["properties"][section]["description"]}
    whole = [row.name for row in _registry().DRIVERS if row.reads_switches]
    found["if"] = {"properties": {"io": {"properties": {"driver": {"enum": whole}}}}}
    found["then"] = {"properties": {"inputs": False}}
    found["else"] = {"required": ["inputs"]}
    return found


def _registry() -> Any:
    return importlib.import_module("cabinet.startup.driver_registry")


def _device(config: Any, section: str) -> dict[str, Any]:
    """A device of this section: its drivers, and the addresses of each."""
    found = _section("device", config.DEVICE)
    rows = sorted((row for row in _registry().DRIVERS if row.section == section), key=lambda row: row.name)
    names: dict[str, Any] = {"enum": [row.name for row in rows]}
    if section == "pack":
        names = {"anyOf": [names, {"type": "string", "pattern": f"^{_registry().PROFILE}[a-z0-9-]{{1,16}}$"}]}
    found["properties"]["driver"] = {"description": found["properties"]["driver"]["description"]} | names
    found["allOf"] = [
        {
            "if": {"properties": {"driver": {"const": row.name}}},
            "then": {"properties": {"first_address": {"minimum": row.lowest, "maximum": row.highest}}},
        }
        for row in rows
    ]
    return found


def _limits() -> dict[str, Any]:
    rules = importlib.import_module("cabinet.core.rules")
    words = importlib.import_module("cabinet.core.rule_words")
    limit_check = importlib.import_module("cabinet.startup.limit_check")
    names = rules.quantity_names()
    found = {}
    for rule, name in enumerate(rules.IDS):
        quantity = names[rules.quantity(rule)]
        sides = {}
        for column, chemistry in enumerate(("LFP", "NMC")):
            least, most = limit_check.span(rule, column, names)
            sides[chemistry] = {
                "type": "integer", "minimum": least, "maximum": most,
                "description": f"{limit_check.amount(least, quantity)} to {limit_check.amount(most, quantity)}",
            }
        found[name] = _object(sides, []) | {"description": words.of_rule(rule)}
    return _object(found, []) | {"description": "tightens limits of the safety table, never loosens them"}


def _uplink(config: Any) -> dict[str, Any]:
    found = _section("uplink", config.UPLINK)
    found["dependentRequired"] = {"cert_file": ["key_file"], "key_file": ["cert_file"]}
    found["if"] = {"properties": {"tls": {"const": "on"}}, "required": ["tls"]}
    found["then"] = {"required": ["ca_file"], "properties": {"ca_file": {"minLength": 1}}}
    found["else"] = {"properties": {name: {"maxLength": 0} for name in TLS_ONLY}}
    return found


def _access(config: Any) -> dict[str, Any]:
    token = {"type": "string", "minLength": 1, "maxLength": config.MAX_TOKEN_CHARS, "pattern": TOKEN}
    meaning = "riders whom the cabinet knows without asking anybody"
    return _object({"tokens": {"type": "array", "maxItems": config.MAX_TOKENS, "items": token, "description": meaning}}, [])


def render() -> str:
    """The file as text."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


def main() -> int:
    """Write the schema, or with --check only report whether it is current."""
    text = render()
    if "--check" in sys.argv:
        if TARGET.exists() and TARGET.read_text() == text:
            return 0
        print(f"{TARGET.relative_to(ROOT)} is not current: run `python -m swapcab.docs.settings_schema`")
        return 1
    TARGET.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
