"""Evidence that its service has changed: the bronze bit and its kin, sent to a live KDC.

Traps 11 and 13 to 15 of the list that bossa keeps; a CVE is named where there was one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from bossa.crypto.enctypes import Key
from bossa.krb.errors import KrbCode
from bossa.krb.flags import TicketFlags
from bossa.krb.messages import AuthData, EncTicketPart
from bossa.krb.names import PrincipalName
from tests.interop import forgery
from tests.interop.cast import ANY, CLASSIC, LISTING, RESOURCE, SENSITIVE, TARGET, USER, Cast, code
from tests.interop.s4u import act, resource_based

FORWARDABLE = int(TicketFlags.FORWARDABLE)
# The types of checksums without a key.  RFC 3961 §6.1, §8
CRC32, SHA1 = 1, 14
# A signature that does not fit, and one of a type that proves nothing.
_REFUSED = (KrbCode.MODIFIED, KrbCode.INAPP_CKSUM)


def change(**fields: object) -> forgery.Change:
    """Return a change of a ticket's fields."""
    return lambda part: replace(part, **fields)  # type: ignore[arg-type]


def forwarded(part: EncTicketPart) -> EncTicketPart:
    """Set the flag that makes it evidence: the bronze bit."""
    return replace(part, flags=part.flags | FORWARDABLE)


def with_signatures(
    cut: Callable[[forgery.Buffers], forgery.Buffers],
) -> Callable[[Key], forgery.Change]:
    """Return a change by the service's key: the flag, and other signatures than the KDC's."""
    return lambda key: lambda part: forgery.resigned(key, cut)(forwarded(part))


BRONZE: dict[str, Callable[[Key], forgery.Change]] = {
    "the flag alone": lambda _: forwarded,
    "the flag, and signed again by the service": with_signatures(lambda parts: parts),
    "without a PAC": lambda _: lambda part: forgery.without_pac(forwarded(part)),
    "without the ticket's signature": with_signatures(forgery.without(forgery.TICKET)),
    "without the full signature": with_signatures(forgery.without(forgery.FULL)),
    "with the old signatures alone": with_signatures(forgery.without(forgery.TICKET, forgery.FULL)),
    "without the KDC's signature": with_signatures(forgery.without(forgery.KDC)),
    "the ticket's signature zeroed": with_signatures(forgery.signature(forgery.TICKET, forgery.zeroed)),
    "the full signature zeroed": with_signatures(forgery.signature(forgery.FULL, forgery.zeroed)),
    "the KDC's signature zeroed": with_signatures(forgery.signature(forgery.KDC, forgery.zeroed)),
    "the ticket's signature a CRC": with_signatures(forgery.signature(forgery.TICKET, forgery.typed(CRC32, 4))),
    "the ticket's signature a SHA-1": with_signatures(forgery.signature(forgery.TICKET, forgery.typed(SHA1, 20))),
    "the ticket's signature of RC4": with_signatures(forgery.signature(forgery.TICKET, forgery.typed(-138, 16))),
    "the KDC's signature of RC4": with_signatures(forgery.signature(forgery.KDC, forgery.typed(-138, 16))),
    "the full signature of RC4": with_signatures(forgery.signature(forgery.FULL, forgery.typed(-138, 16))),
    "the ticket's signature empty": with_signatures(forgery.signature(forgery.TICKET, lambda value: value[:4])),
}


@pytest.mark.parametrize("variant", BRONZE)
def test_traps_13_to_15_cve_2020_17049_a_bronze_bit_is_seen(cast: Cast, variant: str) -> None:
    """CVE-2022-37966, 37967 too: whoever holds the service's key, and not the KDC's, changes nothing."""
    key = cast.keys[CLASSIC]
    ticket = forgery.forged(cast.evidence(CLASSIC).ticket, key, BRONZE[variant](key))
    assert code(lambda: act(cast.kdc, cast.held[CLASSIC], TARGET, ticket)) in _REFUSED


@pytest.mark.parametrize("variant", ["the flag alone", "with the old signatures alone", "without a PAC"])
def test_trap_11_a_forged_flag_does_not_pass_a_sensitive_user_on(cast: Cast, variant: str) -> None:
    """By the target's list as little as by the classic one."""
    for service, target, asked in ((ANY, TARGET, ()), (RESOURCE, LISTING, (resource_based(),))):
        key = cast.keys[service]
        ticket = forgery.forged(cast.evidence(service, SENSITIVE).ticket, key, BRONZE[variant](key))
        refused = code(lambda: act(cast.kdc, cast.held[service], target, ticket, padata=asked))  # noqa: B023
        assert refused is KrbCode.MODIFIED


CHANGED: dict[str, forgery.Change] = {
    "another user": change(cname=PrincipalName.parse("admin")),
    "another realm": change(crealm="ELSEWHERE.TEST"),
    "signed in at another time": lambda part: replace(part, authtime=part.authtime - 1),
    "a longer life": lambda part: replace(part, endtime=part.endtime + 1000),
    "renewable": lambda part: replace(part, flags=part.flags | int(TicketFlags.RENEWABLE), renew_till=part.endtime + 9),
    "another session key": lambda part: replace(part, key=replace(part.key, octets=bytes(len(part.key.octets)))),
    "more authorization data": lambda part: replace(
        part, authorization_data=(*part.authorization_data, AuthData(9999, b"x"))
    ),
}


@pytest.mark.parametrize("variant", CHANGED)
def test_trap_13_no_field_of_evidence_can_be_changed(cast: Cast, variant: str) -> None:
    """The ticket's signature covers the whole of it.  [MS-PAC] 2.8.3"""
    key = cast.keys[ANY]
    ticket = forgery.forged(cast.evidence(ANY).ticket, key, CHANGED[variant])
    assert code(lambda: act(cast.kdc, cast.held[ANY], TARGET, ticket)) is KrbCode.MODIFIED


@pytest.mark.parametrize("kind", [forgery.LOGON_INFO, forgery.CLIENT_INFO, forgery.UPN_DNS_INFO])
def test_trap_15_cve_2022_37967_no_buffer_of_a_pac_can_be_changed(cast: Cast, kind: int) -> None:
    """The full signature covers all of them.  [MS-PAC] 2.8.4"""
    key = cast.keys[ANY]

    def flip(parts: forgery.Buffers) -> forgery.Buffers:
        return parts | {kind: parts[kind][:-1] + bytes((parts[kind][-1] ^ 1,))}

    ticket = cast.evidence(ANY).ticket
    assert kind in forgery.buffers(forgery.pac(forgery.opened(ticket, key))), "not there to be changed"
    made = forgery.forged(ticket, key, forgery.resigned(key, flip))
    assert code(lambda: act(cast.kdc, cast.held[ANY], TARGET, made)) is KrbCode.MODIFIED


def test_the_forger_leaves_a_ticket_good_that_it_does_not_change(cast: Cast) -> None:
    """What is refused above is refused for what was changed."""
    key, shown = cast.keys[ANY], cast.evidence(ANY).ticket
    for same in (lambda part: part, forgery.resigned(key, lambda parts: parts)):
        made = forgery.forged(shown, key, same)
        assert act(cast.kdc, cast.held[ANY], TARGET, made).client.text == USER
