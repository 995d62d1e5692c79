"""The krb5.conf of a test: the realms that it names and nothing else."""

from __future__ import annotations

from pathlib import Path

from bossa.testing.kerberos import Place, Seat, krb5_conf

HERE = Place("BOSSA.TEST", "bossa.test", 10088, 10464)
THERE = Place("OTHER.TEST", "other.test", 20088)


def test_each_realm_has_its_servers_and_its_hosts() -> None:
    text = krb5_conf([HERE, THERE])
    assert "default_realm = BOSSA.TEST" in text
    assert "  OTHER.TEST = {\n    kdc = 127.0.0.1:20088\n  }" in text
    assert "    kdc = 127.0.0.1:10088\n    kpasswd_server = 127.0.0.1:10464" in text
    assert "  .other.test = OTHER.TEST" in text


def test_nothing_is_asked_of_dns() -> None:
    text = krb5_conf([HERE])
    assert "dns_lookup_kdc = false" in text
    assert "dns_lookup_realm = false" in text
    assert "dns_canonicalize_hostname = false" in text


def test_a_setting_that_is_given_replaces_the_own_one() -> None:
    text = krb5_conf([HERE], "forwardable = false", "udp_preference_limit = 1", "permitted_enctypes = aes256-cts rc4")
    assert text.count("forwardable") == 1
    assert "  forwardable = false" in text
    assert "  udp_preference_limit = 1" in text
    assert "  permitted_enctypes = aes256-cts rc4" in text


def test_a_realm_without_a_domain_has_no_hosts() -> None:
    text = krb5_conf([HERE, Place("OTHER.TEST", "", 20088)])
    assert "= OTHER.TEST" not in text


def test_a_seat_tells_programs_its_own_files(tmp_path: Path) -> None:
    seat = Seat(tmp_path / "krb5.conf", tmp_path / "alice.cc")
    assert seat.env["KRB5_CONFIG"] == str(tmp_path / "krb5.conf")
    assert seat.env["KRB5CCNAME"] == f"FILE:{tmp_path}/alice.cc"
    assert seat.trace == ""
