"""Log events: one line each, without secrets, and not too many of a kind."""

import io
import json
import logging
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from bossa.observe import log as log_module
from bossa.observe.events import MAX_TEXT, Event, is_secret, plain, plain_fields, visible
from bossa.observe.limit import Limit
from bossa.observe.log import BUFFERED, Log
from bossa.observe.render import writer

HOSTILE = "a\n2026-01-01 00:00:00 [info] update accepted\r\x1b[2J\x9b31m\u2028\u202e\x00\x7f.test"


class Bench:
    """A log with a clock and a timer that the test moves, on a stream in memory."""

    def __init__(self, format="console", level="info", per_second=3):
        self.now = 1000.0
        self.timers = []
        self.stream = io.StringIO()
        self.log = Log(lambda: self.now, lambda seconds, call: self.timers.append((seconds, call)), per_second)
        self.log.open(writer(format, self.stream), level)

    def info(self, text, **fields):
        self.log.event("info", text, fields)

    @property
    def lines(self):
        return self.stream.getvalue().splitlines()

    @property
    def objects(self):
        return [json.loads(line) for line in self.stream.getvalue().split("\n") if line]


def test_an_event_is_one_line_with_its_fields_in_their_order():
    bench = Bench()
    bench.info("update refused", client="192.0.2.7:4242", key="ddns.", offset=-3, rule="no rule matches")
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} \[info *\] update refused +"
        r"client=192.0.2.7:4242 key=ddns\. offset=-3 rule='no rule matches'",
        bench.lines[0],
    )


def test_machines_get_json_with_the_time_in_utc():
    bench = Bench("json")
    bench.info("update refused", client="192.0.2.7:4242", offset=-3, rule=None, types=("A", "MX"))
    assert bench.stream.getvalue().startswith('{"timestamp": "1970-01-01T00:16:40.000Z", "level": "info", "event": ')
    assert bench.objects == [
        {
            "timestamp": "1970-01-01T00:16:40.000Z",
            "level": "info",
            "event": "update refused",
            "client": "192.0.2.7:4242",
            "offset": -3,
            "rule": None,
            "types": ["A", "MX"],
        }
    ]


@pytest.mark.parametrize("format", ["console", "json"])
def test_a_hostile_name_writes_neither_a_second_line_nor_to_the_terminal(format):
    bench = Bench(format)
    bench.info(HOSTILE, name=HOSTILE, several=[HOSTILE], table={HOSTILE: HOSTILE}, **{HOSTILE: 1})
    text = bench.stream.getvalue()
    assert text.endswith("\n")
    line = text[:-1].replace("\x7f", "") if format == "json" else text[:-1]
    assert line.isprintable()
    if format == "json":
        assert bench.objects[0]["name"] == HOSTILE


def test_a_traceback_of_hostile_text_is_set_in_for_people():
    bench = Bench()
    try:
        raise ValueError(HOSTILE)
    except ValueError as e:
        bench.log.event("error", "bug", {}, e)
    text = bench.stream.getvalue()
    first, *rest = text.split("\n")[:-1]
    assert "bug" in first
    assert all(line.startswith("    | ") and line.isprintable() for line in rest)


def test_a_traceback_is_one_string_for_machines():
    bench = Bench("json")
    try:
        raise ValueError("what")
    except ValueError as e:
        bench.log.event("error", "bug", {}, e)
    assert bench.objects[0]["exception"].endswith("ValueError: what")


@pytest.mark.parametrize(
    "name",
    (
        *("secret", "tsig_secret", "SECRET_KEY", "password", "new_password", "PASSWD", "token", "sessionToken"),
        *("key_material", "master_keytab", "cookie", "mac", "sealed"),
    ),
)
@pytest.mark.parametrize("format", ["console", "json"])
def test_fields_that_may_hold_secrets_are_never_written(name, format):
    bench = Bench(format)
    bench.info("key added", **{name: "c2VjcmV0"}, deep={"a": [{name: "c2VjcmV0"}]})
    assert "c2VjcmV0" not in bench.stream.getvalue()
    assert "(secret)" in bench.stream.getvalue()


@pytest.mark.parametrize("name", ["key", "algorithm", "client", "machine", "tokenize", "zone", "keys"])
def test_ordinary_field_names_are_no_secrets(name):
    assert not is_secret(name)


class Sealed(msgspec.Struct):
    name: str
    value: str


@dataclass
class Plain:
    value: str


class Address(NamedTuple):
    host: str
    value: str

    def __str__(self):
        return self.host


class Unnamed(NamedTuple):
    value: str


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (b"c2VjcmV0", "<8 octets>"),
        (bytearray(b"c2VjcmV0"), "<8 octets>"),
        (Sealed("n", "c2VjcmV0"), "<Sealed>"),
        (Plain("c2VjcmV0"), "<Plain>"),
        (Unnamed("c2VjcmV0"), "<Unnamed>"),
        (Address("::1", "c2VjcmV0"), "::1"),
        (Path("/data"), "/data"),
        (float("nan"), "nan"),
        (Path, "<type>"),
        (OSError(28, "No space left on device"), "[Errno 28] No space left on device"),
        ({"a": (1, b"c2VjcmV0")}, {"a": [1, "<8 octets>"]}),
        ("x" * 1000, "x" * (MAX_TEXT - 1) + "…"),
        ([[[[[["c2VjcmV0"]]]]]], [[[["<list>"]]]]),
    ],
)
def test_octets_and_records_of_fields_are_not_shown(value, shown):
    assert plain(value) == shown


def test_long_lists_are_cut():
    assert len(plain(list(range(100_000)))) == 50


def test_fields_do_not_take_the_renderers_own_names():
    assert plain_fields({"event": 1, "level": 2, "timestamp": 3, "exc_info": 4}) == {
        "event_": 1,
        "level_": 2,
        "timestamp_": 3,
        "exc_info_": 4,
    }
    bench = Bench()
    bench.log.event("info", "x", {"event": 1, "level": 2, "self": 3, "logger": 4, "method_name": 5})
    assert "event_=1 level_=2 self=3 logger_=4 method_name=5" in bench.lines[0]


def test_more_than_the_limit_of_one_kind_become_one_line():
    bench = Bench()
    for n in range(815):
        bench.info("update refused", n=n)
    bench.info("zone added", zone="a.")
    assert len(bench.lines) == 4
    assert len(bench.timers) == 1
    seconds, call = bench.timers[0]
    assert seconds == 1.0
    call()
    assert bench.lines[-1].endswith("update refused … 812 more")
    assert bench.log.counts == {"info": 816, "held back": 812}


def test_after_a_second_events_of_that_kind_are_written_again():
    bench = Bench("json")
    for second in (0, 1):
        bench.now = 1000.5 + second
        for _ in range(5):
            bench.info("update refused")
    assert [o.get("more") for o in bench.objects] == [None] * 6
    bench.timers[0][1]()
    assert bench.objects[-1]["more"] == 4
    bench.info("update refused")
    assert len(bench.timers) == 2


def test_what_has_to_be_there_is_held_back_by_no_flood():
    bench = Bench()
    for n in range(50):
        bench.info("ticket delegated", n=n)
    for n in range(50):
        bench.log.record("info", "ticket delegated", {"by": n})
    assert [f"by={n}" in line for n, line in enumerate(bench.lines[-50:])] == [True] * 50
    assert bench.log.counts == {"info": 100, "held back": 47}


def test_the_limit_keeps_a_bounded_table():
    limit = Limit(1)
    for n in range(5000):
        limit.admit(n, 1.0)
        limit.admit(n, 1.0)
    assert len(limit._counts) <= 1000
    assert len(limit.held_back()) <= 1000


def test_events_wait_in_memory_until_the_log_opens():
    bench = Bench("json")
    waiting = Log(lambda: bench.now, lambda *_: None, 100_000)
    waiting.event("debug", "detail", {})
    for n in range(BUFFERED + 10):
        waiting.event("info", "early", {"n": n})
    bench.now = 2000.0
    waiting.open(writer("json", bench.stream), "info")
    waiting.event("info", "late", {})
    texts = [(o["event"], o.get("n"), o.get("count")) for o in bench.objects]
    assert texts[0] == ("early", 0, None)
    assert bench.objects[0]["timestamp"] == "1970-01-01T00:16:40.000Z"
    assert texts[-3:] == [
        ("early", BUFFERED - 2, None),
        ("events lost before the log was open", None, 11),
        ("late", None, None),
    ]


def test_events_below_the_level_are_not_written():
    bench = Bench(level="warning")
    bench.info("x")
    bench.log.event("warning", "y", {})
    assert len(bench.lines) == 1


def test_closing_writes_what_was_held_back():
    bench = Bench()
    for _ in range(10):
        bench.info("update refused")
    assert bench.log.close() == []
    assert bench.lines[-1].endswith("… 7 more")


def test_a_stream_that_fails_does_not_stop_the_server():
    class Gone(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    write = writer("console", Gone())
    write(Event(0.0, "info", "x", {}))
    closed = io.StringIO()
    write = writer("json", closed)
    closed.close()
    write(Event(0.0, "info", "x", {}))


def test_visible_leaves_ordinary_text_alone():
    assert visible("Grüße, 世界 \\032") == "Grüße, 世界 \\032"
    assert visible("\udc80") == "\\udc80"


def test_messages_of_libraries_become_events():
    bench = Bench("json")
    handler = log_module._FromLogging()
    before, log_module._log = log_module._log, bench.log
    try:
        handler.handle(logging.LogRecord("asyncio", logging.ERROR, "f", 1, "Task\n%s", ("x",), None))
    finally:
        log_module._log = before
    assert bench.objects[0]["message"] == "Task\nx"
    assert (bench.objects[0]["level"], bench.objects[0]["source"]) == ("error", "asyncio")


def run(script):
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)


def test_structlog_is_not_loaded_before_the_log_starts():
    script = """
import sys
from bossa.observe import log, metrics
log.info("early", n=1)
assert not {"structlog", "rich", "prometheus_client"} & set(sys.modules)
log.start("json", "info")
log.error("late", exc=KeyError("k"))
log.stop()
"""
    done = run(script)
    assert done.stdout == ""
    assert [json.loads(line)["event"] for line in done.stderr.splitlines()] == ["early", "late"]


def test_a_log_that_never_started_tells_only_what_a_person_has_to_know():
    script = 'from bossa.observe import log; log.info("fine"); log.warning("bad", name="a\\nb"); log.stop()'
    assert run(script).stderr == "warning: bad name=a\\nb\n"


def test_many_threads_write_whole_lines():
    script = """
import threading
from bossa.observe import log
log._log._limit.per_second = 10**6
def many(n):
    for i in range(50): log.info("x", n=n, i=i)
threads = [threading.Thread(target=many, args=(n,)) for n in range(8)]
for t in threads[:4]: t.start()
log.start("json", "info")
for t in threads[4:]: t.start()
for t in threads: t.join()
log.stop()
"""
    lines = [json.loads(line) for line in run(script).stderr.splitlines()]
    assert len({(o["n"], o["i"]) for o in lines}) == len(lines) == 400
