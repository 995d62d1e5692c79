"""Where each key of a TOML file stands, which tomllib does not tell.

A scan of text that tomllib has already accepted: it knows table headers, keys
in all their spellings, and how to step over values.  Keys inside an inline
table are not looked at; whoever asks for one gets the line of the table.
TOML 1.0.0, "Keys", "String", "Table".
"""

from __future__ import annotations

import re
import tomllib

Path = tuple[str, ...]

_KEY = r"""(?:"(?:\\.|[^"\\\n])*"|'[^'\n]*'|[A-Za-z0-9_-]+)"""
_ONE_KEY = re.compile(_KEY)
_KEYS = re.compile(rf"{_KEY}(?:[ \t]*\.[ \t]*{_KEY})*")
_BETWEEN = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
# A long string may end in one or two quotes of its own before the three that close it.
_VALUE = re.compile(
    r'''"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*'|#[^\n]*|[\[{]|[\]}]|\n''', re.DOTALL
)


def positions(text: str) -> dict[Path, int]:
    """Return the line, from 1, on which each table and key begins."""
    found: dict[Path, int] = {}
    table: Path = ()
    at = _BETWEEN.match(text).end()  # type: ignore[union-attr]  # matches the empty string, too
    while at < len(text):
        header = text[at] == "["
        keys = _KEYS.search(text, at)
        if keys is None:
            break
        path = _path(keys.group())
        if header:
            table = path
            end = text.find("\n", keys.end())
            end = len(text) if end < 0 else end
        else:
            path = table + path
            end = _after_value(text, keys.end())
        found.setdefault(path, text.count("\n", 0, at) + 1)
        at = _BETWEEN.match(text, end).end()  # type: ignore[union-attr]
    return found


def line_of(found: dict[Path, int], path: Path) -> int | None:
    """Return the line of a key, or of the nearest thing around it that was seen."""
    while path and path not in found:
        path = path[:-1]
    return found.get(path)


def _after_value(text: str, at: int) -> int:
    """Return where the line ends on which a value ends."""
    depth = 0
    for token in _VALUE.finditer(text, at):
        if token.group() in ("[", "{"):
            depth += 1
        elif token.group() in ("]", "}"):
            depth -= 1
        elif token.group() == "\n" and depth == 0:
            return token.start()
    return len(text)


def _path(keys: str) -> Path:
    return tuple(map(_plain, _ONE_KEY.findall(keys)))


def _plain(key: str) -> str:
    if key[0] not in "\"'":
        return key
    return next(iter(tomllib.loads(f"{key} = 0")))
