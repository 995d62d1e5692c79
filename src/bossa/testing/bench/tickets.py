"""Requests for tickets as a load: prepared beforehand, no two alike, sent over UDP with so many under way.

A KDC that remembers packets (MIT's does) answers none of them from memory.  Ten
services are asked for with each ticket-granting ticket unless another number is
given, as a user's day does it; these tickets are fetched beforehand too.
"""

from __future__ import annotations

import itertools
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from bossa.crypto.enctypes import Key
from bossa.krb.messages import AS_REP, TGS_REP, KdcRep, KrbError
from bossa.krb.names import PrincipalName
from bossa.krb.usages import Usage
from bossa.testing.bench.servers import ADDRESS
from bossa.testing.tickets import Held, as_request, body, opened, tgs_request, timestamp

WINDOW = 8
# Requests with one ticket-granting ticket.
A_TICKET = 10
# Users who are there at once.
AT_ONCE = 50
_TIMEOUT_SECONDS = 2.0
_TAGS = {AS_REP: 0x6B, TGS_REP: 0x6D}

T = TypeVar("T")


@dataclass(slots=True)
class Outcome:
    """Replies of the kind that was asked for, other answers, requests without one, and the time of all."""

    done: int = 0
    refused: int = 0
    lost: int = 0
    seconds: float = 0.0
    size: int = 0
    word: bytes = b""

    @property
    def complaint(self) -> str:
        """What the KDC said when it refused, if it did."""
        error = KrbError.decode(self.word) if self.word else None
        return f"error {error.error_code}: {error.e_text}" if error else ""


@dataclass(frozen=True, slots=True)
class Users:
    """A realm's users with the keys of their passwords, and the services that they ask for."""

    realm: str
    keys: Mapping[str, Key]
    services: Sequence[str]

    def sign_ins(self, number: int) -> list[bytes]:
        """Return AS-REQs with encrypted timestamps, one after the other for each user."""
        return [message for message, _ in self._sign_ins(number)]

    def _sign_ins(self, number: int) -> Iterator[tuple[bytes, Key]]:
        now = time.time()
        for name, key in itertools.islice(itertools.cycle(self.keys.items()), number):
            yield as_request(self.realm, PrincipalName.parse(name), (timestamp(key, now),)), key

    def asks(self, port: int, number: int, each: int = A_TICKET) -> list[bytes]:
        """Return TGS-REQs, ``each`` with one ticket, with tickets that are fetched for them."""
        services = itertools.cycle(self.services)
        held = self._held(port, -(-number // each))
        return [tgs_request(one, body(self.realm, next(services))) for one in in_turn(held, each)]

    def _held(self, port: int, number: int) -> list[Held]:
        """Sign in so many times.  One request at a time: a reply does not say which it answers."""
        with _connected(port) as client:
            return [self._one(client, message, key) for message, key in self._sign_ins(number)]

    def _one(self, client: socket.socket, message: bytes, key: Key) -> Held:
        client.send(message)
        return opened(KdcRep.decode(client.recv(65535)), key, Usage.AS_REP)


def in_turn(held: Sequence[T], each: int = A_TICKET) -> Iterator[T]:
    """Yield each one so many times: some users are there at once, one after the other, then come the next."""
    for start in range(0, len(held), AT_ONCE):
        for _ in range(each):
            yield from held[start : start + AT_ONCE]


def run(port: int, messages: Sequence[bytes], seconds: float, expected: int, window: int = WINDOW) -> Outcome:
    """Send messages, ``window`` of them under way, until the time or the messages run out."""
    outcome, left, tag = Outcome(), iter(messages), _TAGS[expected]
    with _connected(port) as client:
        begin = time.perf_counter()
        under_way = _send(client, left, window)
        while under_way:
            try:
                reply = client.recv(65535)
            except TimeoutError:
                outcome.lost += under_way
                under_way = _send(client, left, window)
                continue
            _count(outcome, reply, tag)
            under_way -= 1
            if time.perf_counter() - begin < seconds:
                under_way += _send(client, left, 1)
        outcome.seconds = time.perf_counter() - begin
    return outcome


def _count(outcome: Outcome, reply: bytes, tag: int) -> None:
    if reply[0] == tag:
        outcome.done += 1
        outcome.size = len(reply)
    else:
        outcome.refused += 1
        outcome.word = reply


def _send(client: socket.socket, left: Iterator[bytes], number: int) -> int:
    sent = 0
    for message in itertools.islice(left, number):
        client.send(message)
        sent += 1
    return sent


def _connected(port: int) -> socket.socket:
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.settimeout(_TIMEOUT_SECONDS)
    client.connect((ADDRESS, port))
    return client
