"""Requests that come again: known by their octets, for a while, and only so many."""

from __future__ import annotations

from bossa.krb.server import answers as module
from bossa.krb.server.answers import Answers


def test_an_answer_is_kept_for_its_time() -> None:
    now = 100.0
    answers = Answers(lambda: now, 60)
    answers.keep(b"request", b"answer")
    assert answers.find(b"request") == b"answer"
    assert answers.find(b"another") is None
    now = 160.0
    assert answers.find(b"request") is None


def test_old_and_too_many_answers_are_let_go() -> None:
    now = 100.0
    answers = Answers(lambda: now, 60)
    for number in range(module._MOST + 10):
        answers.keep(b"%d" % number, b"answer")
    assert len(answers._kept) == module._MOST
    assert answers.find(b"9") is None
    assert answers.find(b"10") == b"answer"
    now = 170.0
    answers.keep(b"last", b"answer")
    assert len(answers._kept) == 1
