"""A KDC of a few lines for the client's conversations, that can be made to lie."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from hashlib import sha256

from bossa.crypto.enctypes import Key, hmac_md5_checksum, string_to_key
from bossa.krb import armor as armored_keys
from bossa.krb.ap import Verified, open_request
from bossa.krb.client import Ask, Exchange, Server, Setting
from bossa.krb.errors import KdcError, KrbCode
from bossa.krb.fast import COOKIE, Armored, finish, unwrap, wrap_error, wrap_reply
from bossa.krb.flags import KdcOptions, TicketFlags
from bossa.krb.messages import (
    AS_REP,
    AS_REQ,
    TGS_REP,
    ApReq,
    CheckSum,
    EncKdcRepPart,
    EncryptedData,
    EncTicketPart,
    KdcRep,
    KdcReq,
    KdcReqBody,
    KrbError,
    LastReq,
    PaData,
    Ticket,
    Transited,
    encode_padata,
    find_padata,
)
from bossa.krb.names import PrincipalName, krbtgt
from bossa.krb.padata import (
    EtypeInfo2Entry,
    PaEncTsEnc,
    PaForUser,
    PaS4uX509User,
    PaType,
    encode_etype_info2,
)
from bossa.krb.ticket import OpenTicket, held_key, lock, open, seal, unlock, wire_key
from bossa.krb.usages import Usage

NOW = 1_800_000_000.5
SKEW = 300
LIFE = 36_000
Lie = Callable[["Reply"], "Reply"]


def octets() -> Callable[[int], bytes]:
    """Return a source of octets that are never the same, and always the same in each run."""
    state = [0]

    def random(size: int) -> bytes:
        state[0] += 1
        return sha256(state[0].to_bytes(4, "big")).digest()[:size]

    return random


def setting(at: float = NOW) -> Setting:
    """Return a client's surroundings."""
    return Setting(at, octets())


@dataclass(frozen=True)
class Reply:
    """What goes into a reply, before it is encrypted; a lie changes it."""

    part: EncKdcRepPart
    crealm: str
    cname: PrincipalName
    ticket: Ticket
    padata: tuple[PaData, ...]
    key: Key
    finished: bool = True
    answered: bool = True
    checksum: bool = True


@dataclass
class FakeKdc:
    """One realm: passwords and services by name, where it refers services and users, whose users are foreign.

    ``evidence`` opens what another realm refers here, which is for the user ``meant``.
    """

    realm: str = "A.TEST"
    passwords: dict[str, str] = field(default_factory=dict)
    services: dict[str, Key] = field(default_factory=dict)
    referrals: dict[str, str] = field(default_factory=dict)
    elsewhere: dict[str, str] = field(default_factory=dict)
    etype: int = 18
    preauth: bool = True
    evidence: Key | None = None
    meant: PrincipalName | None = None
    hints: tuple[PaData, ...] | None = None
    foreign: dict[str, str] = field(default_factory=dict)
    codes: dict[str, KrbCode] = field(default_factory=dict)
    lie: Lie = field(default=lambda reply: reply)
    asked: list[KdcReq] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = octets()
        self.keys = {self.realm: Key(18, sha256(self.realm.encode()).digest())}

    def answer(self, message: bytes) -> bytes:
        """Answer a request as a KDC does."""
        req = KdcReq.decode(message)
        header = None if req.msg_type == AS_REQ else self._header(req)
        armored = unwrap(req, self._open, header, NOW, SKEW)
        inner = req if armored is None else armored.req
        self.asked.append(inner)
        try:
            if header is None:
                return self._as(message, inner, armored)
            return self._tgs(inner, armored, header)
        except KdcError as error:
            return self._error(inner, armored, error)

    def _open(self, ticket: Ticket) -> OpenTicket:
        return open(ticket, self.keys[ticket.realm if ticket.realm in self.keys else self.realm])

    def _header(self, req: KdcReq) -> Verified:
        ap_req = ApReq.decode(find_padata(req.padata, PaType.TGS_REQ) or b"")
        found = open_request(ap_req, self._open(ap_req.ticket), Usage.TGS_REQ_AUTHENTICATOR, NOW, SKEW)
        cksum = found.authenticator.cksum
        assert cksum is not None and found.session.verify(Usage.TGS_REQ_CHECKSUM, req.body.raw, cksum.octets)
        return found

    def _error(self, req: KdcReq, armored: Armored | None, error: KdcError) -> bytes:
        said = KrbError(error.code, int(NOW), 0, self.realm, krbtgt(self.realm), req.body.cname, None, e_text="said")
        name = "" if req.body.cname is None else req.body.cname.text
        if error.code == KrbCode.WRONG_REALM:
            said = replace(said, crealm=self.elsewhere[name])
        padata = self._hints(name) if error.code == KrbCode.PREAUTH_REQUIRED else ()
        if armored is not None:
            return wrap_error(armored, said, padata, self.random(16))
        return replace(said, e_data=encode_padata(padata) if padata else None).encode()

    def _hints(self, name: str) -> tuple[PaData, ...]:
        if self.hints is not None:
            return self.hints
        entry = EtypeInfo2Entry(self.etype, f"salt of {name}", (4096).to_bytes(4, "big"))
        return PaData(PaType.ETYPE_INFO2, encode_etype_info2((entry,))), COOKIE

    def key_of(self, name: str) -> Key:
        """The key of a user."""
        return string_to_key(self.etype, self.passwords[name].encode(), f"salt of {name}".encode(), 4096)

    def _as(self, message: bytes, req: KdcReq, armored: Armored | None) -> bytes:
        name = req.body.cname.text if req.body.cname is not None else ""
        if name in self.elsewhere:
            raise KdcError(KrbCode.WRONG_REALM, "elsewhere")
        if name not in self.passwords:
            raise KdcError(KrbCode.C_PRINCIPAL_UNKNOWN, "unknown")
        key = self.key_of(name)
        if self.preauth:
            self._check_proof(req, armored, key)
        if name in self.codes:
            raise KdcError(self.codes[name], "told")
        assert req.body.cname is not None
        reply = self._reply(req.body, req.body.cname, key, crealm=self.realm)
        reply = self.lie(replace(reply, padata=() if self.preauth else self._hints(name)))
        usage, padata, strengthen = Usage.AS_REP, reply.padata, None
        if armored is not None:
            answer = armored_keys.answer(armored.armor_key, key, NOW, self.random(16))
            padata = (*padata, answer) if reply.answered and self.preauth else padata
            strengthen, padata = self._into_armor(armored, reply, padata)
        final = armored_keys.strengthened(strengthen, reply.key)
        part = reply.part
        if reply.checksum:
            mac = CheckSum(final.checksum_type, final.checksum(Usage.AS_REQ_CHECKSUM, message)).encode()
            part = replace(part, encrypted_pa_data=(PaData(PaType.REQ_ENC_PA_REP, mac),))
        locked = lock(final, usage, part.encode(AS_REP), self.random(16))
        return KdcRep(AS_REP, padata, reply.crealm, reply.cname, reply.ticket, locked).encode()

    def _into_armor(self, armored: Armored, reply: Reply, padata: tuple[PaData, ...]) -> tuple[Key, tuple[PaData, ...]]:
        strengthen = Key(18, self.random(32))
        finished = finish(armored, reply.crealm, reply.cname, reply.ticket.encode(), NOW) if reply.finished else None
        return strengthen, (wrap_reply(armored, padata, strengthen, finished, self.random(16)),)

    def _check_proof(self, req: KdcReq, armored: Armored | None, key: Key) -> None:
        kind = PaType.ENC_TIMESTAMP if armored is None else PaType.ENCRYPTED_CHALLENGE
        value = find_padata(req.padata, kind)
        if value is None:
            raise KdcError(KrbCode.PREAUTH_REQUIRED, "prove it")
        if armored is not None:
            armored_keys.check_challenge(armored.armor_key, key, value, NOW, SKEW)
            assert COOKIE in req.padata
            return
        try:
            PaEncTsEnc.decode(unlock(key, Usage.PA_ENC_TIMESTAMP, EncryptedData.decode(value)))
        except Exception as error:
            raise KdcError(KrbCode.PREAUTH_FAILED, "wrong") from error

    def _tgs(self, req: KdcReq, armored: Armored | None, header: Verified) -> bytes:
        body = req.body
        user, padata = self._user(req, header)
        assert body.sname is not None and header.subkey is not None
        sname = body.sname
        if sname.text in self.referrals:
            sname = PrincipalName(2, ("krbtgt", self.referrals[sname.text]))
            user = header.ticket.part.cname if user is not None else None
        elif sname.parts[0] != "krbtgt" and sname.text not in self.services:
            raise KdcError(KrbCode.S_PRINCIPAL_UNKNOWN, "unknown")
        client = user or header.ticket.part.cname
        if body.kdc_options & KdcOptions.CNAME_IN_ADDL_TKT:
            evidence = open(body.additional_tickets[0], self.evidence or self.services["HTTP/web"])
            referred = sname.parts[0] == "krbtgt"
            client = header.ticket.part.cname if referred else self.meant or evidence.part.cname
        crealm = self.foreign.get(client.text, header.ticket.part.crealm)
        reply = self._reply(replace(body, sname=sname), client, header.subkey, crealm=crealm)
        reply = self.lie(replace(reply, padata=padata))
        strengthen, padata = None, reply.padata
        if armored is not None:
            strengthen, padata = self._into_armor(armored, reply, padata)
        final = armored_keys.strengthened(strengthen, reply.key)
        locked = lock(final, Usage.TGS_REP_SUBKEY, reply.part.encode(TGS_REP), self.random(16))
        return KdcRep(TGS_REP, padata, reply.crealm, reply.cname, reply.ticket, locked).encode()

    def _user(self, req: KdcReq, header: Verified) -> tuple[PrincipalName | None, tuple[PaData, ...]]:
        """The user of S4U2self, proven by both identities; and the echo of the newer."""
        old, new = find_padata(req.padata, PaType.FOR_USER), find_padata(req.padata, PaType.S4U_X509_USER)
        if old is None or new is None or header.subkey is None:
            return None, ()
        for_user, x509 = PaForUser.decode(old), PaS4uX509User.decode(new)
        assert for_user.cksum.octets == hmac_md5_checksum(header.session.octets, 17, for_user.signed())
        assert header.subkey.verify(26, x509.user_id_raw, x509.cksum.octets)
        assert x509.user_id.nonce == req.body.nonce and x509.user_id.cname == for_user.user_name
        mac = CheckSum(header.subkey.checksum_type, header.subkey.checksum(27, x509.user_id_raw))
        echo = PaData(PaType.S4U_X509_USER, PaS4uX509User(x509.user_id, mac).encode())
        return for_user.user_name, (echo,)

    def _reply(self, body: KdcReqBody, client: PrincipalName, key: Key, *, crealm: str) -> Reply:
        assert body.sname is not None
        now, session = int(NOW), Key(18, self.random(32))
        end = min(body.till or now + LIFE, now + LIFE)
        flags = TicketFlags.ENC_PA_REP | body.kdc_options & (KdcOptions.FORWARDABLE | KdcOptions.FORWARDED)
        inside = EncTicketPart(int(flags), wire_key(session), crealm, client, Transited(), now, now, end)
        ticket = seal(inside, self.realm, body.sname, self._service_key(body), 1, self.random(16))
        part = EncKdcRepPart(
            inside.key, (LastReq(0, now),), body.nonce, None, int(flags), now, now, end, body.rtime, self.realm,
            body.sname,
        )  # fmt: skip
        return Reply(part, crealm, client, ticket, (), key)

    def _service_key(self, body: KdcReqBody) -> Key:
        if body.kdc_options & KdcOptions.ENC_TKT_IN_SKEY:
            return held_key(self._open(body.additional_tickets[0]).part.key)
        assert body.sname is not None
        if body.sname.parts[0] == "krbtgt":
            return self.keys.get(body.sname.parts[1], self.keys[self.realm])
        return self.services.get(body.sname.text, self.keys[self.realm])


def talk(exchange: Exchange, *kdcs: FakeKdc, passwords: Callable[[bytes], bytes] | None = None):
    """Let a client speak with the KDCs of its realms until it has what it wanted."""
    by_realm = {kdc.realm: kdc for kdc in kdcs}
    try:
        ask: Ask = next(exchange)
        while True:
            if ask.server is Server.PASSWORDS:
                assert passwords is not None
                ask = exchange.send(passwords(ask.message))
            else:
                ask = exchange.send(by_realm[ask.realm].answer(ask.message))
    except StopIteration as end:
        return end.value
