"""Log events as lines, by structlog.  Import this late: it is slow to load.

Console lines have whatever is not printable escaped; the lines of a traceback
follow their event, set in, so that none of them can pass for an event.  JSON
escapes on its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any, TextIO

import structlog

from bossa.observe.events import Event, visible

_Fields = MutableMapping[str, Any]
_EVENT_WIDTH = 28
_INDENT = "    | "


def writer(format: str, stream: TextIO) -> Callable[[Event], None]:
    """Return what writes an event to the stream, as "console" or "json" lines."""
    logger = structlog.wrap_logger(
        structlog.WriteLogger(stream),
        processors=_for_machines() if format == "json" else _for_people(stream),
        wrapper_class=structlog.make_filtering_bound_logger(0),
        context_class=dict,
        cache_logger_on_first_use=False,
    )

    def write(event: Event) -> None:
        try:
            getattr(logger, event.level)(event.text, whole=event)
        except (OSError, ValueError):
            # The reader of a pipe has gone, the disk under a file is full, the stream is closed: the server lives on.
            return

    return write


def _for_machines() -> list[Any]:
    return [_spread, _utc, structlog.processors.JSONRenderer()]


def _for_people(stream: TextIO) -> list[Any]:
    colors = stream.isatty() and not os.environ.get("NO_COLOR")
    console = structlog.dev.ConsoleRenderer(
        colors=colors,
        pad_event_to=_EVENT_WIDTH,
        sort_keys=False,
        exception_formatter=structlog.dev.plain_traceback,
    )
    return [_spread, _local_time, _with_rest, _visible, console]


def _spread(_: Any, __: str, fields: _Fields) -> _Fields:
    """Make structlog's dict of an event; as arguments its fields could clash with structlog's own."""
    event: Event = fields["whole"]
    spread: _Fields = {"timestamp": event.time, "level": event.level, "event": event.text, **event.fields}
    if event.exception:
        spread["exception"] = event.exception
    return spread


def _utc(_: Any, __: str, fields: _Fields) -> _Fields:
    stamp = datetime.fromtimestamp(fields["timestamp"], UTC)
    fields["timestamp"] = stamp.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return fields


def _local_time(_: Any, __: str, fields: _Fields) -> _Fields:
    stamp = datetime.fromtimestamp(fields["timestamp"]).astimezone()
    fields["timestamp"] = stamp.strftime("%Y-%m-%d %H:%M:%S.") + f"{stamp.microsecond // 1000:03}"
    return fields


def _with_rest(_: Any, __: str, fields: _Fields) -> _Fields:
    """Say "… 812 more" where a machine gets ``"more": 812``."""
    if (more := fields.pop("more", None)) is not None:
        fields["event"] += f" … {more} more"
    return fields


def _visible(_: Any, __: str, fields: _Fields) -> _Fields:
    shown: _Fields = {visible(name): _visible_value(value) for name, value in fields.items()}
    if text := fields.get("exception"):
        shown["exception"] = "\n".join(_INDENT + visible(line) for line in text.split("\n"))
    return shown


def _visible_value(value: Any) -> Any:
    # repr escapes what lists and dicts hold, but not the format characters of Unicode.
    return visible(value if isinstance(value, str) else repr(value))
