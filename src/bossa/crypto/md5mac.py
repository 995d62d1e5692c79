"""The checksum HMAC_MD5 (-138), which PA-FOR-USER carries whatever the key's type.  RFC 4757 §4, [MS-SFU] 2.2.1

MD5 serves here as the format asks, never as our choice: on a machine where
policy forbids MD5 for security, it has to be asked for by another name.
"""

from __future__ import annotations

import hashlib
import hmac
from functools import partial

SIZE = 16

_md5 = partial(hashlib.md5, usedforsecurity=False)

# Usages that Windows numbers otherwise.  RFC 4757 §3
_USAGES = {3: 8, 9: 8, 23: 13}


def hmac_md5_checksum(key: bytes, usage: int, data: bytes) -> bytes:
    """Compute the checksum of ``data`` under a key of any size."""
    signing = hmac.new(key, b"signaturekey\x00", _md5).digest()
    summed = _md5(_USAGES.get(usage, usage).to_bytes(4, "little") + data).digest()
    return hmac.new(signing, summed, _md5).digest()
