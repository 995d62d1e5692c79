"""Updates for a secondary zone, passed on to its primary as they came.  RFC 2136 §6, RFC 8945 §5.5

Only the header's ID is ours: the Original ID in the client's TSIG stays, so
the primary verifies the client, and the client verifies the primary.  It goes
over TCP, so that no update is done twice for our sake.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from bossa.dns.errors import Ede, Rcode, Refused
from bossa.dns.message import HEADER
from bossa.dns.names import to_text
from bossa.dns.remote import Remote
from bossa.dns.server import client
from bossa.dns.server.client import Patience
from bossa.dns.server.fetching import reason
from bossa.dns.types import Opcode
from bossa.net.tcp import frame
from bossa.observe import log, metrics

# Updates under way at a time; each takes a connection.
_AT_A_TIME = 64
# How long one update may take, over all primaries, in seconds.
_TOTAL = 10.0
_PATIENCE = Patience(connect=3.0, message=5.0)


class Passing:
    """Passes updates on; ``octets`` gives random ones."""

    def __init__(self, octets: Callable[[int], bytes] = os.urandom, patience: Patience = _PATIENCE) -> None:
        self._octets = octets
        self._patience = patience
        self._under_way = 0

    async def update(self, wire: bytes, apex: bytes, primaries: tuple[Remote, ...]) -> bytes:
        """Return the answer of the first primary that can be reached; raises Refused when none can."""
        if self._under_way >= _AT_A_TIME:
            raise Refused(Rcode.SERVFAIL, f"{_AT_A_TIME} updates are being passed on", Ede.OTHER)
        self._under_way += 1
        answer = None
        try:
            async with asyncio.timeout(_TOTAL):
                answer = await self._first_answer(wire, apex, primaries)
        except TimeoutError:
            log.warning("update not passed on", zone=to_text(apex), why=f"not within {_TOTAL:g} s")
        finally:
            self._under_way -= 1
            metrics.add("bossa_dns_updates_passed_on_total", ("failed" if answer is None else "answered",))
        if answer is None:
            raise Refused(Rcode.SERVFAIL, "no primary answers", Ede.NO_REACHABLE_AUTHORITY)
        return answer

    async def _first_answer(self, wire: bytes, apex: bytes, primaries: tuple[Remote, ...]) -> bytes | None:
        for primary in primaries:
            answer = await self._to(primary, wire, apex)
            if answer is not None:
                return answer
        return None

    async def _to(self, primary: Remote, wire: bytes, apex: bytes) -> bytes | None:
        """Return one primary's answer with the client's ID; None when there is no connection, so nothing was asked.

        Raises Refused once the update was sent: it may be done, and must not be done by another one again.
        """
        message_id = self._octets(2)
        try:
            async with client.connection(primary, self._patience) as (reader, writer):
                writer.write(frame(message_id + wire[2:]))
                answer = await self._answer(reader, message_id)
        except OSError as e:
            log.warning("update not passed on", zone=to_text(apex), primary=primary.text, why=reason(e))
            return None
        return wire[:2] + answer[2:]

    async def _answer(self, reader: asyncio.StreamReader, message_id: bytes) -> bytes:
        try:
            answer = await client.message(reader, self._patience)
        except OSError as e:
            raise Refused(Rcode.SERVFAIL, f"the primary did not answer: {reason(e)}", Ede.NETWORK_ERROR) from None
        if len(answer) < HEADER or answer[:2] != message_id or answer[2] >> 3 != 0x10 | Opcode.UPDATE:
            raise Refused(Rcode.SERVFAIL, "the primary answered something else", Ede.NETWORK_ERROR)
        return answer
