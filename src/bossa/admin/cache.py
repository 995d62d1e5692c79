"""What the running server remembers of others' answers, shown and forgotten: times in seconds, sizes in octets."""

from __future__ import annotations

import heapq

import msgspec

from bossa.admin import words
from bossa.admin.errors import Exit, Failure
from bossa.admin.office import Office, verb
from bossa.admin.ports import Memory
from bossa.admin.status import CacheStatus
from bossa.admin.upkeep import START
from bossa.dns import types
from bossa.dns.cache import size
from bossa.dns.entry import Entry
from bossa.dns.remembered import is_of, key_mark, key_name, key_type

_BUSIEST = 10
# More lines than anybody reads; their number is told all the same.
_MOST = 1000


class CacheShow(msgspec.Struct, frozen=True):
    """A name whose answers are wanted; "" for the state of the whole."""

    name: str = ""


class CacheFlush(msgspec.Struct, frozen=True, kw_only=True):
    """What to forget: a name, with ``tree`` all below it too, or ``everything``."""

    name: str = ""
    tree: bool = False
    everything: bool = False


class CacheLine(msgspec.Struct, frozen=True, kw_only=True):
    """One answer: ``left`` is how long it holds, less than 0 when it is stale; ``do`` and ``cd`` are the question's."""

    name: str
    type: str
    do: bool
    cd: bool
    kind: str
    left: int
    size: int
    hits: int


class CacheShown(msgspec.Struct, frozen=True, kw_only=True):
    """The state of the whole, how many answers are ``stale_entries``, and a name's answers or the busiest ones."""

    cache: CacheStatus
    stale_entries: int
    answers: list[CacheLine]


class CacheFlushed(msgspec.Struct, frozen=True):
    """How many answers were forgotten."""

    forgotten: int


@verb("cache.show")
async def cache_show(office: Office, args: CacheShow) -> CacheShown:
    """Show a name's answers, or the state of the cache with the answers asked for most."""
    memory = _memory(office, "show")
    now, name = memory.now, words.absolute(args.name) if args.name else None
    useful = [(key, entry) for key, entry in memory.cache.entries() if now < memory.cache.last_use(entry)]
    if name is not None:
        found = [(key, entry) for key, entry in useful if is_of(key, name, tree=False)]
    else:
        found = heapq.nlargest(_BUSIEST, useful, key=lambda item: item[1].hits)
    lines = [_line(key, entry, now) for key, entry in found[:_MOST]]
    stale = sum(1 for _, entry in useful if now >= entry.end)
    return CacheShown(cache=CacheStatus.of(memory), stale_entries=stale, answers=lines)


@verb("cache.flush")
async def cache_flush(office: Office, args: CacheFlush) -> CacheFlushed:
    """Forget answers, in the server and in every query worker."""
    memory = _memory(office, "flush")
    if bool(args.name) is args.everything:
        raise Failure("cache flush", "a name or --all is wanted", "bossa cache flush NAME, or --all", Exit.USAGE)
    if args.everything:
        return CacheFlushed(memory.forget_all())
    return CacheFlushed(memory.forget(words.absolute(args.name), tree=args.tree))


def _memory(office: Office, what: str) -> Memory:
    if office.memory is None:
        why = f"no server runs on {office.data}, and there is no cache without one"
        raise Failure(f"cache {what}", why, START, Exit.UNREACHABLE)
    return office.memory


def _line(key: bytes, entry: Entry, now: float) -> CacheLine:
    do, cd = key_mark(key)
    return CacheLine(
        name=words.plain(key_name(key)),
        type=types.type_text(key_type(key)),
        do=do,
        cd=cd,
        kind=entry.kind.value,
        left=int(entry.end - now),
        size=size(key, entry),
        hits=entry.hits,
    )
