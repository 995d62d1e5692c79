"""Whatever a client asks for, a further ticket says no more than the one it was got with."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from bossa.krb.flags import KdcOptions, TicketFlags
from bossa.krb.kdc.outcome import Verdict
from bossa.krb.usages import Usage
from tests.talk.kerberos import NOW, Credential, Site, credential, log_in, tgs_req

WEB = "HTTP/web.bossa.test"
START = int(NOW)
FIRST = [KdcOptions.FORWARDABLE, KdcOptions.PROXIABLE, KdcOptions.RENEWABLE, KdcOptions.RENEWABLE_OK]
FURTHER = [*FIRST, KdcOptions.FORWARDED, KdcOptions.PROXY, KdcOptions.CANONICALIZE]
CARRIED = TicketFlags.FORWARDABLE | TicketFlags.PROXIABLE | TicketFlags.RENEWABLE | TicketFlags.PRE_AUTHENT

options = lambda among: st.sets(st.sampled_from(among)).map(lambda found: int(sum(found)))  # noqa: E731
moments = st.one_of(st.just(0), st.integers(START - 10, START + 30 * 86_400), st.just(253_402_300_799))
times = st.fixed_dictionaries({"till": moments, "rtime": st.one_of(st.none(), moments)})


def made() -> Site:
    """A realm with a user and a service."""
    site = Site()
    site.user("alice")
    site.service(WEB)
    return site


SITE = made()


@settings(max_examples=300, deadline=None)
@given(
    options(FIRST),
    st.integers(START + 60, START + 86_400),
    options(FURTHER),
    times,
    st.integers(0, 10 * 3600),
    st.sampled_from([WEB, "krbtgt/BOSSA.TEST"]),
)
def test_a_further_ticket_says_no_more_than_the_first(
    first: int, till: int, further: int, asked: dict[str, int | None], later: int, sname: str
) -> None:
    SITE.now = NOW
    held = log_in(SITE, "alice", kdc_options=first, till=till)
    SITE.now = NOW + later
    outcome = SITE.say(tgs_req(SITE, held, sname, kdc_options=further, **asked))
    if outcome.verdict is Verdict.ISSUED:
        check_no_more(held, credential(outcome, held.key, Usage.TGS_REP_SESSION), later)


def check_no_more(held: Credential, got: Credential, later: int) -> None:
    """Compare two tickets."""
    before, after = held.told, got.told
    assert after.starttime == START + later < after.endtime <= before.endtime
    assert after.authtime == before.authtime
    assert after.flags & CARRIED & ~before.flags == 0
    assert not after.flags & TicketFlags.INITIAL
    assert bool(after.flags & TicketFlags.RENEWABLE) == (after.renew_till is not None)
    if after.renew_till is not None:
        assert before.renew_till is not None
        assert after.endtime < after.renew_till <= before.renew_till
