"""What is remembered of others' answers, over sockets: a fake upstream counts what reaches it."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import dns.edns
import dns.flags
import dns.message
import dns.name
import pytest

from bossa.testing.debian import environment, program
from bossa.testing.domain import Domain
from bossa.testing.plugin import DomainFactory
from tests.interop.fake_upstream import FakeUpstream, fake_upstream

RECORDS = (
    "www.example.org. 300 IN A 192.0.2.1",
    "brief.example.org. 2 IN A 192.0.2.2",
    "often.example.org. 10 IN A 192.0.2.3",
    "never.example.org. 0 IN A 192.0.2.4",
    "alias.example.org. 300 IN CNAME www.example.org.",
    "inside.example.org. 300 IN CNAME inner.bossa.test.",
    "lost.example.org. 300 IN CNAME gone.bossa.test.",
    "far.sub.bossa.test. 300 IN A 192.0.2.5",
)
EXIT_UNREACHABLE, EXIT_USAGE = 3, 64


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    """Return a resolver that the test's domain passes questions on to."""
    with fake_upstream(*RECORDS) as one:
        yield one


@pytest.fixture
def domain(upstream: FakeUpstream, domain_factory: DomainFactory) -> Domain:
    """Return a domain in front of it, with records of its own."""
    made = domain_factory(config_toml=upstream.config)
    update = made.update()
    for owner, rtype, data in (
        ("out", "CNAME", "www.example.org."),
        ("back", "CNAME", "inside.example.org."),
        ("inner", "A", "192.0.2.77"),
        ("sub", "NS", "ns.sub"),
        ("ns.sub", "A", "192.0.2.53"),
        ("below", "CNAME", "far.sub"),
    ):
        update.add(owner, 60, rtype, data)
    assert made.send(update).rcode() == 0
    return made


def ask(
    domain: Domain, name: str, rtype: str = "A", *, do: bool = False, cd: bool = False, tcp: bool = False
) -> dns.message.Message:
    """Ask as a client that wants recursion."""
    query = dns.message.make_query(domain.full(name), rtype, use_edns=0, payload=1232, want_dnssec=do)
    query.flags |= dns.flags.CD if cd else 0
    return domain.send(query, tcp=tcp)


def said(reply: dns.message.Message) -> list[str]:
    return [f"{rrset.name} {rdata.to_text()}" for rrset in reply.answer for rdata in rrset]


def errors(reply: dns.message.Message) -> list[int]:
    return [int(o.code) for o in reply.options if isinstance(o, dns.edns.EDEOption)]


def until(holds: Callable[[], bool], seconds: float = 5.0) -> bool:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.02)
    return holds()


def dig(domain: Domain, *words: str) -> str:
    command = [*program("dig"), f"@{domain.address}", "-p", str(domain.dns_port), *words]
    return subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=20, check=True).stdout


def test_dig_sees_the_ttl_count_down(domain: Domain, upstream: FakeUpstream) -> None:
    """RFC 1034 §3.6."""

    def ttl() -> int:
        return int(dig(domain, "+noall", "+answer", "www.example.org", "A").split()[1])

    first = ttl()
    assert first == 300
    assert until(lambda: ttl() <= 298)
    assert upstream.count("www.example.org.") == 1


def test_nothing_there_is_remembered(domain: Domain, upstream: FakeUpstream) -> None:
    """RFC 2308 §5: for NXDOMAIN and for a type that is not there, by the SOA's minimum."""
    for name, rtype, rcode in (("gone.example.org.", "A", 3), ("www.example.org.", "MX", 0)):
        for _ in range(3):
            reply = ask(domain, name, rtype)
            assert (reply.rcode(), reply.answer) == (rcode, [])
            assert 890 <= reply.authority[0].ttl <= 900
        assert upstream.count(name) == 1


def test_twenty_equal_questions_are_one_for_the_upstream(domain: Domain, upstream: FakeUpstream) -> None:
    upstream.pause = 0.3
    with ThreadPoolExecutor(20) as clients:
        replies = list(clients.map(lambda _: ask(domain, "www.example.org."), range(20)))
    assert [said(reply) for reply in replies] == [["www.example.org. 192.0.2.1"]] * 20
    assert upstream.count("www.example.org.") == 1


def test_do_and_cd_are_remembered_apart_and_ad_is_not_passed_on(domain: Domain, upstream: FakeUpstream) -> None:
    """RFC 4035 §3.2.2 and §4.7, RFC 3225 §3; AD is the word of one who checked (RFC 4035 §3.2.3)."""
    for _ in range(2):
        for do in (False, True):
            for cd in (False, True):
                reply = ask(domain, "www.example.org.", do=do, cd=cd)
                assert said(reply) == ["www.example.org. 192.0.2.1"]
                assert not reply.flags & (dns.flags.AD | dns.flags.AA)
                assert bool(reply.flags & dns.flags.CD) is cd and bool(reply.ednsflags & dns.flags.DO) is do
    assert sorted(one[2:] for one in upstream.asked) == [(False, False), (False, True), (True, False), (True, True)]


def test_udp_and_tcp_share_what_is_remembered(domain: Domain, upstream: FakeUpstream) -> None:
    for tcp in (True, False, True):
        assert said(ask(domain, "www.example.org.", tcp=tcp)) == ["www.example.org. 192.0.2.1"]
    assert upstream.count("www.example.org.") == 1


def test_a_ttl_of_zero_is_not_remembered(domain: Domain, upstream: FakeUpstream) -> None:
    """RFC 1035 §3.2.1."""
    for _ in range(2):
        assert ask(domain, "never.example.org.").answer[0].ttl == 0
    assert upstream.count("never.example.org.") == 2


def test_stale_answers_are_told_when_the_upstream_has_died(domain: Domain, upstream: FakeUpstream) -> None:
    """RFC 8767 §5: within two seconds the first time, at once from then on; our zones answer as ever."""
    assert said(ask(domain, "brief.example.org.")) == ["brief.example.org. 192.0.2.2"]
    upstream.silent = True
    time.sleep(2.1)
    for patience in (4.5, 1.2, 1.2):
        started = time.monotonic()
        reply = ask(domain, "brief.example.org.")
        assert time.monotonic() - started < patience
        assert (said(reply), reply.answer[0].ttl, errors(reply)) == (["brief.example.org. 192.0.2.2"], 30, [3])
    assert said(ask(domain, "inner")) == ["inner.bossa.test. 192.0.2.77"]
    assert "1 of them stale" in domain.run("cache", "show", check=True).stdout


def test_with_all_upstreams_dead_there_is_servfail_with_the_reason_in_bounded_time(
    domain: Domain, upstream: FakeUpstream
) -> None:
    """RFC 8914 §4.23: extended error 22; the second time at once, and as remembered (RFC 9520 §3.2)."""
    upstream.silent = True
    for patience, expected in ((9.0, [22]), (1.2, [22, 13])):
        started = time.monotonic()
        reply = ask(domain, "other.example.org.")
        assert (reply.rcode(), errors(reply)) == (2, expected)
        assert time.monotonic() - started < patience
    reply = ask(domain, "out")
    assert (reply.rcode(), errors(reply), reply.answer) == (2, [22], [])
    assert said(ask(domain, "inner")) == ["inner.bossa.test. 192.0.2.77"]


def test_an_upstreams_own_reason_is_passed_on(domain: Domain, upstream: FakeUpstream) -> None:
    """RFC 8914 §3."""
    upstream.rcode, upstream.extended = 2, dns.edns.EDEOption(6, "signature expired")
    assert errors(ask(domain, "bogus.example.org.")) == [6]
    assert errors(ask(domain, "bogus.example.org.")) == [6, 13]


def test_what_is_asked_for_often_is_fetched_before_its_end(domain: Domain, upstream: FakeUpstream) -> None:
    def ask_on() -> bool:
        assert said(ask(domain, "often.example.org.")) == ["often.example.org. 192.0.2.3"]
        time.sleep(0.1)
        return upstream.count("often.example.org.") == 2

    started = time.monotonic()
    assert until(ask_on, 12)
    assert time.monotonic() - started > 8
    state = json.loads(domain.run("cache", "show", "--json", check=True).stdout)["cache"]
    assert (state["misses"], state["prefetches"]) == (1, 1)


def test_an_alias_out_of_our_zones_is_followed(domain: Domain, upstream: FakeUpstream) -> None:
    """RFC 1034 §4.3.2, step 3a; AA is the first name's (RFC 1035 §4.1.1)."""
    for tcp in (False, True):
        reply = ask(domain, "out", tcp=tcp)
        assert said(reply) == ["out.bossa.test. www.example.org.", "www.example.org. 192.0.2.1"]
        assert reply.rcode() == 0 and reply.flags & dns.flags.AA
    assert upstream.count("www.example.org.") == 1
    assert said(domain.ask("out")) == ["out.bossa.test. www.example.org."]


def test_the_code_of_a_chain_is_that_of_its_last_name(domain: Domain, upstream: FakeUpstream) -> None:
    """RFC 6604 §3."""
    upstream.use()
    reply = ask(domain, "out")
    assert (reply.rcode(), said(reply)) == (3, ["out.bossa.test. www.example.org."])
    assert [rrset.name.to_text() for rrset in reply.authority] == ["example.org."]


def test_a_chain_that_returns_is_answered_by_our_zone(domain: Domain) -> None:
    assert said(ask(domain, "back")) == [
        "back.bossa.test. inside.example.org.",
        "inside.example.org. inner.bossa.test.",
        "inner.bossa.test. 192.0.2.77",
    ]


def test_an_outside_alias_to_a_name_that_only_we_know_is_completed(domain: Domain, upstream: FakeUpstream) -> None:
    """The world says NXDOMAIN for what our zone holds."""
    for _ in range(2):
        reply = ask(domain, "inside.example.org.")
        assert said(reply) == ["inside.example.org. inner.bossa.test.", "inner.bossa.test. 192.0.2.77"]
        assert reply.rcode() == 0 and not reply.flags & dns.flags.AA
    assert upstream.count("inside.example.org.") == 1
    reply = ask(domain, "lost.example.org.")
    assert (reply.rcode(), said(reply)) == (3, ["lost.example.org. gone.bossa.test."])
    assert [rrset.name.to_text() for rrset in reply.authority] == ["bossa.test."]


def test_a_name_below_a_delegation_is_resolved_for_those_who_may_recurse(
    domain: Domain, upstream: FakeUpstream
) -> None:
    """Others, and these when nobody answers who knows of the delegation, get the referral.  RFC 1034 §4.3.1"""
    assert said(ask(domain, "far.sub")) == ["far.sub.bossa.test. 192.0.2.5"]
    assert said(ask(domain, "below")) == ["below.bossa.test. far.sub.bossa.test.", "far.sub.bossa.test. 192.0.2.5"]
    referral = domain.ask("far.sub")
    assert (referral.answer, said_authority(referral)) == ([], ["sub.bossa.test. ns.sub.bossa.test."])
    assert ask(domain, "gone.sub").rcode() == 3
    upstream.apex = dns.name.root
    assert said_authority(ask(domain, "internal.sub")) == ["sub.bossa.test. ns.sub.bossa.test."]
    upstream.rcode = 2
    assert said_authority(ask(domain, "near.sub")) == ["sub.bossa.test. ns.sub.bossa.test."]


def said_authority(reply: dns.message.Message) -> list[str]:
    return [f"{rrset.name} {rdata.to_text()}" for rrset in reply.authority for rdata in rrset]


def test_whoever_may_not_recurse_gets_chains_as_they_stand(
    upstream: FakeUpstream, domain_factory: DomainFactory
) -> None:
    domain = domain_factory(config_toml=upstream.config + 'recursion = ["192.0.2.0/24"]\n')
    update = domain.update()
    update.add("out", 60, "CNAME", "www.example.org.")
    assert domain.send(update).rcode() == 0
    assert said(ask(domain, "out")) == ["out.bossa.test. www.example.org."]
    assert ask(domain, "www.example.org.").rcode() == 5
    assert upstream.asked == []


def test_the_cache_is_shown_and_flushed(domain: Domain, upstream: FakeUpstream) -> None:
    for name in ("www.example.org.", "www.example.org.", "alias.example.org.", "gone.example.org."):
        ask(domain, name)
    ask(domain, "www.example.org.", do=True)
    summary = json.loads(domain.run("cache", "show", "--json", check=True).stdout)
    assert (summary["cache"]["entries"], summary["cache"]["misses"]) == (4, 4)
    shown = json.loads(domain.run("cache", "show", "www.example.org", "--json", check=True).stdout)["answers"]
    assert [(one["type"], one["do"], one["kind"]) for one in shown] == [
        ("A", False, "positive"),
        ("A", True, "positive"),
    ] or [(one["type"], one["do"]) for one in shown] == [("A", True), ("A", False)]
    assert all(290 <= one["left"] <= 300 for one in shown)
    text = domain.run("cache", "show", "gone.example.org", check=True).stdout
    assert "NXDOMAIN" in text and "gone.example.org" in text
    assert domain.run("cache", "flush", "www.example.org", check=True).stdout == "2 answers forgotten\n"
    ask(domain, "www.example.org.")
    assert upstream.count("www.example.org.") == 3
    assert domain.run("cache", "flush", "example.org", "--tree", check=True).stdout == "3 answers forgotten\n"
    ask(domain, "gone.example.org.")
    assert domain.run("cache", "flush", "--all", check=True).stdout == "1 answer forgotten\n"
    assert "nothing is remembered" in domain.run("cache", "show", "gone.example.org", check=True).stdout
    assert "cache" in domain.run("status", check=True).stdout


def test_the_cache_commands_say_what_is_wrong(domain: Domain) -> None:
    for words in (("flush",), ("flush", "a.test", "--all"), ("show", "a..test")):
        done = domain.run("cache", *words)
        assert (done.returncode, done.stdout) == (EXIT_USAGE, ""), done.stderr
        assert done.stderr.startswith("error: ") and "Fix: " in done.stderr
    domain.stop()
    for words in (("show",), ("flush", "--all")):
        done = domain.run("cache", *words)
        assert done.returncode == EXIT_UNREACHABLE
        assert "there is no cache without one" in done.stderr


def test_a_new_zone_drives_out_what_others_said_of_its_names(domain: Domain) -> None:
    ask(domain, "www.example.org.")
    zone = "@ SOA ns h 1 3600 600 86400 300\n@ NS ns\nns A 192.0.2.53\nwww CNAME ns.example.com.\n"
    domain.add_zone("example.org", zone)
    assert "nothing is remembered" in domain.run("cache", "show", "www.example.org", check=True).stdout
    assert said(ask(domain, "www.example.org."))[0] == "www.example.org. ns.example.com."
    domain.remove_zone("example.org")
    assert said(ask(domain, "www.example.org.")) == ["www.example.org. 192.0.2.1"]


def test_other_forwarders_after_a_reload_are_asked_anew(domain: Domain) -> None:
    ask(domain, "www.example.org.")
    with fake_upstream("www.example.org. 300 IN A 203.0.113.9") as other:
        (domain.home / "bossa.toml").write_text(other.config)
        domain.run("reload", check=True)
        assert said(ask(domain, "www.example.org.")) == ["www.example.org. 203.0.113.9"]
