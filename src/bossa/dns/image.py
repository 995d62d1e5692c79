"""The image of our zones that answers questions: three tables, no rules.

``at`` holds, for a question's octets in lower case (name, type, class), the
answer after the question.  ``names`` holds, for every name of the tree, which
form answers another type *at* the name and which one any name *below* it that
is not there.  ``forms`` holds these answers with the places where a pointer
into the question has to be moved, since the question's length differs.

What the tables do not hold, or what does not fit the client's size, is given
to the owner: ``answer`` returns None.  A query worker imports this module and
little else; its start must be quick.
"""

from __future__ import annotations

import marshal
from typing import Any

HEADER = 12
# QDCOUNT 1 and nothing else; the same with one additional record.
_ALONE = b"\x00\x01\x00\x00\x00\x00\x00\x00"
_WITH_OPT = b"\x00\x01\x00\x00\x00\x00\x00\x01"
_CLASS_IN = b"\x00\x01"
_OPT_START = b"\x00\x00\x29"
_OPT_SIZE = 11
_MAX_LABEL = 63
_MAX_NAME = 255
_PLAIN_LIMIT = 512
_AA = 0x0400
# Types that no record has, which are never looked up: OPT, and those for questions only.  RFC 6895 §3.1
_NOT_HERE = frozenset(n.to_bytes(2, "big") for n in (0, 41, *range(128, 256)))
_POINTERS = [(0xC000 | at).to_bytes(2, "big") for at in range(0x4000)]

# The owner is to be asked.
ASK = b""

Heads = dict[bytes, bytes]
# An answer as it travels: flags word without the question's bits, the counts AN NS AR (six octets), and what follows
# the question.
Entry = tuple[int, bytes, bytes]
# A form as it travels: word, counts, the pieces between pointers, the pointers' values, and the length of the
# question's name for which these hold.
Form = tuple[int, bytes, tuple[bytes, ...], tuple[int, ...], int]

_heads_cache: dict[tuple[int, bytes], tuple[Heads, Heads]] = {}


def _heads(word: int, counts: bytes) -> tuple[Heads, Heads]:
    """Return, without and with OPT, the ten octets after the ID for each flags word that a plain query can have."""
    key = (word, counts)
    found = _heads_cache.get(key)
    if found is None:
        with_opt = counts[:4] + (int.from_bytes(counts[4:], "big") + 1).to_bytes(2, "big")
        found = _heads_cache[key] = (_heads_for(word, counts), _heads_for(word, with_opt))
    return found


def _heads_for(word: int, counts: bytes) -> Heads:
    heads = {}
    # An answer without AA is a referral: whether who wants recursion gets more than that is the owner's to say.
    for rd in (0, 0x0100) if word & _AA else (0,):
        for low in range(0, 0x80, 0x10):
            # Of the question's bits RD and CD come back; AD, Z do not (RFC 1035 §4.1.1, RFC 6840 §5.7).
            flags = word | rd | (low & 0x10)
            heads[(rd | low).to_bytes(2, "big")] = flags.to_bytes(2, "big") + b"\x00\x01" + counts
    return heads


class Image:
    """Prepared answers for all zones; see the module's text for the tables."""

    def __init__(self, edns_size: int = 1232) -> None:
        self._edns_size = edns_size
        self._at: dict[bytes, tuple[bytes, Heads, Heads]] = {}
        self._names: dict[bytes, tuple[bytes, bytes]] = {}
        self._forms: dict[bytes, Any] = {}
        self._shapes: dict[tuple[bytes, bytes], tuple[bytes, bytes]] = {}
        # By the rest of a client's OPT behind its size (extended code, version, DO, no options): ours.
        start = _OPT_START + edns_size.to_bytes(2, "big")
        self._opts = {rest: start + rest for rest in (bytes(6), b"\x00\x00\x80\x00\x00\x00")}
        self.nxdomain = 0

    def __len__(self) -> int:
        return len(self._at)

    def apply(self, delta: bytes) -> None:
        """Take a delta in, as :meth:`bossa.dns.prepare.Delta.encode` made it."""
        entries, gone_entries, names, gone_names, forms, gone_forms = marshal.loads(delta)
        at = self._at
        # What goes goes first, so that a key may be in both lists.
        for key in gone_entries:
            at.pop(key, None)
        for key in gone_names:
            self._names.pop(key, None)
        for key in gone_forms:
            self._forms.pop(key, None)
        for key, (word, counts, tail) in entries.items():
            plain, with_opt = _heads(word, counts)
            at[key] = (tail, plain, with_opt)
        intern = self._shapes.setdefault
        for key, shape in names.items():
            self._names[key] = intern(shape, shape)
        for key, form in forms.items():
            self._forms[key] = form if isinstance(form, dict) else _made(form)

    def answer(self, packet: bytes) -> bytes | None:
        """Return the answer to a UDP query, or None when the owner has to say."""
        counts = packet[4:12]
        if counts == _ALONE:
            hit = self._at.get(packet[12:-4].lower() + packet[-4:])
            if hit is not None:
                head = hit[1].get(packet[2:4])
                if head is not None and len(packet) + len(hit[0]) <= _PLAIN_LIMIT:
                    return packet[:2] + head + packet[12:] + hit[0]
                return None
        elif counts == _WITH_OPT:
            opt = self._opts.get(packet[-6:])
            if opt is not None and packet[-11:-8] == _OPT_START:
                hit = self._at.get(packet[12:-15].lower() + packet[-15:-11])
                if hit is not None:
                    head = hit[2].get(packet[2:4])
                    size = len(packet) + len(hit[0])
                    if head is not None and (size <= _PLAIN_LIMIT or size <= self._limit(packet[-8:-6])):
                        return packet[:2] + head + packet[12:-11] + hit[0] + opt
                    return None
        else:
            return None
        return self._search(packet)

    def _limit(self, size: bytes) -> int:
        """Return the octets that a client's OPT lets us send.  RFC 6891 §6.2.5"""
        return min(max(int.from_bytes(size, "big"), _PLAIN_LIMIT), self._edns_size)

    def _search(self, packet: bytes) -> bytes | None:
        """Answer for what no entry was found by the quick way: names that are not there, options in the OPT."""
        end = HEADER
        try:
            while size := packet[end]:
                if size > _MAX_LABEL:
                    return None
                end += size + 1
        except IndexError:
            return None
        end += 5
        name = packet[HEADER : end - 4].lower()
        qtype = packet[end - 4 : end - 2]
        if packet[end - 2 : end] != _CLASS_IN or qtype in _NOT_HERE or len(name) > _MAX_NAME:
            return None
        limit, opt = self._opt(packet, end)
        if not limit:
            return None
        found = self._found(name, qtype)
        if found is None:
            return None
        tail, plain, with_opt = found
        head = (with_opt if opt else plain).get(packet[2:4])
        if head is None or end + len(tail) + len(opt) > limit:
            return None
        if head[1] & 0xF == 3:
            self.nxdomain += 1
        return packet[:2] + head + packet[HEADER:end] + tail + opt

    def _opt(self, packet: bytes, end: int) -> tuple[int, bytes]:
        """Return the client's limit and our OPT; a limit of 0 when the rest is not one OPT of version 0."""
        rest = packet[end:]
        if not rest:
            return (_PLAIN_LIMIT if packet[11] == 0 else 0), b""
        size = int.from_bytes(rest[9:11], "big")
        if packet[11] != 1 or rest[:3] != _OPT_START or rest[5:7] != b"\x00\x00" or len(rest) != _OPT_SIZE + size:
            return 0, b""
        pos = _OPT_SIZE
        while pos < len(rest):
            pos += 4 + int.from_bytes(rest[pos + 2 : pos + 4], "big")
        if pos != len(rest):
            return 0, b""
        return self._limit(rest[3:5]), self._opts[b"\x00\x00" + bytes((rest[7] & 0x80,)) + b"\x00\x00\x00"]

    def _found(self, name: bytes, qtype: bytes) -> tuple[bytes, Heads, Heads] | None:
        hit = self._at.get(name + qtype + _CLASS_IN)
        if hit is not None:
            return hit
        names = self._names
        shape = names.get(name)
        if shape is not None:
            form = self._forms.get(shape[0])
        else:
            above = name
            while shape is None:
                if above == b"\x00":
                    return None
                above = above[above[0] + 1 :]
                shape = names.get(above)
            form = self._forms.get(shape[1])
        if isinstance(form, dict):
            form = self._forms.get(form[qtype if qtype in form else ASK])
        if form is None:
            return None
        plain, with_opt, pieces, pointer, values, length = form
        shift = len(name) - length
        if values is None:
            return _POINTERS[pointer + shift].join(pieces), plain, with_opt
        return _moved(pieces, values, shift), plain, with_opt


def _moved(pieces: tuple[bytes, ...], values: tuple[int, ...], shift: int) -> bytes:
    """Put the pointers, moved by ``shift``, between the pieces."""
    out = [pieces[0]]
    for piece, value in zip(pieces[1:], values, strict=True):
        out.append(_POINTERS[value + shift])
        out.append(piece)
    return b"".join(out)


def _made(form: Form) -> tuple[Heads, Heads, tuple[bytes, ...], int, tuple[int, ...] | None, int]:
    """Make a form quick: where all pointers are the same, one value stands for them."""
    word, counts, pieces, values, length = form
    plain, with_opt = _heads(word, counts)
    same = len(set(values)) <= 1
    return plain, with_opt, pieces, values[0] if values else HEADER, None if same else values, length
