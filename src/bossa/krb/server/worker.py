"""A KDC worker: issues tickets, and gives the rest to the owner.

A program of its own: ``python -m bossa.krb.server.worker FILE…``.  The master
key comes to it over the owner's orders.
"""

from __future__ import annotations

import os
import sys
import time

from bossa.krb.server.desk import KdcDesk
from bossa.workers.loop import serve


def main(arguments: list[str]) -> None:
    """Run a worker on inherited sockets."""
    serve(KdcDesk(time.time, os.urandom), arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
