"""``bossa check``, the tickets: a user signs in, a ticket opens, a service acts for the user only once it may.

The accounts are made for it and go again, whatever happened between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from bossa.admin import delegations, services, users
from bossa.admin.check import CheckLine, Exchange, Wrong, step
from bossa.admin.errors import Exit, Failure
from bossa.admin.kdcline import KdcLine
from bossa.admin.office import Verb
from bossa.admin.services import ServiceKeys
from bossa.crypto.enctypes import BadIntegrity, Key
from bossa.krb import ticket as tickets
from bossa.krb.client import (
    Credential,
    KdcSaid,
    Login,
    Setting,
    User,
    Wishes,
    act_for,
    authenticate,
    impersonate,
    service_ticket,
)
from bossa.krb.client import Exchange as Conversation
from bossa.krb.errors import KdcError, KrbCode
from bossa.krb.flags import KdcOptions
from bossa.krb.names import PrincipalName
from bossa.net.ask import Address

T = TypeVar("T")
Call = Callable[[Verb[Any, Any], msgspec.Struct], Any]

_WISHES = Wishes(options=int(KdcOptions.FORWARDABLE))
_EXPLAIN = "bossa delegation explain says why"


@dataclass(frozen=True, slots=True)
class Realm:
    """The realm to be checked, and where its KDC listens."""

    name: str
    domain: str
    addresses: tuple[Address, ...]


@dataclass(frozen=True, slots=True)
class Means:
    """The way to the verbs, the sockets, the clocks and the random source."""

    call: Call
    udp: Exchange
    tcp: Exchange
    now: Callable[[], float]
    stopwatch: Callable[[], float]
    random: Callable[[int], bytes]


class TicketCheck:
    """One run of all the steps, each of which needs those before it."""

    def __init__(self, realm: Realm, means: Means) -> None:
        self._realm = realm
        self._means = means
        host = f"check-{means.random(4).hex()}"
        self._user = host
        self._middle = f"HTTP/{host}.{realm.domain}"
        self._target = f"DNS/{host}.{realm.domain}"
        self._made: list[tuple[Verb[Any, Any], msgspec.Struct]] = []
        self._password = ""
        self._keys: dict[str, ServiceKeys] = {}
        self._tgt: Credential | None = None

    def run(self) -> Iterator[CheckLine]:
        """Do the steps, each a line as soon as it is done; the first that fails ends them."""
        try:
            for what, act, *args in self._steps():
                line = step(self._means.stopwatch, what, self._within, act, *args)
                yield line
                if line.state == "failed":
                    break
        except BaseException:
            # Ctrl-C, most likely: nobody waits for another line.
            self._clean_up()
            raise
        yield step(self._means.stopwatch, f"{self._user} and its services are gone", self._clean_up)

    def _steps(self) -> Iterator[tuple[Any, ...]]:
        yield f"user {self._user} and two services are made", self._make
        for address in self._realm.addresses:
            for how in ("UDP", "TCP"):
                at = f"[{address[0]}]:{address[1]}" if ":" in address[0] else f"{address[0]}:{address[1]}"
                yield f"{self._user} signs in over {how} at {at}", self._sign_in, address, how
        yield "its ticket to a service opens with the service's key", self._open
        yield "the service may not act for it at another one", self._refused
        yield "after bossa delegation allow it may, and explain says so", self._allowed

    def _within(self, act: Callable[..., None], *args: object) -> None:
        """Do a step; what the KDC or its answers have wrong is the step's own failure."""
        try:
            act(*args)
        except KdcSaid as e:
            raise Wrong(f"the KDC says {e}") from e
        except (KdcError, BadIntegrity) as e:
            raise Wrong(f"the KDC's answer is not to be believed: {e}") from e

    def _make(self) -> None:
        call = self._means.call
        # Noted before: an account may be there though its making failed.
        self._made.append((users.user_remove, users.UserNamed(self._user)))
        self._password = call(users.user_add, users.UserAdd(name=self._user, display="made by bossa check")).password
        for name in (self._middle, self._target):
            self._made.append((services.service_remove, services.ServiceNamed(name)))
            self._keys[name] = call(services.service_add, services.ServiceAdd(name=name))

    def _clean_up(self) -> None:
        for verb, args in self._made:
            try:
                self._means.call(verb, args)
            except Failure as e:
                # It was not there.
                if e.exit is not Exit.REFUSED:
                    raise

    def _sign_in(self, address: Address, how: str) -> None:
        login = Login(PrincipalName.parse(self._user), self._realm.name, self._password)
        self._tgt = self._talk(authenticate(login, _WISHES, self._setting()), address, how)

    def _open(self) -> None:
        assert self._tgt is not None, "the step before signed in"
        name = PrincipalName.parse(self._middle)
        got = self._talk(service_ticket(self._tgt, name, _WISHES, self._setting()))
        self._expect_user(got, self._middle)

    def _refused(self) -> None:
        try:
            self._act()
        except KdcSaid as e:
            if e.code != KrbCode.BADOPTION:
                raise
        else:
            raise Wrong("it was let, though no list has it", _EXPLAIN)
        self._explained(allowed=False)

    def _allowed(self) -> None:
        args = delegations.DelegationAllow(middle=self._middle, target=self._target, any_protocol=True)
        self._means.call(delegations.delegation_allow, args)
        self._expect_user(self._act(), self._target)
        self._explained(allowed=True)

    def _act(self) -> Credential:
        """Have the service get a ticket to the other one for the user.  [MS-SFU]"""
        keys = tuple(Key(enctype, octets) for enctype, octets in self._keys[self._middle].keys)
        login = Login(PrincipalName.parse(self._middle), self._realm.name, keys)
        own = self._talk(authenticate(login, _WISHES, self._setting()))
        user = User(PrincipalName.parse(self._user), self._realm.name)
        evidence = self._talk(impersonate(own, user, _WISHES, self._setting()))
        return self._talk(act_for(own, evidence, PrincipalName.parse(self._target), _WISHES, self._setting()))

    def _explained(self, *, allowed: bool) -> None:
        args = delegations.DelegationExplain(user=self._user, middle=self._middle, target=self._target)
        if self._means.call(delegations.delegation_explain, args).allowed is not allowed:
            raise Wrong("bossa delegation explain says otherwise than the KDC", "report it: both walk the same rules")

    def _expect_user(self, got: Credential, service: str) -> None:
        """Open a ticket as its service does, and see that it is the user's."""
        ticket = got.open_ticket()
        octets = dict(self._keys[service].keys).get(ticket.enc_part.etype)
        if octets is None:
            raise Wrong(f"{service} has no key of the ticket's type {ticket.enc_part.etype}")
        part = tickets.open(ticket, Key(ticket.enc_part.etype, octets)).part
        if part.cname.text != self._user:
            raise Wrong(f"the ticket is for {part.cname.text}")

    def _talk(self, conversation: Conversation[T], address: Address | None = None, how: str = "UDP") -> T:
        """Carry a conversation with the KDC through."""
        where = (address or self._realm.addresses[0],)
        line = KdcLine(lambda realm: where, self._means.udp, self._means.tcp)
        return line.talk(conversation, streams=how == "TCP")

    def _setting(self) -> Setting:
        return Setting(self._means.now(), self._means.random)
