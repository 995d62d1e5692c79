"""Whatever asks for a new password, under the right keys too, it is refused as NotChanged, or it is alice's own wish.

Run with ``python fuzz/fuzz_kpasswd.py [CORPUS] [-runs=N]`` where atheris is installed.  Of an input the first octet
says what it is: a packet as it is sent, or the inside of its ticket, its authenticator, its KRB-PRIV, or the words of a
change or of a setting.
"""

from __future__ import annotations

import sys

import small_realm
from small_realm import NAME, NOW, SEED, SUBKEY

from bossa.directory.account import CHANGEPW
from bossa.krb import kpasswd
from bossa.krb.kdc.settings import KdcSettings
from bossa.krb.kpasswd import CHANGE, SET, NotChanged, Replying, Result, Said
from bossa.krb.messages import ChangePasswdData, EncKrbPrivPart, HostAddress, KrbPriv
from bossa.krb.names import NameType, PrincipalName
from bossa.krb.ticket import lock
from bossa.krb.usages import Usage

REALM = small_realm.make()
SETTINGS = KdcSettings()
REPLYING = Replying("192.0.2.1", NOW, small_realm.octets)
SNAME = PrincipalName.parse(CHANGEPW, NameType.SRV_INST)
KEY = small_realm.key(REALM, CHANGEPW)
PART = small_realm.ticket_part("alice", flags=small_realm.FIRST).encode()
PROOF = small_realm.proof("alice").encode()


def private(words: bytes) -> bytes:
    """Say the words of a request as a client does."""
    return EncKrbPrivPart(words, int(NOW), 0, 77, HostAddress(2, bytes(4))).encode()


WORDS = private(b"quieter")


def packet(part: bytes = PART, proof: bytes = PROOF, inside: bytes = WORDS, version: int = CHANGE) -> bytes:
    """Return a request with these insides."""
    shown = small_realm.show(small_realm.ticket(SNAME, KEY, part), proof, Usage.AP_REQ_AUTHENTICATOR)
    words = KrbPriv(lock(SUBKEY, Usage.KRB_PRIV, inside, SEED)).encode()
    numbers = 6 + len(shown) + len(words), version, len(shown)
    return b"".join((number & 0xFFFF).to_bytes(2, "big") for number in numbers) + shown + words


MAKE = {
    b"t": lambda data: packet(part=data),
    b"a": lambda data: packet(proof=data),
    b"p": lambda data: packet(inside=data),
    b"c": lambda data: packet(inside=private(data)),
    b"s": lambda data: packet(inside=private(data), version=SET),
}
SEEDS = (
    b"r" + packet(),
    b"t" + PART,
    b"a" + PROOF,
    b"p" + WORDS,
    b"c" + b"leiser, bitte",
    b"s" + ChangePasswdData(b"quieter", PrincipalName.parse("alice"), NAME).encode(),
)


def taken(data: bytes) -> bool:
    """Hold the invariant for one input; tell whether it is a wish to be carried out."""
    kind, rest = data[:1], data[1:]
    request = MAKE[kind](rest) if kind in MAKE else rest
    try:
        asked = kpasswd.read(request, REALM, SETTINGS, NOW, lambda by, target: by == "admin")
    except NotChanged as error:
        return _answered(kpasswd.refused(error, NAME, REPLYING), verified=False)
    assert kind == b"t" or (asked.by, asked.target) == ("alice", "alice")
    assert asked.by in (asked.target, "admin")
    return _answered(kpasswd.reply(asked.caller, Said(Result.SUCCESS), REPLYING), verified=True)


def _answered(answer: bytes, *, verified: bool) -> bool:
    """What is answered says how long it is."""
    assert int.from_bytes(answer[:2], "big") == len(answer)
    return verified


def one_input(data: bytes) -> None:
    """Hold the invariant for one input."""
    taken(data)


if __name__ == "__main__":
    import atheris

    atheris.instrument_all()
    small_realm.sow(sys.argv[1:], SEEDS)
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
