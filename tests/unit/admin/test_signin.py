"""Whose keys and tickets a command takes, and what it says where there are none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bossa.admin.errors import Failure
from bossa.admin.kdcline import KdcLine
from bossa.admin.signin import Keyed, SignIn, read_ccache, read_keytab
from bossa.crypto.enctypes import Enctype, Key
from bossa.dns.probe.conversation import Cause, Fault
from bossa.krb.client import Ask, Exchange
from bossa.krb.errors import KrbCode
from bossa.krb.keytab import Keytab, KeytabEntry
from bossa.krb.messages import EncryptionKey, KrbError
from bossa.krb.names import PrincipalName, krbtgt
from bossa.net.ask import Address

NOW = 1_700_000_000
REALM = "BOSSA.TEST"
WS1 = PrincipalName.parse("host/ws1.bossa.test")


def entry(name: str = WS1.text, realm: str = REALM, kvno: int = 2, etype: int = 18) -> KeytabEntry:
    return KeytabEntry(PrincipalName.parse(name), realm, kvno, EncryptionKey(etype, bytes(32)))


@pytest.fixture
def keytab(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a keytab."""

    def write(*entries: KeytabEntry) -> Path:
        file = tmp_path / "file.keytab"
        file.write_bytes(Keytab(entries).encode())
        return file

    return write


def test_the_newest_keys_of_the_first_principal_are_taken(keytab: Callable[..., Path]) -> None:
    held = read_keytab(keytab(entry(kvno=1), entry(kvno=3), entry("HTTP/web.bossa.test", kvno=9)))
    assert (held.principal, held.kvno, len(held.keys)) == ("host/ws1.bossa.test@BOSSA.TEST", 3, 1)


@pytest.mark.parametrize(
    ("principal", "realm", "cause", "fix"),
    [
        ("host/WS1.bossa.test", "", Cause.PRINCIPAL, "--principal host/ws1.bossa.test@BOSSA.TEST"),
        ("host/ws1.bossa.test", "LAB.TEST", Cause.REALM, "--realm BOSSA.TEST"),
        ("host/ws1.bossa.test@bossa.test", "", Cause.PRINCIPAL, "--principal host/ws1.bossa.test@BOSSA.TEST"),
        ("alice", "", Cause.PRINCIPAL, "letter case counts"),
    ],
)
def test_a_principal_that_is_not_there_is_told_by_what_is(
    keytab: Callable[..., Path], principal: str, realm: str, cause: Cause, fix: str
) -> None:
    with pytest.raises(Fault) as caught:
        read_keytab(keytab(entry()), principal, realm)
    assert caught.value.cause is cause
    assert fix in caught.value.fix


def test_keys_of_types_that_nobody_has_any_more_are_told(keytab: Callable[..., Path]) -> None:
    with pytest.raises(Fault, match="types 23 only") as caught:
        read_keytab(keytab(entry(etype=23)))
    assert caught.value.cause is Cause.ENCTYPE


def test_files_that_are_none_are_told(tmp_path: Path) -> None:
    file = tmp_path / "file"
    for read in (read_keytab, read_ccache):
        file.unlink(missing_ok=True)
        with pytest.raises(Failure):
            read(file)
        file.write_bytes(b"no such thing")
        with pytest.raises(Failure, match="it is none"):
            read(file)


def refusing(code: int, stime: int = NOW) -> SignIn:
    """Return a holder of keys at a KDC that always says so."""
    error = KrbError(code, stime, 0, REALM, krbtgt(REALM)).encode()

    def says(address: Address, message: bytes, seconds: float) -> bytes:
        return error

    holder = Keyed(WS1, REALM, 2, (Key(Enctype.AES256_SHA1, bytes(32)),))
    return SignIn(holder, KdcLine(lambda realm: (("127.0.0.1", 88),), says, says), lambda: NOW, bytes)


@pytest.mark.parametrize(
    ("code", "cause", "words"),
    [
        (KrbCode.C_PRINCIPAL_UNKNOWN, Cause.PRINCIPAL, "knows no host/ws1.bossa.test@BOSSA.TEST"),
        (KrbCode.PREAUTH_FAILED, Cause.KVNO, "version 2 of the keytab's keys"),
        (KrbCode.ETYPE_NOSUPP, Cause.ENCTYPE, "no encryption type in common"),
        (KrbCode.CLIENT_REVOKED, Cause.PRINCIPAL, "may not sign in"),
        (KrbCode.GENERIC, Cause.TICKET, "the KDC says GENERIC"),
    ],
)
def test_a_refusal_of_the_kdc_is_told_by_its_cause(code: KrbCode, cause: Cause, words: str) -> None:
    with pytest.raises(Fault) as caught:
        refusing(code).first()
    assert caught.value.cause is cause
    assert words in str(caught.value)


def test_the_kdcs_clock_is_told() -> None:
    with pytest.raises(Fault, match="1000 s ahead of this one") as caught:
        refusing(KrbCode.SKEW, NOW + 1000).first()
    assert caught.value.cause is Cause.CLOCK


def test_a_kdc_that_is_silent_makes_way_for_the_next() -> None:
    asked: list[str] = []

    def udp(address: Address, message: bytes, seconds: float) -> bytes:
        asked.append(address[0])
        if address[0] == "192.0.2.1":
            raise TimeoutError("no answer")
        return b"reply"

    def one() -> Exchange[bytes]:
        return (yield Ask(REALM, b"question"))

    line = KdcLine(lambda realm: (("192.0.2.1", 88), ("192.0.2.2", 88)), udp, udp)
    assert line.talk(one()) == b"reply"
    assert asked == ["192.0.2.1", "192.0.2.2"]
