"""Whatever the octets, a request for a key gets one answer that reads back, and no key: nobody has a ticket.

Run with ``python fuzz/fuzz_tkey.py [CORPUS] [-runs=N]`` where atheris is installed.
"""

from __future__ import annotations

import ipaddress
import sys

from bossa.crypto.enctypes import Key
from bossa.dns.errors import Rcode, TkeyError
from bossa.dns.exchange import Exchange, Rejected, Settings, open_exchange
from bossa.dns.message import Message
from bossa.dns.names import from_text
from bossa.dns.policy import Person
from bossa.dns.server.contexts import Contexts, Signers
from bossa.dns.server.negotiating import Acceptance, Negotiations
from bossa.dns.tkey import Tkey, is_asked
from bossa.gss import tokens
from bossa.gss.accept import Service
from bossa.gss.acceptor import Acceptor
from bossa.gss.context import Context
from bossa.gss.replay import ReplayCache
from bossa.testing import contexts, packets

NOW = 1_700_000_000.0
LOCAL = ipaddress.ip_address("127.0.0.1")
KEY = Key(17, bytes(16))
SERVICE = Service(realm="T", keys=lambda sname, kvno, etype: (KEY,), replay=ReplayCache(), random=bytes)
SETTINGS = Settings()


def person_of(context: Context) -> Person:
    """Fail: there is no context."""
    raise AssertionError("a context for a ticket that nobody gave")


CONTEXTS = Contexts(lambda: NOW)
SIGNERS = Signers({}, CONTEXTS)
NEGOTIATIONS = Negotiations(Acceptance(lambda: Acceptor(SERVICE), person_of), CONTEXTS, SIGNERS, lambda: NOW)


def one_input(data: bytes) -> None:
    """Hold the invariant for one input: as a message, a record's data, and a token, bare and framed."""
    _message(data)
    _message(_around(data))
    inner = data[:60000]
    for token in (inner, tokens.frame(tokens.KRB5, inner), tokens.frame(tokens.SPNEGO, inner)):
        _message(contexts.query("k.t", contexts.Tkey(token=token)))
    assert not len(CONTEXTS)


def _around(data: bytes) -> bytes:
    """Return a request whose record's data these are."""
    head = packets.header((1, 0, 0, 1)) + packets.question("k.t", contexts.TKEY, 255)
    return head + packets.record("k.t", contexts.TKEY, data[:60000], rclass=255)


def _message(wire: bytes) -> None:
    exchange = open_exchange(wire, LOCAL, SIGNERS, int(NOW), SETTINGS, tcp=False)
    if isinstance(exchange, Rejected) or not is_asked(exchange.message):
        return
    _answer(exchange)


def _answer(exchange: Exchange) -> None:
    reply = Message.decode(NEGOTIATIONS.answer(exchange))
    assert reply.id == exchange.message.id
    assert len(reply.wire) <= exchange.limit
    if reply.answer:
        told = Tkey.decode(reply, reply.answer[0])
        assert told.name.lower() == exchange.message.questions[0].name.lower()
        assert told.error in TkeyError._value2member_map_
    else:
        assert reply.rcode in (Rcode.FORMERR, Rcode.REFUSED) or reply.flags & 0x0200
    assert from_text("k.t.") not in SIGNERS


if __name__ == "__main__":
    import atheris

    atheris.instrument_all()
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
