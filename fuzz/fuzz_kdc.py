"""Whatever is sent to a KDC, under the right keys too, it answers: no, or with a ticket of whom the keys vouch for.

Run with ``python fuzz/fuzz_kdc.py [CORPUS] [-runs=N]`` where atheris is installed.  Of an input the first octet
says what it is (`KINDS`): a packet as it is sent, or the inside of something that is sealed and signed as it has to be.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import replace

import small_realm
from small_realm import DNS, NAME, NOW, OTHER, OTHER_SID, SEED, SESSION, SUBKEY, THEIR_WEB, WEB

from bossa.crypto.enctypes import hmac_md5_checksum
from bossa.directory.sid import Sid
from bossa.krb.armor import ARMOR_AP_REQUEST, armor_key, challenge
from bossa.krb.errors import KrbCode
from bossa.krb.flags import KdcOptions, PacOptions
from bossa.krb.kdc.kdc import Kdc
from bossa.krb.kdc.outcome import Verdict
from bossa.krb.kdc.settings import KdcSettings
from bossa.krb.messages import (
    AS_REQ,
    TGS_REQ,
    AuthData,
    CheckSum,
    KdcRep,
    KdcReq,
    KdcReqBody,
    KrbError,
    PaData,
    Ticket,
    decode_padata,
    encode_authorization_data,
    encode_padata,
)
from bossa.krb.names import PrincipalName, krbtgt
from bossa.krb.pac import BufferType, DelegationInfo, LogonInfo, Pac, PacContent, from_directory, service_part, tgt_part
from bossa.krb.pac.container import encode
from bossa.krb.padata import (
    KrbFastArmor,
    KrbFastArmoredReq,
    KrbFastReq,
    PaEncTsEnc,
    PaForUser,
    PaPacOptions,
    PaS4uX509User,
    PaType,
    S4uUserId,
)
from bossa.krb.ticket import lock
from bossa.krb.usages import Usage
from bossa.wire import WireError

REALM = small_realm.make()
KDC = Kdc(REALM, KdcSettings(), small_realm.octets)
ALICE, TGT, TRUST = (small_realm.key(REALM, name) for name in ("alice", "krbtgt", OTHER))
KEYS = {name: small_realm.key(REALM, name) for name in (WEB, DNS)}
ARMOR = armor_key(SUBKEY, SESSION)
HOST = "192.0.2.7"
FOR_USER = PrincipalName(1, ("alice",))


def body(sname: PrincipalName, cname: str = "", *, options: int = 0, tickets: tuple[Ticket, ...] = ()) -> KdcReqBody:
    """Ask for a ticket."""
    client = PrincipalName.parse(cname) if cname else None
    wanted = int(KdcOptions.FORWARDABLE) | options
    return KdcReqBody(wanted, client, NAME, sname, None, 0, None, 7, (18, 17), additional_tickets=tickets)


def pac(name: str) -> PacContent:
    """Return what the realm says of an account."""
    return from_directory(REALM, small_realm.principal(REALM, name), int(NOW))


def container(content: PacContent) -> bytes:
    """Return a PAC without signatures."""
    return bytes(encode(content.buffers)[0])


def granting(client: str, content: PacContent | None = None) -> Ticket:
    """A ticket of ours that grants tickets."""
    part = small_realm.ticket_part(client, flags=small_realm.FIRST)
    return small_realm.ticket(krbtgt(NAME), TGT, tgt_part(content or pac(client), part, TGT, TGT))


def evidence(content: PacContent) -> Ticket:
    """A ticket of alice's to the service that may act for her."""
    part = service_part(content, small_realm.ticket_part("alice"), KEYS[WEB], TGT)
    return small_realm.ticket(PrincipalName.parse(WEB), KEYS[WEB], part)


def tgs(
    shown: Ticket,
    client: str,
    asked: bytes,
    *padata: PaData,
    crealm: str = NAME,
    proof: bytes | None = None,
) -> bytes:
    """Show a ticket with a request body, under the right checksum."""
    if proof is None:
        cksum = CheckSum(SESSION.checksum_type, SESSION.checksum(Usage.TGS_REQ_CHECKSUM, asked))
        proof = small_realm.proof(client, crealm, cksum).encode()
    header = PaData(PaType.TGS_REQ, small_realm.show(shown, proof, Usage.TGS_REQ_AUTHENTICATOR))
    return KdcReq(TGS_REQ, (header, *padata), replace(ASK_DNS, raw=asked)).encode()


def foreign(client: str) -> PacContent:
    """Return what another realm says of a client."""
    content = from_directory(REALM, small_realm.principal(REALM, "alice"), int(NOW), client=client)
    info = replace(LogonInfo.decode(content.find(BufferType.LOGON_INFO) or b""), logon_domain_id=Sid.parse(OTHER_SID))
    sid = info.logon_domain_id.child(info.user_id)
    return content.replaced(BufferType.LOGON_INFO, info.encode()).replaced(BufferType.REQUESTER, sid.octets)


ASK_DNS = body(PrincipalName.parse(DNS, 2))
ASK_SELF = body(PrincipalName.parse(WEB, 2))
PROXY = int(KdcOptions.CNAME_IN_ADDL_TKT)
TGT_ALICE, TGT_WEB = granting("alice"), granting(WEB)


def proof_of_alice(stamp: bytes) -> PaData:
    """Prove alice's key by the time."""
    return PaData(PaType.ENC_TIMESTAMP, lock(ALICE, Usage.PA_ENC_TIMESTAMP, stamp, SEED).encode())


STAMP = PaEncTsEnc(int(NOW), 250_000).encode()
ASK_TGT = body(krbtgt(NAME), "alice")
PROOF = small_realm.proof(
    "alice", NAME, CheckSum(SESSION.checksum_type, SESSION.checksum(Usage.TGS_REQ_CHECKSUM, ASK_DNS.encode()))
).encode()
TGT_PART = tgt_part(pac("alice"), small_realm.ticket_part("alice", flags=small_realm.FIRST), TGT, TGT)
ACROSS = small_realm.ticket_part("bob", OTHER)
FOREIGN = foreign("bob")
OF_THEIR_WEB = foreign(THEIR_WEB)
DELEGATED = DelegationInfo(DNS, (f"{THEIR_WEB}@{OTHER}",)).encode()
BOBS_EVIDENCE = foreign(f"bob@{OTHER}").replaced(BufferType.DELEGATION_INFO, DELEGATED)
RESOURCE_BASED = PaData(
    PaType.PAC_OPTIONS, PaPacOptions(int(PacOptions.RESOURCE_BASED_CONSTRAINED_DELEGATION)).encode()
)
THEIR_TGT = small_realm.ticket(
    krbtgt(NAME), TRUST, tgt_part(OF_THEIR_WEB, small_realm.ticket_part(THEIR_WEB, OTHER), TRUST, TRUST), OTHER
)


def packet(data: bytes) -> bytes:
    """As it is sent."""
    return data


def first(asked: bytes) -> bytes:
    """The body of an AS-REQ with a good proof."""
    return KdcReq(AS_REQ, (proof_of_alice(STAMP),), replace(ASK_TGT, raw=asked)).encode()


def stamp(data: bytes) -> bytes:
    """The inside of a proof."""
    return KdcReq(AS_REQ, (proof_of_alice(data),), ASK_TGT).encode()


def ours(part: bytes) -> bytes:
    """The inside of a ticket of ours."""
    return tgs(small_realm.ticket(krbtgt(NAME), TGT, part), "alice", ASK_DNS.encode())


def theirs(part: bytes) -> bytes:
    """The inside of a ticket of another realm's."""
    return tgs(small_realm.ticket(krbtgt(NAME), TRUST, part, OTHER), "bob", ASK_DNS.encode(), crealm=OTHER)


def our_pac(data: bytes) -> bytes:
    """The PAC of a ticket of ours, signed."""
    return tgs(granting("alice", Pac.decode(data).content()), "alice", ASK_DNS.encode())


def their_pac(data: bytes) -> bytes:
    """The PAC of a ticket of another realm's, signed."""
    return theirs(tgt_part(Pac.decode(data).content(), ACROSS, TRUST, TRUST))


def authenticator(proof: bytes) -> bytes:
    """The inside of an authenticator."""
    return tgs(TGT_ALICE, "alice", ASK_DNS.encode(), proof=proof)


def further(asked: bytes) -> bytes:
    """The body of a TGS-REQ of a service."""
    return tgs(TGT_WEB, WEB, asked)


def more(padata: bytes) -> bytes:
    """What stands beside the ticket."""
    return tgs(TGT_WEB, WEB, ASK_SELF.encode(), *decode_padata(padata))


def added(data: bytes) -> bytes:
    """Authorization data of the client's own."""
    asked = replace(ASK_DNS, enc_authorization_data=lock(SUBKEY, Usage.TGS_REQ_AUTH_DATA_SUBKEY, data, SEED))
    return tgs(TGT_ALICE, "alice", asked.encode())


def shown_evidence(data: bytes) -> bytes:
    """The PAC of evidence, signed."""
    return _by_proxy(evidence(Pac.decode(data).content()))


def evidence_part(data: bytes) -> bytes:
    """The inside of evidence."""
    return _by_proxy(small_realm.ticket(PrincipalName.parse(WEB), KEYS[WEB], data))


def _by_proxy(shown: Ticket) -> bytes:
    return tgs(TGT_WEB, WEB, body(PrincipalName.parse(DNS, 2), options=PROXY, tickets=(shown,)).encode())


def x509(data: bytes) -> bytes:
    """Write a PA-S4U-X509-USER."""
    cksum = CheckSum(SUBKEY.checksum_type, SUBKEY.checksum(Usage.PA_S4U_X509_USER_REQUEST, data))
    return PaS4uX509User(S4uUserId(7, None, "", raw=data), cksum).encode()


def their_evidence(data: bytes) -> bytes:
    """The PAC of another realm's word on its user, signed, with which a service of that realm acts."""
    part = small_realm.ticket_part(THEIR_WEB, OTHER)
    shown = small_realm.ticket(krbtgt(NAME), TRUST, tgt_part(Pac.decode(data).content(), part, TRUST, TRUST), OTHER)
    asked = body(PrincipalName.parse(DNS, 2), options=PROXY, tickets=(shown,)).encode()
    return tgs(THEIR_TGT, THEIR_WEB, asked, RESOURCE_BASED, crealm=OTHER)


def their_service(padata: bytes) -> bytes:
    """What stands beside the ticket of another realm's service, which asks for our users."""
    asked = body(krbtgt(OTHER)).encode()
    return tgs(THEIR_TGT, THEIR_WEB, asked, *decode_padata(padata), crealm=OTHER)


def user(data: bytes) -> bytes:
    """The user of a PA-S4U-X509-USER."""
    return tgs(TGT_WEB, WEB, ASK_SELF.encode(), PaData(PaType.S4U_X509_USER, x509(data)))


def named_user(data: bytes) -> bytes:
    """The user of a PA-FOR-USER."""
    asked = PaForUser.decode(data)
    cksum = CheckSum(-138, hmac_md5_checksum(SESSION.octets, Usage.PA_FOR_USER, asked.signed()))
    value = replace(asked, cksum=cksum).encode()
    return tgs(TGT_WEB, WEB, ASK_SELF.encode(), PaData(PaType.FOR_USER, value))


def _armored(inside: bytes, covered: bytes, armor: KrbFastArmor | None) -> PaData:
    cksum = CheckSum(ARMOR.checksum_type, ARMOR.checksum(Usage.FAST_REQ_CHECKSUM, covered))
    return PaData(PaType.FX_FAST, KrbFastArmoredReq(armor, cksum, lock(ARMOR, Usage.FAST_REQ, inside, SEED)).encode())


def armored_first(inside: bytes) -> bytes:
    """What is inside the armor of an AS-REQ."""
    shown = small_realm.show(TGT_WEB, small_realm.proof(WEB).encode(), Usage.AP_REQ_AUTHENTICATOR)
    fast = _armored(inside, ASK_TGT.encode(), KrbFastArmor(ARMOR_AP_REQUEST, shown))
    return KdcReq(AS_REQ, (fast,), ASK_TGT).encode()


def armored_further(inside: bytes) -> bytes:
    """What is inside the armor of a TGS-REQ."""
    asked = ASK_DNS.encode()
    cksum = CheckSum(SESSION.checksum_type, SESSION.checksum(Usage.TGS_REQ_CHECKSUM, asked))
    shown = small_realm.show(TGT_WEB, small_realm.proof(WEB, NAME, cksum).encode(), Usage.TGS_REQ_AUTHENTICATOR)
    fast = _armored(inside, shown, None)
    return KdcReq(TGS_REQ, (PaData(PaType.TGS_REQ, shown), fast), ASK_DNS).encode()


KINDS: dict[bytes, Callable[[bytes], bytes]] = {
    b"r": packet,
    b"b": first,
    b"s": stamp,
    b"h": ours,
    b"x": theirs,
    b"p": our_pac,
    b"X": their_pac,
    b"a": authenticator,
    b"t": further,
    b"m": more,
    b"d": added,
    b"e": shown_evidence,
    b"E": evidence_part,
    b"y": their_evidence,
    b"Y": their_service,
    b"u": user,
    b"n": named_user,
    b"f": armored_first,
    b"F": armored_further,
}
# Where only alice can come out: what was made up is none of what the KDC's own keys vouch for.
ALICES = frozenset((b"b", b"s", b"f", b"p", b"a", b"d"))
# What only another realm could make up; it speaks for none of ours.
THEIRS = frozenset((b"x", b"X", b"y", b"Y"))


def seeds() -> Iterable[bytes]:
    """Real messages of every kind, each of which is answered with a ticket."""
    user_id = S4uUserId(7, FOR_USER, NAME).encode()
    for_user = PaForUser(FOR_USER, NAME, CheckSum(-138, bytes(16)), "Kerberos").encode()
    alice_pac = container(pac("alice"))
    inside_as = KrbFastReq(0, (challenge(ARMOR, ALICE, NOW, SEED),), ASK_TGT).encode()
    yield b"r" + first(ASK_TGT.encode())
    yield b"r" + tgs(TGT_ALICE, "alice", ASK_DNS.encode())
    yield b"b" + ASK_TGT.encode()
    yield b"s" + STAMP
    yield b"h" + TGT_PART
    yield b"x" + tgt_part(FOREIGN, ACROSS, TRUST, TRUST)
    yield b"p" + alice_pac
    yield b"X" + container(FOREIGN)
    yield b"a" + PROOF
    yield b"t" + ASK_DNS.encode()
    yield b"t" + body(PrincipalName.parse(DNS, 2), options=PROXY, tickets=(evidence(pac("alice")),)).encode()
    yield b"m" + encode_padata((PaData(PaType.S4U_X509_USER, x509(user_id)),))
    yield b"d" + encode_authorization_data((AuthData(1, encode_authorization_data((AuthData(99, b"x"),))),))
    yield b"e" + alice_pac
    yield b"E" + service_part(pac("alice"), small_realm.ticket_part("alice"), KEYS[WEB], TGT)
    yield b"y" + container(BOBS_EVIDENCE)
    yield b"Y" + encode_padata((PaData(PaType.S4U_X509_USER, x509(user_id)),))
    yield b"u" + user_id
    yield b"n" + for_user
    yield b"f" + inside_as
    yield b"F" + KrbFastReq(0, (), ASK_DNS).encode()


SEEDS = tuple(seeds())


def taken(data: bytes) -> bool:
    """Hold the invariant for one input; tell whether there is a ticket."""
    kind, rest = data[:1], data[1:]
    try:
        request = KINDS.get(kind, packet)(rest)
    except WireError:
        return False
    outcome = KDC.answer(request, NOW, HOST)
    if outcome.verdict is Verdict.ISSUED:
        check_ticket(kind, KdcRep.decode(outcome.reply))
    elif outcome.reply:
        error = KrbError.decode(outcome.reply)
        assert error.e_text == KrbCode(error.error_code).name and error.error_code == outcome.code
    else:
        assert kind not in KINDS or kind == b"r"
    return outcome.verdict is Verdict.ISSUED


def check_ticket(kind: bytes, reply: KdcRep) -> None:
    """Look whose ticket it is."""
    assert kind not in ALICES or (reply.cname.text, reply.crealm) == ("alice", NAME)
    assert kind not in THEIRS or reply.crealm != NAME


def one_input(data: bytes) -> None:
    """Hold the invariant for one input."""
    taken(data)


if __name__ == "__main__":
    import atheris

    atheris.instrument_all()
    small_realm.sow(sys.argv[1:], SEEDS)
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
