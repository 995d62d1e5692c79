"""Our reading of Kerberos' messages against another library's."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bossa.wire import WireError
from tests.props import der_oracle
from tests.props.krb_messages import MESSAGES

KINDS = pytest.mark.parametrize("kind", der_oracle.ORACLE, ids=lambda kind: kind.__name__)
# Of each of thirty kinds; how long one takes says only how busy the machine is.
FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def settled(tree):
    """An empty list and none at all are the same."""
    return tuple(map(settled, tree)) or None if isinstance(tree, tuple) else tree


@KINDS
@FEW
@given(data=st.data())
def test_what_we_write_the_other_reads_and_writes_the_same(kind, data):
    value = data.draw(MESSAGES[kind])
    octets = value.encode()
    tree, again = der_oracle.read(kind, octets)
    assert settled(tree) == settled(der_oracle.ours(value))
    assert again == octets


@KINDS
@FEW
@given(data=st.data())
def test_what_we_take_the_other_takes_for_the_same(kind, data):
    octets = bytearray(data.draw(MESSAGES[kind]).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        octets[data.draw(st.integers(0, len(octets) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    broken = bytes(octets)
    try:
        value = kind.decode(broken)
    except WireError:
        return
    tree, again = der_oracle.read(kind, broken)
    assert settled(tree) == settled(der_oracle.ours(value))
    assert again == broken
