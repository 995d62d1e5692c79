"""Answers that were given lately, found by the packet alone: the quickest way there is.

Kept by class of client, since two clients may get different answers to the
same question.  Only what is asked for again is worth a place: answers of
records that a name itself owns, to questions in lower case without options.
So no flood of random names or of random case fills it.  Bounded; a change of
any zone empties it, and so does the next second when answers with TTLs that
are counted down are among them.
"""

from __future__ import annotations

from bossa.dns.server.nearness import Nearness, without_recursion

# Packets that are remembered for a class of clients, and clients; then all are forgotten.
_PACKETS = 16_384
_HOSTS = 50_000
_HEADER = 12

# By all of a packet but its ID: what follows the ID in the answer.
Answers = dict[bytes, bytes]


class Known:
    """What is known for each class of client; ``by_host`` leads from a sender's host to its class's answers."""

    def __init__(self, near: Nearness) -> None:
        self.by_host: dict[bytes, Answers] = {}
        self._nearness = near
        self._near: Answers = {}
        self._far: Answers = {}
        # The second whose TTLs are in the answers; 0 when they hold in any.
        self._second = 0

    def is_near(self, host: bytes) -> bool:
        """Tell whether the host's questions are passed on."""
        answers = self.by_host.get(host)
        if answers is None:
            answers = self._welcome(host)
        return answers is self._near

    def fit(self, tail: bytes, packet: bytes, host: bytes, *, worth: bool) -> bytes:
        """Return a prepared answer, all but its ID, as this client gets it; remember it when it is ``worth`` it."""
        answers = self.by_host.get(host)
        if answers is None:
            answers = self._welcome(host)
        if answers is self._far:
            tail = without_recursion(tail)
        if worth:
            self._keep(answers, packet, tail)
        return tail

    def learn(self, tail: bytes, packet: bytes, second: int) -> None:
        """Remember an answer whose TTLs are those of this second, for clients whose questions are passed on."""
        # An octet of the OPT may pass for a capital; then the answer is looked up each time.
        if packet[_HEADER:].islower():
            self.turn(second)
            self._second = second
            self._keep(self._near, packet, tail)

    def turn(self, second: int) -> None:
        """Forget what only held in another second."""
        if self._second and self._second != second:
            self.forget()

    def _keep(self, answers: Answers, packet: bytes, tail: bytes) -> None:
        if len(answers) >= _PACKETS:
            answers.clear()
        answers[packet[2:]] = tail

    def forget(self) -> None:
        """Forget all answers."""
        self._near.clear()
        self._far.clear()
        self._second = 0

    def forget_hosts(self) -> None:
        """Forget who belongs to which class."""
        self.by_host.clear()

    def _welcome(self, host: bytes) -> Answers:
        if len(self.by_host) >= _HOSTS:
            self.by_host.clear()
        answers = self.by_host[host] = self._near if self._nearness.includes(host) else self._far
        return answers
