from __future__ import annotations

import pytest

from bossa.crypto.enctypes import Key
from bossa.krb.keytab import Keytab, KeytabEntry
from bossa.krb.messages import EncryptionKey
from bossa.krb.names import PrincipalName
from bossa.wire import WireError

WEB = PrincipalName(3, ("HTTP", "web.bossa.test"))
NEW, OLD = EncryptionKey(18, b"n" * 32), EncryptionKey(18, b"o" * 32)
RC4 = EncryptionKey(23, b"r" * 16)
TABLE = Keytab(
    (
        KeytabEntry(WEB, "B.T", 1, OLD, 5),
        KeytabEntry(WEB, "B.T", 300, RC4, 6),
        KeytabEntry(WEB, "B.T", 300, NEW, 6),
        KeytabEntry(WEB, "OTHER", 9, NEW),
        KeytabEntry(PrincipalName(-1, ("x",)), "B.T", 9, NEW),
    )
)
HOLE = (-7 & 0xFFFFFFFF).to_bytes(4, "big") + b"garbage"


def record(entry: KeytabEntry) -> bytes:
    return Keytab((entry,)).encode()[2:]


def test_a_table_comes_back():
    assert Keytab.decode(TABLE.encode()) == TABLE
    assert Keytab.decode(b"\x05\x02") == Keytab(())


def test_the_usable_keys_come_newest_first():
    assert TABLE.keys(WEB, "B.T") == ((300, Key(18, b"n" * 32)), (1, Key(18, b"o" * 32)))
    assert TABLE.keys(PrincipalName(1, WEB.parts), "B.T") == TABLE.keys(WEB, "B.T")
    assert TABLE.keys(PrincipalName(1, ("HTTP",)), "B.T") == ()


def test_holes_are_stepped_over_and_nothing_ends_the_file():
    one = record(TABLE.entries[0])
    assert Keytab.decode(b"\x05\x02" + HOLE + one + HOLE).entries == TABLE.entries[:1]
    assert Keytab.decode(b"\x05\x02" + one + bytes(4) + b"what was here").entries == TABLE.entries[:1]


def test_a_version_of_one_octet_is_enough():
    octets = record(TABLE.entries[0])
    short = (len(octets) - 8).to_bytes(4, "big") + octets[4:-4]
    assert Keytab.decode(b"\x05\x02" + short).entries == TABLE.entries[:1]
    zero = octets[:-4] + bytes(4)
    assert Keytab.decode(b"\x05\x02" + zero).entries == TABLE.entries[:1]


@pytest.mark.parametrize(
    "octets",
    [b"", b"\x05", b"\x05\x01", b"\x05\x02\0", b"\x05\x02\0\0\0\5a", b"\x05\x02\xff\xff\xff\0", b"\x05\x02\x80\0\0\0"],
)
def test_another_form_is_refused(octets):
    with pytest.raises(WireError):
        Keytab.decode(octets)


def test_a_record_cut_anywhere_is_refused():
    body = record(TABLE.entries[0])[4:]
    for end in range(1, len(body) - 4):
        with pytest.raises(WireError):
            Keytab.decode(b"\x05\x02" + end.to_bytes(4, "big") + body[:end])


def test_names_are_text_of_few_parts():
    many = KeytabEntry(PrincipalName(1, ("a",) * 17), "B.T", 1, NEW)
    one = record(TABLE.entries[0])
    broken = (record(many), *(one.replace(b"B.T", bad) for bad in (b"B\0T", b"\xff.T")))
    for octets in broken:
        with pytest.raises(WireError):
            Keytab.decode(b"\x05\x02" + octets)


def test_a_table_is_of_bounded_size():
    for octets in (b"\x05\x02" + b"\xff\xff\xff\xffx" * ((1 << 16) + 1), b"\x05\x02" + bytes(1 << 24)):
        with pytest.raises(WireError):
            Keytab.decode(octets)


def test_no_key_is_shown():
    assert "nnnn" not in repr(TABLE)
