"""What the options of an OPT get."""

import pytest

from bossa.dns.options import NOTHING, Options, Proof

SECRET = bytes(range(16))
HOST = bytes((192, 0, 2, 1))
CLIENT = b"\x00\x0a\x00\x08ABCDEFGH"
NSID = b"\x00\x03\x00\x00"
PADDING = b"\x00\x0c\x00\x05\x00\x00\x00\x00\x00"
SUBNET = b"\x00\x08\x00\x07\x00\x01\x18\x00\xc0\x00\x02"
OURS = Options((SECRET,), b"ns1")


def test_a_client_cookie_gets_itself_and_a_server_cookie():
    """RFC 7873 §5.2.3"""
    reply = OURS.reply(CLIENT, HOST, 1000)
    assert reply.data.startswith(b"\x00\x0a\x00\x18ABCDEFGH\x01\x00\x00\x00\x00\x00\x03\xe8")
    assert len(reply.data) == 28
    assert (reply.proof, reply.known) == (Proof.CLIENT, False)


def test_a_server_cookie_that_came_back_is_known():
    """RFC 7873 §5.2.5"""
    first = OURS.reply(CLIENT, HOST, 1000)
    again = OURS.reply(first.data, HOST, 1060)
    assert again == (first.data, Proof.VALID)
    assert again.known


@pytest.mark.parametrize("size", [8, 15, 16, 17, 32])
def test_a_server_cookie_that_is_not_ours_gets_one_that_is(size):
    """RFC 7873 §5.2.4"""
    foreign = b"\x00\x0a" + (8 + size).to_bytes(2, "big") + b"ABCDEFGH" + bytes(size)
    reply = OURS.reply(foreign, HOST, 1000)
    assert (reply.data, reply.proof) == (OURS.reply(CLIENT, HOST, 1000).data, Proof.INVALID)


@pytest.mark.parametrize("size", [0, 7, 9, 15, 41])
def test_a_cookie_of_a_wrong_length_is_malformed(size):
    """RFC 7873 §5.2.2"""
    assert OURS.reply(b"\x00\x0a" + size.to_bytes(2, "big") + bytes(size), HOST, 1000) is None


@pytest.mark.parametrize(
    "data", [b"\x00", b"\x00\x0a\x00", CLIENT[:-1], CLIENT + b"\x00\x03\x00", NSID + b"\x00\x0a\x00\x09"]
)
def test_an_option_cut_short_is_malformed(data):
    """RFC 6891 §6.1.2"""
    assert OURS.reply(data, HOST, 1000) is None


def test_of_two_cookies_the_first_counts():
    """RFC 7873 §5.2"""
    other = b"\x00\x0a\x00\x08abcdefgh"
    assert OURS.reply(CLIENT + other, HOST, 1000) == OURS.reply(CLIENT, HOST, 1000)
    assert OURS.reply(CLIENT + b"\x00\x0a\x00\x01x", HOST, 1000) == OURS.reply(CLIENT, HOST, 1000)


@pytest.mark.parametrize("asked", [NSID, b"\x00\x03\x00\x02xx", NSID + NSID])
def test_nsid_is_told_once_and_its_data_in_a_query_ignored(asked):
    """RFC 5001 §2.1"""
    assert OURS.reply(asked, HOST, 1000) == (b"\x00\x03\x00\x03ns1", Proof.NONE)


def test_nsid_and_cookie_stand_together():
    reply = OURS.reply(CLIENT + NSID, HOST, 1000)
    assert reply.data == b"\x00\x03\x00\x03ns1" + OURS.reply(CLIENT, HOST, 1000).data


def test_other_options_are_ignored():
    """RFC 6891 §6.1.2"""
    assert OURS.reply(PADDING + SUBNET, HOST, 1000) == NOTHING
    assert OURS.reply(PADDING + CLIENT + SUBNET, HOST, 1000) == OURS.reply(CLIENT, HOST, 1000)
    assert OURS.reply(b"", HOST, 1000) == NOTHING


def test_what_is_off_is_ignored_like_any_option():
    assert Options().reply(CLIENT + NSID, HOST, 1000) == NOTHING
    assert Options().reply(b"\x00\x0a\x00\x01x", HOST, 1000) == NOTHING
    assert not Options((), required=True).required


@pytest.mark.parametrize("options", [OURS, Options(), Options((SECRET, bytes(16)), required=True)])
def test_a_worker_answers_as_the_owner_does(options):
    there = Options.decode(options.encode())
    assert there.required == options.required
    for data in (b"", CLIENT, NSID, CLIENT + NSID, b"\x00"):
        assert there.reply(data, HOST, 1000) == options.reply(data, HOST, 1000)
