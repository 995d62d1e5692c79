"""From the command to the first answer, and memory a record: fresh, again, and with many records; BIND beside it."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bossa.testing.bench import machine, servers
from bossa.testing.bench.figures import count, table
from bossa.testing.bench.rounds import tell, turns
from bossa.testing.debian import CHECKOUT, TIERS, environment, fetch, program
from bossa.testing.ports import SERVICES, reserve

ZONE = "bench.test"
BIND = """
options {{
    directory "{home}"; pid-file none; lock-file none; session-keyfile none; geoip-directory none;
    listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
    recursion no; minimal-responses yes; empty-zones-enable no; notify no; dnssec-validation no;
}};
controls {{ }};
zone "{zone}" {{ type primary; file "{file}"; }};
"""
# Memory counts once it has not changed for so long.
SETTLED_SECONDS = 1.0


@dataclass(slots=True)
class Case:
    """A server with so many records, how it is started, and what was measured so far.

    ``forget`` is removed before each start.
    """

    name: str
    what: str
    records: int
    home: Path
    port: int
    command: Sequence[str]
    env: dict[str, str]
    probe: str
    forget: Path | None = None
    import_seconds: float | None = None
    seconds: list[float] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)

    @property
    def median(self) -> float:
        """Seconds from the command to the first answer."""
        return statistics.median(self.seconds)

    @contextmanager
    def started(self) -> Iterator[subprocess.Popen[bytes]]:
        """Start the server, take the time until it answers, and end it with the block."""
        if self.forget is not None:
            shutil.rmtree(self.forget, ignore_errors=True)
        log = self.home / "log"
        with log.open("wb") as output:
            begin = time.monotonic()
            process = servers.spawn(self.command, self.home, output.fileno(), self.env)
        try:
            answered = servers.first_answer(self.port, self.probe, process, log, timeout=600)
            self.seconds.append(answered - begin)
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)

    def weigh(self) -> None:
        """Start once more, and take the memory of the server's processes when it has settled."""
        with self.started() as process:
            self.memory = settled(process.pid)


def main(rest: Sequence[str]) -> int:
    """Run the comparison; ``bossa bench start [--records 100000,1000000] [--json]``."""
    options = _options(rest)
    try:
        fetch(TIERS["bench"])
        with ExitStack() as exits:
            home = Path(exits.enter_context(tempfile.TemporaryDirectory(prefix="bossa-bench-")))
            cases = _cases([int(number) for number in options.records.split(",") if number], home, exits)
            _measure(cases, options.rounds)
    except (*servers.PROBLEMS, subprocess.CalledProcessError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    print(json.dumps(_as_json(cases), indent=1) if options.json else _report(cases, options.rounds))
    return 0


def _options(rest: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bossa bench start", description=__doc__)
    parser.add_argument("--records", default="100000", help="sizes of zones to start with (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args(rest)


def _cases(sizes: Sequence[int], home: Path, exits: ExitStack) -> list[Case]:
    base = exits.enter_context(_base())
    fresh, again = _bossa(home / "fresh", base, "fresh data"), _bossa(home / "again", base, "again")
    fresh.forget = fresh.home / "data"
    cases = [fresh, again, _bind(home / "bind", 0)]
    for size in sizes:
        cases += [_bossa_with(home / f"bossa{size}", base, size), _bind(home / f"bind{size}", size)]
    return cases


@contextmanager
def _base() -> Iterator[int]:
    held = reserve()
    try:
        yield held.base
    finally:
        held.release()


def _bossa(home: Path, base: int, what: str) -> Case:
    home.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BOSSA_")}
    env = kept | {"BOSSA_DATA": str(home / "data"), "BOSSA_DNS_WORKERS": "1"}
    command = [str(CHECKOUT / "bossa"), "up", "--port-base", str(base)]
    return Case("bossa", what, 0, home, base + SERVICES["dns"], command, env, "ns1.bossa.test")


def _bossa_with(home: Path, base: int, records: int) -> Case:
    case = _bossa(home, base, f"{count(records)} records")
    file = home / "zone"
    _write_zone(file, records)
    with case.started():
        begin = time.monotonic()
        command = [case.command[0], "zone", "import", ZONE, str(file)]
        subprocess.run(command, env=case.env, check=True, stdout=subprocess.DEVNULL)
        case.import_seconds = time.monotonic() - begin
    case.records, case.probe = records, f"h0.{ZONE}"
    case.seconds.clear()
    return case


def _bind(home: Path, records: int) -> Case:
    home.mkdir()
    port, file = servers.free_port(), home / "zone"
    _write_zone(file, records)
    (home / "conf").write_text(BIND.format(home=home, port=port, zone=ZONE, file=file))
    command = [*program("named"), "-g", "-n", "1", "-c", str(home / "conf")]
    what = f"{count(records)} records" if records else "again"
    return Case("bind", what, records, home, port, command, environment(), f"ns1.{ZONE}")


def _write_zone(file: Path, records: int) -> None:
    with file.open("w") as zone:
        zone.write("$TTL 300\n@ SOA ns1 hostmaster 1 3600 600 86400 300\n@ NS ns1\nns1 A 127.0.0.1\n")
        zone.writelines(f"h{n} A 10.{n >> 16}.{n >> 8 & 255}.{n & 255}\n" for n in range(records))


def _measure(cases: Sequence[Case], rounds: int) -> None:
    by_key = {f"{case.name}, {case.what}": case for case in cases}
    for key, case in by_key.items():
        # The first start fills the disk's cache, makes the environment, and makes the domain that is started again.
        case.weigh()
        case.seconds.clear()
        tell(f"  {key}: {sum(case.memory) >> 20} MiB")
    for key in turns(list(by_key), rounds):
        with by_key[key].started():
            tell(f"  {key}: {by_key[key].seconds[-1] * 1e3:.0f} ms")


def settled(pid: int) -> list[int]:
    """Return the memory of each process of a server in octets, when its sum rests."""
    before: list[int] = []
    while True:
        now = [machine.pss_bytes(one) for one in machine.tree(pid)]
        if before and abs(sum(now) - sum(before)) < sum(now) // 200:
            return now
        before = now
        time.sleep(SETTLED_SECONDS)


def _empty(case: Case, cases: Sequence[Case]) -> Case:
    return next(one for one in cases if one.name == case.name and one.what == "again")


def _per_record(case: Case, cases: Sequence[Case]) -> list[float]:
    """Octets a record by process: what the server has more than when it is empty."""
    empty = _empty(case, cases)
    return [(own - none) / case.records for own, none in zip(case.memory, empty.memory, strict=True) if case.records]


def _report(cases: Sequence[Case], rounds: int) -> str:
    headings = ["server", "start", "first answer ms", "memory MiB", "B/record", "import s"]
    rows = [
        [
            case.name,
            case.what,
            f"{case.median * 1e3:.0f}",
            " + ".join(f"{size / 2**20:.0f}" for size in case.memory),
            " + ".join(f"{size:.0f}" for size in _per_record(case, cases)),
            "" if case.import_seconds is None else f"{case.import_seconds:.1f}",
        ]
        for case in cases
    ]
    what = f"medians of {rounds} starts on both cores; memory (PSS) of bossa is owner + one query worker"
    return f"{machine.describe()}\n{what}\n\n{table(headings, rows)}"


def _as_json(cases: Sequence[Case]) -> dict[str, object]:
    rows = [
        {
            "name": case.name,
            "start": case.what,
            "records": case.records,
            "seconds": case.seconds,
            "memory": case.memory,
            "bytes_a_record": _per_record(case, cases),
            "import_seconds": case.import_seconds,
        }
        for case in cases
    ]
    return {"machine": machine.describe(), "cases": rows}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
