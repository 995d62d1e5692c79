"""``bossa cache``: what the running server remembers of others' answers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
import typer

from bossa.admin import cache
from bossa.admin.errors import Exit, Failure
from bossa.admin.office import Verb
from bossa.cli import output
from bossa.cli.call import call
from bossa.cli.options import Data, Json, room

app = room("The cache: what is remembered of other servers' answers.")
A = TypeVar("A", bound=msgspec.Struct)
R = TypeVar("R", bound=msgspec.Struct)


@app.command()
def show(
    *,
    data: Data,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Only this name's answers.")] = "",
    json: Json = False,
) -> None:
    """Show a name's answers, or how full and how useful the cache is and what is asked for most."""
    shown = _call(data, cache.cache_show, cache.CacheShow(name))
    if json:
        output.json(shown)
        return
    if not name:
        _summary(shown)
    elif not shown.answers:
        print(f"nothing is remembered of {name}")
        return
    heads = ("name", "type", "bits", "kind", "holds", "octets", "hits")
    output.table(heads, ((a.name, a.type, _bits(a), a.kind, _holds(a), a.size, a.hits) for a in shown.answers))


@app.command()
def flush(
    *,
    data: Data,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name to forget.")] = "",
    tree: Annotated[bool, typer.Option("--tree", help="And all names below it.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Everything.")] = False,
    json: Json = False,
) -> None:
    """Forget answers, so that the next question is asked anew."""
    args = cache.CacheFlush(name=name, tree=tree, everything=everything)
    done = _call(data, cache.cache_flush, args)
    if json:
        output.json(done)
    else:
        print(f"{done.forgotten} answer{'s' * (done.forgotten != 1)} forgotten")


def _call(data: Path, verb: Verb[A, R], args: A) -> R:
    try:
        return call(data, verb, args, offline=False)
    except Failure as e:
        if e.exit != Exit.UNREACHABLE or e.what != verb.name.replace(".", " "):
            raise
        raise Failure(e.what, f"{e.why}, and there is no cache without one", e.fix, e.exit) from e


def _summary(shown: cache.CacheShown) -> None:
    state = shown.cache
    rate = "" if state.hit_rate is None else f", {state.hit_rate:.0%} found"
    output.pairs(
        [
            ("answers", f"{state.entries}, {shown.stale_entries} of them stale"),
            ("memory", f"{output.size(state.octets)} of {output.size(state.limit)}"),
            ("questions", f"{state.hits} found, {state.misses} asked of others{rate}"),
            ("told stale", state.stale),
            ("fetched ahead", state.prefetches),
        ]
    )
    print()


def _bits(answer: cache.CacheLine) -> str:
    return " ".join(["DO"] * answer.do + ["CD"] * answer.cd) or "-"


def _holds(answer: cache.CacheLine) -> str:
    return f"{answer.left} s" if answer.left >= 0 else f"stale for {-answer.left} s"
