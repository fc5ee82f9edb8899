"""The worker's metrics as prometheus_client's families, in a registry of their own."""

from __future__ import annotations

import importlib.metadata
import math
from collections.abc import Iterable, Iterator, Mapping

from runfold.errors import ExtraMissing
from runfold.health.metrics import METRICS
from runfold.health.sampler import Sample, Sampler
from runfold.worker.numbers import Histogram, Numbers, State

try:
    from prometheus_client import CollectorRegistry
    from prometheus_client.core import (
        CounterMetricFamily,
        GaugeMetricFamily,
        HistogramMetricFamily,
        Metric,
    )
    from prometheus_client.exposition import choose_encoder
    from prometheus_client.process_collector import ProcessCollector
    from prometheus_client.registry import Collector
except ImportError as missing:
    raise ExtraMissing(
        "metrics need prometheus-client", hint="pip install 'runfold[health]'", extra="health"
    ) from missing

__all__ = ["Collector", "Metric", "WorkerCollector", "choose_encoder", "family", "histogram", "registry_of"]

Values = Mapping[str | None, float]


def family(short: str, values: Values) -> Metric:
    """Return a gauge or counter of the catalogue with these values by label."""
    metric = METRICS[short]
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    made = kind(metric.name, metric.about, labels=[metric.label] if metric.label else [])
    for label, value in values.items():
        made.add_metric([] if label is None else [label], value)
    return made


def histogram(short: str, values: Mapping[str, Histogram]) -> Metric:
    """Return a histogram of the catalogue with these values by label."""
    metric = METRICS[short]
    made = HistogramMetricFamily(metric.name, metric.about, labels=[metric.label or ""])
    for label, each in values.items():
        counts, total = each.read()
        bounds = [*(_text(bound) for bound in each.bounds), "+Inf"]
        made.add_metric([label], list(zip(bounds, counts, strict=True)), total)
    return made


def _text(bound: float) -> str:
    return repr(float(bound))


class WorkerCollector(Collector):
    """What a worker counts, and what it read of the database last."""

    def __init__(self, numbers: Numbers, sampler: Sampler) -> None:
        self._numbers = numbers
        self._sampler = sampler

    def collect(self) -> Iterable[Metric]:
        """Return the families, as a registry asks for them; nothing is waited for."""
        sample = self._sampler.newest  # once: all that a scrape says of the database is of one moment
        yield from (family(short, {None: value}) for short, value in self._singles(sample))
        numbers, groups = self._numbers, self._numbers.groups
        yield family("worker_state", {str(state): float(state is numbers.state) for state in State})
        yield family("build_info", {importlib.metadata.version("runfold"): 1.0})
        yield family("events_folded_total", {name: each.events for name, each in groups.items()})
        yield family("batch_failures_total", {name: each.failures for name, each in groups.items()})
        yield histogram("batch_seconds", {name: each.seconds for name, each in groups.items()})
        yield histogram("batch_events", {name: each.sizes for name, each in groups.items()})
        yield histogram(
            "statement_seconds", {"look": numbers.looks, "beat": numbers.beats, "sample": self._sampler.seconds}
        )
        for short, values in (sample.values if sample is not None else {}).items():
            yield family(short, values)

    def _singles(self, sample: Sample | None) -> Iterator[tuple[str, float]]:
        numbers, sampler = self._numbers, self._sampler
        yield "up", float(sampler.up)
        yield "leading", float(numbers.state is State.LEADING)
        yield "loop_age_seconds", numbers.loop_age
        yield "leads_total", numbers.leads
        yield "losses_total", numbers.losses
        yield "wake_ups_total", numbers.wake_ups
        yield "samples_failed_total", sampler.failures
        yield "sample_age_seconds", math.inf if sample is None else sample.age
        if sample is None:
            return
        yield from zip(("migrations_pending", "migrations_failed"), sample.migrations, strict=True)
        if sample.disk_free is not None:
            yield "disk_free_bytes", sample.disk_free
        if sample.days_left is not None:
            yield "disk_days_left", sample.days_left


def registry_of(*collectors: Collector) -> CollectorRegistry:
    """Return a registry of these collectors and of this process: its CPU, memory and open files."""
    registry = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=registry)
    for each in collectors:
        registry.register(each)
    return registry
