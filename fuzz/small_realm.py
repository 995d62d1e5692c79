"""A realm whose keys the fuzzers know, so that what they make up reaches the rules behind the encryption."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable
from pathlib import Path

import msgspec

from bossa.crypto.enctypes import Key
from bossa.directory import changes, rows, trusts
from bossa.directory.changes import NewPassword
from bossa.directory.keys import KeyMaker
from bossa.directory.passwords import PasswordPolicy
from bossa.directory.realm import Principal, Realm
from bossa.directory.trusts import Other
from bossa.krb import ap
from bossa.krb.flags import TicketFlags
from bossa.krb.messages import Authenticator, CheckSum, EncTicketPart, Ticket, Transited
from bossa.krb.names import PrincipalName
from bossa.krb.ticket import lock, wire_key
from bossa.krb.usages import Usage

NOW = 1_800_000_000.25
NAME, OTHER, PASSWORD = "BOSSA.TEST", "OTHER.TEST", "a password of sixteen and more"
OTHER_SID = "S-1-5-21-1-2-3"
THEIR_WEB = "HTTP/web.other.test"
WEB, DNS = "HTTP/web.bossa.test", "DNS/ns.bossa.test"
SESSION, SUBKEY = Key(18, b"s" * 32), Key(18, b"u" * 32)
SEED = b"c" * 16
FLAGS = TicketFlags.FORWARDABLE | TicketFlags.RENEWABLE | TicketFlags.PRE_AUTHENT
FIRST = FLAGS | TicketFlags.INITIAL

octets = random.Random(1).randbytes


def _as_it_is(purpose: bytes, data: bytes) -> bytes:
    return data


def make() -> Realm:
    """Make a realm with a user, two services, and a trust; who may act for users at one of the services is one of each.

    The user's own realm's service may by its own list, the other realm's by that of the target.
    """
    realm = Realm(rows.key_opener(_as_it_is))
    maker = KeyMaker(_as_it_is, octets, enctypes=(18,))
    new = NewPassword(PASSWORD, PasswordPolicy(), int(NOW) - 60)
    realm.apply(changes.found(maker, NAME, NAME.lower(), new))
    realm.apply(changes.new_user(realm, maker, "alice", new))
    for service in (WEB, DNS):
        realm.apply(changes.new_service(realm, maker, service, new.now))
    middle = msgspec.structs.replace(principal(realm, WEB).account, delegates_to=(DNS,), any_protocol=True)
    target = msgspec.structs.replace(principal(realm, DNS).account, allowed_from=(f"{THEIR_WEB}@{OTHER}",))
    realm.apply(map(rows.account_item, (middle, target)))
    other = Other(OTHER, "both", OTHER_SID, (OTHER.lower(),))
    realm.apply(trusts.new_trust(realm, maker, other, PASSWORD, new.now))
    return realm


def principal(realm: Realm, name: str) -> Principal:
    """Return an account that is there."""
    found = realm.find(name)
    assert found is not None
    return found


def key(realm: Realm, name: str) -> Key:
    """Return an account's key, or that of the trust for a name in the other realm."""
    trust = realm.trust(name)
    found = principal(realm, name).key() if trust is None else trust.coming[0].keys[18]
    assert found is not None
    return found


def ticket_part(client: str, crealm: str = NAME, flags: int = FLAGS) -> EncTicketPart:
    """Say what a ticket of a client says."""
    now = int(NOW)
    cname = PrincipalName.parse(client)
    return EncTicketPart(int(flags), wire_key(SESSION), crealm, cname, Transited(), now, now, now + 3600, now + 7200)


def ticket(sname: PrincipalName, sealer: Key, part: bytes, realm: str = NAME) -> Ticket:
    """Seal the inside of a ticket, whatever it is."""
    return Ticket(realm, sname, lock(sealer, Usage.TICKET, part, SEED, 1))


def proof(client: str, crealm: str = NAME, cksum: CheckSum | None = None) -> Authenticator:
    """Say what the client of a ticket says with it."""
    cname = PrincipalName.parse(client)
    return Authenticator(crealm, cname, cksum, 250_000, int(NOW), wire_key(SUBKEY), 77)


def show(shown: Ticket, proof: bytes, usage: int) -> bytes:
    """Show a ticket with the inside of an authenticator, whatever it is."""
    return ap.ApReq(0, shown, lock(SESSION, usage, proof, SEED)).encode()


def sow(argv: Iterable[str], seeds: Iterable[bytes]) -> None:
    """Put real messages into the corpus directory that the command line names, if it names one."""
    for folder in (Path(arg) for arg in argv if not arg.startswith("-")):
        if folder.is_dir():
            for seed in seeds:
                (folder / hashlib.sha1(seed, usedforsecurity=False).hexdigest()).write_bytes(seed)
            return
