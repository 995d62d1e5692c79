"""PTR records that hosts keep themselves: when an address may lead back to whoever asks.

A host may add the PTR of an address when its target is the host's own name,
that name holds the address in a zone of ours, and no PTR to a name of somebody
else stands there; it may delete a PTR to its own name, and nobody else's.  A
policy says at which names (:meth:`bossa.dns.policy.Rule.points`).  RFC 1035
§3.5, RFC 3596 §2.5.

All is decided on a draft and on the drafts of its batch, so that an address
counts from the moment at which its update was taken.
"""

from __future__ import annotations

from collections.abc import Collection

from bossa.dns import names, types
from bossa.dns.changes import Draft
from bossa.dns.reverse import is_given_away

_TYPE_OF_SIZE = {4: types.A, 16: types.AAAA}


def fault_of_adding(owner: bytes, target: bytes, draft: Draft, own: Collection[bytes]) -> str | None:
    """Return why whose names are ``own`` may not add this PTR; None when that is right."""
    if target.lower() not in own:
        return f"{names.to_text(target)} is not the caller's own name"
    if not _holds(target.lower(), owner, draft):
        return f"{names.to_text(target)} does not hold the address in a zone here"
    return _fault_of_others(owner, draft, own)


def fault_of_deleting(owner: bytes, target: bytes | None, draft: Draft, own: Collection[bytes]) -> str | None:
    """Return why whose names are ``own`` may not delete this PTR, or (None) all; None when that is right."""
    if target is None:
        return _fault_of_others(owner, draft, own)
    return None if target.lower() in own else f"{names.to_text(target)} is not the caller's own name"


def _holds(name: bytes, owner: bytes, draft: Draft) -> bool:
    """Tell whether a zone of ours says that the name has the address that a reverse name stands for."""
    address, zone = names.address(owner), draft.beside(name)
    if address is None or zone is None or is_given_away(name, zone):
        return False
    rrset = zone.find(name, _TYPE_OF_SIZE[len(address)])
    return rrset is not None and address in rrset.rdatas


def _fault_of_others(owner: bytes, draft: Draft, own: Collection[bytes]) -> str | None:
    rrset = draft.find(owner, types.PTR)
    other = next((one for one in rrset.rdatas if one.lower() not in own), None) if rrset else None
    return f"a PTR to {names.to_text(other)} stands there" if other is not None else None
