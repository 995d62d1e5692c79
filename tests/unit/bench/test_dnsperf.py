"""dnsperf's report and its query files."""

import random
from pathlib import Path

import pytest

from bossa.testing.bench import dnsperf

REPORT = """\
DNS Performance Testing Tool
Version 2.10.0

[Status] Command line: dnsperf -s 127.0.0.1 -p 5300 -d queries -l 2 -c 1 -q 100 -t 1
[Status] Sending queries (to 127.0.0.1:5300)
[Status] Testing complete (time limit)

Statistics:

  Queries sent:         301234
  Queries completed:    301200 (99.99%)
  Queries lost:         34 (0.01%)

  Response codes:       NOERROR 271080 (90.00%), NXDOMAIN 30120 (10.00%)
  Average packet size:  request 34, response 53
  Run time (s):         2.000420
  Queries per second:   150568.380640

  Average Latency (s):  0.000640 (min 0.000041, max 0.004119)
  Latency StdDev (s):   0.000171
"""


def test_a_report_is_read():
    assert dnsperf.Report.parse(REPORT) == dnsperf.Report(
        completed=301200, lost=34, seconds=2.00042, size=53, codes={"NOERROR": 271080, "NXDOMAIN": 30120}
    )


def test_shares_of_response_codes_are_of_what_was_answered():
    report = dnsperf.Report.parse(REPORT)
    assert report.share("NXDOMAIN") == pytest.approx(0.1)
    assert report.share("SERVFAIL") == 0


def test_what_is_no_report_is_shown():
    with pytest.raises(ValueError, match="Error: unable to connect"):
        dnsperf.Report.parse("Error: unable to connect")


def test_a_query_file_asks_for_addresses(tmp_path: Path):
    assert dnsperf.write(tmp_path / "queries", ["a.test", "b.test"]).read_text() == "a.test A\nb.test A\n"


def test_random_case_keeps_the_name():
    cased = {dnsperf.random_case("h123.bench.test", random.Random(seed)) for seed in range(50)}
    assert {name.lower() for name in cased} == {"h123.bench.test"}
    assert len(cased) > 40
