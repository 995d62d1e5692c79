"""Whatever a resolver sends, it is no answer, or one that the client can read, with its own question, within its limit.

Run with ``python fuzz/fuzz_reply.py [CORPUS] [-runs=N]`` where atheris is installed.
"""

from __future__ import annotations

import sys

from bossa.dns.message import Edns, Message
from bossa.dns.relay import Asked, client_reply, read_answer

QUESTION = b"\x03wWw\x07example\x00\x00\x01\x00\x01"
CLIENTS = (Asked(1, 0x0100, QUESTION, None), Asked(1, 0x0110, QUESTION, Edns(1232, 0, True)))
LIMITS = (512, 1232, 65535)


def one_input(data: bytes) -> None:
    """Hold the invariant for one input: a message ID that is asked for, and what came."""
    message_id = int.from_bytes(data[:2], "big")
    for asked in CLIENTS:
        answer = read_answer(data, asked, message_id)
        for limit in LIMITS if answer is not None else ():
            assert answer is not None
            reply = client_reply(asked, answer, limit)
            read = Message.decode(reply)
            assert len(reply) <= limit and read.id == asked.id and reply[12 : 12 + len(QUESTION)] == QUESTION


if __name__ == "__main__":
    import atheris

    atheris.instrument_all()
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
