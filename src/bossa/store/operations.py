"""The store's operations, each written once for every engine.

An operation is a generator: it yields a :class:`Query` and gets its rows back,
a :class:`Bulk` for many rows at once, or a :class:`Changed` that tells the
engine what to publish once the operation is committed.  An engine runs each in
a transaction of its own (or a savepoint); an exception undoes all of it.

The SQL is what SQLite and PostgreSQL have in common.  Parameters appear in the
order of their numbers, so that engines may bind by position.

Invariants: a scope's revision counts its stored changes and never goes back;
an item carries the revision that wrote it, and one without a value is a
tombstone; the floor is the revision of the newest change that ``changes`` can
no longer tell of, because its tombstone was forgotten or everything was
replaced.  Who needs several scopes takes them in the order of their names.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

from bossa.store.errors import Conflict

Row = tuple[Any, ...]
Item = tuple[bytes, bytes | None]
T = TypeVar("T")

# Tombstones live for this many revisions of their scope, and are swept each so many.
TOMBSTONES_FOR = 4096
SWEEP_EACH = 256


class Query(NamedTuple):
    """One statement; the engine sends its rows back."""

    sql: str
    args: Row = ()


class Bulk(NamedTuple):
    """One statement for each of many rows of arguments, streamed."""

    sql: str
    rows: Iterable[Row]


class Changed(NamedTuple):
    """What a scope's new revision changed; ``keys`` None means anything may be different."""

    scope: str
    rev: int
    keys: tuple[bytes, ...] | None


Operation = Generator[Query | Bulk | Changed, list[Row], T]


class Changes(NamedTuple):
    """All items changed after some revision, up to ``rev``, oldest first; value None says the item is gone."""

    rev: int
    items: tuple[Item, ...]


class HistoryRow(NamedTuple):
    """One step between two serials; the engine knows nothing of what the octets mean."""

    serial_from: int
    serial_to: int
    deleted: bytes
    added: bytes


# SCHEMA[n] takes version n to n + 1.
SCHEMA: tuple[tuple[str, ...], ...] = (
    (
        "create table scope(name text primary key, rev bigint not null, floor bigint not null, keep bigint not null)",
        "create table item(scope text not null, key bytea not null, rev bigint not null, val bytea,"
        " primary key(scope, key))",
        "create index item_by_rev on item(scope, rev)",
        "create index tombstone on item(scope, rev) where val is null",
        "create table history(scope text not null, step bigint not null, serial_from bigint not null,"
        " serial_to bigint not null, deleted bytea not null, added bytea not null, primary key(scope, step))",
    ),
)

_BUMP = (
    "insert into scope(name, rev, floor, keep) values($1, $2, 0, 0)"
    " on conflict(name) do update set rev = scope.rev + excluded.rev returning rev, keep"
)
_PUT = (
    "insert into item(scope, key, rev, val) values($1, $2, $3, $4)"
    " on conflict(scope, key) do update set rev = excluded.rev, val = excluded.val"
)
_ADD = "insert into item(scope, key, rev, val) values($1, $2, $3, $4)"
_SWEEP = "delete from item where scope = $1 and val is null and rev <= $2 returning rev"
_RAISE_FLOOR = "update scope set floor = $1 where name = $2 and floor < $1"
_CLEAR_ITEMS = "delete from item where scope = $1"
_CLEAR_HISTORY = "delete from history where scope = $1"
_KEEP = "update scope set keep = $1 where name = $2"
_KEPT = "select keep from scope where name = $1"
_ADD_STEP = (
    "insert into history(scope, step, serial_from, serial_to, deleted, added)"
    " values($1, (select coalesce(max(step), 0) + 1 from history where scope = $1), $2, $3, $4, $5)"
)
_TRIM = "delete from history where scope = $1 and step <= $2"
_LAST_STEP = "select coalesce(max(step), 0) from history where scope = $1"
_GET = "select val from item where scope = $1 and key = $2 and val is not null"
_PAGE = "select key, val from item where scope = $1 and key > $2 and val is not null order by key limit $3"
_FIRST_PAGE = "select key, val from item where scope = $1 and val is not null order by key limit $2"
_SCOPE = "select rev, floor from scope where name = $1"
_SINCE = "select key, val from item where scope = $1 and rev > $2 order by rev, key"
# Steps that are due to be trimmed are not there any more.
_FIND_STEP = (
    "select max(step) from history where scope = $1 and serial_from = $2"
    " and step > (select max(step) from history where scope = $1) - (select keep from scope where name = $1)"
)
_STEPS = "select serial_from, serial_to, deleted, added from history where scope = $1 and step >= $2 order by step"


def put(scope: str, items: Iterable[Item], expect: int | None = None) -> Operation[int]:
    """Set items, or (None) remove them; return the new revision.

    Raises Conflict when ``expect`` is given and the scope's revision is another (0: no such scope yet).
    """
    rev, _ = yield from _bump(scope, expect)
    yield from _write(scope, rev, items)
    return rev


def replace(scope: str, items: Iterable[tuple[bytes, bytes]], keep: int = 0) -> Operation[int]:
    """Set all items of a scope at once, forget its history, and keep ``keep`` steps from now on; return the revision.

    A million items in the order of their keys are written in seconds; in no order it takes twice as long.
    """
    rev, _ = yield from _bump(scope)
    yield Query(_CLEAR_ITEMS, (scope,))
    yield Query(_CLEAR_HISTORY, (scope,))
    yield Query(_KEEP, (keep, scope))
    yield Query(_RAISE_FLOOR, (rev, scope))
    yield Bulk(_ADD, ((scope, key, rev, val) for key, val in items))
    yield Changed(scope, rev, None)
    return rev


def steps(
    scope: str, items: Iterable[Item], history: Sequence[HistoryRow], expect: int | None = None
) -> Operation[int]:
    """Set items together with the steps of history that tell of them, a revision a step; return the newest revision.

    A step from a serial to itself leaves no history.
    """
    rev, keep = yield from _bump(scope, expect, max(1, len(history)))
    yield from _write(scope, rev, items, max(1, len(history)))
    for row in history if keep > 0 else ():
        if row.serial_from != row.serial_to:
            yield Query(_ADD_STEP, (scope, *row))
    if rev // SWEEP_EACH > (rev - len(history)) // SWEEP_EACH:
        yield from _trim(scope, keep)
    return rev


def keep_history(scope: str, keep: int) -> Operation[None]:
    """Set how many steps of history a scope keeps, and forget those beyond, and those that were beyond before."""
    former = yield Query(_KEPT, (scope,))
    yield Query(_KEEP, (keep, scope))
    yield from _trim(scope, min(keep, former[0][0]) if former else keep)


def _trim(scope: str, keep: int) -> Operation[None]:
    [(last,)] = yield Query(_LAST_STEP, (scope,))
    yield Query(_TRIM, (scope, last - keep))


def get(scope: str, key: bytes) -> Operation[bytes | None]:
    """Return the value of one item or None."""
    rows = yield Query(_GET, (scope, key))
    return rows[0][0] if rows else None


def page(scope: str, after: bytes | None, limit: int) -> Operation[list[Row]]:
    """Return up to ``limit`` (key, value) pairs behind a key (None: from the first), in the order of the keys."""
    if after is None:
        return (yield Query(_FIRST_PAGE, (scope, limit)))
    return (yield Query(_PAGE, (scope, after, limit)))


def changes(scope: str, since: int) -> Operation[Changes | None]:
    """Return what changed after revision ``since``; None when the reader is too far behind and must reload."""
    found = yield Query(_SCOPE, (scope,))
    rev, floor = found[0] if found else (0, 0)
    if not floor <= since <= rev:
        return None
    rows = yield Query(_SINCE, (scope, since))
    return Changes(rev, tuple((key, val) for key, val in rows))


def revision(scope: str) -> Operation[int]:
    """Return the scope's revision, 0 when nothing was ever stored there."""
    found = yield Query(_SCOPE, (scope,))
    return found[0][0] if found else 0


def history(scope: str, serial: int) -> Operation[list[HistoryRow]]:
    """Return the steps from the last time that ``serial`` was current, oldest first; [] when it is not there."""
    [(first,)] = yield Query(_FIND_STEP, (scope, serial))
    if first is None:
        return []
    rows = yield Query(_STEPS, (scope, first))
    return [HistoryRow(*row) for row in rows]


def _bump(scope: str, expect: int | None = None, count: int = 1) -> Operation[tuple[int, int]]:
    """Count revisions on, which holds the scope until the commit; return the newest and the history to keep."""
    [(rev, keep)] = yield Query(_BUMP, (scope, count))
    if expect is not None and rev != expect + count:
        raise Conflict(scope, expect, rev - count)
    return rev, keep


def _write(scope: str, rev: int, items: Iterable[Item], count: int = 1) -> Operation[None]:
    keys = []
    for key, val in items:
        yield Query(_PUT, (scope, key, rev, val))
        keys.append(key)
    if rev // SWEEP_EACH > (rev - count) // SWEEP_EACH:
        swept = yield Query(_SWEEP, (scope, rev - TOMBSTONES_FOR))
        if swept:
            yield Query(_RAISE_FLOOR, (max(row[0] for row in swept), scope))
    yield Changed(scope, rev, tuple(keys))
