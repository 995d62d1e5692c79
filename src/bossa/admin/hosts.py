"""Machines of the domain: an account host/NAME each, whose ticket may register the machine's own name.

A host's name is a DNS name; a short one is below the domain.  Joining again
makes new keys, so that whoever has an old keytab is out once its tickets end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from bossa.admin import accounts, services, words
from bossa.admin.errors import Failure, refused
from bossa.admin.office import Office, verb
from bossa.admin.services import ServiceAdd, ServiceKeys, ServiceKeytab, ServiceNamed
from bossa.directory.account import Account, Kind
from bossa.dns import names, rdata, types
from bossa.dns.changes import Draft
from bossa.dns.zone import Origin, RRset, RRsetChange, Zone

CLASS = "host"
_ADDRESSES = (types.A, types.AAAA)


class HostList(msgspec.Struct, frozen=True):
    """No arguments."""


class HostNamed(msgspec.Struct, frozen=True):
    """A host by its name, with or without the domain."""

    name: str


class HostLine(msgspec.Struct, frozen=True, kw_only=True):
    """A host in a list: its addresses in our zones, and when they were last registered (0: never)."""

    name: str
    account: str
    state: str
    kvno: int
    addresses: tuple[str, ...]
    seen: int = 0


class HostTable(msgspec.Struct, frozen=True):
    """All hosts by name."""

    hosts: list[HostLine]


class HostRemoved(msgspec.Struct, frozen=True):
    """A host that is gone, and how many of the records that it had registered."""

    name: str
    records: int


@verb("host.join")
async def host_join(office: Office, args: HostNamed) -> ServiceKeys:
    """Make a host's account, or new keys for the one that is there; return what its keytab holds."""
    spn = f"{CLASS}/{_full(office, args.name)}"
    if accounts.realm(office).find(spn) is None:
        return await services.service_add(office, ServiceAdd(name=spn))
    return await services.service_keytab(office, ServiceKeytab(name=spn, rotate=True))


@verb("host.list")
async def host_list(office: Office, args: HostList) -> HostTable:
    """List the hosts."""
    found = sorted(accounts.realm(office).accounts(), key=lambda one: one.name)
    return HostTable([_line(office, one) for one in found if one.kind is Kind.HOST])


@verb("host.remove")
async def host_remove(office: Office, args: HostNamed) -> HostRemoved:
    """Remove a host: its account, and what updates have put at its name."""
    name = _full(office, args.name)
    found = accounts.realm(office).find(f"{CLASS}/{name}")
    if found is None:
        raise refused(f"host {args.name}", "no such host", "bossa host list shows what there is")
    await services.service_remove(office, ServiceNamed(found.account.name))
    return HostRemoved(name, await _forget(office, words.absolute(name)))


def _full(office: Office, text: str) -> str:
    """Return a host's whole name in small letters; raises Failure."""
    below = office.domain if "." not in text.rstrip(".") else names.ROOT
    return words.plain(words.below(text, below))


def _line(office: Office, account: Account) -> HostLine:
    name = account.name.partition("/")[2]
    keys = accounts.principal(office, account.name).key_set()
    found = list(_registered(office, name))
    return HostLine(
        name=name,
        account=account.name,
        state=accounts.state(account, office.now),
        kvno=keys.versions[0].kvno if keys.versions else 0,
        addresses=tuple(rdata.to_text(one.type, data) for one in found for data in one.rdatas),
        seen=max((mark.stamp for one in found for mark in one.marks if mark.origin is Origin.UPDATE), default=0),
    )


def _registered(office: Office, name: str) -> Iterator[RRset]:
    """Yield the addresses of a name in our zones."""
    try:
        owner = words.absolute(name)
    except Failure:
        # An account may be called what no DNS name is.
        return
    zone = _zone(office, owner)
    for rtype in _ADDRESSES if zone is not None else ():
        if zone is not None and (found := zone.find(owner, rtype)) is not None:
            yield found


def _zone(office: Office, owner: bytes) -> Zone | None:
    return next((office.names.zones[one] for one in names.ancestors(owner) if one in office.names.zones), None)


async def _forget(office: Office, owner: bytes) -> int:
    """Delete what updates have put at a name; return how many records those were."""
    zone = _zone(office, owner)
    if zone is None or office.names.options[zone.apex].primaries:
        return 0

    def decide(draft: Draft) -> Sequence[RRsetChange]:
        return [RRsetChange(owner, old.type, old, None) for old in draft.node(owner) if _is_an_updates(old)]

    step = await office.names.edit(zone.apex, decide)
    gone = [one for one in step.changes if one.owner == owner] if step is not None else []
    return sum(len(one.before.rdatas) for one in gone if one.before is not None)


def _is_an_updates(rrset: RRset) -> bool:
    return all(mark.origin is Origin.UPDATE for mark in rrset.marks)
