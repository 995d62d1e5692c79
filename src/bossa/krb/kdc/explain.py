"""What the KDC would say if a service asked to act for a user, told in the KDC's own steps.

`decide_self` and `decide_proxy` are called as the KDC calls them, on the same
directory; nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bossa.directory.account import Account
from bossa.krb.kdc.delegation import Decision, Party, ProxyRequest, decide_proxy, decide_self

Find = Callable[[str], Account | None]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Both ways to evidence, and what comes of each.  [MS-SFU] 1.3.1, 1.3.2"""

    # The service's ticket to itself for the user (S4U2Self).
    to_self: Decision
    # At the target with that ticket, and with one that the user brought (S4U2Proxy).
    by_transition: Decision
    by_kerberos: Decision

    @property
    def allowed(self) -> bool:
        """Whether the service may act for the user whatever protocol the user came by."""
        return self.to_self.allowed and self.by_transition.allowed


def explain(find: Find, user: str, middle: str, target: str, *, now: float) -> Explanation:
    """Walk both decisions for names of our realm; a service always asks for lists on targets too, as clients do."""
    who, service, there = _party(find, user), _party(find, middle), _party(find, target)
    to_self = decide_self(service, who, tgt_forwardable=True, now=now)
    # A ticket that a user brings is forwardable unless the user is sensitive: such users have no other.
    brought = who.account is None or not who.account.sensitive
    return Explanation(
        to_self,
        decide_proxy(service, there, who, ProxyRequest(to_self.forwardable, True, True, now)),
        decide_proxy(service, there, who, ProxyRequest(brought, True, False, now)),
    )


def _party(find: Find, name: str) -> Party:
    return Party(name, find(name))
