"""Questions passed on by rule: between two domains over real sockets, through every query worker."""

from __future__ import annotations

import json
import time
import urllib.request

import dns.flags
import dns.message
import dns.rcode
import pytest

from bossa.testing.domain import Domain
from bossa.testing.plugin import DomainFactory

ASKS = 12


def recursive(domain: Domain, name: str, rdtype: str = "A", *, tcp: bool = False) -> dns.message.Message:
    """Ask with recursion desired."""
    query = dns.message.make_query(name, rdtype, use_edns=0, payload=1232)
    return domain.send(query, tcp=tcp)


def said(domain: Domain, name: str, rdtype: str = "A") -> set[str]:
    """Ask from many ports, so that every worker is asked; return what was said: a code, or the data."""
    found = set()
    for number in range(ASKS):
        reply = recursive(domain, name, rdtype, tcp=number == 0)
        data = [rdata.to_text() for rrset in reply.answer for rdata in rrset]
        found.add(data[0] if data else dns.rcode.to_text(reply.rcode()))
    return found


def configure(domain: Domain, text: str) -> str:
    """Write the settings and have the server take them."""
    (domain.home / "bossa.toml").write_text(text)
    return domain.run("reload", check=True).stdout


def rule(name: str, *to: Domain) -> str:
    resolvers = [f"{one.address}:{one.dns_port}" for one in to]
    return f'[dns.forward]\n"{name}" = {json.dumps(resolvers)}\n'


@pytest.fixture
def corp(domain_factory: DomainFactory) -> Domain:
    """Return a domain below the one that passes questions on."""
    return domain_factory(name="corp.bossa.test")


def put(domain: Domain, owner: str, rdtype: str, data: str, zone: str | None = None) -> None:
    update = domain.update(zone)
    update.add(owner, 60, rdtype, data)
    assert domain.send(update).rcode() == 0


def test_a_rule_below_a_zone_comes_and_goes_with_a_reload(domain_factory: DomainFactory, corp: Domain) -> None:
    main = domain_factory(config_toml="[dns]\n", workers=2)
    put(main, "www.corp.bossa.test.", "A", "192.0.2.1")
    put(main, "alias.bossa.test.", "CNAME", "www.corp.bossa.test.")
    put(corp, "www.corp.bossa.test.", "A", "192.0.2.2")
    before = {"www.corp.bossa.test": "192.0.2.1", "nix.corp.bossa.test": "NXDOMAIN", "nix.bossa.test": "NXDOMAIN"}
    assert {name: said(main, name) for name in before} == {name: {data} for name, data in before.items()}
    changed = configure(main, rule("corp.bossa.test", corp))
    assert "dns.forward: {} →" in changed
    put(corp, "x.nix.corp.bossa.test.", "A", "192.0.2.3")
    after = {
        "www.corp.bossa.test": "192.0.2.2",
        "nix.corp.bossa.test": "NOERROR",
        "x.nix.corp.bossa.test": "192.0.2.3",
        "nix.bossa.test": "NXDOMAIN",
        "ns1.bossa.test": "127.0.0.1",
    }
    assert {name: said(main, name) for name in after} == {name: {data} for name, data in after.items()}
    # Without recursion desired it is not for us to say that a name is not there.
    assert main.ask("nothing.corp").rcode() == dns.rcode.REFUSED
    configure(main, "[dns]\n")
    assert {name: said(main, name) for name in before} == {name: {data} for name, data in before.items()}


def test_a_rule_takes_the_place_of_a_private_reverse_zone_from_the_start(
    domain_factory: DomainFactory, corp: Domain
) -> None:
    """RFC 6303 §3: such a zone is for who has set up nothing else."""
    put(corp, "9.0.0.10.in-addr.arpa.", "PTR", "host.corp.bossa.test.", "10.in-addr.arpa.")
    main = domain_factory(config_toml=rule("10.in-addr.arpa", corp), workers=2)
    assert said(main, "9.0.0.10.in-addr.arpa", "PTR") == {"host.corp.bossa.test."}
    assert said(main, "9.0.16.172.in-addr.arpa", "PTR") == {"NXDOMAIN"}
    configure(main, "[dns]\n")
    assert said(main, "9.0.0.10.in-addr.arpa", "PTR") == {"NXDOMAIN"}
    configure(main, rule("in-addr.arpa", corp))
    assert said(main, "9.0.0.10.in-addr.arpa", "PTR") == {"host.corp.bossa.test."}
    main.restart()
    assert said(main, "9.0.0.10.in-addr.arpa", "PTR") == {"host.corp.bossa.test."}


def test_a_rule_without_resolvers_lets_nothing_out(domain_factory: DomainFactory) -> None:
    """RFC 8914 §4.16"""
    other = domain_factory(name="other.test")
    forwarders = f'[dns]\nforwarders = ["{other.address}:{other.dns_port}"]\n'
    main = domain_factory(config_toml=forwarders + "[dns.forward]\n'leak.other.test' = []\n")
    assert said(main, "ns1.other.test") == {"127.0.0.1"}
    reply = recursive(main, "www.leak.other.test")
    assert reply.rcode() == dns.rcode.REFUSED
    assert [int(option.code) for option in reply.options] == [15]


def test_a_rule_at_the_name_of_a_zone_has_no_effect_and_says_so(domain_factory: DomainFactory, corp: Domain) -> None:
    main = domain_factory(config_toml=rule("bossa.test", corp))
    main.wait_for_log("forward rule without effect.*bossa.test")
    assert said(main, "ns1.bossa.test") == {"127.0.0.1"}
    assert "no effect: there is a zone of that name" in main.run("reload", check=True).stdout


def test_who_may_not_recurse_is_refused_by_every_worker(domain_factory: DomainFactory, corp: Domain) -> None:
    main = domain_factory(
        config_toml='[dns]\nrecursion = ["192.0.2.0/24"]\n' + rule("corp.bossa.test", corp), workers=2
    )
    assert said(main, "ns1.corp.bossa.test") == {"REFUSED"} == said(main, "corp.bossa.test")
    assert said(main, "corq.bossa.test") == {"NXDOMAIN"}
    configure(main, rule("corp.bossa.test", corp))
    assert said(main, "ns1.corp.bossa.test") == {"127.0.0.1"}


def test_a_wrong_rule_is_told_and_the_old_ones_stay(domain_factory: DomainFactory, corp: Domain) -> None:
    main = domain_factory(config_toml=rule("corp.bossa.test", corp))
    (main.home / "bossa.toml").write_text("[dns.forward]\ncorp.bossa.test = ['127.0.0.1']\n")
    done = main.run("reload")
    assert done.returncode and 'bossa.toml:2: "corp.bossa.test" in [dns.forward]' in done.stderr
    assert said(main, "ns1.corp.bossa.test") == {"127.0.0.1"}


def test_two_domains_that_forward_to_each_other_end_in_an_error_at_once(domain_factory: DomainFactory) -> None:
    first = domain_factory(config_toml="[dns]\n")
    second = domain_factory(
        name="other.test", config_toml=f'[dns]\nforwarders = ["{first.address}:{first.dns_port}"]\n'
    )
    configure(first, f'[dns]\nforwarders = ["{second.address}:{second.dns_port}"]\n')
    started = time.monotonic()
    for number in range(5):
        assert recursive(first, f"n{number}.nowhere.example").rcode() == dns.rcode.SERVFAIL
        assert recursive(second, f"n{number}.nowhere.example").rcode() == dns.rcode.SERVFAIL
    assert time.monotonic() - started < 5
    for domain in (first, second):
        (row,) = status(domain)["upstreams"]
        assert row["queries"] <= 40, "a question that comes round is not asked again and again"
    assert said(first, "ns1.other.test") == {"127.0.0.1"} == said(second, "ns1.bossa.test")


def status(domain: Domain) -> dict[str, list[dict[str, object]]]:
    return json.loads(domain.run("status", "--json", check=True).stdout)  # type: ignore[no-any-return]


def test_status_and_metrics_show_the_resolvers(domain_factory: DomainFactory, corp: Domain) -> None:
    text = f'[dns]\nforwarders = ["127.0.0.1:9", "{corp.address}:{corp.dns_port}"]\n'
    main = domain_factory(config_toml=text + rule("corp.bossa.test", corp))
    assert said(main, "ns1.corp.bossa.test") == {"127.0.0.1"}
    rows = {row["address"]: row for row in status(main)["upstreams"] if row["rule"]}
    mine = rows[f"{corp.address}:{corp.dns_port}"]
    assert (
        1 <= int(str(mine["queries"])) <= ASKS
        and mine["failures"] == 0
        and not mine["aside"]
        and 0 < float(str(mine["rtt"])) < 1
    )
    for name in ("a.example", "b.example", "c.example"):
        recursive(main, name)
    assert "127.0.0.1:9" in main.wait_for_log("resolver set aside")
    shown = main.run("status", check=True).stdout
    assert "corp.bossa.test" in shown and "healthy" in shown and "aside" in shown
    with urllib.request.urlopen(f"http://{main.address}:{main.web_port}/metrics", timeout=10) as page:
        metrics = page.read().decode()
    assert f'bossa_dns_upstream_queries_total{{upstream="{corp.address}:{corp.dns_port}"}}' in metrics
    assert 'bossa_dns_upstream_aside{upstream="127.0.0.1:9"} 1.0' in metrics
