"""Every command as a user types it: with a running server and without, right and wrong."""

from __future__ import annotations

import base64
import json
import os
import select
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from bossa.testing.domain import Domain, TsigKey
from bossa.testing.ports import reserve

OK, FAILED, REFUSED, UNREACHABLE, USAGE = 0, 1, 2, 3, 64
LISTS = (
    ("status",),
    ("check",),
    ("zone", "list"),
    ("zone", "show", "bossa.test"),
    ("record", "list", "bossa.test"),
    ("key", "list"),
    ("key", "show", "admin"),
    ("policy", "list", "bossa.test"),
    ("cache", "show"),
)
OFFLINE = tuple(words for words in LISTS if words[0] not in ("status", "check", "cache"))


@pytest.fixture(params=["running", "stopped"])
def any_domain(request: pytest.FixtureRequest, domain: Domain) -> Domain:
    """Return a domain whose server runs, and one whose server was stopped."""
    if request.param == "stopped":
        assert domain.stop() == 0
    return domain


@pytest.mark.parametrize("words", LISTS, ids=" ".join)
def test_a_command_prints_for_people_and_for_machines(shared_domain: Domain, words: tuple[str, ...]) -> None:
    """--json on everything that prints data."""
    plain = shared_domain.run(*words)
    assert plain.returncode == OK, plain.stderr
    assert plain.stdout.strip()
    machine = shared_domain.run(*words, "--json")
    assert machine.returncode == OK, machine.stderr
    assert json.loads(machine.stdout)


def test_commands_do_the_same_without_a_server(any_domain: Domain) -> None:
    """One life: a zone, a record, a key and a rule, made, seen and removed."""
    run = any_domain.run
    for words in (
        ("zone", "add", "new.test"),
        ("record", "add", "new.test", "www", "A", "192.0.2.1"),
        ("key", "add", "k", "--secret", "c2VjcmV0c2VjcmV0"),
        ("policy", "add", "new.test", "--allow", "key:k", "--zone"),
    ):
        assert run(*words, check=True)
    assert "192.0.2.1" in run("record", "list", "new.test", check=True).stdout
    assert "new.test" in run("zone", "list", check=True).stdout
    assert "key:k" in run("policy", "list", "new.test", check=True).stdout
    for gone in (
        ("policy", "remove", "new.test", "1"),
        ("key", "remove", "k"),
        ("record", "remove", "new.test", "www", "A"),
        ("zone", "remove", "new.test"),
    ):
        assert run(*gone, check=True)
    assert "new.test" not in run("zone", "list", check=True).stdout


@pytest.mark.parametrize("words", OFFLINE, ids=" ".join)
def test_a_list_without_a_server_parses_as_json(domain: Domain, words: tuple[str, ...]) -> None:
    """The command takes the store's lock itself."""
    domain.stop()
    assert json.loads(domain.run(*words, "--json", check=True).stdout)


def test_what_was_changed_without_a_server_is_answered_after_the_start(domain: Domain) -> None:
    """And what was changed with one is there without."""
    domain.run("record", "add", "bossa.test", "first", "A", "192.0.2.1", check=True)
    domain.stop()
    assert "192.0.2.1" in domain.run("record", "list", "bossa.test", check=True).stdout
    domain.run("record", "add", "bossa.test", "second", "A", "192.0.2.2", check=True)
    domain.restart()
    assert domain.values("first") == ["192.0.2.1"]
    assert domain.values("second") == ["192.0.2.2"]


def test_a_record_added_by_command_is_answered_and_moves_the_serial(shared_domain: Domain, label: str) -> None:
    """When the command returns, questions see it."""
    before = shared_domain.serial()
    shared_domain.run("record", "add", "bossa.test", label, "A", "192.0.2.1", check=True)
    assert shared_domain.values(label) == ["192.0.2.1"]
    assert shared_domain.serial() == before + 1
    shared_domain.run("record", "remove", "bossa.test", label, "A", check=True)
    assert shared_domain.values(label) == []


def test_key_add_prints_a_key_file_that_works(shared_domain: Domain, label: str) -> None:
    """The form that nsupdate and dig take, and nothing else on standard output."""
    printed = shared_domain.run("key", "add", label, check=True).stdout
    key = TsigKey.parse(printed)
    assert (key.name.rstrip("."), key.algorithm) == (label, "hmac-sha256")
    assert shared_domain.ask("ns1", key=key).had_tsig


def test_a_secret_that_was_given_is_the_one_used(shared_domain: Domain, label: str) -> None:
    """`--secret BASE64`"""
    key = shared_domain.add_key(label, secret="YSBzZWNyZXQgb2Ygb3VyIG93bg==")
    assert shared_domain.ask("ns1", key=key).had_tsig


# Mistakes


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("zone", "show", "nothere.test"), REFUSED),
        (("zone", "remove", "nothere.test"), REFUSED),
        (("zone", "add", "bossa.test"), REFUSED),
        (("zone", "add", "a" * 64 + ".test"), USAGE),
        (("key", "show", "nothere"), REFUSED),
        (("key", "remove", "nothere"), REFUSED),
        (("key", "add", "admin"), REFUSED),
        (("key", "add", "k", "--algorithm", "rot13"), USAGE),
        (("key", "add", "k", "--secret", "not base64!"), USAGE),
        (("record", "add", "bossa.test", "x", "A", "not-an-address"), USAGE),
        (("record", "add", "bossa.test", "x", "NOTYPE", "x"), USAGE),
        (("record", "add", "nothere.test", "x", "A", "192.0.2.1"), REFUSED),
        (("record", "list", "nothere.test"), REFUSED),
        (("policy", "add", "bossa.test", "--allow", "nobody", "--zone"), USAGE),
        (("policy", "add", "bossa.test", "--allow", "key:admin"), USAGE),
        (("policy", "add", "nothere.test", "--allow", "key:admin", "--zone"), REFUSED),
        (("policy", "remove", "bossa.test", "99"), REFUSED),
        (("zone", "import", "x.test", "/does/not/exist"), FAILED),
        (("record", "remove", "bossa.test", "nosuchname"), REFUSED),
        (("record", "add", "bossa.test", "ns1", "CNAME", "x"), REFUSED),
        (("backup", "/does/not/exist"), FAILED),
        (("no-such-command",), USAGE),
        (("zone", "no-such-verb"), USAGE),
        (("zone", "list", "--no-such-flag"), USAGE),
        (("zone", "add"), USAGE),
    ],
    ids=lambda value: " ".join(value)[:60] if isinstance(value, tuple) else str(value),
)
def test_a_mistake_is_told_in_one_line_with_its_exit_code(
    shared_domain: Domain, words: tuple[str, ...], code: int
) -> None:
    """What, why, and the fix; no traceback."""
    done = shared_domain.run(*words)
    assert done.returncode == code, done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    assert done.stderr.strip()


def test_removing_what_is_not_there_is_refused_and_the_server_lives(any_domain: Domain) -> None:
    """With a server and without."""
    for _ in range(2):
        done = any_domain.run("record", "remove", "bossa.test", "nosuchname")
        assert done.returncode == REFUSED, done.stderr
        assert done.stderr.startswith("error: record nosuchname: there is none in bossa.test. Fix: ")
    any_domain.run("record", "add", "bossa.test", "x", "A", "192.0.2.1", check=True)
    assert "bug" not in any_domain.log


def test_an_unknown_zone_names_the_nearest_one(shared_domain: Domain) -> None:
    """A slip of the finger costs one line."""
    assert "bossa.test" in shared_domain.run("zone", "show", "bosa.test").stderr


def test_a_command_on_data_that_are_not_there_says_so(tmp_path: Path, shared_domain: Domain) -> None:
    """And makes none."""
    done = shared_domain.run("zone", "list", env={"BOSSA_DATA": str(tmp_path / "nowhere")})
    assert done.returncode != OK
    assert done.stderr.startswith("error: ")
    assert not (tmp_path / "nowhere").exists()


def test_a_second_server_on_the_same_data_is_refused(shared_domain: Domain) -> None:
    """The store has one owner."""
    place = reserve()
    try:
        done = shared_domain.run("up", "--port-base", str(place.base))
    finally:
        place.release()
    assert done.returncode != OK
    assert str(shared_domain.server.pid) in done.stderr or "running" in done.stderr or "in use" in done.stderr
    assert shared_domain.ask("ns1").rcode() == 0


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM], ids=["tcp", "udp"])
def test_a_port_that_is_taken_is_named_with_its_owner_and_the_fix(
    tmp_path: Path, shared_domain: Domain, kind: socket.SocketKind
) -> None:
    """`error: cannot listen on 127.0.0.1:10053: in use by pid 812 (dnsmasq). Fix: --port-base 20000.`"""
    place = reserve()
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", place.base + 53))
        if kind is socket.SOCK_STREAM:
            taken.listen()
        env = {"BOSSA_DATA": str(tmp_path / "data")}
        done = shared_domain.run("up", "--port-base", str(place.base), env=env)
    place.release()
    assert done.returncode != OK
    assert done.stderr.count("error: ") == 1
    for word in (f"cannot listen on 127.0.0.1:{place.base + 53}", f"pid {os.getpid()}", "--port-base"):
        assert word in done.stderr, done.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[dns]\nwrokers = 2\n", ("wrokers", "workers", "bossa.toml:2")),
        ("[dsn]\n", ("dsn", "dns")),
        ("[dns\n", ("bossa.toml:1",)),
        ('[dns]\nworkers = "many"\n', ("workers",)),
    ],
    ids=["unknown key", "unknown table", "no TOML", "wrong type"],
)
def test_a_mistake_in_the_configuration_is_an_error_with_its_line(
    tmp_path: Path, shared_domain: Domain, text: str, words: tuple[str, ...]
) -> None:
    """Strict: an unknown key is an error with the nearest known name."""
    config = tmp_path / "bossa.toml"
    config.write_text(text)
    env = {"BOSSA_DATA": str(tmp_path / "data")}
    done = shared_domain.run("up", "--config", str(config), env=env)
    assert done.returncode != OK
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr, done.stderr


# Up, env, stop, backup


def test_the_first_start_prints_at_most_fifteen_lines(domain: Domain) -> None:
    """Domain and realm, a line a service, and lines to copy."""
    printed = domain.log
    assert len(printed.splitlines()) <= 15
    for word in ("bossa.test", "BOSSA.TEST", str(domain.dns_port), "nsupdate -k", "bossa check", "dig"):
        assert word in printed, printed


def test_env_prints_what_a_shell_evaluates(shared_domain: Domain) -> None:
    """`eval "$(./bossa env)"`"""
    script = shared_domain.run("env", check=True).stdout
    shell = ["sh", "-euc", 'eval "$1"; echo "$BOSSA_DATA"', "sh", script]
    done = subprocess.run(shell, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip()).resolve() == shared_domain.data.resolve()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
def test_a_signal_ends_the_server_with_code_zero(domain: Domain, number: signal.Signals) -> None:
    """A graceful stop, within two seconds, and nobody is left."""
    children = Path(f"/proc/{domain.server.pid}/task/{domain.server.pid}/children").read_text().split()
    os.kill(domain.server.pid, number)
    assert domain.server.stop(2) == 0
    assert not [child for child in children if Path(f"/proc/{child}").exists()]


def test_workers_end_when_their_owner_is_killed(domain: Domain) -> None:
    """Nobody answers from a zone that nobody keeps."""
    children = Path(f"/proc/{domain.server.pid}/task/{domain.server.pid}/children").read_text().split()
    assert children
    domain.kill()
    for child in children:
        wait_until_gone(int(child))


def wait_until_gone(pid: int) -> None:
    """Wait at most five seconds for a process that is not our child."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    assert select.select([handle], [], [], 5)[0], f"process {pid} still lives"
    os.close(handle)


def test_secrets_are_for_their_owner_only(shared_domain: Domain) -> None:
    """The data directory 0700, what is secret in it 0600."""
    assert shared_domain.data.stat().st_mode & 0o777 == 0o700
    for name in ("master.key", "admin.key", "control.sock", "bossa.db"):
        assert (shared_domain.data / name).stat().st_mode & 0o077 == 0, name


def test_no_secret_stands_in_the_database_as_it_is(domain: Domain) -> None:
    """Sealed under data/master.key."""
    secret = base64.b64decode(domain.admin_key.secret)
    domain.stop()
    for file in domain.data.glob("bossa.db*"):
        content = file.read_bytes()
        assert secret not in content
        assert domain.admin_key.secret.encode() not in content


def test_a_backup_of_a_running_server_restores_elsewhere(domain: Domain, tmp_path: Path) -> None:
    """Online backup; restore refuses to overwrite."""
    update = domain.update()
    update.add("saved", 60, "A", "192.0.2.1")
    assert domain.send(update).rcode() == 0
    backup = tmp_path / "backup"
    domain.run("backup", str(backup), check=True)
    again = domain.run("restore", str(backup))
    assert again.returncode != OK, "it would overwrite"
    elsewhere = {"BOSSA_DATA": str(tmp_path / "restored")}
    restored = domain.run("restore", str(backup), env=elsewhere)
    assert restored.returncode == OK, restored.stderr
    assert "192.0.2.1" in domain.run("record", "list", "bossa.test", env=elsewhere, check=True).stdout
    assert domain.ask("saved", key=domain.admin_key).had_tsig


def test_install_service_without_doing_it_prints_a_unit(shared_domain: Domain) -> None:
    """`install-service` is the only command that writes elsewhere; --dry-run shows what it would write."""
    done = shared_domain.run("install-service", "--dry-run")
    assert done.returncode == OK, done.stderr
    for word in ("[Unit]", "[Service]", "ExecStart=", "[Install]"):
        assert word in done.stdout


def test_metrics_and_the_status_page_are_on_the_web_port(shared_domain: Domain) -> None:
    """Prometheus' text form, and one plain page."""
    base = f"http://{shared_domain.address}:{shared_domain.web_port}"
    with urllib.request.urlopen(f"{base}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    assert "# TYPE " in text
    assert "bossa" in text
    with urllib.request.urlopen(f"{base}/", timeout=5) as answer:
        assert "bossa.test" in answer.read().decode()


def test_reload_takes_the_configuration_anew(shared_domain: Domain) -> None:
    """And says what needs a restart."""
    done = shared_domain.run("reload")
    assert done.returncode == OK, done.stderr


def test_help_is_quick_and_names_every_noun(shared_domain: Domain) -> None:
    """Without a server, without data."""
    done = subprocess.run(
        [sys.executable, "-m", "bossa.cli", "--help"], env=shared_domain.env, capture_output=True, text=True, check=True
    )
    for noun in ("up", "status", "check", "env", "zone", "record", "key", "policy", "backup", "restore"):
        assert noun in done.stdout
