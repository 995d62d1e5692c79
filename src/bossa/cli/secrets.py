"""How a password comes to a command: asked for twice at a terminal, a line of standard input, or made by the server."""

from __future__ import annotations

import sys

import typer

from bossa.admin.errors import Exit, Failure

_MOST = 4096


def ask(whose: str, *, from_stdin: bool) -> str:
    """Return the password for somebody; "" has the server make one."""
    if from_stdin:
        return _line(whose)
    if not sys.stdin.isatty():
        return ""
    question = f"Password for {whose} (empty for a generated one)"
    given: str = typer.prompt(question, default="", show_default=False, hide_input=True, err=True)
    if given and typer.prompt("The same again", default="", show_default=False, hide_input=True, err=True) != given:
        raise Failure(f"password for {whose}", "the two are not the same", "type it again", Exit.USAGE)
    return given


def _line(whose: str) -> str:
    read = sys.stdin.readline(_MOST).rstrip("\r\n")
    if not read:
        why = "standard input has none"
        raise Failure(f"password for {whose}", why, "write it there as one line, or leave --password-stdin", Exit.USAGE)
    return read


def show(whose: str, password: str) -> None:
    """Print a password that was made, which nobody can be told again."""
    if password:
        print(f"password of {whose}: {password}")
        print("It is not shown again.", file=sys.stderr)
