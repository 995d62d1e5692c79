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
_NXDOMAIN = 3
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
        # Whether the last answer may well be wanted again as it is: of records that the name itself owns, which was
        # asked for in lower case.
        self.worth = False

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
        """Return what follows the ID in the answer to a UDP query without options; None leaves it to others."""
        self.worth = False
        counts = packet[4:12]
        if counts == _ALONE:
            asked, kind = packet[12:-4], packet[-4:]
            name = asked.lower()
            hit = self._at.get(name + kind)
            if hit is None:
                return self._formed(packet, name, kind, _PLAIN_LIMIT, b"")
            head = hit[1].get(packet[2:4])
            if head is not None and len(packet) + len(hit[0]) <= _PLAIN_LIMIT:
                self.worth = name == asked
                return head + packet[12:] + hit[0]
        elif counts == _WITH_OPT:
            opt = self._opts.get(packet[-6:])
            if opt is None or packet[-11:-8] != _OPT_START:
                return None
            asked, kind = packet[12:-15], packet[-15:-11]
            name = asked.lower()
            hit = self._at.get(name + kind)
            if hit is None:
                return self._formed(packet, name, kind, self._limit(packet[-8:-6]), opt)
            head = hit[2].get(packet[2:4])
            size = len(packet) + len(hit[0])
            if head is not None and (size <= _PLAIN_LIMIT or size <= self._limit(packet[-8:-6])):
                self.worth = name == asked
                return head + packet[12:-11] + hit[0] + opt
        return None

    def _limit(self, size: bytes) -> int:
        """Return the octets that a client's OPT lets us send.  RFC 6891 §6.2.5"""
        return min(max(int.from_bytes(size, "big"), _PLAIN_LIMIT), self._edns_size)

    def _formed(self, packet: bytes, name: bytes, kind: bytes, limit: int, opt: bytes) -> bytes | None:
        """Answer from a form, for a question that owns no records of its type.

        ``name`` may be any octets: only what ends in a name of ours finds one.
        """
        qtype = kind[:2]
        if kind[2:] != _CLASS_IN or qtype in _NOT_HERE or len(name) > _MAX_NAME:
            return None
        form = self._form(name, qtype)
        if form is None:
            return None
        plain, with_opt, nxdomain, pieces, pointer, values, length = form
        head = (with_opt if opt else plain).get(packet[2:4])
        shift = len(name) - length
        tail = _POINTERS[pointer + shift].join(pieces) if values is None else _moved(pieces, values, shift)
        end = HEADER + len(name) + 4
        if head is None or end + len(tail) + len(opt) > limit:
            return None
        self.nxdomain += nxdomain
        answer: bytes = head + packet[HEADER:end] + tail + opt
        return answer

    def _form(self, name: bytes, qtype: bytes) -> Any:
        names, forms = self._names, self._forms
        shape = names.get(name)
        if shape is not None:
            form = forms.get(shape[0])
        else:
            while shape is None:
                size = name[0] if name else 0
                if not 0 < size <= _MAX_LABEL:
                    return None
                name = name[size + 1 :]
                shape = names.get(name)
            form = forms.get(shape[1])
        if type(form) is dict:
            form = forms.get(form[qtype if qtype in form else ASK])
        return form

    def asked_options(self, packet: bytes) -> bytes:
        """Return the options in a question's OPT; none when there is no OPT, or one that is for the owner."""
        if packet[4:12] != _WITH_OPT:
            return b""
        end = _question_end(packet)
        rest = packet[end:]
        # Version 0 and no extended code: nothing else is known to have these options' meaning.
        if not end or rest[:3] != _OPT_START or rest[5:7] != b"\x00\x00":
            return b""
        return rest[_OPT_SIZE:] if len(rest) == _OPT_SIZE + int.from_bytes(rest[9:11], "big") else b""

    def answer_with(self, packet: bytes, options: bytes) -> bytes | None:
        """Answer a question that :meth:`asked_options` told of, with ``options`` in our OPT."""
        self.worth = False
        end = _question_end(packet)
        limit, do = self._limit(packet[end + 3 : end + 5]), packet[end + 7] & 0x80
        opt = self._opts[b"\x00\x00" + bytes((do,)) + b"\x00\x00\x00"]
        opt = opt[:-2] + len(options).to_bytes(2, "big") + options
        name, kind = packet[HEADER : end - 4].lower(), packet[end - 4 : end]
        hit = self._at.get(name + kind)
        if hit is None:
            return self._formed(packet, name, kind, limit, opt)
        head = hit[2].get(packet[2:4])
        if head is None or end + len(hit[0]) + len(opt) > limit:
            return None
        return head + packet[HEADER:end] + hit[0] + opt


def _question_end(packet: bytes) -> int:
    """Return where the first question ends; 0 when it has no end."""
    end = HEADER
    try:
        while size := packet[end]:
            if size > _MAX_LABEL:
                return 0
            end += size + 1
    except IndexError:
        return 0
    return end + 5


def _moved(pieces: tuple[bytes, ...], values: tuple[int, ...], shift: int) -> bytes:
    """Put the pointers, moved by ``shift``, between the pieces."""
    out = [pieces[0]]
    for piece, value in zip(pieces[1:], values, strict=True):
        out.append(_POINTERS[value + shift])
        out.append(piece)
    return b"".join(out)


def _made(form: Form) -> tuple[Heads, Heads, int, tuple[bytes, ...], int, tuple[int, ...] | None, int]:
    """Make a form quick: where all pointers are the same, one value stands for them."""
    word, counts, pieces, values, length = form
    plain, with_opt = _heads(word, counts)
    same = len(set(values)) <= 1
    nxdomain = int(word & 0xF == _NXDOMAIN)
    return plain, with_opt, nxdomain, pieces, values[0] if values else HEADER, None if same else values, length
