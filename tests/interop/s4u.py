"""Requests by which a service speaks for a user, with each part open to what no honest client sends.  [MS-SFU] 2.2"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

from bossa.crypto.enctypes import Checksum, Key, hmac_md5_checksum
from bossa.krb.flags import KdcOptions, PacOptions
from bossa.krb.messages import CheckSum, PaData, Ticket
from bossa.krb.names import PrincipalName
from bossa.krb.padata import PaForUser, PaPacOptions, PaS4uX509User, PaType, S4uUserId
from bossa.krb.usages import Usage
from bossa.testing.tickets import Held, Kdc

REALM = "BOSSA.TEST"
PACKAGE = "Kerberos"
PROXY = int(KdcOptions.FORWARDABLE | KdcOptions.CNAME_IN_ADDL_TKT)

Sum = Callable[[Key, bytes], CheckSum]


def hmac_md5(key: Key, data: bytes) -> CheckSum:
    """Return the checksum that [MS-SFU] 2.2.1 asks for, whatever the key."""
    return CheckSum(Checksum.HMAC_MD5, hmac_md5_checksum(key.octets, Usage.PA_FOR_USER, data))


def for_user(held: Held, user: str | PrincipalName, *, realm: str = REALM, summed: Sum = hmac_md5) -> PaData:
    """Name a user by PA-FOR-USER.  [MS-SFU] 2.2.1"""
    name = PrincipalName.parse(user) if isinstance(user, str) else user
    plain = PaForUser(name, realm, CheckSum(0, b""), PACKAGE)
    return PaData(PaType.FOR_USER, replace(plain, cksum=summed(held.session, plain.signed())).encode())


def own_kind(key: Key, data: bytes) -> CheckSum:
    """Return the checksum of the key's own kind that a PA-S4U-X509-USER has.  [MS-SFU] 2.2.2"""
    return CheckSum(key.checksum_type, key.checksum(Usage.PA_S4U_X509_USER_REQUEST, data))


def by_identity(held: Held, user: S4uUserId, *, summed: Sum = own_kind) -> PaData:
    """Name a user by PA-S4U-X509-USER.  [MS-SFU] 2.2.2"""
    return PaData(PaType.S4U_X509_USER, PaS4uX509User(user, summed(held.session, user.encode())).encode())


def nonce() -> int:
    """Return a number for one request."""
    return int.from_bytes(os.urandom(4), "big") >> 1


def evidence(kdc: Kdc, held: Held, service: str, user: str) -> Held:
    """Get a service's ticket to itself for a user.  [MS-SFU] 3.1.5.1.1"""
    return kdc.ticket(held, service, for_user(held, user))


def resource_based() -> PaData:
    """Ask for the target's list.  [MS-SFU] 2.2.5"""
    flags = int(PacOptions.RESOURCE_BASED_CONSTRAINED_DELEGATION)
    return PaData(PaType.PAC_OPTIONS, PaPacOptions(flags).encode())


def act(
    kdc: Kdc, held: Held, target: str, *tickets: Ticket, padata: tuple[PaData, ...] = (), options: int = PROXY
) -> Held:
    """Show evidence and get a ticket for the user at the target.  [MS-SFU] 3.1.5.2.1"""
    return kdc.ticket(held, target, *padata, additional_tickets=tickets, kdc_options=options)
