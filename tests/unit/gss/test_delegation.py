from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from bossa.crypto.enctypes import Enctype, Key
from bossa.gss import delegation
from bossa.gss.flags import ContextFlags
from bossa.gss.initiate import Wish
from bossa.krb.credential import Credential
from bossa.krb.errors import KdcError, KrbCode
from bossa.krb.messages import EncKrbCredPart, EncryptionKey, KrbCred, KrbCredInfo
from bossa.krb.names import PrincipalName
from bossa.krb.ticket import lock
from bossa.krb.usages import Usage
from bossa.wire import WireError
from tests.unit.gss.specimens import establish, forwarded, ticket_part

KEY = Key(Enctype.AES256_SHA1, bytes(32))
OTHER = Key(Enctype.AES256_SHA1, b"o" * 32)
SHOWN = ticket_part(Enctype.AES256_SHA1)


def test_credential_comes_as_it_was_handed_on() -> None:
    sealed = delegation.seal(forwarded(), KEY, bytes(16))
    assert delegation.open(sealed, (OTHER, KEY), SHOWN) == forwarded()


@pytest.mark.parametrize("negotiate", [False, True])
def test_context_brings_the_credential(negotiate: bool) -> None:
    asking, answering = establish(wish=Wish(delegate=forwarded()), negotiate=negotiate)
    assert answering.delegated == forwarded()
    assert answering.flags & asking.flags & ContextFlags.DELEG


def test_flag_without_a_credential_is_not_sent() -> None:
    asking, answering = establish(wish=Wish(ContextFlags.DELEG | ContextFlags.MUTUAL))
    assert asking.flags == answering.flags == ContextFlags.MUTUAL


def message(tickets: int = 1, **changes: object) -> bytes:
    """A KRB-CRED whose one description was changed."""
    info = replace(KrbCredInfo(forwarded().key), **changes)  # type: ignore[arg-type]
    part = lock(KEY, Usage.KRB_CRED, EncKrbCredPart((info,)).encode(), bytes(16))
    return KrbCred((forwarded().open_ticket(),) * tickets, part).encode()


def test_what_is_not_said_is_taken_from_the_ticket() -> None:
    came = delegation.open(message(), (KEY,), SHOWN)
    assert (came.client, came.realm) == (SHOWN.cname, SHOWN.crealm)
    assert (came.server, came.server_realm) == (forwarded().server, forwarded().server_realm)


REFUSED: list[tuple[Callable[[], bytes], KrbCode]] = [
    (lambda: message(tickets=2), KrbCode.GENERIC),
    (lambda: message(tickets=0), KrbCode.GENERIC),
    (lambda: message(pname=PrincipalName(1, ("bob",))), KrbCode.BADMATCH),
    (lambda: message(prealm="OTHER.TEST"), KrbCode.BADMATCH),
    (lambda: delegation.seal(forwarded(), OTHER, bytes(16)), KrbCode.MODIFIED),
]


@pytest.mark.parametrize(("made", "code"), REFUSED)
def test_credential_that_is_not_good_is_refused(made: Callable[[], bytes], code: KrbCode) -> None:
    with pytest.raises(KdcError) as refused:
        delegation.open(made(), (KEY,), SHOWN)
    assert refused.value.code == code


def test_key_of_an_unknown_type_is_kept_as_it_is() -> None:
    came: Credential = delegation.open(message(key=EncryptionKey(23, bytes(16))), (KEY,), SHOWN)
    assert came.key.etype == 23


def test_credential_of_no_shape_is_refused() -> None:
    sealed = delegation.seal(forwarded(), KEY, bytes(16))
    for octets in (b"", sealed[:-1], sealed + b"\0"):
        with pytest.raises(WireError):
            delegation.open(octets, (KEY,), SHOWN)
