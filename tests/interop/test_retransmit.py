"""A client that hears nothing sends its update again: the second copy gets the first one's answer."""

from __future__ import annotations

import contextlib
import socket

from bossa.testing import packets
from bossa.testing.domain import Domain, TsigKey

NOERROR, YXDOMAIN = 0, 6


def once_only(domain: Domain, label: str, ident: int = 0x1234) -> bytes:
    """Return an update that fails when it is carried out a second time: the name must not be in use."""
    owner = f"{label}.{domain.name}"
    unused = packets.record(owner, 255, rclass=packets.NONE)
    addition = packets.record(owner, "A", "192.0.2.1", ttl=60)
    return packets.update(domain.name, addition, prerequisites=[unused], ident=ident)


def test_a_retransmitted_update_gets_the_first_answer_and_is_done_once(
    shared_domain: Domain, admin: TsigKey, label: str
) -> None:
    """RFC 2136 §5.1: datagrams may be delivered many times."""
    request = packets.sign(once_only(shared_domain, label), admin)
    before = shared_domain.serial()
    with client(shared_domain) as sender:
        answers = []
        for _ in range(3):
            sender.send(request)
            answers.append(sender.recv(4096))
    assert [packets.rcode(answer) for answer in answers] == [NOERROR] * 3
    assert all(packets.reply_is_signed(answer, request, admin) for answer in answers)
    assert shared_domain.serial() == before + 1


def test_copies_that_come_together_are_done_once(shared_domain: Domain, admin: TsigKey, label: str) -> None:
    """RFC 2136 §5.1: a copy that comes before the first is on disk has the first one's answer as its own."""
    request = packets.sign(once_only(shared_domain, label), admin)
    before = shared_domain.serial()
    with client(shared_domain) as sender:
        for _ in range(8):
            sender.send(request)
        codes = [packets.rcode(sender.recv(4096))]
        sender.settimeout(0.3)
        with contextlib.suppress(TimeoutError):
            codes += [packets.rcode(sender.recv(4096)) for _ in range(7)]
    assert set(codes) == {NOERROR}
    assert shared_domain.serial() == before + 1


def test_an_update_of_another_id_is_another_update(shared_domain: Domain, admin: TsigKey, label: str) -> None:
    """A retransmission is the same octets from the same address."""
    with client(shared_domain) as sender:
        codes = []
        for ident in (1, 2):
            sender.send(packets.sign(once_only(shared_domain, label, ident), admin))
            codes.append(packets.rcode(sender.recv(4096)))
    assert codes == [NOERROR, YXDOMAIN]


def test_the_same_octets_from_another_socket_are_another_client(
    shared_domain: Domain, admin: TsigKey, label: str
) -> None:
    """Whoever replays a signed update from elsewhere does not get its answer as NOERROR twice."""
    request = packets.sign(once_only(shared_domain, label), admin)
    before = shared_domain.serial()
    codes = []
    for _ in range(2):
        with client(shared_domain) as sender:
            sender.send(request)
            codes.append(packets.rcode(sender.recv(4096)))
    assert codes[0] == NOERROR
    assert codes[1] in (NOERROR, YXDOMAIN)
    assert shared_domain.serial() == before + 1


def client(domain: Domain) -> socket.socket:
    """Return a socket with one port for several datagrams."""
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.settimeout(10)
    sender.connect((domain.address, domain.dns_port))
    return sender
