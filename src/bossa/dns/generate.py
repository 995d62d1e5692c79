r"""``$GENERATE``: many records from one line, as BIND documents it.

``$GENERATE START-STOP[/STEP] OWNER [TTL] [CLASS] TYPE RDATA``: each ``$`` in
OWNER and RDATA becomes the number, ``${OFFSET[,WIDTH[,BASE]]}`` the number
plus OFFSET, filled with zeros to WIDTH, in BASE d, o, x, X, n or N (nibbles
from the lowest, with dots).  ``$$`` and ``\$`` are a dollar sign.  RDATA of
more than one word may stand between quotes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from bossa.dns.tokens import Quoted, split

MAX_COUNT = 1_000_000
MAX_NUMBER = 0x7FFFFFFF
MAX_WIDTH = 255
_RANGE = re.compile(r"([0-9]{1,10})-([0-9]{1,10})(?:/([0-9]{1,10}))?")
# The bound keeps a line full of open braces linear.
_MARK = re.compile(r"(\\.|\$\$)|\$(?:\{([^}]{0,40})\}|(?!\{))|(\$\{)", re.DOTALL)
_MODIFIER = re.compile(r"([+-]?[0-9]{1,10})(?:,([0-9]{1,3})(?:,([doxXnN]))?)?")

Piece = str | Callable[[int], str]


def numbers(text: str) -> range:
    """Return the numbers of START-STOP[/STEP]; raises ValueError."""
    m = _RANGE.fullmatch(text)
    if m is None:
        raise ValueError(f"{text!r} is no range: write START-STOP or START-STOP/STEP")
    start, stop, step = int(m[1]), int(m[2]), int(m[3] or 1)
    if start > stop or step == 0 or stop > MAX_NUMBER:
        raise ValueError(f"the range {text} does not go up from START to STOP")
    found = range(start, stop + 1, step)
    if len(found) > MAX_COUNT:
        raise ValueError(f"the range {text} has {len(found)} numbers, {MAX_COUNT} are the most")
    return found


def records(words: list[str]) -> Iterator[list[str]]:
    """Yield the words of each record that ``RANGE OWNER … RDATA`` stands for; raises ValueError."""
    if len(words) < 4:
        raise ValueError("$GENERATE wants a range, an owner, a type and rdata")
    templates = [compile_template(word) for word in words[1:]]
    unquote = isinstance(words[-1], Quoted)
    for value in numbers(words[0]):
        made = [_like(word, expand(pieces, value)) for word, pieces in zip(words[1:], templates, strict=True)]
        yield [*made[:-1], *split(made[-1])] if unquote else made


def _like(word: str, text: str) -> str:
    return type(word)(text)


def compile_template(text: str) -> list[Piece]:
    """Cut a template into fixed text and makers of text; raises ValueError."""
    pieces: list[Piece] = []
    at = 0
    for m in _MARK.finditer(text):
        if m[3]:
            raise ValueError("${ is not closed")
        pieces.append(text[at : m.start()])
        pieces.append(m[1].replace("$$", "\\$") if m[1] else _maker(m[2]))
        at = m.end()
    return [*pieces, text[at:]]


def expand(pieces: list[Piece], value: int) -> str:
    """Put a number into a compiled template."""
    return "".join([piece if isinstance(piece, str) else piece(value) for piece in pieces])


def _maker(modifier: str | None) -> Callable[[int], str]:
    if modifier is None:
        return str
    m = _MODIFIER.fullmatch(modifier)
    if m is None or int(m[2] or 0) > MAX_WIDTH:
        raise ValueError(f"${{{modifier}}} is no OFFSET,WIDTH,BASE with a base out of d o x X n N")
    offset, width, base = int(m[1]), int(m[2] or 0), m[3] or "d"

    def make(value: int) -> str:
        shown = value + offset
        if shown < 0:
            raise ValueError(f"${{{modifier}}} goes below zero at {value}")
        return (
            _nibbles(shown, width, base) if base in "nN" else f"{shown:0{width}{base}}" if width else f"{shown:{base}}"
        )

    return make


def _nibbles(value: int, width: int, base: str) -> str:
    """Return hexadecimal digits from the lowest, with dots; the dots count in ``width``."""
    digits: list[str] = []
    while True:
        digits.append(f"{value & 15:{'x' if base == 'n' else 'X'}}")
        value, width = value >> 4, width - 1
        if value == 0 and width <= 0:
            return ".".join(digits)
        width -= 1
        if value == 0 and width <= 0:
            # An even width ends in a dot, as BIND writes it.
            return ".".join(digits) + "."
