"""What is written down about answers: one log line a refusal with its whole reason, and the counts.

The client gets a code; client, key, algorithm, clock offset and rule stand
here only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from bossa.dns import names, tsig, types
from bossa.dns.errors import Rcode, Refused, StoreFailed, TkeyError, rcode_text
from bossa.dns.exchange import Exchange, Rejected
from bossa.dns.policy import Caller
from bossa.dns.reverse import Note
from bossa.dns.tkey import ContextKey, Tkey
from bossa.dns.transfer import Form
from bossa.dns.types import Opcode
from bossa.dns.zone import Step
from bossa.observe import log, metrics

_zone_text = lru_cache(maxsize=1024)(names.to_text)
_text = lru_cache(maxsize=1024)(str)


class Given(NamedTuple):
    """What a transfer gives: ``serial_from`` is what the client has, None when it wants all."""

    form: Form
    serial_from: int | None
    serial: int


def counted(exchange: Exchange, answer: bytes) -> bytes:
    """Count an answer to a query, and return it."""
    _count(answer, tcp=exchange.tcp)
    return answer


def accepted(seconds: float) -> None:
    """Count an update that is stored."""
    metrics.add("bossa_dns_updates_total", ("noerror",))
    metrics.observe("bossa_dns_update_seconds", seconds)


def changed(exchange: Exchange, step: Step) -> None:
    """Log what an update did."""
    client, by, zone = _text(exchange.address), exchange.caller.text, _zone_text(step.apex)
    log.info("update", client=client, by=by, zone=zone, serial=step.serial_to)


def followed(notes: Iterable[Note]) -> None:
    """Log what became of the PTRs of the addresses that an edit changed; who may edit needs no rule for them."""
    for note in notes:
        name, zone = names.to_text(note.name), names.to_text(note.zone)
        log.info(note.fate, name=name, address=note.address, zone=zone, why=note.why)


def refused(exchange: Exchange, zone: bytes | None, why: Refused) -> None:
    """Log and count an update that is not done."""
    metrics.add("bossa_dns_updates_total", (rcode_text(why.code).lower(),))
    log.warning(
        "update refused",
        client=str(exchange.address),
        zone=names.to_text(zone) if zone is not None else None,
        code=rcode_text(why.code),
        rule=why.reason,
        **_signature(exchange),
    )


def not_stored(exchange: Exchange, zone: bytes | None, why: StoreFailed) -> None:
    """Log and count an update that the store did not take."""
    metrics.add("bossa_dns_updates_total", ("servfail",))
    name = names.to_text(zone) if zone is not None else None
    log.error("update not stored", client=str(exchange.address), zone=name, why=str(why))


def transfer_refused(exchange: Exchange, why: Refused) -> None:
    """Log a zone transfer that is not given."""
    question = exchange.message.questions[0]
    log.warning(
        "transfer refused",
        client=str(exchange.address),
        zone=names.to_text(question.name),
        code=rcode_text(why.code),
        rule=why.reason,
        **_signature(exchange),
    )


def given(exchange: Exchange, messages: Iterable[bytes], what: Given, clock: Callable[[], float]) -> Iterator[bytes]:
    """Pass the messages of a transfer through; log and count it at their end, or when the client left before."""
    started, records, result = clock(), 0, "failed"
    question = exchange.message.questions[0]
    kind = types.type_text(question.type)
    try:
        for message in messages:
            records += int.from_bytes(message[6:8], "big")
            yield message
        result = "done"
    finally:
        metrics.add("bossa_dns_transfers_total", ("out", kind, result))
        log.info(
            "transfer out" if result == "done" else "transfer out broken off",
            zone=names.to_text(question.name),
            client=str(exchange.address),
            by=exchange.caller.text,
            kind=kind,
            form=what.form.value,
            serial_from=what.serial_from,
            serial=what.serial,
            records=records,
            seconds=round(clock() - started, 3),
        )


def notified(exchange: Exchange, zone: bytes, serial: int | None) -> None:
    """Log and count a NOTIFY of a primary."""
    metrics.add("bossa_dns_notifies_total", ("in", "done"))
    log.debug("notified", zone=names.to_text(zone), by=exchange.caller.text, serial=serial)


def notify_refused(exchange: Exchange, why: Refused) -> None:
    """Log and count a NOTIFY that is not taken."""
    metrics.add("bossa_dns_notifies_total", ("in", "refused"))
    zone = exchange.message.questions[0].name if exchange.message.questions else None
    log.warning(
        "notify refused",
        client=str(exchange.address),
        zone=names.to_text(zone) if zone is not None else None,
        code=rcode_text(why.code),
        rule=why.reason,
        **_signature(exchange),
    )


def passed_on(exchange: Exchange, zone: bytes, answer: bytes) -> None:
    """Log an update that a primary answered."""
    code = rcode_text(answer[3] & 0xF)
    log.info("update passed on", client=str(exchange.address), zone=names.to_text(zone), code=code)


def key_refused(exchange: Exchange, asked: Tkey | None, why: str, error: TkeyError | Rcode) -> None:
    """Log and count a key that is not given or not deleted."""
    metrics.add("bossa_dns_keys_total", (error.name.lower(),))
    log.warning("key refused", client=str(exchange.address), **_key_asked(exchange, asked), code=error.name, why=why)


def key_established(exchange: Exchange, asked: Tkey, key: ContextKey, now: int) -> None:
    """Log and count a key that was negotiated."""
    metrics.add("bossa_dns_keys_total", ("established",))
    by = Caller(exchange.address, None, key.person).text
    client, seconds = str(exchange.address), key.expires - now
    log.info("key established", client=client, by=by, **_key_asked(exchange, asked), seconds=seconds)


def key_deleted(exchange: Exchange, asked: Tkey) -> None:
    """Log and count a key that its owner gave back."""
    metrics.add("bossa_dns_keys_total", ("deleted",))
    log.info("key deleted", client=str(exchange.address), by=exchange.caller.text, **_key_asked(exchange, asked))


def _key_asked(exchange: Exchange, asked: Tkey | None) -> dict[str, object]:
    if asked is None:
        return {"key": names.to_text(exchange.message.questions[0].name), "algorithm": None}
    return {"key": names.to_text(asked.name), "algorithm": names.to_text(asked.algorithm)}


def rejected(request: Rejected, host: str, *, tcp: bool) -> None:
    """Log and count a request that got no further than its first checks; silence is neither."""
    if request.reply is None:
        return
    exchange = request.exchange
    update = exchange is not None and exchange.message.opcode == Opcode.UPDATE
    if update:
        metrics.add("bossa_dns_updates_total", (rcode_text(request.reply[3] & 0xF).lower(),))
    else:
        _count(request.reply, tcp=tcp)
    if exchange is None or exchange.signed is None:
        log.debug("request not understood", client=host, why=request.reason)
        return
    zone = exchange.message.questions[0].name if exchange.message.questions else None
    log.warning(
        "update refused" if update else "signature refused",
        client=host,
        zone=names.to_text(zone) if zone else None,
        code=rcode_text(request.reply[3] & 0xF),
        rule=request.reason,
        **_signature(exchange),
    )


def _signature(exchange: Exchange) -> dict[str, object]:
    """Return key, algorithm and clock offset as claimed; None where nothing was signed."""
    if exchange.signed is None:
        return {"key": None, "algorithm": None, "clock_offset": None}
    raw = exchange.signed.request
    return {
        "key": names.to_text(raw.name),
        "algorithm": tsig.algorithm_text(raw.algorithm),
        "clock_offset": exchange.signed.offset,
    }


def _count(answer: bytes, *, tcp: bool) -> None:
    rcode = answer[3] & 0xF
    # No query gets YXRRSET: it is the lower half of a code whose upper one is in the OPT.
    text = rcode_text(Rcode.BADCOOKIE if rcode == Rcode.YXRRSET else rcode)
    metrics.add("bossa_dns_queries_total", ("tcp" if tcp else "udp", text))
