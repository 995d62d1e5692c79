r"""The names of principals, as text and as parts.

RFC 4120 §6.1 and §6.2 (realms, name types), RFC 6806 §5 (enterprise
names), RFC 6111 (well-known names).  As text the parts are joined with
``/``; inside a part ``/``, ``@`` and ``\`` carry a backslash before them.
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import NamedTuple


class NameType(IntEnum):
    """What kind of name it is; only a hint.  RFC 4120 §6.2"""

    UNKNOWN = 0
    PRINCIPAL = 1
    SRV_INST = 2
    SRV_HST = 3
    SRV_XHST = 4
    UID = 5
    X500_PRINCIPAL = 6
    SMTP_NAME = 7
    ENTERPRISE = 10
    WELLKNOWN = 11
    SRV_HST_DOMAIN = 12
    MS_PRINCIPAL = -128
    MS_PRINCIPAL_AND_ID = -129
    ENT_PRINCIPAL_AND_ID = -130


_PIECES = re.compile(r"\\(.)|([/@])|([^\\/@]+|\\)", re.DOTALL)


class PrincipalName(NamedTuple):
    """A name inside a realm: its type and its parts.  RFC 4120 §5.2.2"""

    type: int
    parts: tuple[str, ...]

    @property
    def text(self) -> str:
        """The name as people write it, ``HTTP/web.bossa.test``."""
        plain = "/".join(self.parts)
        if "@" not in plain and "\\" not in plain and plain.count("/") == len(self.parts) - 1:
            return plain
        return "/".join(part.replace("\\", r"\\").replace("/", r"\/").replace("@", r"\@") for part in self.parts)

    @classmethod
    def parse(cls, text: str, type: int = NameType.PRINCIPAL) -> PrincipalName:
        """Read a name without a realm; an enterprise name is one part whatever it holds."""
        if type == NameType.ENTERPRISE:
            return cls(type, (text,))
        name, realm = split(text, type)
        if realm:
            raise ValueError(f"{text!r} names a realm")
        return name


def split(text: str, type: int = NameType.PRINCIPAL) -> tuple[PrincipalName, str]:
    """Read ``a/b@REALM``; the realm is empty when none is named."""
    fields, signs = [""], [""]
    for escaped, sign, plain in _PIECES.findall(text):
        if sign == "@" or (sign and "@" not in signs):
            fields.append("")
            signs.append(sign)
        else:
            fields[-1] += escaped or plain or sign
    if "@" not in signs:
        return PrincipalName(type, tuple(fields)), ""
    if signs[-1] != "@" or signs.count("@") > 1:
        raise ValueError(f"{text!r} names more than one realm")
    return PrincipalName(type, tuple(fields[:-1])), fields[-1]


def krbtgt(realm: str) -> PrincipalName:
    """The name of the ticket-granting service that leads to ``realm``.  RFC 4120 §7.3"""
    return PrincipalName(NameType.SRV_INST, ("krbtgt", realm))


ANONYMOUS = PrincipalName(NameType.WELLKNOWN, ("WELLKNOWN", "ANONYMOUS"))
ANONYMOUS_REALM = "WELLKNOWN:ANONYMOUS"
