"""Set as the only resolver for a day: ten thousand real names, against an upstream that knows them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import dns.edns
import dns.message
import pytest

from bossa.testing.bench import servers
from bossa.testing.debian import host_names, program
from bossa.testing.domain import Domain
from bossa.testing.plugin import DomainFactory
from tests.interop import day
from tests.interop.day import Answered, Asked

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

NAMES = 10_000
NOERROR, SERVFAIL, NXDOMAIN = 0, 2, 3
NAMED = """
options {{
    directory "{home}"; pid-file none; lock-file none; session-keyfile none; geoip-directory none;
    listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
    recursion no; minimal-responses yes; empty-zones-enable no; notify no; dnssec-validation no;
}};
controls {{ }};
zone "." {{ type primary; file "zone"; }};
"""
OWN = [Asked("ns1.bossa.test", "A"), Asked("ns1.bossa.test", "AAAA"), Asked("nothing.bossa.test", "A")]


class Upstream:
    """A name server that holds the root as we made it, until it is ended."""

    def __init__(self, home: Path, names: list[str], ttl: int) -> None:
        self._exits = ExitStack()
        self._text = day.zone(names, ttl)
        running = servers.peer("named", self._recipe, home, "ns.root-like")
        self.port = self._exits.enter_context(running).port

    def _recipe(self, home: Path, port: int) -> list[str]:
        (home / "zone").write_text(self._text)
        (home / "conf").write_text(NAMED.format(home=home, port=port))
        return [*program("named"), "-g", "-n", "1", "-c", str(home / "conf")]

    def end(self) -> None:
        """End it."""
        self._exits.close()


@pytest.fixture(scope="module")
def names() -> list[str]:
    """The hosts of Debian's Homepage fields, and the domains above them as far as they are needed."""
    hosts = host_names()
    above = {host.split(".", level)[-1] for host in hosts for level in range(1, host.count("."))}
    chosen = (hosts + sorted(above - set(hosts)))[:NAMES]
    assert len(chosen) == NAMES
    return chosen


@pytest.fixture
def upstream(tmp_path: Path, names: list[str]) -> Iterator[Upstream]:
    """A running upstream whose records are good for five minutes."""
    one = Upstream(tmp_path / "upstream", names, 300)
    yield one
    one.end()


def resolver(domain_factory: DomainFactory, upstream: Upstream) -> Domain:
    """Start a domain that passes everything on to this upstream alone."""
    return domain_factory(config_toml=f'[dns]\nforwarders = ["127.0.0.1:{upstream.port}"]\n')


def ending_in_the_middle(upstream: Upstream, asked: list[Asked]) -> Iterator[Asked]:
    """Yield the questions; with half of them under way or answered, the upstream ends."""
    for number, one in enumerate(asked):
        if number == len(asked) // 2:
            upstream.end()
        yield one


def wrong(outcome: day.Outcome, expected: day.Outcome, *allowed: Answered) -> list[tuple[Asked, object, object]]:
    """Return the answers that are neither what the upstream says nor one of the allowed."""
    return [
        (asked, answer, expected.answers[asked][0])
        for asked, answers in outcome.answers.items()
        for answer in answers
        if answer not in (expected.answers[asked][0], *allowed)
    ]


def test_nothing_fails_that_the_upstream_answers(
    domain_factory: DomainFactory, upstream: Upstream, names: list[str]
) -> None:
    asked = day.questions(names, random.Random(1))
    expected = day.ask_all(upstream.port, sorted(set(asked)))
    # The day has some of everything.
    codes = Counter(answers[0].code for answers in expected.answers.values() if answers[0])
    assert codes[NOERROR] > NAMES
    assert codes[NXDOMAIN] > NAMES // 20
    assert codes.total() == len(expected.answers)
    outcome = day.ask_all(resolver(domain_factory, upstream).dns_port, asked)
    assert sum(map(len, outcome.answers.values())) == len(asked) > 4 * NAMES
    assert wrong(outcome, expected) == []


def test_a_dead_upstream_takes_no_zone_with_it_and_makes_no_answer_wrong(
    domain_factory: DomainFactory, upstream: Upstream, names: list[str]
) -> None:
    """What cannot be known is SERVFAIL, at once and with the reason (RFC 8914 §4.24); our own names are answered."""
    asked = day.questions(names[::5], random.Random(2))
    domain = resolver(domain_factory, upstream)
    expected = day.ask_all(upstream.port, sorted(set(asked)))
    own = day.ask_all(domain.dns_port, OWN)
    assert [answer.code for one in OWN if (answer := own.answers[one][0])] == [NOERROR, NOERROR, NXDOMAIN]
    mixed = [one for question in asked for one in (question, *OWN)]
    outcome = day.ask_all(domain.dns_port, ending_in_the_middle(upstream, mixed))
    assert wrong(day.Outcome({one: outcome.answers.pop(one) for one in OWN}, 0), own) == []
    failed = Answered(SERVFAIL, frozenset())
    assert wrong(outcome, expected, failed) == []
    failures = sum(answers.count(failed) for answers in outcome.answers.values())
    assert 0 < failures <= len(asked) // 2 + day.SOCKETS
    assert outcome.slowest < 6
    reply = domain.send(dns.message.make_query("never-asked.example.", "A", use_edns=0))
    assert reply.rcode() == SERVFAIL
    assert [option for option in reply.options if isinstance(option, dns.edns.EDEOption)]


def test_what_was_asked_before_is_still_answered_when_the_upstream_is_dead(
    domain_factory: DomainFactory, tmp_path: Path, names: list[str]
) -> None:
    """RFC 8767 §4: stale answers, past their TTL of one second, are better than none; what was not there may be."""
    upstream = Upstream(tmp_path / "upstream", names, 1)
    try:
        domain = resolver(domain_factory, upstream)
        asked = sorted(Asked(name, rtype) for name in names[:1000] for rtype in ("A", "AAAA"))
        expected = day.ask_all(upstream.port, asked)
        assert wrong(day.ask_all(domain.dns_port, asked), expected) == []
    finally:
        upstream.end()
    outcome = day.ask_all(domain.dns_port, asked)
    known = {one: answers for one, answers in outcome.answers.items() if expected.answers[one][0].records}
    assert len(known) > len(asked) // 3
    assert wrong(day.Outcome(known, 0), expected) == []
    assert outcome.slowest < 6
