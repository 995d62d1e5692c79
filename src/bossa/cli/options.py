"""What every verb takes, --data and --json, and options that several nouns have alike."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bossa.cli.up import default_data

Data = Annotated[
    Path,
    typer.Option(
        "--data",
        metavar="DIR",
        help="The data directory; BOSSA_DATA, or ./data.",
        show_default=False,
        default_factory=default_data,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def room(help_text: str) -> typer.Typer:
    """Make the group of a noun's verbs."""
    return typer.Typer(help=help_text, no_args_is_help=True, rich_markup_mode=None, add_completion=False)


class Switch(StrEnum):
    """An option that is on or off."""

    YES = "yes"
    NO = "no"


def switched(given: Switch | None) -> bool | None:
    """Return what an option switches; None when it was not given."""
    return None if given is None else given is Switch.YES
