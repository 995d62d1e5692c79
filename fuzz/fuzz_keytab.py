"""Whatever a key table holds, it is refused as WireError, or what was read is read again from what is written.

Run with ``python fuzz/fuzz_keytab.py [CORPUS] [-runs=N]`` where atheris is installed.
"""

from __future__ import annotations

import sys

from bossa.krb.keytab import Keytab
from bossa.wire import WireError


def one_input(data: bytes) -> None:
    """Hold the invariant for one input."""
    try:
        table = Keytab.decode(data)
    except WireError:
        return
    assert Keytab.decode(table.encode()) == table
    for entry in table.entries:
        assert len(table.keys(entry.principal, entry.realm)) <= len(table.entries)


if __name__ == "__main__":
    import atheris

    atheris.instrument_all()
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
