"""Reading the system's resolvers."""

from __future__ import annotations

import pytest

from bossa.dns.resolvconf import nameservers


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ()),
        ("search example.org\noptions edns0\n", ()),
        ("nameserver 192.0.2.1\nnameserver 2001:DB8::1\n", ("192.0.2.1", "2001:db8::1")),
        ("# nameserver 192.0.2.9\n;nameserver 192.0.2.8\nnameserver\t192.0.2.1 # why\r\n", ("192.0.2.1",)),
        ("nameserver fe80::1%eth0", ("fe80::1%eth0",)),
        ("nameserver\nnameserver router.example\nnameserver 192.0.2\nnameserver 192.0.2.1", ("192.0.2.1",)),
        ("nameserver 192.0.2.1\n" * 2 + "nameserver 192.0.2.2", ("192.0.2.1", "192.0.2.2")),
        ("".join(f"nameserver 192.0.2.{i}\n" for i in range(1, 6)), ("192.0.2.1", "192.0.2.2", "192.0.2.3")),
        ("  nameserver 192.0.2.1", ("192.0.2.1",)),
        ("nameservers 192.0.2.1", ()),
    ],
)
def test_the_first_three_addresses_are_taken(text: str, found: tuple[str, ...]) -> None:
    assert nameservers(text) == found
