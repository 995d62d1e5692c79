"""Whatever stands where a PAC should, it is read whole, or refused with our own error; a signed one stays as it is.

Run with ``python fuzz/fuzz_pac.py [CORPUS] [-runs=N]`` where atheris is installed.
"""

from __future__ import annotations

import contextlib
import sys

import small_realm

from bossa.crypto.enctypes import Key
from bossa.directory.sid import Sid
from bossa.krb.errors import KdcError
from bossa.krb.messages import EncryptedData, EncryptionKey, EncTicketPart, Ticket, Transited
from bossa.krb.names import PrincipalName
from bossa.krb.pac import (
    BufferType,
    ClientInfo,
    DelegationInfo,
    LogonInfo,
    Pac,
    filter_sids,
    from_directory,
    put_in,
    service_part,
    sids,
    sign_service,
    sign_tgt,
    verify_accepted,
    verify_service,
    verify_tgt,
)
from bossa.krb.pac.carry import find_in, with_placeholder
from bossa.krb.pac.info import UpnDnsInfo, decode_attributes
from bossa.krb.ticket import OpenTicket
from bossa.wire import WireError

KEY = Key(18, bytes(32))
NAME = PrincipalName(1, ("alice",))
TICKET = Ticket("R", NAME, EncryptedData(18, 1, b""))
PART = EncTicketPart(0, EncryptionKey(18, bytes(32)), "R", NAME, Transited(), 1, None, 2)
DOMAIN = Sid(5, (21, 1, 2, 3))
READERS = {
    BufferType.LOGON_INFO: LogonInfo,
    BufferType.CLIENT_INFO: ClientInfo,
    BufferType.DELEGATION_INFO: DelegationInfo,
    BufferType.UPN_DNS_INFO: UpnDnsInfo,
}
REALM = small_realm.make()
CONTENT = from_directory(REALM, small_realm.principal(REALM, "alice"), 1).replaced(
    BufferType.DELEGATION_INFO, DelegationInfo("DNS/ns", ("HTTP/web@R", "HTTP/app@R")).encode()
)
SEEDS = (
    sign_service(CONTENT, PART, KEY, KEY),
    sign_tgt(CONTENT, KEY, KEY),
    service_part(CONTENT, PART, KEY, KEY),
    *(data for _, data in CONTENT.buffers),
)


def one_input(data: bytes) -> None:
    """Hold the invariant for one input: as a PAC, as each buffer, in a ticket, and as a ticket's part."""
    for reader in READERS.values():
        with contextlib.suppress(WireError):
            again = reader.decode(data)
            assert reader.decode(again.encode()) == again
    with contextlib.suppress(WireError):
        decode_attributes(data)
    with contextlib.suppress(WireError):
        as_pac(data)
    in_ticket(data)
    with contextlib.suppress(WireError):
        part = EncTicketPart.decode(data)
        if find_in(part) is not None:
            assert find_in(EncTicketPart.decode(with_placeholder(data))) == b"\0"


def as_pac(data: bytes) -> None:
    """Read a container, its groups, and what another realm may say."""
    content = Pac.decode(data).content()
    with contextlib.suppress(KdcError):
        for sid in sids(filter_sids(content, DOMAIN)):
            assert sid.within(DOMAIN) or sid.authority == 18


def in_ticket(data: bytes) -> None:
    """Verify it in every place where a PAC is verified; nobody has the key that made it."""
    part = put_in(PART, data)
    opened = OpenTicket(TICKET, part, part.encode())
    for verify in (
        lambda: verify_tgt(opened, KEY, (KEY,), requester=DOMAIN),
        lambda: verify_service(opened, KEY, (KEY,)),
        lambda: verify_accepted(opened, KEY),
    ):
        with contextlib.suppress(KdcError):
            verify()


if __name__ == "__main__":
    import atheris

    atheris.instrument_all()
    small_realm.sow(sys.argv[1:], SEEDS)
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
