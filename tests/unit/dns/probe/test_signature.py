"""What the tester says of an answer's signature, by servers that lie in each way."""

from __future__ import annotations

import pytest

from bossa.dns import types
from bossa.dns.errors import Rcode, TsigError
from bossa.dns.names import from_text
from bossa.dns.probe.conversation import Cause, Fault, Way
from bossa.dns.probe.trial import Trial
from bossa.dns.tkey import GSS_TSIG, ContextKey
from bossa.dns.tsig import Signer
from tests.unit.dns.probe import lying
from tests.unit.dns.probe.lying import KEY, NOW, ZONE, LyingServer, carry, setting
from tests.unit.gss.specimens import establish

TRIAL = Trial(ZONE, from_text("ws1.bossa.test."), types.TXT, b"\x05probe", "bossa policy add …")


def contexts() -> tuple[Signer, Signer]:
    """The client's and the server's side of one negotiated key."""
    ours, theirs = establish()
    name = from_text("k.probe.")
    return ContextKey(name, GSS_TSIG, ours, NOW + 600), ContextKey(name, GSS_TSIG, theirs, NOW + 600)


def pair(kind: str) -> tuple[Signer, LyingServer]:
    """A client's key, and a server with the same."""
    ours, theirs = contexts() if kind == "context" else (KEY, KEY)
    return ours, LyingServer(theirs)


def fault(signer: Signer, server: LyingServer) -> Fault:
    with pytest.raises(Fault) as caught:
        carry(TRIAL.add(signer, setting(), Way.UDP), server)
    return caught.value


@pytest.mark.parametrize("kind", ["secret", "context"])
def test_an_honest_server_is_believed(kind: str) -> None:
    signer, server = pair(kind)
    carry(TRIAL.add(signer, setting(), Way.TCP), server)
    carry(TRIAL.expect(setting(), Way.UDP), server)
    carry(TRIAL.delete(signer, setting(), Way.TCP), server)
    carry(TRIAL.expect_gone(setting(), Way.UDP), server)
    assert [way for way, _ in server.asked] == [Way.TCP, Way.UDP, Way.TCP, Way.UDP]


@pytest.mark.parametrize("kind", ["secret", "context"])
@pytest.mark.parametrize(
    ("mac", "cause", "words"),
    [
        (lying.echo, Cause.ECHO, "carries the request's own MAC back"),
        (lying.without_prefix, Cause.PREFIX, "leaves out the length"),
        (lying.without_request, Cause.MAC, "does not cover the request's MAC"),
        (lying.spoiled, Cause.MAC, "does not fit"),
    ],
)
def test_a_wrong_mac_is_told_by_its_mistake(kind: str, mac: lying.Mac, cause: Cause, words: str) -> None:
    signer, server = pair(kind)
    server.mac = mac
    found = fault(signer, server)
    assert found.cause is cause
    assert words in str(found)


def test_the_echo_of_a_refusal_tells_the_refusal_too() -> None:
    server = LyingServer()
    server.mac, server.rcode = lying.echo, Rcode.REFUSED
    found = fault(KEY, server)
    assert (found.cause, "(REFUSED)" in str(found)) == (Cause.ECHO, True)


@pytest.mark.parametrize(
    ("error", "cause", "words"),
    [
        (TsigError.BADKEY, Cause.KEY, "the server has no key ddns. with hmac-sha256"),
        (TsigError.BADSIG, Cause.SECRET, "secret of ddns. with hmac-sha256 is another"),
        (TsigError.BADTRUNC, Cause.MAC, "TSIG error 22"),
    ],
)
def test_a_signature_that_is_not_taken_is_explained(error: TsigError, cause: Cause, words: str) -> None:
    server = LyingServer()
    server.error = error
    found = fault(KEY, server)
    assert found.cause is cause
    assert words in str(found)


@pytest.mark.parametrize(("ahead", "words"), [(1000, "1000 s ahead of"), (-400, "400 s behind")])
def test_badtime_tells_how_far_the_clocks_are_apart(ahead: int, words: str) -> None:
    server = LyingServer()
    server.error, server.ahead = TsigError.BADTIME, ahead
    found = fault(KEY, server)
    assert found.cause is Cause.CLOCK
    assert words in str(found)


def test_a_server_that_signs_at_another_time_is_found_out() -> None:
    server = LyingServer()
    server.ahead = 301
    assert fault(KEY, server).cause is Cause.CLOCK
    server.ahead = 299
    carry(TRIAL.add(KEY, setting(), Way.UDP), server)


def test_an_answer_without_a_signature_is_nobodys_word() -> None:
    server = LyingServer()
    server.signs = False
    assert fault(KEY, server).cause is Cause.UNSIGNED
    server.rcode = Rcode.REFUSED
    assert "the answer is REFUSED, and nothing signs it" in str(fault(KEY, server))


def test_an_answer_under_another_key_is_not_the_servers() -> None:
    server = LyingServer(lying.Key(from_text("other."), KEY.algorithm, KEY.secret))
    assert "signed by other." in str(fault(KEY, server))


@pytest.mark.parametrize(
    ("rcode", "cause"),
    [
        (Rcode.REFUSED, Cause.POLICY),
        (Rcode.NOTAUTH, Cause.ZONE),
        (Rcode.NOTIMP, Cause.SERVER),
        (Rcode.SERVFAIL, Cause.SERVER),
    ],
)
def test_a_signed_refusal_is_told_by_its_code(rcode: Rcode, cause: Cause) -> None:
    server = LyingServer()
    server.rcode = rcode
    found = fault(KEY, server)
    assert found.cause is cause
    assert rcode.name in str(found)


def test_a_refusal_by_policy_tells_the_rule_that_would_allow_it() -> None:
    server = LyingServer()
    server.rcode = Rcode.REFUSED
    assert fault(KEY, server).fix == "with bossa: bossa policy add …"


def test_a_record_that_is_confirmed_and_not_shown_is_stale() -> None:
    server = LyingServer()
    carry(TRIAL.add(KEY, setting(), Way.UDP), server)
    server.shows = False
    with pytest.raises(Fault, match="does not show it") as caught:
        carry(TRIAL.expect(setting(), Way.UDP), server)
    assert caught.value.cause is Cause.STALE


def test_a_record_that_stays_is_told() -> None:
    server = LyingServer()
    carry(TRIAL.add(KEY, setting(), Way.UDP), server)
    with pytest.raises(Fault, match="still answered"):
        carry(TRIAL.expect_gone(setting(), Way.UDP), server)
