"""Strict settings from flags, variables, a file and defaults."""

import ipaddress
from pathlib import Path

import pytest

from bossa.config import ConfigError, Endpoint, find, load
from bossa.config.settings import KEYS


@pytest.fixture
def toml(tmp_path, monkeypatch):
    """Write a bossa.toml and return a function that loads it."""
    monkeypatch.chdir(tmp_path)

    def load_text(text, environ=None, **overrides):
        file = tmp_path / "bossa.toml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load(file, environ or {}, {key.replace("__", "."): value for key, value in overrides.items()})

    return load_text


def problem(call, *args, **kwargs):
    with pytest.raises(ConfigError) as caught:
        call(*args, **kwargs)
    return str(caught.value)


def test_without_a_file_every_setting_has_its_default(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(40)))
    settings = load(None, {})
    assert settings.domain.name == "bossa.test"
    assert settings.domain.realm == "BOSSA.TEST"
    assert settings.domain.apex == b"\x05bossa\x04test\x00"
    assert settings.listen.addresses == ("127.0.0.1", "::1")
    assert (settings.listen.port(53), settings.listen.port(80)) == (10053, 10080)
    assert settings.dns.workers == 16
    assert settings.dns.forwarders == ()
    assert settings.dns.min_mac is None
    assert (settings.dns.cache_octets, settings.dns.cache_max_ttl, settings.dns.serve_stale) == (64 << 20, 86400, 86400)
    assert ipaddress.ip_network("192.168.0.0/16") in settings.dns.recursion
    assert {row.origin for row in settings.rows()} == {"default"}


def test_one_core_needs_no_worker(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {3})
    assert load(None, {}).dns.workers == 0


def test_the_realm_follows_the_domain_unless_it_is_set(toml):
    assert toml('[domain]\nname = "Lab.Example."').domain.realm == "LAB.EXAMPLE"
    assert toml('[domain]\nname = "lab.example"\nrealm = "OTHER"').domain.realm == "OTHER"


def test_a_flag_wins_over_a_variable_over_the_file(toml):
    text = "\n[dns]\nworkers = 3\ntcp_idle = 10\nedns_size = 1400\n"
    environ = {"BOSSA_DNS_WORKERS": "4", "BOSSA_DNS_TCP_IDLE": "20"}
    settings = toml(text, environ, dns__workers=5, listen__port_base=None)
    assert (settings.dns.workers, settings.dns.tcp_idle, settings.dns.edns_size) == (5, 20, 1400)
    origins = [settings.origin(key) for key in ("dns.workers", "dns.tcp_idle", "dns.edns_size", "listen.port_base")]
    assert origins == ["flag", "BOSSA_DNS_TCP_IDLE", "bossa.toml:5", "default"]


def test_variables_spell_lists_with_commas_and_yes_in_words():
    environ = {
        "BOSSA_LISTEN_ADDRESSES": "0.0.0.0, ::",
        "BOSSA_DNS_TSIG_MD5": "yes",
        "BOSSA_DATA": "/x",
        "BOSSA_WEB": "?",
    }
    settings = load(None, environ)
    assert settings.listen.addresses == ("0.0.0.0", "::")
    assert settings.dns.tsig_md5 is True


def test_an_unknown_key_is_told_with_its_line_and_the_nearest_name(toml):
    text = '# mine\n[domain]\nname = "a.test"\n\n[dns]\nworkers = 2\nrecusion = []\n'
    assert problem(toml, text) == 'bossa.toml:7: unknown key "recusion" in [dns]. Fix: did you mean "recursion"?'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[dsn]\n", "bossa.toml:1: unknown section [dsn]. Fix: did you mean [dns]?"),
        (
            "[xyz]\n",
            "bossa.toml:1: unknown section [xyz]. Fix: there are [domain] [listen] [dns] [kerberos] [log] [web].",
        ),
        ("workers = 1\n", 'bossa.toml:1: unknown key "workers" outside of any section. Fix: put it under [dns].'),
        (
            "qqq = 1\n",
            'bossa.toml:1: unknown key "qqq" outside of any section. '
            "Fix: there are [domain] [listen] [dns] [kerberos] [log] [web].",
        ),
        ("\ndns = 1\n", "bossa.toml:2: dns is a section, not a key. Fix: write [dns]."),
        ('[dns]\nformat = "json"', 'bossa.toml:2: unknown key "format" in [dns]. Fix: it belongs in [log].'),
        ("[web]\nqqq = 1", 'bossa.toml:2: unknown key "qqq" in [web]. Fix: known are enabled, hosts.'),
        (
            '[dns]\nworkers = "four"',
            'bossa.toml:2: workers = "four" in [dns]: a whole number from 0 to 64 is wanted. '
            "Fix: for example workers = 2.",
        ),
        (
            "[dns]\nworkers = true",
            "bossa.toml:2: workers = true in [dns]: a whole number from 0 to 64 is wanted. "
            "Fix: for example workers = 2.",
        ),
        (
            "[dns]\nrecursion = [\n  '10.0.0.1/8',\n]",
            'bossa.toml:2: recursion = ["10.0.0.1/8"] in [dns]: "10.0.0.1/8" is no network: '
            '10.0.0.1/8 has host bits set. Fix: for example recursion = ["127.0.0.0/8", "192.168.0.0/16"].',
        ),
        (
            "[listen]\naddresses = '::1'",
            'bossa.toml:2: addresses = "::1" in [listen]: a list is wanted. '
            'Fix: for example addresses = ["127.0.0.1", "::1"].',
        ),
        (
            "[log]\nformat = 'xml'",
            'bossa.toml:2: format = "xml" in [log]: one of "console", "json" is wanted. '
            'Fix: for example format = "console".',
        ),
        (
            "[listen]\naddresses = []",
            "bossa.toml:2: addresses = [] in [listen]: at least one is wanted. "
            'Fix: for example addresses = ["127.0.0.1", "::1"].',
        ),
        (
            "[dns]\ntsig_truncation = 1",
            "bossa.toml:2: tsig_truncation = 1 in [dns]: 0 or a multiple of 8 from 80 to 512 is wanted. "
            "Fix: for example tsig_truncation = 128.",
        ),
        (b"[dns]\n\xff = 1\n", "bossa.toml:2: not UTF-8. Fix: save the file as UTF-8."),
    ],
)
def test_a_mistake_is_told_with_its_line_the_reason_and_the_fix(toml, text, expected):
    assert problem(toml, text) == expected


@pytest.mark.parametrize("text", ["[log]\n\nformat = 'x", "[log]\n\nformat = x\n", "[log]\n\n[log]"])
def test_what_is_not_toml_is_told_with_its_line(toml, text):
    told = problem(toml, text)
    assert told.startswith("bossa.toml:3: not TOML: ")
    assert told.endswith('. Fix: strings stand in "quotes".')
    assert "at line" not in told


@pytest.mark.parametrize(
    "text",
    [
        "[domain]\nname = ''",
        "[domain]\nname = '.'",
        "[domain]\nname = 'a b'",
        "[domain]\nname = '-a.test'",
        "[domain]\nname = 'a..b'",
        "[domain]\nname = 'a\\046b'",
        "[domain]\nname = 1",
        "[domain]\nrealm = 'A/B'",
        "[listen]\naddresses = ['localhost']",
        "[listen]\naddresses = [[]]",
        "[listen]\naddresses = ['fe80::1']",
        "[listen]\nport_base = 65001",
        "[listen]\nport_base = 1979-05-27",
        "[dns]\nforwarders = ['dns.example']",
        "[dns]\nforwarders = ['9.9.9.9:0']",
        "[dns]\nforwarders = ['9.9.9.9:99999']",
        "[dns]\nforwarders = [{ host = '9.9.9.9' }]",
        "[dns]\nrecursion = ['any']",
        "[dns]\ntsig_md5 = 1",
        "[dns]\nedns_size = 1232.0",
        "[dns]\ncache_size = -1",
        "[dns]\ncache_size = '64M'",
        "[dns]\ncache_max_ttl = 0",
        "[dns]\nserve_stale = 604801",
        "[dns]\nserve_stale = false",
        "[dns]\ntsig_truncation = 79",
        "[dns]\ntsig_truncation = 72",
        "[dns]\ntsig_truncation = 84",
        "[dns]\ntsig_truncation = 520",
        "[dns]\ntsig_truncation = false",
        "[dns]\ncookies = true",
        "[dns]\ncookies = 'always'",
        "[dns]\ncookie_secret = 1",
        "[dns]\ncookie_secret = 'e5e973e5a6b2a43f48e7dc849e37bfc'",
        "[dns]\ncookie_secret = ['e5e973e5a6b2a43f48e7dc849e37bfcf', 'x']",
        "[dns]\nnsid = 1",
        "[dns]\nnsid = '0xabc'",
        "[dns]\nnsid = '" + "x" * 129 + "'",
        "[dns]\nrate_limit = -1",
        "[dns]\nrate_slip = 11",
        "[dns]\nrate_exempt = ['10.0.0.1/8']",
        "[web]\nhosts = ['']",
    ],
)
def test_a_value_of_the_wrong_shape_is_refused(toml, text):
    assert "bossa.toml:2: " in problem(toml, text)


def test_every_problem_is_told_at_once(toml):
    told = problem(toml, "[dns]\nwork = 1\ntcp_idle = 0\n[log]\nlevel = 'loud'\n", {"BOSSA_WEB_ENABLED": "maybe"})
    assert [line.split(": ")[0] for line in told.splitlines()] == [
        "bossa.toml:2",
        "bossa.toml:3",
        "bossa.toml:5",
        "BOSSA_WEB_ENABLED",
    ]


def test_a_wrong_variable_names_itself():
    told = problem(load, None, {"BOSSA_DNS_WORKERS": "many"})
    assert told == (
        'BOSSA_DNS_WORKERS: "many": a whole number from 0 to 64 is wanted. Fix: for example BOSSA_DNS_WORKERS=2.'
    )


def test_a_wrong_flag_names_itself():
    told = problem(load, None, {}, {"listen.port_base": 99999})
    assert told == "--port-base: 99999: a whole number from 0 to 65000 is wanted. Fix: for example 10000."


@pytest.mark.parametrize(
    ("key", "value", "flag"),
    [
        ("domain.name", "a b", "--domain"),
        ("log.format", "xml", "--log-format"),
        ("listen.port_base", -1, "--port-base"),
    ],
)
def test_a_wrong_flag_is_told_as_it_is_written(key, value, flag):
    assert problem(load, None, {}, {key: value}).startswith(f"{flag}: ")


def test_a_file_that_cannot_be_read_may_have_been_found_without_being_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bossa.toml").mkdir()
    assert problem(load, tmp_path / "bossa.toml", {}) == (
        "bossa.toml: cannot be read: Is a directory. Fix: let this user read it, or name another file with --config."
    )


def test_a_link_local_address_says_on_which_link(toml):
    told = problem(toml, "[listen]\naddresses = ['fe80::1']")
    assert '"fe80::1" is link-local and does not say on which interface' in told
    assert toml("[listen]\naddresses = ['fe80::1%eth0']").listen.addresses == ("fe80::1%eth0",)


@pytest.mark.parametrize(("bits", "octets"), [(0, None), (80, 10), (512, 64)])
def test_a_cut_mac_is_counted_in_octets(toml, bits, octets):
    assert toml(f"[dns]\ntsig_truncation = {bits}").dns.min_mac == octets


def test_a_file_that_is_not_there_is_an_error():
    assert problem(load, Path("/nonexistent/bossa.toml"), {}).startswith("/nonexistent/bossa.toml: no such file")


def test_forwarders_take_ports_in_both_families(toml):
    text = "[dns]\nforwarders = ['9.9.9.9', '9.9.9.9:5353', '2620:fe::9', '[2620:FE::9]:53', '[::1]']"
    assert toml(text).dns.forwarders == (
        Endpoint("9.9.9.9", 53),
        Endpoint("9.9.9.9", 5353),
        Endpoint("2620:fe::9", 53),
        Endpoint("::1", 53),
    )


def test_shown_values_can_be_read_again(toml):
    text = "[dns]\nforwarders = ['[::1]:54']\nrecursion = ['10.0.0.0/8']\n[web]\nhosts = ['Lab.Example', '[::1]']"
    settings = toml(text, listen__addresses="10.0.0.1")
    again = "\n".join(f"{row.key} = {row.value}" for row in settings.rows())
    assert [row.value for row in toml(again).rows()] == [row.value for row in settings.rows()]


def test_forward_rules_are_read_by_domain(toml):
    text = """
[dns.forward]
"Corp.Example." = ["10.1.0.53", "[2001:db8::53]:5353", "10.1.0.53:53"]
"10.in-addr.arpa" = ["10.1.0.53"]
"0/26.2.0.192.in-addr.arpa" = []
test = ["10.1.0.54"]
"""
    settings = toml(text)
    assert dict(settings.dns.forward) == {
        "corp.example": (Endpoint("10.1.0.53"), Endpoint("2001:db8::53", 5353)),
        "10.in-addr.arpa": (Endpoint("10.1.0.53"),),
        "0/26.2.0.192.in-addr.arpa": (),
        "test": (Endpoint("10.1.0.54"),),
    }
    assert toml(settings_line(settings)).dns.forward == settings.dns.forward
    assert toml("").dns.forward == {}


def settings_line(settings):
    """Return the rules as ``bossa reload`` shows them, which is how they may stand in a file."""
    (row,) = (row for row in settings.rows() if row.key == "dns.forward")
    return f"[dns]\nforward = {row.value}"


@pytest.mark.parametrize(
    ("line", "shown", "why"),
    [
        ('"*.corp.example" = []', "*.corp.example", "a rule holds for everything below its domain: leave the *. out"),
        ('"." = ["10.1.0.1"]', ".", "all other names go to the forwarders of [dns]"),
        ('"a b" = ["10.1.0.1"]', "a b", "a domain name of letters, digits, hyphens, _ and / is wanted"),
        ('"a..b" = ["10.1.0.1"]', "a..b", "a label has 1 to 63 octets, this one 0"),
        ('corp.example = ["10.1.0.1"]', "corp.example", "a domain with a dot stands in quotes"),
        ('corp = "10.1.0.1"', "corp", "a list of resolvers is wanted, [] for none"),
        ('corp = ["ns.corp"]', "corp", '"ns.corp" is no IP address'),
        ('corp = ["10.1.0.1:0"]', "corp", '"10.1.0.1:0" is no address with an optional port'),
        ("OTHER = []", "OTHER", "there is a rule for other already"),
        ("workers = 2", "workers", "a list of resolvers is wanted, [] for none"),
    ],
)
def test_a_wrong_forward_rule_is_told_with_its_own_line(toml, line, shown, why):
    text = f"[dns.forward]\nother = []\n\n{line}\n"
    fix = 'for example "corp.example" = ["10.1.0.53", "10.1.0.54:5353"]'
    assert problem(toml, text) == f'bossa.toml:4: "{shown}" in [dns.forward]: {why}. Fix: {fix}.'


def test_every_wrong_forward_rule_is_told(toml):
    told = problem(toml, '[dns.forward]\n"*.a" = []\nb = []\nc = 1\n').splitlines()
    assert [line.split(":")[1] for line in told] == ["2", "4"]


def test_forward_rules_are_a_table_and_have_no_variable(toml):
    expected = "a table of domains and their resolvers is wanted"
    assert f'bossa.toml:2: forward = ["a"] in [dns]: {expected}' in problem(toml, "[dns]\nforward = ['a']")
    told = problem(load, None, {"BOSSA_DNS_FORWARD": "a=10.1.0.1"})
    assert told == ("BOSSA_DNS_FORWARD: a table does not go into a variable. Fix: write [dns.forward] in bossa.toml.")


def test_examples_of_every_kind_are_right(toml):
    for key, known in KEYS.items():
        toml(f"{key} = {known.kind.example}")
        if known.kind.entry:
            toml(f"[{key}]\n{known.kind.entry}")
        else:
            known.kind.read(known.kind.parse(known.kind.plain_example))


def test_a_reload_takes_what_needs_no_restart():
    old = load(None, {}, {"dns.workers": 2})
    new = load(
        None,
        {},
        {
            "dns.workers": 4,
            "dns.tcp_idle": 60,
            "listen.addresses": "10.0.0.1",
            "log.level": "debug",
            "web.hosts": "a.test",
        },
    )
    difference = old.difference(new)
    assert [str(change) for change in difference.now] == ["dns.tcp_idle: 10 → 60", 'log.level: "info" → "debug"']
    assert [change.key for change in difference.restart] == [
        "listen.addresses",
        "dns.workers",
        "kerberos.workers",
        "web.hosts",
    ]
    taken = old.taking(new)
    assert (taken.dns.workers, taken.dns.tcp_idle, taken.log.level) == (2, 60, "debug")
    assert taken.origin("dns.tcp_idle") == "flag"
    assert not old.difference(old)


def test_the_file_beside_the_data_directory_comes_before_the_one_here(tmp_path):
    home, here = tmp_path / "home", tmp_path / "here"
    for folder in (home, here):
        folder.mkdir()
    assert find(home / "data", here) is None
    (here / "bossa.toml").touch()
    assert find(home / "data", here) == here / "bossa.toml"
    (home / "bossa.toml").touch()
    assert find(home / "data", here) == home / "bossa.toml"


SECRET = "e5e973e5a6b2a43f48e7dc849e37bfcf"


@pytest.mark.parametrize(
    ("text", "secrets"),
    [("", []), ("''", []), ("[]", []), (f"'{SECRET}'", [SECRET]), (f"['{'0' * 32}', '{SECRET}']", ["0" * 32, SECRET])],
)
def test_cookie_secrets_are_one_or_several(toml, text, secrets):
    settings = toml(f"[dns]\ncookie_secret = {text}" if text else "")
    assert [secret.octets.hex() for secret in settings.dns.cookie_secret] == secrets


def test_a_secret_is_shown_as_set_and_never_told(toml):
    settings = toml(f"[dns]\ncookie_secret = '{SECRET}'")
    (row,) = [row for row in settings.rows() if row.key == "dns.cookie_secret"]
    assert row.value == '["set"]'
    assert SECRET not in repr(settings)
    assert bytes.fromhex(SECRET).__repr__() not in repr(settings)
    (change,) = toml("").difference(settings).now
    assert str(change) == 'dns.cookie_secret: [] → ["set"]'


def test_a_wrong_secret_is_not_told_either(toml):
    told = problem(toml, f"[dns]\ncookie_secret = '{SECRET}f'", {"BOSSA_DNS_COOKIE_SECRET": SECRET[1:]})
    assert SECRET[1:] not in told
    assert told.startswith("bossa.toml:2: cookie_secret = … in [dns]: 32 hexadecimal digits are wanted")
    assert "BOSSA_DNS_COOKIE_SECRET: …: " in told


@pytest.mark.parametrize(
    ("text", "octets"), [("", b""), ("ns1", b"ns1"), ("é", b"\xc3\xa9"), ("0x00ff", b"\0\xff"), ("0x", b"")]
)
def test_nsid_is_text_or_hexadecimal_digits(toml, text, octets):
    assert toml(f"[dns]\nnsid = '{text}'").dns.nsid_octets == octets


def test_enctypes_are_read_by_name_and_used_by_number(toml):
    settings = toml('[kerberos]\nenctypes = ["aes128-cts-hmac-sha256-128", "aes256-cts-hmac-sha1-96"]\n')
    assert settings.kerberos.enctype_numbers == (19, 18)
    assert load(None, {}).kerberos.enctype_numbers == (18, 17, 20, 19)


@pytest.mark.parametrize("value", ['["rc4-hmac"]', "[]", "[18]", '"aes256-cts-hmac-sha1-96"'])
def test_enctypes_that_are_none_of_ours_are_refused(toml, value):
    with pytest.raises(ConfigError, match="enctypes"):
        toml(f"[kerberos]\nenctypes = {value}\n")


def test_old_keys_open_tickets_as_long_as_one_may_live(toml):
    settings = toml("[kerberos]\nticket_lifetime = 600\nclock_skew = 60\n")
    assert settings.kerberos.rollover_window == 660


def test_as_many_processes_give_out_tickets_as_answer_questions_unless_it_is_set(toml):
    assert toml("[dns]\nworkers = 3\n").kerberos.workers == 3
    assert toml("[dns]\nworkers = 3\n", {"BOSSA_KERBEROS_WORKERS": "1"}).kerberos.workers == 1
