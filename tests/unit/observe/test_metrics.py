"""Counting, and the text that Prometheus reads."""

import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bossa.observe.metrics import CATALOGUE, Kind, Metrics
from bossa.observe.scrape import Exposition


def samples(metrics):
    text, _ = Exposition(metrics).render()
    families = text_string_to_metric_families(text.decode())
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def test_counters_add_up_by_labels():
    metrics = Metrics()
    metrics.add("bossa_dns_queries_total", ("udp", "NOERROR"))
    metrics.add("bossa_dns_queries_total", ("udp", "NOERROR"), 4)
    metrics.add("bossa_dns_queries_total", ("tcp", "NXDOMAIN"))
    found = samples(metrics)
    assert found["bossa_dns_queries_total", (("rcode", "NOERROR"), ("transport", "udp"))] == 5
    assert metrics.total("bossa_dns_queries_total") == 6
    assert metrics.total("bossa_dns_queries_total", transport="tcp") == 1


def test_a_histogram_has_buckets_that_add_up():
    metrics = Metrics()
    for seconds in (0.0002, 0.001, 0.0011, 99.0):
        metrics.observe("bossa_dns_update_seconds", seconds)
    found = samples(metrics)
    bucket = "bossa_dns_update_seconds_bucket"
    assert [found[bucket, (("le", bound),)] for bound in ("0.00025", "0.001", "0.0025", "10.0", "+Inf")] == [
        1,
        2,
        3,
        3,
        4,
    ]
    assert found["bossa_dns_update_seconds_count", ()] == 4
    assert found["bossa_dns_update_seconds_sum", ()] == pytest.approx(99.0023)


def test_values_that_come_and_go_are_read_when_somebody_looks():
    metrics = Metrics()
    zones = {("a.test.",): 3.0}
    metrics.read("bossa_zone_records", lambda: zones)
    assert samples(metrics)["bossa_zone_records", (("zone", "a.test."),)] == 3
    zones.clear()
    assert not any(name == "bossa_zone_records" for name, _ in samples(metrics))


def test_gauges_are_set_and_moved():
    metrics = Metrics()
    metrics.set("bossa_dns_tcp_connections", (), 5)
    metrics.add("bossa_dns_tcp_connections", (), -2)
    assert metrics.series("bossa_dns_tcp_connections") == {(): 3}


def test_an_unknown_name_or_wrong_labels_are_a_bug():
    metrics = Metrics()
    with pytest.raises(KeyError):
        metrics.add("bossa_dns_querys_total")
    with pytest.raises(ValueError, match="transport"):
        metrics.add("bossa_dns_queries_total", ("udp",))


def test_a_hostile_zone_name_stays_inside_its_label():
    metrics = Metrics()
    name = 'a"} 1\nbossa_evil 1\n\\'
    metrics.set("bossa_zone_serial", (name,), 1)
    assert samples(metrics)["bossa_zone_serial", (("zone", name),)] == 1
    assert not any(found == "bossa_evil" for found, _ in samples(metrics))


def test_the_process_and_the_build_are_told():
    found = samples(Metrics())
    assert found["process_resident_memory_bytes", ()] > 1_000_000
    assert any(name == "bossa_build_info" and value == 1 for (name, _), value in found.items())
    assert found["bossa_store_failures_total", ()] == 0


def test_open_metrics_is_given_to_whoever_asks_for_it():
    text, content_type = Exposition(Metrics()).render("application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    assert text.endswith(b"# EOF\n")


@pytest.mark.parametrize("name", CATALOGUE)
def test_names_follow_the_conventions(name):
    metric = CATALOGUE[name]
    assert re.fullmatch(r"bossa_[a-z_]+", name)
    assert name.endswith("_total") == (metric.kind is Kind.COUNTER)
    assert name.endswith("_seconds") or metric.kind is not Kind.HISTOGRAM
    assert not name.endswith("_seconds") or metric.kind is not Kind.COUNTER
    assert metric.help.endswith(".")
