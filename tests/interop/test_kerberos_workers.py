"""Tickets from several processes: every worker says the same, and whatever ends, what was confirmed stays."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import threading
import time
import urllib.request
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from bossa.krb.client import KdcSaid
from bossa.krb.errors import KrbCode
from bossa.krb.kpasswd import Result
from bossa.krb.messages import KrbError
from bossa.krb.names import PrincipalName
from bossa.testing.domain import Domain
from bossa.testing.plugin import DomainFactory
from bossa.testing.ports import SERVICES
from bossa.testing.tickets import Kdc, as_request, timestamp
from tests.interop.conftest import PASSWORD
from tests.interop.people import EVERY_WORKER, Person
from tests.interop.test_durability import file_size_limit

NEW = "Five words are better, aren't they?"
SUCCESS, HARDERROR = int(Result.SUCCESS), int(Result.HARDERROR)
SERVICE = "HTTP/web.bossa.test"
# Old passwords are tried on every worker, which would lock the account.
NO_LOCKS = "[kerberos]\nlockout_after = 0\n"


def status(domain: Domain) -> dict[str, Any]:
    """Return what the server says of its tickets."""
    told: dict[str, Any] = json.loads(domain.run("status", "--json", check=True).stdout)["tickets"]
    return told


def alice_of(domain: Domain) -> Person:
    """Make a user and a service."""
    domain.directory.add_user("alice", PASSWORD)
    return Person(domain, "alice")


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_a_change_of_password_is_in_force_on_every_worker_when_it_is_confirmed(
    domain_factory: DomainFactory, workers: int
) -> None:
    """RFC 3244 §2, over UDP and TCP in turn."""
    domain = domain_factory(workers=workers, config_toml=NO_LOCKS)
    alice = alice_of(domain)
    passwords = [PASSWORD, *(f"{NEW} {number}" for number in range(6))]
    for number, (old, new) in enumerate(pairwise(passwords)):
        assert alice.change_password(old, new, tcp=number % 2 == 1).code == SUCCESS
        assert (alice.knows_everywhere(new), alice.knows_everywhere(old)) == ({True}, {False})
    assert len(status(domain)["workers"]) == workers


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_tickets_come_over_udp_and_tcp_and_are_counted(domain_factory: DomainFactory, workers: int) -> None:
    domain = domain_factory(workers=workers)
    alice = alice_of(domain)
    domain.directory.add_service(SERVICE)
    for tcp in (False, True):
        held = alice.sign_in(PASSWORD, tcp=tcp)
        assert alice.ticket(held, SERVICE, tcp=tcp).server.text == SERVICE
    # Workers tell what they did once a second.
    time.sleep(1.2)
    told = status(domain)
    assert (told["initial"], told["further"], told["refused"]) == (2, 2, 0)
    with urllib.request.urlopen(f"http://{domain.address}:{domain.web_port}/metrics", timeout=5) as answer:
        metrics = answer.read().decode()
    for line in (
        'bossa_krb_tickets_total{exchange="AS"} 2.0',
        'bossa_krb_tickets_total{exchange="TGS"} 2.0',
        f"bossa_krb_workers {float(workers)}",
        f"bossa_krb_accounts {float(told['accounts'])}",
    ):
        assert line in metrics


def test_a_request_that_comes_again_counts_as_one_wrong_password(domain_factory: DomainFactory) -> None:
    """Whoever repeats a datagram because the answer was lost is not a step nearer to a lock."""
    domain = domain_factory(workers=2, config_toml="[kerberos]\nlockout_after = 3\n")
    alice = alice_of(domain)
    (wrong,) = alice.keys("guessed")
    request = as_request(domain.realm, PrincipalName.parse("alice"), (timestamp(wrong, time.time()),))
    answers = {alice.datagram(request, domain.kdc_port) for _ in range(10)}
    answers.add(Kdc(domain.realm, domain.kdc_port).exchange(request))
    (answer,) = answers
    assert KrbError.decode(answer).error_code == KrbCode.PREAUTH_FAILED
    assert alice.knows(PASSWORD)
    domain.wait_for_log("wrong password.*alice")
    assert domain.log.count("wrong password") == 1


def test_a_lock_is_in_force_on_every_worker_at_once(domain_factory: DomainFactory) -> None:
    """Somebody tries passwords as fast as the server answers: none behind the last that counts is looked at."""
    domain = domain_factory(workers=2, config_toml="[kerberos]\nlockout_after = 5\n")
    alice = alice_of(domain)
    assert [alice.knows(f"guess {number}") for number in range(5)] == [False] * 5
    codes = set()
    for _ in range(EVERY_WORKER):
        with pytest.raises(KdcSaid) as said:
            alice.sign_in(PASSWORD)
        codes.add(said.value.code)
    assert codes == {KrbCode.CLIENT_REVOKED}
    domain.wait_for_log("account locked.*alice")


def test_settings_of_tickets_are_read_again(domain_factory: DomainFactory) -> None:
    domain = domain_factory(workers=2, config_toml="[kerberos]\nticket_lifetime = 7200\n")
    alice = alice_of(domain)
    config = domain.home / "bossa.toml"
    for lifetime in (3600, 1800):
        config.write_text(f"[kerberos]\nticket_lifetime = {lifetime}\n")
        assert "ticket_lifetime" in domain.run("reload", check=True).stdout
        lives = {
            times.endtime - times.authtime for times in (alice.sign_in(PASSWORD).times for _ in range(EVERY_WORKER))
        }
        assert lives == {lifetime}


# What ends, or is full


class Changer(threading.Thread):
    """A user who changes the password again and again; ``confirmed`` is the last that was answered with success."""

    def __init__(self, person: Person) -> None:
        super().__init__(name=person.name, daemon=True)
        self.person = person
        self.number = self.confirmed = 0
        self.problems: list[str] = []

    def password(self, number: int) -> str:
        """Return one of the passwords, in the order in which they are taken."""
        return f"{PASSWORD} {number}"

    def run(self) -> None:
        """Change it until the server is gone."""
        while True:
            self.number = self.confirmed + 1
            try:
                said = self.person.change_password(self.password(self.confirmed), self.password(self.number))
            except (OSError, EOFError):
                return
            except KdcSaid as e:
                self.problems.append(str(e))
                return
            if said.code != SUCCESS:
                self.problems.append(f"result {said.code}: {said.text.decode()}")
                return
            self.confirmed = self.number

    def settle(self) -> None:
        """Find out which password works: the one that was asked for last, or the one before it; and only one."""
        asked = self.number
        known = {number for number in (self.confirmed, asked) if self.person.knows(self.password(number))}
        assert len(known) == 1, f"{self.person.name}: {known} of {self.confirmed} and {asked} work"
        (self.confirmed,) = known
        other = {self.number, asked - 1} - known
        assert self.person.knows_everywhere(self.password(self.confirmed)) == {True}
        for number in other:
            assert not self.person.knows(self.password(number))


def kill_while_passwords_change(domain: Domain, kills: int, pause: Callable[[], float]) -> int:
    """Kill the server so many times under three users; return how many changes were confirmed."""
    changers = []
    for number in range(3):
        changers.append(Changer(Person(domain, f"user{number}", timeout=2)))
        domain.directory.add_user(f"user{number}", changers[-1].password(0))
    total = 0
    for _ in range(kills):
        before = sum(one.confirmed for one in changers)
        for one in changers:
            one.start()
        deadline = time.monotonic() + 20
        while sum(one.confirmed for one in changers) < before + 5:
            assert time.monotonic() < deadline, "no password changes"
            time.sleep(0.01)
        time.sleep(pause())
        domain.kill()
        for one in changers:
            one.join(20)
            assert one.problems == []
        domain.restart()
        for one in changers:
            one.settle()
        total = sum(one.confirmed for one in changers)
        changers = [_again(one) for one in changers]
    return total


def _again(changer: Changer) -> Changer:
    """Return a thread that goes on where one has ended."""
    fresh = Changer(changer.person)
    fresh.confirmed = changer.confirmed
    return fresh


@pytest.mark.timeout(180)
def test_kill_9_while_passwords_change_leaves_the_old_one_or_the_new_one(domain_factory: DomainFactory) -> None:
    """And a change that was confirmed is never undone."""
    chance = random.Random(3244)
    assert (
        kill_while_passwords_change(domain_factory(workers=2, config_toml=NO_LOCKS), 3, lambda: chance.uniform(0, 0.1))
        >= 15
    )


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_thirty_kills_while_passwords_change(domain_factory: DomainFactory) -> None:
    """The same for longer."""
    chance = random.Random(30)
    assert (
        kill_while_passwords_change(domain_factory(workers=2, config_toml=NO_LOCKS), 30, lambda: chance.uniform(0, 0.3))
        >= 150
    )


def test_a_worker_that_is_killed_is_replaced_and_nobody_waits_long(domain_factory: DomainFactory) -> None:
    domain = domain_factory(workers=2, config_toml=NO_LOCKS)
    alice = alice_of(domain)
    wanted = {worker["pid"] for worker in status(domain)["workers"]}
    until, late = time.monotonic() + 4, 0
    killer = threading.Timer(1, lambda: [os.kill(pid, signal.SIGKILL) for pid in wanted])
    killer.start()
    served = 0
    while time.monotonic() < until:
        try:
            Person(domain, "alice", timeout=1).sign_in(PASSWORD)
            served += 1
        except OSError:
            # What a worker had taken in and not answered died with it.
            late += 1
    assert served > 20
    assert late <= 2
    assert not wanted & {worker["pid"] for worker in status(domain)["workers"]}
    assert alice.change_password(PASSWORD, NEW).code == SUCCESS
    assert (alice.knows_everywhere(NEW), alice.knows_everywhere(PASSWORD)) == ({True}, {False})
    domain.wait_for_log("worker ended.*kdc")


def test_on_a_full_disk_no_change_is_confirmed_and_none_is_in_force(domain_factory: DomainFactory) -> None:
    """RFC 3244 §2: KRB5_KPASSWD_HARDERROR; tickets go on being issued."""
    domain = domain_factory(workers=2, config_toml=NO_LOCKS)
    alice = alice_of(domain)
    passwords = [PASSWORD]
    with file_size_limit(domain, 1 << 16) as make_room:
        while True:
            new = f"{NEW} {len(passwords)}"
            said = alice.change_password(passwords[-1], new)
            if said.code == HARDERROR:
                break
            assert said.code == SUCCESS
            passwords.append(new)
            assert len(passwords) < 500, "nothing fills the disk"
        assert b"could not be stored" in said.text
        assert (alice.knows_everywhere(passwords[-1]), alice.knows(new)) == ({True}, False)
        domain.wait_for_log("password not stored")
        make_room()
        assert alice.change_password(passwords[-1], new).code == SUCCESS
    domain.kill()
    domain.restart()
    assert (alice.knows_everywhere(new), alice.knows(passwords[-1])) == ({True}, False)


def test_garbage_costs_nobody_his_ticket(domain_factory: DomainFactory) -> None:
    """Datagrams of every kind, and connections that say nonsense, stop halfway, or lie about a length."""
    domain = domain_factory(workers=2)
    alice, chance = alice_of(domain), random.Random(4120)
    request = as_request(domain.realm, PrincipalName.parse("alice"))
    for port in (domain.kdc_port, domain.port_base + SERVICES["kpasswd"]):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for number in range(3000):
                broken = bytearray(request)
                broken[chance.randrange(len(broken))] = chance.randrange(256)
                noise = chance.randbytes(chance.randrange(2000))
                sock.sendto((broken, noise, b"\x6a" + noise, broken[: number % 200])[number % 4], ("127.0.0.1", port))
        for said in (
            b"GET / HTTP/1.1\r\n\r\n",
            b"\0\0\0\x05\x6a",
            b"\0\0\0\x01\x6a",
            b"\0\0\0\0",
            chance.randbytes(500),
        ):
            with socket.create_connection(("127.0.0.1", port), 5) as stream:
                stream.sendall(said)
    assert alice.knows_everywhere(PASSWORD) == {True}
    assert alice.change_password(PASSWORD, NEW).code == SUCCESS
    assert domain.values("ns1") == ["127.0.0.1"]
    assert "[error" not in domain.log
    assert len(status(domain)["workers"]) == 2


def test_a_length_with_the_high_bit_set_is_called_too_long(shared_domain: Domain) -> None:
    """RFC 4120 §7.2.2"""
    with socket.create_connection(("127.0.0.1", shared_domain.kdc_port), 5) as stream:
        stream.sendall(b"\x80\0\0\x01x")
        with stream.makefile("rb") as file:
            error = KrbError.decode(file.read(int.from_bytes(file.read(4), "big")))
            assert (error.error_code, file.read()) == (KrbCode.FIELD_TOOLONG, b"")


def test_the_master_key_is_in_no_argument_and_no_environment(shared_domain: Domain) -> None:
    key = (shared_domain.data / "master.key").read_bytes()
    for worker in status(shared_domain)["workers"]:
        for where in ("cmdline", "environ"):
            told = Path(f"/proc/{worker['pid']}/{where}").read_bytes()
            assert key not in told
            assert key.hex().encode() not in told


def test_a_port_of_the_realm_that_somebody_holds_is_named(domain_factory: DomainFactory) -> None:
    domain = domain_factory()
    domain.stop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.1", domain.port_base + SERVICES["kpasswd"]))
        refused = domain.run("up", "--port-base", str(domain.port_base))
    assert refused.returncode != 0
    assert f"cannot listen on 127.0.0.1:{domain.port_base + SERVICES['kpasswd']}" in refused.stderr


def test_who_listens_everywhere_changes_passwords_too(domain_factory: DomainFactory) -> None:
    """The reply of RFC 3244 names the address that was asked, which only each request can tell."""
    domain = domain_factory(config_toml='[listen]\naddresses = ["0.0.0.0"]\n')
    alice = alice_of(domain)
    assert alice.change_password(PASSWORD, NEW).code == SUCCESS
    assert alice.change_password(NEW, PASSWORD, tcp=True).code == SUCCESS


def test_a_realm_whose_master_key_is_gone_is_not_served_under_a_new_one(domain_factory: DomainFactory) -> None:
    domain = domain_factory()
    domain.run("key", "remove", domain.admin_key.name, check=True)
    domain.stop()
    (domain.data / "master.key").unlink()
    for _ in range(2):
        refused = domain.run("up", "--port-base", str(domain.port_base))
        assert refused.returncode != 0
        assert "put back the master.key that belongs to this data directory" in refused.stderr
