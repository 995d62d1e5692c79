"""The metrics in Prometheus' text form, by prometheus-client.  Import this late: it is slow to load."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from itertools import accumulate

from prometheus_client import CollectorRegistry, ProcessCollector, exposition
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

import bossa
from bossa.observe import log
from bossa.observe.metrics import BOUNDS, Kind, Metrics

_Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily
_BOUND_TEXTS = [*map(str, BOUNDS), "+Inf"]


class Exposition:
    """Renders the metrics of this process, and the process's own (process_*), for one scrape after the other."""

    def __init__(self, metrics: Metrics) -> None:
        metrics.set("bossa_build_info", (bossa.__version__, platform.python_version()), 1)
        metrics.read("bossa_log_events_total", _log_events)
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Ours(metrics))
        ProcessCollector(registry=self._registry)

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """Return the text and its content type, in the form that an Accept header prefers."""
        encode, content_type = exposition.choose_encoder(accept)
        return encode(self._registry), content_type


class _Ours(Collector):
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[_Family]:
        for name, metric in self._metrics.catalogue.items():
            yield self._histogram(name) if metric.kind is Kind.HISTOGRAM else self._series(name)

    def _series(self, name: str) -> _Family:
        metric = self._metrics.catalogue[name]
        kind = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
        family = kind(name, metric.help, labels=metric.labels)
        for labels, value in self._metrics.series(name).items():
            family.add_metric(labels, value)
        return family

    def _histogram(self, name: str) -> HistogramMetricFamily:
        found = self._metrics.histogram(name)
        buckets = list(zip(_BOUND_TEXTS, map(float, accumulate(found.counts)), strict=True))
        family = HistogramMetricFamily(name, self._metrics.catalogue[name].help)
        family.add_metric((), buckets, sum_value=found.sum)
        return family


def _log_events() -> dict[tuple[str, ...], float]:
    return {(level,): float(count) for level, count in log.counts().items()}
