"""``bossa install-service``: one systemd unit with the real ports.  systemd.exec(5), systemd.service(5)

The only command that writes outside the checkout and the data directory.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from bossa.admin.errors import Exit, Failure
from bossa.files import atomic

UNIT = Path("/etc/systemd/system/bossa.service")
DATA = "/var/lib/bossa"
_TEMPLATE = """\
[Unit]
Description=bossa, a small domain
After=network-online.target
Wants=network-online.target

[Service]
Type=notify
ExecStart={command} up --data {data} --port-base 0
ExecReload={command} reload --data {data}
Restart=on-failure
DynamicUser=yes
User=bossa
StateDirectory=bossa
StateDirectoryMode=0700
# A bossa.toml in /etc/bossa is found there.
ConfigurationDirectory=bossa
WorkingDirectory=/etc/bossa
AmbientCapabilities=CAP_NET_BIND_SERVICE
CapabilityBoundingSet=CAP_NET_BIND_SERVICE
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome={protect_home}
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
UMask=0077
LimitNOFILE=65536

[Install]
WantedBy=multi-user.target
"""
_RESOLVED = """\
port 53 is held on {where}. bossa listens on 127.0.0.1 and ::1, beside systemd-resolved on 127.0.0.53.
For all addresses, write /etc/systemd/resolved.conf.d/bossa.conf with the two lines
    [Resolve]
    DNSStubListener=no
and run: systemctl restart systemd-resolved"""


def register(app: typer.Typer) -> None:
    """Put the verb into the tree."""
    app.command("install-service")(install_service)


def install_service(
    *,
    uninstall: Annotated[bool, typer.Option("--uninstall", help="Take the service away; its data stays.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the unit.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask at a terminal.")] = False,
) -> None:
    """Run bossa as a systemd service with the real ports; writes one unit and shows it first."""
    if not dry_run:
        _may_install("--uninstall" if uninstall else "")
    if uninstall and not dry_run:
        _uninstall()
        return
    text = f"remove {UNIT}" if uninstall else unit(sys.executable)
    print(text if uninstall else f"# {UNIT}\n{text}")
    for held in [] if uninstall else [port_53()]:
        if held:
            print(_RESOLVED.format(where=", ".join(held)), file=sys.stderr)
    if dry_run:
        return
    _reachable(Path(sys.executable))
    if sys.stdin.isatty() and not yes and not typer.confirm(f"Write {UNIT} and start the service?", err=True):
        raise Failure("install-service", "nothing was written", "answer y, or give --yes")
    atomic.replace(UNIT, text.encode(), mode=0o644)
    _systemctl("daemon-reload")
    _systemctl("enable", "--now", UNIT.name)
    print(f"bossa runs. Its data is in {DATA}: bossa status --data {DATA}")


def unit(python: str) -> str:
    """Return the unit's text for an interpreter in which bossa is installed."""
    in_home = python.startswith(("/home/", "/root/", "/run/user/"))
    command = f"{_quoted(python)} -m bossa.cli"
    return _TEMPLATE.format(command=command, data=DATA, protect_home="read-only" if in_home else "yes")


def _quoted(path: str) -> str:
    """Quote a path for a unit file, where % and $ have meanings.  systemd.service(5), "Command lines" """
    text = path.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{text}"' if text != path or " " in path else path


def port_53() -> list[str]:
    """Return the local IPv4 addresses on which somebody holds UDP port 53, from /proc/net/udp."""
    try:
        lines = Path("/proc/net/udp").read_text().splitlines()[1:]
    except OSError:
        return []
    held = {line.split()[1].split(":")[0] for line in lines if line.split()[1].endswith(":0035")}
    return sorted(".".join(str(octet) for octet in reversed(bytes.fromhex(one))) for one in held)


def _may_install(option: str) -> None:
    if not Path("/run/systemd/system").is_dir():
        raise Failure(
            "install-service", "systemd does not run here", "start bossa up from your own service", Exit.REFUSED
        )
    if os.geteuid() != 0:
        command = shlex.join(
            ["sudo", sys.executable, "-m", "bossa.cli", "install-service", *([option] if option else [])]
        )
        raise Failure("install-service", f"only root may write {UNIT}", command, Exit.REFUSED)


def _reachable(python: Path) -> None:
    """Check that a user without a home, as the service is, can get at the interpreter and at bossa."""
    for path in (python, Path(__file__)):
        for above in _and_above(path):
            if above.is_dir() and not above.stat().st_mode & 0o001:
                why = f"the service's user cannot enter {above}, where {path} lies"
                raise Failure(
                    "install-service", why, "put the checkout under /opt and install from there", Exit.REFUSED
                )


def _and_above(path: Path) -> Iterator[Path]:
    yield path
    yield from path.parents


def _uninstall() -> None:
    if not UNIT.exists():
        raise Failure("install-service --uninstall", f"there is no {UNIT}", "there is nothing to do", Exit.REFUSED)
    _systemctl("disable", "--now", UNIT.name)
    UNIT.unlink()
    _systemctl("daemon-reload")
    print(f"removed. The data stays in {DATA}")


def _systemctl(*arguments: str) -> None:
    done = subprocess.run(["systemctl", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        why = (done.stderr or done.stdout).strip().splitlines()
        raise Failure(
            f"systemctl {' '.join(arguments)}", why[-1] if why else "no word why", f"journalctl -u {UNIT.name}"
        )
