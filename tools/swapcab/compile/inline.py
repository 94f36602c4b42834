"""Put numbers where the constants of the firmware stand, before it is compiled.

`rules.STOP` is for people. On the controller each public constant would cost its letters, a row in the table of names, a place in the
dictionary of its module and of each that imports it, and a search whenever it is read: 60 to 100 bytes. mpy-cross folds constants,
but only private ones and only inside one file; here all files are known. Imports for the type checker go as well.

Lines stay where they are, and so tracebacks stay right. A constant keeps its definition if some text or another script names it.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

CONSTANT = re.compile(r"[A-Z][A-Z0-9_]*")
WORD = re.compile(r"\w+")
OPERATORS: dict[type, Callable[[int, int], int]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.FloorDiv: operator.floordiv,
    ast.LShift: operator.lshift, ast.RShift: operator.rshift, ast.BitOr: operator.or_, ast.BitAnd: operator.and_, ast.Pow: operator.pow,
}  # fmt: skip
BUILD_TIME = {("cabinet.core.rule_table", "position")}  # functions of texts: `_NAME = position("...")` is a number once it is built
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass
class _File:
    """A module and what its names mean."""

    text: str
    tree: ast.Module
    values: dict[str, int] = field(default_factory=dict)  # its own constants
    modules: dict[str, str] = field(default_factory=dict)  # local name -> module
    imported: dict[str, tuple[str, str]] = field(default_factory=dict)  # local name -> module and name there
    edits: list[tuple[ast.AST, str]] = field(default_factory=list)


def inline(texts: dict[str, str], others: Iterable[str] = ()) -> dict[str, str]:
    """Source text by module path -> the same with numbers. `others`: scripts that run beside them and are not compiled with them."""
    files = {_dotted(name): _File(text, ast.parse(text, name)) for name, text in texts.items()}
    for file in files.values():
        _look_at_imports(file, files)
    while any([_find_constants(file, files) for file in files.values()]):
        pass
    left: set[str] = {word for text in others for word in WORD.findall(text)}
    for file in files.values():
        left |= _Replacer(file, files).run()
    for file in files.values():
        _remove_definitions(file, left)
    return {name: _apply(files[_dotted(name)]) for name in texts}


def _dotted(name: str) -> str:
    return name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _look_at_imports(file: _File, files: dict[str, _File]) -> None:
    """What imports bind; a name that is bound to two things means nothing here."""
    bound: dict[str, set[tuple[str, str]]] = {}
    for node in ast.walk(file.tree):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                bound.setdefault(alias.asname or alias.name, set()).add((node.module or "", alias.name))
        elif isinstance(node, ast.Import):
            for alias in node.names:
                bound.setdefault(alias.asname or alias.name.partition(".")[0], set()).add(("", alias.name if alias.asname else "?"))
    again = {_defines(node) for node in file.tree.body}
    for local, meanings in bound.items():
        module, name = next(iter(meanings))
        whole = f"{module}.{name}".strip(".")
        if len(meanings) > 1 or local in again:
            continue
        if whole in files:
            file.modules[local] = whole
        elif module in files:
            file.imported[local] = (module, name)


def _find_constants(file: _File, files: dict[str, _File]) -> bool:
    """Whole numbers that are given once, on the top level. Whether one is new."""
    stored = [n.id for n in ast.walk(file.tree) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)]
    new = False
    for node in file.tree.body:
        name = _defines(node)
        if name and name not in file.values and stored.count(name) == 1 and isinstance(node, ast.Assign):
            value = _value(node.value, file, files)
            if value is not None:
                file.values[name] = value
                new = True
    return new


def _defines(node: ast.stmt) -> str:
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        name = node.targets[0].id
        return name if CONSTANT.fullmatch(name) else ""
    return ""


def _value(node: ast.expr, file: _File, files: dict[str, _File]) -> int | None:
    """The number that an expression stands for; None if it is none, or not known (yet)."""
    if isinstance(node, ast.Constant):
        return node.value if type(node.value) is int else None
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "const":
        return _value(node.args[0], file, files)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = _value(node.operand, file, files)
        return None if value is None else -value
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        one, two = _value(node.left, file, files), _value(node.right, file, files)
        return None if one is None or two is None else OPERATORS[type(node.op)](one, two)
    return _meant(node, file, files)


def _meant(node: ast.AST, file: _File, files: dict[str, _File]) -> int | None:
    """The number that a name or an attribute of a module stands for."""
    if isinstance(node, ast.Name):
        module, name = file.imported.get(node.id, ("", ""))
        return files[module].values.get(name) if module else file.values.get(node.id)
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in file.modules:
        return files[file.modules[node.value.id]].values.get(node.attr)
    return None


def _built(node: ast.AST, file: _File, files: dict[str, _File]) -> int | None:
    """The number that `_NAME = function("text")` gives, for a function of BUILD_TIME. Raises whatever the function raises."""
    if not (isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Name)):
        return None
    module, name = file.imported.get(node.value.func.id, ("", ""))
    if (module, name) not in BUILD_TIME:
        return None
    space: dict[str, Any] = {}
    exec(compile(files[module].tree, module, "exec"), space)
    return space[name](*(ast.literal_eval(argument) for argument in node.value.args))


class _Replacer:
    """Walks through one file; `run` gives the names that could not be replaced everywhere."""

    def __init__(self, file: _File, files: dict[str, _File]) -> None:
        self._file = file
        self._files = files
        self._hidden: list[set[str]] = []  # names that enclosing functions have for themselves
        self._left: set[str] = set()
        self._read: set[str] = set()  # names that are still read
        self._gone: set[str] = set()  # names through which something was replaced
        self._dropped: set[int] = set()  # nodes that only the type checker reads

    def run(self) -> set[str]:
        self._visit(self._file.tree)
        self._imports()
        return self._left

    def _visit(self, node: ast.AST) -> None:
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING" and not node.orelse:
            self._file.edits.append((node, "pass"))
            self._dropped.update(id(n) for n in ast.walk(node))
            return
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return  # a docstring, which is not compiled
        number = _built(node, self._file, self._files)
        if number is not None and isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            self._file.edits.append((node.value, f"const({number})"))  # mpy-cross folds it: the name is private
            self._gone.add(ast.unparse(node.value.func))
            return
        if isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Load):
            base = node.id if isinstance(node, ast.Name) else node.value.id if isinstance(node.value, ast.Name) else ""
            value = None if any(base in names for names in self._hidden) else _meant(node, self._file, self._files)
            if value is not None:
                self._file.edits.append((node, f"({value})" if value < 0 else str(value)))
                self._gone.add(base)
                return
        if isinstance(node, ast.Attribute):
            self._left.add(node.attr)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            self._read.add(node.id)
            self._left.add(node.id)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            self._left.update(WORD.findall(node.value))
        elif isinstance(node, ast.JoinedStr):  # older parsers do not tell where its parts stand
            inside = [n for n in ast.walk(node) if isinstance(n, (ast.Name, ast.Attribute))]
            names = {n.id if isinstance(n, ast.Name) else n.attr for n in inside}
            self._left |= names
            self._read |= names
            return
        own = isinstance(node, FUNCTIONS)
        if own:
            self._hidden.append(_own_names(node))
        for child in ast.iter_child_nodes(node):
            self._visit(child)
        if own:
            self._hidden.pop()

    def _imports(self) -> None:
        """Take out of the imports what nothing needs any more."""
        for node in ast.walk(self._file.tree):
            if not isinstance(node, ast.ImportFrom) or id(node) in self._dropped:
                continue
            if node.module == "micropython":
                self._without_const(node)
            else:
                stay = []
                for alias in node.names:
                    local = alias.asname or alias.name
                    if local in self._read or local not in self._gone:
                        stay.append(alias)
                        self._left.add(alias.name)
                if len(stay) < len(node.names):
                    kept = ", ".join(ast.unparse(alias) for alias in stay)
                    self._file.edits.append((node, f"from {node.module} import {kept}" if kept else "pass"))

    def _without_const(self, node: ast.ImportFrom) -> None:
        """The compiler knows `X = const(...)` without being told what const is."""
        calls = [n.value.func for n in self._file.tree.body if isinstance(n, ast.Assign) and isinstance(n.value, ast.Call)]
        folded = sum(isinstance(function, ast.Name) and function.id == "const" for function in calls)
        used = sum(isinstance(n, ast.Name) and n.id == "const" for n in ast.walk(self._file.tree))
        if folded == used and [alias.name for alias in node.names] == ["const"]:
            self._file.edits.append((node, "pass"))


def _own_names(node: ast.AST) -> set[str]:
    """Names that a function or comprehension binds for itself."""
    inner = [n for n in ast.walk(node) if n is not node]
    names = {n.id for n in inner if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
    names |= {n.arg for n in inner if isinstance(n, ast.arg)}
    names |= {n.name for n in inner if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))}
    return names - {name for n in inner if isinstance(n, ast.Global) for name in n.names}


def _remove_definitions(file: _File, left: set[str]) -> None:
    for node in file.tree.body:
        name = _defines(node)
        if (name in file.values and name not in left) or name == "TYPE_CHECKING":
            inside = {id(n) for n in ast.walk(node)}
            file.edits = [edit for edit in file.edits if id(edit[0]) not in inside]
            file.edits.append((node, "pass"))


def _apply(file: _File) -> str:
    """The text with all edits; a statement that had several lines keeps them."""
    lines = file.text.encode().splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    whole = file.text.encode()
    spans = []
    for node, text in file.edits:
        assert isinstance(node, (ast.stmt, ast.expr)) and node.end_lineno and node.end_col_offset is not None
        spans.append((starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset, text))
    for start, end, text in sorted(spans, reverse=True):
        whole = whole[:start] + text.encode() + b"\n" * whole.count(b"\n", start, end) + whole[end:]
    return whole.decode()
