"""Server cookies: the examples of RFC 9018, their times, and secrets that roll over."""

import ipaddress

import pytest

from bossa.dns.cookies import ROLL_AFTER, Cookies, Secret, decode_secrets, encode_secrets, rolled, well_formed

SECRET = bytes.fromhex("e5e973e5a6b2a43f48e7dc849e37bfcf")
BEFORE = bytes.fromhex("dd3bdf9344b678b185a6f5cb60fca715")
AFTER = bytes.fromhex("445536bcd2513298075a5d379663c962")
CLIENT = bytes.fromhex("2464c4abcf10c957")
HOST = ipaddress.ip_address("198.51.100.100").packed
MADE = 1559731985
WHOLE = bytes.fromhex("2464c4abcf10c957010000005cf79f111f8130c3eee29480")
DAY = 86400


@pytest.mark.parametrize(
    ("secret", "client", "address", "now", "cookie"),
    [
        (SECRET, "2464c4abcf10c957", "198.51.100.100", 1559731985, "010000005cf79f111f8130c3eee29480"),
        (SECRET, "2464c4abcf10c957", "198.51.100.100", 1559734385, "010000005cf7a871d4a564a1442aca77"),
        (SECRET, "fc93fc62807ddb86", "203.0.113.203", 1559734700, "010000005cf7a9acf73a7810aca2381e"),
        (
            AFTER,
            "22681ab97d52c298",
            "2001:db8:220:1:59de:d0f4:8769:82b8",
            1559741961,
            "010000005cf7c609a6bb79d16625507a",
        ),
    ],
)
def test_cookies_are_those_of_the_specification(secret, client, address, now, cookie):
    """RFC 9018 Appendix A.1 to A.4"""
    made = Cookies([secret]).make(bytes.fromhex(client), ipaddress.ip_address(address).packed, now)
    assert made.hex() == client + cookie


def test_a_cookie_of_forty_minutes_is_valid_and_renewed():
    """RFC 9018 Appendix A.2"""
    renewed = Cookies([SECRET]).check(WHOLE, HOST, 1559734385)
    assert renewed is not None and renewed.hex() == "2464c4abcf10c957010000005cf7a871d4a564a1442aca77"


def test_reserved_octets_are_hashed_as_they_came():
    """RFC 9018 Appendix A.3, at the time when that cookie was made"""
    cookie = bytes.fromhex("fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5")
    host = ipaddress.ip_address("203.0.113.203").packed
    assert Cookies([SECRET]).check(cookie, host, 0x5CF78F71) == cookie


def test_a_cookie_of_the_last_secret_is_valid_and_made_anew():
    """RFC 9018 Appendix A.4"""
    cookie = bytes.fromhex("22681ab97d52c298010000005cf7c57926556bd0934c72f8")
    host = ipaddress.ip_address("2001:db8:220:1:59de:d0f4:8769:82b8").packed
    renewed = Cookies([AFTER, BEFORE]).check(cookie, host, 1559741961)
    assert renewed is not None and renewed.hex() == "22681ab97d52c298010000005cf7c609a6bb79d16625507a"
    assert Cookies([AFTER]).check(cookie, host, 1559741961) is None


@pytest.mark.parametrize(
    ("age", "valid", "same"),
    [
        (-301, False, False),
        (-300, True, True),
        (0, True, True),
        (1799, True, True),
        (1800, True, False),
        (3600, True, False),
        (3601, False, False),
        (2**31, False, False),
    ],
)
def test_a_cookie_is_good_for_an_hour_and_renewed_after_half(age, valid, same):
    """RFC 9018 §4.3"""
    found = Cookies([SECRET]).check(WHOLE, HOST, MADE + age)
    assert (found is not None, found == WHOLE) == (valid, same)


def test_times_are_compared_across_the_wrap():
    """RFC 1982"""
    cookies = Cookies([SECRET])
    made = cookies.make(CLIENT, HOST, 2**32 - 100)
    assert cookies.check(made, HOST, 2**32 + 100) == made
    assert cookies.check(made, HOST, 2**32 + 3600) is None


@pytest.mark.parametrize("octet", [0, 7, 8, 9, 15, 16, 23])
def test_a_cookie_with_one_bit_turned_is_not_ours(octet):
    """RFC 9018 §4.4"""
    spoiled = bytearray(WHOLE)
    spoiled[octet] ^= 1
    assert Cookies([SECRET]).check(bytes(spoiled), HOST, MADE) is None


@pytest.mark.parametrize("host", ["198.51.100.101", "::c633:6464"])
def test_a_cookie_is_for_one_address(host):
    """RFC 7873 §4.2"""
    assert Cookies([SECRET]).check(WHOLE, ipaddress.ip_address(host).packed, MADE) is None


@pytest.mark.parametrize("size", [*range(8), *range(9, 16), 41, 100])
def test_other_lengths_are_malformed(size):
    """RFC 7873 §5.2.2"""
    assert not well_formed(bytes(size))


@pytest.mark.parametrize("size", [8, *range(16, 41)])
def test_a_client_cookie_alone_and_server_cookies_of_any_maker_are_well_formed(size):
    """RFC 7873 §4"""
    assert well_formed(bytes(size))


def test_a_secret_makes_cookies_for_a_week_and_verifies_for_a_day_more():
    """RFC 9018 §5"""
    count = iter(range(1, 10))
    random = lambda size: bytes([next(count)]) * size  # noqa: E731
    one = rolled((), 0, random)
    assert [s.octets[0] for s in one] == [1]
    assert rolled(one, ROLL_AFTER - 1, random) == one
    two = rolled(one, ROLL_AFTER, random)
    assert [s.octets[0] for s in two] == [2, 1]
    assert rolled(two, ROLL_AFTER + DAY - 1, random) == two
    assert rolled(two, ROLL_AFTER + DAY, random) == two[:1]
    assert [s.octets[0] for s in rolled(two, 2 * ROLL_AFTER, random)] == [3, 2]


def test_a_secret_from_the_future_is_followed_at_once():
    """The clock was wrong when it was made."""
    ahead = (Secret(10 * ROLL_AFTER, BEFORE),)
    assert rolled(ahead, 0, lambda size: bytes(size)) == (Secret(0, bytes(16)), *ahead)
    assert rolled(ahead, 10 * ROLL_AFTER - 3600, lambda size: bytes(size)) == ahead


def test_secrets_are_lines_of_text():
    secrets = (Secret(700, SECRET), Secret(5, BEFORE))
    assert encode_secrets(secrets) == b"700 e5e973e5a6b2a43f48e7dc849e37bfcf\n5 dd3bdf9344b678b185a6f5cb60fca715\n"
    assert decode_secrets(encode_secrets(secrets)) == secrets


@pytest.mark.parametrize("text", [b"700\n", b"x e5e973e5a6b2a43f48e7dc849e37bfcf\n", b"7 e5e9\n", b"7 zz\n", b"\xff 1"])
def test_damaged_secrets_are_no_secrets(text):
    with pytest.raises(ValueError):
        decode_secrets(text)
