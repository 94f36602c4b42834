"""`swapcab profile`: list, show, check, compile, import."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(no_args_is_help=True, help="Packs whose protocol is a data file (docs/profiles.md): check, compile, import a DBC file.")


def _fail(error: Exception) -> typer.Exit:
    typer.echo(str(error), err=True)
    return typer.Exit(1)


def _checked(name: str) -> Any:
    from swapcab.profile.source import ProfileMistake, check, find, load

    try:
        return check(load(find(name)))
    except ProfileMistake as error:
        raise _fail(error) from None


def _verdict(checked: Any) -> str:
    from swapcab.profile.words import form

    if checked.proof == form.PROOF_PACK_LINK:
        return "can prove itself by the pack link's challenge: packs may be charged and handed out"
    missing = f"; it does not tell {', '.join(checked.missing)}" if checked.missing else ""
    return f"cannot prove itself: packs are watched and given back, never charged and never handed out{missing}"


@app.command("list")
def list_profiles() -> None:
    """The profiles that ship."""
    from rich.console import Console
    from rich.table import Table

    from swapcab.profile.source import FOLDER
    from swapcab.profile.words import form

    table = Table("profile", "bus", "baud", "addresses", "proof", "title")
    for path in sorted(FOLDER.glob("*.json")):
        checked = _checked(str(path))
        proof = "challenge" if checked.proof else "none"
        many = f"{checked.first} to {checked.last}" if checked.last > checked.first else "one a line"
        table.add_row(checked.name, form.BUSES[checked.bus], str(checked.baud), many, proof, checked.title)
    Console().print(table)


@app.command()
def show(name: Annotated[str, typer.Argument(help="a profile that ships, or a .json file")]) -> None:
    """What a profile reads, and where it comes from."""
    from rich.console import Console
    from rich.table import Table

    checked = _checked(name)
    console = Console()
    console.print(f"{checked.name}: {checked.title}", highlight=False)
    for word in ("sources", "notes"):
        for line in checked.tree.get(word, []):
            console.print(f"  {word[:-1]}: {line}", highlight=False)
    table = Table("message", "value", "where", "unit", "plausible")
    for message in checked.tree["messages"]:
        for f in message["fields"]:
            where = f"byte {f['at']} {f.get('type', 'u8')}" if "at" in f else f"bit {f['start_bit']}, {f['bit_length']} bits"
            where += f" bit {f['bit']}" if "bit" in f else ""
            table.add_row(str(message.get("name")), f["to"], where, str(f.get("unit", "")), _plausible(f))
    console.print(table)
    console.print(_verdict(checked), highlight=False)


def _plausible(tree: dict[str, Any]) -> str:
    from swapcab.profile.words import DIMENSIONS, bounds

    if tree["to"] not in DIMENSIONS:
        return ""
    low, high = bounds(tree["to"])
    return f"{tree.get('min', low)} .. {tree.get('max', high)}"


@app.command()
def check(file: Annotated[str, typer.Argument(help="a .json file, or a profile that ships")]) -> None:
    """Say what is wrong with a profile, or that nothing is, and what its packs may be used for."""
    from swapcab.profile.compile import compiled
    from swapcab.profile.source import ProfileMistake

    checked = _checked(file)
    try:
        size = len(compiled(checked))
    except ProfileMistake as error:
        raise _fail(error) from None
    typer.echo(f"{checked.name}: right; {len(checked.pages)} pages, {size} bytes compiled")
    typer.echo(_verdict(checked))


@app.command("compile")
def compile_profile(
    file: Annotated[str, typer.Argument(help="a .json file, or a profile that ships")],
    out: Annotated[Path, typer.Option("-o", "--out", help="folder of the settings.json that names it")] = Path("."),
) -> None:
    """Write NAME.profile, which lies beside the settings.json of a cabinet that uses it."""
    from swapcab.profile.compile import compiled
    from swapcab.profile.source import ProfileMistake

    checked = _checked(file)
    target = out / f"{checked.name}.profile"
    try:
        target.write_bytes(compiled(checked))
    except (ProfileMistake, OSError) as error:
        raise _fail(error) from None
    typer.echo(f"{target}: {target.stat().st_size} bytes")


@app.command("import")
def import_dbc(
    file: Annotated[Path, typer.Argument(help="the maker's DBC file")],
    name: Annotated[str, typer.Option(help="name of the profile [default: that of the file]")] = "",
    maker: Annotated[str, typer.Option(help="maker, where the pack does not tell it; up to 8 characters")] = "",
    maps: Annotated[list[str] | None, typer.Option("--map", help="SIGNAL=QUANTITY, SIGNAL=serial:7, SIGNAL=pack_mv@V, SIGNAL=-")] = None,
    fixed: Annotated[list[str] | None, typer.Option(help="QUANTITY=VALUE that is the same for all packs, as chemistry=lfp")] = None,
    addresses: Annotated[str, typer.Option(help="FIRST-LAST, in the low 8 bits of identifiers; none: one pack a line")] = "",
    baud: Annotated[int, typer.Option(help="bits per second of the bus")] = 250000,
    challenge: Annotated[bool, typer.Option("--challenge", help="the packs answer the pack link's challenge (docs/pack-link.md)")] = False,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="file to write [default: NAME.json here]")] = None,
) -> None:
    """Make a profile from a DBC file: guesses by names and units, shows what it made of each signal, and checks the result."""
    from swapcab.profile.dbc import ImportMistake, Wish, convert
    from swapcab.profile.guess import explicit
    from swapcab.profile.source import ProfileMistake
    from swapcab.profile.source import check as check_tree
    from swapcab.profile.text import text

    name = name or file.stem.lower().replace("_", "-")[:16]
    mapping: dict[str, Any] = {}
    try:
        mapping |= dict(explicit(m) for m in maps or [])
        wish = Wish(name, maker, bool(addresses), _range(addresses), baud, challenge, tuple(_fixed(f) for f in fixed or []))
        done = convert(file, mapping, wish)
        while True:
            try:
                checked = check_tree(done.tree)
                break
            except ProfileMistake as error:
                _print_rows(done.rows)
                if not sys.stdin.isatty():
                    raise
                typer.echo(str(error), err=True)
                signal, meaning = explicit(typer.prompt("SIGNAL=QUANTITY"))
                mapping[signal] = meaning
                done = convert(file, mapping, wish)
    except (ImportMistake, ProfileMistake, ValueError) as error:
        raise _fail(error) from None
    target = out or Path(f"{name}.json")
    target.write_text(text(done.tree))
    _print_rows(done.rows)
    typer.echo(f"{target}: {_verdict(checked)}")


def _range(text: str) -> tuple[int, int]:
    if not text:
        return 1, 1
    first, mark, last = text.partition("-")
    try:
        found = int(first), int(last if mark else first)
    except ValueError:
        raise ValueError(f"--addresses {text}: write FIRST-LAST, as in 1-24") from None
    if not 1 <= found[0] <= found[1] <= 247:
        raise ValueError(f"--addresses {text}: from 1 to 247")
    return found


def _fixed(text: str) -> tuple[str, int | str]:
    name, mark, value = text.partition("=")
    if not mark:
        raise ValueError(f"--fixed {text}: write QUANTITY=VALUE, as in chemistry=lfp or cell_count=16")
    return name, int(value, 0) if value[:1].isdigit() else value


def _print_rows(rows: list[Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("message", "signal", "unit", "becomes", "how")
    for row in rows:
        table.add_row(row.message, row.signal, row.unit, row.to, row.how)
    Console().print(table)


