from __future__ import annotations

import subprocess
import sys

import pytest

from bossa.crypto import derivation
from bossa.crypto.enctypes import (
    SUPPORTED,
    BadIntegrity,
    Checksum,
    Enctype,
    Key,
    fx_cf2,
    hmac_md5_checksum,
    random_key,
    string_to_key,
)

h = bytes.fromhex
ATHENA = b"ATHENA.MIT.EDUraeburn"
CLEF = "\U0001d11e".encode()

# RFC 3962 B: iterations, password, salt, the key of 128 bits, the key of 256 bits.
SHA1_PASSWORDS = [
    (
        1,
        b"password",
        ATHENA,
        "42263c6e89f4fc28b8df68ee09799f15",
        "fe697b52bc0d3ce14432ba036a92e65bbb52280990a2fa27883998d72af30161",
    ),
    (
        2,
        b"password",
        ATHENA,
        "c651bf29e2300ac27fa469d693bdda13",
        "a2e16d16b36069c135d5e9d2e25f896102685618b95914b467c67622225824ff",
    ),
    (
        1200,
        b"password",
        ATHENA,
        "4c01cd46d632d01e6dbe230a01ed642a",
        "55a6ac740ad17b4846941051e1e8b0a7548d93b0ab30a8bc3ff16280382b8c2a",
    ),
    (
        5,
        b"password",
        h("1234567878563412"),
        "e9b23d52273747dd5c35cb55be619d8e",
        "97a4e786be20d81a382d5ebc96d5909cabcdadc87ca48f574504159f16c36e31",
    ),
    (
        1200,
        b"X" * 64,
        b"pass phrase equals block size",
        "59d1bb789a828b1aa54ef9c2883f69ed",
        "89adee3608db8bc71f1bfbfe459486b05618b70cbae22092534e56c553ba4b34",
    ),
    (
        1200,
        b"X" * 65,
        b"pass phrase exceeds block size",
        "cb8005dc5f90179a7f02104c0018751d",
        "d78c5c9cb872a8c9dad4697f0bb5b2d21496c82beb2caeda2112fceea057401b",
    ),
    (
        50,
        CLEF,
        b"EXAMPLE.COMpianist",
        "f149c1f2e154a73452d43e7fe62a56e5",
        "4b6d9839f84406df1f09cc166db4b83c571848b784a3d6bdc346589a3e393f9e",
    ),
]


@pytest.mark.parametrize(("iterations", "password", "salt", "short", "long"), SHA1_PASSWORDS)
def test_passwords_of_rfc3962(iterations: int, password: bytes, salt: bytes, short: str, long: str) -> None:
    assert string_to_key(17, password, salt, iterations).octets == h(short)
    assert string_to_key(18, password, salt, iterations).octets == h(long)


@pytest.mark.parametrize(
    ("enctype", "octets"),
    [
        (19, "089bca48b105ea6ea77ca5d2f39dc5e7"),
        (20, "45bd806dbf6a833a9cffc1c94589a222367a79bc21c413718906e9f578a78467"),
    ],
)
def test_passwords_of_rfc8009(enctype: int, octets: str) -> None:
    salt = h("10df9dd783e5bc8acea1730e74355f61") + ATHENA
    assert string_to_key(enctype, b"password", salt, 32768).octets == h(octets)
    assert string_to_key(enctype, b"password", salt) == Key(enctype, h(octets))


def test_iterations_are_those_of_the_type_unless_told_and_bounded() -> None:
    assert string_to_key(18, b"p", b"s") == string_to_key(18, b"p", b"s", 4096)
    for count in (0, -1, (1 << 20) + 1):
        with pytest.raises(ValueError, match="iterations"):
            string_to_key(18, b"p", b"s", count)


KEY19 = h("3705d96080c17728a0e800eab6e0d23c")
KEY20 = h("6d404d37faf79f9df0d33568d320669800eb4836472ea8a026d16b7182460c52")

# RFC 8009 A for usage 2; those of SHA-1 are MIT's, from the first keys of RFC 3962 B.
DERIVED = [
    (17, h(SHA1_PASSWORDS[0][3]), derivation.CHECKSUM, "34280a382bc92769b2da2f9ef066854b"),
    (17, h(SHA1_PASSWORDS[0][3]), derivation.ENCRYPTION, "5b14fc4e250e14ddf9dccf1af6674f53"),
    (17, h(SHA1_PASSWORDS[0][3]), derivation.INTEGRITY, "4ed31063621684f09ae8d89991af3e8f"),
    (
        18,
        h(SHA1_PASSWORDS[0][4]),
        derivation.CHECKSUM,
        "bfab388bdcb238e9f9c98d6a878304f04d30c82556375ac507a7a852790f4674",
    ),
    (
        18,
        h(SHA1_PASSWORDS[0][4]),
        derivation.ENCRYPTION,
        "c7cfd9cd75fe793a586a542d87e0d1396f1134a104bb1a9190b8c90ada3ddf37",
    ),
    (
        18,
        h(SHA1_PASSWORDS[0][4]),
        derivation.INTEGRITY,
        "97151b4c76945063e2eb0529dc067d97d7bba90776d8126d91f34f3101aea8ba",
    ),
    (19, KEY19, derivation.CHECKSUM, "b31a018a48f54776f403e9a396325dc3"),
    (19, KEY19, derivation.ENCRYPTION, "9b197dd1e8c5609d6e67c3e37c62c72e"),
    (19, KEY19, derivation.INTEGRITY, "9fda0e56ab2d85e1569a688696c26a6c"),
    (20, KEY20, derivation.CHECKSUM, "ef5718be86cc84963d8bbb5031e9f5c4ba41f28faf69e73d"),
    (20, KEY20, derivation.ENCRYPTION, "56ab22bee63d82d7bc5227f6773f8ea7a5eb1c825160c38312980c442e5c7e49"),
    (20, KEY20, derivation.INTEGRITY, "69b16514e3cd8e56b82010d5c73012b622c4d00ffc23ed1f"),
]


@pytest.mark.parametrize(("enctype", "octets", "purpose", "derived"), DERIVED)
def test_derived_keys(enctype: int, octets: bytes, purpose: bytes, derived: str) -> None:
    key = Key(enctype, octets)
    assert key._derive(derivation.constant(2, purpose), len(h(derived))) == h(derived)


# RFC 8009 A: plain text, confounder, cipher text with its HMAC, all for usage 2.
SEALED = [
    (
        19,
        "",
        "7e5895eaf2672435bad817f545a37148",
        "ef85fb890bb8472f4dab20394dca781dad877eda39d50c870c0d5a0a8e48c718",
    ),
    (
        19,
        "000102030405",
        "7bca285e2fd4130fb55b1a5c83bc5b24",
        "84d7f30754ed987bab0bf3506beb09cfb55402cef7e6877ce99e247e52d16ed4421dfdf8976c",
    ),
    (
        19,
        "000102030405060708090a0b0c0d0e0f",
        "56ab21713ff62c0a1457200f6fa9948f",
        "3517d640f50ddc8ad3628722b3569d2ae07493fa8263254080ea65c1008e8fc295fb4852e7d83e1e7c48c37eebe6b0d3",
    ),
    (
        19,
        "000102030405060708090a0b0c0d0e0f1011121314",
        "a7a4e29a4728ce10664fb64e49ad3fac",
        "720f73b18d9859cd6ccb4346115cd336c70f58edc0c4437c5573544c31c813bce1e6d072c186b39a413c2f92ca9b8334a287ffcbfc",
    ),
    (
        20,
        "",
        "f764e9fa15c276478b2c7d0c4e5f58e4",
        "41f53fa5bfe7026d91faf9be959195a058707273a96a40f0a01960621ac612748b9bbfbe7eb4ce3c",
    ),
    (
        20,
        "000102030405",
        "b80d3251c1f6471494256ffe712d0b9a",
        "4ed7b37c2bcac8f74f23c1cf07e62bc7b75fb3f637b9f559c7f664f69eab7b6092237526ea0d1f61cb20d69d10f2",
    ),
    (
        20,
        "000102030405060708090a0b0c0d0e0f",
        "53bf8a0d105265d4e276428624ce5e63",
        "bc47ffec7998eb91e8115cf8d19dac4bbbe2e163e87dd37f49beca92027764f68cf51f14d798c2273f35df574d1f932e"
        "40c4ff255b36a266",
    ),
    (
        20,
        "000102030405060708090a0b0c0d0e0f1011121314",
        "763e65367e864f02f55153c7e3b58af1",
        "40013e2df58e8751957d2878bcd2d6fe101ccfd556cb1eae79db3c3ee86429f2b2a602ac86fef6ecb647d6295fae077a"
        "1feb517508d2c16b4192e01f62",
    ),
]


@pytest.mark.parametrize(("enctype", "plain", "confounder", "cipher"), SEALED)
def test_encryptions_of_rfc8009(enctype: int, plain: str, confounder: str, cipher: str) -> None:
    key = Key(enctype, KEY19 if enctype == 19 else KEY20)
    assert key.encrypt(2, h(plain), h(confounder)) == h(cipher)
    assert key.decrypt(2, h(cipher)) == h(plain)


# MIT's specimens for the types of RFC 3962, whose appendix has no whole encryption: usage, text, key, cipher.
MIT_SEALED = [
    (17, 0, b"", "5a5c0f0ba54f3828b2195e66ca24a289", "49ff8e11c173d9583a3254fbe7b1f1df36c538e8416784a1672e6676"),
    (17, 1, b"1", "98450e3f3baa13f5c99beb936981b06f", "f86742f537b35dc2174a4dbaa920faf9042090b065e1ebb1cad9a65394"),
    (
        17,
        2,
        b"9 bytesss",
        "9062430c8cda3388922e6d6a509f5b7a",
        "68fb9679601f45c78857b2bf820fd6e53eca8d42fd4b1d7024a09205abb7cd2ec26c355d2f",
    ),
    (
        17,
        4,
        b"30 bytes bytes bytes bytes byt",
        "dceeb70b3de76562e689226c76429148",
        "c96081032d5d8eeb7e32b4089f789d0faa481dea74c0f97cbf3146ddfcf8e800156ecb532fc203e30ff600b63b350939"
        "fece510f02d7ff1e7bac",
    ),
    (
        18,
        0,
        b"",
        "17f275f2954f2ed1f90c377ba7f4d6a369aa0136e0bf0c927ad6133c693759a9",
        "e5094c55ee7b38262e2b044280b069379a95bf95bd8376fb3281b435",
    ),
    (
        18,
        2,
        b"9 bytesss",
        "b1ae4cd8462aff1677053cc9279aac30b796fb81ce21474dd3ddbcfea4ec76d7",
        "09957aa25fcaf88f7b39e4406e633012d5fea21853f6478da7065caef41fd454a40824eec5",
    ),
    (
        18,
        3,
        b"13 bytes byte",
        "e5a72be9b7926c1225bafef9c1872e7ba4cdb2b17893d84abd90acdd8764d966",
        "d8f1aafeec84587cc3e700a774e56651a6d693e174ec4473b5e6d96f80297a653fb818ad893e719f96",
    ),
    (
        18,
        4,
        b"30 bytes bytes bytes bytes byt",
        "f1c795e9248a09338d82c3f8d5b567040b0110736845041347235b1404231398",
        "d1137a4d634cfece924dbc3bf6790648bd5cff7de0e7b99460211d0daef3d79a295c688858f3b34b9cbd6eebae81daf6"
        "b734d4d498b6714f1c1d",
    ),
]


@pytest.mark.parametrize(("enctype", "usage", "plain", "key", "cipher"), MIT_SEALED)
def test_encryptions_that_mit_keeps(enctype: int, usage: int, plain: bytes, key: str, cipher: str) -> None:
    assert Key(enctype, h(key)).decrypt(usage, h(cipher)) == plain


def test_confounder_leads_the_encryption() -> None:
    key = Key(18, h("f1c795e9248a09338d82c3f8d5b567040b0110736845041347235b1404231398"))
    confounder = h("e45ca518b42e266ad98e165e706ffb60")
    assert key.encrypt(4, b"30 bytes bytes bytes bytes byt", confounder) == h(MIT_SEALED[-1][4])
    with pytest.raises(ValueError, match="16 octets, this one 15"):
        key.encrypt(4, b"", confounder[1:])


# RFC 8009 A for the last two; the first two are MIT's.
CHECKSUMS = [
    (17, 3, b"eight nine ten eleven twelve thirteen", "9062430c8cda3388922e6d6a509f5b7a", "01a4b088d45628f6946614e3"),
    (
        18,
        4,
        b"fourteen",
        "b1ae4cd8462aff1677053cc9279aac30b796fb81ce21474dd3ddbcfea4ec76d7",
        "e08739e3279e2903ec8e3836",
    ),
    (19, 2, bytes(range(21)), KEY19.hex(), "d78367186643d67b411cba9139fc1dee"),
    (20, 2, bytes(range(21)), KEY20.hex(), "45ee791567eefca37f4ac1e0222de80d43c3bfa06699672a"),
]


@pytest.mark.parametrize(("enctype", "usage", "data", "octets", "mac"), CHECKSUMS)
def test_checksums(enctype: int, usage: int, data: bytes, octets: str, mac: str) -> None:
    key = Key(enctype, h(octets))
    assert key.checksum(usage, data) == h(mac)
    assert key.verify(usage, data, h(mac))
    assert not key.verify(usage + 1, data, h(mac))
    assert not key.verify(usage, data, h(mac)[:-1])
    assert not key.verify(usage, data, b"")


# RFC 8009 A for the last two; the first two are MIT's, of the keys that its combinations start from.
PRFS = [
    (17, string_to_key(17, b"key1", b"key1").octets, b"\x01a", "77b39a37a868920f2a51f9dd150c5717"),
    (18, string_to_key(18, b"key2", b"key2").octets, b"\x02b", "0d674dd0f9a6806525a4d92e828bd15a"),
    (19, KEY19, b"test", "9d188616f63852fe86915bb840b4a886ff3e6bb0f819b49b893393d393854295"),
    (
        20,
        KEY20,
        b"test",
        "9801f69a368c2bf675e59521e177d9a07f67efe1cfde8d3c8d6f6a0256e3b17db3c1b62ad1b8553360d17367eb1514d2",
    ),
]


@pytest.mark.parametrize(("enctype", "octets", "data", "out"), PRFS)
def test_pseudo_random_functions(enctype: int, octets: bytes, data: bytes, out: str) -> None:
    assert Key(enctype, octets).prf(data) == h(out)


# RFC 6113 A for the first two; MIT has the same for the later types.
COMBINED = [
    (17, "97df97e4b798b29eb31ed7280287a92a"),
    (18, "4d6ca4e629785c1f01baf55e2e548566b9617ae3a96868c337cb93b5e72b1c7b"),
    (19, "edd02a39d2dbde31611c16e610be062c"),
    (20, "67f6ea530aea85a37dcbb23349ea52dcc61ca8493ff557252327fd8304341584"),
]


@pytest.mark.parametrize(("enctype", "octets"), COMBINED)
def test_two_keys_combined(enctype: int, octets: str) -> None:
    one, other = (string_to_key(enctype, name, name) for name in (b"key1", b"key2"))
    assert fx_cf2(one, other, b"a", b"b") == Key(enctype, h(octets))


def test_a_combination_has_the_first_keys_type() -> None:
    mixed = fx_cf2(Key(17, bytes(16)), Key(20, bytes(32)), b"subkeyarmor", b"ticketarmor")
    assert mixed.enctype == Enctype.AES128_SHA1


# MIT's specimen; then the usage of RFC 4757 §3 that Windows numbers otherwise.
@pytest.mark.parametrize(
    ("usage", "data", "mac"), [(6, b"seventeen eighteen nineteen twenty", "eb38cc97e2230f59da4117dc5859d7ec")]
)
def test_md5_checksum(usage: int, data: bytes, mac: str) -> None:
    assert hmac_md5_checksum(h("f7d3a155af5e238a0b7a871a96ba2ab2"), usage, data) == h(mac)


def test_md5_checksum_takes_any_key_and_translates_usages() -> None:
    assert len(hmac_md5_checksum(KEY20, 17, b"")) == 16
    assert hmac_md5_checksum(KEY20, 3, b"x") == hmac_md5_checksum(KEY20, 8, b"x")
    assert hmac_md5_checksum(KEY20, 17, b"x") != hmac_md5_checksum(KEY20, 18, b"x")


def test_types_have_names_sizes_and_checksums() -> None:
    assert [Enctype.from_text(Enctype(number).text) for number in SUPPORTED] == [20, 19, 18, 17]
    assert [Enctype(number).size for number in SUPPORTED] == [32, 16, 32, 16]
    assert [Key(number, bytes(Enctype(number).size)).checksum_type for number in SUPPORTED] == [
        Checksum.SHA2_AES256,
        Checksum.SHA2_AES128,
        Checksum.SHA1_AES256,
        Checksum.SHA1_AES128,
    ]
    with pytest.raises(ValueError, match="arcfour-hmac"):
        Enctype.from_text("arcfour-hmac")


@pytest.mark.parametrize(("enctype", "size"), [(23, 16), (3, 8), (0, 0), (-1, 16), (18, 16), (17, 32), (20, 31)])
def test_other_types_and_sizes_are_refused(enctype: int, size: int) -> None:
    with pytest.raises(ValueError, match=r"not supported|octets, this one"):
        Key(enctype, bytes(size))


def test_random_key_takes_its_octets_from_the_source() -> None:
    assert random_key(20, lambda size: b"\xaa" * size) == Key(20, b"\xaa" * 32)
    with pytest.raises(ValueError, match="23"):
        random_key(23, bytes)
    with pytest.raises(ValueError, match="23"):
        string_to_key(23, b"", b"")


def test_key_tells_nothing_of_its_octets() -> None:
    key = Key(17, b"0123456789abcdef")
    assert repr(key) == "<Key aes128-cts-hmac-sha1-96>"
    assert key != Key(19, key.octets)
    assert key != object()
    assert len({key, Key(17, key.octets)}) == 1


@pytest.mark.parametrize("enctype", SUPPORTED)
def test_too_few_octets_are_bad_and_harm_no_later_message(enctype: int) -> None:
    key = random_key(enctype, bytes)
    cipher = key.encrypt(3, b"text", bytes(16))
    for size in range(len(cipher)):
        with pytest.raises(BadIntegrity):
            key.decrypt(3, cipher[:size])
    assert key.decrypt(3, cipher) == b"text"
    with pytest.raises(BadIntegrity):
        key.decrypt(4, cipher)


def test_import_leaves_the_cryptography_package_alone() -> None:
    code = "import sys, bossa.crypto.enctypes; print('cryptography' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
