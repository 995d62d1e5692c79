from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bossa.gss import tokens
from bossa.gss.acceptor import Acceptor
from bossa.gss.context import Context, Step
from bossa.gss.errors import GssError, Major
from bossa.gss.flags import ContextFlags
from bossa.gss.initiate import Initiation, Wish
from bossa.gss.initiator import Initiator
from bossa.gss.spnego import NegState, NegTokenInit, NegTokenResp, decode_init, offer
from tests.unit.gss.specimens import NOW, Source, credential, service

MUTUAL = Wish(ContextFlags.MUTUAL | ContextFlags.REPLAY)
ONE_WAY = Wish(ContextFlags.INTEG | ContextFlags.REPLAY)


class Client:
    """An initiator that negotiates by hand, over a list of its own."""

    def __init__(self, mechanisms: tuple[bytes, ...], wish: Wish = MUTUAL) -> None:
        self.kerberos = Initiation(credential(), Source("initiator"), wish)
        self.acceptor = Acceptor(service())
        self.list_raw = offer(mechanisms, b"").list_raw
        self.context: Context | None = None

    def token(self, answer: bytes | None = None) -> bytes:
        """Kerberos' next token."""
        token, self.context = self.kerberos.step(answer, NOW)
        return token

    def mic(self) -> bytes:
        """Our MIC over the list."""
        assert self.context is not None
        return self.context.get_mic(self.list_raw)

    def offer(self, token: bytes | None, **changes: Any) -> tuple[NegTokenResp, Step]:
        """Make the offer."""
        init = replace(NegTokenInit(self.list_raw, token=token), **changes)
        return self.hear(tokens.frame(tokens.SPNEGO, init.encode()))

    def say(self, **fields: Any) -> tuple[NegTokenResp, Step]:
        """Say a later word."""
        return self.hear(NegTokenResp(**fields).encode())

    def hear(self, said: bytes) -> tuple[NegTokenResp, Step]:
        """Give a word to the acceptor, and read its answer."""
        step = self.acceptor.step(said, NOW)
        return NegTokenResp.decode(step.token) if step.token else NegTokenResp(), step


def refusal(call: Any, *words: Any, **fields: Any) -> GssError:
    """How a word is refused."""
    with pytest.raises(GssError) as refused:
        call(*words, **fields)
    return refused.value


@pytest.mark.parametrize("first", tokens.KERBEROS)
def test_first_choice_with_its_token_needs_one_exchange_and_no_mic(first: bytes) -> None:
    """Windows lists its old name first, and frames the token with either."""
    client = Client((first, tokens.NTLM))
    answer, step = client.offer(client.token())
    assert (answer.state, answer.mechanism, answer.mic) == (NegState.ACCEPT_COMPLETED, first, None)
    assert step.context is not None
    client.token(answer.token)
    assert client.context is not None
    assert client.context.session_key == step.context.session_key


def test_first_choice_without_its_token_is_asked_for_it() -> None:
    client = Client((tokens.KRB5,))
    answer, step = client.offer(None)
    assert (answer.state, answer.mechanism) == (NegState.ACCEPT_INCOMPLETE, tokens.KRB5)
    assert step.context is None
    answer, step = client.say(token=client.token())
    assert (answer.state, answer.mechanism) == (NegState.ACCEPT_COMPLETED, None)
    assert step.context is not None


def test_second_choice_takes_both_mics() -> None:
    client = Client((tokens.NTLM, tokens.KRB5))
    answer, step = client.offer(b"NTLMSSP\0\1")
    assert (answer.state, answer.mechanism, step.context) == (NegState.REQUEST_MIC, tokens.KRB5, None)
    answer, step = client.say(token=client.token())
    assert (answer.state, step.context) == (NegState.ACCEPT_INCOMPLETE, None)
    client.token(answer.token)
    assert client.context is not None
    assert answer.mic is not None
    client.context.verify_mic(client.list_raw, answer.mic)
    _, step = client.say(state=NegState.ACCEPT_COMPLETED, mic=client.mic())
    assert step.token == b""
    assert step.context is not None


def test_second_choice_one_way_has_the_mic_with_its_token() -> None:
    client = Client((tokens.NEGOEX, tokens.KRB5), ONE_WAY)
    client.offer(b"negoex")
    answer, step = client.say(token=client.token(), mic=client.mic())
    assert answer.state == NegState.ACCEPT_COMPLETED
    assert answer.mic is not None
    assert client.context is not None
    client.context.verify_mic(client.list_raw, answer.mic)
    assert step.context is not None


@pytest.mark.parametrize("place", ["mic", "mic_after_hints"])
def test_mic_that_was_not_due_is_verified_and_answered(place: str) -> None:
    client = Client((tokens.KRB5,), ONE_WAY)
    token = client.token()
    answer, step = client.offer(token, **{place: client.mic()})
    assert answer.state == NegState.ACCEPT_COMPLETED
    assert answer.mic is not None
    assert step.context is not None


def test_list_that_somebody_changed_is_noticed() -> None:
    """Who takes a choice off the list cannot make the MICs fit."""
    client = Client((tokens.NTLM, tokens.KRB5))
    client.offer(b"")
    answer, _ = client.say(token=client.token())
    client.token(answer.token)
    client.list_raw = offer((tokens.KRB5,), b"").list_raw
    refused = refusal(client.say, mic=client.mic())
    assert refused.major == Major.BAD_MIC
    assert NegTokenResp.decode(refused.token).state == NegState.REJECT


def test_wrong_mic_in_the_offer_is_rejected() -> None:
    client = Client((tokens.KRB5,), ONE_WAY)
    refused = refusal(client.offer, client.token(), mic=client.mic()[:-1])
    assert refused.major == Major.BAD_MIC
    assert NegTokenResp.decode(refused.token).state == NegState.REJECT


def test_no_mechanism_in_common_is_rejected() -> None:
    refused = refusal(Client((tokens.NEGOEX, tokens.NTLM)).offer, b"NTLMSSP\0\1")
    assert refused.major == Major.BAD_MECH
    assert refused.reason == "only negoex, ntlm"
    assert NegTokenResp.decode(refused.token) == NegTokenResp(NegState.REJECT)


def test_refusal_of_the_mechanism_travels_in_the_rejection() -> None:
    client = Client((tokens.KRB5,))
    client.acceptor = Acceptor(service(keys=lambda sname, kvno, etype: ()))
    refused = refusal(client.offer, client.token())
    said = NegTokenResp.decode(refused.token)
    assert (refused.major, said.state, said.mechanism) == (Major.NO_CRED, NegState.REJECT, tokens.KRB5)
    assert said.token is not None
    assert tokens.unframe(said.token)[1].startswith(tokens.ERROR)


def test_ntlm_inside_a_choice_of_kerberos_is_refused() -> None:
    client = Client((tokens.KRB5,))
    assert refusal(client.offer, tokens.frame(tokens.NTLM, b"NTLMSSP\0")).major == Major.BAD_MECH
    assert refusal(Client((tokens.KRB5,)).offer, b"NTLMSSP\0").major == Major.DEFECTIVE_TOKEN


def test_later_words_that_lack_what_is_due_are_refused() -> None:
    client = Client((tokens.NTLM, tokens.KRB5))
    client.offer(b"")
    assert refusal(client.say, state=NegState.ACCEPT_INCOMPLETE).major == Major.DEFECTIVE_TOKEN
    client = Client((tokens.NTLM, tokens.KRB5))
    client.offer(b"")
    client.say(token=client.token())
    assert refusal(client.say, state=NegState.ACCEPT_COMPLETED).major == Major.DEFECTIVE_TOKEN
    client = Client((tokens.NTLM, tokens.KRB5))
    client.offer(b"")
    assert refusal(client.say, state=NegState.REJECT).major == Major.FAILURE


def started(wish: Wish = MUTUAL) -> tuple[Initiator, bytes, NegTokenInit]:
    """An initiator of ours that has made its offer, and Kerberos' token in it."""
    initiator = Initiator(credential(), Source("initiator"), wish, negotiate=True)
    mechanism, inner = tokens.unframe(initiator.step(None, NOW).token)
    init = decode_init(inner)
    assert mechanism == tokens.SPNEGO
    assert init.mechanisms == (tokens.KRB5,)
    assert init.token is not None
    return initiator, init.token, init


def test_initiator_takes_an_acceptors_mic_and_sends_its_own() -> None:
    initiator, token, init = started()
    reply, context = Acceptor(service()).step(token, NOW)
    assert context is not None
    mic = context.get_mic(init.list_raw)
    word = NegTokenResp(NegState.ACCEPT_INCOMPLETE, tokens.KRB5, reply, mic)
    step = initiator.step(word.encode(), NOW)
    said = NegTokenResp.decode(step.token)
    assert said.mic is not None
    context.verify_mic(init.list_raw, said.mic)
    assert step.context is not None


def test_initiator_sends_the_mic_that_is_asked_for_and_waits_for_the_end() -> None:
    initiator, token, init = started()
    reply, context = Acceptor(service()).step(token, NOW)
    assert context is not None
    step = initiator.step(NegTokenResp(NegState.REQUEST_MIC, tokens.KRB5, reply).encode(), NOW)
    assert step.context is None
    said = NegTokenResp.decode(step.token)
    assert said.mic is not None
    context.verify_mic(init.list_raw, said.mic)
    end = NegTokenResp(NegState.ACCEPT_COMPLETED, mic=context.get_mic(init.list_raw))
    assert initiator.step(end.encode(), NOW).context is not None


def test_initiator_waits_for_the_end_of_a_one_way_negotiation() -> None:
    initiator, _, _ = started(ONE_WAY)
    step = initiator.step(NegTokenResp(NegState.ACCEPT_COMPLETED, tokens.KRB5).encode(), NOW)
    assert step.token == b""
    assert step.context is not None


@pytest.mark.parametrize(
    ("said", "major"),
    [
        (NegTokenResp(NegState.REJECT), Major.FAILURE),
        (NegTokenResp(NegState.ACCEPT_INCOMPLETE, tokens.NTLM, b"NTLMSSP\0\2"), Major.BAD_MECH),
        (NegTokenResp(NegState.ACCEPT_COMPLETED, tokens.KRB5), Major.DEFECTIVE_TOKEN),
        (NegTokenResp(NegState.ACCEPT_COMPLETED, tokens.KRB5, b"token"), Major.DEFECTIVE_TOKEN),
        (NegTokenResp(NegState.REJECT, tokens.KRB5, tokens.frame(tokens.KRB5, b"\3\0")), Major.DEFECTIVE_TOKEN),
    ],
)
def test_initiator_refuses_other_answers(said: NegTokenResp, major: Major) -> None:
    initiator, _, _ = started()
    assert refusal(initiator.step, said.encode(), NOW).major == major
    assert refusal(initiator.step, said.encode(), NOW).major == Major.NO_CONTEXT


def test_initiator_refuses_a_wrong_mic_and_an_acceptor_without_end() -> None:
    initiator, token, _ = started()
    reply, context = Acceptor(service()).step(token, NOW)
    assert context is not None
    wrong = NegTokenResp(NegState.ACCEPT_COMPLETED, tokens.KRB5, reply, context.get_mic(b"another list"))
    assert refusal(initiator.step, wrong.encode(), NOW).major == Major.BAD_MIC
    initiator, _, _ = started(ONE_WAY)
    again = NegTokenResp(NegState.REQUEST_MIC).encode()
    initiator.step(again, NOW)
    assert refusal(initiator.step, again, NOW).major == Major.DEFECTIVE_TOKEN


def test_initiator_tells_the_acceptors_error() -> None:
    initiator, token, _ = started()
    refused = refusal(Acceptor(service(keys=lambda sname, kvno, etype: ())).step, token, NOW)
    said = NegTokenResp(NegState.REJECT, tokens.KRB5, refused.token)
    assert refusal(initiator.step, said.encode(), NOW).reason == "the acceptor says error 45"
