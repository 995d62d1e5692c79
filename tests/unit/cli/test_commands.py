"""Commands from their words to what they print, against an office on a real control socket."""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import bossa.cli
from bossa.admin.dispatch import answer
from bossa.admin.found import found
from bossa.admin.office import Office
from bossa.admin.status import (
    CacheStatus,
    Service,
    StatusReport,
    StoreStatus,
    TicketStatus,
    UpstreamStatus,
    WorkerStatus,
    ZoneStatus,
)
from bossa.net.control import serve
from tests.unit.admin.desk import NOW, make_office

ZONE = """\
$TTL 1h
@    SOA ns1 hostmaster 7 1 2 3 4
     NS  ns1
ns1  A   192.0.2.1
www  300 A 192.0.2.2
     TXT "a b" c
"""
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """An office with a fresh domain that answers on DATA/control.sock until the test ends."""
    data = tmp_path / "data"
    data.mkdir()

    async def status() -> StatusReport:
        return report(data)

    async def reload() -> list[str]:
        return ["dns.edns_size: 1232 → 1400"]

    office = make_office(data, status=status, reload=reload)
    ready, loop = threading.Event(), asyncio.new_event_loop()
    done = asyncio.Event()

    async def life() -> None:
        await found(office)
        server = await serve(data, lambda call: answer(office, call))
        ready.set()
        await done.wait()
        await server.close()

    thread = threading.Thread(target=loop.run_until_complete, args=(life(),))
    thread.start()
    assert ready.wait(5)
    yield office
    loop.call_soon_threadsafe(done.set)
    thread.join()
    loop.close()


def report(data: Path, **more: Any) -> StatusReport:
    fields: dict[str, Any] = {
        "domain": "bossa.test",
        "realm": "BOSSA.TEST",
        "version": "0",
        "pid": 7,
        "started": NOW,
        "now": NOW + 200,
        "data": str(data),
        "services": (Service(name="DNS", addresses=("127.0.0.1:9", "[::1]:9")),),
        "zones": (ZoneStatus(name="bossa.test.", serial=1, records=4),),
        "workers": (WorkerStatus(number=1, pid=8, revision=3),),
        "upstreams": (
            UpstreamStatus(rule="", address="192.0.2.53:53", rtt=0.0123, queries=7),
            UpstreamStatus(rule="corp.example", address="10.1.0.53:53", rtt=0.5, aside=True, queries=5, failures=4),
        ),
        "store": StoreStatus(size=5_000_000, free=10**9),
        "cache": CacheStatus(entries=2, octets=5000, limit=10**6, hits=3, misses=1),
    }
    return StatusReport(**fields | more)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs a command line in this process: exit code, output, errors."""
    monkeypatch.setenv("BOSSA_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("BOSSA_DEBUG", "1")
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> tuple[int, str, str]:
        code = bossa.cli.main(list(words))
        out, err = capsys.readouterr()
        return int(code), out, err

    return run


def test_zone_list_is_plain_when_piped_and_leaves_private_zones_out(office: Office, run: Run) -> None:
    assert run("zone", "list") == (0, "bossa.test  1  2  primary\n", "")
    assert len(run("zone", "list", "--all")[1].splitlines()) == 34
    assert len(json.loads(run("zone", "list", "--json")[1])["zones"]) == 34


def test_a_zone_goes_in_and_out_as_a_master_file(office: Office, run: Run, tmp_path: Path) -> None:
    (tmp_path / "z").write_text(ZONE)
    code, out, err = run("zone", "import", "a.test", "z")
    assert (code, err) == (0, "")
    assert "serial 7, 5 RRsets" in out
    assert run("zone", "export", "a.test", "out")[0] == 0
    assert run("zone", "export", "a.test")[1] == (tmp_path / "out").read_text()
    assert run("zone", "import", "a.test", "out")[0] == 2
    code, out, err = run("zone", "import", "a.test", "out", "--replace")
    assert code == 0
    assert "not newer" in err
    assert not list(tmp_path.glob(".out*"))


def test_a_zone_can_come_from_standard_input(office: Office, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bossa.cli", "zone", "import", "b.test", "-", "--data", str(tmp_path / "data")],
        input=ZONE,
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_faulty_zone_file_is_told_line_by_line_and_changes_nothing(office: Office, run: Run, tmp_path: Path) -> None:
    (tmp_path / "z").write_text(ZONE + "bad A 1.2.3\nworse NOSUCH x\n")
    code, _, err = run("zone", "import", "a.test", "z")
    assert code == 1
    assert "z:7:" in err
    assert "z:8:" in err
    assert run("zone", "show", "a.test")[0] == 2
    assert "error: zone file missing" in run("zone", "import", "a.test", "missing")[2]


def test_zone_options_are_set_and_shown(office: Office, run: Run) -> None:
    code, out, _ = run("zone", "set", "bossa.test", "--allow-transfer", "key:k", "--allow-transfer", "net:::1/128")
    assert code == 0
    assert "key:k, net:::1/128" in out
    shown = json.loads(run("zone", "show", "bossa.test", "--json")[1])
    assert shown["options"]["allow_transfer"] == ["key:k", "net:::1/128"]


def test_ptr_upkeep_is_off_until_it_is_switched_on(office: Office, run: Run) -> None:
    def kept(out: str) -> str:
        return next(line for line in out.splitlines() if line.startswith("PTR records kept")).split()[-1]

    assert kept(run("zone", "show", "bossa.test")[1]) == "no"
    assert kept(run("zone", "set", "bossa.test", "--ptr", "yes")[1]) == "yes"
    assert kept(run("zone", "set", "bossa.test", "--history", "5")[1]) == "yes"
    assert kept(run("zone", "set", "bossa.test", "--ptr", "no")[1]) == "no"
    assert run("zone", "set", "bossa.test", "--ptr", "maybe")[0] == 64


def test_records_are_added_listed_and_removed(office: Office, run: Run) -> None:
    assert run("record", "add", "bossa.test", "www", "A", "192.0.2.1", "--ttl", "5m")[:2] == (
        0,
        "www.bossa.test: 1 record added, bossa.test has serial 2\n",
    )
    _, out, _ = run("record", "list", "bossa.test", "www")
    assert out.split()[:5] == ["www.bossa.test", "300", "A", "192.0.2.1", "command"]
    listed = json.loads(run("record", "list", "bossa.test", "--json")[1])
    assert [one["type"] for one in listed["records"]] == ["SOA", "NS", "A", "AAAA", "A"]
    assert run("record", "remove", "bossa.test", "www")[0] == 0
    code, _, err = run("record", "remove", "bossa.test", "www")
    assert code == 2
    assert err.startswith("error: record www: there is none in bossa.test. Fix: ")


@pytest.mark.parametrize(
    ("words", "data"),
    [
        (["TXT", "v=spf1 -all"], '"v=spf1 -all"'),
        (["TXT", '"a" "b c"'], '"a" "b c"'),
        (["TXT", "a;b", "c"], '"a;b" "c"'),
        (["MX", "10", "mail"], "10 mail.bossa.test."),
        (["SRV", "0 5 80 www"], "0 5 80 www.bossa.test."),
        (["TYPE65280", "\\# 2 beef"], "\\# 2 beef"),
        (["LOC", "52 22 23 N 4 53 32 E -2m"], None),
    ],
)
def test_data_reaches_the_zone_as_the_shell_gave_it(
    office: Office, run: Run, words: list[str], data: str | None
) -> None:
    code, _, err = run("record", "add", "bossa.test", "x", *words)
    assert (code, err) == (0, "")
    (record,) = json.loads(run("record", "list", "bossa.test", "x", "--json")[1])["records"]
    assert data is None or record["data"] == data


def test_a_keys_output_is_a_key_file(office: Office, run: Run) -> None:
    secret = base64.b64encode(b"0123456789abcdef").decode()
    code, out, err = run("key", "add", "host.example", "--secret", secret, "--algorithm", "hmac-sha512")
    assert (code, err) == (0, "")
    assert out.startswith(f'key "host.example" {{\n\talgorithm hmac-sha512;\n\tsecret "{secret}";\n}};\n')
    assert all(line.startswith("# ") for line in out.splitlines()[4:])
    # An argument with a secret would be in every list of processes.
    assert "-y" not in out
    assert run("key", "show", "host.example")[1] == out
    assert run("key", "list")[1].splitlines() == ["admin         hmac-sha256  1", "host.example  hmac-sha512  0"]
    assert run("key", "remove", "host.example")[:2] == (0, "key host.example removed\n")
    assert run("key", "add", "old", "--algorithm", "hmac-md5")[0] == 2


@pytest.mark.parametrize(
    ("scope", "said"),
    [
        (["--self"], "its own name"),
        (["--zone"], "the whole zone"),
        (["--subdomain", "hosts"], "subdomain hosts.bossa.test."),
        (["--pattern", "*.dyn.bossa.test"], "names like *.dyn.bossa.test."),
    ],
)
def test_every_form_of_a_rule_is_taken(office: Office, run: Run, scope: list[str], said: str) -> None:
    code, out, _ = run("policy", "add", "bossa.test", "--allow", "key:admin", *scope, "--types", "A,AAAA")
    assert (code, out) == (0, f"rule 1 of bossa.test added: key:admin may change {said}, A,AAAA\n")
    assert run("policy", "add", "*", "--allow", "key:admin", *scope, "--types", "TXT", "--first")[0] == 0
    rules = json.loads(run("policy", "list", "--json")[1])["rules"]
    assert [(rule["zone"], rule["number"], rule["types"]) for rule in rules] == [
        ("bossa.test", 1, ["A", "AAAA"]),
        ("*", 1, ["TXT"]),
        ("*", 2, ["ANY"]),
        ("*", 3, ["ANY"]),
        ("*", 4, []),
        ("*", 5, ["PTR"]),
    ]
    assert run("policy", "remove", "bossa.test", "1")[0] == 0


@pytest.mark.parametrize("scope", [[], ["--self", "--zone"], ["--zone", "--subdomain", "x"]])
def test_a_rule_says_once_where(office: Office, run: Run, scope: list[str]) -> None:
    code, _, err = run("policy", "add", "bossa.test", "--allow", "key:admin", *scope)
    assert code == 64
    assert "give one of --self" in err


def test_status_shows_the_server_and_fails_when_it_is_unwell(
    office: Office, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, _ = run("status")
    assert code == 0
    assert "127.0.0.1:9  [::1]:9" in out
    assert "up 3 minutes" in out
    rows = [line.split() for line in out.splitlines() if ":53" in line]
    assert rows == [
        ["the", "rest", "192.0.2.53:53", "12.3", "ms", "healthy", "7", "0"],
        ["corp.example", "10.1.0.53:53", "500.0", "ms", "aside", "5", "4"],
    ]
    assert "2 answers, 5.0 kB of 1.0 MB, 75% of questions found" in out
    assert json.loads(run("status", "--json")[1])["pid"] == 7

    assert "accounts" not in out

    async def unwell() -> StatusReport:
        tickets = TicketStatus(accounts=3, initial=12, further=34, refused=5)
        return report(tmp_path / "data", store=StoreStatus(failing="no space"), tickets=tickets)

    monkeypatch.setattr(office, "status", unwell)
    code, out, _ = run("status")
    assert code == 1
    assert "✗ The store cannot write: no space." in out
    assert "3 accounts, 12 initial, 34 further, 5 refused, no workers" in out


def test_check_fails_where_nobody_answers(office: Office, run: Run) -> None:
    code, out, _ = run("check")
    assert code == 1
    assert "✗ bossa.test SOA over UDP at 127.0.0.1:9" in out
    assert "Fix: " in out
    assert json.loads(run("check", "--json")[1])["ok"] is False


def test_env_can_be_evaluated_by_a_shell(
    office: Office, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, out, _ = run("env")
    script = out + 'printf "%s\\n" "$BOSSA_DATA" "$BOSSA_SERVER" "$BOSSA_PORT" "$BOSSA_DOMAIN"'
    shell = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert shell.stdout.splitlines() == [str(tmp_path / "data"), "127.0.0.1", "9", "bossa.test"]
    odd = tmp_path / "it's $(odd)"
    code, out, err = run("env", "--data", str(odd))
    assert code == 0
    assert err.startswith("# no server runs")
    shell = subprocess.run(["sh", "-c", out + 'printf %s "$BOSSA_DATA"'], capture_output=True, text=True, check=True)
    assert shell.stdout == str(odd)


def test_reload_prints_what_changed(office: Office, run: Run) -> None:
    assert run("reload") == (0, "dns.edns_size: 1232 → 1400\n", "")


def test_a_backup_is_made_and_restored(office: Office, run: Run, tmp_path: Path) -> None:
    (tmp_path / "data" / "master.key").write_bytes(b"m" * 32)
    code, out, err = run("backup", "b.tar")
    assert (code, err) == (0, "")
    assert "master key" in out
    assert run("backup", "b.tar")[0] == 2
    assert not list((tmp_path / "data").glob(".backup*"))
    assert run("restore", "b.tar")[0] == 2
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("words", [["zone", "list"], ["record", "list", "x"], ["key", "list"], ["backup", "f"]])
def test_without_a_domain_a_command_says_how_to_make_one(run: Run, words: list[str]) -> None:
    code, _, err = run(*words)
    assert code == 3
    assert "bossa up" in err


@pytest.mark.parametrize("words", [["status"], ["reload"], ["check"], ["cache", "show"], ["cache", "flush", "--all"]])
def test_without_a_server_its_verbs_say_how_to_start_it(run: Run, words: list[str]) -> None:
    code, _, err = run(*words)
    assert code == 3
    assert "Fix: start it with bossa up." in err


def test_data_may_stand_before_the_noun(office: Office, run: Run, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("BOSSA_DATA", "/nowhere")
    assert run("--data", str(tmp_path / "data"), "zone", "list")[0] == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["zoen", "list"], "Did you mean 'zone'?"),
        (["zone", "lst"], "'list'"),
        (["zone", "show"], "NAME"),
        (["zone", "show", "a", "--jsn"], "--json"),
        (["record", "add"], "ZONE"),
        (["policy", "add", "x", "--zone"], "--allow"),
        (["bench", "nope"], "no such comparison"),
    ],
)
def test_a_usage_error_exits_64_and_names_the_nearest(run: Run, words: list[str], said: str) -> None:
    code, out, err = run(*words)
    assert (code, out) == (64, "")
    assert err.startswith("error: ")
    assert said in err


def test_a_noun_alone_prints_its_verbs(run: Run) -> None:
    code, _, err = run("zone")
    assert code == 64
    assert "import" in err


def test_a_fault_is_one_line_without_debug() -> None:
    code = "import bossa.cli, bossa.cli.app as a; a.run = lambda _: 1 // 0; raise SystemExit(bossa.cli.main(['zone']))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "error: a fault in bossa itself: ZeroDivisionError: integer division or modulo by zero. "
        "Fix: report it with what --debug prints"
    ]
    debug = code.replace("'zone'", "'zone', '--debug'")
    done = subprocess.run([sys.executable, "-c", debug], capture_output=True, text=True, check=False)
    assert "Traceback" in done.stderr


def test_a_reader_that_has_seen_enough_is_no_fault(office: Office, tmp_path: Path) -> None:
    command = f"{sys.executable} -m bossa.cli zone list --all --data {tmp_path / 'data'} | head -1"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.stdout == "bossa.test  1  2\n".replace("  1  2", done.stdout[len("bossa.test") :].rstrip("\n"))
    assert done.stderr == ""


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_stream_that_is_closed_is_no_fault(office: Office, tmp_path: Path, closed: str) -> None:
    command = f"{sys.executable} -m bossa.cli zone list --data {tmp_path / 'data'} {closed}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_output_that_takes_nothing_is_told_in_one_line(office: Office, tmp_path: Path) -> None:
    command = f"{sys.executable} -m bossa.cli zone list --data {tmp_path / 'data'} >/dev/full"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: the output: No space left on device. Fix: ")
    assert len(done.stderr.splitlines()) == 1


def test_signs_are_replaced_where_the_output_cannot_have_them(office: Office, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bossa.cli", "check", "--data", str(tmp_path / "data")]
    env = {"PYTHONIOENCODING": "ascii", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 1
    assert done.stdout.startswith("? ")
    assert done.stderr == ""


def test_a_key_goes_to_a_private_file_that_was_not_there(office: Office, run: Run, tmp_path: Path) -> None:
    code, out, err = run("key", "add", "k", "--file", "k.key")
    assert (code, err) == (0, "")
    assert out == "key k is in k.key: nsupdate -k k.key, dig -k k.key\n"
    assert (tmp_path / "k.key").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "k.key").read_text() in run("key", "show", "k")[1]
    code, _, err = run("key", "add", "other", "--file", "k.key")
    assert code == 2
    assert "File exists. Fix: " in err
    assert run("key", "add", "k", "--file", "k2.key")[0] == 2
    assert not (tmp_path / "k2.key").exists()


@pytest.mark.parametrize(
    "words",
    [
        "record add bossa.test x A 1.2.3",
        "record add bossa.test x BOGUS x",
        "record add bossa.test a..b A 192.0.2.1",
        "record add bossa.test ns1 CNAME x",
        "record remove bossa.test @ NS",
        "record remove bossa.test nosuchname",
        "key add k --secret !!",
        "key add k --algorithm hmac-foo",
        "policy add bossa.test --allow foo --zone",
        "zone set bossa.test --history -1",
        "zone import z.test nofile",
        "zone export bossa.test /nonexist/x",
        "backup /nonexist/x",
        "restore nofile --data elsewhere",
        "man /dev/null/x",
        "completion tcsh",
    ],
)
def test_every_failure_has_a_fix(office: Office, run: Run, words: str) -> None:
    code, out, err = run(*words.split())
    assert code in (1, 2, 64)
    assert out == ""
    assert err.startswith("error: ")
    assert " Fix: " in err
    assert "correct these lines" not in err


def test_in_a_checkout_commands_are_named_as_they_are_typed_there(
    office: Office, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Fix: bossa key list." in run("key", "show", "x")[2]
    monkeypatch.setenv("BOSSA_CHECKOUT", "/src/bossa")
    assert "Fix: ./bossa key list." in run("key", "show", "x")[2]
    assert "start it with ./bossa up." in run("reload", "--data", "/nowhere")[2].replace("Start", "start")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_printed(run: Run, shell: str) -> None:
    code, out, err = run("completion", shell)
    assert (code, err) == (0, "")
    assert "_BOSSA_COMPLETE" in out


def test_completion_answers_the_shell(tmp_path: Path) -> None:
    env = {
        "_BOSSA_COMPLETE": "complete_bash",
        "COMP_WORDS": "bossa zone im",
        "COMP_CWORD": "2",
        "PATH": "/usr/bin:/bin",
    }
    command = [sys.executable, "-c", "import sys; from bossa.cli import main; sys.exit(main([]))"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert done.stdout.split() == ["import"]


def test_a_comparison_has_a_help_of_its_own(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "one.py").write_text("def main(rest): print(rest); return 0\n")
    monkeypatch.setattr("bossa.cli.bench.BENCH", tmp_path)
    assert run("bench", "one", "--help") == (0, "['--help']\n", "")
    assert "NAME" in run("bench", "--help")[1]


@pytest.mark.parametrize("word", ["master.key", "bossa.db"])
def test_a_data_directory_that_cannot_be_opened_is_told_in_one_line(run: Run, tmp_path: Path, word: str) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "bossa.db").touch()
    # Not even root can read a directory as a file.
    (data / word).unlink(missing_ok=True)
    (data / word).mkdir()
    code, out, err = run("zone", "list")
    assert (code, out) == (3, "")
    assert err.startswith("error: ")
    assert " Fix: " in err
    assert len(err.splitlines()) == 1
