"""The realm in memory: who is there under which name, their keys, and who is in which group.

The rows of accounts stay as they are stored; an account is decoded, and its
keys are opened, when somebody asks for it, and the last few thousand stay
open.  A version of keys opens tickets for as long as tickets live that were
made before its successor (the window); new ones are made with the newest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from bossa.crypto.enctypes import Key
from bossa.directory import rows
from bossa.directory.account import (
    KRBTGT,
    RID_USERS,
    Account,
    Failures,
    Group,
    KeySet,
    KeyVersion,
    RealmInfo,
    Trust,
)
from bossa.directory.names import fold as folded_name
from bossa.directory.rows import Item, OpenKeys

# The longest ticket of the default settings, and the skew of clocks.
WINDOW = 36_300.0
_OPEN = 4096


@dataclass(frozen=True, slots=True)
class Version:
    """One version of keys, by enctype, in the order of preference."""

    kvno: int
    created: int
    salt: str
    keys: Mapping[int, Key]


def usable(versions: Sequence[Version], kvno: int | None, now: float, window: float) -> tuple[Version, ...]:
    """Return the versions (with a kvno those of this number) that still open tickets, the newest first."""
    successors = (None, *versions)
    return tuple(
        one
        for one, successor in zip(versions, successors, strict=False)
        if (kvno is None or one.kvno == kvno) and (successor is None or now <= successor.created + window)
    )


class Principal:
    """An account, opened: its keys are there when they are asked for."""

    def __init__(self, account: Account, open_keys: OpenKeys) -> None:
        self.account = account
        self._open_keys = open_keys

    @cached_property
    def versions(self) -> tuple[Version, ...]:
        """All versions of its keys that are kept, the newest first."""
        return _opened(self.key_set().versions)

    def key_set(self) -> KeySet:
        """Return its keys and former passwords as they are stored, for a change of them."""
        return self._open_keys(rows.account_purpose(self.account.name), self.account.sealed)

    def key(self, enctype: int | None = None) -> Key | None:
        """Return the newest key of an enctype, or the preferred one; None when there is none."""
        return _newest(self.versions, enctype)

    def by_kvno(self, kvno: int | None, now: float, window: float = WINDOW) -> tuple[Version, ...]:
        """Return the versions under which a ticket may be sealed; without a kvno all that are usable."""
        return usable(self.versions, kvno, now, window)


class OpenTrust:
    """A trust, opened: the keys under which users leave and come."""

    def __init__(self, trust: Trust, open_keys: OpenKeys) -> None:
        self.trust = trust
        self._open_keys = open_keys

    @cached_property
    def leaving(self) -> tuple[Version, ...]:
        """The keys of krbtgt/THERE@HERE, the newest first; none when our users may not go there."""
        keys = self._open_keys(rows.leaving_purpose(self.trust.realm), self.trust.sealed)
        return _opened(keys.versions) if self.trust.direction != "in" else ()

    @cached_property
    def coming(self) -> tuple[Version, ...]:
        """The keys of krbtgt/HERE@THERE, the newest first; none when users from there may not come."""
        keys = self._open_keys(rows.coming_purpose(self.trust.realm), self.trust.sealed_in)
        return _opened(keys.versions) if self.trust.direction != "out" else ()

    def key(self, enctype: int | None = None) -> Key | None:
        """Return the newest key under which a user leaves; None when nobody may."""
        return _newest(self.leaving, enctype)

    def by_kvno(self, kvno: int | None, now: float, window: float = WINDOW) -> tuple[Version, ...]:
        """Return the versions under which the ticket of a user from there may be sealed."""
        return usable(self.coming, kvno, now, window)


def _opened(versions: Iterable[KeyVersion]) -> tuple[Version, ...]:
    return tuple(
        Version(one.kvno, one.created, one.salt, {enctype: Key(enctype, octets) for enctype, octets in one.keys})
        for one in versions
    )


def _newest(versions: Sequence[Version], enctype: int | None) -> Key | None:
    keys = versions[0].keys if versions else {}
    return next(iter(keys.values()), None) if enctype is None else keys.get(enctype)


class Realm:
    """What the KDC and the operator's verbs read; only ``apply`` changes it."""

    def __init__(self, open_keys: OpenKeys, size: int = _OPEN) -> None:
        self.failures: dict[str, Failures] = {}
        self.groups: dict[str, Group] = {}
        self.trusts: dict[str, OpenTrust] = {}
        self._info: RealmInfo | None = None
        self._open_keys = open_keys
        self._size = size
        # Accounts by name, and the names by which one is found that are not spelled so.
        self._rows: dict[str, bytes] = {}
        self._further: dict[str, str] = {}
        self._opened: dict[str, Principal] = {}
        self._groups_of: dict[str, set[str]] = {}

    def __len__(self) -> int:
        """Return how many accounts there are."""
        return len(self._rows)

    def apply(self, items: Iterable[Item]) -> None:
        """Take rows in, (None) or take them out, in their order."""
        changes = {
            rows.ACCOUNT: self._apply_account,
            rows.GROUP: self._apply_group,
            rows.TRUST: self._apply_trust,
            rows.FAILURES: self._apply_failures,
        }
        for key, val in items:
            room, name = rows.split_key(key)
            if room in changes:
                changes[room](name, val)
            elif val is not None:
                self._info = rows.decode_info(val)

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield all rows, for a worker."""
        if self.is_founded:
            yield rows.info_item(self.info)
        for name, val in self._rows.items():
            yield rows.ACCOUNT + name.encode(), val
        yield from map(rows.group_item, self.groups.values())
        yield from (rows.trust_item(one.trust) for one in self.trusts.values())
        yield from (rows.failures_item(name, one) for name, one in self.failures.items())

    @property
    def is_founded(self) -> bool:
        """Whether there is a realm at all."""
        return self._info is not None

    @property
    def info(self) -> RealmInfo:
        """The realm's own names and numbers; raises LookupError before it is founded."""
        if self._info is None:
            raise LookupError("there is no realm yet")
        return self._info

    def find(self, name: str, *, fold: bool = False) -> Principal | None:
        """Return the account of a name, with ``fold`` in any letter case; None when there is none."""
        return self._opened.get(name) or self._find(name, fold=fold)

    def is_taken(self, name: str) -> bool:
        """Tell whether an account or a group has a name, in any letter case."""
        return self._owner(name) is not None or self.group(name) is not None

    def group(self, name: str) -> Group | None:
        """Return a group by its name, in any letter case."""
        folded = folded_name(name)
        return self.groups.get(name) or next(
            (one for known, one in self.groups.items() if folded_name(known) == folded), None
        )

    def group_sid(self, name: str) -> str | None:
        """Return the SID of a group by its name, in any letter case; None when there is no such group."""
        group = self.group(name) if self.is_founded else None
        return None if group is None else f"{self.info.sid}-{group.rid}"

    def groups_with(self, member: str) -> list[Group]:
        """Return the groups that have an account or a group as a member of their own."""
        return [self.groups[name] for name in sorted(self._groups_of.get(member, ()))]

    def naming(self, names: Iterable[str]) -> Iterator[Account]:
        """Yield the accounts in which one of some names is written, be it in a list or as their own."""
        wanted = [name.encode() for name in names]
        # A search through the octets is ten times as fast as decoding them.
        for val in self._rows.values():
            if any(name in val for name in wanted):
                yield rows.decode_account(val)

    def accounts(self) -> Iterator[Account]:
        """Yield all accounts, in the order in which they came."""
        return map(rows.decode_account, self._rows.values())

    def groups_of(self, account: str) -> tuple[int, ...]:
        """Return the RIDs of an account's groups, those of groups in groups too; the one that has all users first."""
        found: dict[str, None] = {}
        waiting = [account]
        while waiting:
            for group in sorted(self._groups_of.get(waiting.pop(), ())):
                if group not in found:
                    found[group] = None
                    waiting.append(group)
        rids = (self.groups[group].rid for group in found)
        return (RID_USERS, *(rid for rid in rids if rid != RID_USERS))

    def trust(self, realm: str) -> OpenTrust | None:
        """Return the trust with a realm."""
        return self.trusts.get(realm)

    def trust_for(self, host: str) -> OpenTrust | None:
        """Return the trust whose realm has a host, by the longest of the domains that fit; None for one of ours."""
        labels = host.lower().rstrip(".").split(".")
        for start in range(len(labels)):
            domain = ".".join(labels[start:])
            if self._info is not None and domain == self._info.domain:
                return None
            for one in self.trusts.values():
                if domain in (one.trust.realm.lower(), *one.trust.suffixes):
                    return one
        return None

    @property
    def krbtgt(self) -> Principal:
        """The ticket-granting service of this realm; raises LookupError before the realm is founded."""
        found = self.find(KRBTGT)
        if found is None:
            raise LookupError("the realm has no ticket-granting service")
        return found

    def _find(self, name: str, *, fold: bool) -> Principal | None:
        owner = name if name in self._rows else self._owner(name)
        if owner is None:
            return None
        found = self._opened.get(owner) or Principal(rows.decode_account(self._rows[owner]), self._open_keys)
        if name != owner and name not in found.account.names:
            # In another letter case, which is not the name unless the client lets us put names right.
            return found if fold else None
        if len(self._opened) >= self._size:
            self._close_some()
        self._opened[owner] = self._opened[name] = found
        return found

    def _close_some(self) -> None:
        """Forget the half that was opened first; who is asked for again is opened again."""
        for name in list(islice(self._opened, self._size // 2)):
            self._opened.pop(name, None)

    def _owner(self, name: str) -> str | None:
        folded = folded_name(name)
        return self._further.get(folded) or (folded if folded in self._rows else None)

    def _apply_account(self, name: str, val: bytes | None) -> None:
        before = self._rows.get(name)
        if before is not None:
            self._forget(name, rows.decode_head(before).names)
        if val is None:
            self._rows.pop(name, None)
            return
        self._rows[name] = val
        for one in (name, *rows.decode_head(val).names):
            if (folded := folded_name(one)) != name:
                self._further[folded] = name

    def _forget(self, name: str, names: Iterable[str]) -> None:
        for one in (name, *names):
            self._opened.pop(one, None)
            if self._further.get(folded := folded_name(one)) == name:
                del self._further[folded]

    def _apply_group(self, name: str, val: bytes | None) -> None:
        before = self.groups.pop(name, None)
        for member in before.members if before is not None else ():
            self._groups_of[member].discard(name)
        if val is not None:
            group = self.groups[name] = rows.decode_group(val)
            for member in group.members:
                self._groups_of.setdefault(member, set()).add(name)

    def _apply_trust(self, name: str, val: bytes | None) -> None:
        if val is None:
            self.trusts.pop(name, None)
        else:
            self.trusts[name] = OpenTrust(rows.decode_trust(val), self._open_keys)

    def _apply_failures(self, name: str, val: bytes | None) -> None:
        if val is None:
            self.failures.pop(name, None)
        else:
            self.failures[name] = rows.decode_failures(val)
