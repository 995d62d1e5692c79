"""A host's own names, kept under its own ticket: what ``bossa host join`` does once and ``host refresh`` from a timer.

The forward name has to succeed.  The way back (PTR) is a warning where it
does not: the reverse zone may be somebody else's, or keep itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from bossa.admin import words
from bossa.admin.session import Means, Session, StepLine, Whom
from bossa.dns import names
from bossa.dns.probe.finding import find_zone
from bossa.dns.probe.registration import Address, point_back, register


@dataclass(frozen=True, slots=True)
class Host:
    """A host: its name (a key), and its addresses."""

    name: bytes
    addresses: Sequence[Address]


class Registration:
    """One host registered at one server."""

    def __init__(self, host: Host, whom: Whom, means: Means) -> None:
        self._host = host
        self._session = Session(whom, means)

    def run(self) -> Iterator[StepLine]:
        """Do the steps, each a line as soon as it is done; the first that fails ends them."""
        session, host = self._session, self._host
        yield from session.opening(host.name, exactly=False)
        if not session.is_open:
            return
        shown = ", ".join(map(str, host.addresses))
        line = session.step(f"{words.plain(host.name)} registered", partial(self._register, shown))
        yield line
        if line.state != "failed":
            for address in host.addresses:
                yield session.step(f"{address} leads back to it", partial(self._point_back, address)).only_a_warning()
        yield from session.closing()

    def _register(self, shown: str) -> str:
        session, host = self._session, self._host
        assert session.found is not None, "the session is open"
        session.talk(register(host.name, session.found.zone, host.addresses, session.signer, session.setting))
        return shown

    def _point_back(self, address: Address) -> str:
        session = self._session
        found = session.talk(find_zone(names.reverse(str(address)), session.setting))
        session.talk(point_back(self._host.name, found.zone, address, session.signer, session.setting))
        return ""
