"""A small realm with keys that tests know, and tickets in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from bossa.crypto.enctypes import Key
from bossa.directory import rows
from bossa.directory.account import Account, Group, KeySet, KeyVersion, Kind, RealmInfo, Trust
from bossa.directory.realm import Principal, Realm
from bossa.directory.sid import Sid
from bossa.krb import ticket as tickets
from bossa.krb.flags import TicketFlags
from bossa.krb.messages import EncryptionKey, EncTicketPart, Ticket, Transited
from bossa.krb.names import NameType, PrincipalName, krbtgt
from bossa.krb.pac import account_sid, from_directory, put_in, sign_service, sign_tgt
from bossa.krb.pac.content import PacContent
from bossa.krb.ticket import OpenTicket

NOW = 1_800_000_000
REALM, OTHER = "BOSSA.TEST", "OTHER.TEST"
INFO = RealmInfo(realm=REALM, domain="bossa.test", netbios="BOSSA", sid="S-1-5-21-11-22-33")
DOMAIN, OTHER_DOMAIN = Sid.parse(INFO.sid), Sid.parse("S-1-5-21-44-55-66")
AES256, AES128_SHA2 = 18, 19
CONFOUNDER = bytes(16)

KDC, OLD_KDC, TRUST = (Key(AES256, bytes([n]) * 32) for n in (1, 2, 3))
WEB, NS, FILES, SESSION = (Key(AES256, bytes([n]) * 32) for n in (4, 5, 6, 7))
F = int(TicketFlags.FORWARDABLE | TicketFlags.PRE_AUTHENT)

ALICE = Account(name="alice", kind=Kind.USER, rid=1000, created=1, display="Alice")
BOB = Account(name="bob", kind=Kind.USER, rid=1001, created=1, sensitive=True)
WEB_ACCOUNT = Account(
    name="HTTP/web.bossa.test",
    kind=Kind.SERVICE,
    rid=1100,
    created=1,
    names=("HTTP/web", "cifs/web.bossa.test"),
    delegates_to=("DNS/ns.bossa.test",),
    any_protocol=True,
)
NS_ACCOUNT = Account(name="DNS/ns.bossa.test", kind=Kind.SERVICE, rid=1101, created=1, names=("DNS/ns",))
FILES_ACCOUNT = Account(
    name="cifs/files.bossa.test",
    kind=Kind.SERVICE,
    rid=1102,
    created=1,
    allowed_from=("HTTP/web", "HTTP/app@OTHER.TEST"),
)
KRBTGT = Account(name="krbtgt", kind=Kind.KRBTGT, rid=502, created=1)
_KEYS = {"krbtgt": (KDC, OLD_KDC), WEB_ACCOUNT.name: (WEB,), NS_ACCOUNT.name: (NS,), FILES_ACCOUNT.name: (FILES,)}


def _open_keys(purpose: str, sealed: bytes) -> KeySet:
    if purpose.startswith("trust"):
        return KeySet((KeyVersion(1, 0, "", ((TRUST.enctype, TRUST.octets),)),))
    keys = _KEYS.get(purpose.removeprefix("account:"), ())
    return KeySet(
        tuple(KeyVersion(len(keys) - n, NOW - 10, "", ((key.enctype, key.octets),)) for n, key in enumerate(keys))
    )


def realm(*changed: Account) -> Realm:
    """Return the realm, some accounts in another state."""
    made = Realm(_open_keys)
    accounts = {one.name: one for one in (ALICE, BOB, WEB_ACCOUNT, NS_ACCOUNT, FILES_ACCOUNT, KRBTGT)}
    accounts |= {one.name: one for one in changed}
    made.apply([rows.info_item(INFO), *map(rows.account_item, accounts.values())])
    made.apply([rows.group_item(Group("staff", 1200, ("alice",)))])
    made.apply([rows.trust_item(Trust(realm=OTHER, sid=OTHER_DOMAIN.text, suffixes=("other.test",), sealed_in=b"x"))])
    return made


def name(text: str) -> PrincipalName:
    """Return a name of the plain kind."""
    return PrincipalName(NameType.PRINCIPAL, tuple(text.split("/")))


def principal(of: Realm, text: str) -> Principal:
    """Return an account that is there."""
    found = of.find(text)
    assert found is not None
    return found


@dataclass(frozen=True)
class Made:
    """A ticket that a test made, as the KDC would have."""

    part: EncTicketPart
    sname: PrincipalName
    key: Key
    issuer: str = REALM
    kvno: int | None = 1

    @property
    def ticket(self) -> Ticket:
        """The ticket, sealed."""
        return tickets.seal(self.part, self.issuer, self.sname, self.key, self.kvno or 1, CONFOUNDER)

    @property
    def opened(self) -> OpenTicket:
        """The ticket, opened again."""
        return tickets.open(self.ticket, self.key)


def part(
    client: str, *, flags: int = F, crealm: str = REALM, authtime: int = NOW - 60, endtime: int = NOW + 3600
) -> EncTicketPart:
    """Return the encrypted part of a ticket, without a PAC."""
    key = EncryptionKey(SESSION.enctype, SESSION.octets)
    return EncTicketPart(flags, key, crealm, name(client), Transited(), authtime, None, endtime)


def content(client: str, *, of: Realm | None = None, authtime: int = NOW - 60) -> PacContent:
    """Return what the realm says of an account."""
    of = of or realm()
    return from_directory(of, principal(of, client), authtime, client=client)


def tgt(client: str, says: PacContent | None = None, *, flags: int = F, key: Key = KDC) -> Made:
    """Return a ticket-granting ticket."""
    bare = part(client, flags=flags)
    return Made(put_in(bare, sign_tgt(says or content(client), key, KDC)), krbtgt(REALM), key)


def service_ticket(
    client: str, service: str, key: Key, says: PacContent | None = None, *, bare: EncTicketPart | None = None
) -> Made:
    """Return a ticket to a service."""
    bare = bare or part(client)
    return Made(put_in(bare, sign_service(says or content(client), bare, key, KDC)), name(service), key)


def sid(account: Account) -> Sid:
    """Return an account's SID."""
    return account_sid(INFO, account)


def changed(account: Account, **fields: object) -> Account:
    """Return an account in another state."""
    values = {one: getattr(account, one) for one in account.__struct_fields__}
    return Account(**{**values, **fields})


def with_part(made: Made, **fields: object) -> Made:
    """Return a ticket that whoever has its key changed."""
    return replace(made, part=replace(made.part, **fields))


def without(buffers: Iterable[tuple[int, bytes]], *kinds: int) -> list[tuple[int, bytes]]:
    """Return buffers but those of some types."""
    return [one for one in buffers if one[0] not in kinds]
