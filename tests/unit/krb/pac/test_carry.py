"""What a client may have in its ticket beside the PAC.  RFC 4120 §5.2.6, trap 22"""

from __future__ import annotations

import pytest

from bossa.krb.messages import AuthData, encode_authorization_data
from bossa.krb.pac.carry import from_client

PAC, PLAIN = AuthData(128, b"pac"), AuthData(250, b"x")


def inside(kind: int, *items: AuthData) -> AuthData:
    return AuthData(kind, encode_authorization_data(items))


def nested(depth: int) -> AuthData:
    item = PLAIN
    for _ in range(depth):
        item = inside(1, item)
    return item


@pytest.mark.parametrize(
    "item",
    [
        PAC,
        inside(1, PAC),
        inside(1, PLAIN, PAC),
        inside(1, inside(1, PAC)),
        inside(8, PAC),
        AuthData(4, b"kdc-issued"),
        AuthData(512, b"signed path"),
        AuthData(5, b"and-or"),
        AuthData(1, b"\x30\x03"),
        nested(9),
    ],
)
def test_what_only_a_kdc_says_is_dropped_however_deep(item: AuthData) -> None:
    assert from_client((PLAIN, item)) == (PLAIN,)


@pytest.mark.parametrize("item", [PLAIN, inside(1, PLAIN), nested(3), inside(1)])
def test_anything_else_is_the_clients_own(item: AuthData) -> None:
    assert from_client((item,)) == (item,)
