"""Compile everything an MCU board runs into build/boards/BOARD: `python -m swapcab.flash.build_board nucleo_h743zi2`.

The folder is what `mpremote mount` offers to a board, or what is copied to one whose file system is large enough.
"""

from __future__ import annotations

import importlib
import json
import shutil
import sys
from pathlib import Path

from swapcab.compile import firmware as build
from swapcab.paths import use_firmware

OUT = Path("build") / "boards"  # emptied before each build: nothing else lives there
AS_THEY_ARE = ("boot.py", "start.py")  # MicroPython runs these two as scripts, and scripts are source
NOT_ON_BOARD = ("manifest.py",)


def sources(board: str, root: Path = build.ROOT) -> dict[str, Path]:
    """Module path on the board -> source file."""
    found = dict(build.sources(root, board))
    for path in sorted((root / "boards" / "chips").glob("*.py")):
        found[f"chips/{path.name}"] = path
    return {name: path for name, path in found.items() if name not in NOT_ON_BOARD}


def build_board(board: str, root: Path = build.ROOT) -> tuple[Path, int, int]:
    """The folder, the number of files in it and their size in bytes."""
    out = root / OUT / board
    shutil.rmtree(out, ignore_errors=True)
    wanted = sources(board, root)
    for name, text in build.texts_of({n: path for n, path in wanted.items() if n not in AS_THEY_ARE}).items():
        build.compile_one(name, text, out)
    for name in AS_THEY_ARE:
        if name in wanted:
            shutil.copyfile(wanted[name], out / name)
    files = [path for path in out.rglob("*") if path.is_file()]
    return out, len(files), sum(path.stat().st_size for path in files)


def package(out: Path) -> None:
    """package.json beside the modules, for `mpremote mip install build/boards/BOARD/package.json`: they go to /lib."""
    use_firmware()
    version = importlib.import_module("cabinet.runtime.version").VERSION
    names = sorted(path.relative_to(out).as_posix() for path in out.rglob("*.mpy"))
    (out / "package.json").write_text(json.dumps({"urls": [[name, name] for name in names], "version": version}, indent=1) + "\n")


def main() -> int:
    """Entry point."""
    boards = sorted(path.parent.name for path in (build.ROOT / "boards").glob("*/pins.py"))
    if len(sys.argv) != 2 or sys.argv[1] not in boards:
        print(f"usage: python -m swapcab.flash.build_board BOARD; boards: {', '.join(boards)}", file=sys.stderr)
        return 2
    try:
        out, files, size = build_board(sys.argv[1])
        package(out)
    except (build.BuildError, OSError) as error:
        print(f"build: {error}", file=sys.stderr)
        return 1
    print(f"{out.relative_to(build.ROOT)}: {files} files, {size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
