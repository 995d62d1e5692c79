"""Every message of Kerberos: what is written is read, what is not of the shape is a WireError, and nothing else is."""

from __future__ import annotations

from dataclasses import dataclass, field, is_dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bossa.krb.ccache import CredentialCache
from bossa.krb.credential import Credential, Times
from bossa.krb.keytab import Keytab, KeytabEntry
from bossa.krb.messages import EncryptionKey
from bossa.krb.names import PrincipalName
from bossa.wire import WireError
from bossa.wire.layout import Message
from tests.props.krb_messages import MESSAGES, int32, maybe, octets, some, texts, uint32

KINDS = pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
# Of each of forty kinds; how long one takes says only how busy the machine is.
FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@dataclass(frozen=True, slots=True)
class Example:
    """A value of a kind, with places to break it at."""

    value: Message
    octets: bytes = field(repr=False)
    places: list[int]


def examples(kind: type) -> st.SearchStrategy:
    """A value and some places in its octets."""

    def with_places(value: Message) -> st.SearchStrategy:
        octets = value.encode()
        return st.lists(st.integers(0, len(octets) - 1), min_size=1, max_size=4).map(
            lambda places: Example(value, octets, places)
        )

    return MESSAGES[kind].flatmap(with_places)


def test_every_message_has_its_values():
    found, rest = set(), [Message]
    while rest:
        kind = rest.pop()
        rest += kind.__subclasses__()
        if is_dataclass(kind) and kind.__module__.startswith("bossa.krb."):
            found.add(kind)
    assert {kind.__name__ for kind in found} == {kind.__name__ for kind in MESSAGES}


@KINDS
@FEW
@given(data=st.data())
def test_what_is_written_is_read(kind, data):
    value = data.draw(MESSAGES[kind])
    found = kind.decode(value.encode())
    assert found == value and found.encode() == value.encode()


@KINDS
@FEW
@given(data=st.data())
def test_what_is_cut_or_prolonged_is_refused(kind, data):
    example = data.draw(examples(kind))
    for end in example.places:
        with pytest.raises(WireError):
            kind.decode(example.octets[:end])
    with pytest.raises(WireError):
        kind.decode(example.octets + b"\0")


@KINDS
@FEW
@given(data=st.data(), bit=st.integers(0, 7))
def test_a_turned_bit_is_refused_or_read_as_what_it_says(kind, data, bit):
    example = data.draw(examples(kind))
    broken = bytearray(example.octets)
    for place in example.places:
        broken[place] ^= 1 << bit
    try:
        found = kind.decode(bytes(broken))
    except WireError:
        return
    assert kind.decode(found.encode()) == found


@KINDS
@FEW
@given(st.binary(max_size=64))
def test_noise_is_refused(kind, noise):
    try:
        found = kind.decode(noise)
    except WireError:
        return
    assert kind.decode(found.encode()) == found


parts = some(texts, 4)
principals = st.builds(PrincipalName, int32, parts)
file_keys = st.builds(EncryptionKey, st.integers(0, 65535), octets)
entries = st.builds(KeytabEntry, principals, texts, uint32, file_keys, uint32)
credentials = st.builds(
    Credential, principals, texts, principals, texts, octets, file_keys, uint32,
    st.builds(Times, uint32, uint32, uint32, uint32), octets,
)  # fmt: skip
FILES = {
    Keytab: st.builds(Keytab, some(entries)),
    CredentialCache: st.builds(CredentialCache, principals, texts, some(credentials)),
}


@pytest.mark.parametrize("kind", FILES, ids=lambda kind: kind.__name__)
@FEW
@given(data=st.data())
def test_a_file_is_read_as_it_was_written(kind, data):
    value = data.draw(FILES[kind])
    assert kind.decode(value.encode()) == value


@pytest.mark.parametrize("kind", FILES, ids=lambda kind: kind.__name__)
@FEW
@given(data=st.data())
def test_a_broken_file_is_refused_or_read_as_what_it_says(kind, data):
    broken = bytearray(data.draw(FILES[kind]).encode())
    for _ in range(3):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(broken[: data.draw(maybe(st.integers(0, len(broken))))])
    try:
        found = kind.decode(cut)
    except WireError:
        return
    assert kind.decode(found.encode()) == found
