"""Questions passed on to the servers that people run: none minds our mark, the random case, or TCP kept open."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import dns.rcode
import pytest

from bossa.testing.debian import environment, program
from bossa.testing.domain import Domain
from bossa.testing.plugin import DomainFactory
from bossa.testing.ports import reserve

BIG = " ".join(f'"{i:0200}"' for i in range(15))
ZONE = f"""$ORIGIN peer.test.
$TTL 60
@ SOA ns hostmaster 1 3600 600 86400 60
@ NS ns
ns A 127.0.0.1
www A 192.0.2.1
big TXT {BIG}
"""
NAMED = """
options {{
    directory "{home}"; pid-file none; lock-file none; session-keyfile none; geoip-directory none;
    listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
    recursion no; empty-zones-enable no; notify no; dnssec-validation no;
}};
controls {{ }};
zone "peer.test" {{ type primary; file "{home}/zone"; }};
"""
KNOTD = """
server:
  rundir: {home}
  listen: 127.0.0.1@{port}
database:
  storage: {home}
zone:
- domain: peer.test
  file: {home}/zone
  zonefile-sync: -1
"""
NSD = """
server:
  ip-address: 127.0.0.1@{port}
  username: ""
  zonesdir: {home}
  database: ""
  pidfile: {home}/nsd.pid
  xfrdfile: {home}/xfrd.state
  zonelistfile: {home}/zone.list
  xfrdir: {home}
remote-control:
  control-enable: no
zone:
  name: peer.test
  zonefile: {home}/zone
"""
UNBOUND = """
server:
  directory: "{home}"
  username: ""
  chroot: ""
  pidfile: ""
  use-syslog: no
  interface: 127.0.0.1
  port: {port}
  do-not-query-localhost: no
  module-config: "iterator"
  local-zone: "peer.test." static
  local-data: 'peer.test. 60 SOA ns.peer.test. hostmaster.peer.test. 1 3600 600 86400 60'
  local-data: 'www.peer.test. 60 A 192.0.2.1'
  local-data: 'big.peer.test. 60 TXT {big}'
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@{back}
"""
PEERS = {
    "named": (NAMED, ("-g", "-n", "1", "-c")),
    "knotd": (KNOTD, ("-c",)),
    "nsd": (NSD, ("-d", "-c")),
    "unbound": (UNBOUND, ("-d", "-c")),
}


@contextmanager
def peer(name: str, home: Path, back: int = 9) -> Iterator[int]:
    """Run a server of peer.test, and yield its port; ``back`` is where unbound asks for everything else."""
    home.mkdir()
    (home / "zone").write_text(ZONE)
    place = reserve()
    port = place.base + 53
    config, arguments = PEERS[name]
    (home / "conf").write_text(config.format(home=home, port=port, big=BIG, back=back))
    command = [*program(name), *arguments, str(home / "conf")]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment(), cwd=home, stdout=log, stderr=log)
    try:
        _wait(port, home / "log")
        yield port
    finally:
        process.terminate()
        process.wait(10)
        place.release()


def _wait(port: int, log: Path) -> None:
    query, deadline = dns.message.make_query("www.peer.test.", "A"), time.monotonic() + 20
    while True:
        try:
            if dns.query.udp(query, "127.0.0.1", timeout=0.5, port=port).answer:
                return
        except (dns.exception.Timeout, OSError):
            pass
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)


def ask(domain: Domain, name: str, rdtype: str, *, tcp: bool = False) -> dns.message.Message:
    return domain.send(dns.message.make_query(name, rdtype, use_edns=0, payload=1232), tcp=tcp)


def upstreams(domain: Domain) -> list[dict[str, object]]:
    return json.loads(domain.run("status", "--json", check=True).stdout)["upstreams"]  # type: ignore[no-any-return]


@pytest.mark.long
@pytest.mark.parametrize("name", PEERS)
def test_every_peer_answers_the_first_query_of_each_question(
    domain_factory: DomainFactory, tmp_path: Path, name: str
) -> None:
    with peer(name, tmp_path / name) as port:
        main = domain_factory(config_toml=f'[dns.forward]\n"peer.test" = ["127.0.0.1:{port}"]\n')
        answer = ask(main, "wWw.PEER.test.", "A")
        assert [rdata.to_text() for rdata in answer.answer[0]] == ["192.0.2.1"]
        assert len(ask(main, "big.peer.test.", "TXT", tcp=True).answer[0][0].strings) == 15
        for number in range(5):
            assert ask(main, f"Nothing{number}.peer.test.", "A").rcode() == dns.rcode.NXDOMAIN
        (row,) = (row for row in upstreams(main) if row["rule"] == "peer.test")
        assert (row["queries"], row["failures"], row["aside"]) == (7, 0, False)


@pytest.mark.long
def test_a_loop_over_a_resolver_that_drops_our_mark_ends_in_time(domain_factory: DomainFactory, tmp_path: Path) -> None:
    main = domain_factory(config_toml="[dns]\n")
    with peer("unbound", tmp_path / "unbound", back=main.dns_port) as port:
        (main.home / "bossa.toml").write_text(f'[dns]\nforwarders = ["127.0.0.1:{port}"]\n')
        main.run("reload", check=True)
        assert ask(main, "www.peer.test.", "A").rcode() == dns.rcode.NOERROR
        started = time.monotonic()
        assert ask(main, "round.example.", "A").rcode() == dns.rcode.SERVFAIL
        assert time.monotonic() - started < 8
        time.sleep(6)
        (row,) = upstreams(main)
        assert row["queries"] < 100, "a question that goes round is asked again by the clock, not by its own echo"
        assert ask(main, "www.peer.test.", "A").rcode() == dns.rcode.NOERROR
