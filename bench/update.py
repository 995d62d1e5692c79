"""Durable signed updates over UDP, one address each, by one client and by eight: how many, how fast; BIND beside it."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from bossa.testing.bench import frame, machine, servers, updates
from bossa.testing.bench.figures import Figures, Sample, count, percentile, ratio, table
from bossa.testing.bench.rounds import compare
from bossa.testing.debian import program
from bossa.testing.domain import Domain

ZONE = "bench.test"
SIGNER = updates.Signer("bench", "Ym9zc2EgYmVuY2g6IGEga2V5IGZvciBvbmUgcnVuLi4=", ZONE)
ZONE_FILE = "$TTL 300\n@ SOA ns1 hostmaster 1 3600 600 86400 300\n@ NS ns1\nns1 A 127.0.0.1\n"
# Messages to sign for a second of all clients: more than the fastest server takes.
MESSAGES = 16_000

# Both servers log a line or two a change, to a file.
BIND = """
options {{
    directory "{home}"; pid-file none; lock-file none; session-keyfile none; geoip-directory none;
    listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
    recursion no; minimal-responses yes; empty-zones-enable no; notify no; dnssec-validation no;
}};
controls {{ }};
key "{key}" {{ algorithm hmac-sha256; secret "{secret}"; }};
zone "{zone}" {{ type primary; file "{home}/zone"; allow-update {{ key "{key}"; }}; }};
"""


def main(rest: Sequence[str]) -> int:
    """Run the comparison; ``bossa bench update [--clients 1,8] [--json]``."""
    options = _options(rest)
    found = frame.run(lambda home, exits: _run(options, home, exits))
    if found is None:
        return 1
    figures, missing = found
    print(frame.as_text(_as_json(figures, missing)) if options.json else _report(figures, missing, options))
    return 1 if any(missing.values()) else 0


def _run(options: argparse.Namespace, home: Path, exits: ExitStack) -> tuple[dict[int, list[Figures]], dict[str, int]]:
    comparison = Comparison(options.servers.split(","), options, home, exits)
    figures = {int(clients): comparison.run(int(clients)) for clients in options.clients.split(",")}
    return figures, comparison.missing()


def _options(rest: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bossa bench update", description=__doc__)
    parser.add_argument("--servers", default="bossa,bind", help="who takes part; ratios are of the first")
    parser.add_argument("--clients", default="1,8", help="how many at once (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2, help="of one measurement")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args(rest)


class Comparison:
    """Servers with a zone that may be updated, and what they acknowledged so far."""

    def __init__(self, names: Sequence[str], options: argparse.Namespace, home: Path, exits: ExitStack) -> None:
        self._options = options
        self._servers = {name: exits.enter_context(_start(name, home)) for name in names}
        self._acknowledged: dict[str, list[str]] = {name: [] for name in names}
        self._signed = 0

    def run(self, clients: int) -> list[Figures]:
        """Compare the servers with that many clients."""
        names = list(self._servers)
        for name in names:
            self._measure(name, clients, 1)
        return compare(names, self._options.rounds, lambda name: self._measure(name, clients, self._options.seconds))

    def missing(self) -> dict[str, int]:
        """Return how many acknowledged names each server does not have."""
        return {
            name: len(updates.missing(self._servers[name].port, ZONE, labels))
            for name, labels in self._acknowledged.items()
        }

    def _measure(self, name: str, clients: int, seconds: int) -> Sample:
        server = self._servers[name]
        labels, work = self._sign(clients, seconds)
        outcomes, costs = machine.watch(server.pinned(), lambda: updates.run(server.port, work, seconds))
        self._acknowledged[name] += [
            of_one[number] for of_one, outcome in zip(labels, outcomes, strict=True) for number in outcome.done
        ]
        latencies = [latency * 1e3 for outcome in outcomes for latency in outcome.latencies]
        return costs.sample(
            len(latencies),
            seconds=max(outcome.seconds for outcome in outcomes),
            lost=sum(outcome.lost + outcome.refused for outcome in outcomes),
            extra={"p50_ms": percentile(latencies, 0.5), "p99_ms": percentile(latencies, 0.99)},
        )

    def _sign(self, clients: int, seconds: int) -> tuple[list[list[str]], list[list[bytes]]]:
        """Return labels that no measurement had before, and an update for each, by client."""
        first, each, now = self._signed, MESSAGES * seconds // clients, time.time()
        self._signed += each * clients
        numbers = [range(first + each * client, first + each * (client + 1)) for client in range(clients)]
        labels = [[f"n{number}" for number in of_one] for of_one in numbers]
        work = [[SIGNER.add(number, f"n{number}", now) for number in of_one] for of_one in numbers]
        return labels, work


def _start(name: str, home: Path) -> servers.Running:
    if name == "bossa":
        return _bossa(home)

    def recipe(own: Path, port: int) -> list[str]:
        (own / "zone").write_text(ZONE_FILE)
        config = BIND.format(home=own, port=port, zone=ZONE, key=SIGNER.key, secret=SIGNER.secret)
        (own / "conf").write_text(config)
        return [*program("named"), "-g", "-n", "1", "-c", str(own / "conf")]

    return servers.peer(name, recipe, home / name, f"ns1.{ZONE}")


def _bossa(home: Path) -> servers.Running:
    file = home / "zone"
    file.write_text(ZONE_FILE)
    return servers.bossa(home / "bossa", {ZONE: file}, _permit)


def _permit(domain: Domain) -> None:
    domain.add_key(SIGNER.key, secret=SIGNER.secret)
    domain.allow(ZONE, f"key:{SIGNER.key}")


def _report(figures: dict[int, list[Figures]], missing: dict[str, int], options: argparse.Namespace) -> str:
    first = figures[next(iter(figures))][0].name
    headings = ["server", "clients", "updates/s", f"{first} is ×", "p50 ms", "p99 ms", "CPU us", "lost", "disturbed"]
    rows = [
        [
            one.name,
            str(clients),
            count(one.rate),
            ratio(group[0], one),
            f"{one.extra('p50_ms'):.2f}",
            f"{one.extra('p99_ms'):.2f}",
            count(one.micros),
            str(one.lost),
            f"{one.disturbed}/{len(one.samples)}",
        ]
        for clients, group in figures.items()
        for one in group
    ]
    what = f"medians of {options.rounds} rounds of {options.seconds} s, one core a server"
    lost = ", ".join(f"{name} {number}" for name, number in missing.items())
    return f"{machine.describe()}\n{what}\n\n{table(headings, rows)}\n\nacknowledged and not there: {lost}"


def _as_json(figures: dict[int, list[Figures]], missing: dict[str, int]) -> dict[str, object]:
    runs = {clients: [one.as_json() for one in group] for clients, group in figures.items()}
    return {"machine": machine.describe(), "missing": missing, "clients": runs}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
