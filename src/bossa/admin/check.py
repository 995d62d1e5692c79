"""``bossa check``: what a user would do, done and timed: ask, ask elsewhere, change, read back, take away.

Runs in the command's own process, over the same sockets as everybody else.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from bossa.admin import keys, words
from bossa.admin.errors import Failure
from bossa.admin.found import ADMIN_FILE
from bossa.dns import names, tsig, types
from bossa.dns.errors import Rcode
from bossa.dns.message import Message
from bossa.dns.requests import Change, question, update
from bossa.net.ask import Address
from bossa.wire import WireError

State = Literal["ok", "warning", "failed"]
Exchange = Callable[[Address, bytes, float], bytes]

_SECONDS = 3.0
# A name that is not ours and that everybody can look up (RFC 6761 §6.5).
_ELSEWHERE = names.from_text("example.com.")
# From so many source ports for each worker is the new record read: with eight, one of two workers
# is missed once in 65 536 checks.
_READS_A_WORKER = 8
_TTL = 1


class CheckLine(msgspec.Struct, frozen=True, kw_only=True):
    """How one step went; ``why`` and ``fix`` where it did not go well."""

    what: str
    state: State
    milliseconds: float
    why: str = ""
    fix: str = ""


class CheckReport(msgspec.Struct, frozen=True):
    """All steps; ``ok`` when none failed (warnings do not count)."""

    ok: bool
    lines: list[CheckLine]


@dataclass(frozen=True, slots=True)
class Target:
    """The server to be checked."""

    domain: bytes
    addresses: tuple[Address, ...]
    workers: int
    data: Path


@dataclass(frozen=True, slots=True)
class Means:
    """The sockets, the clocks and the random source."""

    udp: Exchange
    tcp: Exchange
    now: Callable[[], float]
    stopwatch: Callable[[], float]
    random: Callable[[int], bytes]


class Wrong(Exception):
    """A step did not go well; the text says why."""

    def __init__(self, why: str, fix: str = "see the server's log") -> None:
        super().__init__(why)
        self.fix = fix


def parse_address(text: str) -> Address:
    """Read ``127.0.0.1:10053`` or ``[::1]:10053``, whatever stands behind it."""
    host, _, port = text.split()[0].rpartition(":")
    return host.strip("[]"), int(port)


def read_key(path: Path) -> tsig.Key:
    """Read a TSIG key from a file with BIND's key clause; raises Failure."""
    what, fix = f"key file {path}", "bossa key show admin prints its content"
    try:
        name, algorithm, secret = keys.read_clause(path.read_text())
        return tsig.Key(
            words.absolute(name), tsig.Algorithm.from_text(algorithm), base64.b64decode(secret, validate=True)
        )
    except OSError as e:
        raise Failure(what, e.strerror or str(e), fix) from e
    except (ValueError, binascii.Error) as e:
        raise Failure(what, str(e), fix) from e


def step(stopwatch: Callable[[], float], what: str, act: Callable[..., None], *args: object) -> CheckLine:
    """Do one step and tell how it went."""
    start = stopwatch()
    why = fix = ""
    try:
        act(*args)
    except Wrong as e:
        why, fix = str(e), e.fix
    except Failure as e:
        why, fix = f"{e.what}: {e.why}", e.fix
    except OSError as e:
        why, fix = e.strerror or str(e) or type(e).__name__, "bossa status shows where the server listens"
    except WireError as e:
        why, fix = f"the answer cannot be read: {e}", "see the server's log"
    took = round((stopwatch() - start) * 1000, 2)
    return CheckLine(what=what, state="failed" if why else "ok", milliseconds=took, why=why, fix=fix)


class Check:
    """One run of all the steps."""

    def __init__(self, target: Target, means: Means) -> None:
        self._target = target
        self._means = means
        label = f"check-{means.random(4).hex()}"
        self._name = names.from_text(label, target.domain)
        self._rdata = bytes((192, 0, 2, 1 + means.random(1)[0] % 254))

    def run(self) -> Iterator[CheckLine]:
        """Do the steps, each a line as soon as it is done."""
        domain, server = self._target.domain, names.from_text("ns1", self._target.domain)
        for address in self._target.addresses:
            for how in ("UDP", "TCP"):
                yield self._step(
                    f"{words.plain(domain)} SOA over {how} at {_text(address)}",
                    self._ask,
                    address,
                    how,
                    domain,
                    types.SOA,
                )
        first = self._target.addresses[0]
        for how in ("UDP", "TCP"):
            yield self._step(f"{words.plain(server)} A over {how}", self._ask, first, how, server, types.A)
        elsewhere = self._step(f"{words.plain(_ELSEWHERE)} A, passed on", self._ask, first, "UDP", _ELSEWHERE, types.A)
        yield elsewhere if elsewhere.state == "ok" else _only_a_warning(elsewhere)
        yield from self._change(first)

    def _change(self, first: Address) -> Iterator[CheckLine]:
        """Add a record, read it from everywhere, and delete it, whatever happened between."""
        name = words.plain(self._name)
        added = self._step(f"signed update adds {name}", self._update, first, types.IN, self._rdata)
        yield added
        if added.state == "failed":
            return
        for address in self._target.addresses:
            yield self._step(f"{name} read on every worker at {_text(address)}", self._read_everywhere, address)
        yield self._step(f"signed update deletes {name}", self._update, first, types.CLASS_ANY, b"")
        yield self._step(f"{name} is gone", self._gone, first)

    def _step(self, what: str, act: Callable[..., None], *args: object) -> CheckLine:
        return step(self._means.stopwatch, what, act, *args)

    def _ask(self, address: Address, how: str, name: bytes, rtype: int) -> None:
        reply = self._reply(address, how, name, rtype)
        if not any(record.type == rtype for record in reply.answer):
            why = f"the answer is {_rcode(reply.rcode)} without a {types.type_text(rtype)} record"
            raise Wrong(why, "bossa record list shows what there is")

    def _reply(self, address: Address, how: str, name: bytes, rtype: int) -> Message:
        """Ask; raises Wrong for an answer that is no answer."""
        reply = self._exchange(address, how, question(self._id(), name, rtype))
        if reply.rcode not in (Rcode.NOERROR, Rcode.NXDOMAIN):
            raise Wrong(f"the answer is {_rcode(reply.rcode)}")
        return reply

    def _answer(self, address: Address, how: str, name: bytes, rtype: int) -> list[bytes]:
        """Return the data of the records asked for."""
        reply = self._reply(address, how, name, rtype)
        return [reply.rdata(record) for record in reply.answer if record.type == rtype]

    def _exchange(self, address: Address, how: str, message: bytes) -> Message:
        send = self._means.udp if how == "UDP" else self._means.tcp
        return Message.decode(send(address, message, _SECONDS))

    def _update(self, address: Address, rclass: int, rdata: bytes) -> None:
        key = read_key(self._target.data / ADMIN_FILE)
        ttl = _TTL if rclass == types.IN else 0
        plain = update(self._id(), self._target.domain, (Change(self._name, types.A, rclass, ttl, rdata),))
        request = tsig.sign_request(plain, key, int(self._means.now()))
        reply = self._exchange(address, "UDP", request)
        if reply.rcode != Rcode.NOERROR:
            raise Wrong(f"the answer is {_rcode(reply.rcode)}{_tsig_error(reply)}", _fix(reply.rcode))
        mac = tsig.find(Message.decode(request))
        assert mac is not None, "we signed it"
        verdict = tsig.verify_reply(reply, key, mac.mac, int(self._means.now()))
        if isinstance(verdict, tsig.Unverified):
            raise Wrong(f"the answer's signature does not hold: {verdict.reason}")

    def _read_everywhere(self, address: Address) -> None:
        for how, times in (("UDP", _READS_A_WORKER * max(1, self._target.workers)), ("TCP", 1)):
            for _ in range(times):
                if self._answer(address, how, self._name, types.A) != [self._rdata]:
                    raise Wrong(f"an answer over {how} does not show it, though the update was confirmed")

    def _gone(self, address: Address) -> None:
        if self._answer(address, "UDP", self._name, types.A):
            raise Wrong(
                "it is still answered",
                f"bossa record remove {words.plain(self._target.domain)} {words.plain(self._name)}.",
            )

    def _id(self) -> int:
        return int.from_bytes(self._means.random(2), "big")


def _text(address: Address) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _rcode(code: int) -> str:
    return Rcode(code).name if code in Rcode.__members__.values() else f"response code {code}"


def _tsig_error(reply: Message) -> str:
    raw = tsig.find(reply)
    return f" with TSIG error {raw.error}" if raw is not None and raw.error else ""


def _fix(rcode: int) -> str:
    if rcode == Rcode.REFUSED:
        return "bossa policy list shows the rules; key:admin needs one"
    if rcode == Rcode.NOTAUTH:
        return "compare bossa key show admin with data/admin.key, and the clocks"
    return "see the server's log"


def _only_a_warning(line: CheckLine) -> CheckLine:
    fix = "without a network this is as it should be; otherwise see /etc/resolv.conf"
    return CheckLine(what=line.what, state="warning", milliseconds=line.milliseconds, why=line.why, fix=fix)
