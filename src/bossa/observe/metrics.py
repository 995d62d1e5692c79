"""What bossa counts: plain numbers in dicts, so that counting costs a dictionary look-up.

Every metric stands in ``CATALOGUE``; an unknown name is a bug and raises
KeyError.  Naming: prometheus.io/docs/practices/naming.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

Labels = tuple[str, ...]
Reading = Callable[[], Mapping[Labels, float]]

# Upper bounds in seconds; a commit with fsync lies between 0.2 ms (NVMe) and 50 ms (a busy disk).
BOUNDS = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Kind(Enum):
    """How a metric moves."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: what it tells, and the names of its labels in their order."""

    kind: Kind
    help: str
    labels: Labels = ()


CATALOGUE: dict[str, Metric] = {
    "bossa_build_info": Metric(Kind.GAUGE, "Always 1; the labels tell what runs.", ("version", "python")),
    "bossa_dns_queries_total": Metric(Kind.COUNTER, "Queries that the owner answered itself.", ("transport", "rcode")),
    "bossa_dns_prepared_answers_total": Metric(Kind.COUNTER, "Queries answered from prepared answers.", ("rcode",)),
    "bossa_dns_dropped_total": Metric(Kind.COUNTER, "Packets left without an answer.", ("reason",)),
    "bossa_dns_rate_limited_total": Metric(Kind.COUNTER, "Answers held back by the rate limit.", ("result",)),
    "bossa_dns_transfers_total": Metric(
        Kind.COUNTER, "Zone transfers in and out, by how they ended.", ("direction", "kind", "result")
    ),
    "bossa_dns_notifies_total": Metric(Kind.COUNTER, "NOTIFY messages, by how they ended.", ("direction", "result")),
    "bossa_dns_updates_passed_on_total": Metric(
        Kind.COUNTER, "Updates passed on to the primary of their zone.", ("result",)
    ),
    "bossa_dns_updates_total": Metric(Kind.COUNTER, "Dynamic updates, by how they ended.", ("result",)),
    "bossa_dns_keys_total": Metric(
        Kind.COUNTER, "Keys that clients asked to negotiate, by what they got.", ("result",)
    ),
    "bossa_dns_update_seconds": Metric(Kind.HISTOGRAM, "Time from an update's arrival to its answer."),
    "bossa_dns_tcp_connections": Metric(Kind.GAUGE, "Open TCP connections of the name server."),
    "bossa_dns_tcp_refused_total": Metric(Kind.COUNTER, "TCP connections closed because there were too many."),
    "bossa_dns_upstream_queries_total": Metric(Kind.COUNTER, "Queries sent to a resolver.", ("upstream",)),
    "bossa_dns_upstream_failures_total": Metric(
        Kind.COUNTER, "Queries that a resolver did not answer, refused, or failed where another knew.", ("upstream",)
    ),
    "bossa_dns_upstream_wrong_replies_total": Metric(
        Kind.COUNTER, "Replies from a resolver's address that answer no query of ours.", ("upstream",)
    ),
    "bossa_dns_upstream_rtt_seconds": Metric(Kind.GAUGE, "Smoothed round-trip time of a resolver.", ("upstream",)),
    "bossa_dns_upstream_aside": Metric(
        Kind.GAUGE, "1 for a resolver that is asked last, having failed.", ("upstream",)
    ),
    "bossa_dns_workers": Metric(Kind.GAUGE, "Query workers that answer."),
    "bossa_dns_worker_starts_total": Metric(Kind.COUNTER, "Query workers started, the first ones included."),
    "bossa_dns_worker_lag": Metric(Kind.GAUGE, "Changes that a query worker has not applied yet.", ("worker",)),
    "bossa_dns_cache_questions_total": Metric(
        Kind.COUNTER, "Questions passed on: remembered (hits), asked of others (misses), told stale.", ("result",)
    ),
    "bossa_dns_cache_prefetches_total": Metric(Kind.COUNTER, "Remembered answers fetched anew before their end."),
    "bossa_dns_cache_entries": Metric(Kind.GAUGE, "Answers of others that are remembered."),
    "bossa_dns_cache_bytes": Metric(Kind.GAUGE, "Memory that these answers take in the owner."),
    "bossa_krb_tickets_total": Metric(Kind.COUNTER, "Tickets issued.", ("exchange",)),
    "bossa_krb_delegated_total": Metric(Kind.COUNTER, "Tickets issued to a service that acts for its client."),
    "bossa_krb_turns_total": Metric(
        Kind.COUNTER, "Requests whose client has to come again: with a proof of its key, or over TCP.", ("exchange",)
    ),
    "bossa_krb_refused_total": Metric(
        Kind.COUNTER, "Requests refused, those with a wrong password included.", ("exchange", "code")
    ),
    "bossa_krb_dropped_total": Metric(Kind.COUNTER, "Packets of the KDC left without an answer.", ("reason",)),
    "bossa_krb_lockouts_total": Metric(Kind.COUNTER, "Accounts locked after too many wrong passwords."),
    "bossa_krb_password_changes_total": Metric(Kind.COUNTER, "Passwords changed over kpasswd.", ("result",)),
    "bossa_krb_accounts": Metric(Kind.GAUGE, "Accounts of the realm."),
    "bossa_krb_tcp_connections": Metric(Kind.GAUGE, "Open TCP connections of the KDC."),
    "bossa_krb_workers": Metric(Kind.GAUGE, "KDC workers that answer."),
    "bossa_krb_worker_starts_total": Metric(Kind.COUNTER, "KDC workers started, the first ones included."),
    "bossa_krb_worker_lag": Metric(Kind.GAUGE, "Changes that a KDC worker has not applied yet.", ("worker",)),
    "bossa_store_failures_total": Metric(Kind.COUNTER, "Commits that the disk did not take."),
    "bossa_store_size_bytes": Metric(Kind.GAUGE, "Size of the store's files."),
    "bossa_zone_records": Metric(Kind.GAUGE, "Records of a zone.", ("zone",)),
    "bossa_zone_refresh_age": Metric(Kind.GAUGE, "Seconds since a primary last confirmed a secondary zone.", ("zone",)),
    "bossa_zone_expired": Metric(Kind.GAUGE, "1 for a secondary zone that is not served, 0 for others.", ("zone",)),
    "bossa_zone_serial": Metric(Kind.GAUGE, "Serial of a zone.", ("zone",)),
    "bossa_log_events_total": Metric(Kind.COUNTER, "Log events, those not written included.", ("level",)),
}


class Histogram:
    """Counts of durations between the bounds, and their sum."""

    __slots__ = ("counts", "sum")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.sum = 0.0

    def observe(self, seconds: float) -> None:
        """Count one duration."""
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.sum += seconds


class Metrics:
    """All metrics of one process."""

    def __init__(self, catalogue: Mapping[str, Metric] = CATALOGUE) -> None:
        self.catalogue = catalogue
        self._series: dict[str, dict[Labels, float]] = {
            name: {} for name, metric in catalogue.items() if metric.kind is not Kind.HISTOGRAM
        }
        self._histograms = {name: Histogram() for name, metric in catalogue.items() if metric.kind is Kind.HISTOGRAM}
        self._readings: dict[str, Reading] = {}

    def add(self, name: str, labels: Labels = (), value: float = 1) -> None:
        """Add to a counter, or move a gauge by ``value``."""
        series = self._series[name]
        if labels in series:
            series[labels] += value
        else:
            self._check(name, labels)
            series[labels] = value

    def set(self, name: str, labels: Labels = (), value: float = 0) -> None:
        """Set a gauge."""
        self._check(name, labels)
        self._series[name][labels] = value

    def observe(self, name: str, seconds: float) -> None:
        """Count one duration in a histogram."""
        self._histograms[name].observe(seconds)

    def read(self, name: str, reading: Reading) -> None:
        """Have a metric's values asked for when somebody looks, instead of kept: for zones that come and go."""
        self._series[name].clear()
        self._readings[name] = reading

    def series(self, name: str) -> dict[Labels, float]:
        """Return the values of a counter or gauge by labels."""
        reading = self._readings.get(name)
        found = dict(self._series[name] if reading is None else reading())
        metric = self.catalogue[name]
        # What has not happened yet is 0; only of a counter with labels it is not known for which.
        return {(): 0.0} if not found and not metric.labels and metric.kind is Kind.COUNTER else found

    def histogram(self, name: str) -> Histogram:
        """Return a histogram."""
        return self._histograms[name]

    def total(self, name: str, **labels: str) -> float:
        """Return the sum of a metric over all labels but those given: ``total("…updates_total", result="refused")``."""
        names = self.catalogue[name].labels
        wanted = [(names.index(label), value) for label, value in labels.items()]
        return sum(v for key, v in self.series(name).items() if all(key[at] == text for at, text in wanted))

    def _check(self, name: str, labels: Labels) -> None:
        wanted = self.catalogue[name].labels
        if len(labels) != len(wanted):
            raise ValueError(f"{name} has the labels {wanted}, not {labels}")


# The metrics of this process; tests make their own.
PROCESS = Metrics()
add = PROCESS.add
observe = PROCESS.observe
