"""The accounts of a running domain, changed as the commands change them, without starting a program for each."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

from bossa.admin import delegations, services, trusts, users
from bossa.cli import keytabs
from bossa.cli.call import call


class Directory:
    """What ``bossa user``, ``service``, ``delegation`` and ``trust`` do; keytabs are written below ``home``."""

    def __init__(self, data: Path, home: Path) -> None:
        self._data = data
        self._home = home
        self._numbers = count(1)

    def add_user(self, name: str, password: str, **fields: Any) -> None:
        """Make a user; ``fields`` as those of `users.UserAdd`."""
        call(self._data, users.user_add, users.UserAdd(name=name, password=password, **fields))

    def set(self, name: str, **fields: Any) -> None:
        """Change an account: ``set("alice", sensitive=True)``, ``set("bob", expires="2030-01-31")``."""
        call(self._data, users.user_set, users.UserSet(name=name, **fields))

    def show(self, name: str) -> users.UserShown:
        """Return all of an account but its keys."""
        return call(self._data, users.user_show, users.UserNamed(name))

    def set_password(self, name: str, password: str, *, must_change: bool = False) -> None:
        """Give an account a new password."""
        args = users.UserPassword(name=name, password=password, must_change=must_change)
        call(self._data, users.user_password, args)

    def unlock(self, name: str) -> None:
        """Let an account in again."""
        call(self._data, users.user_unlock, users.UserNamed(name))

    def add_service(self, name: str, *further: str) -> Path:
        """Make a service with one key set and any number of names; return its keytab."""
        call(self._data, services.service_add, services.ServiceAdd(name=name))
        for one in further:
            self.add_name(name, one)
        return self.keytab(name)

    def add_name(self, account: str, name: str) -> None:
        """Give an account one service name more."""
        call(self._data, services.service_add, services.ServiceAdd(name=name, account=account))

    def keytab(self, name: str, *, rotate: bool = False, into: Path | None = None) -> Path:
        """Write the keytab of a service, with new keys if that is asked for; ``into`` one that keeps its old ones."""
        file = into or self._home / f"{next(self._numbers)}.keytab"
        args = services.ServiceKeytab(name=name, rotate=rotate)
        keytabs.write(file, call(self._data, services.service_keytab, args), keytabs.read(file, force=False))
        return file

    def rotate(self, name: str) -> None:
        """Give a service, or krbtgt, new keys."""
        call(self._data, services.service_rotate, services.ServiceNamed(name))

    def allow(self, middle: str, target: str, *, by_target: bool = False, any_protocol: bool = False) -> None:
        """Let ``middle`` act for users at ``target``."""
        args = delegations.DelegationAllow(middle=middle, target=target, by_target=by_target, any_protocol=any_protocol)
        call(self._data, delegations.delegation_allow, args)

    def forbid(self, middle: str, target: str, *, by_target: bool = False) -> None:
        """Take that back."""
        args = delegations.DelegationForbid(middle=middle, target=target, by_target=by_target)
        call(self._data, delegations.delegation_forbid, args)

    def explain(self, user: str, middle: str, target: str) -> delegations.DelegationExplained:
        """Tell what the KDC would decide, and by which rules."""
        args = delegations.DelegationExplain(user=user, middle=middle, target=target)
        return call(self._data, delegations.delegation_explain, args)

    def trust(self, realm: str, password: str, **fields: Any) -> None:
        """Trust another realm; ``fields`` as those of `trusts.TrustAdd`."""
        call(self._data, trusts.trust_add, trusts.TrustAdd(realm=realm, password=password, **fields))

    def distrust(self, realm: str) -> None:
        """Trust it no more."""
        call(self._data, trusts.trust_remove, trusts.TrustNamed(realm))
