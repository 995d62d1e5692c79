"""DELEGATION_INFO: for which service a ticket was delegated, and through whose hands it went.  [MS-PAC] 2.9

The target stands without a realm, the services with theirs, in the order in
which they acted; each hop puts itself at the end.
"""

from __future__ import annotations

from dataclasses import dataclass

from bossa.wire import WireError
from bossa.wire.ndr import NdrReader, NdrWriter

MAX_SERVICES = 32


@dataclass(frozen=True, slots=True)
class DelegationInfo:
    """S4U_DELEGATION_INFO.  [MS-PAC] 2.9"""

    target: str
    services: tuple[str, ...]

    @classmethod
    def decode(cls, raw: bytes) -> DelegationInfo:
        """Read the serialized type; raises WireError."""
        r = NdrReader(raw)
        r.expect_pointer("DelegationInfo")
        target = r.unicode_head("S4U2proxyTarget")
        said, there = r.u32("TransitedListSize"), r.pointer("S4UTransitedServices")
        if said and not there:
            raise WireError(f"{said} transited services at no place")
        name = r.unicode_body("S4U2proxyTarget", target)
        services = _services(r, said) if there else ()
        r.done("DelegationInfo")
        return cls(name, services)

    def encode(self) -> bytes:
        """Write the serialized type."""
        w = NdrWriter()
        w.pointer(there=True)
        w.unicode_head(self.target)
        w.u32(len(self.services))
        w.pointer(there=bool(self.services))
        w.unicode_body(self.target)
        if self.services:
            w.u32(len(self.services))
            for service in self.services:
                w.unicode_head(service)
            for service in self.services:
                w.unicode_body(service)
        return w.finish()

    def onward(self, target: str, service: str) -> DelegationInfo:
        """One hop more: ``service`` (with its realm) goes to ``target`` for the same user."""
        return DelegationInfo(target, (*self.services, service))


def _services(r: NdrReader, said: int) -> tuple[str, ...]:
    field = "S4UTransitedServices"
    heads = [r.unicode_head(field) for _ in range(r.count(field, said, MAX_SERVICES, 8))]
    return tuple(r.unicode_body(field, head) for head in heads)
