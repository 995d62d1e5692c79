"""Whether the answer to a signed message is the server's own word, and if not, which mistake it made.

RFC 8945 §5.2 and §5.3 (what the errors say, what an answer's MAC covers), RFC
3645 §5.  A wrong MAC is tried against the known mistakes: the request's MAC sent
back, its length left out of the digest, itself left out.
"""

from __future__ import annotations

from bossa.dns import tsig
from bossa.dns.errors import Rcode, TsigError, rcode_text
from bossa.dns.message import Message
from bossa.dns.names import to_text
from bossa.dns.probe.conversation import Cause, Conversation, Fault, Send, Setting, Way
from bossa.dns.probe.refusals import offset
from bossa.dns.tsig import RawTsig, Repeated, Signer, length_and

_REPORT = "the change may have been made all the same; report it to whoever makes the server"


def signed(plain: bytes, signer: Signer, setting: Setting, way: Way) -> Conversation[Message]:
    """Send a message under a key, and return the answer once it is known to be the server's; raises Fault."""
    request = tsig.sign_request(plain, signer, setting.seconds)
    sent = tsig.find(Message.decode(request))
    assert sent is not None, "we signed it"
    # Not asked again over TCP if cut: what is signed twice is a replay.
    reply = Message.decode((yield Send(request, way)))
    check(reply, signer, sent, setting.seconds)
    return reply


def check(reply: Message, signer: Signer, sent: RawTsig, now: int) -> None:
    """Raise Fault unless the answer is signed as it should be; also for an answer that says TSIG failed."""
    raw = tsig.find(reply)
    if raw is None:
        raise _unsigned(reply)
    if raw.error:
        raise _refused(raw, signer, sent, now)
    if (raw.name, raw.algorithm) != (signer.name, signer.algorithm_wire):
        why = f"the answer is signed by {to_text(raw.name)}, not by {to_text(signer.name)}"
        raise Fault(Cause.MAC, why, _REPORT)
    if not _fits(signer, length_and(sent.mac) + tsig.digested(reply.wire, raw), raw.mac):
        raise _wrong_mac(reply, raw, signer, sent)
    if abs(raw.time - now) > raw.fudge:
        why = f"the server has signed {offset(raw.time, now)} this clock, by more than {raw.fudge} s"
        raise Fault(Cause.CLOCK, why, "set both clocks by NTP")


def _unsigned(reply: Message) -> Fault:
    rcode = rcode_text(reply.rcode)
    if reply.rcode in (Rcode.NOTAUTH, Rcode.REFUSED, Rcode.NOTIMP, Rcode.FORMERR):
        why = f"the answer is {rcode}, and nothing signs it"
        return Fault(Cause.UNSIGNED, why, "this may be anybody's word; see the server's log for its own")
    return Fault(Cause.UNSIGNED, f"the answer ({rcode}) is not signed, though the request was", _REPORT)


def _refused(raw: RawTsig, signer: Signer, sent: RawTsig, now: int) -> Fault:
    """What a TSIG error says of our request.  §5.2"""
    if raw.error == TsigError.BADTIME and len(raw.other) == 6:
        theirs = int.from_bytes(raw.other, "big")
        why = f"BADTIME: the server's clock is {offset(theirs, now)} this one, by more than {sent.fudge} s"
        return Fault(Cause.CLOCK, why, "set both clocks by NTP")
    if raw.error == TsigError.BADTIME:
        return Fault(Cause.CLOCK, "BADTIME, and the server does not tell its time", "set both clocks by NTP")
    text = f"{to_text(signer.name)} with {tsig.algorithm_text(signer.algorithm_wire)}"
    if raw.error == TsigError.BADKEY:
        fix = "see the server's keys (bossa key list); a context that has expired is negotiated again"
        return Fault(Cause.KEY, f"BADKEY: the server has no key {text}", fix)
    if raw.error == TsigError.BADSIG:
        fix = "compare the secrets (bossa key show), character by character"
        return Fault(Cause.SECRET, f"BADSIG: the server's secret of {text} is another", fix)
    return Fault(Cause.MAC, f"TSIG error {raw.error} for {text}", "see the server's log")


def _wrong_mac(reply: Message, raw: RawTsig, signer: Signer, sent: RawTsig) -> Fault:
    """Find the mistake in an answer's MAC."""
    answer, covered = f"the answer ({rcode_text(reply.rcode)})", tsig.digested(reply.wire, raw)
    if raw.mac == sent.mac:
        why = f"{answer} carries the request's own MAC back, as Windows does when it refuses"
        return Fault(Cause.ECHO, why, "believe the code if the network can be trusted; see the server's log")
    if _fits(signer, sent.mac + covered, raw.mac):
        why = f"the MAC of {answer} leaves out the length of the request's MAC (RFC 8945 §4.3.1)"
        return Fault(Cause.PREFIX, why, "Samba before 4.21 does so (its bug 13019): upgrade it; the change was made")
    if _fits(signer, covered, raw.mac):
        return Fault(Cause.MAC, f"the MAC of {answer} does not cover the request's MAC (RFC 8945 §5.3)", _REPORT)
    return Fault(Cause.MAC, f"the MAC of {answer} does not fit", _REPORT)


def _fits(signer: Signer, data: bytes, mac: bytes) -> bool:
    try:
        return signer.verifies(data, mac)
    except Repeated:
        return False
