"""The log: one structured event a line on standard error, for people or for machines.

    log.info("update refused", client="192.0.2.7:4242", key="ddns.", rule="default")

The text says what happened and is the same every time; everything that varies
is a field.  Events are kept in memory until :func:`start`, so that a server
answers before structlog (0.25 s to import, two thirds of it rich) is loaded;
``start`` may run in a thread.  Every thread may log.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TextIO

from bossa.observe.events import LEVELS, Event, plain_fields, traceback_text, visible
from bossa.observe.limit import Limit

Writer = Callable[[Event], None]
Later = Callable[[float, Callable[[], None]], None]

PER_SECOND = 20
BUFFERED = 1000
_SUMMARY_AFTER = 1.0


class Log:
    """Events go to a writer, or wait in memory until there is one."""

    def __init__(self, clock: Callable[[], float], later: Later, per_second: int = PER_SECOND) -> None:
        self._clock = clock
        self._later = later
        self._limit: Limit[tuple[str, str]] = Limit(per_second)
        self._lowest = LEVELS["debug"]
        self._writer: Writer | None = None
        self._waiting: list[Event] = []
        self._overflow = 0
        self._summary_due = False
        # Counts by level for the metrics; "held back" those that the limit kept from being written.
        self.counts: Counter[str] = Counter()
        # Reentrant: a destructor or a signal handler may log while a line is written.
        self._lock = threading.RLock()

    def event(self, level: str, text: str, fields: Mapping[str, object], error: BaseException | None = None) -> None:
        """Take one event; more than the limit of the same level and text in a second are only counted."""
        if LEVELS[level] < self._lowest:
            return
        with self._lock:
            now = self._clock()
            if not self._limit.admit((level, text), now):
                self.counts.update((level, "held back"))
                self._summarize_later()
                return
            self._take(now, level, text, fields, error)

    def record(self, level: str, text: str, fields: Mapping[str, object]) -> None:
        """Take one event that no limit holds back."""
        if LEVELS[level] >= self._lowest:
            with self._lock:
                self._take(self._clock(), level, text, fields)

    def _take(
        self, now: float, level: str, text: str, fields: Mapping[str, object], error: BaseException | None = None
    ) -> None:
        self.counts[level] += 1
        self._write(Event(now, level, text, plain_fields(fields), traceback_text(error) if error else ""))

    def open(self, writer: Writer, level: str) -> None:
        """Write what has waited and everything from now on, from ``level`` upwards."""
        with self._lock:
            self._lowest = LEVELS[level]
            self._writer = writer
            waiting, self._waiting = self._waiting, []
            for event in waiting:
                if LEVELS[event.level] >= self._lowest:
                    writer(event)
            if self._overflow:
                lost, self._overflow = self._overflow, 0
                self._write(Event(self._clock(), "warning", "events lost before the log was open", {"count": lost}))

    def close(self) -> list[Event]:
        """Write what was held back; return the events that never found a writer."""
        with self._lock:
            self.summarize()
            waiting, self._waiting = self._waiting, []
            return waiting

    def summarize(self) -> None:
        """Write one line for each kind of event that the limit held back."""
        with self._lock:
            self._summary_due = False
            for (level, text), count in self._limit.held_back():
                self._write(Event(self._clock(), level, text, {"more": count}))

    def _summarize_later(self) -> None:
        if not self._summary_due:
            self._summary_due = True
            self._later(_SUMMARY_AFTER, self.summarize)

    def _write(self, event: Event) -> None:
        if self._writer is not None:
            self._writer(event)
        elif len(self._waiting) < BUFFERED:
            self._waiting.append(event)
        else:
            self._overflow += 1


def _on_a_timer(seconds: float, call: Callable[[], None]) -> None:
    timer = threading.Timer(seconds, call)
    timer.daemon = True
    timer.start()


_log = Log(time.time, _on_a_timer)


def debug(text: str, /, **fields: object) -> None:
    """Log what helps to follow one request."""
    _log.event("debug", text, fields)


def info(text: str, /, **fields: object) -> None:
    """Log what an operator wants to find later: refusals, changes, starts and stops."""
    _log.event("info", text, fields)


def warning(text: str, /, **fields: object) -> None:
    """Log what goes on, but should not."""
    _log.event("warning", text, fields)


def error(text: str, /, *, exc: BaseException | None = None, **fields: object) -> None:
    """Log what failed; ``exc`` adds the traceback of a bug."""
    _log.event("error", text, fields, exc)


def event(level: str, text: str, /, **fields: object) -> None:
    """Log at a level that the caller was given: debug, info, warning or error."""
    _log.event(level, text, fields)


def record(level: str, text: str, /, **fields: object) -> None:
    """Log what has to be there every time, however many there are: only for what no stranger can cause."""
    _log.record(level, text, fields)


def counts() -> dict[str, int]:
    """Return how many events each level had, and how many were "held back"."""
    return dict(_log.counts)


def start(format: str, level: str, stream: TextIO | None = None) -> None:
    """Open the log, or change its format ("console" or "json") and level.  Slow the first time: see above."""
    from bossa.observe.render import writer

    _log.open(writer(format, stream or sys.stderr), level)
    _take_over_logging()


def stop() -> None:
    """Write what is still held back; without a log so far, what a person has to know goes out plainly."""
    for event in _log.close():
        if LEVELS[event.level] >= LEVELS["warning"]:
            fields = "".join(f" {name}={value}" for name, value in event.fields.items())
            print(visible(f"{event.level}: {event.text}{fields}"), file=sys.stderr)


class _FromLogging(logging.Handler):
    """Takes what libraries log through the standard library (asyncio, uvicorn)."""

    def emit(self, record: logging.LogRecord) -> None:
        level = next((name for name, rank in reversed(LEVELS.items()) if record.levelno >= rank), "debug")
        fields = {"message": record.getMessage(), "source": record.name}
        _log.event(level, "message of a library", fields, record.exc_info[1] if record.exc_info else None)


def _take_over_logging() -> None:
    root = logging.getLogger()
    if not any(isinstance(handler, _FromLogging) for handler in root.handlers):
        root.addHandler(_FromLogging())
