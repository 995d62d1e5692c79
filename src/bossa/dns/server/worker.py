"""A query worker: looks prepared answers up, and gives the rest to the owner.

A program of its own: ``python -m bossa.dns.server.worker EDNS_SIZE MEMORY FILE…``, with as few imports as can be.
"""

from __future__ import annotations

import sys
import time

from bossa.dns.server.desk import Clocks, Desk, Sizes
from bossa.workers.loop import serve


def main(arguments: list[str]) -> None:
    """Run a worker on inherited sockets."""
    edns_size, memory, *files = arguments
    desk = Desk(Sizes(int(edns_size), int(memory)), Clocks(time.time, time.monotonic))
    serve(desk, files)


if __name__ == "__main__":
    main(sys.argv[1:])
