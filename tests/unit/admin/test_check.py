"""The steps of bossa check, against a server that is one dictionary."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bossa.admin import keys
from bossa.admin.check import Check, CheckLine, Means, Target, parse_address
from bossa.dns import names, tsig, types
from bossa.dns.message import Flag, Message, Reply, encode_reply
from bossa.dns.tsig import Algorithm, Key
from bossa.dns.zone import RRset

DOMAIN = names.from_text("bossa.test.")
NOW = 1_700_000_000
KEY = Key(names.from_text("admin."), Algorithm.HMAC_SHA256, b"s" * 32)
V4, V6 = ("127.0.0.1", 10053), ("::1", 10053)


class Server:
    """Answers from a dictionary and takes signed updates of one record."""

    def __init__(self) -> None:
        self.records = {
            (DOMAIN, types.SOA): bytes(22),
            (names.from_text("ns1", DOMAIN), types.A): bytes(4),
            (names.from_text("example.com."), types.A): bytes(4),
        }
        self.rcode = 0
        self.asked: list[tuple[str, tuple[str, int]]] = []
        self.updates = 0

    def udp(self, address: tuple[str, int], wire: bytes, seconds: float) -> bytes:
        self.asked.append(("UDP", address))
        return self.answer(wire)

    def tcp(self, address: tuple[str, int], wire: bytes, seconds: float) -> bytes:
        self.asked.append(("TCP", address))
        return self.answer(wire)

    def answer(self, wire: bytes) -> bytes:
        message = Message.decode(wire)
        if message.opcode == types.Opcode.UPDATE:
            return self.update(message)
        question = message.questions[0]
        data = self.records.get((question.name, question.type))
        answer = [(question.name, RRset(question.type, 60, (data,), ()))] if data is not None else []
        return encode_reply(message, Reply(answer=answer), 1232, flags=Flag.AA)

    def update(self, message: Message) -> bytes:
        raw = tsig.find(message)
        assert raw is not None
        signed = tsig.verify(message, raw, {KEY.name: KEY}, NOW)
        if isinstance(signed, tsig.Unverified):
            return tsig.unsigned_reply(encode_reply(message, Reply(9), 1232), signed)
        if not self.rcode:
            (record,) = message.authority
            self.updates += 1
            if record.rclass == types.IN:
                self.records[record.owner, record.type] = message.rdata(record)
            else:
                del self.records[record.owner, record.type]
        return tsig.sign_reply(encode_reply(message, Reply(self.rcode), 1232), signed, KEY, NOW)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def check(server: Server, tmp_path: Path) -> Callable[[], list[CheckLine]]:
    (tmp_path / "admin.key").write_text(keys.shown(KEY).clause)
    means = Means(server.udp, server.tcp, lambda: NOW, lambda: 0.0, lambda size: bytes(range(7, 7 + size)))
    return lambda: list(Check(Target(DOMAIN, (V4, V6), 2, tmp_path), means).run())


def states(lines: list[CheckLine]) -> set[str]:
    return {line.state for line in lines}


def test_a_server_that_is_well_passes_every_step(server: Server, check: Callable[[], list[CheckLine]]) -> None:
    lines = check()
    assert states(lines) == {"ok"}, lines
    assert server.updates == 2
    assert {("UDP", V4), ("TCP", V4), ("UDP", V6), ("TCP", V6)} == set(server.asked)
    assert not any(b"check-" in name for name, _ in server.records), "the record was taken away"


def test_every_worker_is_read_on_every_address(server: Server, check: Callable[[], list[CheckLine]]) -> None:
    check()
    assert server.asked.count(("UDP", V6)) >= 16
    assert server.asked.count(("UDP", V4)) >= 16


def test_no_upstream_is_a_warning(server: Server, check: Callable[[], list[CheckLine]]) -> None:
    del server.records[names.from_text("example.com."), types.A]
    lines = check()
    (warning,) = [line for line in lines if line.state != "ok"]
    assert warning.state == "warning"
    assert "network" in warning.fix


def test_a_refused_update_names_the_policy(server: Server, check: Callable[[], list[CheckLine]]) -> None:
    server.rcode = 5
    last = check()[-1]
    assert (last.state, last.why) == ("failed", "the answer is REFUSED")
    assert "policy" in last.fix


def test_another_key_is_told_with_its_tsig_error(
    server: Server, check: Callable[[], list[CheckLine]], tmp_path: Path
) -> None:
    (tmp_path / "admin.key").write_text(keys.shown(Key(KEY.name, KEY.algorithm, b"other")).clause)
    assert check()[-1].why == "the answer is NOTAUTH with TSIG error 16"


def test_a_missing_key_file_fails_the_update_only(check: Callable[[], list[CheckLine]], tmp_path: Path) -> None:
    (tmp_path / "admin.key").unlink()
    lines = check()
    assert [line.state for line in lines].count("failed") == 1
    assert "key file" in lines[-1].why


def test_a_worker_that_lags_fails_the_check(server: Server, check: Callable[[], list[CheckLine]]) -> None:
    server.records = dict(server.records)
    whole, seen = server.answer, 0

    def lagging(wire: bytes) -> bytes:
        nonlocal seen
        message = Message.decode(wire)
        if message.opcode == 0 and b"check-" in message.questions[0].name:
            seen += 1
            if seen == 11:
                return encode_reply(message, Reply(3), 1232)
        return whole(wire)

    server.answer = lagging  # type: ignore[method-assign]
    failed = [line for line in check() if line.state == "failed"]
    assert ["does not show it" in line.why for line in failed] == [True]
    assert server.updates == 2, "the record is taken away all the same"


def test_a_server_that_is_gone_fails_with_a_reason(server: Server, check: Callable[[], list[CheckLine]]) -> None:
    def gone(wire: bytes) -> bytes:
        raise ConnectionRefusedError(111, "Connection refused")

    server.answer = gone  # type: ignore[method-assign]
    lines = check()
    assert lines[0].why == "Connection refused"
    assert states(lines) == {"failed", "warning"}


def test_an_answer_of_other_octets_fails_with_a_reason(server: Server, check: Callable[[], list[CheckLine]]) -> None:
    server.answer = lambda wire: wire[:2] + b"junk"  # type: ignore[method-assign]
    assert "cannot be read" in check()[0].why


@pytest.mark.parametrize(
    ("text", "address"),
    [("127.0.0.1:53", ("127.0.0.1", 53)), ("[::1]:10053 udp+tcp", ("::1", 10053)), ("0.0.0.0:1", ("0.0.0.0", 1))],
)
def test_addresses_are_read_as_the_status_writes_them(text: str, address: tuple[str, int]) -> None:
    assert parse_address(text) == address
