"""Completion in the shell: the script that asks ``bossa`` itself, printed and never installed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from bossa.admin.errors import Exit, Failure

SHELLS = ("bash", "zsh", "fish")
# With this in the environment bossa answers the shell instead of doing anything.
VARIABLE = "_BOSSA_COMPLETE"


def prepare() -> None:
    """Let the library answer the shells of SHELLS."""
    from typer._completion_classes import completion_init

    completion_init()


def completion(
    shell: Annotated[str, typer.Argument(metavar="[bash|zsh|fish]", help="The shell; yours without.")] = "",
) -> None:
    """Print the script that completes bossa's words: put eval "$(bossa completion)" into the shell's start file."""
    from typer._completion_shared import get_completion_script

    wanted = shell or Path(os.environ.get("SHELL", "")).name
    if wanted not in SHELLS:
        why = "bossa knows no completion for it" if wanted else "SHELL does not say which it is"
        raise Failure(f"shell {wanted}".rstrip(), why, f"name one of {', '.join(SHELLS)}", Exit.USAGE)
    print(get_completion_script(prog_name="bossa", complete_var=VARIABLE, shell=wanted))
