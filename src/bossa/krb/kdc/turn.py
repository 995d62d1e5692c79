"""One request on its way: what it is decided with, and what is known of it so far.

A turn belongs to one packet and one exchange, and ends with its `Outcome`.
Names get here as soon as they are read, unverified; a refusal at any point
finds in them what the log has to say.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from bossa.directory.realm import Realm
from bossa.krb.fast import Armored
from bossa.krb.kdc.opened import OpenTickets
from bossa.krb.kdc.settings import KdcSettings
from bossa.krb.messages import KdcReqBody
from bossa.krb.names import PrincipalName

Random = Callable[[int], bytes]


class Party(NamedTuple):
    """A principal for the log; its text is made when it is needed."""

    name: PrincipalName
    realm: str

    @property
    def text(self) -> str:
        """The name with its realm."""
        return f"{self.name.text}@{self.realm}"


@dataclass(slots=True)
class Turn:
    """The realm and its policy, the moment, and the request as far as it is understood."""

    realm: Realm
    settings: KdcSettings
    random: Random
    tickets: OpenTickets
    packet: bytes
    now: float
    host: str
    exchange: str = ""
    # The request that counts: under armor the inner one.  RFC 6113 §5.4.2
    body: KdcReqBody | None = None
    armored: Armored | None = None
    # Who asks for what, and who acts for whom, by the words of request and tickets.
    client: Party | None = None
    service: Party | None = None
    delegated_by: Party | None = None
    # The account whose wrong passwords count.
    account: str = ""
    reason: str = ""

    def take(self, body: KdcReqBody) -> None:
        """Note whom a request is from and what it is for, by its own words."""
        self.body = body
        if body.cname is not None:
            self.client = Party(body.cname, body.realm)
        if body.sname is not None:
            self.service = Party(body.sname, body.realm)

    @property
    def seconds(self) -> int:
        """The moment in whole seconds, as tickets have it."""
        return int(self.now)

    @property
    def microseconds(self) -> int:
        """What of the moment is beyond whole seconds."""
        return int(self.now % 1 * 1_000_000)
