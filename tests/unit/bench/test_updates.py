"""Updates signed by hand, as dnspython reads them."""

import socket
import threading
import time

import dns.exception
import dns.message
import dns.opcode
import dns.rcode
import dns.tsig
import dns.tsigkeyring
import pytest

from bossa.testing.bench import updates
from bossa.testing.bench.servers import free_port

SIGNER = updates.Signer("bench", "Ym9zc2EgYmVuY2g6IGEga2V5IGZvciBvbmUgcnVuLi4=", "bench.test")


def keyring(secret: str = SIGNER.secret) -> dict[object, object]:
    return dns.tsigkeyring.from_text({SIGNER.key: ("hmac-sha256", secret)})


def test_an_update_adds_one_address_and_its_signature_holds():
    message = dns.message.from_wire(SIGNER.add(0x1_2345, "n74565", time.time()), keyring=keyring())
    assert (message.opcode(), message.id, message.had_tsig) == (dns.opcode.UPDATE, 0x2345, True)
    assert [rrset.to_text() for rrset in message.sections[2]] == ["n74565.bench.test. 300 IN A 10.1.35.69"]
    assert message.sections[0][0].to_text() == "bench.test. IN SOA"


def test_another_key_does_not_verify_it():
    with pytest.raises(dns.tsig.BadSignature):
        dns.message.from_wire(SIGNER.add(1, "n1", time.time()), keyring=keyring("b3RoZXI="))


class Answering:
    """A server on a thread that answers what it is told to, by place."""

    def __init__(self, rcodes: list[int | None]) -> None:
        self.port = free_port()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", self.port))
        self._rcodes = rcodes
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        for rcode in self._rcodes:
            wire, peer = self._socket.recvfrom(512)
            if rcode is not None:
                self._socket.sendto(wire[:3] + bytes([rcode]) + wire[4:6] + b"\0\1" + wire[8:], peer)

    def close(self) -> None:
        self._thread.join()
        self._socket.close()


def test_a_client_tells_success_refusal_and_loss_apart(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(updates, "_TIMEOUT_SECONDS", 0.05)
    server = Answering([dns.rcode.NOERROR, dns.rcode.REFUSED, None, dns.rcode.NOERROR])
    try:
        (outcome,) = updates.run(server.port, [[SIGNER.add(number, f"n{number}", 0) for number in range(4)]], 10)
    finally:
        server.close()
    assert (outcome.done, outcome.refused, outcome.lost) == ([0, 3], 1, 1)
    assert len(outcome.latencies) == 2


def test_names_without_an_address_are_missing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(updates, "_TIMEOUT_SECONDS", 0.05)
    server = Answering([dns.rcode.NOERROR, dns.rcode.NXDOMAIN, None])
    try:
        assert updates.missing(server.port, "bench.test", ["a", "b", "c"]) == ["b", "c"]
    finally:
        server.close()
