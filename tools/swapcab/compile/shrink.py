"""Give private names of the firmware short names that all modules share, before it is compiled.

MicroPython keeps each different name once in RAM, with 8 to 12 bytes of table beside its letters, and doubles the table
when it is full. A name with one leading underscore is the business of its own file, so every file can call its private
things `_a`, `_b`, ...: the firmware then has some 450 names fewer. Lines keep their numbers, and so tracebacks remain right.

Files whose classes inherit from one another count as one. Left alone is what the rest of the world may look up: a name
that some file uses without making it, that stands in a string, or that is imported.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass

PRIVATE = re.compile(r"(?<!\w)_[a-zA-Z]\w*")
LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class _File:
    """What a file does with names."""

    used: set[str]
    made: set[str]  # private names that it makes
    kept: set[str]  # names that must stay as they are, wherever they stand
    classes: list[ast.ClassDef]


def shrink(texts: dict[str, str]) -> dict[str, str]:
    """Source text by module path (`cabinet/core/slot.py`) -> the same with short private names."""
    files = {name: _look(ast.parse(text, name)) for name, text in texts.items()}
    kept = {name for file in files.values() for name in file.kept}
    shrunk = dict(texts)
    for family in _families(files):
        names = sorted({name for member in family for name in files[member].made} - kept)
        taken = {name for member in family for name in files[member].used} - set(names)
        short = _short_names(taken)
        mapping = {name: next(short) for name in names}
        for member in family:
            shrunk[member] = _rename(texts[member], mapping)
    return shrunk


def _short_names(taken: set[str]) -> Iterator[str]:
    """`_a` to `_z`, `_aa`, ... without those that are taken."""
    prefixes = [""]
    while True:
        for prefix in prefixes:
            for letter in LETTERS:
                if (name := f"_{prefix}{letter}") not in taken:
                    yield name
        prefixes = [prefix + letter for prefix in prefixes for letter in LETTERS]


def _look(tree: ast.Module) -> _File:
    used: set[str] = set()
    made: set[str] = set()
    kept: set[str] = set()
    classes = []
    for node in ast.walk(tree):
        if isinstance(node, (ast.Attribute, ast.Name)):
            name = node.attr if isinstance(node, ast.Attribute) else node.id
            (made if isinstance(node.ctx, ast.Store) else used).add(name)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            made.add(node.name)
            if isinstance(node, ast.ClassDef):
                classes.append(node)
        elif isinstance(node, ast.arg):
            made.add(node.arg)
        elif isinstance(node, ast.keyword) and node.arg:
            kept.add(node.arg)
        elif isinstance(node, ast.alias):
            kept.update((node.name.rpartition(".")[2], node.asname or ""))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            kept.update(PRIVATE.findall(node.value))
        elif isinstance(node, ast.JoinedStr):  # older tokenizers do not look inside
            kept.update(part.attr if isinstance(part, ast.Attribute) else part.id for part in ast.walk(node)
                        if isinstance(part, (ast.Attribute, ast.Name)))
    used |= made
    made = {name for name in made if PRIVATE.fullmatch(name)}
    kept |= {name for name in used if PRIVATE.fullmatch(name)} - made
    return _File(used, made, kept, classes)


def _families(files: dict[str, _File]) -> list[list[str]]:
    """Files, those together whose classes inherit from one another."""
    home = {node.name: name for name, file in files.items() for node in file.classes}
    family = {name: {name} for name in files}
    for name, file in files.items():
        for base in (base for node in file.classes for base in node.bases):
            parent = home.get(base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", ""), name)
            joined = family[name] | family[parent]
            for member in joined:
                family[member] = joined
    return [sorted(members) for members in {id(m): m for m in family.values()}.values()]


def _rename(text: str, mapping: dict[str, str]) -> str:
    lines = text.splitlines(keepends=True)
    tokens = [t for t in tokenize.generate_tokens(io.StringIO(text).readline) if t.type == tokenize.NAME and t.string in mapping]
    for token in reversed(tokens):
        row, column = token.start
        line = lines[row - 1]
        lines[row - 1] = line[:column] + mapping[token.string] + line[column + len(token.string) :]
    return "".join(lines)
