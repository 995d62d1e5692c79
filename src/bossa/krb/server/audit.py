"""What is written down about tickets: one log line for each that was refused, delegated, or tried to be guessed.

The client gets a code and a generic text; who, for what and which rule stand
here only.  Who acts for a user has shown a ticket, and no flood of strangers
hides what is written of that.
"""

from __future__ import annotations

from bossa.krb.kdc.outcome import Outcome, Verdict
from bossa.observe import log, metrics


def decided(outcome: Outcome, host: str) -> None:
    """Log and count what came of a request."""
    if outcome.verdict is Verdict.ISSUED:
        _issued(outcome, host)
    elif outcome.verdict is not Verdict.TURN:
        _refused(outcome, host)


def _issued(outcome: Outcome, host: str) -> None:
    if not outcome.delegated_by:
        return
    metrics.add("bossa_krb_delegated_total")
    log.record(
        "info",
        "ticket delegated",
        client=outcome.client,
        by=outcome.delegated_by,
        service=outcome.service,
        rule=outcome.reason,
        host=host,
    )


def _refused(outcome: Outcome, host: str) -> None:
    code = outcome.code.name if outcome.code is not None else "NONE"
    metrics.add("bossa_krb_refused_total", (outcome.exchange, code))
    if not outcome.client and not outcome.service:
        log.debug("request not understood", host=host, why=outcome.reason)
        return
    text = "wrong password" if outcome.verdict is Verdict.FAILED else "ticket refused"
    told = {"client": outcome.client, "service": outcome.service, "code": code, "rule": outcome.reason, "host": host}
    if outcome.delegated_by:
        log.record("warning", text, **told, by=outcome.delegated_by)
    else:
        log.warning(text, **told)
