"""Zones in and out of master files, through the commands."""

from __future__ import annotations

from pathlib import Path

import dns.zone
import pytest

from bossa.testing.domain import Domain

HEAD = "$TTL 300\n@ SOA ns1.bossa.test. hostmaster 1 3600 900 1209600 300\n@ NS ns1.bossa.test.\n"
RICH = (
    HEAD
    + r"""
$ORIGIN sub
host    60  A     192.0.2.1
        60  AAAA  2001:db8::1
        IN 120 TXT "two words" one "semi;colon" "quote\"d" \; "\010"
$ORIGIN rich.test.
$GENERATE 1-5      pc$       A   192.0.2.$
$GENERATE 0-8/4    h${10,3,d} CNAME pc1
$GENERATE 10-11    ${0,2,x}.hex TXT is-$
odd     TYPE65280 \# 3 0a0B0c
odd     CLASS1 TYPE65281 \# 0
addr    TYPE1 \# 4 C0000207
_k._tcp ( SRV 0 ; a comment
          100 88 sub )
a\.b    A  192.0.2.8
*.w     MX 10 mail.rich.test.
caa     CAA 0 issue "ca.example"
loc     LOC 52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m
https   HTTPS 1 . alpn="h2,h3" port=8443
"""
)


def import_file(domain: Domain, name: str, file: Path, *words: str) -> tuple[int, str]:
    """Import a file; return the exit code and standard error."""
    done = domain.run("zone", "import", name, str(file), *words)
    return done.returncode, done.stderr


@pytest.fixture
def zone_file(tmp_path: Path) -> Path:
    """Return a place for a zone file."""
    return tmp_path / "test.zone"


def test_everything_a_master_file_may_hold_is_imported(shared_domain: Domain, zone_file: Path) -> None:
    """RFC 1035 §5.1, RFC 2308 §4 ($TTL), RFC 3597 §5, and BIND's $GENERATE."""
    zone_file.write_text(RICH)
    assert import_file(shared_domain, "rich.test", zone_file) == (0, "")
    for name, rtype, expected in (
        ("host.sub", "A", ["192.0.2.1"]),
        ("host.sub", "AAAA", ["2001:db8::1"]),
        ("host.sub", "TXT", [r'"two words" "one" "semi;colon" "quote\"d" ";" "\010"']),
        ("pc3", "A", ["192.0.2.3"]),
        ("h010", "CNAME", ["pc1.rich.test."]),
        ("h018", "CNAME", ["pc1.rich.test."]),
        ("0b.hex", "TXT", ['"is-11"']),
        ("odd", "TYPE65280", [r"\# 3 0a0b0c"]),
        ("odd", "TYPE65281", [r"\# 0 "]),
        ("addr", "A", ["192.0.2.7"]),
        ("_k._tcp", "SRV", ["0 100 88 sub.rich.test."]),
        (r"a\.b", "A", ["192.0.2.8"]),
        ("x.w", "MX", ["10 mail.rich.test."]),
        ("caa", "CAA", ['0 issue "ca.example"']),
        ("https", "HTTPS", ['1 . alpn="h2,h3" port="8443"']),
    ):
        assert shared_domain.values(f"{name}.rich.test.", rtype) == expected, name
    assert shared_domain.ask("host.sub.rich.test.", "TXT").answer[0].ttl == 120
    shared_domain.remove_zone("rich.test")


def test_what_is_exported_reads_back_the_same(shared_domain: Domain, zone_file: Path) -> None:
    """By us, and by another reader of master files."""
    shared_domain.add_zone("rich.test", RICH, replace=True)
    exported = shared_domain.run("zone", "export", "rich.test", check=True).stdout
    other = dns.zone.from_text(exported, "rich.test.", relativize=False, check_origin=True)
    assert len(list(other.iterate_rdatas())) == 24
    zone_file.write_text(exported)
    assert import_file(shared_domain, "rich.test", zone_file, "--replace")[0] == 0
    assert shared_domain.run("zone", "export", "rich.test", check=True).stdout == exported
    shared_domain.remove_zone("rich.test")


def test_an_export_is_the_same_twice(shared_domain: Domain) -> None:
    """So that it can be kept under version control."""
    first, second = (shared_domain.run("zone", "export", "bossa.test", check=True).stdout for _ in range(2))
    assert first == second


def test_an_include_is_read_beside_its_file(shared_domain: Domain, zone_file: Path) -> None:
    """RFC 1035 §5.1: the origin of the including file stays as it was."""
    (zone_file.parent / "part").mkdir()
    (zone_file.parent / "part" / "hosts").write_text("$ORIGIN deep\nhost A 192.0.2.1\n")
    zone_file.write_text(HEAD + "$INCLUDE part/hosts sub\nafter A 192.0.2.2\n")
    code, said = import_file(shared_domain, "include.test", zone_file)
    assert code != 0, "an include is read only where it was allowed"
    assert ":4" in said
    assert import_file(shared_domain, "include.test", zone_file, "--include", str(zone_file.parent))[0] == 0
    assert shared_domain.values("host.deep.sub.include.test.") == ["192.0.2.1"]
    assert shared_domain.values("after.include.test.") == ["192.0.2.2"]
    shared_domain.remove_zone("include.test")


@pytest.mark.parametrize("where", ["/etc/hostname", "../outside", "link"])
def test_an_include_stays_in_its_directory(shared_domain: Domain, zone_file: Path, where: str) -> None:
    """A zone file from elsewhere must not read the administrator's files."""
    folder = zone_file.parent / "zones"
    folder.mkdir()
    (zone_file.parent / "outside").write_text("secret TXT secret\n")
    (folder / "link").symlink_to(zone_file.parent / "outside")
    file = folder / "test.zone"
    file.write_text(f"{HEAD}$INCLUDE {where}\n")
    code, said = import_file(shared_domain, "escape.test", file, "--include", str(folder))
    assert code != 0
    assert ":4" in said, said
    assert "secret" not in said


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("host A 192.0.2.256\n", 4, "192.0.2.256"),
        ("host A\n", 4, ""),
        ("host NOTYPE x\n", 4, "NOTYPE"),
        ("\n\nhost AAAA 192.0.2.1\n", 6, ""),
        ('host TXT "open\n', 4, ""),
        ("host MX ( 10\n mail\n", 4, ""),
        (f"{'a' * 64} A 192.0.2.1\n", 4, "63"),
        ("host.elsewhere.example. A 192.0.2.1\n", 4, "elsewhere"),
        ("$GENERATE 1-0 x$ A 192.0.2.1\n", 4, ""),
        ("$GENERATE 1-999999999 x$ A 192.0.2.1\n", 4, ""),
        ("$NOTHING x\n", 4, "$NOTHING"),
        ("host 99999999999 A 192.0.2.1\n", 4, ""),
        ("host CNAME a\nhost A 192.0.2.1\n", 5, "CNAME"),
        ("@ SOA ns1 h 2 3 4 5 6\n", 4, "SOA"),
        ("host CH A 192.0.2.1\n", 4, ""),
        ("host TYPE65280 \\# 4 0a0b\n", 4, ""),
    ],
)
def test_an_error_has_file_and_line_and_nothing_is_imported(
    shared_domain: Domain, zone_file: Path, text: str, line: int, word: str
) -> None:
    """All or nothing."""
    zone_file.write_text(HEAD + text)
    code, said = import_file(shared_domain, "broken.test", zone_file)
    assert code != 0
    assert f"{zone_file}:{line}" in said, said
    assert word in said
    assert "Traceback" not in said
    assert shared_domain.ask("broken.test.", "SOA").answer == []


@pytest.mark.parametrize("text", ["", "; nothing\n", "@ 60 NS ns1.bossa.test.\n", "@ 60 SOA ns1 h 1 2 3 4 5\n"])
def test_a_zone_needs_an_soa_and_a_name_server(shared_domain: Domain, zone_file: Path, text: str) -> None:
    """RFC 1035 §5.2"""
    zone_file.write_text(text)
    assert import_file(shared_domain, "empty.test", zone_file)[0] != 0
    assert shared_domain.ask("empty.test.", "SOA").answer == []


def test_a_zone_that_is_there_is_replaced_only_when_asked_for(shared_domain: Domain, zone_file: Path) -> None:
    """The old one answers until the new one does."""
    zone_file.write_text(HEAD + "a A 192.0.2.1\n")
    assert import_file(shared_domain, "twice.test", zone_file)[0] == 0
    zone_file.write_text(HEAD.replace(" 1 3600", " 2 3600") + "a A 192.0.2.2\n")
    assert import_file(shared_domain, "twice.test", zone_file)[0] == 2
    assert shared_domain.values("a.twice.test.") == ["192.0.2.1"]
    assert import_file(shared_domain, "twice.test", zone_file, "--replace")[0] == 0
    assert shared_domain.values("a.twice.test.") == ["192.0.2.2"]
    assert shared_domain.serial("twice.test.") == 2
    shared_domain.remove_zone("twice.test")


def test_a_signed_zone_is_refused_with_the_reason(shared_domain: Domain, zone_file: Path) -> None:
    """DNSSEC is left out on purpose: unsigned changes would make it bogus."""
    zone_file.write_text(HEAD + "@ DNSKEY 257 3 13 " + "AA" * 42 + "AA==\n")
    code, said = import_file(shared_domain, "signed.test", zone_file)
    assert code != 0
    assert "DNSSEC" in said or "signed" in said


def test_a_zone_may_be_read_from_standard_input(shared_domain: Domain) -> None:
    """`-` is standard input."""
    done = shared_domain.run("zone", "import", "stdin.test", "-", text=HEAD + "a A 192.0.2.1\n")
    assert done.returncode == 0, done.stderr
    assert shared_domain.values("a.stdin.test.") == ["192.0.2.1"]
    shared_domain.remove_zone("stdin.test")


def test_a_hundred_thousand_records_are_imported_and_answered(domain: Domain, zone_file: Path) -> None:
    """A million is for `--long`."""
    zone_file.write_text(HEAD + "".join(f"h{n} A 10.{n >> 16}.{n >> 8 & 255}.{n & 255}\n" for n in range(100_000)))
    assert import_file(domain, "large.test", zone_file)[0] == 0
    assert domain.values("h99999.large.test.") == ["10.1.134.159"]
    domain.restart()
    assert domain.values("h54321.large.test.") == ["10.0.212.49"]


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_million_records_are_workable(domain: Domain, zone_file: Path) -> None:
    """Imported, answered, updated, and there again after a restart."""
    with zone_file.open("w") as file:
        file.write(HEAD)
        file.writelines(f"h{n} A 10.{n >> 16}.{n >> 8 & 255}.{n & 255}\n" for n in range(1_000_000))
    done = domain.run("zone", "import", "large.test", str(zone_file), timeout=600)
    assert done.returncode == 0, done.stderr
    assert domain.values("h999999.large.test.") == ["10.15.66.63"]
    update = domain.update("large.test.")
    update.add("new.large.test.", 60, "A", "192.0.2.1")
    assert domain.send(update).rcode() == 0
    assert domain.values("new.large.test.") == ["192.0.2.1"]
    domain.restart()
    assert domain.values("new.large.test.") == ["192.0.2.1"]
