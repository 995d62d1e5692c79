"""The layout of a SEQUENCE: which field of a dataclass stands under which context tag.

X.690 §8.9 with explicit tags, fields in the order of their numbers.  A
field that is absent where it may be has its default; what the layout does
not name is refused, or stepped over where the specification's type ends
in an extension marker (``...``).
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any, ClassVar, NamedTuple, Self, TypeVar

from bossa.wire.der import SEQUENCE, Codec, content, heads, span, tlv
from bossa.wire.errors import WireError

T = TypeVar("T")


class Message:
    """A dataclass with a layout: whole values in and out."""

    __slots__ = ()
    CODEC: ClassVar[Codec[Any]]
    LONGEST: ClassVar[int] = 1 << 17

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read one value that fills ``data``; raises WireError."""
        if len(data) > cls.LONGEST:
            raise WireError(f"{cls.__name__} of {len(data)} octets")
        value: Self = cls.CODEC.decode(data, 0, len(data))
        return value

    def encode(self) -> bytes:
        """Return the value in DER."""
        octets: bytes = self.CODEC.encode(self)
        return octets


class Field(NamedTuple):
    """Field ``name`` under ``[number]``; with ``default`` other than REQUIRED it may be absent."""

    number: int
    name: str
    codec: Codec[Any]
    default: Any = ...


REQUIRED = ...


def constant(number: int, value: int, codec: Codec[int]) -> Field:
    """A field that always says ``value`` and that no dataclass keeps; such fields come first."""
    return Field(number, "", codec, value)


class Form(NamedTuple):
    """What surrounds the fields: ``application`` the tag outside, ``raw`` keeps the octets as last argument."""

    application: int | None = None
    raw: bool = False
    extensible: bool = False


PLAIN = Form()


def sequence(cls: Callable[..., T], *fields: Field, form: Form = PLAIN) -> Codec[T]:
    """The codec of a SEQUENCE of ``fields``, in the order of ``cls``'s arguments.

    A value that holds its octets is written as them.
    """
    tag = None if form.application is None else 0x60 | form.application
    decode, write = _decoder(cls, fields, form, tag), _encoder(fields)
    encode = write if tag is None else _wrapped(tag, write)
    if form.raw:
        return Codec(decode, lambda value: value.raw or encode(value))  # type: ignore[attr-defined]
    return Codec(decode, encode)


def _wrapped(tag: int, write: Callable[[T], bytes]) -> Callable[[T], bytes]:
    """Put what is written into a tag of its own."""
    return lambda value: tlv(tag, write(value))


def _prefix(fields: tuple[Field, ...]) -> bytes:
    """What the constants make of the beginning of a SEQUENCE: DER has one form of it."""
    return b"".join(tlv(0xA0 | field.number, field.codec.encode(field.default)) for field in fields if not field.name)


def _decoder(
    cls: Callable[..., T], fields: tuple[Field, ...], form: Form, outer: int | None
) -> Callable[[bytes, int, int], T]:
    """Make the reading half of :func:`sequence`."""
    named = [field for field in fields if field.name]
    blank = [None if field.default is REQUIRED else field.default for field in named]
    slots = {
        0xA0 | field.number: (place, field.codec.decode, field.default is REQUIRED) for place, field in enumerate(named)
    }
    find, last = slots.get, max(slots)
    needed = sum(need for _, _, need in slots.values())
    title, prefix = getattr(cls, "__name__", "sequence"), _prefix(fields)
    raw, extensible, skip = form.raw, form.extensible, len(prefix)

    def decode(data: bytes, pos: int, end: int) -> T:
        begin = pos
        if outer is not None:
            pos = content(data, pos, end, outer)
        pos = content(data, pos, end, SEQUENCE)
        if not data.startswith(prefix, pos, end):
            raise WireError(f"{title} at {pos} does not begin with {prefix.hex()}")
        pos += skip
        values = blank.copy()
        before = required = 0
        while pos < end:
            tag = data[pos]
            # What span() does, at hand for short values: half the time of a decoding is in such calls.
            size = data[pos + 1] if end - pos > 1 else 0xFF
            start = pos + 2
            stop = start + size
            if size >= 0x80 or stop > end:
                start, stop = span(data, pos, end)
            slot = find(tag)
            if tag <= before or (slot is None and not (extensible and last < tag < 0xBF)):
                raise WireError(f"{title}: tag {tag:#x} at {pos} is out of place")
            if slot is not None:
                place, read, need = slot
                values[place] = read(data, start, stop)
                required += need
            before = tag
            pos = stop
        if required != needed:
            raise WireError(f"{title} before {end} lacks a field")
        if raw:
            values.append(data[begin:end])
        return cls(*values)

    return decode


def _encoder(fields: tuple[Field, ...]) -> Callable[[T], bytes]:
    """Make the writing half of :func:`sequence`."""
    named = [field for field in fields if field.name]
    steps = [_step(field) for field in named]
    take, prefix = _getter([field.name for field in named]), _prefix(fields)

    def encode(value: T) -> bytes:
        parts = [prefix]
        for (tag, short, write, optional), item in zip(steps, take(value), strict=True):
            if optional and (item is None or (not item and item.__class__ is tuple)):
                continue
            body = write(item)
            size = len(body)
            parts.append(short[size] + body if size < 0x80 else tlv(tag, body))
        return tlv(SEQUENCE, b"".join(parts))

    return encode


def _step(field: Field) -> tuple[int, tuple[bytes, ...], Callable[[Any], bytes], bool]:
    """What writing a field takes: its tag, the tag with each short length, its codec, whether it may be absent."""
    tag = 0xA0 | field.number
    return tag, heads(tag), field.codec.encode, field.default is not REQUIRED


def _getter(names: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    """How the fields are taken from a value: attrgetter gives a tuple of more than one only."""
    if len(names) > 1:
        return attrgetter(*names)
    only = attrgetter(*names)
    return lambda value: (only(value),)


def lay_out(cls: type[Message], *fields: Field, form: Form = PLAIN) -> None:
    """Give ``cls`` the codec of its fields."""
    cls.CODEC = sequence(cls, *fields, form=form)
