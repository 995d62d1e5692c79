"""What came of a request: the answer for the client, and the rest for those who count and log.

Only `Outcome.reply` ever leaves for the client.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from bossa.krb.errors import KrbCode
from bossa.krb.messages import PaData


class Verdict(Enum):
    """How a request ended, as far as others act on it."""

    ISSUED = "issued"
    # The client has to come again, with more or over TCP.  Nothing was decided.
    TURN = "turn"
    REFUSED = "refused"
    # A proof of the password was wrong: somebody counts.
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer to one packet; ``reply`` is empty for what is not Kerberos at all."""

    reply: bytes = field(repr=False)
    verdict: Verdict
    code: KrbCode | None
    # "AS" or "TGS".
    exchange: str
    # Who asked, for what, as principals with their realms.
    client: str
    service: str
    # In words, for the log alone.
    reason: str
    # The service that acts for the client, where one does.
    delegated_by: str = ""
    # The name under which wrong passwords are counted; empty where nobody's are.
    account: str = ""


@dataclass(frozen=True, slots=True)
class Demand:
    """An ordinary turn that a client takes: what it has to do before there is a ticket.

    ``padata`` says how, ``crealm`` where.  It leaves as a KRB-ERROR.  RFC 4120 §5.9.1, RFC 6806 §7
    """

    code: KrbCode
    reason: str
    padata: tuple[PaData, ...] = ()
    crealm: str = ""
