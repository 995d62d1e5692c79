"""Whatever a credential cache holds, it is refused as WireError, or what was read is read again from what is written.

Run with ``python fuzz/fuzz_ccache.py [CORPUS] [-runs=N]`` where atheris is installed.
"""

from __future__ import annotations

import contextlib
import sys

from bossa.krb.ccache import CredentialCache
from bossa.wire import WireError


def one_input(data: bytes) -> None:
    """Hold the invariant for one input."""
    try:
        cache = CredentialCache.decode(data)
    except WireError:
        return
    assert CredentialCache.decode(cache.encode()) == cache
    for item in cache.tickets:
        with contextlib.suppress(WireError):
            assert item.open_ticket().encode() == item.ticket


if __name__ == "__main__":
    import atheris

    atheris.instrument_all()
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
