from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from bossa.wire import WireError
from bossa.wire.der import INT32, STRING, sequence_of, tlv
from bossa.wire.layout import Field, Form, Message, constant, lay_out

h = bytes.fromhex


@dataclass(frozen=True, slots=True)
class Plain(Message):
    number: int
    text: str | None = None
    list: tuple[int, ...] = ()


lay_out(
    Plain,
    constant(0, 5, INT32),
    Field(1, "number", INT32),
    Field(3, "text", STRING, None),
    Field(4, "list", sequence_of(INT32, 4), ()),
    form=Form(application=7),
)


@dataclass(frozen=True, slots=True)
class Kept(Message):
    number: int
    raw: bytes = field(default=b"", compare=False, repr=False)


lay_out(Kept, Field(0, "number", INT32), form=Form(application=8, raw=True, extensible=True))

FIVE, NUMBER, TEXT, LIST = h("a003020105"), h("a103020109"), h("a3031b0161"), h("a4053003020102")


def wrapped(*fields: bytes) -> bytes:
    return tlv(0x67, tlv(0x30, b"".join(fields)))


@pytest.mark.parametrize(
    ("value", "fields"),
    [
        (Plain(9), (FIVE, NUMBER)),
        (Plain(9, "a"), (FIVE, NUMBER, TEXT)),
        (Plain(9, None, (2,)), (FIVE, NUMBER, LIST)),
        (Plain(9, "a", (2,)), (FIVE, NUMBER, TEXT, LIST)),
    ],
)
def test_fields_stand_under_their_numbers(value, fields):
    assert Plain.decode(wrapped(*fields)) == value
    assert value.encode() == wrapped(*fields)


@pytest.mark.parametrize(
    "fields",
    [
        (),
        (FIVE,),
        (NUMBER,),
        (h("a003020106"), NUMBER),
        (FIVE, NUMBER, NUMBER),
        (NUMBER, FIVE),
        (FIVE, NUMBER, LIST, TEXT),
        (FIVE, NUMBER, h("a203020101")),
        (FIVE, NUMBER, h("a503020101")),
        (FIVE, NUMBER, h("020101")),
        (FIVE, NUMBER, h("a3031b01")),
        (FIVE, h("a1030201090500")),
    ],
    ids=[
        "nothing",
        "a field lacks",
        "the constant lacks",
        "another constant",
        "twice",
        "swapped",
        "swapped at the end",
        "an unknown one between",
        "an unknown one at the end",
        "no context tag",
        "cut",
        "two values in one field",
    ],
)
def test_another_layout_is_refused(fields):
    with pytest.raises(WireError):
        Plain.decode(wrapped(*fields))


def test_the_tag_outside_must_be_the_types_own():
    with pytest.raises(WireError):
        Plain.decode(b"\x66" + wrapped(FIVE, NUMBER)[1:])


def test_a_list_that_is_empty_is_not_written():
    assert Plain(9, None, ()).encode() == wrapped(FIVE, NUMBER)
    assert Plain.decode(wrapped(FIVE, NUMBER, h("a4023000"))) == Plain(9)


def test_a_value_that_keeps_its_octets_is_written_as_they_were():
    octets = tlv(0x68, tlv(0x30, h("a003020109a903020101")))
    value = Kept.decode(octets)
    assert value == Kept(9) and value.raw == octets and value.encode() == octets
    assert Kept(9).encode() == tlv(0x68, tlv(0x30, h("a003020109")))


def test_an_extensible_type_is_read_past_later_fields_only():
    for late in ("a903020101", "a90302", "020101", "bf2003020101"):
        octets = tlv(0x68, tlv(0x30, h("a003020109") + h(late)))
        if late == "a903020101":
            assert Kept.decode(octets).number == 9
        else:
            with pytest.raises(WireError):
                Kept.decode(octets)


def test_a_message_is_of_bounded_size():
    with pytest.raises(WireError, match="octets"):
        Plain.decode(b"\x67" + bytes(Plain.LONGEST))
