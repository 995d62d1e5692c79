"""Signatures on the wire, RFC 8945: what is accepted, what is refused with which error, and how answers are signed."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterator

import dns.message
import dns.rcode
import pytest

from bossa.testing import packets
from bossa.testing.domain import Domain, TsigKey
from bossa.testing.packets import Signature
from bossa.testing.plugin import DomainFactory

NOERROR, FORMERR, REFUSED, NOTAUTH, NOTZONE = 0, 1, 5, 9, 10
BADSIG, BADKEY, BADTIME, BADTRUNC = 16, 17, 18, 22
ALGORITHMS = ("hmac-sha1", "hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512")
YEAR_2106 = 2**32 + 86_400
SECRET = "bm90IHNvIHNlY3JldCwgYnV0IGxvbmcgZW5vdWdoIGZvciBhbGwgb2YgdGhlbSB0byB1c2U="


@pytest.fixture(scope="module", params=ALGORITHMS)
def key(request: pytest.FixtureRequest, shared_domain: Domain) -> Iterator[TsigKey]:
    """Yield a key of each algorithm that may change the domain."""
    name = f"tsig-{request.param}"
    key = shared_domain.add_key(name, request.param, SECRET)
    shared_domain.allow(shared_domain.name, f"key:{name}", types=["ANY"])
    yield key
    shared_domain.remove_key(name)


def soa_query(domain: Domain) -> bytes:
    """Return an unsigned query that the domain answers."""
    return packets.query(domain.name, packets.SOA)


def addition(domain: Domain, label: str) -> bytes:
    """Return an unsigned update that adds one address."""
    return packets.update(domain.name, packets.record(f"{label}.{domain.name}", "A", "192.0.2.1", ttl=60))


def outcome(reply: bytes) -> tuple[int, int]:
    """Return rcode and TSIG error."""
    tsig = packets.tsig_of(reply)
    assert tsig is not None, "the answer has no TSIG record"
    return packets.rcode(reply), tsig.error


def assert_unsigned_error(reply: bytes, error: int) -> None:
    """Expect NOTAUTH with a TSIG error and an empty MAC.  RFC 8945 §5.3.2"""
    assert outcome(reply) == (NOTAUTH, error)
    tsig = packets.tsig_of(reply)
    assert tsig is not None
    assert tsig.mac == b""


# What an honest client gets


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
def test_an_answer_is_signed_over_the_mac_of_its_request(shared_domain: Domain, key: TsigKey, tcp: bool) -> None:
    """RFC 8945 §4.3.1 and §5.3"""
    request = packets.sign(soa_query(shared_domain), key)
    reply = shared_domain.exchange(request, tcp=tcp)
    assert outcome(reply) == (NOERROR, 0)
    assert packets.reply_is_signed(reply, request, key)


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
def test_a_signed_update_is_done_and_its_answer_signed(
    shared_domain: Domain, key: TsigKey, label: str, tcp: bool
) -> None:
    """RFC 8945 §5.3"""
    request = packets.sign(addition(shared_domain, label), key)
    reply = shared_domain.exchange(request, tcp=tcp)
    assert outcome(reply) == (NOERROR, 0)
    assert packets.reply_is_signed(reply, request, key)
    assert shared_domain.values(label) == ["192.0.2.1"]


def test_an_answer_to_a_query_with_edns_has_opt_before_tsig(shared_domain: Domain, admin: TsigKey) -> None:
    """RFC 8945 §5.1: the TSIG record is the last one."""
    request = packets.sign(packets.query(shared_domain.name, packets.SOA, packets.opt()), admin)
    reply = shared_domain.exchange(request)
    assert [rtype for _, rtype, *_ in packets.records(reply)][-2:] == [packets.OPT, packets.TSIG]
    assert packets.reply_is_signed(reply, request, admin)


def test_an_answer_names_the_key_with_class_any_and_ttl_zero(shared_domain: Domain, admin: TsigKey) -> None:
    """RFC 8945 §4.2"""
    tsig = packets.tsig_of(shared_domain.exchange(packets.sign(soa_query(shared_domain), admin)))
    assert tsig is not None
    assert (tsig.owner.lower(), tsig.rclass, tsig.ttl) == (packets.name(admin.name).lower(), packets.ANY, 0)
    assert tsig.algorithm == packets.name(admin.algorithm)


def test_one_key_signs_over_tcp_and_then_over_udp(shared_domain: Domain, admin: TsigKey) -> None:
    """A key belongs to no connection."""
    for tcp in (True, False, True):
        request = packets.sign(soa_query(shared_domain), admin)
        assert packets.reply_is_signed(shared_domain.exchange(request, tcp=tcp), request, admin)


# What is digested


def test_a_forwarded_message_verifies_by_its_original_id(shared_domain: Domain, admin: TsigKey, label: str) -> None:
    """RFC 8945 §5.5: a forwarder changed the header's ID; §4.3.2: the digest has the original one."""
    request = packets.sign(addition(shared_domain, label), admin, Signature(original_id=0xBEEF))
    reply = shared_domain.exchange(request)
    assert outcome(reply) == (NOERROR, 0)
    assert reply[:2] == request[:2]
    assert packets.reply_is_signed(reply, request, admin)


def test_a_message_is_digested_as_received_with_its_name_compression(
    shared_domain: Domain, admin: TsigKey, label: str
) -> None:
    """RFC 8945 §4.3.2: the octets of the wire, never a re-encoding."""
    # The owner is LABEL followed by a pointer to the zone's name in the zone section.
    owner = bytes((len(label),)) + label.upper().encode() + b"\xc0\x0c"
    addition = owner + struct.pack("!HHIH", packets.A, packets.IN, 60, 4) + bytes((192, 0, 2, 7))
    request = packets.sign(packets.update(shared_domain.name.title(), addition), admin)
    reply = shared_domain.exchange(request)
    assert outcome(reply) == (NOERROR, 0)
    assert packets.reply_is_signed(reply, request, admin)
    assert shared_domain.values(label) == ["192.0.2.7"]


def test_key_and_algorithm_names_in_capitals_are_digested_in_lower_case(shared_domain: Domain, admin: TsigKey) -> None:
    """RFC 8945 §4.3.3: canonical form."""
    loud = Signature(owner=packets.name(admin.name.upper()), algorithm=packets.name(admin.algorithm.upper()))
    request = packets.sign(soa_query(shared_domain), admin, loud)
    reply = shared_domain.exchange(request)
    assert outcome(reply) == (NOERROR, 0)
    assert packets.reply_is_signed(reply, request, admin)


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
def test_a_key_name_given_as_a_compression_pointer_is_found(shared_domain: Domain, tcp: bool) -> None:
    """RFC 1035 §4.1.4 allows it for any owner; RFC 8945 §4.2 makes no exception."""
    key = shared_domain.add_key(f"pointed-{tcp}.{shared_domain.name}".lower(), "hmac-sha256", SECRET)
    first = key.name.split(".")[0].encode()
    pointed = Signature(owner=bytes((len(first),)) + first + b"\xc0\x0c")
    request = packets.sign(soa_query(shared_domain), key, pointed)
    reply = shared_domain.exchange(request, tcp=tcp)
    assert outcome(reply) == (NOERROR, 0)
    assert packets.reply_is_signed(reply, request, key)


# What is refused, and in which order


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
def test_an_unknown_key_is_badkey_without_a_mac(shared_domain: Domain, tcp: bool) -> None:
    """RFC 8945 §5.2.1"""
    stranger = TsigKey("nobody.example", "hmac-sha256", SECRET)
    reply = shared_domain.exchange(packets.sign(soa_query(shared_domain), stranger), tcp=tcp)
    assert_unsigned_error(reply, BADKEY)


def test_a_known_key_with_another_algorithm_is_badkey(shared_domain: Domain, admin: TsigKey) -> None:
    """RFC 8945 §5.2.1"""
    other = TsigKey(admin.name, "hmac-sha512", admin.secret)
    assert_unsigned_error(shared_domain.exchange(packets.sign(soa_query(shared_domain), other)), BADKEY)


def test_an_unknown_algorithm_is_badkey(shared_domain: Domain, admin: TsigKey) -> None:
    """RFC 8945 §5.2.1"""
    odd = Signature(algorithm=packets.name("hmac-sha999"))
    assert_unsigned_error(shared_domain.exchange(packets.sign(soa_query(shared_domain), admin, odd)), BADKEY)


@pytest.mark.parametrize("spoil", ["mac", "message", "secret"])
def test_a_wrong_mac_is_badsig_without_a_mac(shared_domain: Domain, admin: TsigKey, label: str, spoil: str) -> None:
    """RFC 8945 §5.2.2"""
    key = TsigKey(admin.name, admin.algorithm, SECRET) if spoil == "secret" else admin
    request = packets.sign(addition(shared_domain, label), key, Signature(spoiled=spoil == "mac"))
    if spoil == "message":
        request = request.replace(bytes((192, 0, 2, 1)), bytes((192, 0, 2, 66)))
    assert_unsigned_error(shared_domain.exchange(request), BADSIG)
    assert shared_domain.values(label) == []


@pytest.mark.parametrize("offset", [-301 - 5, 301 + 5, -86_400, YEAR_2106], ids=["slow", "fast", "yesterday", "2106"])
def test_a_stale_signature_is_badtime_signed_with_both_clocks(
    shared_domain: Domain, admin: TsigKey, label: str, offset: int
) -> None:
    """RFC 8945 §5.2.3: the client's time comes back in Time Signed, the server's in Other Data."""
    moment = YEAR_2106 if offset == YEAR_2106 else int(time.time()) + offset
    request = packets.sign(addition(shared_domain, label), admin, Signature(time=moment))
    reply = shared_domain.exchange(request)
    assert outcome(reply) == (NOTAUTH, BADTIME)
    tsig = packets.tsig_of(reply)
    assert tsig is not None
    assert tsig.time == moment
    assert len(tsig.other) == 6
    assert abs(int.from_bytes(tsig.other, "big") - time.time()) < 5
    assert packets.reply_is_signed(reply, request, admin)
    assert shared_domain.values(label) == []


@pytest.mark.parametrize(
    ("offset", "fudge", "expected"),
    [
        (-290, 300, (NOERROR, 0)),
        (290, 300, (NOERROR, 0)),
        (-50, 20, (NOTAUTH, BADTIME)),
        (5, 65_535, (NOERROR, 0)),
        (60_000, 65_535, (NOERROR, 0)),
    ],
)
def test_a_clock_may_be_off_by_the_fudge_that_the_client_gives(
    shared_domain: Domain, admin: TsigKey, offset: int, fudge: int, expected: tuple[int, int]
) -> None:
    """RFC 8945 §5.2.3"""
    how = Signature(time=int(time.time()) + offset, fudge=fudge)
    assert outcome(shared_domain.exchange(packets.sign(soa_query(shared_domain), admin, how))) == expected


def test_an_earlier_signature_after_a_later_one_is_accepted(shared_domain: Domain, admin: TsigKey) -> None:
    """RFC 8945 §5.2.3 leaves the check of monotony optional; UDP reorders datagrams."""
    now = int(time.time())
    for moment in (now + 5, now - 5):
        how = Signature(time=moment)
        assert outcome(shared_domain.exchange(packets.sign(soa_query(shared_domain), admin, how))) == (NOERROR, 0)


def test_the_key_is_checked_before_the_mac_and_the_mac_before_the_time(shared_domain: Domain, admin: TsigKey) -> None:
    """RFC 8945 §5.2: key, MAC, time, truncation policy, in this order."""
    bad = Signature(time=1_000_000, spoiled=True)
    stranger = TsigKey("nobody.example", "hmac-sha256", SECRET)
    assert_unsigned_error(shared_domain.exchange(packets.sign(soa_query(shared_domain), stranger, bad)), BADKEY)
    assert_unsigned_error(shared_domain.exchange(packets.sign(soa_query(shared_domain), admin, bad)), BADSIG)


def test_the_time_is_checked_before_the_truncation_policy(shared_domain: Domain, admin: TsigKey) -> None:
    """RFC 8945 §5.2: a MAC that is too short for us is BADTRUNC only when the clock is right."""
    how = Signature(time=1_000_000, mac_size=16)
    assert outcome(shared_domain.exchange(packets.sign(soa_query(shared_domain), admin, how))) == (NOTAUTH, BADTIME)


# Sizes of MACs


def test_a_mac_longer_than_the_hash_is_formerr(shared_domain: Domain, admin: TsigKey) -> None:
    """RFC 8945 §5.2.2.1"""
    request = packets.sign(soa_query(shared_domain), admin, Signature(mac_size=33))
    assert packets.rcode(shared_domain.exchange(request)) == FORMERR


@pytest.mark.parametrize("size", [1, 9, 10, 15])
def test_a_mac_shorter_than_half_the_hash_is_formerr(shared_domain: Domain, admin: TsigKey, size: int) -> None:
    """RFC 8945 §5.2.2.1: less than the larger of 10 octets and half the hash."""
    request = packets.sign(soa_query(shared_domain), admin, Signature(mac_size=size))
    assert packets.rcode(shared_domain.exchange(request)) == FORMERR


def test_an_empty_mac_in_a_request_is_badsig(shared_domain: Domain, admin: TsigKey, label: str) -> None:
    """RFC 8945 §5.2.2.1 makes an exception for the error answers of §5.3.2 only; BIND and Knot say the same."""
    reply = shared_domain.exchange(packets.sign(addition(shared_domain, label), admin, Signature(mac_size=0)))
    assert_unsigned_error(reply, BADSIG)
    assert shared_domain.values(label) == []


@pytest.mark.parametrize("size", [16, 31])
def test_a_mac_that_policy_finds_too_short_is_badtrunc_and_signed(
    shared_domain: Domain, admin: TsigKey, size: int
) -> None:
    """RFC 8945 §5.2.4"""
    request = packets.sign(soa_query(shared_domain), admin, Signature(mac_size=size))
    reply = shared_domain.exchange(request)
    assert outcome(reply) == (NOTAUTH, BADTRUNC)
    assert packets.reply_is_signed(reply, request, admin)


# Records that are no proper TSIG


def test_a_record_after_the_tsig_record_is_formerr(shared_domain: Domain, admin: TsigKey) -> None:
    """RFC 8945 §5.2: in any position but the last."""
    request = packets.append(packets.sign(soa_query(shared_domain), admin), packets.opt())
    assert packets.rcode(shared_domain.exchange(request)) == FORMERR


def test_two_tsig_records_are_formerr(shared_domain: Domain, admin: TsigKey) -> None:
    """RFC 8945 §5.2"""
    request = packets.sign(packets.sign(soa_query(shared_domain), admin), admin)
    assert packets.rcode(shared_domain.exchange(request)) == FORMERR


@pytest.mark.parametrize("section", [1, 2], ids=["answer", "authority"])
def test_a_tsig_record_outside_the_additional_section_is_formerr(
    shared_domain: Domain, admin: TsigKey, section: int
) -> None:
    """RFC 8945 §5.2"""
    request = packets.sign(soa_query(shared_domain), admin)
    numbers = [1, 0, 0, 0]
    numbers[section] = 1
    moved = request[:4] + struct.pack("!4H", *numbers) + request[12:]
    assert packets.rcode(shared_domain.exchange(moved)) == FORMERR


def test_a_tsig_record_of_another_class_is_formerr(shared_domain: Domain, admin: TsigKey) -> None:
    """RFC 8945 §4.2: CLASS must be ANY."""
    request = packets.sign(soa_query(shared_domain), admin, Signature(rclass=packets.IN))
    assert packets.rcode(shared_domain.exchange(request)) == FORMERR


def test_a_tsig_record_with_a_ttl_is_formerr(shared_domain: Domain, admin: TsigKey) -> None:
    """RFC 8945 §4.2: TTL must be 0; BIND digests what came, and says BADSIG."""
    reply = shared_domain.exchange(packets.sign(soa_query(shared_domain), admin, Signature(ttl=1)))
    assert packets.rcode(reply) == FORMERR


def test_a_tsig_record_cut_short_is_formerr_and_harms_nobody(shared_domain: Domain, admin: TsigKey) -> None:
    """RFC 1035 §4.1.1"""
    request = packets.sign(soa_query(shared_domain), admin)
    for size in range(len(request) - 60, len(request)):
        assert packets.rcode(shared_domain.exchange(request[:size])) == FORMERR
    assert outcome(shared_domain.exchange(request)) == (NOERROR, 0)


# Errors that have nothing to do with the signature


def _not_our_zone(domain: Domain, label: str) -> bytes:
    return packets.update("elsewhere.example", packets.record(f"{label}.elsewhere.example", "A", "192.0.2.1"))


def _out_of_zone(domain: Domain, label: str) -> bytes:
    return packets.update(domain.name, packets.record("elsewhere.example", "A", "192.0.2.1"))


def _not_a_soa(domain: Domain, label: str) -> bytes:
    return packets.header(opcode=packets.UPDATE) + packets.question(domain.name, packets.A)


def _failing_prerequisite(domain: Domain, label: str) -> bytes:
    absent = packets.record(f"{label}.{domain.name}", 255, rclass=packets.ANY)
    return packets.update(domain.name, prerequisites=[absent])


def _unknown_opcode(domain: Domain, label: str) -> bytes:
    return packets.header(opcode=7) + packets.question(domain.name)


@pytest.mark.parametrize(
    ("build", "rcode"),
    [(_not_our_zone, 9), (_out_of_zone, 10), (_not_a_soa, 1), (_failing_prerequisite, 3), (_unknown_opcode, 4)],
    ids=["NOTAUTH", "NOTZONE", "FORMERR", "NXDOMAIN", "NOTIMP"],
)
@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
def test_any_error_after_a_good_signature_is_signed(
    shared_domain: Domain,
    admin: TsigKey,
    label: str,
    build: Callable[[Domain, str], bytes],
    rcode: int,
    tcp: bool,
) -> None:
    """RFC 8945 §5.3.2"""
    request = packets.sign(build(shared_domain, label), admin)
    reply = shared_domain.exchange(request, tcp=tcp)
    assert outcome(reply) == (rcode, 0)
    assert packets.reply_is_signed(reply, request, admin)


def test_a_refusal_by_policy_is_signed(shared_domain: Domain, label: str) -> None:
    """RFC 8945 §5.3.2"""
    key = shared_domain.add_key(f"powerless-{label}", "hmac-sha256", SECRET)
    request = packets.sign(addition(shared_domain, label), key)
    reply = shared_domain.exchange(request)
    assert outcome(reply) == (REFUSED, 0)
    assert packets.reply_is_signed(reply, request, key)


# Truncation


def test_a_signed_answer_too_big_for_udp_is_the_question_and_the_signature_with_tc(
    shared_domain: Domain, admin: TsigKey, put: Callable[[str], None], label: str
) -> None:
    """RFC 8945 §5.3: only the question and a TSIG record, TC set, RCODE 0; an OPT record may stay (RFC 6891 §6.1.1)."""
    # 475 octets of answer fit into 512 alone, and not with a TSIG record.
    for letter in "ab":
        put(f"{label} 60 TXT {letter * 200}")
    question = packets.query(f"{label}.{shared_domain.name}", "TXT")
    unsigned = shared_domain.exchange(question)
    assert not unsigned[2] & 2, "the unsigned answer fits"
    request = packets.sign(question, admin)
    reply = shared_domain.exchange(request)
    assert len(reply) <= 512
    assert reply[2] & 2, "TC is set"
    assert outcome(reply) == (NOERROR, 0)
    assert packets.counts(reply)[:3] == (1, 0, 0)
    assert packets.reply_is_signed(reply, request, admin)


def test_after_a_truncated_signed_answer_tcp_has_it_all(
    shared_domain: Domain, admin: TsigKey, put: Callable[[str], None], label: str
) -> None:
    """RFC 8945 §5.3"""
    for letter in "abcdefgh":
        put(f"{label} 60 TXT {letter * 200}")
    answer = shared_domain.ask(label, "TXT", tcp=True, key=admin)
    assert len(answer.answer[0]) == 8
    assert answer.had_tsig


# Algorithms


def test_md5_is_off_unless_switched_on(shared_domain: Domain) -> None:
    """RFC 8945 §6: MUST NOT be used for new keys."""
    done = shared_domain.run("key", "add", "old", "--algorithm", "hmac-md5", "--secret", SECRET)
    assert done.returncode != 0
    assert "md5" in done.stderr.lower()


def test_md5_that_was_switched_on_signs_and_verifies(domain_factory: DomainFactory) -> None:
    """RFC 8945 §6: its name is HMAC-MD5.SIG-ALG.REG.INT."""
    domain = domain_factory(config_toml="[dns]\ntsig_md5 = true\n")
    key = domain.add_key("old", "hmac-md5", SECRET)
    request = packets.sign(soa_query(domain), key)
    assert packets.reply_is_signed(domain.exchange(request), request, key)


def test_a_policy_may_take_shorter_macs(domain_factory: DomainFactory) -> None:
    """RFC 8945 §5.2.4: down to 192 bits here, and not one octet less."""
    domain = domain_factory(config_toml="[dns]\ntsig_truncation = 192\n")
    key = domain.admin_key
    for size, expected in ((24, (NOERROR, 0)), (32, (NOERROR, 0)), (23, (NOTAUTH, BADTRUNC))):
        assert outcome(domain.exchange(packets.sign(soa_query(domain), key, Signature(mac_size=size)))) == expected


@pytest.mark.parametrize(
    ("algorithm", "size"), [("hmac-sha256-128", 16), ("hmac-sha384-192", 24), ("hmac-sha512-256", 32)]
)
def test_a_truncated_algorithm_has_a_length_of_its_own(shared_domain: Domain, algorithm: str, size: int) -> None:
    """RFC 8945 §6: a name and a length, which no policy has to allow."""
    key = shared_domain.add_key(algorithm, algorithm, SECRET)
    request = packets.sign(soa_query(shared_domain), key)
    reply = shared_domain.exchange(request)
    assert outcome(reply) == (NOERROR, 0)
    assert len(packets.request_mac(reply)) == size
    assert packets.reply_is_signed(reply, request, key)


def test_an_md5_signature_is_badkey_by_default(shared_domain: Domain, admin: TsigKey) -> None:
    """RFC 8945 §5.2.1"""
    old = TsigKey(admin.name, "hmac-md5", admin.secret)
    assert_unsigned_error(shared_domain.exchange(packets.sign(soa_query(shared_domain), old)), BADKEY)


def test_a_key_lives_until_it_is_removed(shared_domain: Domain, label: str) -> None:
    """RFC 8945 §5.2.1"""
    key = shared_domain.add_key(f"short-{label}", "hmac-sha256", SECRET)
    request = packets.sign(soa_query(shared_domain), key)
    assert outcome(shared_domain.exchange(request)) == (NOERROR, 0)
    shared_domain.remove_key(key.name)
    assert_unsigned_error(shared_domain.exchange(request), BADKEY)


def test_an_answer_to_an_unsigned_query_is_unsigned(shared_domain: Domain) -> None:
    """RFC 8945 §5.3: only requests with a TSIG record are answered with one."""
    assert packets.tsig_of(shared_domain.exchange(soa_query(shared_domain))) is None


def test_a_client_library_verifies_our_answers(shared_domain: Domain, admin: TsigKey) -> None:
    """RFC 8945 §5.4"""
    query = dns.message.make_query(shared_domain.origin, "SOA")
    query.use_tsig(admin.dns)
    answer = shared_domain.send(query)
    assert answer.had_tsig
    assert answer.rcode() == dns.rcode.NOERROR
