"""Change a password, one's own or another's.

RFC 3244: an AP-REQ with a subkey, and under it a KRB-PRIV; over UDP as
it is, over TCP after four octets of length.  The ticket is one to
kadmin/changepw, for one's own password straight from the password.
"""

from __future__ import annotations

from dataclasses import dataclass

from bossa.crypto.enctypes import Key
from bossa.krb.ap import open_reply, request
from bossa.krb.client.ask import Ask, Exchange, KdcSaid, Server, Setting
from bossa.krb.client.verify import told_key
from bossa.krb.credential import Credential
from bossa.krb.flags import ApOptions
from bossa.krb.messages import Authenticator, ChangePasswdData, EncKrbPrivPart, HostAddress, KrbError
from bossa.krb.names import NameType, PrincipalName
from bossa.krb.private import open_private, seal_private
from bossa.krb.ticket import wire_key
from bossa.krb.usages import Usage
from bossa.wire import Reader, WireError

CHANGEPW = PrincipalName(NameType.SRV_INST, ("kadmin", "changepw"))
_CHANGE, _SET = 0x0001, 0xFF80
# A KRB-PRIV has to name a sender; behind translators nobody knows it (RFC 3244 §2 lets servers pass over it).
_NOWHERE = HostAddress(2, bytes(4))


@dataclass(frozen=True, slots=True)
class PasswordResult:
    """What the server made of it: 0 is success, else RFC 3244 §2's codes; its text is for people."""

    code: int
    text: bytes


def change_password(
    ticket: Credential, new: str, setting: Setting, *, target: tuple[PrincipalName, str] | None = None
) -> Exchange[PasswordResult]:
    """Change the password of the ticket's client, or set that of ``target`` (a name and its realm).  RFC 3244 §2"""
    session = ticket.session
    subkey = setting.key(session.enctype)
    asked = Authenticator(
        ticket.realm,
        ticket.client,
        None,
        setting.microseconds,
        setting.seconds,
        wire_key(subkey),
        setting.nonce(),
    )
    ap_req = request(
        ticket.open_ticket(),
        session,
        asked,
        Usage.AP_REQ_AUTHENTICATOR,
        setting.confounder(),
        options=ApOptions.MUTUAL_REQUIRED,
    )
    words = _words(new, target)
    part = EncKrbPrivPart(words, setting.seconds, setting.microseconds, asked.seq_number, _NOWHERE)
    private = seal_private(part, subkey, setting.confounder())
    message = _message(_CHANGE if target is None else _SET, ap_req, private)
    reply = yield Ask(ticket.server_realm, message, Server.PASSWORDS)
    return _read(reply, session, subkey, asked)


def _words(new: str, target: tuple[PrincipalName, str] | None) -> bytes:
    """What the private message holds in either version."""
    if target is None:
        return new.encode()
    return ChangePasswdData(new.encode(), *target).encode()


def _message(version: int, ap_req: bytes, private: bytes) -> bytes:
    """Put the two messages together.  RFC 3244 §2"""
    size = 6 + len(ap_req) + len(private)
    return b"".join(number.to_bytes(2, "big") for number in (size, version, len(ap_req))) + ap_req + private


def _read(reply: bytes, session: Key, subkey: Key, asked: Authenticator) -> PasswordResult:
    """Verify the server and read its word.  RFC 3244 §2"""
    if reply[:1] == b"\x7e":
        raise KdcSaid.of(KrbError.decode(reply))
    r = Reader(reply)
    size = r.u16("message length")
    r.skip("version", 2)
    ap_rep = r.octets("AP-REP", r.u16("AP-REP length"))
    rest = r.octets("KRB-PRIV", r.left)
    if size != len(reply):
        raise WireError(f"message length {size} of {len(reply)} octets")
    if not ap_rep:
        raise KdcSaid.of(KrbError.decode(rest))
    proof = open_reply(ap_rep, session, asked)
    key = subkey if proof.subkey is None else told_key(proof.subkey)
    return _result(open_private(rest, key).user_data)


def _result(words: bytes) -> PasswordResult:
    """Read result code and text.  RFC 3244 §2"""
    if len(words) < 2:
        raise WireError("a result of less than two octets")
    return PasswordResult(int.from_bytes(words[:2], "big"), words[2:])
