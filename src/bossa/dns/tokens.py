r"""Master-file text into words: quotes, parentheses, comments, escapes, times.  RFC 1035 §5.1

A word keeps its escapes as they were typed; whoever knows what the word means
undoes them (:func:`octets` for character strings, names.from_text for names).
Every pattern here takes time linear in the line.
"""

from __future__ import annotations

import re

MAX_TTL = 0x7FFFFFFF
_TOKEN = re.compile(
    r"""[ \t\r\n\f\v]+ | ;[^\n]*
    | ([()])
    | "([^"\\\n]*(?:\\[^\n][^"\\\n]*)*)"
    | ([^\s;()"\\]*(?:\\[^\n][^\s;()"\\]*)*)""",
    re.ASCII | re.VERBOSE,
)
_PAREN, _QUOTED, _WORD = 1, 2, 3
_ESCAPE = re.compile(rb"\\([0-9]{1,3}|.)", re.DOTALL)
_PART = re.compile(r"([0-9]{1,10})([smhdw])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


class Quoted(str):
    """What stood between quotes, escapes kept."""

    __slots__ = ()


class Glued(Quoted):
    """A quoted string right behind a word, as in ``alpn="h2,h3"`` (RFC 9460 §2.1)."""

    __slots__ = ()


def scan(line: str, out: list[str], depth: int = 0) -> int:
    """Append the line's words to ``out`` and return how many parentheses are open; raises ValueError."""
    pos, word_end, match = 0, -1, _TOKEN.match
    while pos < len(line):
        m = match(line, pos)
        assert m is not None, "the pattern matches the empty text"
        end, kind = m.end(), m.lastindex
        if kind == _WORD:
            if end == pos:
                raise ValueError("a quote is not closed" if line[pos] == '"' else "a backslash ends the line")
            out.append(m[_WORD])
            word_end = end
        elif kind == _QUOTED:
            out.append(Glued(m[_QUOTED]) if pos == word_end else Quoted(m[_QUOTED]))
        elif kind == _PAREN:
            depth += 1 if m[_PAREN] == "(" else -1
            if depth < 0:
                raise ValueError("a parenthesis is closed that was not open")
        pos = end
    return depth


def split(text: str) -> list[str]:
    """Return the words of a whole record's text; raises ValueError."""
    out: list[str] = []
    if scan(text, out):
        raise ValueError("a parenthesis is not closed")
    return out


def join(words: list[str]) -> str:
    """Return text from which :func:`split` makes the same words."""
    text = ""
    for word in words:
        gap = "" if not text or isinstance(word, Glued) else " "
        text += f'{gap}"{word}"' if isinstance(word, Quoted) else gap + word
    return text


def octets(word: str) -> bytes:
    r"""Return what a character string stands for, ``\DDD`` and ``\X`` undone; raises ValueError."""
    raw = word.encode("utf-8", "surrogateescape")
    return _ESCAPE.sub(_octet, raw) if b"\\" in raw else raw


def _octet(m: re.Match[bytes]) -> bytes:
    what = m[1]
    if not what.isdigit():
        return what
    if len(what) < 3 or int(what) > 255:
        raise ValueError(rf"\{what.decode()} is no octet: write \DDD with three digits up to 255")
    return bytes((int(what),))


def quote(data: bytes) -> str:
    """Return octets as a quoted character string."""
    return '"' + "".join(_quoted_octet(octet) for octet in data) + '"'


def _quoted_octet(octet: int) -> str:
    if octet in b'"\\':
        return "\\" + chr(octet)
    return chr(octet) if 0x20 <= octet < 0x7F else f"\\{octet:03d}"


def seconds(word: str, limit: int = MAX_TTL) -> int:
    """Return a time in seconds: ``3600``, or ``1h30m`` with the units s m h d w; raises ValueError."""
    text = word.lower()
    if text.isdigit() and text.isascii() and len(text) <= 10:
        total = int(text)
    else:
        total, pos = 0, 0
        while pos < len(text) and (m := _PART.match(text, pos)):
            total, pos = total + int(m[1]) * _UNITS[m[2]], m.end()
        if pos < len(text) or not text:
            raise ValueError(f"{word!r} is no time: write seconds, or 1h30m with the units s m h d w")
    if total > limit:
        raise ValueError(f"{word} is over the limit of {limit} seconds")
    return total
