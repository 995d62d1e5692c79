"""Tickets over UDP: CPU time a sign-in and a service ticket, in small realms and large; MIT's KDC beside it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from bossa.krb.messages import AS_REP, TGS_REP
from bossa.testing.bench import frame, kdcs, machine, tickets
from bossa.testing.bench.figures import Figures, Sample, count, table
from bossa.testing.bench.rounds import compare

# Messages to prepare for a second: more than the fastest KDC answers.
MESSAGES = {"as": 12_000, "tgs": 8_000}
EXCHANGES = {"as": AS_REP, "tgs": TGS_REP}
SERVERS = ("bossa", "mit", "tuned")

Results = dict[tuple[int, str], list[Figures]]


def main(rest: Sequence[str]) -> int:
    """Run the comparison; ``bossa bench kdc [--accounts 10,100000] [--exchanges as,tgs] [--json]``."""
    options = _options(rest)
    found = frame.run(lambda home, exits: _run(options, home))
    if found is None:
        return 1
    print(frame.as_text(_as_json(found)) if options.json else _report(found, options))
    return 1 if any(one.lost for group in found.values() for one in group) else 0


def _options(rest: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bossa bench kdc", description=__doc__)
    parser.add_argument("--servers", default=",".join(SERVERS), help="who takes part; ratios are of the first")
    parser.add_argument("--accounts", default="20", help="sizes of realms (%(default)s)")
    parser.add_argument("--exchanges", default="as,tgs", help="what is asked for (%(default)s)")
    parser.add_argument("--window", type=int, default=tickets.WINDOW, help="requests under way (%(default)s)")
    parser.add_argument(
        "--each", type=int, default=tickets.A_TICKET, help="services asked for with one ticket (%(default)s)"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2, help="of one measurement")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args(rest)


def _run(options: argparse.Namespace, home: Path) -> Results:
    found: Results = {}
    for size in map(int, options.accounts.split(",")):
        with ExitStack() as exits:
            names = options.servers.split(",")
            running = {name: exits.enter_context(_start(name, home / f"{name}{size}", size)) for name in names}
            for exchange in options.exchanges.split(","):
                found[size, exchange] = _compare(running, exchange, options)
    return found


def _start(name: str, home: Path, size: int) -> kdcs.Starting:
    people = kdcs.Population(size)
    if name == "bossa":
        return kdcs.bossa(home, people)
    return kdcs.mit(name, home, people, tuned=name == "tuned")


def _compare(running: dict[str, kdcs.Running], exchange: str, options: argparse.Namespace) -> list[Figures]:
    measure = partial(_measure, running, exchange, options)
    for name in running:
        measure(1, name)
    return compare(list(running), options.rounds, partial(measure, options.seconds))


def _measure(
    running: dict[str, kdcs.Running], exchange: str, options: argparse.Namespace, seconds: int, name: str
) -> Sample:
    kdc = running[name]
    asked = _messages(kdc, exchange, seconds, options.each)
    outcome, costs = machine.watch(
        kdc.pinned(), lambda: tickets.run(kdc.port, asked, seconds, EXCHANGES[exchange], options.window)
    )
    if outcome.refused:
        raise ValueError(f"{name} refused {outcome.refused} of {exchange}: {outcome.complaint}")
    extra = {"size": float(outcome.size), "start": kdc.start}
    return costs.sample(outcome.done, seconds=outcome.seconds, lost=outcome.lost, extra=extra)


def _messages(kdc: kdcs.Running, exchange: str, seconds: int, each: int) -> list[bytes]:
    number = MESSAGES[exchange] * seconds
    return kdc.users.sign_ins(number) if exchange == "as" else kdc.users.asks(kdc.port, number, each)


def _report(found: Results, options: argparse.Namespace) -> str:
    first = options.servers.split(",")[0]
    headings = [
        "server",
        "accounts",
        "exchange",
        "CPU us",
        f"{first} takes ×",
        "requests/s",
        "octets",
        "lost",
        "start s",
        "disturbed",
    ]
    rows = [
        [
            one.name,
            count(size),
            exchange.upper(),
            f"{one.micros:.1f}",
            "" if one is group[0] else f"{group[0].micros / one.micros:.2f}",
            count(one.rate),
            f"{one.extra('size'):.0f}",
            str(one.lost),
            f"{one.extra('start'):.2f}",
            f"{one.disturbed}/{len(one.samples)}",
        ]
        for (size, exchange), group in found.items()
        for one in group
    ]
    how = f"{options.window} requests under way, {options.each} TGS-REQs with one ticket"
    what = f"medians of {options.rounds} rounds of {options.seconds} s, one core a server, {how}"
    return f"{machine.describe()}\n{what}\n\n{table(headings, rows)}"


def _as_json(found: Results) -> dict[str, object]:
    runs = [
        {"accounts": size, "exchange": exchange, "servers": [one.as_json() for one in group]}
        for (size, exchange), group in found.items()
    ]
    return {"machine": machine.describe(), "runs": runs}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
