"""Answers over UDP from a zone of 10 000 addresses: queries a second, CPU time a query; BIND, Knot, NSD beside it."""

from __future__ import annotations

import argparse
import itertools
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bossa.testing.bench import dnsperf, frame, machine, servers
from bossa.testing.bench.figures import Figures, Sample, count, ratio, table
from bossa.testing.bench.rounds import compare
from bossa.testing.debian import program

ZONE = "bench.test"
ADDRESSES = 10_000
# One name in ten, on top, is not there.
MISSING = ADDRESSES // 9
# What never repeats has to outlast two seconds of the fastest server.
FRESH = 700_000

# Each has one worker, and leaves out of an answer what bossa leaves out.
BIND = """
options {{
    directory "{home}"; pid-file none; lock-file none; session-keyfile none; geoip-directory none;
    listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
    recursion no; minimal-responses yes; empty-zones-enable no; notify no; dnssec-validation no;
}};
controls {{ }};
zone "{zone}" {{ type primary; file "{file}"; }};
"""
KNOT = """
server:
  rundir: {home}
  listen: 127.0.0.1@{port}
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
database:
  storage: {home}
zone:
- domain: {zone}
  file: {file}
  zonefile-sync: -1
"""
NSD = """
server:
  server-count: 1
  ip-address: 127.0.0.1@{port}
  username: ""
  zonesdir: {home}
  database: ""
  pidfile: {home}/nsd.pid
  xfrdfile: {home}/xfrd.state
  zonelistfile: {home}/zone.list
  xfrdir: {home}
  minimal-responses: yes
  # Debian's is built with a limit of 200 answers a second to a client.
  rrl-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: {zone}
  zonefile: {file}
"""
COMMANDS = {
    "bind": (BIND, ("named", "-g", "-n", "1", "-c")),
    "knot": (KNOT, ("knotd", "-c")),
    "nsd": (NSD, ("nsd", "-d", "-c")),
}


@dataclass(frozen=True, slots=True)
class QuerySet:
    """One kind of questions: ``names`` makes them, once for all or, if ``fresh``, anew for each measurement."""

    names: Callable[[random.Random], Iterator[str]]
    fresh: bool = False
    options: tuple[str, ...] = ()


def main(rest: Sequence[str]) -> int:
    """Run the comparison; ``bossa bench query [--servers bossa,nsd] [--set edns] [--json]``."""
    options = _options(rest)
    names = options.servers.split(",")
    figures = frame.run(lambda home, exits: _run(names, options, home, exits))
    if figures is None:
        return 1
    print(frame.as_text(as_json(figures, options)) if options.json else report(figures, options))
    return 0


def _options(rest: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bossa bench query", description=__doc__)
    parser.add_argument("--servers", default="bossa,bind,knot,nsd", help="who takes part; ratios are of the first")
    parser.add_argument("--set", default="main", choices=SETS, help="which questions (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2, help="of one measurement")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args(rest)


def _run(names: Sequence[str], options: argparse.Namespace, home: Path, exits: ExitStack) -> list[Figures]:
    zone = home / "zone"
    zone.write_text(zone_text())
    running = {name: exits.enter_context(start(name, home / name, zone)) for name in names}
    questions = Questions(SETS[options.set], home)

    def measure(name: str, seconds: int = options.seconds) -> Sample:
        return measure_one(running[name], questions.file(), seconds, questions.set.options)

    for name in names:
        measure(name, 1)
    return compare(names, options.rounds, measure)


def start(name: str, home: Path, zone: Path) -> servers.Running:
    """Start a server with the zone, in a directory that it makes."""
    if name == "bossa":
        return servers.bossa(home, {ZONE: zone})
    config, command = COMMANDS[name]

    def recipe(own: Path, port: int) -> list[str]:
        (own / "conf").write_text(config.format(home=own, port=port, zone=ZONE, file=zone))
        return [*program(command[0]), *command[1:], str(own / "conf")]

    return servers.peer(name, recipe, home, f"h0.{ZONE}")


def measure_one(server: servers.Served, file: Path, seconds: int, options: Sequence[str] = ()) -> Sample:
    """Ask a server the questions of a file for so long."""
    found, costs = machine.watch(server.pinned(), lambda: dnsperf.run(server.port, file, seconds, options))
    extra = {"size": found.size, "nxdomain": found.share("NXDOMAIN"), "noerror": found.share("NOERROR")}
    return costs.sample(found.completed, seconds=found.seconds, lost=found.lost, extra=extra)


class Questions:
    """The query file of a set."""

    def __init__(self, chosen: QuerySet, home: Path) -> None:
        self.set = chosen
        self._chance = random.Random(1)
        self._file = home / "queries"

    def file(self) -> Path:
        """Return the file for the next measurement."""
        if self.set.fresh or not self._file.exists():
            dnsperf.write(self._file, self.set.names(self._chance))
        return self._file


def zone_text() -> str:
    """Return the zone as a master file."""
    hosts = (f"h{number} A 10.0.{number >> 8}.{number & 255}\n" for number in range(ADDRESSES))
    return f"$TTL 300\n@ SOA ns1 hostmaster 1 3600 600 86400 300\n@ NS ns1\nns1 A 127.0.0.1\n{''.join(hosts)}"


def main_names(chance: random.Random) -> Iterator[str]:
    """Return all names that are there and one in ten that is not, shuffled."""
    names = [f"h{number}.{ZONE}" for number in range(ADDRESSES)] + [f"x{number}.{ZONE}" for number in range(MISSING)]
    chance.shuffle(names)
    return iter(names)


def _random_case_names(chance: random.Random) -> Iterator[str]:
    names = itertools.cycle(main_names(chance))
    return (dnsperf.random_case(name, chance) for name in itertools.islice(names, FRESH))


def _new_missing_names(chance: random.Random) -> Iterator[str]:
    # 64 bits: a name that was asked before comes once in a million runs.
    return (f"{chance.getrandbits(64):016x}.{ZONE}" for _ in range(FRESH))


SETS = {
    "main": QuerySet(main_names),
    "edns": QuerySet(main_names, options=("-e",)),
    "random-case": QuerySet(_random_case_names, fresh=True),
    "uniqnx": QuerySet(_new_missing_names, fresh=True),
}


def report(figures: Sequence[Figures], options: argparse.Namespace) -> str:
    """Return the result as a table for people."""
    first = figures[0]
    headings = ["server", "queries/s", "CPU us/query", f"{first.name} is ×", "octets", "NXDOMAIN", "lost", "disturbed"]
    rows = [
        [
            one.name,
            count(one.rate),
            f"{one.micros:.2f}",
            ratio(first, one),
            f"{one.extra('size'):.0f}",
            f"{one.extra('nxdomain'):.1%}",
            str(one.lost),
            f"{one.disturbed}/{len(one.samples)}",
        ]
        for one in figures
    ]
    what = f"set {options.set}, medians of {options.rounds} rounds of {options.seconds} s, one core a server"
    return f"{machine.describe()}\n{what}\n\n{table(headings, rows)}"


def as_json(figures: Sequence[Figures], options: argparse.Namespace) -> dict[str, object]:
    """Return the result for programs."""
    return {"machine": machine.describe(), "set": options.set, "servers": [one.as_json() for one in figures]}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
