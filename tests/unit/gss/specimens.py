"""A user's tickets made without a KDC, and both ends of a conversation."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from bossa.crypto.enctypes import Enctype, Key, random_key
from bossa.gss.accept import Service
from bossa.gss.acceptor import Acceptor
from bossa.gss.bindings import ChannelBindings
from bossa.gss.context import Context
from bossa.gss.initiate import Wish
from bossa.gss.initiator import Initiator
from bossa.gss.keys import of_keytab
from bossa.gss.replay import ReplayCache
from bossa.krb.credential import Credential, Times
from bossa.krb.flags import TicketFlags
from bossa.krb.keytab import Keytab, KeytabEntry
from bossa.krb.messages import EncTicketPart, Transited
from bossa.krb.names import NameType, PrincipalName, krbtgt
from bossa.krb.ticket import seal, wire_key

NOW = 1_700_000_000.25
REALM = "BOSSA.TEST"
ALICE = PrincipalName(NameType.PRINCIPAL, ("alice",))
WEB = PrincipalName(NameType.SRV_HST, ("HTTP", "web.bossa.test"))
KVNO = 3


class Source:
    """Octets that look random and are the same each time."""

    def __init__(self, seed: str = "") -> None:
        self._seed = seed.encode()
        self._count = 0

    def __call__(self, size: int) -> bytes:
        """Give the next octets."""
        self._count += 1
        return hashlib.shake_128(self._seed + b"%d" % self._count).digest(size)


def service_key(enctype: int, kvno: int = KVNO) -> Key:
    """The service's key of a type and version."""
    return random_key(enctype, Source(f"service {enctype} {kvno}"))


def ticket_part(enctype: int, **changes: Any) -> EncTicketPart:
    """What alice's ticket says."""
    part = EncTicketPart(
        flags=TicketFlags.FORWARDABLE | TicketFlags.PRE_AUTHENT,
        key=wire_key(random_key(enctype, Source(f"session {enctype}"))),
        crealm=REALM,
        cname=ALICE,
        transited=Transited(),
        authtime=int(NOW) - 60,
        starttime=None,
        endtime=int(NOW) + 3600,
    )
    return replace(part, **changes)


def credential(
    enctype: int = Enctype.AES256_SHA1, sname: PrincipalName = WEB, kvno: int = KVNO, **changes: Any
) -> Credential:
    """Alice's credential for a service; the changes are to what the ticket says."""
    part = ticket_part(enctype, **changes)
    ticket = seal(part, REALM, sname, service_key(enctype, kvno), kvno, bytes(16))
    times = Times(part.authtime, part.starttime or 0, part.endtime, part.renew_till or 0)
    return Credential(part.cname, part.crealm, sname, REALM, ticket.encode(), part.key, part.flags, times)


def forwarded() -> Credential:
    """Alice's ticket-granting ticket to hand on."""
    flags = TicketFlags.FORWARDABLE | TicketFlags.FORWARDED
    return credential(sname=krbtgt(REALM), flags=flags, renew_till=int(NOW) + 7200)


def keytab(*kvnos: int) -> Keytab:
    """The web service's keys of every type."""
    pairs = [(kvno, service_key(enctype, kvno)) for kvno in kvnos or (KVNO,) for enctype in Enctype]
    return Keytab(tuple(KeytabEntry(WEB, REALM, kvno, wire_key(key)) for kvno, key in pairs))


def service(**changes: Any) -> Service:
    """The web service."""
    made = Service(realm=REALM, keys=of_keytab(keytab(), REALM), replay=ReplayCache(), random=Source("acceptor"))
    return replace(made, **changes)


def converse(initiator: Initiator, acceptor: Acceptor, now: float = NOW) -> Iterator[tuple[str, bytes]]:
    """Yield who says what until nobody has anything to say; return both contexts."""
    said, asking = initiator.step(None, now)
    answering: Context | None = None
    while said:
        yield "initiator", said
        said, answering = acceptor.step(said, now)
        if not said:
            break
        yield "acceptor", said
        said, asking = initiator.step(said, now) if asking is None else (b"", asking)
    assert asking is not None
    assert answering is not None
    return asking, answering


def establish(
    asked: Credential | None = None,
    wish: Wish | None = None,
    *,
    negotiate: bool = False,
    bindings: ChannelBindings | None = None,
    **changes: Any,
) -> tuple[Context, Context]:
    """Have a whole conversation, and return the initiator's and the acceptor's context."""
    initiator = Initiator(asked or credential(), Source("initiator"), wish or Wish(), negotiate=negotiate)
    talk = converse(initiator, Acceptor(service(**changes), bindings=bindings))
    try:
        while True:
            next(talk)
    except StopIteration as end:
        return end.value
