"""What is written down about tickets: one log line for each that was refused, delegated, or tried to be guessed.

The client gets a code and a generic text; who, for what and which rule stand
here only.
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
    log.info(
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
    log.warning(
        "wrong password" if outcome.verdict is Verdict.FAILED else "ticket refused",
        client=outcome.client,
        service=outcome.service,
        code=code,
        rule=outcome.reason,
        host=host,
        **({"by": outcome.delegated_by} if outcome.delegated_by else {}),
    )
