"""Updates signed with tickets: by eight clients whose keys are negotiated, and how fast keys are; BIND beside it."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count as counting
from pathlib import Path

from bossa.gss.initiator import Initiator
from bossa.krb.ccache import CredentialCache
from bossa.krb.credential import Credential
from bossa.testing import contexts, packets
from bossa.testing.bench import frame, machine, servers, updates
from bossa.testing.bench.figures import Figures, Sample, count, percentile, ratio, table
from bossa.testing.bench.rounds import compare
from bossa.testing.debian import program
from bossa.testing.domain import Domain

ZONE = "bench.test"
PASSWORD = "Of all who take part."
BOSSA, BIND = "DNS/ns1.bossa.test", "DNS/bind.bossa.test"
ZONE_FILE = "$TTL 300\n@ SOA ns1 hostmaster 1 3600 600 86400 300\n@ NS ns1\nns1 A 127.0.0.1\n"
# Messages to sign for a second of all clients, and keys to ask for in one measurement.
MESSAGES, KEYS = 12_000, 2_400
# Who asks for keys.
CLIENTS = 8

CONFIG = """
options {{
    directory "{home}"; pid-file none; lock-file none; session-keyfile none; geoip-directory none;
    listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
    recursion no; minimal-responses yes; empty-zones-enable no; notify no; dnssec-validation no;
    tkey-gssapi-keytab "{keytab}";
}};
controls {{ }};
zone "{zone}" {{ type primary; file "{home}/zone"; update-policy {{ grant bench0@BOSSA.TEST zonesub ANY; }}; }};
"""


def main(rest: Sequence[str]) -> int:
    """Run the comparison; ``bossa bench secure-update [--json]``."""
    options = _options(rest)
    found = frame.run(lambda home, exits: _run(options, home, exits))
    if found is None:
        return 1
    figures, missing = found
    print(frame.as_text(_as_json(figures, missing)) if options.json else _report(figures, missing, options))
    return 1 if any(missing.values()) else 0


def _options(rest: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bossa bench secure-update", description=__doc__)
    parser.add_argument("--clients", type=int, default=8, help="how many at once (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2, help="of one measurement of updates")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args(rest)


def _run(options: argparse.Namespace, home: Path, exits: ExitStack) -> tuple[dict[str, list[Figures]], dict[str, int]]:
    comparison = Comparison(options, home, exits)
    figures = {"updates": comparison.updates(), "keys": comparison.keys()}
    return figures, comparison.missing()


@dataclass(frozen=True, slots=True)
class Peer:
    """A server, and the clients' tickets for it."""

    served: servers.Served
    tickets: Sequence[Credential]


class Comparison:
    """Two servers with the same realm's tickets, and what they acknowledged so far."""

    def __init__(self, options: argparse.Namespace, home: Path, exits: ExitStack) -> None:
        self._options = options
        self._peers = {peer.served.name: peer for peer in _start(home, exits)}
        self._acknowledged: dict[str, list[str]] = {name: [] for name in self._peers}
        self._numbers = counting()

    def updates(self) -> list[Figures]:
        """Compare the servers by updates over negotiated keys."""
        return compare(list(self._peers), self._options.rounds, self._updates)

    def keys(self) -> list[Figures]:
        """Compare the servers by keys."""
        return compare(list(self._peers), self._options.rounds, self._keys)

    def missing(self) -> dict[str, int]:
        """Return how many acknowledged names each server does not have."""
        return {
            name: len(updates.missing(self._peers[name].served.port, ZONE, labels))
            for name, labels in self._acknowledged.items()
        }

    def _updates(self, name: str) -> Sample:
        peer, seconds, clients = self._peers[name], self._options.seconds, self._options.clients
        each = MESSAGES * seconds // clients
        labels = [[f"n{next(self._numbers)}" for _ in range(each)] for _ in range(clients)]
        work = [_signed(peer, of_one) for of_one in labels]
        outcomes, costs = machine.watch(peer.served.pinned(), lambda: updates.run(peer.served.port, work, seconds))
        self._acknowledged[name] += [
            of_one[number] for of_one, outcome in zip(labels, outcomes, strict=True) for number in outcome.done
        ]
        return _sample(outcomes, costs)

    def _keys(self, name: str) -> Sample:
        """Measure for a second, or until there are so many keys."""
        peer, clients = self._peers[name], self._options.clients
        asked = _requests(peer.tickets)
        work = [[next(asked) for _ in range(KEYS // clients)] for _ in range(clients)]
        port = peer.served.port
        outcomes, costs = machine.watch(peer.served.pinned(), lambda: updates.run(port, work, 1, _is_key))
        return _sample(outcomes, costs)


def _sample(outcomes: Sequence[updates.Outcome], costs: machine.Costs) -> Sample:
    latencies = [latency * 1e3 for outcome in outcomes for latency in outcome.latencies]
    return costs.sample(
        len(latencies),
        seconds=max(outcome.seconds for outcome in outcomes),
        lost=sum(outcome.lost + outcome.refused for outcome in outcomes),
        extra={"p50_ms": percentile(latencies, 0.5), "p99_ms": percentile(latencies, 0.99)},
    )


def _signed(peer: Peer, labels: Sequence[str]) -> list[bytes]:
    """Negotiate a key, and sign an update for each label."""
    key = contexts.negotiate(peer.tickets[0], lambda wire: updates.exchange(peer.served.port, wire))
    now = time.time()
    numbers = [int(label[1:]) for label in labels]
    return [
        key.sign(updates.addition(ZONE, number, label), moment=now)
        for number, label in zip(numbers, labels, strict=True)
    ]


def _requests(tickets: Sequence[Credential]) -> Iterator[bytes]:
    """Yield requests for keys, each with a token and a name of its own."""
    for number in counting():
        initiator = Initiator(tickets[number % len(tickets)], os.urandom, contexts.WISH, negotiate=True)
        token = initiator.step(None, time.time()).token
        name = f"{os.urandom(8).hex()}.bench.test"
        yield contexts.query(name, contexts.Tkey(token=token), ident=number & 0xFFFF)


def _is_key(reply: bytes) -> bool:
    """Tell whether an answer gives a key."""
    return not packets.rcode(reply) and not contexts.Tkey.found(reply).error


def _start(home: Path, exits: ExitStack) -> Iterator[Peer]:
    """Start bossa, whose realm gives tickets for both, and BIND."""
    file = home / "zone"
    file.write_text(ZONE_FILE)
    served = exits.enter_context(servers.bossa(home / "bossa", {ZONE: file}))
    domain = served.domain
    assert domain is not None, "bossa has one"
    keytab = domain.directory.add_service(BIND)
    for number in range(CLIENTS):
        domain.directory.add_user(f"bench{number}", PASSWORD)
    domain.allow(ZONE, "krb5:bench0@BOSSA.TEST")
    tickets = [_tickets(domain, f"bench{number}") for number in range(CLIENTS)]
    yield Peer(served, [of_one[BOSSA] for of_one in tickets])
    bind = exits.enter_context(_bind(home, domain, keytab))
    yield Peer(bind, [of_one[BIND] for of_one in tickets])


def _tickets(domain: Domain, user: str) -> dict[str, Credential]:
    seat = domain.kinit(user, PASSWORD)
    seat.kvno(BOSSA, BIND)
    return {one.server.text: one for one in CredentialCache.decode(seat.ccache.read_bytes()).tickets}


def _bind(home: Path, domain: Domain, keytab: Path) -> servers.Running:
    def recipe(own: Path, port: int) -> list[str]:
        (own / "zone").write_text(ZONE_FILE)
        (own / "conf").write_text(CONFIG.format(home=own, port=port, zone=ZONE, keytab=keytab))
        # What it remembers of authenticators stays in its own directory.
        variables = [f"KRB5_CONFIG={domain.krb5_conf()}", f"KRB5RCACHEDIR={own}"]
        return ["env", *variables, *program("named"), "-g", "-n", "1", "-c", str(own / "conf")]

    return servers.peer("bind", recipe, home / "bind", f"ns1.{ZONE}")


def _report(figures: dict[str, list[Figures]], missing: dict[str, int], options: argparse.Namespace) -> str:
    headings = ["server", "what", "per second", "bossa is ×", "p50 ms", "p99 ms", "CPU us", "lost", "disturbed"]
    rows = [
        [
            one.name,
            what,
            count(one.rate),
            ratio(group[0], one),
            f"{one.extra('p50_ms'):.2f}",
            f"{one.extra('p99_ms'):.2f}",
            count(one.micros),
            str(one.lost),
            f"{one.disturbed}/{len(one.samples)}",
        ]
        for what, group in figures.items()
        for one in group
    ]
    what = f"medians of {options.rounds} rounds, {options.clients} clients, one core a server"
    lost = ", ".join(f"{name} {number}" for name, number in missing.items())
    return f"{machine.describe()}\n{what}\n\n{table(headings, rows)}\n\nacknowledged and not there: {lost}"


def _as_json(figures: dict[str, list[Figures]], missing: dict[str, int]) -> dict[str, object]:
    runs = {what: [one.as_json() for one in group] for what, group in figures.items()}
    return {"machine": machine.describe(), "missing": missing, "runs": runs}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
