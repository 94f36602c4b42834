"""The exit codes of every command, and the group of commands that turns errors into one sentence and a code."""

from __future__ import annotations

import errno
from typing import Any

import typer
from typer.core import TyperGroup

GOOD = 0
BAD = 1
USAGE = 2
TROUBLE = 3
INTERRUPTED = 130

# code, what it means: docs/commands.md prints these rows
CODES = (
    (GOOD, "The command did its work, and the verdict is good."),
    (BAD, "The command did its work, and the verdict is bad: a check failed, an invariant broke, a record is false, a board was refused."),
    (USAGE, "Wrong usage or input: an option, a value, or a file that does not exist or cannot be read."),
    (TROUBLE, "The surroundings failed: a broker, a board, a port, a program or a folder cannot be used."),
    (INTERRUPTED, "Ctrl-C, SIGTERM, or the terminal was closed."),
)


def leave(command: str, text: object, code: int) -> typer.Exit:
    """Print `swapcab COMMAND: text` to standard error; the caller raises what this returns."""
    typer.echo(f"swapcab {command}: {text}", err=True)
    return typer.Exit(code)


def os_text(error: OSError) -> str:
    """An OSError in words: which file, and why not."""
    name = f"{error.filename}: " if error.filename else ""
    return name + (error.strerror or str(error) or type(error).__name__)


class Commands(TyperGroup):
    """The root of the command line: Ctrl-C, and what the system refuses, end in one sentence instead of a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise leave(ctx.invoked_subcommand, "interrupted", INTERRUPTED) from None
        except OSError as error:
            if error.errno == errno.EPIPE:  # `swapcab journal dump ... | head` is no error
                raise
            raise leave(ctx.invoked_subcommand, os_text(error), TROUBLE) from None


def example(*commands: str, more: str = "") -> str:
    """The last lines of a help text: commands to copy, each whole, then what else is worth knowing."""
    return "\n\n".join(filter(None, ("Example:" if len(commands) == 1 else "Examples:", *commands, more)))
