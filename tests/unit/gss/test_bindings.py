from __future__ import annotations

import datetime
import hashlib
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as ec_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA3_256, SHA224, SHA256, SHA384, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

from bossa.gss.bindings import NONE, ChannelBindings, tls_server_end_point

# Made by openssl req -x509 -newkey ec -sha1: the library here signs with SHA-1 no more.
SHA1_SIGNED = bytes.fromhex(
    "3082016a30820112a00302010202141151efe3353e0dede81b24154d71ba51976e017e300906072a8648ce3d0401300c310a300806035504"
    "030c0177301e170d3236313132343139343930325a170d3236313132353139343930325a300c310a300806035504030c0177305930130607"
    "2a8648ce3d020106082a8648ce3d03010703420004df8c82fc96593db3a2467f76f9e84f4a8afd6ef624327dda1e767410c1a8147976deb3"
    "e79660f5d2fd3604be7506517570af6d8b83506deab9ecb4052716e371a3533051301d0603551d0e04160414e0db2e385a8d2bc799a53721"
    "83e0c8608d4f8bc0301f0603551d23041830168014e0db2e385a8d2bc799a5372183e0c8608d4f8bc0300f0603551d130101ff0405300301"
    "01ff300906072a8648ce3d040103470030440220022a61487f1a2d4c4b6a5370f6679c4e24b75fd23bf3e2c50782eba15bc72ebd02203b0b"
    "d0a4c4495c043cbcd2e21949c42661831794c2b672bca35e945f53ecca3f"
)


def test_digest_covers_addresses_and_data_in_order() -> None:
    bindings = ChannelBindings(b"data", 2, b"\x7f\0\0\1", 2, b"\x7f\0\0\2")
    text = "02000000 04000000 7f000001 02000000 04000000 7f000002 04000000 64617461"
    assert bindings.digest == hashlib.md5(bytes.fromhex(text)).digest()


def test_digest_of_data_alone_has_zeros_for_addresses() -> None:
    assert ChannelBindings(b"tls-unique:x").digest == hashlib.md5(bytes(16) + b"\x0c\0\0\0tls-unique:x").digest()


def test_no_bindings_match_the_zeros_that_say_none() -> None:
    assert not ChannelBindings(b"").match(NONE)
    assert ChannelBindings(b"a").match(ChannelBindings(b"a").digest)
    assert not ChannelBindings(b"a").match(ChannelBindings(b"b").digest)
    assert not ChannelBindings(b"a").match(ChannelBindings(b"a").digest[:15])


@cache
def key() -> EllipticCurvePrivateKey:
    return ec_key(SECP256R1())


def certificate(algorithm: HashAlgorithm | None) -> bytes:
    """A certificate that is signed over a hash, or without one."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "web.bossa.test")])
    signer = Ed25519PrivateKey.generate() if algorithm is None else key()
    day = datetime.datetime(2026, 1, 1)
    made = x509.CertificateBuilder(name, name, signer.public_key(), 1, day, day + datetime.timedelta(1))
    return made.sign(signer, algorithm).public_bytes(Encoding.DER)


@pytest.mark.parametrize(
    ("algorithm", "hashed"),
    [
        (SHA224(), hashlib.sha224),
        (SHA256(), hashlib.sha256),
        (SHA384(), hashlib.sha384),
        (SHA512(), hashlib.sha512),
        (SHA3_256(), hashlib.sha3_256),
    ],
)
def test_tls_channel_is_bound_by_the_hash_of_the_certificates_signature(
    algorithm: HashAlgorithm, hashed: Callable[[bytes], Any]
) -> None:
    octets = certificate(algorithm)
    assert tls_server_end_point(octets).data == b"tls-server-end-point:" + hashed(octets).digest()


def test_weak_hash_of_a_signature_is_replaced() -> None:
    """RFC 5929 §4.1: SHA-256 for MD5 and SHA-1."""
    assert tls_server_end_point(SHA1_SIGNED).data == b"tls-server-end-point:" + hashlib.sha256(SHA1_SIGNED).digest()


@pytest.mark.parametrize("octets", [b"", b"no certificate", certificate(None)], ids=["empty", "text", "ed25519"])
def test_channel_that_nothing_is_specified_for_is_not_bound(octets: bytes) -> None:
    with pytest.raises(ValueError):
        tls_server_end_point(octets)
