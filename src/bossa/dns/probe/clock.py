"""What time it is at a server that does not say: a signature under a key that nobody has makes it tell.

RFC 8945 §5.2.1: the answer to an unknown key is not signed and carries the
server's time all the same.
"""

from __future__ import annotations

from bossa.dns import tsig, types
from bossa.dns.message import Message
from bossa.dns.names import from_text
from bossa.dns.probe.conversation import Conversation, Send, Setting, Way
from bossa.dns.requests import question
from bossa.dns.tsig import Algorithm, Key
from bossa.wire import WireError


def server_time(zone: bytes, setting: Setting) -> Conversation[int | None]:
    """Return the server's time in seconds since 1970; None from one that does not tell."""
    nobody = Key(from_text(f"{setting.random(8).hex()}.clock."), Algorithm.HMAC_SHA256, setting.random(32))
    plain = question(setting.message_id(), zone, types.SOA, 0)
    try:
        reply = Message.decode((yield Send(tsig.sign_request(plain, nobody, setting.seconds), Way.UDP)))
        raw = tsig.find(reply)
    except WireError:
        return None
    return None if raw is None or not raw.time else raw.time
