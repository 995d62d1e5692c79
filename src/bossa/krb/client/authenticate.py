"""From a password or key to a first ticket.

RFC 4120 §3.1, RFC 6113 §5.4 (armor, encrypted challenge), RFC 6806 §6 to
§8 (canonical names, the client's realm found by referrals).  A KDC that is not
known yet decides salt and iterations only within bounds (RFC 3962 §4).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from bossa.crypto.enctypes import SUPPORTED, Key, string_to_key
from bossa.krb.armor import challenge, check_answer, strengthened
from bossa.krb.client.armored import Armor, arm, check_finished, make_armor, open_error, open_response
from bossa.krb.client.ask import Ask, Exchange, KdcSaid, Setting, Wishes
from bossa.krb.client.verify import check_request_seen, credential, open_part, read, told_key
from bossa.krb.credential import Credential
from bossa.krb.errors import KdcError, KrbCode
from bossa.krb.flags import KdcOptions
from bossa.krb.messages import (
    AS_REP,
    AS_REQ,
    KdcRep,
    KdcReq,
    KdcReqBody,
    KrbError,
    PaData,
    decode_padata,
    find_padata,
)
from bossa.krb.names import PrincipalName, krbtgt
from bossa.krb.padata import (
    EtypeInfo2Entry,
    PaEncTsEnc,
    PaPacRequest,
    PaType,
    decode_etype_info2,
)
from bossa.krb.ticket import lock
from bossa.krb.usages import Usage

# RFC 3962 §4: as many as it says by default at least, and no more than a second's worth.
LEAST_ITERATIONS, MOST_ITERATIONS = 4096, 1 << 20
MOST_REALMS = 8
_CANONICALIZE = int(KdcOptions.CANONICALIZE)
_NO_BODY = KdcReqBody(0, None, "", None, None, 0, None, 0, ())


@dataclass(frozen=True, slots=True)
class Login:
    """Who asks, and with what: a password, or keys."""

    client: PrincipalName
    realm: str
    secret: str | tuple[Key, ...] = field(repr=False)


def authenticate(
    login: Login, wishes: Wishes, setting: Setting, *, armor: Credential | None = None
) -> Exchange[Credential]:
    """Get a first ticket, within ``armor`` where one is given.  RFC 4120 §3.1

    Raises KdcSaid (KEY_EXPIRED for a password to be changed first), KdcError for a reply that is not
    to be believed, WireError.
    """
    realms = [login.realm]
    while len(realms) <= MOST_REALMS:
        found = yield from _in_realm(replace(login, realm=realms[-1]), wishes, setting, armor)
        if isinstance(found, Credential):
            return found
        if found in realms:
            break
        realms.append(found)
    raise KdcError(KrbCode.WRONG_REALM, f"{login.client.text} is nowhere: {' -> '.join(realms)}")


def _in_realm(login: Login, wishes: Wishes, setting: Setting, tgt: Credential | None) -> Exchange[Credential | str]:
    """Speak with one realm's KDC; the ticket, or the realm to which it leads.  RFC 6806 §7"""
    armor = None if tgt is None else make_armor(tgt, setting)
    turn = _Turn(login, wishes, setting, armor)
    while True:
        turn = turn.anew()
        reply = read((yield Ask(login.realm, turn.asked)), AS_REP)
        if isinstance(reply, KdcRep):
            return turn.accept(reply)
        error, hints = (reply, _hints(reply)) if armor is None else open_error(armor, reply, turn.body.nonce)
        if error.error_code == KrbCode.WRONG_REALM and error.crealm and wishes.options & _CANONICALIZE:
            return error.crealm
        if error.error_code != KrbCode.PREAUTH_REQUIRED or turn.key is not None:
            raise KdcSaid.of(error)
        turn = turn.proven(hints)


def _hints(error: KrbError) -> tuple[PaData, ...]:
    """The preauthentication data of an error that asks for some."""
    return decode_padata(error.e_data or b"") if error.error_code == KrbCode.PREAUTH_REQUIRED else ()


@dataclass(frozen=True, slots=True)
class _Turn:
    """One request and what is known by then: the proof, and the key that it was made with."""

    login: Login
    wishes: Wishes
    setting: Setting
    armor: Armor | None
    proof: tuple[PaData, ...] = ()
    key: Key | None = None
    body: KdcReqBody = _NO_BODY
    asked: bytes = b""

    def anew(self) -> _Turn:
        """The turn with its request written, under a new nonce."""
        body = _body(self.login, self.wishes, self.setting)
        padata = (*self.proof, PaData(PaType.REQ_ENC_PA_REP, b""))
        if self.wishes.pac is not None:
            padata += (PaData(PaType.PAC_REQUEST, PaPacRequest(self.wishes.pac).encode()),)
        if self.armor is not None:
            padata = (arm(self.armor, body, padata, body.encode(), self.setting),)
        return replace(self, body=body, asked=KdcReq(AS_REQ, padata, body).encode())

    def proven(self, hints: tuple[PaData, ...]) -> _Turn:
        """The turn with a proof of the key that the KDC's hints lead to; its cookie goes back to it."""
        key = choose_key(self.login, hints, self.wishes.etypes)
        cookies = tuple(item for item in hints if item.type == PaType.FX_COOKIE)
        if self.armor is None:
            proof = timestamp(key, self.setting)
        else:
            proof = challenge(self.armor.key, key, self.setting.now, self.setting.confounder())
        return replace(self, key=key, proof=(*cookies, proof))

    def accept(self, rep: KdcRep) -> Credential:
        """Verify the reply and take the ticket out of it.  RFC 4120 §3.1.5"""
        strengthen, armor = None, self.armor
        if armor is not None:
            response = open_response(armor, rep.padata, self.body.nonce)
            rep = check_finished(armor, response, rep)
            strengthen = None if response.strengthen_key is None else told_key(response.strengthen_key)
        long_term = self._reply_key(rep)
        if armor is not None and self.key is not None:
            self._check_answer(armor, rep, self.key)
        key = strengthened(strengthen, long_term)
        part = open_part(rep, key, Usage.AS_REP, self.body, self.setting)
        seen = check_request_seen(part, key, self.asked) or armor is not None
        self._check_names(rep, seen=seen)
        return credential(rep, part)

    def _reply_key(self, rep: KdcRep) -> Key:
        """The client's key that the reply is for."""
        etype = rep.enc_part.etype
        if self.key is not None and (self.armor is not None or self.key.enctype == etype):
            return self.key
        return choose_key(self.login, rep.padata, (etype,) if self.armor is None else self.wishes.etypes)

    def _check_answer(self, armor: Armor, rep: KdcRep, key: Key) -> None:
        """The KDC answers a challenge with one of its own.  RFC 6113 §5.4.6"""
        value = find_padata(rep.padata, PaType.ENCRYPTED_CHALLENGE)
        if value is None:
            raise KdcError(KrbCode.MODIFIED, "the KDC did not answer the challenge")
        check_answer(armor.key, key, value, self.setting.now, self.setting.skew)

    def _check_names(self, rep: KdcRep, *, seen: bool) -> None:
        """Client and service are those asked for; others only if that was asked and is proven.  RFC 6806 §6"""
        free = bool(self.wishes.options & _CANONICALIZE)
        same = (rep.crealm, rep.cname.parts) == (self.login.realm, self.login.client.parts)
        if not same and not (free and seen):
            raise KdcError(KrbCode.MODIFIED, f"the ticket is for {rep.cname.text}@{rep.crealm}")
        wanted = self.body.sname
        if wanted is not None and rep.ticket.sname.parts != wanted.parts and not free:
            raise KdcError(KrbCode.MODIFIED, f"the ticket is to {rep.ticket.sname.text}")
        if rep.ticket.realm != self.login.realm:
            raise KdcError(KrbCode.MODIFIED, f"the ticket is of the realm {rep.ticket.realm}")


def _body(login: Login, wishes: Wishes, setting: Setting) -> KdcReqBody:
    """What is asked for.  RFC 4120 §3.1.1"""
    options = wishes.options | (KdcOptions.RENEWABLE if wishes.renew_till is not None else 0)
    sname = wishes.service or krbtgt(login.realm)
    body = KdcReqBody(
        int(options),
        login.client,
        login.realm,
        sname,
        None,
        wishes.till,
        wishes.renew_till,
        setting.nonce(),
        wishes.etypes,
    )
    return replace(body, raw=body.encode())


def timestamp(key: Key, setting: Setting) -> PaData:
    """The proof of a key outside an armor.  RFC 4120 §5.2.7.2"""
    plain = PaEncTsEnc(setting.seconds, setting.microseconds).encode()
    locked = lock(key, Usage.PA_ENC_TIMESTAMP, plain, setting.confounder())
    return PaData(PaType.ENC_TIMESTAMP, locked.encode())


def choose_key(login: Login, hints: tuple[PaData, ...], etypes: tuple[int, ...]) -> Key:
    """The client's key of the first type in the hints that both have.  RFC 4120 §5.2.7.5"""
    value = find_padata(hints, PaType.ETYPE_INFO2)
    entries = tuple(map(EtypeInfo2Entry, etypes)) if value is None else decode_etype_info2(value)
    for entry in entries:
        key = _key(login, entry) if entry.etype in etypes else None
        if key is not None:
            return key
    raise KdcError(KrbCode.ETYPE_NOSUPP, f"no key of {login.client.text} of the types {[e.etype for e in entries]}")


def _key(login: Login, entry: EtypeInfo2Entry) -> Key | None:
    """The key of one type, made of the password where there is one."""
    if entry.etype not in SUPPORTED:
        return None
    if not isinstance(login.secret, str):
        return next((key for key in login.secret if key.enctype == entry.etype), None)
    salt = login.realm + "".join(login.client.parts) if entry.salt is None else entry.salt
    return string_to_key(entry.etype, login.secret.encode(), salt.encode(), _iterations(entry))


def _iterations(entry: EtypeInfo2Entry) -> int | None:
    """How often the password is to be stirred, within bounds.  RFC 3962 §4"""
    if entry.s2kparams is None:
        return None
    count = int.from_bytes(entry.s2kparams, "big")
    if len(entry.s2kparams) != 4 or not LEAST_ITERATIONS <= count <= MOST_ITERATIONS:
        raise KdcError(KrbCode.ETYPE_NOSUPP, f"the KDC asks for {count} iterations")
    return count
