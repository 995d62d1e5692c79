"""What may stand in a log event: values made plain, secrets left out, at a bounded length.

Octets are never shown: secrets are octets, and whoever means a name writes its
text.  An object is shown only if its class says how people read it (its own
``__str__``); the repr of a record of fields may hold a key.
"""

from __future__ import annotations

import math
import re
import traceback
from collections.abc import Mapping
from typing import NamedTuple

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
REDACTED = "(secret)"
MAX_TEXT = 500
_MAX_TRACEBACK = 20_000
_MAX_MEMBERS = 50
_MAX_DEPTH = 4
# Parts of field names, so that both TSIG's key=NAME and key_material=… are as they should be.
_SECRET_WORDS = re.compile(
    "secrets?|passwords?|passwd|passphrase|pwd|tokens?|cookies?|authorization|credentials?|keytab|private|mac|seed|sealed"
    "|material"
)
# What the renderers use themselves.
_RESERVED = frozenset(("event", "level", "timestamp", "exception", "exc_info", "stack", "stack_info", "logger"))
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
_OWN_TEXT = (object.__str__, tuple.__str__, dict.__str__)


class Event(NamedTuple):
    """One event: when (seconds since 1970), how grave, what, its particulars, and the traceback of a bug."""

    time: float
    level: str
    text: str
    fields: Mapping[str, object]
    exception: str = ""


def is_secret(name: str) -> bool:
    """Tell whether a field of this name may hold a secret."""
    return any(_SECRET_WORDS.fullmatch(word.lower()) for word in _WORDS.findall(name))


def plain_fields(fields: Mapping[str, object]) -> dict[str, object]:
    """Return the fields as strings, numbers, None, and lists and dicts of them."""
    return {_field_name(name): REDACTED if is_secret(name) else plain(value) for name, value in fields.items()}


def plain(value: object, depth: int = 0) -> object:
    """Return one value as something that JSON has, without secrets and not too long."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no such number
    if value is None or type(value) in (bool, int, float):
        return value
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"<{len(value)} octets>"
    if type(value) is str:
        return _cut(value)
    if depth < _MAX_DEPTH and isinstance(value, Mapping):
        some = list(value.items())[:_MAX_MEMBERS]
        return {_cut(str(k)): REDACTED if is_secret(str(k)) else plain(v, depth + 1) for k, v in some}
    if depth < _MAX_DEPTH and type(value) in (list, tuple, set, frozenset):
        return [plain(member, depth + 1) for member in list(value)[:_MAX_MEMBERS]]  # type: ignore[call-overload]
    return _described(value)


def traceback_text(error: BaseException) -> str:
    """Return the traceback of a bug, its end if it is long, without the values of variables."""
    return "".join(traceback.format_exception(error)).rstrip("\n")[-_MAX_TRACEBACK:]


def visible(text: str) -> str:
    r"""Return the text on one line: whatever is not printable becomes ``\n``, ``\x1b``, ``\u202e``.

    A client chooses names; with a line end it could write log lines, with an
    escape character it could write to the reader's terminal.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def _field_name(name: str) -> str:
    return name + "_" if name in _RESERVED else name


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"


def _described(value: object) -> str:
    kind = type(value)
    if issubclass(kind, str) or kind.__str__ not in _OWN_TEXT:
        return _cut(str(value))
    return f"<{kind.__name__}>"
