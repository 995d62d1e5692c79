from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bossa.krb.names import NameType, PrincipalName, krbtgt, split


@pytest.mark.parametrize(
    ("text", "parts", "realm"),
    [
        ("alice", ("alice",), ""),
        ("alice@B.T", ("alice",), "B.T"),
        ("HTTP/web.b.t@B.T", ("HTTP", "web.b.t"), "B.T"),
        ("a/b/c", ("a", "b", "c"), ""),
        ("a@B/C", ("a",), "B/C"),
        (r"a\/b\@c@B", ("a/b@c",), "B"),
        (r"a\\b", ("a\\b",), ""),
        ("a@", ("a",), ""),
        ("", ("",), ""),
    ],
)
def test_a_name_is_split_at_its_signs(text, parts, realm):
    name, found = split(text)
    assert (name.parts, found) == (parts, realm)


def test_a_second_realm_is_refused():
    with pytest.raises(ValueError, match="more than one realm"):
        split("a@B@C")


def test_a_name_alone_has_no_realm():
    with pytest.raises(ValueError, match="names a realm"):
        PrincipalName.parse("a@B")


def test_an_enterprise_name_is_one_part():
    assert PrincipalName.parse("alice@mail.test", NameType.ENTERPRISE).parts == ("alice@mail.test",)


def test_the_ticket_granting_service_is_named_after_the_realm():
    assert krbtgt("B.T") == (NameType.SRV_INST, ("krbtgt", "B.T")) and krbtgt("B.T").text == "krbtgt/B.T"


@settings(deadline=None)
@given(st.lists(st.text(), min_size=1, max_size=4).map(tuple))
def test_what_was_written_is_read(parts):
    assert PrincipalName.parse(PrincipalName(NameType.PRINCIPAL, parts).text).parts == parts
