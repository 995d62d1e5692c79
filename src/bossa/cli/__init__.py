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
    _open_missing()
    arguments = list(sys.argv[1:] if argv is None else argv)
    _quiet_failures(arguments)
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever reads our output has seen enough.
        _give_up_output()
        return 141
    except OSError as e:
        _give_up_output()
        return _no_output(e)
    return code


def _open_missing() -> None:
    """Make the three standard streams exist, and take any character.

    A database or socket opened at the number of a stream that was closed would get our messages.
    """
    for fd, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(fd)
        except OSError:
            # The lowest free number is this one: those below it are there.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w" if fd else "r", encoding="utf-8"))  # noqa: SIM115 - to the end
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")


def _give_up_output() -> None:
    """Send what is still in the buffer nowhere; without this the interpreter complains once more at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _no_output(error: OSError) -> int:
    if os.environ.get("BOSSA_DEBUG"):
        import traceback

        traceback.print_exception(error)
    what = error.filename or "the output"
    fix = "see whether its disk is full, and who owns it"
    print(f"error: {what}: {error.strerror or error}. Fix: {fix}.", file=sys.stderr)
    return 1


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
