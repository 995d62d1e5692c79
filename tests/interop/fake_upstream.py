"""A resolver for the tests: dnspython in a thread, UDP and TCP on one port, that counts what it is asked."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rrset

from bossa.testing.ports import one_port_for_both

SOA = "ns.example.org. host.example.org. 1 3600 600 86400 900"


class FakeUpstream:
    """Answers ``records`` (lines as in a master file), NXDOMAIN for what it does not know; aliases it follows."""

    def __init__(self, *records: str) -> None:
        self.asked: list[tuple[str, str, bool, bool]] = []
        # How long it thinks, whether it is silent, and the code it has for everything.
        self.pause = 0.0
        self.silent = False
        self.rcode: int | None = None
        self.extended: dns.edns.EDEOption | None = None
        # Whose SOA comes with negative answers: that of the name's parent, or this.
        self.apex: dns.name.Name | None = None
        self.use(*records)
        self._udp, self._tcp = one_port_for_both()
        self.address: tuple[str, int] = self._udp.getsockname()[:2]
        self._running = True
        self._threads = [threading.Thread(target=self._serve_udp), threading.Thread(target=self._serve_tcp)]
        for thread in self._threads:
            thread.start()

    @property
    def config(self) -> str:
        """A bossa.toml that passes questions on to here."""
        return f'[dns]\nforwarders = ["{self.address[0]}:{self.address[1]}"]\n'

    def use(self, *records: str) -> None:
        """Know these from now on."""
        self.records = [dns.rrset.from_text(*line.split(maxsplit=4)) for line in records]

    def count(self, name: str) -> int:
        """Return how often a name was asked for."""
        return sum(1 for asked, *_ in self.asked if asked.lower() == name)

    def close(self) -> None:
        """Be gone: nobody listens any more."""
        self._running = False
        for thread in self._threads:
            thread.join(5)
        self._udp.close()
        self._tcp.close()

    def reply(self, query: dns.message.Message) -> dns.message.Message:
        """Answer one question."""
        question = query.question[0]
        do, cd = bool(query.ednsflags & dns.flags.DO), bool(query.flags & dns.flags.CD)
        self.asked.append((question.name.to_text(), question.rdtype.name, do, cd))
        reply = dns.message.make_response(query, recursion_available=True)
        reply.flags |= dns.flags.AD
        reply.use_edns(0, payload=1232, options=[self.extended] if self.extended else [])
        if self.rcode is not None:
            reply.set_rcode(self.rcode)
            return reply
        self._fill(reply, question.name, question.rdtype)
        return reply

    def _fill(self, reply: dns.message.Message, name: dns.name.Name, rdtype: int) -> None:
        while True:
            at = [rrset for rrset in self.records if rrset.name == name]
            found = [rrset for rrset in at if rrset.rdtype == rdtype]
            aliases = [rrset for rrset in at if rrset.rdtype.name == "CNAME" and not found]
            reply.answer += found or aliases
            if not aliases:
                break
            name = aliases[0][0].target
        if not found:
            reply.set_rcode(0 if at else 3)
            reply.authority.append(dns.rrset.from_text(self.apex or name.parent(), 7200, "IN", "SOA", SOA))

    def _serve_udp(self) -> None:
        self._udp.settimeout(0.05)
        while self._running:
            with suppress(TimeoutError, OSError):
                data, client = self._udp.recvfrom(65535)
                self._answer(data, client)

    def _answer(self, data: bytes, client: tuple[str, int]) -> None:
        reply = self.reply(dns.message.from_wire(data))
        if self.silent:
            return
        if self.pause:
            threading.Timer(self.pause, self._udp.sendto, (reply.to_wire(), client)).start()
            return
        wire = reply.to_wire(max_size=65535)
        if len(wire) > 1232:
            reply.answer = []
            reply.flags |= dns.flags.TC
            wire = reply.to_wire()
        self._udp.sendto(wire, client)

    def _serve_tcp(self) -> None:
        self._tcp.settimeout(0.05)
        while self._running:
            with suppress(TimeoutError, OSError, EOFError):
                connection, _ = self._tcp.accept()
                with connection:
                    connection.settimeout(1)
                    query, _ = dns.query.receive_tcp(connection, time.time() + 1)
                    dns.query.send_tcp(connection, self.reply(query))


@contextmanager
def fake_upstream(*records: str) -> Iterator[FakeUpstream]:
    """Run one until the block ends."""
    one = FakeUpstream(*records)
    try:
        yield one
    finally:
        one.close()
