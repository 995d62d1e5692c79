"""All commands under their nouns, and how the library's complaints become ours."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer

import bossa
from bossa.admin.errors import Exit, Failure
from bossa.cli import completion, output

if TYPE_CHECKING:
    from bossa.cli.man import Command

NOUNS = ("zone", "record", "key", "policy", "dns", "cache", "user", "group", "service", "host", "delegation", "trust")
# Where the verbs without a noun are registered, in the order of the help.
_PLAIN = ("server", "install", "workshop")
# The library's class of usage errors has no public name, but a public heir.
_UsageError: Any = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "UsageError")
_HELP = """A small domain in one program: a name server that takes signed updates, and a Kerberos KDC.

Without a verb, bossa starts the server (bossa up)."""


def _version(wanted: bool) -> None:  # noqa: FBT001 - the library calls it so
    if wanted:
        print(f"bossa {bossa.__version__}")
        raise typer.Exit


def _root(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    data: Annotated[str, typer.Option("--data", metavar="DIR", help="The data directory, also after any verb.")] = "",
    debug: Annotated[bool, typer.Option("--debug", help="Print the traceback of a fault.")] = False,
) -> None:
    """Take the options that stand before a noun; main() has read the last two already."""


def build(noun: str = "") -> typer.Typer:
    """Make the tree of commands; with a noun only the part below it, which starts faster."""
    app = typer.Typer(
        name="bossa", help=_HELP, rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False
    )
    app.callback(help=_HELP, no_args_is_help=True)(_root)
    if noun not in NOUNS:
        for room in _PLAIN:
            import_module(f"bossa.cli.{room}").register(app)
    for name in (noun,) if noun in NOUNS else NOUNS:
        app.add_typer(import_module(f"bossa.cli.{name}").app, name=name)
    return app


def tree() -> Command:
    """Return the whole tree as the library sees it."""
    return typer.main.get_command(build())


def run(arguments: list[str]) -> int:
    """Run a command line; return its exit code."""
    if completion.VARIABLE in os.environ:
        completion.prepare()
    command = typer.main.get_command(build(arguments[0] if arguments else ""))
    try:
        done = command.main(args=arguments, prog_name="bossa", standalone_mode=False)
    except Failure as e:
        output.failure(e)
        return e.exit
    except typer.Abort:
        return 130
    except _UsageError as e:
        return _usage(e)
    return done if isinstance(done, int) else Exit.OK


def _usage(error: Any) -> int:
    where = error.ctx.command_path if error.ctx is not None else "bossa"
    if type(error).__name__ == "NoArgsIsHelpError":
        print(error.format_message(), file=sys.stderr)
    else:
        output.failure(Failure(where, error.format_message().rstrip("."), f"{where} --help", Exit.USAGE))
    return Exit.USAGE
