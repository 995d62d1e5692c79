"""How long known names take while random ones are asked in a flood: p50 and p99, calm and not; BIND beside it."""

from __future__ import annotations

import argparse
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, nullcontext
from pathlib import Path

from bossa.dns.names import from_text
from bossa.testing.bench import floods, frame, machine, servers
from bossa.testing.bench.figures import Figures, Sample, percentile, table
from bossa.testing.bench.rounds import compare
from bossa.testing.debian import program

ZONE = "bench.test"
ADDRESSES = 10_000
KNOWN = [from_text(f"h{number}.{ZONE}.") for number in range(0, ADDRESSES, 7)]
# Each kind of flood, and below which name its names are; no flood first.
FLOODS = {"calm": "", "missing": ZONE, "passed on": "elsewhere.example"}
# Questions that were passed on wait for this long at most; the next server's turn is not to be disturbed by them.
_SETTLE_SECONDS = 6.0

BIND = """
options {{
    directory "{home}"; pid-file none; lock-file none; session-keyfile none; geoip-directory none;
    listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
    recursion yes; allow-recursion {{ 127.0.0.0/8; }}; forward only; forwarders {{ 127.0.0.1 port {upstream}; }};
    minimal-responses yes; empty-zones-enable no; notify no; dnssec-validation no;
}};
controls {{ }};
zone "{zone}" {{ type primary; file "{file}"; }};
"""


def main(rest: Sequence[str]) -> int:
    """Run the comparison; ``bossa bench flood [--rate 5000] [--json]``."""
    options = _options(rest)
    names = options.servers.split(",")
    figures = frame.run(lambda home, exits: _run(names, options, home, exits))
    if figures is None:
        return 1
    print(frame.as_text(_as_json(figures, options)) if options.json else _report(figures, options))
    return 0


def _options(rest: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bossa bench flood", description=__doc__)
    parser.add_argument("--servers", default="bossa,bind", help="who takes part")
    parser.add_argument("--rate", type=int, default=5000, help="questions a second of the flood (%(default)s)")
    parser.add_argument("--trickle", type=int, default=200, help="questions a second for known names (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5, help="of one flood")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args(rest)


def _run(names: Sequence[str], options: argparse.Namespace, home: Path, exits: ExitStack) -> list[Figures]:
    zone = home / "zone"
    zone.write_text(zone_text())
    upstream = exits.enter_context(_dead_upstream())
    running = {name: exits.enter_context(_start(name, home, zone, upstream.getsockname()[1])) for name in names}
    return compare(names, options.rounds, lambda name: _measure(running[name], options))


def _dead_upstream() -> socket.socket:
    """Return a socket that takes questions and never answers, which is worse than a port where nobody listens."""
    silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    silent.bind((servers.ADDRESS, 0))
    return silent


def _start(name: str, home: Path, zone: Path, upstream: int) -> servers.Running:
    if name == "bossa":
        config = f'[dns]\nforwarders = ["{servers.ADDRESS}:{upstream}"]\n'
        return servers.bossa(home / name, {ZONE: zone}, config=config)

    def recipe(own: Path, port: int) -> list[str]:
        (own / "conf").write_text(BIND.format(home=own, port=port, upstream=upstream, zone=ZONE, file=zone))
        return [*program("named"), "-g", "-n", "1", "-c", str(own / "conf")]

    return servers.peer(name, recipe, home / name, f"h0.{ZONE}")


def _measure(server: servers.Served, options: argparse.Namespace) -> Sample:
    """Trickle through a calm and through each flood, one after the other."""
    found: dict[str, floods.Latencies] = {}

    def load() -> None:
        for kind, apex in FLOODS.items():
            flood = floods.flood(server.port, apex, options.rate, options.seconds) if apex else nullcontext()
            with flood:
                found[kind] = floods.trickle(server.port, KNOWN, options.trickle, options.seconds)

    _, costs = machine.watch(server.pinned(), load)
    time.sleep(_SETTLE_SECONDS)
    extra = {}
    for kind, latencies in found.items():
        extra[f"{kind} p50"], extra[f"{kind} p99"] = (percentile(latencies.millis, share) for share in (0.5, 0.99))
        extra[f"{kind} ratio"] = extra[f"{kind} p99"] / extra["calm p99"]
        extra[f"{kind} lost"] = float(latencies.lost)
    answered = sum(len(latencies.millis) for latencies in found.values())
    return costs.sample(answered, lost=sum(latencies.lost for latencies in found.values()), extra=extra)


def zone_text() -> str:
    """Return the zone as a master file."""
    hosts = (f"h{number} A 10.0.{number >> 8}.{number & 255}\n" for number in range(ADDRESSES))
    return f"$TTL 300\n@ SOA ns1 hostmaster 1 3600 600 86400 300\n@ NS ns1\nns1 A 127.0.0.1\n{''.join(hosts)}"


def _report(figures: Sequence[Figures], options: argparse.Namespace) -> str:
    headings = ["server", "flood", "p50 ms", "p99 ms", "p99 / calm", "lost", "disturbed"]
    rows = [
        [
            one.name,
            kind,
            f"{one.extra(f'{kind} p50'):.3f}",
            f"{one.extra(f'{kind} p99'):.3f}",
            f"{one.extra(f'{kind} ratio'):.2f}" if apex else "",
            f"{sum(sample.extra[f'{kind} lost'] for sample in one.samples):.0f}",
            f"{one.disturbed}/{len(one.samples)}",
        ]
        for one in figures
        for kind, apex in FLOODS.items()
    ]
    what = (
        f"known names {options.trickle}/s, flood {options.rate}/s, medians of {options.rounds} rounds of "
        f"{options.seconds} s each, one core a server"
    )
    return f"{machine.describe()}\n{what}\n\n{table(headings, rows)}"


def _as_json(figures: Sequence[Figures], options: argparse.Namespace) -> dict[str, object]:
    return {"machine": machine.describe(), "rate": options.rate, "servers": [one.as_json() for one in figures]}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
