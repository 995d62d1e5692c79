"""Other servers as they are typed."""

from __future__ import annotations

import pytest

from bossa.dns.remote import Remote

KEY = b"\x03xfr\x02k1\x00"


@pytest.mark.parametrize(
    ("text", "remote", "spelled"),
    [
        ("192.0.2.1", Remote("192.0.2.1"), "192.0.2.1"),
        ("192.0.2.1:53", Remote("192.0.2.1"), "192.0.2.1"),
        ("192.0.2.1:5353@XFR.k1", Remote("192.0.2.1", 5353, KEY), "192.0.2.1:5353@xfr.k1"),
        ("192.0.2.1@xfr.k1.", Remote("192.0.2.1", 53, KEY), "192.0.2.1@xfr.k1"),
        ("2001:DB8::1", Remote("2001:db8::1"), "2001:db8::1"),
        ("[2001:db8::1]", Remote("2001:db8::1"), "2001:db8::1"),
        ("[2001:db8::1]:5353@xfr.k1", Remote("2001:db8::1", 5353, KEY), "[2001:db8::1]:5353@xfr.k1"),
        ("fe80::1%eth0", Remote("fe80::1%eth0"), "fe80::1%eth0"),
    ],
)
def test_a_server_is_read_and_written_in_one_spelling(text: str, remote: Remote, spelled: str) -> None:
    assert Remote.parse(text) == remote
    assert remote.text == str(remote) == spelled
    assert Remote.parse(spelled) == remote


@pytest.mark.parametrize(
    "text",
    ["", "host.test", "192.0.2.1:", "192.0.2.1:0", "192.0.2.1:65536", "192.0.2.1:x", "192.0.2.1@", "[::1", "[::1]53"],
)
def test_what_is_no_server_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Remote.parse(text)
