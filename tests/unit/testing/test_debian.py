"""Debian's packages for tests: what apt is told, what is fetched again, where a program is found."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from bossa.testing import debian

STATUS = """Package: bind9
Status: install ok installed
Version: 1

Package: bind9-libs
Status: install ok installed
Version: 1
Description: libraries
 Package: bind9 is not one of them

Package: knot
Status: install ok installed
"""

SETTINGS = """APT "";
APT::Update::Post-Invoke:: "rm -f /var/cache/apt/archives/*.deb || true";
APT::Update::Post-Invoke-Success:: "/usr/bin/tell-the-desktop";
DPkg::Post-Invoke:: "rm -f /var/cache/apt/archives/*.deb || true";
DPkg::Pre-Install-Pkgs:: "/usr/sbin/dpkg-preconfigure --apt || true";
Acquire::http::Proxy "http://proxy.example:3142";
Dir::State "var/lib/apt";
"""


@pytest.fixture
def clients(tmp_path: Path) -> Path:
    return tmp_path / "clients"


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What was downloaded; every package is one archive with one program of the package's name."""
    calls: list[list[str]] = []

    def download(packages: Sequence[str], private: Path) -> list[Path]:
        calls.append(list(packages))
        private.mkdir()
        return [archive(private, name) for name in packages]

    monkeypatch.setattr(debian, "_download", download)
    return calls


def archive(folder: Path, name: str) -> Path:
    """A real Debian archive."""
    tree = folder / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "usr/bin").mkdir(parents=True)
    control = f"Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: nobody <n@example.org>\nDescription: x\n"
    (tree / "DEBIAN/control").write_text(control)
    (tree / "DEBIAN/postinst").write_text("#!/bin/sh\nexit 1\n")
    (tree / "DEBIAN/postinst").chmod(0o755)
    (tree / "usr/bin" / name).write_text("#!/bin/sh\necho hello\n")
    (tree / "usr/bin" / name).chmod(0o755)
    path = folder / f"{name}_1_all.deb"
    subprocess.run(["dpkg-deb", "--build", "-Znone", str(tree), str(path)], check=True, capture_output=True)
    shutil.rmtree(tree)
    return path


def test_packages_that_are_wanted_count_as_not_installed_so_that_apt_downloads_them() -> None:
    left = debian.without(STATUS, {"bind9"})
    assert [line for line in left.splitlines() if line.startswith("Package:")] == [
        "Package: bind9-libs",
        "Package: knot",
    ]
    assert left.endswith("\n\n")


def test_apt_keeps_the_systems_settings_but_none_of_its_hooks() -> None:
    left = debian.no_hooks(SETTINGS)
    assert "Invoke" not in left
    assert "Install-Pkgs" not in left
    assert 'Acquire::http::Proxy "http://proxy.example:3142";' in left


def test_apt_writes_below_the_private_folder_alone(tmp_path: Path) -> None:
    settings = debian._private_apt(tmp_path, {"bind9"})
    call = {**os.environ, "APT_CONFIG": str(settings)}
    dumped = subprocess.run(["apt-config", "dump"], env=call, capture_output=True, text=True, check=True).stdout
    values = dict(line.rstrip(";").split(" ", 1) for line in dumped.splitlines())
    written = (
        "Dir::State",
        "Dir::State::lists",
        "Dir::State::status",
        "Dir::Cache",
        "Dir::Cache::archives",
        "Dir::Log",
    )
    assert [name for name in written if not values[name].startswith(f'"{tmp_path}/')] == []
    assert "Invoke" not in dumped
    assert settings.stat().st_mode & 0o077 == 0


def test_a_package_is_unpacked_and_not_installed(clients: Path, fetched: list[list[str]]) -> None:
    assert debian.fetch(["one", "two"], clients=clients) == ["one", "two"]
    done = subprocess.run([*debian.program("one", clients=clients)], capture_output=True, text=True, check=True)
    assert done.stdout == "hello\n"
    assert sorted(path.name for path in clients.parent.iterdir()) == ["clients", "clients.lock"]


def test_only_what_is_not_there_yet_is_fetched(clients: Path, fetched: list[list[str]]) -> None:
    debian.fetch(["one"], clients=clients)
    assert debian.fetch(["one"], clients=clients) == []
    assert debian.fetch(["two", "one"], clients=clients) == ["two"]
    assert debian.fetch(["one", "two"], clients=clients) == []
    assert fetched == [["one"], ["two"]]


def test_a_package_that_stands_apart_has_a_tree_of_its_own(
    clients: Path, fetched: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    apart = clients.parent / "apart"
    monkeypatch.setattr(debian, "CLIENTS", clients)
    monkeypatch.setattr(debian, "APART", {"two": apart})
    assert debian.fetch(["one", "two"]) == ["one", "two"]
    assert debian.program("one", clients=clients) == [f"{clients}/usr/bin/one"]
    assert debian.program("two", clients=apart) == [f"{apart}/usr/bin/two"]
    assert debian.fetch(["two", "one"]) == []


def test_another_release_of_the_system_fetches_again(
    clients: Path, fetched: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    debian.fetch(["one"], clients=clients)
    monkeypatch.setattr(debian, "_system", lambda: "debian 99 sparc")
    assert debian.fetch(["one"], clients=clients) == ["one"]


def test_an_unpacking_that_broke_off_is_done_again(
    clients: Path, fetched: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(debian, "_run", lambda *_: (_ for _ in ()).throw(debian.NoProgram("no", "no room", "make room")))
        with pytest.raises(debian.NoProgram):
            debian.fetch(["one"], clients=clients)
    shutil.rmtree(clients.with_suffix(".apt"))
    assert debian.fetch(["one"], clients=clients) == ["one"]


def test_a_program_that_is_not_there_is_an_error_with_its_fix(clients: Path) -> None:
    with pytest.raises(debian.NoProgram, match=r"no program dig: it is not under .*clients\. Fix: \./bossa test"):
        debian.program("dig", clients=clients)


def test_a_machine_without_apt_is_told_so(clients: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(debian.NoProgram, match=r"no apt-get here\. Fix: run the tests on Debian or Ubuntu"):
        debian.fetch(["one"], clients=clients)


def test_the_environment_has_the_unpacked_libraries_and_programs_before_the_systems(
    clients: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", "/own/libraries")
    folder = clients / "usr/lib/x86_64-linux-gnu"
    folder.mkdir(parents=True)
    (folder / "libdns-9.18.so").touch()
    made = debian.environment(clients=clients)
    assert made["LD_LIBRARY_PATH"] == f"{folder}:/own/libraries"
    assert made["PATH"].startswith(f"{clients}/usr/bin:")
    assert made["PATH"].endswith(os.environ["PATH"])
    assert "LD_LIBRARY_PATH" not in os.environ or os.environ["LD_LIBRARY_PATH"] == "/own/libraries"


@pytest.mark.parametrize(
    ("printed", "reason"),
    [
        (
            "Err:1 http://deb.example bookworm InRelease\n  Temporary failure resolving 'deb.example'\n"
            "E: Unable to locate package bind9\n",
            "no package server can be reached",
        ),
        ("Reading package lists...\nE: Unable to locate package bind9\n", "E: Unable to locate package bind9"),
        ("half a line", "half a line"),
        ("", "no word why"),
    ],
    ids=["offline", "unknown package", "no error line", "silence"],
)
def test_the_reason_is_found_in_what_apt_printed(printed: str, reason: str) -> None:
    assert debian.why(printed) == reason


@pytest.mark.parametrize(
    ("command", "tree", "said"),
    [
        (["dig", "-v"], debian.CLIENTS, "DiG"),
        (["klist", "-V"], debian.CLIENTS, "Kerberos 5 version"),
        (["klist.heimdal", "--version"], debian.HEIMDAL, "Heimdal"),
    ],
    ids=["dig", "MIT", "Heimdal"],
)
def test_the_clients_of_the_default_tier_start(command: list[str], tree: Path, said: str) -> None:
    start = [*debian.program(command[0], clients=tree), *command[1:]]
    done = subprocess.run(start, env=debian.environment(clients=tree), capture_output=True, text=True)
    assert done.returncode == 0
    assert said in done.stdout + done.stderr


def test_hosts_are_those_of_homepage_fields_that_are_names() -> None:
    fields = [
        "Homepage: https://www.Example.org/path",
        "Homepage:http://git.example.org:8080",
        "homepage: https://example.org?x=1",
        "Homepage: https://192.0.2.1/",
        "Homepage: https://localhost/",
        "Homepage: https://http://example.net",
        "Homepage: https://bad_label.example.org/",
        "Description: see https://elsewhere.example/",
        " Homepage: https://indented.example/",
    ]
    assert debian.hosts_in("Package: x\n" + "\n".join(fields)) == {"www.example.org", "git.example.org", "example.org"}


def test_host_names_are_fetched_once(clients: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Path] = []

    def lists(private: Path) -> str:
        calls.append(private)
        private.mkdir()
        return "Homepage: https://b.example/\nHomepage: https://a.example/\nHomepage: https://b.example/x\n"

    monkeypatch.setattr(debian, "_package_lists", lists)
    assert debian.host_names(clients=clients) == ["a.example", "b.example"]
    assert debian.host_names(clients=clients) == ["a.example", "b.example"]
    assert len(calls) == 1
    assert not calls[0].exists()
