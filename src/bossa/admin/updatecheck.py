"""``bossa check``, the round of a machine: it joins, signs in, changes its own name under its ticket, and is gone.

The steps in the middle are those of ``bossa dns probe``.
"""

from __future__ import annotations

from collections.abc import Iterator

from bossa.admin import hosts, words
from bossa.admin.check import CheckLine, Target, step
from bossa.admin.errors import Exit, Failure
from bossa.admin.kdcline import KdcLine
from bossa.admin.probe import Plan, Probe
from bossa.admin.services import ServiceKeys
from bossa.admin.session import Means as SessionMeans
from bossa.admin.session import StepLine, Whom
from bossa.admin.signin import Keyed
from bossa.admin.ticketcheck import Means, Realm
from bossa.crypto.enctypes import Key
from bossa.krb.names import PrincipalName
from bossa.net import ask


class UpdateCheck:
    """One run of all the steps."""

    def __init__(self, realm: Realm, target: Target, means: Means) -> None:
        self._realm = realm
        self._target = target
        self._means = means
        self._host = f"check-{means.random(4).hex()}.{realm.domain}"
        self._keys: ServiceKeys | None = None

    def run(self) -> Iterator[CheckLine]:
        """Do the steps, each a line as soon as it is done; the account goes, whatever happened between."""
        watch = self._means.stopwatch
        yield step(watch, f"host {self._host} joins", self._join)
        if self._keys is not None:
            yield from map(_line, self._probe(self._keys).run())
        yield step(watch, f"host {self._host} is gone", self._remove)

    def _join(self) -> None:
        self._keys = self._means.call(hosts.host_join, hosts.HostNamed(self._host))

    def _remove(self) -> None:
        try:
            self._means.call(hosts.host_remove, hosts.HostNamed(self._host))
        except Failure as e:
            # It was not there.
            if e.exit is not Exit.REFUSED:
                raise

    def _probe(self, keys: ServiceKeys) -> Probe:
        means, name = self._means, PrincipalName.parse(keys.account)
        holder = Keyed(name, keys.realm, keys.kvno, tuple(Key(enctype, octets) for enctype, octets in keys.keys))
        line = KdcLine(lambda realm: self._realm.addresses, means.udp, means.tcp)
        sockets = SessionMeans(ask.udp, ask.tcp, line, means.now, means.stopwatch, means.random)
        plan = Plan(self._target.domain, words.absolute(self._host))
        return Probe(plan, Whom(self._target.addresses[0], holder), sockets)


def _line(one: StepLine) -> CheckLine:
    """A step of the tester as a line of the check."""
    return CheckLine(what=one.what, state=one.state, milliseconds=one.milliseconds, why=one.why, fix=one.fix)
