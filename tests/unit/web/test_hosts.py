"""Which Host headers are answered."""

import pytest

from bossa.web.hosts import Hosts

LOCAL = Hosts(["127.0.0.1", "::1", "192.0.2.7", "2001:db8::7"], ["bossa.test", "ns1.bossa.test", "Lab.Example."])


@pytest.mark.parametrize(
    "header",
    [
        "localhost",
        "localhost:10080",
        "LOCALHOST.",
        "127.0.0.1:10080",
        "127.8.9.10",
        "[::1]",
        "[::1]:10080",
        "[0:0:0:0:0:0:0:1]:80",
        "192.0.2.7:10080",
        "[2001:DB8::7]:10080",
        "bossa.test:10080",
        "NS1.bossa.test.",
        "lab.example",
    ],
)
def test_our_own_names_and_addresses_are_answered(header):
    assert header in LOCAL


@pytest.mark.parametrize(
    "header",
    [
        "",
        "evil.example",
        "bossa.test.evil.example",
        "evil.bossa.test",
        "notbossa.test",
        "localhost.evil.example",
        "192.0.2.8",
        "[2001:db8::8]",
        "2130706433",
        "127.0.0.1.evil.example",
        "127.0.0.1@evil.example",
        "bossa.test:80:80",
        "bossa.test:x",
        "bossa.test:",
        "::1",
        "[::1",
        "[::1]evil",
        "bossa.test\n",
        "bossa.test:80\n",
        "bossa.test, evil.example",
        "bossa.test/",
    ],
)
def test_other_names_are_not(header):
    assert header not in LOCAL


def test_on_the_wildcard_every_address_is_ours_but_still_no_name():
    everywhere = Hosts(["0.0.0.0"], [])
    assert "198.51.100.4:10080" in everywhere
    assert "[2001:db8::9]:10080" in everywhere
    assert "evil.example" not in everywhere
