"""Changing a password over the network: what is asked, by whom, and how it is answered.

RFC 3244 §2 with its two versions: 1 changes one's own password, 0xff80 sets
that of a named account.  The ticket is one to kadmin/changepw that a proof of
the key gave (INITIAL), and no older than the password: so a request that
somebody kept cannot bring an old password back.  Whether the new one is good
enough is not decided here.  An answer that cannot go under the session's key
is a KRB-ERROR with the same result inside.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from ipaddress import ip_address
from typing import NamedTuple

from bossa.crypto.enctypes import CONFOUNDER, BadIntegrity, Key
from bossa.directory.account import CHANGEPW, Account, Kind
from bossa.directory.realm import Realm
from bossa.krb import ap
from bossa.krb import ticket as tickets
from bossa.krb.ap import Verified
from bossa.krb.errors import KdcError, KrbCode
from bossa.krb.flags import TicketFlags
from bossa.krb.kdc.clients import check_account
from bossa.krb.kdc.settings import KdcSettings
from bossa.krb.messages import ApReq, ChangePasswdData, EncKrbPrivPart, HostAddress, KrbError, Ticket
from bossa.krb.names import NameType, PrincipalName
from bossa.krb.private import open_private, seal_private
from bossa.krb.ticket import OpenTicket
from bossa.krb.usages import Usage
from bossa.wire import Reader, WireError

CHANGE, SET = 0x0001, 0xFF80
# RFC 4120 §7.5.3
_IPV4, _IPV6 = 2, 24
_SEQUENCE_OCTETS = 4

# Whether an account (by name) may set the password of another.
MaySet = Callable[[str, str], bool]


class Result(IntEnum):
    """Result codes.  RFC 3244 §2"""

    SUCCESS = 0
    MALFORMED = 1
    HARDERROR = 2
    AUTHERROR = 3
    SOFTERROR = 4
    ACCESSDENIED = 5
    BAD_VERSION = 6
    INITIAL_FLAG_NEEDED = 7


class Said(NamedTuple):
    """A result and a text for people."""

    result: Result
    text: str = ""

    def encode(self) -> bytes:
        """Write what a reply holds.  RFC 3244 §2"""
        return self.result.to_bytes(2, "big") + self.text.encode()


@dataclass(frozen=True, slots=True)
class ChangeRequest:
    """A verified wish: account ``by`` gives account ``target`` a password."""

    by: str
    target: str
    password: str = field(repr=False)
    caller: Verified = field(repr=False)

    @property
    def by_owner(self) -> bool:
        """Whether it is one's own password."""
        return self.by == self.target


class NotChanged(Exception):
    """Nothing is changed: what to say, and the reason for the log.

    With a ``caller`` it is said under the session's key, without one in a KRB-ERROR of ``code``.
    """

    def __init__(self, said: Said, reason: str, *, code: KrbCode = KrbCode.GENERIC) -> None:
        super().__init__(reason)
        self.said = said
        self.reason = reason
        self.code = code
        self.caller: Verified | None = None

    @classmethod
    def of(cls, error: KdcError | WireError, caller: Verified | None = None) -> NotChanged:
        """What an error of a lower level comes to."""
        if isinstance(error, KdcError):
            made = cls(Said(Result.AUTHERROR), error.reason, code=error.code)
        else:
            made = cls(Said(Result.MALFORMED), str(error))
        made.caller = caller
        return made


@dataclass(frozen=True, slots=True)
class Replying:
    """What a reply is made with: the address where the request arrived, the moment, random octets."""

    address: str
    now: float
    random: Callable[[int], bytes]


def read(packet: bytes, realm: Realm, settings: KdcSettings, now: float, may_set: MaySet) -> ChangeRequest:
    """Verify a request; raises NotChanged.  RFC 3244 §2"""
    try:
        version, ap_req, private = _cut(packet)
        caller = _caller(ApReq.decode(ap_req), realm, settings, now)
    except (KdcError, WireError) as e:
        raise NotChanged.of(e) from e
    try:
        words = _words(caller, private, settings.skew, now)
        by = _account(caller, realm, now)
        target, password = _wish(version, words, by, realm)
        _check_right(by, target, may_set)
        return ChangeRequest(by.name, _target(target, realm, caller), password, caller)
    except (KdcError, WireError) as e:
        raise NotChanged.of(e, caller) from e
    except NotChanged as e:
        e.caller = caller
        raise


def _cut(packet: bytes) -> tuple[int, bytes, bytes]:
    """Return version, AP-REQ and KRB-PRIV of a request; raises NotChanged, WireError.  RFC 3244 §2"""
    r = Reader(packet)
    size, version = r.u16("message length"), r.u16("version")
    if size != len(packet):
        raise WireError(f"message length {size} of {len(packet)} octets")
    if version not in (CHANGE, SET):
        raise NotChanged(Said(Result.BAD_VERSION), f"version {version:#06x}", code=KrbCode.BAD_PVNO)
    ap_req = r.octets("AP-REQ", r.u16("AP-REQ length"))
    return version, ap_req, r.octets("KRB-PRIV", r.left)


def _caller(shown: ApReq, realm: Realm, settings: KdcSettings, now: float) -> Verified:
    """Verify who asks; raises KdcError, WireError."""
    caller = ap.open_request(
        shown, _opened(shown.ticket, realm, settings, now), Usage.AP_REQ_AUTHENTICATOR, now, settings.skew
    )
    if caller.subkey is None:
        raise KdcError(KrbCode.NOKEY, "the request chose no key for its words")
    return caller


def _opened(ticket: Ticket, realm: Realm, settings: KdcSettings, now: float) -> OpenTicket:
    """Open a ticket to kadmin/changepw; raises KdcError, WireError."""
    service = realm.find(CHANGEPW)
    if service is None or ticket.realm != realm.info.realm or ticket.sname.text != CHANGEPW:
        raise KdcError(KrbCode.NOT_US, f"a ticket to {ticket.sname.text}@{ticket.realm}")
    for version in service.by_kvno(ticket.enc_part.kvno, now, settings.rollover):
        key = version.keys.get(ticket.enc_part.etype)
        if key is not None:
            try:
                return tickets.open(ticket, key)
            except BadIntegrity:
                continue
    raise KdcError(KrbCode.BAD_INTEGRITY, f"no key opens the ticket, of version {ticket.enc_part.kvno}")


def _words(caller: Verified, private: bytes, skew: float, now: float) -> bytes:
    """Open the words of a request, which belong to its authenticator; raises KdcError, WireError.  RFC 4120 §3.5.2"""
    part = open_private(private, _key(caller))
    # libkrb5 numbers from 0, and leaves a 0 out.
    numbered = part.seq_number is not None or part.timestamp is None
    if numbered and (part.seq_number or 0) != (caller.authenticator.seq_number or 0):
        raise KdcError(KrbCode.BADORDER, "the words have another number than the authenticator")
    if part.timestamp is not None and abs(part.timestamp - now) > skew:
        raise KdcError(KrbCode.SKEW, f"the words are of {part.timestamp - now:+.0f} s")
    return part.user_data


def _key(caller: Verified) -> Key:
    return caller.subkey or caller.session


def _account(caller: Verified, realm: Realm, now: float) -> Account:
    """Return the account that asks; raises KdcError, NotChanged."""
    part = caller.ticket.part
    found = realm.find(part.cname.text) if part.crealm == realm.info.realm else None
    if found is None:
        raise KdcError(KrbCode.C_PRINCIPAL_UNKNOWN, f"there is no account {part.cname.text}@{part.crealm}")
    check_account(found.account, now)
    if not part.flags & TicketFlags.INITIAL:
        raise NotChanged(Said(Result.INITIAL_FLAG_NEEDED), "the ticket was not got with the password")
    return found.account


def _wish(version: int, words: bytes, by: Account, realm: Realm) -> tuple[str, str]:
    """Return whose password is meant, and the new one; raises WireError, NotChanged.  RFC 3244 §2"""
    if version == CHANGE:
        return by.name, _text(words)
    data = ChangePasswdData.decode(words)
    if (data.targname is None) != (data.targrealm is None):
        raise WireError("a name without a realm, or a realm without a name")
    if data.targname is None:
        return by.name, _text(data.newpasswd)
    if data.targrealm != realm.info.realm:
        raise NotChanged(Said(Result.ACCESSDENIED), f"{by.name} asks for an account of {data.targrealm}")
    found = realm.find(data.targname.text)
    return (found.account.name if found is not None else data.targname.text), _text(data.newpasswd)


def _text(octets: bytes) -> str:
    try:
        return octets.decode()
    except UnicodeDecodeError:
        raise WireError("the password is not UTF-8") from None


def _check_right(by: Account, target: str, may_set: MaySet) -> None:
    """Refuse whoever may not, before it is said whether there is such an account; raises NotChanged."""
    if target != by.name and not may_set(by.name, target):
        raise NotChanged(Said(Result.ACCESSDENIED), f"{by.name} may not set the password of {target}")


def _target(name: str, realm: Realm, caller: Verified) -> str:
    """Return the account whose password is meant, whose password is not newer than the ticket; raises NotChanged."""
    found = realm.find(name)
    if found is None or found.account.kind is Kind.KRBTGT:
        said = Said(Result.HARDERROR, "There is no such account.")
        raise NotChanged(said, f"there is no account {name!r} with a password")
    if caller.ticket.part.authtime < found.account.password_set:
        said = Said(Result.AUTHERROR, "The password was changed meanwhile. Get a new ticket.")
        raise NotChanged(said, f"the ticket is older than the password of {name}")
    return found.account.name


def reply(caller: Verified, said: Said, replying: Replying) -> bytes:
    """Answer under the session's key.  RFC 3244 §2"""
    number = int.from_bytes(replying.random(_SEQUENCE_OCTETS), "big") >> 2
    proof = ap.reply(caller, replying.random(CONFOUNDER), seq_number=number)
    moment = int(replying.now), int(replying.now % 1 * 1_000_000)
    part = EncKrbPrivPart(said.encode(), *moment, number, _host(replying.address))
    return _message(proof, seal_private(part, _key(caller), replying.random(CONFOUNDER)))


def refused(error: NotChanged, realm: str, replying: Replying) -> bytes:
    """Answer to what was not done, as an error where nobody was verified.  RFC 3244 §2"""
    if error.caller is not None:
        return reply(error.caller, error.said, replying)
    krb_error = KrbError(
        error_code=error.code,
        stime=int(replying.now),
        susec=int(replying.now % 1 * 1_000_000),
        realm=realm,
        sname=PrincipalName(NameType.SRV_INST, tuple(CHANGEPW.split("/"))),
        e_text=error.code.name,
        e_data=error.said.encode(),
    )
    return _message(b"", krb_error.encode())


def _message(proof: bytes, rest: bytes) -> bytes:
    """Put a reply together; its version is 1, whatever that of the request was.  RFC 3244 §2"""
    size = 6 + len(proof) + len(rest)
    return b"".join(number.to_bytes(2, "big") for number in (size, CHANGE, len(proof))) + proof + rest


def _host(address: str) -> HostAddress:
    octets = ip_address(address).packed
    return HostAddress(_IPV4 if len(octets) == 4 else _IPV6, octets)
