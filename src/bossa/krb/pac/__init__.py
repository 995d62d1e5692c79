"""The PAC: what a KDC says of a user, signed so that neither user nor service can change it.  [MS-PAC]"""

from bossa.krb.pac.carry import find_in, from_client, put_in
from bossa.krb.pac.container import BufferType, Pac
from bossa.krb.pac.content import PacContent
from bossa.krb.pac.delegated import DelegationInfo
from bossa.krb.pac.groups import delegation_info, filter_sids, is_wanted, logon_info, sids
from bossa.krb.pac.info import ClientInfo
from bossa.krb.pac.logon import LogonInfo
from bossa.krb.pac.make import account_sid, from_directory
from bossa.krb.pac.sign import service_part, sign_service, sign_tgt, signs_ticket, tgt_part
from bossa.krb.pac.verify import (
    client_text,
    verify_accepted,
    verify_across,
    verify_service,
    verify_tgt,
    verify_user_across,
)

__all__ = [
    "BufferType",
    "ClientInfo",
    "DelegationInfo",
    "LogonInfo",
    "Pac",
    "PacContent",
    "account_sid",
    "client_text",
    "delegation_info",
    "filter_sids",
    "find_in",
    "from_client",
    "from_directory",
    "is_wanted",
    "logon_info",
    "put_in",
    "service_part",
    "sids",
    "sign_service",
    "sign_tgt",
    "signs_ticket",
    "tgt_part",
    "verify_accepted",
    "verify_across",
    "verify_service",
    "verify_tgt",
    "verify_user_across",
]
