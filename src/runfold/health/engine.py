"""What an engine's process counts: its store's pool, and its emitters with their spools."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from runfold.client.pools import PoolNumbers
from runfold.health.collector import Collector, Metric, family

_OF_POOL = {
    "pool_size": "size",
    "pool_limit": "limit",
    "pool_in_use": "in_use",
    "pool_waiting": "waiting",
    "pool_errors_total": "errors",
}
_OF_EMITTER = {
    "emitter_queued_events": "queued",
    "emitter_queued_bytes": "queued_bytes",
    "emitter_oldest_seconds": "oldest_seconds",
    "emitter_acknowledged_total": "acknowledged",
    "emitter_refused_total": "refused",
    "emitter_calls_total": "calls",
    "emitter_retries_total": "retries",
    "spool_bytes": "spool_bytes",
    "spool_oldest_seconds": "spool_oldest_seconds",
    "spool_refused_events": "refused_total",
}


class HasPool(Protocol):
    """A store, synchronous or not."""

    def pool_numbers(self) -> PoolNumbers:
        """Return how much of its pool is in use."""
        ...


class HasMetrics(Protocol):
    """An emitter."""

    def metrics(self) -> Any:
        """Return what it has done, and what is here."""
        ...


@dataclass(eq=False)
class EngineCollector(Collector):
    """The metrics of an engine's process, for a registry of prometheus_client's: register it with the engine's own.

        REGISTRY.register(EngineCollector(store, {"main": emitter}))

    A scrape reads numbers in memory: it asks neither the database nor a file.
    """

    store: HasPool | None = None
    emitters: Mapping[str, HasMetrics] = field(default_factory=dict)

    def collect(self) -> Iterable[Metric]:
        """Return the families, as a registry asks for them."""
        if self.store is not None:
            numbers = self.store.pool_numbers()
            yield from (family(short, {None: getattr(numbers, name)}) for short, name in _OF_POOL.items())
        if self.emitters:
            said = {name: emitter.metrics() for name, emitter in self.emitters.items()}
            for short, name in _OF_EMITTER.items():
                yield family(short, {label: getattr(each, name) for label, each in said.items()})
