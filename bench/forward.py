"""Answers that a forwarder remembers, over UDP: queries a second, CPU time a query; unbound, dnsmasq, BIND too."""

from __future__ import annotations

import argparse
import getpass
import random
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import query

from bossa.testing.bench import dnsperf, frame, servers
from bossa.testing.bench.figures import Figures, Sample
from bossa.testing.bench.rounds import compare
from bossa.testing.debian import program

ZONE = query.ZONE
PROBE = servers.Probe(f"h0.{ZONE}", own=False)
WARM_SECONDS = 3

# Each has one thread, room for all answers, one upstream, and leaves out of an answer what bossa leaves out.
UNBOUND = """
server:
  interface: 127.0.0.1@{port}
  port: {port}
  num-threads: 1
  do-daemonize: no
  username: ""
  chroot: ""
  directory: "{home}"
  pidfile: ""
  use-syslog: no
  logfile: ""
  module-config: "iterator"
  access-control: 127.0.0.0/8 allow
  do-not-query-localhost: no
  # bench.test is below a name that unbound answers by itself otherwise (RFC 6761).
  local-zone: "test." nodefault
  minimal-responses: yes
  msg-cache-size: 64m
  rrset-cache-size: 64m
  outgoing-range: 1024
  num-queries-per-thread: 1024
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@{upstream}
"""
BIND = """
options {{
    directory "{home}"; pid-file none; lock-file none; session-keyfile none; geoip-directory none;
    listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
    recursion yes; allow-recursion {{ 127.0.0.0/8; }}; forward only; forwarders {{ 127.0.0.1 port {upstream}; }};
    minimal-responses yes; empty-zones-enable no; dnssec-validation no; max-cache-size 64M;
}};
controls {{ }};
"""
DNSMASQ = """
port={port}
listen-address=127.0.0.1
bind-interfaces
no-resolv
no-hosts
server=127.0.0.1#{upstream}
cache-size=20000
dns-forward-max=1000
user={user}
pid-file
log-facility=-
"""
BOSSA = """
[dns]
forwarders = ["127.0.0.1:{upstream}"]
"""
COMMANDS = {
    "unbound": (UNBOUND, ("unbound", "-d", "-c")),
    "bind": (BIND, ("named", "-g", "-n", "1", "-c")),
    "dnsmasq": (DNSMASQ, ("dnsmasq", "--keep-in-foreground", "--conf-file")),
}


def main(rest: Sequence[str]) -> int:
    """Run the comparison; ``bossa bench forward [--servers bossa,dnsmasq] [--set main] [--json]``."""
    options = _options(rest)
    names = options.servers.split(",")
    figures = frame.run(lambda home, exits: _run(names, options, home, exits))
    if figures is None:
        return 1
    print(frame.as_text(query.as_json(figures, options)) if options.json else query.report(figures, options))
    return 0


def _options(rest: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bossa bench forward", description=__doc__)
    parser.add_argument(
        "--servers", default="bossa,unbound,dnsmasq,bind", help="who takes part; ratios are of the first"
    )
    parser.add_argument("--set", default="cached", choices=SETS, help="which questions (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2, help="of one measurement")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args(rest)


def _run(names: Sequence[str], options: argparse.Namespace, home: Path, exits: ExitStack) -> list[Figures]:
    zone = home / "zone"
    zone.write_text(query.zone_text())
    upstream = exits.enter_context(query.start("nsd", home / "upstream", zone))
    running = {name: exits.enter_context(_start(name, home / name, upstream.port)) for name in names}
    file = dnsperf.write(home / "queries", SETS[options.set])

    def measure(name: str, seconds: int = options.seconds) -> Sample:
        return query.measure_one(running[name], file, seconds)

    for name in names:
        # Every name is asked for once at least, and its answer lives for longer than the whole run.
        measure(name, WARM_SECONDS)
    return compare(names, options.rounds, measure)


def _start(name: str, home: Path, upstream: int) -> servers.Running:
    if name == "bossa":
        return servers.bossa(home, {}, config=BOSSA.format(upstream=upstream))
    config, command = COMMANDS[name]

    def recipe(own: Path, port: int) -> list[str]:
        text = config.format(home=own, port=port, upstream=upstream, user=getpass.getuser())
        (own / "conf").write_text(text)
        return [*program(command[0]), *command[1:-1], *_named(command[-1], own / "conf")]

    return servers.peer(name, recipe, home, PROBE)


def _named(option: str, file: Path) -> list[str]:
    return [f"{option}={file}"] if option.startswith("--") else [option, str(file)]


def _cached_names() -> list[str]:
    names = [f"h{number}.{ZONE}" for number in range(query.ADDRESSES)]
    random.Random(1).shuffle(names)
    return names


# Names that are all there, and the mix of `bossa bench query`, one in ten of which is not.
SETS = {"cached": _cached_names(), "main": list(query.main_names(random.Random(1)))}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
