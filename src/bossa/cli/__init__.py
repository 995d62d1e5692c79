"""The bossa command.  ``bossa`` and ``bossa up`` reach the daemon without the library that reads commands.

Exit codes: 0 done, 1 failed, 2 refused, 3 the store or the server cannot be
reached, 64 usage; docs/commands.md says the same.
"""

from __future__ import annotations

import os
import sys

_COMPLETION = "_BOSSA_COMPLETE"
# These hand everything after them to another program.
_PASSING_ON = ("test", "bench")


def main(argv: list[str] | None = None) -> int:
    """Run a command line; return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    _quiet_failures(arguments)
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever reads our output has seen enough; without this the interpreter complains once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def _run(arguments: list[str]) -> int:
    from bossa.cli import up

    if _COMPLETION not in os.environ and up.is_up(arguments):
        return up.start(arguments)
    from bossa.cli import app

    return app.run(_lead_in(arguments))


def _lead_in(arguments: list[str]) -> list[str]:
    """Take ``--data DIR`` from before the noun into the environment, where every verb finds it."""
    while arguments and arguments[0].partition("=")[0] == "--data":
        _, equals, value = arguments[0].partition("=")
        if not equals and len(arguments) < 2:
            break
        os.environ["BOSSA_DATA"] = value if equals else arguments[1]
        del arguments[: 1 if equals else 2]
    return arguments


def _quiet_failures(arguments: list[str]) -> None:
    """Print a bug as one line, unless ``--debug`` (which is taken out of the arguments) asks for the traceback."""
    end = 1 if arguments and arguments[0] in _PASSING_ON else len(arguments)
    if "--debug" in arguments[:end]:
        arguments.remove("--debug")
        os.environ["BOSSA_DEBUG"] = "1"
    if not os.environ.get("BOSSA_DEBUG"):
        sys.excepthook = _one_line


def _one_line(kind: type[BaseException], error: BaseException, trace: object) -> None:
    text = str(error).splitlines()[0] if str(error) else "no word why"
    print(
        f"error: a fault in bossa itself: {kind.__name__}: {text}. Fix: report it with what --debug prints",
        file=sys.stderr,
    )
