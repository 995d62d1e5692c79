"""Ask MIT's libkrb5 what it makes of a ticket's encrypted part; run as a program of its own, with its libraries.

Reads one JSON object from standard input and prints the error codes of the
library, 0 for none.
"""

from __future__ import annotations

import ctypes as c
import json
import sys


class Data(c.Structure):
    """A krb5_data."""

    _fields_ = (("magic", c.c_int32), ("length", c.c_uint), ("data", c.c_char_p))


class KeyBlock(c.Structure):
    """A krb5_keyblock."""

    _fields_ = (("magic", c.c_int32), ("enctype", c.c_int32), ("length", c.c_uint), ("contents", c.c_char_p))


class Library:
    """The calls of libkrb5 that concern PACs."""

    def __init__(self) -> None:
        self.krb5 = c.CDLL("libkrb5.so.3")
        self.context = c.c_void_p()
        if self.krb5.krb5_init_context(c.byref(self.context)):
            raise OSError("libkrb5 does not start")

    def name(self, text: str) -> c.c_void_p:
        """Read a principal's name."""
        found = c.c_void_p()
        self.krb5.krb5_parse_name(self.context, text.encode(), c.byref(found))
        return found

    def verify_pac(self, asked: dict[str, str], authtime: int) -> int:
        """Say whether server signature, KDC signature and CLIENT_INFO hold, as an acceptor and a KDC check them."""
        raw, pac = bytes.fromhex(asked["pac"]), c.c_void_p()
        code = self.krb5.krb5_pac_parse(self.context, raw, c.c_size_t(len(raw)), c.byref(pac))
        return code or self.krb5.krb5_pac_verify(
            self.context,
            pac,
            c.c_int32(authtime),
            self.name(asked["client"]),
            c.byref(key(asked["server_key"])),
            c.byref(key(asked["kdc_key"])),
        )

    def verify_ticket(self, asked: dict[str, str]) -> int:
        """Say whether all signatures of a ticket hold, as MIT's KDC checks evidence."""
        raw, part, pac = bytes.fromhex(asked["part"]), c.c_void_p(), c.c_void_p()
        code = self.krb5.decode_krb5_enc_tkt_part(c.byref(Data(0, len(raw), raw)), c.byref(part))
        return code or self.krb5.krb5_kdc_verify_ticket(
            self.context,
            part,
            self.name(asked["service"]),
            c.byref(key(asked["server_key"])),
            c.byref(key(asked["kdc_key"])),
            c.byref(pac),
        )


def key(text: str) -> KeyBlock:
    """Read ``18 001122…``."""
    enctype, octets = text.split()
    return KeyBlock(0, int(enctype), len(octets) // 2, bytes.fromhex(octets))


if __name__ == "__main__":
    said = json.load(sys.stdin)
    library = Library()
    print(library.verify_pac(said, int(said["authtime"])), library.verify_ticket(said))
