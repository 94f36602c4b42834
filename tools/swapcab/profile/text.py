"""Profiles as text: one value a line, so that people can read them and version control can compare them."""

from __future__ import annotations

import json
from typing import Any


def text(tree: dict[str, Any]) -> str:
    """JSON with each field of a message on a line of its own."""
    lines = []
    for key, value in tree.items():
        if key == "messages":
            lines.append('  "messages": [\n' + ",\n".join(_message(m) for m in value) + "\n  ]")
        elif isinstance(value, list) and value:
            lines.append(f'  "{key}": [\n' + ",\n".join("    " + _one(item) for item in value) + "\n  ]")
        else:
            lines.append(f'  "{key}": {_one(value)}')
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _message(message: dict[str, Any]) -> str:
    head = ", ".join(f'"{key}": {_one(value)}' for key, value in message.items() if key != "fields")
    fields = ",\n".join("      " + _one(item) for item in message.get("fields", []))
    return "    {" + head + (', "fields": [\n' + fields + "\n    ]}" if fields else ', "fields": []}')


def _one(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
