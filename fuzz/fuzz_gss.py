"""Whatever the tokens, under the right keys too, an acceptor refuses them or has a context of the ticket's own client.

Run with ``python fuzz/fuzz_gss.py [CORPUS] [-runs=N]`` where atheris is installed.  Of an input the first octet
says what it is (`KINDS`): a token as it is sent, the inside of something that is sealed, or a message of a context;
nobody forges one, and what is said under the context's own key is read or refused.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import small_realm
from small_realm import NAME, NOW, SEED, SESSION, SUBKEY, WEB

from bossa.crypto.enctypes import Key
from bossa.gss import delegation, tokens
from bossa.gss.accept import Service
from bossa.gss.acceptor import Acceptor
from bossa.gss.bindings import ChannelBindings
from bossa.gss.checksum import CHECKSUM_TYPE, ContextRequest
from bossa.gss.context import Context
from bossa.gss.errors import GssError
from bossa.gss.flags import ContextFlags
from bossa.gss.initiate import USUAL
from bossa.gss.initiator import Initiator
from bossa.gss.protection import ACCEPTOR_SUBKEY, HEADER, SENT_BY_ACCEPTOR, Protection
from bossa.gss.replay import ReplayCache
from bossa.gss.sequence import Window
from bossa.krb.credential import Credential, Times
from bossa.krb.messages import (
    ApRep,
    CheckSum,
    EncApRepPart,
    EncKrbCredPart,
    KrbCred,
    KrbCredInfo,
)
from bossa.krb.names import PrincipalName, krbtgt
from bossa.krb.ticket import lock, wire_key
from bossa.krb.usages import Usage
from bossa.wire import WireError

SERVICE_KEY = Key(18, b"w" * 32)
SNAME, ALICE = PrincipalName.parse(WEB, 3), PrincipalName.parse("alice")
PART = small_realm.ticket_part("alice").encode()
REQUEST = ContextRequest(USUAL)
DELEGATED = KrbCredInfo(wire_key(SESSION), NAME, ALICE, 0, int(NOW), None, int(NOW) + 9, None, NAME, krbtgt(NAME))
TICKET = small_realm.ticket(SNAME, SERVICE_KEY, PART)
CREDENTIAL = Credential(
    ALICE, NAME, SNAME, NAME, TICKET.encode(), wire_key(SESSION), 0, Times(int(NOW), 0, int(NOW) + 9, 0)
)


def service() -> Service:
    """The web service, which has seen nobody."""
    return Service(
        realm=NAME,
        keys=lambda sname, kvno, etype: (SERVICE_KEY,) if sname.parts == SNAME.parts else (),
        replay=ReplayCache(),
        random=small_realm.octets,
    )


def proof(checksum: bytes) -> bytes:
    """Say what a context is to be."""
    return small_realm.proof("alice", NAME, CheckSum(CHECKSUM_TYPE, checksum)).encode()


PROOF = proof(REQUEST.encode())


def request(part: bytes = PART, shown: bytes = PROOF) -> bytes:
    """Ask for a context with these insides."""
    ticket = small_realm.ticket(SNAME, SERVICE_KEY, part)
    ap_req = small_realm.show(ticket, shown, Usage.AP_REQ_AUTHENTICATOR)
    return tokens.frame(tokens.KRB5, tokens.AP_REQ + ap_req)


def as_sent(token: bytes) -> bool:
    """A first token; nobody but who has the ticket's keys gets a context."""
    return accepted(token) is not None


def framed(inner: bytes) -> bool:
    """An AP-REQ in its frame."""
    return accepted(tokens.frame(tokens.KRB5, tokens.AP_REQ + inner)) is not None


def ticket_part(part: bytes) -> bool:
    """The inside of a ticket."""
    return accepted(request(part=part)) is not None


def authenticator(shown: bytes) -> bool:
    """The inside of an authenticator: the client is the ticket's, whatever it says."""
    context = accepted(request(shown=shown))
    assert context is None or context.principal == f"alice@{NAME}"
    return context is not None


def checksum(octets: bytes) -> bool:
    """What a context is to be."""
    context = accepted(request(shown=proof(octets)))
    asked = _read(octets)
    assert context is None or (asked is not None and context.flags == asked.flags)
    return context is not None


def _read(octets: bytes) -> ContextRequest | None:
    try:
        asked = ContextRequest.decode(octets)
    except WireError:
        return None
    assert ContextRequest.decode(asked.encode()) == asked
    return asked


def credential(inside: bytes) -> bool:
    """The inside of a KRB-CRED that is handed on: it is alice's, or refused."""
    cred = KrbCred((TICKET,), lock(SESSION, Usage.KRB_CRED, inside, SEED)).encode()
    asked = ContextRequest(USUAL | ContextFlags.DELEG, credential=cred)
    context = accepted(request(shown=proof(asked.encode())))
    handed = None if context is None else context.delegated
    assert handed is None or (handed.client.parts, handed.realm) == (ALICE.parts, NAME)
    if handed is not None and _fits(handed):
        again = delegation.open(delegation.seal(handed, SESSION, SEED), (SESSION,), small_realm.ticket_part("alice"))
        assert again == handed
    return handed is not None


def _fits(handed: Credential) -> bool:
    """Whether the key is of a type that we have."""
    try:
        return bool(handed.session)
    except ValueError:
        return False


def accepted(token: bytes) -> Context | None:
    """Take a first token; whatever answers it, reads back."""
    try:
        step = Acceptor(service(), bindings=ChannelBindings(b"fuzz")).step(token, NOW)
    except GssError as refused:
        if refused.token[:1] == b"\x60":
            assert tokens.unframe(refused.token)[1].startswith(tokens.ERROR)
        return None
    if step.context is not None:
        _use(step.context)
    return step.context


def _use(context: Context) -> None:
    """A context protects what we say, and its own words are not the peer's."""
    token = context.wrap(b"words")
    try:
        context.unwrap(token)
    except GssError:
        return
    raise AssertionError("its own words")


def answer(inside: bytes) -> bool:
    """The inside of an AP-REP to an initiator of ours."""
    initiator = Initiator(CREDENTIAL, small_realm.octets)
    initiator.step(None, NOW)
    rep = ApRep(lock(SESSION, Usage.AP_REP, inside, SEED)).encode()
    try:
        step = initiator.step(tokens.frame(tokens.KRB5, tokens.AP_REP + rep), NOW)
    except GssError:
        return False
    return step.context is not None


def peer() -> Protection:
    """The acceptor's half of a context, to read an initiator's messages."""
    return Protection(SUBKEY, small_realm.octets, ACCEPTOR_SUBKEY | SENT_BY_ACCEPTOR, 0, Window(0, USUAL))


def message(token: bytes) -> bool:
    """A message by somebody without the key, who is always refused."""
    for take in (peer().unwrap, lambda token: peer().verify_mic(b"message", token)):
        try:
            take(token)
        except GssError:
            continue
        raise AssertionError("forged")
    return True


def sealed(octets: bytes) -> bool:
    """A Wrap token whose header and plain text are made up: what it says is what was put in."""
    header, plain = octets[:HEADER], octets[HEADER:]
    token = header + SUBKEY.encrypt(Usage.INITIATOR_SEAL, plain, SEED)
    try:
        unwrapped = peer().unwrap(token)
    except GssError:
        return False
    assert unwrapped.sealed and plain.startswith(unwrapped.data) and len(plain) >= len(unwrapped.data) + HEADER
    return True


KINDS: dict[bytes, Callable[[bytes], bool]] = {
    b"r": as_sent,
    b"q": framed,
    b"t": ticket_part,
    b"a": authenticator,
    b"c": checksum,
    b"d": credential,
    b"p": answer,
    b"m": message,
    b"w": sealed,
}


def words(text: bytes) -> bytes:
    """The header and the plain text of a Wrap token."""
    header = bytes.fromhex("050406ff0000000000000000000000") + b"\0"
    return header + text + header


SEEDS = (
    b"r" + request(),
    b"r" + Initiator(CREDENTIAL, small_realm.octets, negotiate=True).step(None, NOW).token,
    b"q" + request()[17:],
    b"t" + PART,
    b"a" + PROOF,
    b"c" + REQUEST.encode(),
    b"d" + EncKrbCredPart((DELEGATED,)).encode(),
    b"p" + EncApRepPart(int(NOW), 250_000, wire_key(SUBKEY), 7).encode(),
    b"m" + peer().wrap(b"message"),
    b"m" + peer().get_mic(b"message"),
    b"w" + words(b"message"),
)


def taken(data: bytes) -> bool:
    """Hold the invariant for one input; tell whether what it asks for is given."""
    return KINDS.get(data[:1], as_sent)(data[1:])


def one_input(data: bytes) -> None:
    """Hold the invariant for one input."""
    taken(data)


if __name__ == "__main__":
    import atheris

    atheris.instrument_all()
    small_realm.sow(sys.argv[1:], SEEDS)
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
