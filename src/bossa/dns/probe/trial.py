"""One record added, read back and taken away again: what a change of one's own looks like from outside.

The record is one more of its RRset, and exactly this one is deleted, so that
whatever stands beside it stays.
"""

from __future__ import annotations

from dataclasses import dataclass

from bossa.dns import types
from bossa.dns.errors import Rcode, rcode_text
from bossa.dns.message import Message
from bossa.dns.names import to_text
from bossa.dns.probe.conversation import Cause, Conversation, Fault, Setting, Way, ask
from bossa.dns.probe.signature import signed
from bossa.dns.requests import Change, question, update
from bossa.dns.tsig import Signer

TTL = 1
_LOG = "see the server's log"


@dataclass(frozen=True, slots=True)
class Trial:
    """The record, and the zone that it goes to; ``rule`` says which rule of bossa's would allow it."""

    zone: bytes
    owner: bytes
    type: int
    rdata: bytes
    rule: str

    @property
    def text(self) -> str:
        """The record without its data."""
        return f"{to_text(self.owner).rstrip('.')} {types.type_text(self.type)}"

    def add(self, signer: Signer, setting: Setting, way: Way) -> Conversation[None]:
        """Add the record; raises Fault."""
        yield from self._change(Change.add(self.owner, self.type, TTL, self.rdata), signer, setting, way)

    def delete(self, signer: Signer, setting: Setting, way: Way) -> Conversation[None]:
        """Delete the record and no other; raises Fault."""
        yield from self._change(Change.delete(self.owner, self.type, self.rdata), signer, setting, way)

    def _change(self, change: Change, signer: Signer, setting: Setting, way: Way) -> Conversation[None]:
        plain = update(setting.message_id(), self.zone, (change,))
        reply = yield from signed(plain, signer, setting, way)
        if reply.rcode != Rcode.NOERROR:
            raise self._refused(reply)

    def _refused(self, reply: Message) -> Fault:
        """Say what a verified refusal means.  RFC 2136 §2.2"""
        rcode = rcode_text(reply.rcode)
        if reply.rcode == Rcode.REFUSED:
            why = f"REFUSED: the key holds, but no rule lets its owner change {self.text}"
            return Fault(Cause.POLICY, why, f"with bossa: {self.rule}")
        if reply.rcode in (Rcode.NOTAUTH, Rcode.NOTZONE):
            return Fault(Cause.ZONE, f"{rcode}: the server is not primary of {to_text(self.zone)}", "ask its primary")
        if reply.rcode in (Rcode.NOTIMP, Rcode.FORMERR):
            return Fault(Cause.SERVER, f"{rcode}: the server does not take such updates", _LOG)
        return Fault(Cause.SERVER, f"the answer is {rcode}", _LOG)

    def expect(self, setting: Setting, way: Way) -> Conversation[None]:
        """Read the record back; raises Fault when it is not there."""
        if not (yield from self._stands(setting, way)):
            why = f"an answer over {way.value} does not show it, though the update was confirmed"
            raise Fault(Cause.STALE, why, "ask the primary itself: a secondary or a cache shows it later")

    def expect_gone(self, setting: Setting, way: Way) -> Conversation[None]:
        """See that the record is gone; raises Fault when it is not."""
        if (yield from self._stands(setting, way)):
            raise Fault(Cause.STALE, "it is still answered", f"remove {self.text} by hand")

    def _stands(self, setting: Setting, way: Way) -> Conversation[bool]:
        reply = yield from ask(question(setting.message_id(), self.owner, self.type, 0), way)
        if reply.rcode not in (Rcode.NOERROR, Rcode.NXDOMAIN):
            raise Fault(Cause.SERVER, f"the answer to a question is {rcode_text(reply.rcode)}", _LOG)
        return any(one.type == self.type and reply.rdata(one) == self.rdata for one in reply.answer)
