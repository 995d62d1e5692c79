"""What /proc says about who had the cores."""

import os
import threading
import time

import pytest

from bossa.testing.bench.machine import CoreTime, Unfit, cpu_seconds, foreign, pss_bytes, threads, tree, watch

# user nice system idle iowait irq softirq steal guest guest_nice, in hundredths of a second.
STAT = """\
cpu  300 30 150 9000 40 4 60 8 0 0
cpu0 100 10 50 4500 20 2 30 3 0 0
cpu1 200 20 100 4500 20 2 30 5 0 0
intr 1
"""


def test_a_core_is_busy_with_programs_and_not_with_interrupts_or_idleness():
    assert CoreTime.parse(STAT, 1) == CoreTime(busy=3.2, stolen=0.05)


def test_a_core_that_is_not_there_makes_the_machine_unfit():
    with pytest.raises(Unfit):
        CoreTime.parse(STAT, 2)


def test_what_was_neither_ours_nor_idle_is_foreign():
    assert foreign(CoreTime(1.0, 0.0), CoreTime(2.9, 0.0), own=1.8, elapsed=2.0) == pytest.approx(0.05)


def test_time_that_the_host_took_is_foreign():
    assert foreign(CoreTime(1.0, 0.1), CoreTime(3.0, 0.3), own=2.0, elapsed=2.0) == pytest.approx(0.1)


def test_a_tick_too_few_is_not_a_negative_share():
    assert foreign(CoreTime(1.0, 0.0), CoreTime(2.9, 0.0), own=2.0, elapsed=2.0) == 0.0


def test_a_tree_has_its_root_and_our_threads_have_used_time():
    assert tree(os.getpid())[0] == os.getpid()
    assert threading.get_native_id() in {int(task.name) for task in threads([os.getpid()])}
    assert cpu_seconds([os.getpid()]) > 0


def test_a_process_that_has_ended_has_no_threads():
    process = os.posix_spawn("/bin/true", ["true"], {})
    os.waitpid(process, 0)
    assert threads([process]) == []


def test_this_process_has_memory():
    assert pss_bytes(os.getpid()) > 1 << 20


def test_watching_tells_what_the_server_used():
    def burn() -> int:
        begin = time.process_time()
        while time.process_time() - begin < 0.05:
            pass
        return 7

    result, costs = watch([os.getpid()], burn)
    assert result == 7
    assert 0.04 < costs.cpu <= costs.seconds + 0.05
    assert costs.sample(100).work == 100
