"""``bossa up``: the server.  Its few flags are read by hand, which saves a tenth of a second at every start."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple


class Flag(NamedTuple):
    """One flag of ``up``: its place in UpFlags, what its value is called, and the help text."""

    field: str
    metavar: str
    help: str


FLAGS = {
    "--data": Flag("data", "DIR", "The data directory; BOSSA_DATA, or ./data."),
    "--port-base": Flag("port_base", "N", "Added to every real port: 10000 makes DNS listen on 10053."),
    "--config": Flag("config", "FILE", "The bossa.toml; one beside the data directory or here is found without."),
    "--domain": Flag("domain", "NAME", "The domain of a fresh data directory, bossa.test."),
    "--log-format": Flag("log_format", "FORMAT", "console for people or json for machines."),
    "--ready-fd": Flag("ready_fd", "N", "Write one line of JSON to this open file when the server answers."),
}
_OTHERS = ("--help", "--version")
USAGE = 64


def default_data() -> Path:
    """Return the data directory that holds when none is named: BOSSA_DATA, the checkout's, or ./data."""
    if named := os.environ.get("BOSSA_DATA"):
        return Path(named)
    return Path(os.environ.get("BOSSA_CHECKOUT") or ".") / "data"


def is_up(arguments: list[str]) -> bool:
    """Tell whether the command line starts the server: no noun or ``up``, and nothing that asks for help."""
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        name, equals, _ = word.partition("=")
        if name in FLAGS:
            del rest[: 0 if equals else 1]
        elif word == "up":
            return "--help" not in rest
        else:
            return word.startswith("-") and word not in _OTHERS
    return True


def start(arguments: list[str]) -> int:
    """Read the flags and run the server until it ends; return its exit code."""
    try:
        values = _parse(arguments)
    except ValueError as e:
        from bossa.admin.errors import Exit, Failure
        from bossa.cli.output import failure

        failure(Failure("bossa up", str(e), "bossa up --help", Exit.USAGE))
        return USAGE
    return run(values)


def run(values: dict[str, str]) -> int:
    """Run the server with flags by field name, as they were typed."""
    from bossa.daemon import run as run_daemon
    from bossa.opening import UpFlags

    data, config, ready = values.pop("data", None), values.pop("config", None), values.pop("ready_fd", None)
    flags = UpFlags(
        data=Path(data) if data else default_data(),
        config=Path(config) if config else None,
        ready_fd=int(ready) if ready else None,
        port_base=values.get("port_base"),
        domain=values.get("domain"),
        log_format=values.get("log_format"),
    )
    return run_daemon(flags)


def _parse(arguments: list[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    rest = list(arguments)
    if "up" in rest:
        # is_up has seen that it is the noun, or the value of a flag that is judged later.
        rest.remove("up")
    while rest:
        name, equals, value = rest.pop(0).partition("=")
        if name not in FLAGS:
            raise ValueError(_unknown(name))
        if not equals:
            if not rest:
                raise ValueError(f"{name} needs a value ({FLAGS[name].metavar})")
            value = rest.pop(0)
        values[FLAGS[name].field] = value
    if not values.get("ready_fd", "0").isdecimal():
        raise ValueError("--ready-fd is the number of an open file")
    return values


def _unknown(word: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(word, FLAGS, n=1)
    what = "no such option" if word.startswith("-") else "one argument too many"
    return f"{what}: {word}" + (f" (did you mean {near[0]}?)" if near else "")
