"""What others wrote: tickets of MIT's KDC with their PACs, and a LOGON_INFO of another library."""

from __future__ import annotations

from pathlib import Path

import pytest

from bossa.crypto.enctypes import Key
from bossa.directory.sid import Sid
from bossa.krb.errors import KdcError, KrbCode
from bossa.krb.messages import EncryptedData, EncTicketPart, Ticket
from bossa.krb.names import PrincipalName
from bossa.krb.pac import ClientInfo, LogonInfo, Pac, find_in, verify_accepted, verify_service, verify_tgt
from bossa.krb.pac.carry import with_placeholder
from bossa.krb.pac.container import BufferType
from bossa.krb.pac.times import NEVER
from bossa.krb.ticket import OpenTicket
from bossa.wire import WireError

GOLDEN = Path(__file__).parent / "golden" / "pac"
TICKETS = ("mit-tgt", "mit-service-ticket", "mit-s4u2self")
AES256 = 18
# KERB_NON_KERB_CKSUM_SALT.  [MS-PAC] 2.8.1
USAGE = 17


def golden(case: str) -> dict[str, bytes]:
    lines = (GOLDEN / f"{case}.hex").read_text().splitlines()
    return {name: bytes.fromhex(value) for name, _, value in (line.partition(": ") for line in lines if line[0] != "#")}


def opened(case: str) -> tuple[OpenTicket, Key, Key]:
    found = golden(case)
    raw = found["enc-ticket-part"]
    bare = Ticket("MIT.TEST", PrincipalName(2, ("any",)), EncryptedData(AES256, 1, b""))
    ticket = OpenTicket(bare, EncTicketPart.decode(raw), raw)
    return ticket, Key(AES256, found["server-key"]), Key(AES256, found["kdc-key"])


@pytest.mark.parametrize("case", TICKETS)
def test_the_pac_is_found_where_mit_puts_it(case: str) -> None:
    ticket, _, _ = opened(case)
    assert find_in(ticket.part) == golden(case)["pac"]


def test_the_signatures_of_mits_ticket_granting_ticket_hold() -> None:
    ticket, server, kdc = opened("mit-tgt")
    content = verify_tgt(ticket, server, (kdc,), requester=None)
    assert content.buffers == ((BufferType.CLIENT_INFO, ClientInfo(ticket.part.authtime, "alice").encode()),)


@pytest.mark.parametrize("case", TICKETS[1:])
def test_a_service_verifies_mits_tickets_with_its_key(case: str) -> None:
    ticket, server, _ = opened(case)
    content = verify_accepted(ticket, server)
    assert content is not None and ticket.part.cname.parts == ("alice",)


@pytest.mark.parametrize("case", TICKETS[1:])
def test_mits_ticket_signature_runs_over_the_octets_that_we_think(case: str) -> None:
    """[MS-PAC] 2.8.3: the encrypted part with the PAC as one zero octet."""
    ticket, _, kdc = opened(case)
    signature = Pac.decode(golden(case)["pac"]).find(BufferType.TICKET_SIGNATURE)
    assert signature is not None and signature[:4] == b"\x10\0\0\0"
    assert kdc.verify(USAGE, with_placeholder(ticket.part_raw), signature[4:])


@pytest.mark.parametrize("case", TICKETS[1:])
def test_without_a_full_signature_mits_ticket_is_no_evidence_here(case: str) -> None:
    """CVE-2022-37967: this release of MIT's does not make one yet."""
    ticket, server, kdc = opened(case)
    with pytest.raises(KdcError, match="no full signature") as caught:
        verify_service(ticket, server, (kdc,))
    assert caught.value.code == KrbCode.MODIFIED


@pytest.mark.parametrize("case", TICKETS)
def test_a_cut_pac_is_no_pac(case: str) -> None:
    raw = golden(case)["pac"]
    buffers = Pac.decode(raw).buffers
    for size in range(len(raw)):
        try:
            cut = Pac.decode(raw[:size])
        except WireError:
            continue
        assert cut.buffers == buffers, "only padding was cut off"


def test_a_logon_info_of_another_library_says_to_us_what_was_put_in() -> None:
    info = LogonInfo.decode(golden("impacket-logon-info")["logon-info"])
    domain = Sid.parse("S-1-5-21-11-22-33")
    assert info == LogonInfo(
        effective_name="alice",
        full_name="Alice Ädler",
        logon_domain_id=domain,
        logon_domain_name="BOSSA",
        logon_server="DC",
        user_id=1104,
        primary_group_id=513,
        groups=((513, 7), (512, 7), (1201, 7)),
        logon_time=133_000_000_000_000_000,
        password_last_set=132_000_000_000_000_001,
        password_must_change=NEVER,
        logon_count=500,
        bad_password_count=1,
        user_flags=0x220,
        user_account_control=0x210,
        extra_sids=((Sid.parse("S-1-18-1"), 7), (domain.child(519), 7)),
        resource_domain=Sid.parse("S-1-5-21-7-8-9"),
        resource_groups=((1300, 0x20000007),),
    )
    assert LogonInfo.decode(info.encode()) == info


def test_every_cut_of_a_logon_info_is_refused() -> None:
    raw = golden("impacket-logon-info")["logon-info"]
    for size in range(len(raw)):
        with pytest.raises(WireError):
            LogonInfo.decode(raw[:size])
