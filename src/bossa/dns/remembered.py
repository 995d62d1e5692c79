"""The table from which a query worker answers questions that were passed on before; no rules, like the image.

The owner fills it with what it keeps of others' answers; an entry is an
answer's octets behind the question and where the TTLs stand in them.  Once a
second an entry that is asked for is written anew with its TTLs counted down,
and otherwise sent as it lies there.  What the table does not hold, what is
over, and every unusual packet is the owner's: ``answer`` returns None.

A query worker imports this module and little else; its start must be quick.
"""

from __future__ import annotations

import marshal
from collections.abc import Iterable

from bossa.dns.shelf import Shelf

# QDCOUNT 1 and nothing else; the same with one additional record.
_ALONE = b"\x00\x01\x00\x00\x00\x00\x00\x00"
_WITH_OPT = b"\x00\x01\x00\x00\x00\x00\x00\x01"
_OPT_START = b"\x00\x00\x29"
_PLAIN_LIMIT = 512
_RD = 0x0100
_CD = 0x0010
# An answer is fetched anew in the last tenth of its life, if that is long enough to have one.
_PREFETCH_SHARE = 10
PREFETCH_LEAST = 10
# Key and value in two tables, the object, the written answer's head and the small numbers.
_OVERHEAD = 400
_MAX_HEADS = 4096
# What follows the question in a key, by DO + 2 CD.  The fifth octet from the end of what a packet shows as its question
# is in lower case: so no octets behind a question make it the key of another.
_MARKS = (b"", b"DO   ", b"CD   ", b"DO+CD")

# A remembered answer as it travels: flags word with the code, the counts AN NS AR (six octets) without an OPT, the
# octets behind the question, where TTLs stand in these, the second (of the monotonic clock) it is from, and the
# seconds it lives.
Fill = tuple[int, bytes, bytes, tuple[int, ...], int, int]
# What is to be forgotten: everything (None), or a name, and whether all that is below it goes as well.
Forget = tuple[bytes, bool] | None
# Under the key b"" goes what is to be forgotten.
FORGET = b""

Heads = dict[bytes, bytes]
_heads_cache: dict[tuple[int, bytes, int], Heads] = {}


def key_of(question: bytes, *, do: bool, cd: bool) -> bytes:
    """Return the key of a question (its octets: name, type, class): answers differ by DO and CD as well."""
    return question[:-4].lower() + question[-4:] + _MARKS[do + 2 * cd]


def key_name(key: bytes) -> bytes:
    """Return the name in a key."""
    end = 0
    while size := key[end]:
        end += size + 1
    return key[: end + 1]


def key_type(key: bytes) -> int:
    """Return the type in a key."""
    at = len(key_name(key))
    return int.from_bytes(key[at : at + 2], "big")


def key_mark(key: bytes) -> tuple[bool, bool]:
    """Return the bits DO and CD in a key."""
    bits = _MARKS.index(key[len(key_name(key)) + 4 :])
    return bool(bits & 1), bool(bits & 2)


def is_of(key: bytes, name: bytes, *, tree: bool) -> bool:
    """Tell whether a key is one of a name (itself a key), or with ``tree`` of a name at or below it."""
    at = 0
    while tree and not key.startswith(name, at) and key[at]:
        at += key[at] + 1
    return key.startswith(name, at)


def prefetch_at(born: int, life: int) -> int:
    """Return the second from which an answer is fetched anew; of short-lived ones the one in which they end."""
    return born + life - (life // _PREFETCH_SHARE if life >= PREFETCH_LEAST else 0)


def with_ttls_less(octets: bytes, ttls: Iterable[int], age: int) -> bytes:
    """Return an answer's octets with its TTLs counted down."""
    out = bytearray(octets)
    for at in ttls:
        out[at : at + 4] = (int.from_bytes(out[at : at + 4], "big") - age).to_bytes(4, "big")
    return bytes(out)


def encode_fills(pairs: Iterable[tuple[bytes, Fill | Forget]]) -> bytes:
    """Return fills as :meth:`Remembered.apply` takes them; a key with None is forgotten."""
    return marshal.dumps(list(pairs))


class _Held:
    """One answer: the octets as they came, and as they are sent until ``until``."""

    __slots__ = ("born", "end", "octets", "plain", "prefetch", "tail", "ttls", "until", "with_opt")

    def __init__(self, fill: Fill, cd: int) -> None:
        word, counts, self.octets, self.ttls, self.born, life = fill
        with_opt = counts[:4] + (int.from_bytes(counts[4:], "big") + 1).to_bytes(2, "big")
        self.plain, self.with_opt = _heads(word, counts, cd), _heads(word, with_opt, cd)
        self.end = self.born + life
        self.prefetch = prefetch_at(self.born, life)
        self.tail = b""
        self.until = 0

    def write(self, second: int) -> bool:
        """Count the TTLs down to this second; tell, once, that it is time to fetch the answer anew."""
        self.tail = with_ttls_less(self.octets, self.ttls, max(0, second - self.born))
        self.until = min(second + 1, self.end)
        if second < self.prefetch:
            return False
        self.prefetch = self.end
        return True


def _heads(word: int, counts: bytes, cd: int) -> Heads:
    """Return the ten octets after the ID for each flags word of a plain query with RD, and CD as in the key."""
    found = _heads_cache.get((word, counts, cd))
    if found is None:
        if len(_heads_cache) >= _MAX_HEADS:
            _heads_cache.clear()
        start = (word | _RD | cd).to_bytes(2, "big") + b"\x00\x01" + counts
        # AD and Z of the question do not come back.  RFC 1035 §4.1.1, RFC 6840 §5.7
        found = {(_RD | cd | low).to_bytes(2, "big"): start for low in (0, 0x20, 0x40, 0x60)}
        _heads_cache[word, counts, cd] = found
    return found


def _size(key: bytes, held: _Held) -> int:
    return len(key) + 2 * len(held.octets) + 36 * len(held.ttls) + _OVERHEAD


class Remembered:
    """Others' answers in at most ``limit`` octets; ``edns_size`` is the largest answer over UDP."""

    def __init__(self, limit: int, edns_size: int = 1232) -> None:
        self._shelf: Shelf[_Held] = Shelf(limit, _size)
        self._used = self._shelf.used
        self._edns_size = edns_size
        # By a client's OPT behind its size (extended code, version, DO, no options): ours, and the key's mark.
        start = _OPT_START + edns_size.to_bytes(2, "big")
        plain, do = bytes(6), b"\x00\x00\x80\x00\x00\x00"
        self._opts = {plain: (start + plain, b""), do: (start + do, _MARKS[1])}

    def __len__(self) -> int:
        return len(self._shelf)

    @property
    def octets(self) -> int:
        """How much is held."""
        return self._shelf.octets

    def apply(self, fills: bytes) -> bool:
        """Take in what the owner has learned, or forgets (see `encode_fills`); tell whether anything has gone."""
        forgotten = False
        for key, fill in marshal.loads(fills):
            if key == FORGET:
                forgotten = True
                self._forget(fill)
            elif fill is None:
                forgotten = self._shelf.pop(key) is not None or forgotten
            else:
                self._shelf.put(key, _Held(fill, _CD if key_mark(key)[1] else 0))
        return forgotten

    def _forget(self, what: Forget) -> None:
        if what is None:
            self._shelf.clear()
            return
        name, tree = what
        for key in [key for key, _ in self._shelf.items() if is_of(key, name, tree=tree)]:
            self._shelf.pop(key)

    def answer(self, packet: bytes, now: float) -> tuple[bytes, bool] | None:
        """Return the answer to a UDP query and whether it is time to fetch it anew; None when the owner has to say.

        That it is time is said once of an answer; ``now`` is the monotonic clock's.
        """
        counts = packet[4:12]
        if counts == _ALONE:
            held = self._used.get(packet[12:-4].lower() + packet[-4:])
            if held is not None and now < held.until:
                head = held.plain.get(packet[2:4])
                if head is not None and len(packet) + len(held.tail) <= _PLAIN_LIMIT:
                    return packet[:2] + head + packet[12:] + held.tail, False
        elif counts == _WITH_OPT:
            opt = self._opts.get(packet[-6:])
            if opt is None or packet[-11:-8] != _OPT_START:
                return None
            held = self._used.get(packet[12:-15].lower() + packet[-15:-11] + opt[1])
            if held is not None and now < held.until:
                head = held.with_opt.get(packet[2:4])
                size = len(packet) + len(held.tail)
                if head is not None and (size <= _PLAIN_LIMIT or size <= self._limit(packet[-8:-6])):
                    return packet[:2] + head + packet[12:-11] + held.tail + opt[0], False
        else:
            return None
        return self._search(packet, now)

    def _limit(self, size: bytes) -> int:
        """Return the octets that a client's OPT lets us send.  RFC 6891 §6.2.5"""
        return min(max(int.from_bytes(size, "big"), _PLAIN_LIMIT), self._edns_size)

    def _search(self, packet: bytes, now: float) -> tuple[bytes, bool] | None:
        """Answer what the quick way did not: the first hit, the first in a second, and questions with CD."""
        question, limit, opt, do = packet[12:], _PLAIN_LIMIT, b"", b""
        if packet[11]:
            opt, do = self._opts[packet[-6:]]
            question, limit = packet[12:-11], self._limit(packet[-8:-6])
        mark = _MARKS[bool(do) + 2 * bool(packet[3] & _CD)]
        key = question[:-4].lower() + question[-4:] + mark
        held = self._shelf.get(key)
        if held is None:
            return None
        if now >= held.end:
            self._shelf.pop(key)
            return None
        head = (held.with_opt if opt else held.plain).get(packet[2:4])
        if head is None or 12 + len(question) + len(held.octets) + len(opt) > limit:
            return None
        self._shelf.hit(key)
        due = now >= held.until and held.write(int(now))
        return packet[:2] + head + question + held.tail + opt, due
