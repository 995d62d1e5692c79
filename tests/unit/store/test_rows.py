from __future__ import annotations

import msgspec
import pytest

from bossa.dns import types
from bossa.dns.ports import KeyRow, RuleRow, ZoneOptions
from bossa.dns.zone import Mark, RRset
from bossa.store import rows
from bossa.store.errors import UnknownForm
from tests.contract.specimens import APEX, a, change, host, soa, step


def _decode(*rrsets: RRset) -> list[RRset]:
    found = rows.decode_rrsets([(rows.rrset_key(APEX, one.type), rows.encode_rrset(one)) for one in rrsets], {})
    return [rrset for _, rrset in found]


def test_rrset_has_the_form_that_the_documents_tell() -> None:
    assert rows.rrset_key(APEX, 0xFF01) == APEX + b"\xff\x01"
    assert msgspec.msgpack.decode(rows.encode_rrset(a(b"\1\2\3\4"))) == [1, 300, [b"\1\2\3\4"], [[3, 1_790_000_000]]]


def test_equal_marks_are_one_object() -> None:
    first, second, other = _decode(a(b"\1\1\1\1"), a(b"\2\2\2\2"), a(b"\3\3\3\3", mark=Mark(a(b"").marks[0].origin, 7)))
    assert first.marks is second.marks
    assert other.marks[0].stamp == 7


def test_serial_is_read_without_the_rest() -> None:
    assert rows.soa_serial(rows.encode_rrset(soa(2**32 - 1))) == 2**32 - 1


def test_step_of_history_comes_back() -> None:
    told = rows.decode_step(rows.encode_step(step(1, change(host("x"), None, a(b"\1\1\1\1")))))
    assert (told.serial_from, told.serial_to, told.deleted) == (1, 2, ())
    assert told.added[0].owner == host("x")
    assert told.added[0].type == types.A


def test_options_written_by_an_older_bossa_get_the_defaults() -> None:
    old = msgspec.msgpack.encode([1, {"history": 5}])
    assert rows.decode_options(old) == ZoneOptions(history=5)


@pytest.mark.parametrize("what", ["RRset", "options", "key", "policy", "step of history"])
def test_form_of_a_newer_bossa_is_refused(what: str) -> None:
    key = KeyRow(name=b"\0", algorithm="x", sealed=b"", created=0)
    newer = {
        "RRset": rows.encode_rrset(a(b"\1\1\1\1")),
        "options": rows.encode_options(ZoneOptions()),
        "key": rows.encode_key(key),
        "policy": rows.encode_rules([RuleRow(who="key:k", scope="zone")]),
        "step of history": rows.encode_step(step(1)).added,
    }[what]
    newer = newer[:1] + b"\x02" + newer[2:]
    with pytest.raises(UnknownForm, match=f"{what} in form 2"):
        match what:
            case "RRset":
                list(rows.decode_rrsets([(rows.rrset_key(APEX, 1), newer)], {}))
            case "options":
                rows.decode_options(newer)
            case "key":
                rows.decode_key(newer)
            case "policy":
                rows.decode_rules(newer)
            case _:
                rows.decode_step(rows.HistoryRow(1, 2, newer, newer))
