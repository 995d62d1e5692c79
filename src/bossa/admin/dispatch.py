"""From a call on the control socket to its verb, and from what the verb raised to an answer.

Importing this module registers every verb.
"""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from bossa.admin import (
    cache,
    delegations,
    groups,
    hosts,
    keys,
    policies,
    records,
    scavenging,
    secondaries,
    services,
    trusts,
    upkeep,
    users,
    zones,
)
from bossa.admin.errors import Exit, Failure, nearest
from bossa.admin.office import VERBS, Office, Verb
from bossa.admin.ports import Line
from bossa.directory.errors import ChangeRefused
from bossa.directory.ports import DirectoryFailed
from bossa.dns.errors import Refused, StoreFailed
from bossa.net.frames import Reply, Trouble

ROOMS = (
    cache,
    delegations,
    groups,
    hosts,
    keys,
    policies,
    records,
    scavenging,
    secondaries,
    services,
    trusts,
    upkeep,
    users,
    zones,
)
_REFUSED_FIX = "bossa zone list shows what there is"
_OTHER_VERSION = "if bossa was upgraded, restart the server"


class Asked(Line, Protocol):
    """A call to be answered: :class:`bossa.net.control.Call`, or a command's own."""

    @property
    def verb(self) -> str:
        """The verb's name, such as "zone.add"."""

    @property
    def args(self) -> bytes:
        """The arguments in MessagePack."""


async def answer(office: Office, call: Asked) -> Reply:
    """Run the verb a call names; whatever the operator can do something about becomes an error reply."""
    try:
        found = _find(call.verb)
        result = await found(office, _decode(found, call.args), call)
    except Failure as e:
        return Reply(error=Trouble(e.what, e.why, e.fix, e.exit))
    except Refused as e:
        return Reply(error=Trouble(_words(call), e.reason, _REFUSED_FIX, Exit.REFUSED))
    except ChangeRefused as e:
        fix = f"bossa {call.verb.partition('.')[0]} list shows what there is"
        return Reply(error=Trouble(_words(call), e.reason, fix, Exit.REFUSED))
    except (StoreFailed, DirectoryFailed) as e:
        fix = "make room on the disk of the data directory, then ask again"
        return Reply(error=Trouble(_words(call), f"the store did not take it: {e}", fix, Exit.UNREACHABLE))
    except ConnectionError:
        # The caller's line, not our disk.
        raise
    except OSError as e:
        why = f"{e.strerror or e}" + (f" ({e.filename})" if e.filename else "")
        fix = "make room on the disk of the data directory, and see who owns it"
        return Reply(error=Trouble(_words(call), why, fix, Exit.FAILED))
    return Reply(ok=msgspec.msgpack.encode(result))


def _words(call: Asked) -> str:
    return call.verb.replace(".", " ")


def _find(name: str) -> Verb[Any, Any]:
    if (found := VERBS.get(name)) is not None:
        return found
    hint = nearest(name, VERBS)
    why = f"no such verb; {hint}" if hint else "no such verb"
    raise Failure(name, why, _OTHER_VERSION, Exit.USAGE)


def _decode(found: Verb[Any, Any], args: bytes) -> msgspec.Struct:
    try:
        decoded: msgspec.Struct = msgspec.msgpack.decode(args, type=found.args)
    except msgspec.DecodeError as e:
        raise Failure(found.name, f"its arguments are not understood: {e}", _OTHER_VERSION, Exit.USAGE) from e
    return decoded
