"""A ticket to a service for a command: by a keytab's key or out of a credential cache; and why there is none.

A principal is taken exactly as it is spelled.  The realm is what the keytab,
the cache or the caller says, and never made of a zone's name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bossa.admin.errors import Exit, Failure
from bossa.admin.kdcline import KdcLine
from bossa.crypto.enctypes import SUPPORTED, Enctype, Key
from bossa.dns.probe.conversation import Cause, Fault
from bossa.dns.probe.refusals import offset
from bossa.krb.ccache import CredentialCache
from bossa.krb.client import Credential, KdcSaid, Login, Setting, Wishes, authenticate, service_ticket
from bossa.krb.errors import KdcError, KrbCode
from bossa.krb.keytab import Keytab, KeytabEntry
from bossa.krb.names import NameType, PrincipalName, split
from bossa.wire import WireError

_CLOCKS = "set both clocks by NTP"
_KINIT = "sign in again: kinit"
_SPELLING = "spell it as the account is: letter case counts; with bossa: bossa service list"


@dataclass(frozen=True, slots=True)
class Keyed:
    """A principal, and its newest keys out of a keytab."""

    name: PrincipalName
    realm: str
    kvno: int
    keys: tuple[Key, ...]

    @property
    def principal(self) -> str:
        """Its full name."""
        return f"{self.name.text}@{self.realm}"


@dataclass(frozen=True, slots=True)
class Cached:
    """The tickets of somebody who has signed in."""

    cache: CredentialCache

    @property
    def realm(self) -> str:
        """The client's realm."""
        return self.cache.realm

    @property
    def principal(self) -> str:
        """The client's full name."""
        return f"{self.cache.default_principal.text}@{self.cache.realm}"


Holder = Keyed | Cached


def read_keytab(path: Path, principal: str = "", realm: str = "") -> Keyed:
    """Take a principal's keys out of a keytab, the first one's without a name; raises Failure or Fault."""
    try:
        entries = Keytab.decode(path.read_bytes()).entries
    except OSError as e:
        raise Failure(f"keytab {path}", e.strerror or str(e), "name a file that you may read") from e
    except WireError as e:
        raise Failure(f"keytab {path}", f"it is none: {e}", "bossa service keytab writes one") from e
    if not entries:
        raise Fault(Cause.PRINCIPAL, f"the keytab {path} is empty", "write it anew: bossa service keytab")
    if not principal:
        return _keyed(entries, entries[0].principal, realm or entries[0].realm)
    name, named = split(principal)
    return _keyed(entries, name, named or realm or _realm_of(entries, name))


def _realm_of(entries: tuple[KeytabEntry, ...], name: PrincipalName) -> str:
    """The realm that a keytab has a name in, else its first."""
    return next((one.realm for one in entries if one.principal.parts == name.parts), entries[0].realm)


def _keyed(entries: tuple[KeytabEntry, ...], name: PrincipalName, realm: str) -> Keyed:
    own = [one for one in entries if (one.principal.parts, one.realm) == (name.parts, realm)]
    if not own:
        raise _not_there(entries, name, realm)
    newest = max(one.kvno for one in own)
    usable = tuple(Key(one.key.etype, one.key.octets) for one in own if _is_usable(one, newest))
    if not usable:
        types = ", ".join(sorted({str(one.key.etype) for one in own}))
        why = f"the keytab has keys of {name.text}@{realm} of the types {types} only, none of them AES"
        raise Fault(Cause.ENCTYPE, why, "write the keytab anew with AES keys")
    return Keyed(name, realm, newest, usable)


def _is_usable(entry: KeytabEntry, newest: int) -> bool:
    return entry.kvno == newest and entry.key.etype in SUPPORTED


def _not_there(entries: tuple[KeytabEntry, ...], name: PrincipalName, realm: str) -> Fault:
    """Say what a keytab has in place of what is wanted."""
    wanted = f"{name.text}@{realm}"
    held = sorted({f"{one.principal.text}@{one.realm}" for one in entries})
    there = f"the keytab has no key of {wanted}"
    if near := next((one for one in held if one.casefold() == wanted.casefold()), ""):
        return Fault(Cause.PRINCIPAL, f"{there}, but of {near}: letter case counts", f"--principal {near}")
    if near := next((one for one in held if one.startswith(f"{name.text}@")), ""):
        why = f"{there}, but of {near}: a realm is not to be guessed from a zone's name"
        return Fault(Cause.REALM, why, f"--realm {near.rpartition('@')[2]}")
    return Fault(Cause.PRINCIPAL, f"{there}, but of {', '.join(held[:4])}", _SPELLING)


def read_ccache(path: Path) -> Cached:
    """Read a credential cache; raises Failure."""
    try:
        return Cached(CredentialCache.decode(path.read_bytes()))
    except FileNotFoundError as e:
        raise Failure(f"credential cache {path}", "it is not there", "kinit, or name a --keytab or a --key") from e
    except OSError as e:
        raise Failure(f"credential cache {path}", e.strerror or str(e), "name a file that you may read") from e
    except WireError as e:
        raise Failure(f"credential cache {path}", f"it is none: {e}", _KINIT, Exit.FAILED) from e


def describe(credential: Credential) -> str:
    """A ticket in words: to whom, under which version and type of key."""
    part = credential.open_ticket().enc_part
    known = part.etype in Enctype._value2member_map_
    etype = Enctype(part.etype).text if known else f"type {part.etype}"
    return f"{credential.server.text}@{credential.server_realm}, key version {part.kvno}, {etype}"


@dataclass(frozen=True, slots=True)
class SignIn:
    """Gets tickets for a holder; what goes wrong is a Fault."""

    holder: Holder
    line: KdcLine
    now: Callable[[], float]
    random: Callable[[int], bytes]

    def first(self) -> Credential:
        """Return the ticket-granting ticket; raises Fault, Failure or OSError."""
        holder = self.holder
        if isinstance(holder, Cached):
            return self._cached(holder)
        login = Login(holder.name, holder.realm, holder.keys)
        try:
            return self.line.talk(authenticate(login, _wishes(holder), self._setting()))
        except KdcSaid as said:
            raise _no_first(said, holder, int(self.now())) from said
        except KdcError as wrong:
            raise _disbelieved(wrong, f"version {holder.kvno} of the keytab's keys of {holder.principal}") from wrong

    def to(self, tgt: Credential, service: str, realm: str = "") -> Credential:
        """Return a ticket to a service; raises Fault, Failure or OSError."""
        name = PrincipalName.parse(service, NameType.SRV_HST)
        try:
            return self.line.talk(service_ticket(tgt, name, Wishes(), self._setting(), realm=realm))
        except KdcSaid as said:
            raise _no_service(said, service, realm or tgt.server_realm, int(self.now())) from said
        except KdcError as wrong:
            raise _disbelieved(wrong, f"the ticket of {self.holder.principal}") from wrong

    def _cached(self, holder: Cached) -> Credential:
        tickets = [one for one in holder.cache.tickets if one.server.parts == ("krbtgt", holder.realm)]
        if not tickets:
            raise Fault(Cause.TICKET, f"the cache of {holder.principal} has no ticket-granting ticket", _KINIT)
        newest = max(tickets, key=lambda one: one.times.endtime)
        if newest.times.endtime <= self.now():
            ago = int(self.now()) - newest.times.endtime
            raise Fault(Cause.TICKET, f"the ticket of {holder.principal} expired {ago} s ago by this clock", _KINIT)
        return newest

    def _setting(self) -> Setting:
        return Setting(self.now(), self.random)


def _wishes(holder: Keyed) -> Wishes:
    return Wishes(etypes=tuple(one.enctype for one in holder.keys))


def _no_first(said: KdcSaid, holder: Keyed, now: int) -> Fault:
    """Say why the KDC gives no first ticket for a key."""
    who = holder.principal
    if said.code in (KrbCode.C_PRINCIPAL_UNKNOWN, KrbCode.WRONG_REALM):
        why = f"{_said(said)}: the KDC of {holder.realm} knows no {who}"
        return Fault(Cause.PRINCIPAL, why, _SPELLING)
    if said.code in (KrbCode.PREAUTH_FAILED, KrbCode.BAD_INTEGRITY):
        why = f"{_said(said)}: version {holder.kvno} of the keytab's keys is not {who}'s any more"
        return Fault(Cause.KVNO, why, f"write the keytab anew; with bossa: bossa service keytab {holder.name.text}")
    return _refused(said, who, now)


def _no_service(said: KdcSaid, service: str, realm: str, now: int) -> Fault:
    """Say why the KDC gives no ticket to a service."""
    if said.code in (KrbCode.S_PRINCIPAL_UNKNOWN, KrbCode.NOT_US):
        why = f"{_said(said)}: the KDC of {realm} knows no {service}"
        fix = "the name is the primary's in the zone's SOA, and letter case counts; or name its realm with --realm"
        return Fault(Cause.PRINCIPAL, why, fix)
    return _refused(said, service, now)


def _refused(said: KdcSaid, who: str, now: int) -> Fault:
    """Say what any other word of the KDC means."""
    text = _said(said)
    if said.code == KrbCode.SKEW:
        theirs = said.error.stime if said.error is not None else now
        return Fault(Cause.CLOCK, f"{text}: the KDC's clock is {offset(theirs, now)} this one", _CLOCKS)
    if said.code == KrbCode.ETYPE_NOSUPP:
        return Fault(Cause.ENCTYPE, f"{text}: no encryption type in common for {who}", "give the account AES keys")
    if said.code in (KrbCode.TKT_EXPIRED, KrbCode.TKT_NYV, KrbCode.TGT_REVOKED):
        return Fault(Cause.TICKET, f"{text}: the KDC does not take the ticket", _KINIT)
    if said.code in (KrbCode.WRONG_REALM, KrbCode.NO_TGT, KrbCode.PATH_NOT_ACCEPTED):
        return Fault(Cause.REALM, f"{text}: the realm is another", "name it with --realm; a zone's name is no realm")
    if said.code in (KrbCode.CLIENT_REVOKED, KrbCode.NAME_EXP, KrbCode.KEY_EXPIRED):
        return Fault(Cause.PRINCIPAL, f"{text}: {who} may not sign in", "with bossa: bossa user show, user unlock")
    return Fault(Cause.TICKET, f"the KDC says {text} for {who}", "see the KDC's log")


def _said(said: KdcSaid) -> str:
    """The KDC's code, and its text where that says more."""
    code = KrbCode(said.code).name if said.code in KrbCode.__members__.values() else str(said.code)
    return code if said.text in ("", code) else f"{code} ({said.text})"


def _disbelieved(wrong: KdcError, what: str) -> Fault:
    """Say why a reply of the KDC is not to be believed."""
    cause = {KrbCode.SKEW: Cause.CLOCK, KrbCode.BAD_INTEGRITY: Cause.KVNO, KrbCode.ETYPE_NOSUPP: Cause.ENCTYPE}
    fix = _CLOCKS if wrong.code == KrbCode.SKEW else "see the KDC's log"
    return Fault(cause.get(wrong.code, Cause.TICKET), f"{wrong.reason} ({what})", fix)
