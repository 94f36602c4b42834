"""`swapcab profile`: list, show, check, compile, import."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from swapcab.exits import BAD, USAGE, example

app = typer.Typer(
    no_args_is_help=True,
    help="Packs whose protocol is a data file (docs/profiles.md): check, compile, import a DBC file.",
    epilog=example("swapcab profile check daly-can"),
)


def register(root: typer.Typer) -> None:
    """Add the commands."""
    root.add_typer(app, name="profile")


def _fail(error: Exception) -> typer.Exit:
    """BAD for a profile or a DBC file that is wrong, USAGE for one that is not there or for an option that is wrong."""
    from swapcab.profile.dbc import ImportMistake
    from swapcab.profile.source import ProfileMissing, ProfileMistake

    typer.echo(str(error), err=True)
    wrong_content = isinstance(error, (ImportMistake, ProfileMistake)) and not isinstance(error, ProfileMissing)
    return typer.Exit(BAD if wrong_content else USAGE)


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
    missing = f"; it does not report {', '.join(checked.missing)}" if checked.missing else ""
    return f"cannot prove itself: packs are watched and given back, never charged and never handed out{missing}"


@app.command("list", epilog=example("swapcab profile list"))
def list_profiles() -> None:
    """List the profiles that ship."""
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


@app.command(epilog=example("swapcab profile show daly-can"))
def show(name: Annotated[str, typer.Argument(help="A profile that ships, or a .json file.")]) -> None:
    """Show what a profile reads, and where it comes from."""
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


@app.command(epilog=example("swapcab profile check swap-80"))
def check(file: Annotated[str, typer.Argument(help="A .json file, or a profile that ships.")]) -> None:
    """Name what is wrong with a profile, or report that nothing is, and what its packs may be used for."""
    from swapcab.profile.compile import compiled
    from swapcab.profile.source import ProfileMistake

    checked = _checked(file)
    try:
        size = len(compiled(checked))
    except ProfileMistake as error:
        raise _fail(error) from None
    typer.echo(f"{checked.name}: right; {len(checked.pages)} pages, {size} bytes compiled")
    typer.echo(_verdict(checked))


@app.command("compile", epilog=example("swapcab profile compile swap-80 --out ."))
def compile_profile(
    file: Annotated[str, typer.Argument(help="A .json file, or a profile that ships.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder of the settings.json that names the profile.")] = Path("."),
) -> None:
    """Write NAME.profile, to be put beside the settings.json of a cabinet that uses it."""
    from swapcab.profile.compile import compiled
    from swapcab.profile.source import ProfileMistake

    checked = _checked(file)
    target = out / f"{checked.name}.profile"
    try:
        target.write_bytes(compiled(checked))
    except ProfileMistake as error:
        raise _fail(error) from None
    typer.echo(f"{target}: {target.stat().st_size} bytes")


@app.command("import", epilog=example("swapcab profile import pack.dbc --map PackVolt=pack_mv --fixed chemistry=lfp"))
def import_dbc(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="DBC file of the maker.")],
    name: Annotated[str, typer.Option(help="Name of the profile. \\[default: the name of the file]")] = "",
    maker: Annotated[str, typer.Option(help="Maker, if the pack does not report it; up to 8 characters.")] = "",
    maps: Annotated[
        list[str] | None, typer.Option("--map", help="SIGNAL=QUANTITY, SIGNAL=serial:7, SIGNAL=pack_mv@V, SIGNAL=- (left out). Repeatable.")
    ] = None,
    fixed: Annotated[list[str] | None, typer.Option(help="QUANTITY=VALUE of all packs, as in chemistry=lfp. Repeatable.")] = None,
    addresses: Annotated[str, typer.Option(help="FIRST-LAST, in the low 8 bits of the identifiers. \\[default: one pack a line]")] = "",
    baud: Annotated[int, typer.Option(help="Bits per second of the bus.")] = 250000,
    challenge: Annotated[bool, typer.Option("--challenge", help="The packs answer the pack link's challenge (docs/pack-link.md).")] = False,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="File to write. \\[default: NAME.json in this folder]")] = None,
) -> None:
    """Make a profile from a DBC file: guess each signal by name and unit, show every guess, and check the result."""
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


