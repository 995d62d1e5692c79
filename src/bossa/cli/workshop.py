"""The verbs for those who work on bossa or set it up: test, bench, man, completion."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bossa.admin.errors import Failure
from bossa.cli.completion import completion

_PASSING_ON = {"ignore_unknown_options": True}


def register(app: typer.Typer) -> None:
    """Put the verbs into the tree."""
    app.command(context_settings=_PASSING_ON)(test)
    # What stands behind the name is the comparison's, --help too.
    app.command(context_settings=_PASSING_ON | {"allow_interspersed_args": False})(bench)
    app.command()(man)
    app.command()(completion)


def test(
    *,
    long: Annotated[
        bool, typer.Option("--long", help="The tier with servers as peers and the slow suites too.")
    ] = False,
    browser: Annotated[bool, typer.Option("--browser", help="The tier in a browser too.")] = False,
    rest: Annotated[list[str], typer.Argument(metavar="[PATH] [-k EXPR] …", help="What pytest gets.")] = [],  # noqa: B006
) -> int:
    """Fetch what the tests need, and run them."""
    from bossa.cli.test import run_tests

    return run_tests(long=long, browser=browser, rest=rest)


def bench(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A file of bench/; without it, they are listed.")] = "",
    rest: Annotated[list[str], typer.Argument(metavar="[OPTION] …", help="What the comparison gets.")] = [],  # noqa: B006
) -> int:
    """Compare bossa with a peer on this machine."""
    from bossa.cli.bench import run_bench

    return run_bench(name, rest)


def man(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where to; made if it is not there.")],
) -> None:
    """Write the manual pages, one a command, from the same words as --help."""
    from bossa.cli.app import tree
    from bossa.cli.man import write_pages

    try:
        written = write_pages(tree(), directory)
    except OSError as e:
        what = f"write {e.filename or directory}"
        raise Failure(what, e.strerror or str(e), "name a directory that you may write") from e
    print(*written, sep="\n")
