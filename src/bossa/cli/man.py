"""Manual pages from the tree of commands: the same words as ``--help``, in roff.  man-pages(7), man(7)"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import bossa

_EXITS = (
    ("0", "Done."),
    ("1", "What was asked for failed."),
    ("2", "Refused."),
    ("3", "The store or the server cannot be reached."),
    ("64", "The command line is not understood."),
)


class Command(Protocol):
    """What a page needs of a command."""

    name: str | None
    help: str | None
    params: list[Any]

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Return a context to ask for usage and help."""


def write_pages(root: Command, directory: Path) -> list[Path]:
    """Write a page for every command below ``root``; return the paths."""
    directory.mkdir(parents=True, exist_ok=True)
    written = []
    for words, text in pages(root):
        path = directory / ("-".join(words) + ".1")
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written


def pages(root: Command) -> Iterator[tuple[Sequence[str], str]]:
    """Yield the words of each command and its page."""
    yield from _walk(root, ("bossa",), None)


def _walk(command: Any, words: tuple[str, ...], parent: Any) -> Iterator[tuple[Sequence[str], str]]:
    context = command.make_context(words[-1], [], parent=parent, resilient_parsing=True)
    below = {name: one for name, one in getattr(command, "commands", {}).items() if not one.hidden}
    yield words, _page(command, words, context, below)
    for name, one in below.items():
        yield from _walk(one, (*words, name), context)


def _page(command: Any, words: tuple[str, ...], context: Any, below: dict[str, Any]) -> str:
    title = "-".join(words)
    lines = [f'.TH {title.upper()} 1 "" "bossa {bossa.__version__}" "bossa"']
    lines += [".SH NAME", rf"{_roff(title)} \- {_roff(_summary(command))}"]
    usage = " ".join(command.collect_usage_pieces(context))
    lines += [".SH SYNOPSIS", rf"\fB{_roff(' '.join(words))}\fR {_roff(usage)}"]
    lines += [".SH DESCRIPTION", *_paragraphs(command.help or "")]
    records = [record for param in command.get_params(context) if (record := param.get_help_record(context))]
    lines += _section("OPTIONS", records)
    lines += _section("COMMANDS", [(name, _summary(one)) for name, one in below.items()])
    lines += _section("EXIT STATUS", _EXITS)
    if len(words) > 1 or below:
        others = ["-".join(words[:-1])] * (len(words) > 1) + [f"{title}-{name}" for name in below]
        lines += [".SH SEE ALSO", ", ".join(rf"\fB{_roff(one)}\fR(1)" for one in others)]
    return "\n".join(lines) + "\n"


def _summary(command: Any) -> str:
    first = (command.help or "").strip().split("\n\n")[0]
    return " ".join(first.split()).rstrip(".")


def _paragraphs(text: str) -> list[str]:
    out: list[str] = []
    for paragraph in text.strip().split("\n\n"):
        out += [".PP", _roff(" ".join(paragraph.split()))]
    return out


def _section(name: str, records: Sequence[tuple[str, str]]) -> list[str]:
    lines = [f".SH {name}"] if records else []
    for term, text in records:
        lines += [".TP", rf"\fB{_roff(term)}\fR", _roff(text) or r"\&"]
    return lines


def _roff(text: str) -> str:
    """Escape what troff would take for its own: backslashes, hyphens, a dot or quote that begins a line."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text.startswith((".", "'")) else text
