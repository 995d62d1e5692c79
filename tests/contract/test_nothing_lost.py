"""Kill -9, full disks and second owners: what was confirmed stays, what failed leaves no trace."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bossa.directory import changes
from bossa.directory.ports import DirectoryFailed
from bossa.dns.errors import StoreFailed
from bossa.dns.ports import ZoneOptions
from bossa.files.sqlite import DatabaseBusy
from bossa.krb.server.accounts import Accounts
from bossa.store.engine import Engine
from bossa.store.errors import EngineFailed
from bossa.store.operations import Changed, Operation, Query, page, put, replace, revision
from bossa.store.realm import RealmRows
from bossa.store.sqlite import SqliteEngine
from bossa.store.zones import ZoneRows
from tests.contract.specimens import APEX, add_host, fresh_zone
from tests.unit.directory.specimens import found_realm, make_maker, password

S = "share/x"

WRITER = """
import asyncio, sys
from pathlib import Path
from bossa.store.operations import put
from bossa.store.sqlite import SqliteEngine

engine = SqliteEngine.open(Path(sys.argv[1]))

async def client(n):
    for turn in range(1_000_000):
        key = b"%s-%d-%d" % (sys.argv[2].encode(), n, turn)
        # Two items: half of an operation must never be seen.
        await engine.run(put("share/x", [(key, b"1"), (key + b"+", b"2")]))
        print(key.decode(), flush=True)

async def main():
    await asyncio.gather(*map(client, range(8)))

asyncio.run(main())
"""

# The file may not grow past the limit: writes fail with EFBIG, as they would with ENOSPC on a full disk.
FULL = """
import asyncio, json, os, resource, signal, sys
from pathlib import Path
from bossa.store.errors import EngineFailed
from bossa.store.operations import page, put, revision
from bossa.store.sqlite import SqliteEngine

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
path = Path(sys.argv[1])
engine = SqliteEngine.open(path)
stored, failures = [], []

async def write(n):
    try:
        await engine.run(put("share/x", [(b"%d" % n, os.urandom(2000))]))
        stored.append(n)
    except EngineFailed as e:
        failures.append(str(e))

async def main():
    await write(0)
    wal = path.with_name(path.name + "-wal").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (wal + 100_000, resource.RLIM_INFINITY))
    for start in range(1, 401, 8):
        await asyncio.gather(*(write(n) for n in range(start, start + 8)))
    full, failing = list(stored), engine.failing
    kept = [int(key) for key, _ in engine.read(page("share/x", None, 10_000))]
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    await write(1000)
    print(json.dumps({
        "full": sorted(full), "kept": sorted(kept), "failures": failures, "failing": failing,
        "after": engine.failing, "last": stored[-1], "rev": engine.read(revision("share/x")),
    }))

asyncio.run(main())
engine.close()
"""


def _run(script: str, *args: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", script, *args], stdout=subprocess.PIPE, text=True, env=os.environ)


def _items(engine: Engine) -> dict[bytes, bytes]:
    return dict(engine.read(page(S, None, 1_000_000)))


def test_killed_owner_loses_nothing_it_confirmed(tmp_path: Path) -> None:
    path = tmp_path / "bossa.db"
    confirmed: set[str] = set()
    for life in range(3):
        child = _run(WRITER, str(path), str(life))
        assert child.stdout is not None
        confirmed |= {child.stdout.readline().strip() for _ in range(200 + 97 * life)}
        child.send_signal(signal.SIGKILL)
        # A line may be cut off by the kill.
        confirmed |= {line.strip() for line in child.stdout.readlines() if line.endswith("\n")}
        child.wait()
        child.stdout.close()
        engine = SqliteEngine.open(path, patience=5)
        found = _items(engine)
        assert {key.encode() for key in confirmed} <= found.keys()
        assert {key.rstrip(b"+") + b"+" for key in found} == {key for key in found if key.endswith(b"+")}
        assert engine.read(revision(S)) * 2 == len(found)
        engine.close()


def test_files_at_the_moment_of_the_answer_hold_the_change(tmp_path: Path) -> None:
    engine = SqliteEngine.open(tmp_path / "bossa.db")

    async def scene() -> None:
        for n in range(5):
            await engine.run(put(S, [(b"%d" % n, b"")]))
            image = tmp_path / f"image{n}"
            image.mkdir()
            for file in tmp_path.glob("bossa.db*"):
                shutil.copy(file, image)

    asyncio.run(scene())
    engine.close()
    for n in range(5):
        copy = SqliteEngine.open(tmp_path / f"image{n}" / "bossa.db")
        assert len(_items(copy)) == n + 1
        copy.close()


def _limit_pages(count: int) -> Operation[int]:
    """Let the database have so many pages at most; 0 tells how many it has."""
    [(pages,)] = yield Query("pragma page_count")
    yield Query(f"pragma max_page_count={count or 2**31}")
    return pages


def test_full_database_fails_the_batch_and_recovers_when_there_is_room(tmp_path: Path) -> None:
    engine = SqliteEngine.open(tmp_path / "bossa.db")
    told: list[Changed] = []
    engine.feed.subscribe(S, told.append)

    async def scene() -> None:
        await engine.run(put(S, [(b"first", b"1")]))
        await engine.run(_limit_pages(await engine.run(_limit_pages(0)) + 2))
        batch = (engine.run(put(S, [(b"%d" % n, os.urandom(4000))])) for n in range(20))
        results = await asyncio.gather(*batch, return_exceptions=True)
        failed = [result for result in results if isinstance(result, EngineFailed)]
        assert failed and all("no space left" in str(e) for e in failed)
        assert "no space left" in engine.failing
        stored = sum(isinstance(result, int) for result in results)
        assert len(_items(engine)) == 1 + stored == len(told)
        # Small changes that fit into the pages at hand still work.
        await engine.run(put(S, [(b"first", b"2")]))
        await engine.run(_limit_pages(0))
        assert await engine.run(put(S, [(b"big", os.urandom(40_000))])) == stored + 3
        assert engine.failing == ""

    asyncio.run(scene())
    engine.close()
    again = SqliteEngine.open(tmp_path / "bossa.db")
    assert again.read(revision(S)) == len(told)
    again.close()


def test_full_database_is_the_ports_store_failed_and_the_zone_as_before(tmp_path: Path) -> None:
    engine = SqliteEngine.open(tmp_path / "bossa.db")
    zones = ZoneRows(engine)

    async def scene() -> None:
        await zones.create(APEX, ZoneOptions(), fresh_zone())
        before = list(zones.load(APEX))
        await engine.run(_limit_pages(await engine.run(_limit_pages(0))))
        steps = [add_host(serial, f"host{serial}") for serial in range(1, 300)]
        with pytest.raises(StoreFailed, match=r"bossa\.db: no space left"):
            await zones.commit(steps)
        assert list(zones.load(APEX)) == before
        assert await zones.history(APEX, 1) == []
        await engine.run(_limit_pages(0))
        await zones.commit(steps)
        assert len(list(zones.load(APEX))) == len(before) + 299

    asyncio.run(scene())
    engine.close()


def test_failed_bulk_leaves_the_old_items(tmp_path: Path) -> None:
    engine = SqliteEngine.open(tmp_path / "bossa.db")

    async def scene() -> None:
        await engine.run(put(S, [(b"old", b"1")]))
        await engine.run(_limit_pages(200))
        with pytest.raises(EngineFailed, match="no space left"):
            await engine.run(replace(S, ((b"%06d" % n, b"x" * 100) for n in range(50_000))))
        assert _items(engine) == {b"old": b"1"}

    asyncio.run(scene())
    engine.close()


def test_file_system_that_takes_no_more_is_survived_without_a_restart(tmp_path: Path) -> None:
    child = _run(FULL, str(tmp_path / "bossa.db"))
    out, _ = child.communicate(timeout=60)
    assert child.returncode == 0
    told = json.loads(out)
    assert told["failures"]
    assert "File too large" in told["failing"]
    assert told["kept"] == told["full"]
    assert (told["last"], told["after"]) == (1000, "")
    assert told["rev"] == len(told["full"]) + 1
    engine = SqliteEngine.open(tmp_path / "bossa.db")
    assert sorted(map(int, _items(engine))) == [*told["full"], 1000]
    engine.close()


def test_second_owner_is_refused_and_told_who_has_it(tmp_path: Path) -> None:
    path = tmp_path / "bossa.db"
    child = _run(WRITER, str(path), "x")
    assert child.stdout is not None
    child.stdout.readline()
    with pytest.raises(DatabaseBusy, match=rf"bossa\.db is in use by pid {child.pid} \(") as info:
        SqliteEngine.open(path)
    assert info.value.pid == child.pid
    # The refusal did not disturb the owner.
    assert child.stdout.readline()
    child.kill()
    child.communicate()
    SqliteEngine.open(path, patience=5).close()


def test_second_owner_in_the_same_process_is_refused(tmp_path: Path) -> None:
    engine = SqliteEngine.open(tmp_path / "bossa.db")
    for _ in range(2):
        with pytest.raises(DatabaseBusy, match="in use by this process"):
            SqliteEngine.open(tmp_path / "bossa.db")
    assert asyncio.run(engine.run(put(S, [(b"a", b"")]))) == 1
    engine.close()


def test_backup_onto_a_full_disk_leaves_nothing_and_the_store_works(tmp_path: Path) -> None:
    engine = SqliteEngine.open(tmp_path / "bossa.db")
    asyncio.run(engine.run(replace(S, ((b"%06d" % n, b"x" * 100) for n in range(50_000)))))
    with pytest.raises((EngineFailed, OSError)):
        asyncio.run(engine.backup(Path("/dev/full/x")))
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError):
        asyncio.run(engine.backup(tmp_path / "taken"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bossa.db", "bossa.db-wal", "taken"]
    assert asyncio.run(engine.run(put(S, [(b"a", b"")]))) == 2
    engine.close()


def test_full_database_is_the_ports_directory_failed_and_every_password_as_before(tmp_path: Path) -> None:
    engine = SqliteEngine.open(tmp_path / "bossa.db")
    stored = RealmRows(engine)
    realm, maker = found_realm(), make_maker()
    accounts = Accounts(realm, stored, lambda items: None)

    async def scene() -> None:
        await stored.put(realm.items())
        before = list(realm.items())
        await engine.run(_limit_pages(await engine.run(_limit_pages(0))))
        users = [f"user{n}" for n in range(100)]
        items = [item for name in users for item in changes.new_user(realm, maker, name, password("x" * 8))]
        found = realm.find("alice")
        assert found is not None
        with pytest.raises(DirectoryFailed, match="no space left"):
            await accounts.change([*changes.set_password(realm, maker, found, password("another")), *items])
        assert list(realm.items()) == before
        assert dict(stored.items()) == dict(before)
        await engine.run(_limit_pages(0))
        await accounts.change(items)
        assert dict(stored.items()) == dict(realm.items()) != dict(before)

    asyncio.run(scene())
    engine.close()
