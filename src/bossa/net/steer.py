"""Which of the sockets that share a UDP port gets a datagram, decided in the kernel.

Of the sockets of one port the last is for DNS messages of any opcode but QUERY
(RFC 1035 §4.1.1), which only the owner can answer; queries are spread over the
others at random.  A program of classic BPF (bpf(4), socket(7)
SO_ATTACH_REUSEPORT_CBPF) that reads one octet of the datagram.
"""

from __future__ import annotations

import ctypes
import socket
from struct import Struct

_SO_ATTACH_REUSEPORT_CBPF = 51
_INSTRUCTION = Struct("=HBBI")
_PROGRAM = Struct("@HP")
# Instructions, <linux/bpf_common.h>: load an octet or a word, and, remainder, jump if equal, return.
_LOAD_OCTET, _LOAD_WORD, _AND, _MODULO, _JUMP_EQUAL, _RETURN, _RETURN_A = 0x30, 0x20, 0x54, 0x94, 0x15, 0x06, 0x16
# Where a program reads a random number, <linux/filter.h>: SKF_AD_OFF + SKF_AD_RANDOM.
_RANDOM = 0xFFFFF000 + 56
_FLAGS_AT, _OPCODE = 2, 0x78


def steer(sock: socket.socket, workers: int) -> bool:
    """Send queries to the first ``workers`` sockets of this one's port, and all else to the one behind them.

    Tell whether the kernel took it.  A datagram too short to have an opcode goes to the first.
    """
    program = b"".join(
        _INSTRUCTION.pack(*instruction)
        for instruction in (
            (_LOAD_OCTET, 0, 0, _FLAGS_AT),
            (_AND, 0, 0, _OPCODE),
            (_JUMP_EQUAL, 1, 0, 0),
            (_RETURN, 0, 0, workers),
            (_LOAD_WORD, 0, 0, _RANDOM),
            (_MODULO, 0, 0, workers),
            (_RETURN_A, 0, 0, 0),
        )
    )
    buffer = ctypes.create_string_buffer(program, len(program))
    filter_ = _PROGRAM.pack(len(program) // _INSTRUCTION.size, ctypes.addressof(buffer))
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_REUSEPORT_CBPF, filter_)
    except OSError:
        return False
    return True
