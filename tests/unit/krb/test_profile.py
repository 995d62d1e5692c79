"""What is read of a krb5.conf."""

from __future__ import annotations

import pytest

from bossa.krb.profile import Profile

TEXT = """
# a comment
[libdefaults]
    default_realm = BOSSA.TEST
    dns_lookup_kdc = false
[realms]
    BOSSA.TEST = {
        kdc = 127.0.0.1:10088
        kdc = [::1]:10088
        kpasswd_server = 127.0.0.1:10464
    }
    OTHER.TEST = {
        auth_to_local_names = {
            kdc = nobody
        }
        kdc = kdc.other.test
    }
[domain_realm]
    .bossa.test = BOSSA.TEST
    Bossa.test = BOSSA.TEST
    .lab.bossa.test = LAB.TEST
"""


def test_realms_have_their_kdcs_and_nothing_of_inner_braces() -> None:
    profile = Profile.parse(TEXT)
    assert profile.kdcs == {"BOSSA.TEST": ("127.0.0.1:10088", "[::1]:10088"), "OTHER.TEST": ("kdc.other.test",)}


@pytest.mark.parametrize(
    ("host", "realm"),
    [
        ("ns1.bossa.test", "BOSSA.TEST"),
        ("bossa.test.", "BOSSA.TEST"),
        ("WS1.lab.bossa.test", "LAB.TEST"),
        ("lab.bossa.test", "BOSSA.TEST"),
        ("elsewhere.test", ""),
    ],
)
def test_a_host_is_of_the_realm_of_its_nearest_domain(host: str, realm: str) -> None:
    assert Profile.parse(TEXT).realm_of(host) == realm


@pytest.mark.parametrize("text", ["", "}", "no krb5.conf at all", "[realms]\n}\n}\nA = {\nkdc"])
def test_what_is_no_krb5_conf_says_nothing(text: str) -> None:
    assert Profile.parse(text) == Profile()
