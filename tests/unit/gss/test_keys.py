from __future__ import annotations

from collections.abc import Iterator

import pytest

from bossa.crypto.enctypes import Enctype, Key
from bossa.gss.keys import MOST_TRIES, of_keytab, open_ticket
from bossa.krb.errors import KdcError, KrbCode
from bossa.krb.keytab import Keytab, KeytabEntry
from bossa.krb.messages import EncryptionKey
from bossa.krb.names import PrincipalName
from tests.unit.gss.specimens import REALM, WEB, credential, keytab, service_key

AES = Enctype.AES256_SHA1


def test_keytab_gives_the_version_asked_for_or_all_newest_first() -> None:
    keys = of_keytab(keytab(2, 4, 3), REALM)
    assert list(keys(WEB, 3, AES)) == [service_key(AES, 3)]
    assert list(keys(WEB, None, AES)) == [service_key(AES, kvno) for kvno in (4, 3, 2)]
    assert list(keys(WEB, 5, AES)) == []
    assert list(keys(WEB, 3, 23)) == []
    assert list(keys(WEB._replace(parts=("HTTP", "other")), 3, AES)) == []


def test_keytab_gives_no_key_of_another_realm_or_an_unknown_type() -> None:
    entries = (*keytab().entries, KeytabEntry(WEB, REALM, 9, EncryptionKey(23, bytes(16))))
    assert list(of_keytab(Keytab(entries), "OTHER.TEST")(WEB, None, AES)) == []
    assert list(of_keytab(Keytab(entries), REALM)(WEB, None, 23)) == []


def test_keytab_knows_its_names_in_any_letter_case() -> None:
    """The ticket keeps the name as the client wrote it, and the KDC finds hosts in any case."""
    shown = PrincipalName(WEB.type, ("http", "WEB.Bossa.Test"))
    assert list(of_keytab(keytab(), REALM)(shown, None, AES)) == [service_key(AES)]


def test_keytab_with_a_key_of_the_wrong_size_gives_the_others() -> None:
    broken = KeytabEntry(WEB, REALM, 9, EncryptionKey(AES, b"short"))
    assert list(of_keytab(Keytab((broken, *keytab().entries)), REALM)(WEB, None, AES)) == [service_key(AES)]


@pytest.mark.parametrize("enctype", list(Enctype))
def test_ticket_is_opened_with_the_key_that_fits(enctype: Enctype) -> None:
    opened, key = open_ticket(credential(enctype, kvno=2).open_ticket(), of_keytab(keytab(1, 2, 3), REALM))
    assert key == service_key(enctype, 2)
    assert opened.part.cname.text == "alice"


def test_ticket_without_a_key_is_told_from_one_of_another_key() -> None:
    with pytest.raises(KdcError) as refused:
        open_ticket(credential(kvno=7).open_ticket(), of_keytab(keytab(), REALM))
    assert refused.value.code == KrbCode.NOKEY
    with pytest.raises(KdcError) as refused:
        open_ticket(credential().open_ticket(), lambda sname, kvno, etype: [service_key(AES, 99)])
    assert refused.value.code == KrbCode.BAD_INTEGRITY


def test_keys_are_tried_up_to_a_bound() -> None:
    tried: list[int] = []

    def endless(sname: PrincipalName, kvno: int | None, etype: int) -> Iterator[Key]:
        while True:
            tried.append(etype)
            yield service_key(etype, 99)

    with pytest.raises(KdcError):
        open_ticket(credential().open_ticket(), endless)
    assert tried == [AES] * MOST_TRIES
