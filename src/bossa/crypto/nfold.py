"""The n-fold of a string, which stretches or squeezes it to a given size.  RFC 3961 §5.1

Copies of the input, each turned 13 bits further to the right, are laid end
to end until input and output sizes both divide the length; the pieces of
output size are added with end-around carry.
"""

from __future__ import annotations

from math import lcm

_TURN = 13


def n_fold(data: bytes, size: int) -> bytes:
    """Fold ``data`` to ``size`` octets."""
    length = lcm(len(data), size)
    whole = b"".join(_turned(data, copy) for copy in range(length // len(data)))
    modulus = (1 << 8 * size) - 1
    total = sum(int.from_bytes(whole[at : at + size], "big") for at in range(0, length, size))
    # A carry out of the top is added at the bottom: that is arithmetic modulo 2**n - 1, but
    # for a sum that is a multiple of it, which stays all ones as it never carries to nothing.
    folded = total % modulus or (modulus if total else 0)
    return folded.to_bytes(size, "big")


def _turned(data: bytes, copy: int) -> bytes:
    """The string, turned right by 13 bits for each copy before it."""
    bits = 8 * len(data)
    turn = _TURN * copy % bits
    value = int.from_bytes(data, "big")
    return ((value >> turn | value << (bits - turn)) & ((1 << bits) - 1)).to_bytes(len(data), "big")
