"""A realm in memory with its KDC and a clock that stands still, and a client that says exactly what a test wants."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from bossa.crypto import enctypes
from bossa.crypto.enctypes import Key
from bossa.directory import changes, rows, trusts
from bossa.directory.account import Account
from bossa.directory.changes import NewPassword
from bossa.directory.keys import KeyMaker
from bossa.directory.passwords import PasswordPolicy
from bossa.directory.realm import Principal, Realm
from bossa.directory.trusts import Other
from bossa.krb import ap
from bossa.krb.client.ask import Exchange, Setting
from bossa.krb.errors import KrbCode
from bossa.krb.kdc.kdc import Kdc
from bossa.krb.kdc.outcome import Outcome, Verdict
from bossa.krb.kdc.settings import KdcSettings
from bossa.krb.messages import (
    AS_REQ,
    TGS_REQ,
    Authenticator,
    CheckSum,
    EncKdcRepPart,
    EncryptionKey,
    EncTicketPart,
    KdcRep,
    KdcReq,
    KdcReqBody,
    KrbError,
    PaData,
    Ticket,
    decode_padata,
)
from bossa.krb.names import NameType, PrincipalName, krbtgt
from bossa.krb.padata import PaEncTsEnc, PaType
from bossa.krb.ticket import OpenTicket, held_key, lock, unlock
from bossa.krb.ticket import open as open_ticket
from bossa.krb.usages import Usage

NOW = 1_800_000_000.25
PASSWORD = "quiet music"
TRUST_PASSWORD = "two administrators typed this"
ADDRESS = "192.0.2.7"
T = TypeVar("T")
Name = str | PrincipalName | None


@lru_cache(maxsize=512)
def _stretched(enctype: int, password: bytes, salt: bytes) -> Key:
    return enctypes.string_to_key(enctype, password, salt)


def _plain(purpose: bytes, data: bytes) -> bytes:
    """Seal nothing: these keys are nobody's."""
    return data


class Site:
    """One realm: its accounts, its KDC, and the moment."""

    def __init__(self, realm: str = "BOSSA.TEST", settings: KdcSettings | None = None, seed: int = 1) -> None:
        self.now = NOW
        self.name = realm
        self.settings = settings or KdcSettings()
        self.random = random.Random(seed).randbytes
        self.maker = KeyMaker(_plain, self.random, enctypes=(18, 17))
        self.realm = Realm(rows.key_opener(_plain))
        first = NewPassword(PASSWORD, PasswordPolicy(), int(NOW))
        self.realm.apply(changes.found(self.maker, realm, realm.lower(), first))
        self.kdc = Kdc(self.realm, self.settings, self.random)

    def user(self, name: str, password: str = PASSWORD, **fields: Any) -> Account:
        """Add a user, with any field of the account as a test wants it."""
        new = NewPassword(password, PasswordPolicy(min_length=1), int(self.now))
        self.realm.apply(changes.new_user(self.realm, self.maker, name, new))
        return self.change(name, **fields)

    def service(self, name: str, **fields: Any) -> Account:
        """Add a service with random keys."""
        self.realm.apply(changes.new_service(self.realm, self.maker, name, int(self.now)))
        return self.change(name, **fields)

    def change(self, name: str, **fields: Any) -> Account:
        """Change fields of an account."""
        account = msgspec.structs.replace(self.principal(name).account, **fields)
        self.realm.apply([rows.account_item(account)])
        return account

    def rotate(self, name: str) -> None:
        """Give an account new random keys."""
        self.realm.apply(changes.rotate(self.realm, self.maker, self.principal(name), int(self.now)))

    def principal(self, name: str) -> Principal:
        """Return an account that is there."""
        found = self.realm.find(name)
        assert found is not None
        return found

    def trust(self, other: Site, direction: str = "both", **fields: Any) -> None:
        """Trust another realm with a shared password."""
        described = Other(other.name, direction, fields.get("sid", other.realm.info.sid), (other.name.lower(),))
        self.realm.apply(trusts.new_trust(self.realm, self.maker, described, TRUST_PASSWORD, int(self.now)))

    def say(self, packet: bytes, *, limit: int | None = None, host: str = ADDRESS) -> Outcome:
        """Send a packet to the KDC."""
        return self.kdc.answer(packet, self.now, host, limit=limit)

    def open(self, ticket: Ticket, name: str) -> OpenTicket:
        """Open a ticket with the keys of an account, as the service would."""
        for version in self.principal(name).versions:
            if version.kvno == ticket.enc_part.kvno:
                return open_ticket(Ticket.decode(ticket.encode()), version.keys[ticket.enc_part.etype])
        raise AssertionError(f"no key of version {ticket.enc_part.kvno}")


@dataclass(frozen=True)
class Credential:
    """A ticket with its session key, as a client has it, and what the client was told of it."""

    cname: PrincipalName
    crealm: str
    ticket: Ticket
    key: Key
    told: EncKdcRepPart
    reply: KdcRep


def name(text: str, type: int = NameType.PRINCIPAL) -> PrincipalName:
    """Read a name; an enterprise name is one part."""
    return PrincipalName.parse(text, type)


def body(site: Site, **fields: Any) -> KdcReqBody:
    """Ask for a ticket that grants tickets, for as long as there is."""
    base = KdcReqBody(
        kdc_options=0,
        cname=None,
        realm=site.name,
        sname=krbtgt(site.name),
        from_=None,
        till=0,
        rtime=None,
        nonce=12345,
        etypes=(18, 17, 20, 19),
    )
    return replace(base, **fields)


def timestamp(site: Site, key: Key, *, now: float | None = None) -> PaData:
    """Prove a key by the time."""
    stamp = PaEncTsEnc(int(site.now if now is None else now), 250_000).encode()
    locked = lock(key, Usage.PA_ENC_TIMESTAMP, stamp, site.random(16))
    return PaData(PaType.ENC_TIMESTAMP, locked.encode())


def key_of(site: Site, user: str, password: str = PASSWORD, enctype: int = 18) -> Key:
    """Make the key of a password, with the salt that the account has."""
    salt = site.principal(user).versions[0].salt
    return _stretched(enctype, password.encode(), salt.encode())


def as_req(site: Site, user: str | PrincipalName, *padata: PaData, **fields: Any) -> bytes:
    """Write an AS-REQ of a user."""
    cname = name(user) if isinstance(user, str) else user
    return KdcReq(AS_REQ, padata, body(site, cname=cname, **fields)).encode()


def log_in(site: Site, user: str, *padata: PaData, key: Key | None = None, **fields: Any) -> Credential:
    """Get a first ticket with a proof of the key."""
    own = key if key is not None else key_of(site, user)
    cname = fields.pop("cname", name(user))
    outcome = site.say(as_req(site, cname, timestamp(site, own), *padata, **fields))
    return credential(outcome, own, Usage.AS_REP)


def credential(outcome: Outcome, key: Key, usage: int) -> Credential:
    """Open a reply that brings a ticket."""
    assert outcome.verdict is Verdict.ISSUED, outcome
    reply = KdcRep.decode(outcome.reply)
    told = EncKdcRepPart.decode(unlock(key, usage, reply.enc_part))
    return Credential(reply.cname, reply.crealm, reply.ticket, held_key(told.key), told, reply)


@dataclass(frozen=True)
class Asking:
    """How a client shows its ticket; a test changes what it wants to be wrong."""

    subkey: Key | None = None
    cksum: Callable[[Key, bytes], CheckSum | None] = lambda key, octets: CheckSum(
        key.checksum_type, key.checksum(Usage.TGS_REQ_CHECKSUM, octets)
    )
    usage: int = Usage.TGS_REQ_AUTHENTICATOR
    ctime: float | None = None
    cname: PrincipalName | None = None


HONEST = Asking()


def tgs_req(
    site: Site, held: Credential, sname: Name, *padata: PaData, asking: Asking = HONEST, **fields: Any
) -> bytes:
    """Write a TGS-REQ with a ticket."""
    wanted = name(sname, NameType.SRV_INST) if isinstance(sname, str) else sname
    asked = body(site, sname=wanted, **fields)
    header = show(site, held, asked.encode(), asking)
    return KdcReq(TGS_REQ, (PaData(PaType.TGS_REQ, header), *padata), asked).encode()


def show(site: Site, held: Credential, octets: bytes, asking: Asking = HONEST) -> bytes:
    """Show a ticket, with a checksum of a request body."""
    subkey = asking.subkey
    authenticator = Authenticator(
        crealm=held.crealm,
        cname=asking.cname or held.cname,
        cksum=asking.cksum(held.key, octets),
        cusec=250_000,
        ctime=int(site.now if asking.ctime is None else asking.ctime),
        subkey=None if subkey is None else EncryptionKey(subkey.enctype, subkey.octets),
    )
    return ap.request(held.ticket, held.key, authenticator, asking.usage, site.random(16))


def ask(site: Site, held: Credential, sname: Name, *padata: PaData, **fields: Any) -> Credential:
    """Get one more ticket with the one that is there."""
    asking = fields.get("asking", HONEST)
    outcome = site.say(tgs_req(site, held, sname, *padata, **fields))
    if asking.subkey is not None:
        return credential(outcome, asking.subkey, Usage.TGS_REP_SUBKEY)
    return credential(outcome, held.key, Usage.TGS_REP_SESSION)


def drive(exchange: Exchange[T], *sites: Site) -> T:
    """Let a client of ours speak with the KDCs of some realms until it has what it wants."""
    by_name = {site.name: site for site in sites}
    try:
        asked = next(exchange)
        while True:
            asked = exchange.send(by_name[asked.realm].say(asked.message).reply)
    except StopIteration as e:
        found: T = e.value
        return found


def setting(site: Site) -> Setting:
    """What a client of ours is told of the world."""
    return Setting(site.now, site.random)


def refusal(outcome: Outcome) -> KrbError:
    """Read a refusal; the outcome and the reply agree, and no reason is told."""
    assert outcome.verdict is not Verdict.ISSUED, outcome
    error = KrbError.decode(outcome.reply)
    assert error.error_code == outcome.code
    assert error.e_text == KrbCode(error.error_code).name
    return error


def code(outcome: Outcome) -> KrbCode:
    """Return the code of a refusal."""
    return KrbCode(refusal(outcome).error_code)


def method_data(error: KrbError) -> dict[int, bytes]:
    """Read what an error says of the ways to prove a key."""
    assert error.e_data is not None
    return {one.type: one.value for one in decode_padata(error.e_data)}


def forged(site: Site, held: Credential, server: str, change: Callable[[EncTicketPart], EncTicketPart]) -> Credential:
    """Change the inside of a ticket by who has the service's key."""
    opened = site.open(held.ticket, server)
    key = next(iter(site.principal(server).versions[0].keys.values()))
    part = change(opened.part)
    locked = lock(key, Usage.TICKET, part.encode(), site.random(16), held.ticket.enc_part.kvno)
    return replace(held, ticket=Ticket(held.ticket.realm, held.ticket.sname, locked))


def mutations(packet: bytes, seed: int, count: int) -> Iterator[bytes]:
    """Yield the packet with octets changed, cut out, doubled or cut off."""
    chance = random.Random(seed)
    for _ in range(count):
        octets = bytearray(packet)
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(len(octets))
            match chance.randrange(5):
                case 0:
                    octets[at] ^= 1 << chance.randrange(8)
                case 1:
                    octets[at] = chance.randrange(256)
                case 2:
                    del octets[at : at + chance.randint(1, 8)]
                case 3:
                    octets[at:at] = octets[at : at + chance.randint(1, 8)]
                case _:
                    del octets[max(1, at) :]
            if not octets:
                break
        yield bytes(octets)
