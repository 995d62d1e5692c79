"""Record types, classes and opcodes by number and by name.

The IANA registry "Domain Name System (DNS) Parameters"; RFC 3597 §5 for the
spelling ``TYPE123`` and ``CLASS32`` of those without a name here.
"""

from __future__ import annotations

from enum import IntEnum

IN = 1
CH = 3
HS = 4
CLASS_NONE = 254
CLASS_ANY = 255

A = 1
NS = 2
CNAME = 5
SOA = 6
PTR = 12
HINFO = 13
MX = 15
TXT = 16
KEY = 25
AAAA = 28
SRV = 33
DNAME = 39
OPT = 41
DS = 43
SSHFP = 44
RRSIG = 46
NSEC = 47
DNSKEY = 48
NSEC3 = 50
NSEC3PARAM = 51
CDS = 59
CDNSKEY = 60
CSYNC = 62
HTTPS = 65
TKEY = 249
TSIG = 250
IXFR = 251
AXFR = 252
MAILB = 253
MAILA = 254
ANY = 255

# What a name has one record of.  RFC 1034 §3.6.2, RFC 6672 §2.4
SINGLE = frozenset((CNAME, DNAME))
# What may stand beside a CNAME.  RFC 4035 §2.5; for KEY RFC 3007 §3.1.1
BESIDE_CNAME = frozenset((CNAME, RRSIG, NSEC, KEY))
# What a signer makes.  No zone takes these in: the first change would make its signatures wrong.
MADE_BY_SIGNING = frozenset((RRSIG, NSEC, DNSKEY, NSEC3, NSEC3PARAM))

_TYPES = {
    "A": 1, "NS": 2, "MD": 3, "MF": 4, "CNAME": 5, "SOA": 6, "MB": 7, "MG": 8, "MR": 9,
    "NULL": 10, "WKS": 11, "PTR": 12, "HINFO": 13, "MINFO": 14, "MX": 15, "TXT": 16,
    "RP": 17, "AFSDB": 18, "X25": 19, "ISDN": 20, "RT": 21, "NSAP": 22, "NSAP-PTR": 23, "SIG": 24, "KEY": 25,
    "PX": 26, "GPOS": 27, "AAAA": 28, "LOC": 29, "NXT": 30, "SRV": 33, "NAPTR": 35, "KX": 36,
    "CERT": 37, "A6": 38, "DNAME": 39, "OPT": 41, "APL": 42, "DS": 43, "SSHFP": 44, "IPSECKEY": 45,
    "RRSIG": 46, "NSEC": 47, "DNSKEY": 48, "DHCID": 49, "NSEC3": 50, "NSEC3PARAM": 51,
    "TLSA": 52, "SMIMEA": 53, "HIP": 55, "CDS": 59, "CDNSKEY": 60, "OPENPGPKEY": 61,
    "CSYNC": 62, "ZONEMD": 63, "SVCB": 64, "HTTPS": 65, "SPF": 99, "NID": 104, "L32": 105,
    "L64": 106, "LP": 107, "EUI48": 108, "EUI64": 109, "TKEY": 249, "TSIG": 250, "IXFR": 251,
    "AXFR": 252, "MAILB": 253, "MAILA": 254, "ANY": 255, "URI": 256, "CAA": 257, "AVC": 258,
    "AMTRELAY": 260, "RESINFO": 261, "WALLET": 262,
}  # fmt: skip
_TYPE_NAMES = {number: name for name, number in _TYPES.items()}
_CLASSES = {"IN": IN, "CH": CH, "HS": HS, "NONE": CLASS_NONE, "ANY": CLASS_ANY}
_CLASS_NAMES = {number: name for name, number in _CLASSES.items()}


class Opcode(IntEnum):
    """What a message asks for.  RFC 6895 §2.2"""

    QUERY = 0
    IQUERY = 1
    STATUS = 2
    NOTIFY = 4
    UPDATE = 5


def is_meta(rtype: int) -> bool:
    """Tell whether the type is for questions or pseudo-records only.  RFC 6895 §3.1"""
    return rtype == OPT or 128 <= rtype <= 255 or rtype == 0


def signing_fault(rtype: int) -> str:
    """Say why a type of MADE_BY_SIGNING is not taken."""
    return f"{type_text(rtype)} is of a signed zone: bossa has no DNSSEC"


def type_text(rtype: int) -> str:
    """Return the mnemonic, or ``TYPE123``."""
    return _TYPE_NAMES.get(rtype) or f"TYPE{rtype}"


def type_number(text: str) -> int:
    """Return the number of a mnemonic in any case, or of ``TYPE123``; raises ValueError."""
    return _number(text, _TYPES, "TYPE", "record type")


def class_text(rclass: int) -> str:
    """Return the mnemonic, or ``CLASS123``."""
    return _CLASS_NAMES.get(rclass) or f"CLASS{rclass}"


def class_number(text: str) -> int:
    """Return the number of a class mnemonic in any case, or of ``CLASS123``; raises ValueError."""
    return _number(text, _CLASSES, "CLASS", "class")


def _number(text: str, table: dict[str, int], prefix: str, what: str) -> int:
    upper = text.upper()
    if (number := table.get(upper)) is not None:
        return number
    digits = upper.removeprefix(prefix)
    if digits != upper and digits.isascii() and digits.isdigit() and int(digits) < 0x10000:
        return int(digits)
    raise ValueError(f"{text!r} is no {what}")
