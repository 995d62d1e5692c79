"""Hypothesis strategies for the messages of Kerberos, as far as their types go."""

from __future__ import annotations

from hypothesis import strategies as st

from bossa.krb.messages import (
    ApRep,
    ApReq,
    AuthData,
    Authenticator,
    ChangePasswdData,
    CheckSum,
    EncApRepPart,
    EncKdcRepPart,
    EncKrbCredPart,
    EncKrbPrivPart,
    EncryptedData,
    EncryptionKey,
    EncTicketPart,
    HostAddress,
    KdcRep,
    KdcReq,
    KdcReqBody,
    KrbCred,
    KrbCredInfo,
    KrbError,
    KrbPriv,
    LastReq,
    PaData,
    Ticket,
    Transited,
)
from bossa.krb.names import PrincipalName
from bossa.krb.padata import (
    EtypeInfo2Entry,
    KerbErrorData,
    KrbFastArmor,
    KrbFastArmoredRep,
    KrbFastArmoredReq,
    KrbFastFinished,
    KrbFastReq,
    KrbFastResponse,
    PaEncTsEnc,
    PaForUser,
    PaPacOptions,
    PaPacRequest,
    PaS4uX509User,
    S4uUserId,
)

int32 = st.integers(-(1 << 31), (1 << 31) - 1)
uint32 = st.integers(0, (1 << 32) - 1)
nonces = st.integers(-(1 << 31), (1 << 32) - 1)
microseconds = st.integers(0, 999_999)
times = st.integers(0, 253_402_300_799)
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=20)
octets = st.binary(max_size=200)


def maybe(inner: st.SearchStrategy) -> st.SearchStrategy:
    """Perhaps nothing."""
    return st.none() | inner


def some(inner: st.SearchStrategy, most: int = 3, least: int = 0) -> st.SearchStrategy:
    """A tuple of a few."""
    return st.lists(inner, min_size=least, max_size=most).map(tuple)


names = st.builds(PrincipalName, int32, some(texts, least=1))
any_names = st.builds(PrincipalName, int32, some(texts))
encrypted = st.builds(EncryptedData, int32, maybe(uint32), octets)
keys = st.builds(EncryptionKey, int32, octets)
checksums = st.builds(CheckSum, int32, octets)
addresses = st.builds(HostAddress, int32, octets)
auth_data = st.builds(AuthData, int32, octets)
padata = some(st.builds(PaData, int32, octets))
tickets = st.builds(Ticket, texts, names, encrypted)
bodies = st.builds(
    KdcReqBody, uint32, maybe(names), texts, maybe(names), maybe(times), times, maybe(times), nonces,
    some(int32, 6), some(addresses), maybe(encrypted), some(tickets, 2),
)  # fmt: skip
enc_parts = st.builds(
    EncKdcRepPart, keys, some(st.builds(LastReq, int32, times)), nonces, maybe(times), uint32, times, maybe(times),
    times, maybe(times), texts, names, some(addresses), padata,
)  # fmt: skip
cred_infos = st.builds(
    KrbCredInfo, keys, maybe(texts), maybe(names), maybe(uint32), maybe(times), maybe(times), maybe(times),
    maybe(times), maybe(texts), maybe(names), some(addresses),
)  # fmt: skip
user_ids = st.builds(S4uUserId, nonces, maybe(any_names), texts, maybe(octets), maybe(uint32))
finished = st.builds(KrbFastFinished, times, microseconds, texts, names, checksums)

# Every message by its class; for each, values of it.
MESSAGES: dict[type, st.SearchStrategy] = {
    HostAddress: addresses,
    AuthData: auth_data,
    PaData: st.builds(PaData, int32, octets),
    EncryptedData: encrypted,
    EncryptionKey: keys,
    CheckSum: checksums,
    Transited: st.builds(Transited, int32, octets),
    Ticket: tickets,
    EncTicketPart: st.builds(
        EncTicketPart, uint32, keys, texts, names, st.builds(Transited, int32, octets), times, maybe(times), times,
        maybe(times), some(addresses), some(auth_data),
    ),
    Authenticator: st.builds(
        Authenticator, texts, names, maybe(checksums), microseconds, times, maybe(keys), maybe(uint32), some(auth_data)
    ),
    ApReq: st.builds(ApReq, uint32, tickets, encrypted),
    ApRep: st.builds(ApRep, encrypted),
    EncApRepPart: st.builds(EncApRepPart, times, microseconds, maybe(keys), maybe(uint32)),
    KdcReqBody: bodies,
    KdcReq: st.builds(KdcReq, st.sampled_from((10, 12)), padata, bodies),
    KdcRep: st.builds(KdcRep, st.sampled_from((11, 13)), padata, texts, names, tickets, encrypted),
    LastReq: st.builds(LastReq, int32, times),
    EncKdcRepPart: enc_parts,
    KrbError: st.builds(
        KrbError, int32, times, microseconds, texts, names, maybe(names), maybe(texts), maybe(times),
        maybe(microseconds), maybe(texts), maybe(octets),
    ),
    KrbPriv: st.builds(KrbPriv, encrypted),
    EncKrbPrivPart: st.builds(
        EncKrbPrivPart, octets, maybe(times), maybe(microseconds), maybe(uint32), addresses, maybe(addresses)
    ),
    KrbCred: st.builds(KrbCred, some(tickets), encrypted),
    KrbCredInfo: cred_infos,
    EncKrbCredPart: st.builds(
        EncKrbCredPart, some(cred_infos), maybe(uint32), maybe(times), maybe(microseconds), maybe(addresses),
        maybe(addresses),
    ),
    PaEncTsEnc: st.builds(PaEncTsEnc, times, maybe(microseconds)),
    EtypeInfo2Entry: st.builds(EtypeInfo2Entry, int32, maybe(texts), maybe(octets)),
    PaForUser: st.builds(PaForUser, names, texts, checksums, texts),
    S4uUserId: user_ids,
    PaS4uX509User: st.builds(PaS4uX509User, user_ids, checksums),
    PaPacOptions: st.builds(PaPacOptions, uint32),
    PaPacRequest: st.builds(PaPacRequest, st.booleans()),
    KerbErrorData: st.builds(KerbErrorData, int32, maybe(octets)),
    KrbFastArmor: st.builds(KrbFastArmor, int32, octets),
    KrbFastArmoredReq: st.builds(
        KrbFastArmoredReq, maybe(st.builds(KrbFastArmor, int32, octets)), checksums, encrypted
    ),
    KrbFastReq: st.builds(KrbFastReq, uint32, padata, bodies),
    KrbFastArmoredRep: st.builds(KrbFastArmoredRep, encrypted),
    KrbFastFinished: finished,
    KrbFastResponse: st.builds(KrbFastResponse, padata, maybe(keys), maybe(finished), nonces),
    ChangePasswdData: st.builds(ChangePasswdData, octets, maybe(names), maybe(texts)),
}  # fmt: skip
