"""Whether a service may speak for a user: all rules of constrained delegation, and nothing else decides.

[MS-SFU] 3.2.5.1.2 (S4U2Self), 3.2.5.2.1 to 3.2.5.2.3 (S4U2Proxy); where the
specification and what MIT and Samba do differ, as they do: a ticket that is
not forwardable is no evidence, for lists on the target neither.  Each rule is
a step in words; the KDC, the audit log and ``bossa delegation explain`` have
the same ones.  Accounts are compared, not spellings: any of an account's names
stands for it.  Without a target, or without an account behind one, nothing is
ever allowed (CVE-2024-2698).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bossa.directory.account import Account, Kind
from bossa.krb.errors import KrbCode

_TGS = "krbtgt"
_TRANSITION = "any-protocol"


@dataclass(frozen=True, slots=True)
class Step:
    """One rule: its short name, whether it held, and why in words."""

    rule: str
    holds: bool
    words: str


@dataclass(frozen=True, slots=True)
class Decision:
    """Yes or no, the code for the client, and the steps that led there."""

    allowed: bool
    code: KrbCode | None
    steps: tuple[Step, ...]
    # Whether the ticket may be evidence in turn.
    forwardable: bool

    @property
    def decisive(self) -> Step:
        """The step that decided: the last one, or the first for which a ticket is no evidence."""
        if self.allowed and not self.forwardable:
            return next(step for step in self.steps if not step.holds)
        return self.steps[-1]


@dataclass(frozen=True, slots=True)
class Party:
    """Who takes part: its name for people, and its account, which only principals of ours have."""

    name: str
    account: Account | None = None
    foreign: bool = False

    @classmethod
    def of(cls, account: Account) -> Party:
        """A party of this realm."""
        return cls(account.name, account)


@dataclass(frozen=True, slots=True)
class ProxyRequest:
    """How a service asks to act for a user: the evidence it has, and the kind of list it asks for."""

    evidence_forwardable: bool
    # PA-PAC-OPTIONS, resource-based constrained delegation.  [MS-SFU] 2.2.5
    resource_based: bool
    # Whether the service made the evidence itself, for a user who need never have come.
    transition: bool
    now: float


# A rule, and the code with which it refuses when it does not hold; None where it refuses nothing by itself.
_Rule = tuple[Step, KrbCode | None]


def decide_self(service: Party, user: Party, *, tgt_forwardable: bool, now: float) -> Decision:
    """May a service have a ticket to itself for a user, and is that ticket evidence?  [MS-SFU] 3.2.5.1.2"""
    decision = _walk(_self_rules(service, user, now))
    if not decision.allowed:
        return decision
    further = tuple(_forwardable_rules(service, user, tgt_forwardable=tgt_forwardable))
    return Decision(True, None, (*decision.steps, *further), all(step.holds for step in further))


def decide_proxy(middle: Party, target: Party, user: Party, request: ProxyRequest) -> Decision:
    """May a service act for a user at a target?  [MS-SFU] 3.2.5.2"""
    return _walk(_proxy_rules(middle, target, user, request))


def _self_rules(service: Party, user: Party, now: float) -> Iterator[_Rule]:
    yield from _service_rules(service, now, "service", KrbCode.CLIENT_REVOKED)
    yield from _user_rules(user, now)


def _walk(rules: Iterable[_Rule]) -> Decision:
    steps: list[Step] = []
    for step, code in rules:
        steps.append(step)
        if code is not None and not step.holds:
            return Decision(False, code, tuple(steps), False)
    return Decision(True, None, tuple(steps), True)


def _rule(rule: str, words: tuple[str, str], code: KrbCode | None, *, holds: bool) -> _Rule:
    """``words`` are those for yes and those for no."""
    return Step(rule, holds, words[0] if holds else words[1]), code


def _service_rules(who: Party, now: float, role: str, revoked: KrbCode) -> Iterator[_Rule]:
    """The account behind a service may have tickets.  RFC 4120 §3.3.3"""
    if who.foreign:
        return
    account = who.account
    words = f"there is an account for {who.name}", f"there is no account for {who.name}"
    yield _rule(f"{role}-known", words, KrbCode.S_PRINCIPAL_UNKNOWN, holds=account is not None)
    if account is not None:
        enabled = not account.disabled and not (account.expires and account.expires <= now)
        words = f"{who.name} is enabled", f"{who.name} is disabled or has expired"
        yield _rule(f"{role}-enabled", words, revoked, holds=enabled)


def _user_rules(user: Party, now: float) -> Iterator[_Rule]:
    """The user is known and may have tickets; an expired password is no obstacle, nobody types it here."""
    if user.foreign:
        yield Step("user-elsewhere", True, f"{user.name} is of another realm, which vouches for the account"), None
        return
    account = user.account
    known = account is not None and account.kind not in (Kind.KRBTGT, Kind.TRUST)
    words = f"there is an account {user.name}", f"there is no account {user.name}"
    yield _rule("user-known", words, KrbCode.C_PRINCIPAL_UNKNOWN, holds=known)
    if account is not None:
        yield from _live_rules(user.name, account, now)


def _live_rules(name: str, account: Account, now: float) -> Iterator[_Rule]:
    words = f"{name} is enabled", f"{name} is disabled"
    yield _rule("user-enabled", words, KrbCode.CLIENT_REVOKED, holds=not account.disabled)
    words = f"{name} is not locked", f"{name} is locked after wrong passwords"
    yield _rule("user-unlocked", words, KrbCode.CLIENT_REVOKED, holds=account.locked_until <= now)
    words = f"the account {name} is in its time", f"the account {name} has expired"
    yield _rule("user-in-time", words, KrbCode.NAME_EXP, holds=not account.expires or account.expires > now)


def _is_sensitive(user: Party) -> bool:
    return user.account is not None and user.account.sensitive


def _forwardable_rules(service: Party, user: Party, *, tgt_forwardable: bool) -> Iterator[Step]:
    """What makes a ticket to oneself evidence; each is needed.  [MS-SFU] 3.2.5.1.2"""
    words = f"the ticket of {service.name} is forwardable", f"the ticket of {service.name} is not forwardable"
    yield _rule("ticket-forwardable", words, None, holds=tgt_forwardable)[0]
    words = f"{user.name} may be delegated", f"{user.name} is sensitive: never delegated"
    yield _rule("user-delegable", words, None, holds=not _is_sensitive(user))[0]
    if service.account is not None:
        yield _transition(service.name, service.account)


def _transition(name: str, account: Account) -> Step:
    """Who has a list of its own needs the right to protocol transition; lists on targets need no such right."""
    if account.any_protocol:
        return Step(_TRANSITION, True, f"{name} may speak for users who came by any protocol")
    if not account.delegates_to:
        return Step(_TRANSITION, True, f"{name} has no list of its own: targets decide by their lists")
    return Step(_TRANSITION, False, f"{name} may only speak for users who came by Kerberos")


def _proxy_rules(middle: Party, target: Party, user: Party, request: ProxyRequest) -> Iterator[_Rule]:
    """In the order in which they are tried: what is asked, who takes part, which list has it."""
    words = "the evidence ticket is forwardable", "the evidence ticket is not forwardable"
    yield _rule("evidence-forwardable", words, KrbCode.BADOPTION, holds=request.evidence_forwardable)
    words = f"{target.name} is a service", f"{target.name} grants tickets: nobody acts for a user there"
    yield _rule("target-is-service", words, KrbCode.POLICY, holds=not _is_tgs(target))
    yield from _service_rules(middle, request.now, "middle", KrbCode.CLIENT_REVOKED)
    yield from _service_rules(target, request.now, "target", KrbCode.SERVICE_REVOKED)
    yield from _user_rules(user, request.now)
    words = f"{user.name} may be delegated", f"{user.name} is sensitive: never delegated"
    yield _rule("user-delegable", words, KrbCode.BADOPTION, holds=not _is_sensitive(user))
    if target.foreign:
        yield _elsewhere(target, request)
    else:
        yield from _list_rules(middle, target, request)


def _is_tgs(target: Party) -> bool:
    kind = target.account.kind if target.account is not None else None
    return kind in (Kind.KRBTGT, Kind.TRUST) or target.name.split("/")[0].casefold() == _TGS


def _elsewhere(target: Party, request: ProxyRequest) -> _Rule:
    """A list of ours says nothing of another realm's services: theirs must.  [MS-SFU] 3.2.5.2.1"""
    words = f"the realm of {target.name} decides by the target's list", "resource-based delegation was not asked for"
    return _rule("target-elsewhere", words, KrbCode.BADOPTION, holds=request.resource_based)


def _list_rules(middle: Party, target: Party, request: ProxyRequest) -> Iterator[_Rule]:
    """One of the two lists has the pair: the middle's own, within a realm, or the target's.  [MS-SFU] 3.2.5.2.2"""
    own = _own_list(middle, target, request)
    if own.holds:
        yield own, None
        return
    targets = _target_list(middle, target, request)
    yield own, None
    yield targets, None
    if not targets.holds:
        words = f"{middle.name} may not act for users at {target.name}: neither list has it"
        yield Step("allowed", False, own.words if own.rule == _TRANSITION else words), KrbCode.BADOPTION


def _own_list(middle: Party, target: Party, request: ProxyRequest) -> Step:
    """A list of the middle's own is for users who came by Kerberos, without the right to protocol transition."""
    if middle.account is None or target.account is None:
        return Step("own-list", False, f"the list of {middle.name} is of another realm, and does not count here")
    if not _lists(middle.account.delegates_to, target.account):
        return Step("own-list", False, f"{target.name} is not on the list of {middle.name}")
    if request.transition and not middle.account.any_protocol:
        words = f"{target.name} is on the list of {middle.name}, but the user did not come by Kerberos"
        return Step(_TRANSITION, False, words)
    return Step("own-list", True, f"{target.name} is on the list of {middle.name}")


def _target_list(middle: Party, target: Party, request: ProxyRequest) -> Step:
    allowed = target.account.allowed_from if target.account is not None else ()
    there = middle.name in allowed if middle.account is None else _lists(allowed, middle.account)
    if not there:
        return Step("target-list", False, f"{middle.name} is not on the list of {target.name}")
    if not request.resource_based:
        words = f"{middle.name} is on the list of {target.name}, but resource-based delegation was not asked for"
        return Step("target-list", False, words)
    return Step("target-list", True, f"{middle.name} is on the list of {target.name}")


def _lists(names: tuple[str, ...], account: Account) -> bool:
    """Whether a list has the account, under any of its names."""
    own = {name.casefold() for name in (account.name, *account.names)}
    return any(name.casefold() in own for name in names)
