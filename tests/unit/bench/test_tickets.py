"""Requests for tickets as a load: no two alike, each what it says, and every outcome counted."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bossa.crypto.enctypes import Enctype, Key
from bossa.krb.messages import AS_REP, AS_REQ, EncryptedData, KdcReq, KrbError, find_padata
from bossa.krb.names import PrincipalName
from bossa.krb.padata import PaEncTsEnc, PaType
from bossa.krb.ticket import unlock
from bossa.krb.usages import Usage
from bossa.testing.bench import kdcs, tickets
from bossa.testing.bench.servers import free_port

KEYS = {f"u{number}": Key(Enctype.AES256_SHA1, bytes([number]) * 32) for number in range(3)}
USERS = tickets.Users("BOSSA.TEST", KEYS, ["HTTP/a", "HTTP/b"])
REPLY, ERROR = b"\x6b\0", KrbError(24, 1_800_000_000, 0, "BOSSA.TEST", PrincipalName.parse("krbtgt/X")).encode()


def test_users_take_turns_to_sign_in_and_no_two_requests_are_alike() -> None:
    messages = USERS.sign_ins(7)
    assert len(set(messages)) == 7
    decoded = [KdcReq.decode(message) for message in messages]
    assert [one.msg_type for one in decoded] == [AS_REQ] * 7
    assert [one.body.cname.text for one in decoded if one.body.cname] == ["u0", "u1", "u2", "u0", "u1", "u2", "u0"]


def test_each_proves_the_key_of_its_user() -> None:
    for message, key in zip(USERS.sign_ins(3), KEYS.values(), strict=True):
        value = find_padata(KdcReq.decode(message).padata, PaType.ENC_TIMESTAMP)
        assert value is not None
        assert PaEncTsEnc.decode(unlock(key, Usage.PA_ENC_TIMESTAMP, EncryptedData.decode(value))).pausec is not None


@contextmanager
def answering(replies: list[bytes]) -> Iterator[int]:
    """Answer as many requests as there are replies, an empty one by silence."""
    port = free_port()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", port))

        def serve() -> None:
            for reply in replies:
                _, peer = server.recvfrom(4096)
                if reply:
                    server.sendto(reply, peer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield port
        thread.join()


def test_replies_refusals_and_losses_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tickets, "_TIMEOUT_SECONDS", 0.1)
    with answering([REPLY, ERROR, b"", REPLY]) as port:
        outcome = tickets.run(port, [b"a", b"b", b"c", b"d"], 5, AS_REP, window=2)
    assert (outcome.done, outcome.refused, outcome.lost, outcome.size) == (2, 1, 1, len(REPLY))
    assert outcome.complaint.startswith("error 24")


def test_a_realm_has_as_many_accounts_as_it_is_told() -> None:
    people = kdcs.Population(100, users=10, services=20)
    assert len(people.user_names) == 10
    assert len(people.service_names) == 20
    assert len({*people.user_names, *people.service_names, *people.filler}) == 100


def test_each_ticket_is_shown_ten_times_among_those_of_fifty_users() -> None:
    order = list(tickets.in_turn(range(120)))
    assert sorted(order) == sorted(list(range(120)) * 10)
    assert order[:51] == [*range(50), 0]
    assert set(order[:500]) == set(range(50))
