"""Commands of the realm from their words to what they print, on a store that no server holds."""

from __future__ import annotations

import asyncio
import io
import json
import os
import pty
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import bossa.cli
from bossa import opening
from bossa.admin.found import found
from bossa.admin.locate import Place, write_krb5_conf
from bossa.admin.realm import found_realm
from bossa.krb.keytab import Keytab
from bossa.store.sqlite import SqliteEngine

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Found a domain; return a function that runs a command line on it: exit code, output, errors."""
    data = tmp_path / "data"
    data.mkdir()
    monkeypatch.setenv("BOSSA_DATA", str(data))
    monkeypatch.setenv("BOSSA_DEBUG", "1")
    monkeypatch.setenv("BOSSA_KERBEROS_ENCTYPES", "aes256-cts-hmac-sha1-96,aes128-cts-hmac-sha1-96")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))

    async def begin() -> None:
        async with opening.offline(data) as office:
            await found(office)
            await found_realm(office, "BOSSA.TEST")

    SqliteEngine.open(data / "bossa.db").close()
    asyncio.run(begin())

    def run(*words: str, stdin: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        code = bossa.cli.main(list(words))
        out, err = capsys.readouterr()
        return int(code), out, err

    return run


def keytab(path: Path) -> list[tuple[str, int, int]]:
    """Return name, version and enctype of each entry."""
    entries = Keytab.decode(path.read_bytes()).entries
    return [(one.principal.text, one.kvno, one.key.etype) for one in entries]


def test_a_made_password_is_printed_once_and_one_that_was_given_never(run: Run) -> None:
    code, out, err = run("user", "add", "alice")
    assert (code, err) == (0, "It is not shown again.\n")
    made = out.rsplit(" ", 1)[1].strip()
    assert out == f"user alice added\npassword of alice: {made}\n"
    for words in (["user", "show", "alice"], ["user", "list", "--json"], ["user", "show", "alice", "--json"]):
        assert made not in run(*words)[1]
    assert run("user", "add", "bob", "--password-stdin", stdin="pass-word\n") == (0, "user bob added\n", "")


def test_a_password_that_is_wanted_from_standard_input_must_be_there(run: Run) -> None:
    code, _, err = run("user", "add", "alice", "--password-stdin")
    assert code == 64 and "standard input has none" in err
    assert run("user", "list")[1].split() == ["admin", "ok", "admins"]


def test_at_a_terminal_the_password_is_asked_for_twice_and_not_shown(run: Run, tmp_path: Path) -> None:
    """The two have to be the same; what is typed is not echoed."""

    def typed(*answers: str) -> str:
        main, side = pty.openpty()
        words = [sys.executable, "-m", "bossa.cli", "user", "add", "carol"]
        child = subprocess.Popen(words, stdin=side, stdout=side, stderr=side, env=os.environ, start_new_session=True)
        os.close(side)
        seen = b""
        try:
            for answer in answers:
                while not seen.endswith(b": "):
                    seen += os.read(main, 1000)
                seen += b"\n"
                os.write(main, answer.encode() + b"\n")
            while True:
                seen += os.read(main, 1000)
        except OSError:
            # The terminal is gone with the command.
            pass
        finally:
            child.wait(60)
            os.close(main)
        return seen.decode()

    seen = typed("pass-word", "pass-word2")
    assert "not the same" in seen and "pass-word" not in seen
    assert "user carol added" in typed("pass-word", "pass-word")
    assert run("user", "show", "carol")[0] == 0


def test_a_services_keytab_is_private_and_holds_each_name(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "web.keytab"
    code, out, _ = run("service", "add", "HTTP/web.bossa.test", "--keytab", str(file))
    assert (code, out) == (0, f"service HTTP/web.bossa.test: version 1 of its keys is in {file}\n")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert keytab(file) == [("HTTP/web.bossa.test", 1, 18), ("HTTP/web.bossa.test", 1, 17)]
    run("service", "add", "cifs/web", "--account", "HTTP/web")
    run("service", "keytab", "HTTP/web", "--file", str(file), "--rotate")
    assert [(name, kvno) for name, kvno, etype in keytab(file) if etype == 18] == [
        ("HTTP/web.bossa.test", 1),
        ("HTTP/web.bossa.test", 2),
        ("cifs/web.bossa.test", 2),
    ]


def test_a_keytab_keeps_what_it_has_of_others_unless_it_is_forced(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "k"
    run("service", "add", "HTTP/a", "--keytab", str(file))
    assert "beside 2 keys" in run("service", "add", "HTTP/b", "--keytab", str(file))[1]
    assert {name for name, _, _ in keytab(file)} == {"HTTP/a.bossa.test", "HTTP/b.bossa.test"}
    run("service", "keytab", "HTTP/b", "--file", str(file), "--force")
    assert {name for name, _, _ in keytab(file)} == {"HTTP/b.bossa.test"}


def test_a_keytab_of_keys_that_are_no_more_is_replaced(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "k"
    run("service", "add", "HTTP/a", "--keytab", str(file))
    before = file.read_bytes()
    run("service", "remove", "HTTP/a")
    run("service", "add", "HTTP/a", "--keytab", str(file))
    assert len(keytab(file)) == 2 and file.read_bytes() != before


def test_a_file_that_is_no_keytab_is_refused_before_anything_is_made(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "notes"
    file.write_text("mine")
    for name in (str(file), str(tmp_path / "nowhere" / "k")):
        code, _, err = run("service", "add", "HTTP/a", "--keytab", name)
        assert code == 2 and "error: keytab" in err and "Fix:" in err
    assert file.read_text() == "mine"
    assert run("service", "show", "HTTP/a")[0] == 2


def test_no_key_is_printed(run: Run, tmp_path: Path) -> None:
    out = run("service", "add", "HTTP/a", "--keytab", str(tmp_path / "k"), "--json")[1]
    assert json.loads(out) == {
        "account": "HTTP/a.bossa.test",
        "names": ["HTTP/a.bossa.test"],
        "realm": "BOSSA.TEST",
        "kvno": 1,
    }


def test_the_walk_of_delegation_is_refused_allowed_and_refused_again(run: Run) -> None:
    for words in ("user add alice", "service add HTTP/web", "service add DNS/ns"):
        run(*words.split())
    code, out, _ = run("delegation", "explain", "alice", "HTTP/web", "DNS/ns")
    assert code == 2 and out.startswith("no: HTTP/web.bossa.test for alice at DNS/ns.bossa.test\n") and "✗" in out
    assert run("delegation", "allow", "HTTP/web", "DNS/ns", "--any-protocol")[0] == 0
    code, out, _ = run("delegation", "explain", "alice", "HTTP/web", "DNS/ns")
    assert code == 0 and out.startswith("yes: ") and "✗" not in out
    assert "any protocol" in run("delegation", "list")[1]
    assert run("delegation", "forbid", "HTTP/web", "DNS/ns")[0] == 0
    told = json.loads(run("delegation", "explain", "alice", "HTTP/web", "DNS/ns", "--json")[1])
    assert (told["allowed"], told["allowed_with_ticket"]) == (False, False)
    assert run("delegation", "list")[1] == ""


def test_by_target_lists_and_kerberos_only_rights_are_told_as_such(run: Run) -> None:
    for words in ("user add alice", "service add HTTP/web", "service add DNS/ns", "delegation allow HTTP/web DNS/ns"):
        run(*words.split())
    assert "but for users who bring a ticket: yes" in run("delegation", "explain", "alice", "HTTP/web", "DNS/ns")[1]
    run("delegation", "forbid", "HTTP/web", "DNS/ns")
    out = run("delegation", "allow", "HTTP/web", "DNS/ns", "--by-target")[1]
    assert "by the list of DNS/ns.bossa.test" in out
    assert "the target" in run("delegation", "list", "DNS/ns")[1]


def test_users_are_set_shown_unlocked_and_removed(run: Run) -> None:
    run("user", "add", "alice", "--name", "Alice A.", "--must-change")
    assert "has to change its password" in run("user", "list")[1]
    words = [
        "--disabled",
        "yes",
        "--sensitive",
        "yes",
        "--expires",
        "2030-01-31",
        "--alias",
        "a.a",
        "--must-change",
        "no",
    ]
    out = run("user", "set", "alice", *words)[1]
    for line in ("state            disabled", "further names    a.a", "never delegated  yes"):
        assert line in out.splitlines()
    assert "2030-01-31 00:00:00" in out
    assert run("user", "set", "a.a", "--disabled", "maybe")[0] == 64
    assert run("user", "unlock", "a.a")[0] == 0
    assert run("user", "password", "alice", "--password-stdin", stdin="another-one\n")[1] == (
        "user alice has a new password\n"
    )
    assert run("user", "remove", "alice")[:2] == (0, "user alice removed\n")
    assert run("user", "show", "alice")[0] == 2


def test_groups_and_trusts_are_made_listed_and_removed(run: Run) -> None:
    run("user", "add", "alice")
    assert run("group", "add", "crew", "--member", "alice")[1] == "group crew: alice\n"
    assert run("group", "members", "crew", "--add", "admins", "--remove", "alice")[1] == "group crew: admins\n"
    assert "users   everybody" in run("group", "list")[1]
    assert run("group", "remove", "crew")[0] == 0
    code, out, _ = run("trust", "add", "OTHER.TEST", "--direction", "in", "--password-stdin", stdin="x" * 16 + "\n")
    assert (code, "krbtgt/BOSSA.TEST@OTHER.TEST" in out, "x" * 16 in out) == (0, True, False)
    assert "password of the trust: " in run("trust", "add", "B.TEST")[1]
    assert "their users come here" in run("trust", "list")[1]
    assert run("trust", "remove", "B.TEST")[0] == 0
    assert run("trust", "add", "C.TEST", "--password-stdin", stdin="short\n")[0] == 2


def test_krbtgt_gets_new_keys_and_says_until_when_the_old_ones_open(run: Run) -> None:
    out = run("service", "rotate", "krbtgt")[1]
    assert "version 2" in out and "UTC" in out


@pytest.mark.parametrize(
    "words",
    [
        "user add alice --disabled yes",
        "user set",
        "service keytab HTTP/a",
        "delegation allow HTTP/a",
        "user set admin --expires soon",
        "service add web",
        "user add a/b",
    ],
)
def test_what_makes_no_sense_is_a_matter_of_usage(run: Run, words: str) -> None:
    code, _, err = run(*words.split())
    assert code == 64 and "Fix:" in err


@pytest.mark.parametrize(
    ("words", "what", "why", "fix"),
    [
        ("user add admin", "user admin", "taken.", "bossa user show admin"),
        ("user add ADMIN", "user ADMIN", "taken by admin", "bossa user show admin"),
        ("user add admins", "user admins", "a group's", "bossa group members admins"),
        ("user add a@b", "user a@b", "no @ in it", "choose another name"),
        ("user set admin --alias KRBTGT/BOSSA.TEST", "user admin", "only trusts", "bossa trust add"),
        ("user set admin --remove-alias x", "user admin", "no further name", "bossa user show admin"),
        ("user set admin --name \t", "user admin", "a displayed name", "--name"),
        ("user password krbtgt", "user krbtgt", "random keys only", "bossa service rotate krbtgt"),
        ("user remove krbtgt", "user krbtgt", "no realm", "bossa service rotate krbtgt"),
        ("group add admin", "group admin", "taken", "bossa user show admin"),
        ("group add crew --member x", "group crew", "no account or group x", "bossa group list"),
        ("group members admins --remove x", "group admins", "no member", "bossa group members admins"),
        ("group members users --add admin", "group users", "all accounts", "bossa group add"),
        ("group remove admins", "group admins", "in every realm", "bossa group members admins --remove"),
        ("service add HTTP/a/b/c", "service HTTP/a/b/c", "no service's name", "HTTP/web.example.test"),
        ("service add kadmin/changepw", "service kadmin/changepw", "taken", "bossa service show kadmin/changepw"),
        ("service remove kadmin/changepw", "service kadmin/changepw", "no realm", "bossa service rotate"),
        ("delegation allow admin admin", "delegation admin to admin", "one account", "two services"),
        ("delegation allow admin krbtgt", "delegation admin to krbtgt", "nobody acts", "a service"),
        ("delegation allow krbtgt admin", "delegation krbtgt to admin", "nobody acts", "a service"),
        (
            "delegation forbid admin kadmin/changepw",
            "delegation admin to kadmin/changepw",
            "not on the list",
            "list admin",
        ),
        ("trust add BOSSA.TEST", "trust BOSSA.TEST", "this realm itself", "the other"),
        ("trust add B.TEST --direction up", "trust B.TEST", "up", "both, out, in"),
        ("trust add B.TEST --sid S-1", "trust B.TEST", "no SID", "S-1-5-21-1-2-3"),
    ],
)
def test_what_the_realm_refuses_is_refused_with_what_why_and_a_fix(
    run: Run, words: str, what: str, why: str, fix: str
) -> None:
    code, _, err = run(*words.split(" "))
    assert code == 2
    assert err.startswith(f"error: {what}: ")
    said, advised = err.split(" Fix: ")
    assert why in said and fix in advised


def test_a_password_against_the_rules_is_refused_with_what_helps(run: Run) -> None:
    code, _, err = run("user", "add", "alice", "--password-stdin", stdin="short\n")
    assert (code, err.startswith("error: user alice: the password is too short")) == (2, True)
    assert "choose another password" in err


def test_a_further_name_is_told_of_by_its_own_spelling(run: Run) -> None:
    assert run("service", "add", "http/WEB", "--account", "admin")[1] == (
        "service admin: http/WEB.bossa.test is a name of it\n"
    )


def test_whoever_removes_the_last_administrator_is_told_what_is_missing_then(run: Run) -> None:
    code, out, err = run("user", "remove", "admin")
    assert (code, out) == (0, "user admin removed\n")
    assert err.startswith("warning: nobody is in admins now") and "bossa group members admins --add" in err
    run("user", "add", "alice")
    assert run("user", "remove", "alice")[2] == ""


def test_no_verb_takes_a_secret_as_an_argument(run: Run) -> None:
    for words in (["user", "add"], ["user", "password"], ["trust", "add"]):
        assert run(*words, "x", "--password", "secret")[0] == 64


def test_env_tells_programs_where_krb5_conf_is(run: Run, tmp_path: Path) -> None:
    assert "KRB5" not in run("env")[1]
    write_krb5_conf(tmp_path / "data", "bossa.test", "BOSSA.TEST", Place(("127.0.0.1",), 10000))
    told = run("env")[1]
    assert f"export KRB5_CONFIG={tmp_path}/data/krb5.conf\n" in told
    assert f"export KRB5CCNAME=FILE:{tmp_path}/data/tickets\n" in told


def test_a_backup_brings_the_realm_and_the_first_password_back(run: Run, tmp_path: Path) -> None:
    run("user", "add", "alice")
    assert run("backup", "b.tar")[0] == 0
    assert run("restore", "b.tar", "--data", "again")[0] == 0
    assert (tmp_path / "again" / "first-password").read_bytes() == (tmp_path / "data" / "first-password").read_bytes()
    assert "alice" in run("user", "list", "--data", "again")[1]
    assert run("user", "show", "alice", "--data", "again")[0] == 0


def test_a_host_that_joins_while_no_server_runs_is_told_what_is_left(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("host", "join", "ws1", "--address", "10.1.2.3")
    assert code == 1
    assert keytab(tmp_path / "ws1.keytab") == [("host/ws1.bossa.test", 1, 18), ("host/ws1.bossa.test", 1, 17)]
    assert "no server runs" in out and "bossa host refresh --keytab" in out


def test_hosts_are_listed_and_removed_by_short_and_whole_names(run: Run) -> None:
    assert run("host", "join", "ws1", "--keytab", "one")[0] == 0
    assert run("host", "join", "ws2.lab.bossa.test", "--keytab", "two")[0] == 0
    assert [line.split()[0] for line in run("host", "list")[1].splitlines()] == ["ws1.bossa.test", "ws2.lab.bossa.test"]
    assert run("host", "remove", "ws1.bossa.test")[1] == "host ws1.bossa.test removed, with 0 records of its name\n"
    code, _, err = run("host", "remove", "ws1")
    assert (code, "no such host" in err) == (2, True)
