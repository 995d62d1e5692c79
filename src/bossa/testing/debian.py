"""Real programs for tests and benches, out of Debian's packages, with the system left as it was.

The packages are downloaded with apt's state in a private folder, and unpacked
(never installed) into ``.cache/clients`` of the checkout; a package that apt
will not have beside another goes into a tree of its own (`APART`).  No
maintainer's script runs, nothing is asked of root.  What the system already
has, libraries for the most part, is used from there.

``python -m bossa.testing.debian TIER`` fetches; `program` and `environment`
are what a test needs:

    subprocess.run([*program("dig"), "@127.0.0.1", …], env=environment())
    subprocess.run([*program("kinit.heimdal", clients=HEIMDAL), …], env=environment(clients=HEIMDAL))
"""

from __future__ import annotations

import fcntl
import os
import pwd
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import bossa
from bossa.files import atomic

CHECKOUT = Path(bossa.__file__).resolve().parents[2]
CLIENTS = CHECKOUT / ".cache" / "clients"
HEIMDAL = CHECKOUT / ".cache" / "heimdal"
SAMBA = CHECKOUT / ".cache" / "samba"

_DEFAULT = ("bind9-dnsutils", "heimdal-clients", "krb5-gss-samples", "krb5-user")
_PEERS = ("bind9", "bind9-utils", "dnsperf", "knot", "krb5-admin-server", "krb5-kdc", "nsd", "unbound")
# Programs that update names.
_UPDATERS = ("kea-dhcp-ddns-server", "python3-certbot-dns-rfc2136")
_SAMBA = ("python3-samba", "samba-ad-dc", "samba-ad-provision", "samba-dsdb-modules")
_LONG = _DEFAULT + _PEERS + _UPDATERS + _SAMBA
TIERS = {"default": _DEFAULT, "long": _LONG, "bench": (*_DEFAULT, *_PEERS, "dnsmasq-base")}
# Heimdal's clients and MIT's conflict; Samba's tree is laid over /usr, where nothing of others should come along.
APART = {"heimdal-clients": HEIMDAL, **dict.fromkeys(_SAMBA, SAMBA)}

# Releases whose package lists are read for names, as far as the system's sources know a server that has them.
_RELEASES = ("oldstable", "stable", "unstable")
_HOMEPAGE = re.compile(r"^Homepage: *[a-z+]+://([^/:?#\s]+)", re.MULTILINE | re.IGNORECASE)
_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")
_PACKAGES = "Created-By: Packages"
_ONLY_RELEASES = {"sourcelist": "releases.list", "sourceparts": "parts"}

_PROGRAM_FOLDERS = ("usr/bin", "usr/sbin", "bin", "sbin")
_STATUS = Path("/var/lib/dpkg/status")


class NoProgram(Exception):
    """A program that a test needs is not there: what, why, and the fix."""

    def __init__(self, what: str, why: str, fix: str) -> None:
        super().__init__(f"{what}: {why}. Fix: {fix}")


def program(name: str, *, clients: Path | None = None) -> list[str]:
    """The command that starts an unpacked program; run it in `environment`."""
    tree = CLIENTS if clients is None else clients
    for folder in _PROGRAM_FOLDERS:
        path = tree / folder / name
        if os.access(path, os.X_OK):
            return [str(path)]
    raise NoProgram(f"no program {name}", f"it is not under {tree}", "./bossa test, or ./bossa test --long for servers")


def environment(*, clients: Path | None = None) -> dict[str, str]:
    """The environment in which an unpacked program finds its libraries and its companions."""
    tree = CLIENTS if clients is None else clients
    programs = [str(tree / folder) for folder in _PROGRAM_FOLDERS]
    libraries = [str(folder) for folder in _library_folders(tree)]
    return {**os.environ, "PATH": _before(programs, "PATH"), "LD_LIBRARY_PATH": _before(libraries, "LD_LIBRARY_PATH")}


def _before(folders: Sequence[str], variable: str) -> str:
    return ":".join([*folders, *filter(None, [os.environ.get(variable)])])


def _library_folders(tree: Path) -> list[Path]:
    """Debian's multiarch folders, and those of a program's own private libraries."""
    found = {path.parent for top in ("lib", "usr/lib") for path in tree.glob(f"{top}/**/lib*.so*")}
    return sorted(found, key=lambda folder: (len(folder.parts), folder))


def fetch(packages: Collection[str], *, clients: Path | None = None) -> list[str]:
    """Unpack those of ``packages`` that are not there yet, with what they need; the names of what came."""
    wanted: dict[Path, list[str]] = {}
    for name in packages:
        wanted.setdefault(APART.get(name, CLIENTS) if clients is None else clients, []).append(name)
    return sorted({came for tree, names in wanted.items() for came in _fetch(names, tree)})


def _fetch(packages: Collection[str], tree: Path) -> list[str]:
    tree.mkdir(parents=True, exist_ok=True)
    with _only_one(tree.with_suffix(".lock")):
        there = _unpacked(tree)
        missing = sorted(set(packages) - there)
        if not missing:
            return []
        archives = _download(missing, tree.with_suffix(".apt"))
        for archive in archives:
            _run(["dpkg-deb", "--extract", str(archive), str(tree)], f"cannot unpack {archive.name}")
        _stamp(tree).write_text("\n".join([_system(), *sorted(there | set(missing))]) + "\n")
        shutil.rmtree(tree.with_suffix(".apt"))
        return sorted(archive.name.partition("_")[0] for archive in archives)


def host_names(*, clients: Path | None = None) -> list[str]:
    """The host names in the Homepage fields of Debian's package lists, sorted; the lists are fetched once."""
    tree = CLIENTS if clients is None else clients
    file = tree.with_suffix(".hosts")
    tree.mkdir(parents=True, exist_ok=True)
    with _only_one(tree.with_suffix(".lock")):
        if not file.exists():
            private = tree.with_suffix(".lists")
            found = hosts_in(_package_lists(private))
            atomic.replace(file, "".join(f"{name}\n" for name in sorted(found)).encode())
            shutil.rmtree(private)
    return file.read_text().split()


def hosts_in(package_list: str) -> set[str]:
    """The hosts of the Homepage fields, those that are whole names and no addresses."""
    return {host for word in _HOMEPAGE.findall(package_list) if _HOST.fullmatch(host := word.lower())}


def _package_lists(private: Path) -> str:
    """Fetch the lists of the system's sources, then those of Debian's other releases from the same server."""
    what = "cannot fetch Debian's package lists"
    _expect_tools(what)
    call = {**os.environ, "APT_CONFIG": str(_private_apt(private, ())), "LC_ALL": "C"}
    _run(["apt-get", "-q", "update"], what, call)
    targets = ["apt-get", "indextargets", "--format"]
    labels = _run([*targets, "$(LABEL) $(REPO_URI)", _PACKAGES], what, call).splitlines()
    servers = [line.partition(" ")[2] for line in labels if line.startswith("Debian ")]
    if servers:
        lines = (f"deb {servers[0]} {release} main contrib non-free\n" for release in _RELEASES)
        (private / "none" / "releases.list").write_text("".join(lines))
        (private / "none" / "parts").mkdir(exist_ok=True)
        only = [f"-oDir::Etc::{option}={private / 'none'}/{value}" for option, value in _ONLY_RELEASES.items()]
        _run(["apt-get", "-q", "update", *only], what, call)
        targets[1:1] = only
    files = _run([*targets, "$(FILENAME)", _PACKAGES], what, call).split()
    return _run(["/usr/lib/apt/apt-helper", "cat-file", *files], what, call)


def _stamp(tree: Path) -> Path:
    return tree / "unpacked"


def _unpacked(tree: Path) -> set[str]:
    """The packages that were asked for before, if that was on the same system."""
    try:
        system, *packages = _stamp(tree).read_text().splitlines()
    except (FileNotFoundError, ValueError):
        return set()
    return set(packages) if system == _system() else set()


def _system() -> str:
    """Libraries come from the system in part: another release means other packages."""
    release = Path("/etc/os-release")
    found = re.findall(r'^(?:ID|VERSION_ID)="?([^"\n]*)', release.read_text() if release.exists() else "", re.MULTILINE)
    return " ".join([*found, os.uname().machine])


@contextmanager
def _only_one(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _download(packages: Sequence[str], private: Path) -> list[Path]:
    what = f"cannot fetch {' '.join(packages)}"
    _expect_tools(what)
    settings = _private_apt(private, packages)
    call = {**os.environ, "APT_CONFIG": str(settings), "LC_ALL": "C"}
    # A source that fails is no harm unless it is the one we need, which the next step tells.
    update = _run(["apt-get", "-q", "update"], what, call)
    fetch_only = ["apt-get", "-q", "-y", "--no-install-recommends", "--download-only", "install"]
    _run([*fetch_only, *packages], what, call, before=update)
    return sorted((private / "cache" / "archives").glob("*.deb"))


def _expect_tools(what: str) -> None:
    missing = [tool for tool in ("apt-get", "apt-config", "dpkg-deb") if shutil.which(tool) is None]
    if missing:
        raise NoProgram(what, f"no {missing[0]} here", "run the tests on Debian or Ubuntu")


def _private_apt(private: Path, packages: Collection[str]) -> Path:
    """Lay out an apt that has the system's sources and settings, and writes only below ``private``."""
    for folder in ("state/lists/partial", "cache/archives/partial", "log", "none"):
        (private / folder).mkdir(parents=True, exist_ok=True)
    status = private / "state" / "status"
    status.write_text(without(_STATUS.read_text(errors="surrogateescape"), packages), errors="surrogateescape")
    settings = private / "apt.conf"
    settings.touch(mode=0o600)
    dumped = subprocess.run(["apt-config", "dump"], stdout=subprocess.PIPE, text=True, check=False).stdout
    settings.write_text(no_hooks(dumped) + _own_settings(private))
    return settings


def without(status: str, packages: Collection[str]) -> str:
    """Dpkg's status as if ``packages`` were not installed, so that apt downloads them in any case."""
    unwanted = {f"Package: {name}" for name in packages}
    kept = [entry for entry in status.strip().split("\n\n") if entry.partition("\n")[0] not in unwanted]
    return "\n\n".join(kept) + "\n\n"


def no_hooks(settings: str) -> str:
    """Apt's settings without the commands that it would run, which are for the system's own state."""
    return "".join(
        line for line in settings.splitlines(keepends=True) if not re.match(r"\S*(Invoke|Install-Pkgs)", line)
    )


def _own_settings(private: Path) -> str:
    user = _user_name()
    return "".join(
        f'{option} "{value}";\n'
        for option, value in {
            # All settings are in this file already.
            "Dir::Etc::parts": private / "none",
            "Dir::Etc::main": private / "none" / "apt.conf",
            "Dir::State": private / "state",
            "Dir::State::status": private / "state" / "status",
            "Dir::State::lists": private / "state" / "lists",
            "Dir::Cache": private / "cache",
            "Dir::Cache::archives": private / "cache" / "archives",
            "Dir::Cache::pkgcache": "",
            "Dir::Cache::srcpkgcache": "",
            "Dir::Log": private / "log",
            "APT::Sandbox::User": user,
            "APT::Keep-Downloaded-Packages": "true",
            "APT::Get::AllowUnauthenticated": "false",
            "Debug::NoLocking": "true",
            "Acquire::Languages": "none",
            "Acquire::Retries": "2",
        }.items()
    )


def _user_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _run(command: Sequence[str], what: str, call: dict[str, str] | None = None, before: str = "") -> str:
    """Run one step and return what it printed; ``before`` is what the step before it did, and may be the reason."""
    done = subprocess.run(
        command,
        env=call,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise NoProgram(what, why(before + done.stdout), "see to it, then ./bossa test again")
    return done.stdout


def why(output: str) -> str:
    """The reason in what apt printed."""
    if re.search(r"Temporary failure resolving|Could not resolve|Could not connect|Network is unreachable", output):
        return "no package server can be reached"
    said = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in said if line.startswith(("E:", "W:"))]
    return " / ".join((errors or said)[-4:]) or "no word why"


def main(arguments: Sequence[str], tell: Callable[[str], object] = print) -> int:
    """Fetch a tier, or single packages."""
    wanted = [package for word in arguments for package in TIERS.get(word, (word,))]
    try:
        came = fetch(wanted)
    except (NoProgram, OSError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    if came:
        tell(f"unpacked {len(came)} of Debian's packages into {CLIENTS.parent.name}: {' '.join(came)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
