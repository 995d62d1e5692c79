from __future__ import annotations

import hashlib

from bossa.gss.bindings import NONE, ChannelBindings


def test_digest_covers_addresses_and_data_in_order() -> None:
    bindings = ChannelBindings(b"data", 2, b"\x7f\0\0\1", 2, b"\x7f\0\0\2")
    text = "02000000 04000000 7f000001 02000000 04000000 7f000002 04000000 64617461"
    assert bindings.digest == hashlib.md5(bytes.fromhex(text)).digest()


def test_digest_of_data_alone_has_zeros_for_addresses() -> None:
    assert ChannelBindings(b"tls-unique:x").digest == hashlib.md5(bytes(16) + b"\x0c\0\0\0tls-unique:x").digest()


def test_no_bindings_match_the_zeros_that_say_none() -> None:
    assert not ChannelBindings(b"").match(NONE)
    assert ChannelBindings(b"a").match(ChannelBindings(b"a").digest)
    assert not ChannelBindings(b"a").match(ChannelBindings(b"b").digest)
    assert not ChannelBindings(b"a").match(ChannelBindings(b"a").digest[:15])
