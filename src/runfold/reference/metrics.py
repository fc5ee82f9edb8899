"""Generate docs/reference/metrics.md from the catalogues of metrics, alerts and thresholds."""

from __future__ import annotations

from collections.abc import Iterator

from runfold.health.alerts import ALERTS
from runfold.health.metrics import METRICS, Source
from runfold.health.thresholds import thresholds
from runfold.reference.markdown import code, page, table

_INTRODUCTION = """
What a worker answers at `/metrics`, and what an engine's process can add: [watch a store in
production](../how-to/watch-in-production.md).
"""

_SOURCES: dict[Source, tuple[str, str]] = {
    "worker": ("What a worker counts", "Known while the database is away, too."),
    "database": ("What a worker reads", "One query every 15 seconds; the last values stay while the database is away."),
    "engine": ("What an engine counts", "By `runfold.health.engine.EngineCollector`, in the engine's own registry."),
}


def _metrics() -> Iterator[str]:
    for source, (title, about) in _SOURCES.items():
        yield from (f"## {title}", "", about, "")
        yield from table(
            ["metric", "kind", "label", "says"],
            [
                (code(metric.name), metric.kind, code(metric.label) if metric.label else "", metric.about)
                for metric in METRICS.values()
                if metric.source == source
            ],
        )


def _alerts() -> Iterator[str]:
    yield from ("## Alerts", "", "Printed by `runfold health rules`.", "")
    yield from table(
        ["alert", "severity", "when", "for", "what to do"],
        [
            (
                code(alert.name),
                alert.severity,
                code(alert.expr),
                f"{alert.seconds:.0f} s" if alert.seconds else "",
                f"[{_title(alert.page)}](../{alert.page.removeprefix('docs/')})",
            )
            for alert in ALERTS
        ],
    )


def _title(path: str) -> str:
    return (path.partition("#")[2] or path.rpartition("/")[2].removesuffix(".md")).replace("-", " ")


def _thresholds() -> Iterator[str]:
    yield from ("## Thresholds", "", "One file for the alerts and for `runfold doctor`.", "")
    yield from table(
        ["threshold", "value", "something is wrong where"],
        [(code(each.name), f"{each.value:g} {each.unit}", each.about) for each in thresholds()],
    )


def metrics_page() -> str:
    """Return the page."""
    return page("Metrics and alerts", _INTRODUCTION, _metrics(), _alerts(), _thresholds())
