"""``bossa dns probe``: a signed update against any server, step by step, and the likely cause of what fails.

Adds a record, reads it back over UDP and TCP, and takes it away again whatever
happened between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import msgspec

from bossa.admin import words
from bossa.admin.errors import Exit
from bossa.admin.session import Means, Session, StepLine, Whom
from bossa.admin.signin import Holder
from bossa.dns import names, types
from bossa.dns.probe.conversation import Cause, Way
from bossa.dns.probe.trial import Trial

_EXITS = {Cause.POLICY: Exit.REFUSED, Cause.UNREACHABLE: Exit.UNREACHABLE}
_DONE = "NOERROR, and the answer's MAC is the server's"


class ProbeReport(msgspec.Struct, frozen=True):
    """All steps; ``cause`` is that of the first that failed."""

    ok: bool
    cause: str
    lines: list[StepLine]

    @property
    def exit(self) -> Exit:
        """How the command ends."""
        return Exit.OK if self.ok else _EXITS.get(Cause(self.cause), Exit.FAILED)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be probed: the zone (a key), where, of which type and how the record travels.

    ``owner`` None is the name that the holder of the ticket owns, or one that nobody has.
    """

    zone: bytes
    owner: bytes | None = None
    type: int = types.TXT
    way: Way = Way.UDP


class Probe:
    """One run of all the steps, each of which needs those before it."""

    def __init__(self, plan: Plan, whom: Whom, means: Means) -> None:
        self._way = plan.way
        self._zone = plan.zone
        self._session = Session(whom, means)
        self._trial = _trial(plan, whom, means.random)
        self._is_tried = self._is_added = False

    def run(self) -> Iterator[StepLine]:
        """Do the steps, each a line as soon as it is done; the first that fails ends them, and the record goes."""
        yield from self._session.opening(self._zone, exactly=True)
        if self._session.is_open:
            for what, act in self._steps():
                line = self._session.step(what, act)
                yield line
                if line.state == "failed":
                    break
        yield from self._clean_up()

    def _steps(self) -> Iterator[tuple[str, Callable[[], str]]]:
        yield f"signed update over {self._way.value} adds {self._trial.text}", self._add
        for way in Way:
            yield f"{self._trial.text} read over {way.value}", partial(self._read, way)

    def _clean_up(self) -> Iterator[StepLine]:
        """Take the record away if it is there, or may be: an update may be made though its answer fails."""
        session, gone = self._session, f"{self._trial.text} is as before"
        if self._is_tried and not self._is_added:
            line = session.step(gone, self._see_gone)
            self._is_added = line.state == "failed"
            if not self._is_added:
                yield line
        if self._is_added:
            yield session.step(f"signed update over {self._way.value} deletes it", self._delete)
            yield session.step(gone, self._see_gone)
        yield from session.closing()

    def _add(self) -> str:
        self._is_tried = True
        self._session.talk(self._trial.add(self._session.signer, self._session.setting, self._way))
        self._is_added = True
        return _DONE

    def _read(self, way: Way) -> str:
        self._session.talk(self._trial.expect(self._session.setting, way))
        return ""

    def _delete(self) -> str:
        self._session.talk(self._trial.delete(self._session.signer, self._session.setting, self._way))
        return _DONE

    def _see_gone(self) -> str:
        self._session.talk(self._trial.expect_gone(self._session.setting, Way.UDP))
        return ""


def _trial(plan: Plan, whom: Whom, random: Callable[[int], bytes]) -> Trial:
    """Choose the record: its name, and data that nobody else has."""
    label = f"probe-{random(4).hex()}"
    owner = plan.owner or own_name(whom.holder, plan.zone) or names.from_text(label, plan.zone)
    rdata = bytes((len(label),)) + label.encode() if plan.type == types.TXT else _address(plan.type, random(1)[0])
    who = f"krb5:{whom.holder.principal}" if whom.holder is not None else ""
    who = who or (f"key:{words.plain(whom.key.name)}" if whom.key is not None else "")
    rule = f"bossa policy add {words.plain(plan.zone)} --allow {who} --subdomain {words.plain(owner)}"
    return Trial(plan.zone, owner, plan.type, rdata, rule)


def own_name(holder: Holder | None, zone: bytes) -> bytes | None:
    """The name that a host's ticket speaks for, if it is in the zone: of host/NAME, and never made of anything else."""
    kind, _, host = ("" if holder is None else holder.principal).rpartition("@")[0].partition("/")
    if kind != "host" or not host:
        return None
    name = words.absolute(host)
    return name if names.is_below(name, zone) else None


def _address(rtype: int, last: int) -> bytes:
    """An address of those for examples.  RFC 5737 §3, RFC 3849 §2"""
    if rtype == types.A:
        return bytes((192, 0, 2, 1 + last % 254))
    return bytes.fromhex("20010db8") + bytes(11) + bytes((1 + last % 254,))


def report(lines: list[StepLine]) -> ProbeReport:
    """Put the lines together."""
    failed = next((line for line in lines if line.state == "failed"), None)
    return ProbeReport(failed is None, failed.cause if failed is not None else "", lines)
