"""The status page, the metrics and the health check, without a socket."""

import asyncio
import re
from html.parser import HTMLParser

import httpx
import msgspec
import pytest

from bossa.admin.status import (
    Service,
    StatusReport,
    StoreStatus,
    TicketStatus,
    UpdateCounts,
    UpstreamStatus,
    WorkerStatus,
    ZoneStatus,
)
from bossa.observe.metrics import Metrics
from bossa.web.hosts import Hosts
from bossa.web.pages import MAX_ZONES, application

REPORT = StatusReport(
    domain="bossa.test",
    realm="BOSSA.TEST",
    version="0.1.0",
    pid=4711,
    started=1_000_000.0,
    now=1_003_661.0,
    data="/srv/data",
    services=(Service(name="DNS", addresses=("127.0.0.1:10053", "[::1]:10053")),),
    zones=(
        ZoneStatus(name="bossa.test.", serial=2026, records=1234),
        ZoneStatus(name="10.in-addr.arpa.", serial=1, records=2, private_reverse=True),
    ),
    workers=(WorkerStatus(number=0, pid=4712, revision=17), WorkerStatus(number=1, pid=4713, revision=17)),
    revision=17,
    queries=98765,
    updates=UpdateCounts(accepted=12, refused=3),
    store=StoreStatus(size=4096, free=10**10, last_backup=0.0),
    tickets=TicketStatus(
        accounts=100_000,
        initial=1234,
        further=5678,
        refused=9,
        workers=(WorkerStatus(number=0, pid=4714, revision=3, behind=1),),
    ),
    upstreams=(
        UpstreamStatus(rule="", address="192.0.2.53:53", rtt=0.0123, queries=1234),
        UpstreamStatus(rule="corp.example", address="[2001:db8::53]:53"),
    ),
)
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{ 7*7 }}"


class Fixed:
    """A status that the test chose."""

    def __init__(self, report):
        self.report = report

    async def status(self):
        if isinstance(self.report, Exception):
            raise self.report
        return self.report


def ask(path="/", method="GET", report=REPORT, host="127.0.0.1:10080", headers=(), metrics=None):
    app = application(Fixed(report), Hosts(["127.0.0.1"], ["bossa.test"]), metrics or Metrics())

    async def once():
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:10080") as client:
            return await client.request(method, path, headers=[("host", host), *headers])

    return asyncio.run(once())


def text_of(html):
    """Return what a browser shows, and the tags."""
    parts, tags = [], []
    parser = HTMLParser()
    parser.handle_data = parts.append
    parser.handle_starttag = lambda tag, attrs: tags.append((tag, dict(attrs)))
    parser.feed(html)
    return " ".join(" ".join(parts).split()), tags


def test_the_page_tells_how_the_server_is():
    answer = ask()
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    text, _ = text_of(answer.text)
    for words in (
        "bossa.test",
        "Realm BOSSA.TEST",
        "All is well",
        "Up for 1 h 1 min",
        "Queries 98 765",
        "Updates stored 12",
        "Updates refused 3",
        "Store 4.1 kB",
        "Last backup 1970-01-01 00:00 UTC",
        "DNS 127.0.0.1:10053 [::1]:10053",
        "bossa.test. primary 2026 1 234",
        "And 1 reverse zones of private addresses",
        "0 4712 17 –",
        "the rest 192.0.2.53:53 healthy 12.3 ms 1 234 0",
        "corp.example [2001:db8::53]:53 not asked yet – 0 0",
        "KDC workers",
        "0 4714 3 1",
        "100 000 accounts; since the start 1 234 initial tickets, 5 678 further ones, 9 requests refused.",
        "bossa 0.1.0, process 4711, data in /srv/data",
    ):
        assert words in text
    assert "failed" not in text


def test_the_page_works_without_scripts_and_loads_nothing_from_elsewhere():
    _, tags = text_of(ask().text)
    assert not {tag for tag, _ in tags} & {"script", "iframe", "object", "form"}
    assert not [attrs for _, attrs in tags if any(name.startswith("on") or name == "style" for name in attrs)]
    links = [attrs.get("href") or attrs.get("src") for _, attrs in tags if "href" in attrs or "src" in attrs]
    for link in links:
        assert link.startswith("/")
        assert ask(link).status_code == 200


def test_hostile_names_are_shown_and_not_obeyed():
    report = msgspec.structs.replace(
        REPORT,
        domain=HOSTILE,
        realm=HOSTILE,
        data=HOSTILE,
        zones=(ZoneStatus(name=HOSTILE, serial=1, records=1),),
        services=(Service(name=HOSTILE, addresses=(HOSTILE,)),),
        upstreams=(UpstreamStatus(rule=HOSTILE, address=HOSTILE),),
        store=StoreStatus(failing=HOSTILE),
    )
    html = ask(report=report).text
    _, tags = text_of(html)
    assert "<script" not in html
    assert [attrs for tag, attrs in tags if tag == "img"] == [
        {"src": "/static/favicon.svg", "alt": "", "width": "40", "height": "40"}
    ]
    assert html.count("alert(1)&lt;/script&gt;") >= 6
    assert "49" not in re.sub(r"\d{4,}", "", html)


def test_trouble_is_told_on_the_page_and_by_the_health_check():
    report = msgspec.structs.replace(
        REPORT,
        workers=(WorkerStatus(number=0, pid=4712, revision=15, behind=200),),
        updates=UpdateCounts(failed=9),
        store=StoreStatus(failing="No space left on device"),
    )
    text, _ = text_of(ask(report=report).text)
    assert "In trouble" in text
    assert "The store cannot write: No space left on device." in text
    assert "Query worker 0 (pid 4712) is 200 changes behind." in text
    assert "Updates failed 9" in text
    assert "Last backup never" in text
    health = ask("/healthz", report=report)
    assert health.status_code == 503
    assert "No space left" in health.text


def test_a_worker_of_the_kdc_that_is_behind_is_trouble():
    tickets = TicketStatus(workers=(WorkerStatus(number=1, pid=4715, revision=15, behind=200),))
    report = msgspec.structs.replace(REPORT, tickets=tickets)
    assert report.troubles == ("KDC worker 1 (pid 4715) is 200 changes behind.",)


def test_a_worker_a_few_changes_behind_is_no_trouble():
    report = msgspec.structs.replace(REPORT, workers=(WorkerStatus(number=0, pid=4712, revision=15, behind=2),))
    assert ask("/healthz", report=report).status_code == 200


def test_a_server_with_nothing_has_a_page():
    report = msgspec.structs.replace(REPORT, services=(), zones=(), workers=(), tickets=None)
    text, _ = text_of(ask(report=report).text)
    assert "No zones yet" in text
    assert "the owner process answers alone" in text
    assert "KDC" not in text


def test_more_zones_than_people_read_are_counted():
    many = tuple(ZoneStatus(name=f"z{n}.test.", serial=1, records=1) for n in range(MAX_ZONES + 1500))
    text, _ = text_of(ask(report=msgspec.structs.replace(REPORT, zones=many)).text)
    assert f"z{MAX_ZONES - 1}.test." in text
    assert f"z{MAX_ZONES}.test." not in text
    assert "1 500 more: bossa zone list" in text


def test_a_well_server_is_healthy():
    answer = ask("/healthz")
    assert (answer.status_code, answer.text) == (200, "ok\n")


def test_the_metrics_are_prometheus_text():
    metrics = Metrics()
    metrics.add("bossa_dns_updates_total", ("accepted",), 5)
    answer = ask("/metrics", metrics=metrics)
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert 'bossa_dns_updates_total{result="accepted"} 5.0' in answer.text


@pytest.mark.parametrize("path", ["/", "/metrics", "/healthz", "/static/bossa.css", "/favicon.ico", "/nothing"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_every_answer_carries_the_headers_for_the_browser(path, method):
    answer = ask(path, method)
    assert answer.headers["content-security-policy"].startswith("default-src 'self';")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.status_code == (405 if method == "POST" else 404 if path == "/nothing" else 200)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"])
def test_nothing_but_get_and_head_is_answered(method):
    answer = ask("/", method)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize("path", ["/", "/metrics", "/healthz", "/static/bossa.css"])
def test_a_host_that_is_not_us_sees_nothing(path):
    answer = ask(path, host="evil.example:10080")
    assert answer.status_code == 421
    assert "BOSSA" not in answer.text
    assert "content-security-policy" in answer.headers


def test_two_hosts_are_one_too_many():
    assert ask(host="127.0.0.1", headers=[("host", "evil.example")]).status_code == 421


@pytest.mark.parametrize("path", ["/static/../pages.py", "/static/%2e%2e/pages.py", "/static//etc/passwd", "/static/"])
def test_nothing_but_our_own_files_is_given_away(path):
    assert ask(path).status_code == 404


def test_a_bug_tells_the_browser_nothing():
    answer = ask(report=RuntimeError("the secret"))
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "content-security-policy" in answer.headers
