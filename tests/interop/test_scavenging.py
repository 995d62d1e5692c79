"""Scavenging as commands, nsupdate and secondaries see it; the windows are seconds."""

from __future__ import annotations

import json
import time

import dns.reversename
import pytest

from bossa.testing.domain import Domain
from tests.interop.test_nsupdate import with_admin_key
from tests.interop.test_reverse import NET4, ptr, steps

LOCAL = "net:127.0.0.0/8"


@pytest.fixture
def kept(domain: Domain) -> Domain:
    """Return a domain whose zones may be fetched, and which keeps PTR records."""
    for zone in (domain.name, NET4):
        domain.run("zone", "set", zone, "--allow-transfer", LOCAL, check=True)
    domain.run("zone", "set", domain.name, "--ptr", "yes", check=True)
    return domain


def windows(domain: Domain, no_refresh: str, refresh: str) -> None:
    words = ("--scavenge", "yes", "--no-refresh", no_refresh, "--refresh", refresh)
    domain.run("zone", "set", domain.name, *words, check=True)


def register(domain: Domain, label: str, address: str) -> None:
    done = with_admin_key(domain, f"zone {domain.name}\nupdate add {label}.{domain.name} 60 A {address}")
    assert (done.returncode, done.stderr) == (0, "")


def stamps(domain: Domain) -> dict[str, int]:
    """Return by name the stamps of records of updates."""
    told = json.loads(domain.run("record", "list", domain.name, "--json", check=True).stdout)
    return {one["name"]: one["stamp"] for one in told["records"] if one["origin"] == "update"}


def test_a_record_that_nobody_repeats_goes_by_itself_with_its_ptr_as_one_step(kept: Domain) -> None:
    register(kept, "ws1", "10.1.2.3")
    register(kept, "ws2", "10.1.2.4")
    kept.run("record", "add", kept.name, "fixed", "A", "10.1.2.5", check=True)
    assert ptr(kept, "10.1.2.3") == ["ws1.bossa.test."]
    before = kept.serial()
    windows(kept, "0", "2")
    kept.wait_for_log(r"scavenged.*ws1\.bossa\.test")
    assert (kept.values("ws1"), kept.values("ws2"), kept.values("fixed")) == ([], [], ["10.1.2.5"])
    assert ptr(kept, "10.1.2.3") == ptr(kept, "10.1.2.4") == []
    assert kept.serial() == before + 1
    told = steps(kept, kept.name, before)
    gone = sorted(line for _, lines in told for line in lines)
    assert gone == ["ws1.bossa.test. 10.1.2.3", "ws2.bossa.test. 10.1.2.4"]
    assert not kept.ask(dns.reversename.from_address("10.1.2.3"), "PTR").answer


def test_a_repeat_renews_the_stamp_when_its_time_has_come_and_never_the_serial(kept: Domain) -> None:
    windows(kept, "1h", "1h")
    register(kept, "ws1", "10.1.2.3")
    serial, first = kept.serial(), stamps(kept)["ws1.bossa.test"]
    time.sleep(2)
    register(kept, "ws1", "10.1.2.3")
    assert (kept.serial(), stamps(kept)["ws1.bossa.test"]) == (serial, first)
    windows(kept, "1", "1h")
    register(kept, "ws1", "10.1.2.3")
    renewed = stamps(kept)["ws1.bossa.test"]
    assert renewed >= first + 2
    assert kept.serial() == serial
    kept.restart()
    assert stamps(kept) == {"ws1.bossa.test": renewed}


def test_commands_list_and_take_what_is_stale(kept: Domain) -> None:
    """By hand there is no wait; the server's own first sweep is an hour away."""
    register(kept, "ws1", "10.1.2.3")
    refused = kept.run("zone", "scavenge", kept.name)
    assert refused.returncode == 2
    assert "switched off" in refused.stderr
    windows(kept, "0", "1h")
    assert kept.run("zone", "scavenge", kept.name, "--dry-run", check=True).stdout == ""
    kept.stop()
    windows(kept, "0", "1")
    time.sleep(1)
    listed = kept.run("zone", "scavenge", kept.name, "--dry-run", check=True).stdout
    assert listed.split()[:3] == ["ws1.bossa.test", "A", "10.1.2.3"]
    swept = kept.run("zone", "scavenge", kept.name, check=True).stdout
    assert "scavenged of 1 record, serial" in swept
    kept.restart()
    assert kept.values("ws1") == []
    assert "scavenged" in kept.run("zone", "show", kept.name, check=True).stdout
