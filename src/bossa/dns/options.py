"""The options of a client's OPT: what ours says to them.

COOKIE (RFC 7873) and NSID (RFC 5001) get an answer, every other option is
ignored (RFC 6891 §6.1.2).  A query worker imports this module and makes the
same answers as the owner: ``Options.decode`` takes what ``encode`` gave.
"""

from __future__ import annotations

import marshal
from enum import IntEnum
from typing import NamedTuple

from bossa.dns.cookies import CLIENT_SIZE, Cookies, well_formed

_NSID = b"\x00\x03"
_COOKIE = b"\x00\x0a"
_COOKIE_HEAD = b"\x00\x0a\x00\x18"


class Proof(IntEnum):
    """What a client's COOKIE option proves of its address."""

    NONE = 0  # there is none
    CLIENT = 1  # no server cookie in it
    INVALID = 2  # a server cookie that is not ours, or too old
    VALID = 3


class OptionsReply(NamedTuple):
    """The RDATA of our OPT, and what the client's cookie proves."""

    data: bytes
    proof: int

    @property
    def known(self) -> bool:
        """Whether the client surely has the address that it wrote from."""
        return self.proof == Proof.VALID


NOTHING = OptionsReply(b"", Proof.NONE)
# Members of an enum cost a look-up each.
_NONE, _CLIENT, _INVALID, _VALID = map(int, Proof)


class Options:
    """How options are answered: without ``secrets`` no cookies, without ``nsid`` no name of the server.

    ``required`` asks every client over UDP for a valid cookie.
    """

    def __init__(self, secrets: tuple[bytes, ...] = (), nsid: bytes = b"", *, required: bool = False) -> None:
        self.required = required and bool(secrets)
        self._secrets = secrets
        self._nsid = nsid
        self._cookies = Cookies(secrets) if secrets else None
        self._named = _NSID + len(nsid).to_bytes(2, "big") + nsid if nsid else b""

    def encode(self) -> bytes:
        """Return these settings in the form that :meth:`decode` takes."""
        return marshal.dumps((self._secrets, self._nsid, self.required))

    @classmethod
    def decode(cls, encoded: bytes) -> Options:
        """Take over what :meth:`encode` gave; from ourselves only."""
        secrets, nsid, required = marshal.loads(encoded)
        return cls(secrets, nsid, required=required)

    def reply(self, data: bytes, host: bytes, now: int) -> OptionsReply | None:
        """Answer the options in an OPT's RDATA; None when it or a cookie is malformed.

        ``host`` is the client's address as 4 or 16 octets.  Of two options
        with one code the first counts (RFC 7873 §5.2).
        """
        named, cookie, pos, size = b"", None, 0, len(data)
        while pos < size:
            code, start = data[pos : pos + 2], pos + 4
            pos = start + int.from_bytes(data[pos + 2 : start], "big")
            if code == _COOKIE and cookie is None:
                cookie = data[start:pos]
            elif code == _NSID:
                named = self._named
        # An option cut short has ended behind the data.
        if pos != size:
            return None
        if cookie is None or self._cookies is None:
            return OptionsReply(named, _NONE) if named else NOTHING
        return self._answered(cookie, named, host, now)

    def _answered(self, cookie: bytes, named: bytes, host: bytes, now: int) -> OptionsReply | None:
        assert self._cookies is not None, "cookies are on"
        if not well_formed(cookie):
            return None
        valid = self._cookies.check(cookie, host, now)
        if valid is not None:
            return OptionsReply(named + _COOKIE_HEAD + valid, _VALID)
        made = self._cookies.make(cookie[:CLIENT_SIZE], host, now)
        return OptionsReply(named + _COOKIE_HEAD + made, _CLIENT if len(cookie) == CLIENT_SIZE else _INVALID)
