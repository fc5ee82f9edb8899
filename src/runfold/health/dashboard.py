"""The Grafana dashboard: rows of panels over the metrics, as the JSON that Grafana imports."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from runfold.health.alerts import ALERTS
from runfold.health.metrics import PREFIX

SCHEMA_VERSION = 39
"""Grafana 11's; later ones migrate it as they import it."""

_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_COLUMNS = 24


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel: its queries with their legends. `~` stands for the prefix of a metric, `$` for the chosen instances."""

    title: str
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"
    kind: Literal["timeseries", "stat"] = "timeseries"
    about: str = ""
    bound: float | None = None
    """Beyond it the value is red: the threshold of its alert."""
    below: bool = False
    """Whether it is wrong below the bound."""
    width: int = 8


def _bound(alert: str) -> float:
    return next(each.threshold.value for each in ALERTS if each.name == alert)


def _quantile(metric: str, label: str, quantile: float) -> str:
    return f"histogram_quantile({quantile}, sum by (le, {label}) (rate(~{metric}_bucket$[5m])))"


ROWS: tuple[tuple[str, tuple[Panel, ...]], ...] = (
    (
        "Is it well?",
        (
            Panel("Database answers", (("min(~up$)", ""),), kind="stat", bound=1, below=True, width=4),
            Panel("Workers that lead", (("sum(~leading$)", ""),), kind="stat", bound=1, below=True, width=4),
            Panel(
                "Oldest beat",
                (("max(~leader_beat_age_seconds$)", ""),),
                "s",
                "stat",
                bound=_bound("RunfoldNoLeader"),
                width=4,
            ),
            Panel(
                "Parked streams", (("max by (group) (~parked_streams$)", "{{group}}"),), kind="stat", bound=0, width=4
            ),
            Panel(
                "Groups that stopped",
                (("max by (group) (~group_stopped$)", "{{group}}"),),
                kind="stat",
                bound=0,
                width=4,
            ),
            Panel(
                "Days until the disk is full",
                (("min(~disk_days_left$)", ""),),
                "d",
                "stat",
                bound=_bound("RunfoldDiskFills"),
                below=True,
                width=4,
            ),
        ),
    ),
    (
        "The log and its folds",
        (
            Panel(
                "Appended and folded",
                (
                    ("max(rate(~events_appended_total$[5m]))", "appended"),
                    ("sum by (group) (rate(~events_folded_total$[5m]))", "folded, {{group}}"),
                ),
                "cps",
            ),
            Panel(
                "Lag in seconds",
                (("max by (group) (~group_lag_seconds$)", "{{group}}"),),
                "s",
                bound=_bound("RunfoldGroupBehind"),
            ),
            Panel("Lag in events", (("max by (group) (~group_lag_events$)", "{{group}}"),)),
            Panel(
                "Age of the safe head",
                (("max(~safe_head_age_seconds$)", ""),),
                "s",
                bound=_bound("RunfoldSafeHeadHeld"),
            ),
            Panel("Head minus safe head", (("max(~log_head_position$) - max(~safe_head_position$)", "positions"),)),
            Panel(
                "Spare partitions", (("min(~spare_partitions$)", ""),), bound=_bound("RunfoldFewPartitions"), below=True
            ),
            Panel("Batch, 99th percentile", ((_quantile("batch_seconds", "group", 0.99), "{{group}}"),), "s"),
            Panel("Events of a batch, median", ((_quantile("batch_events", "group", 0.5), "{{group}}"),)),
            Panel(
                "Failed batches, parked, discarded",
                (
                    ("sum by (group) (rate(~batch_failures_total$[5m]))", "failed, {{group}}"),
                    ("max(~discarded_events$)", "discarded"),
                    ("max(~anomalies$)", "anomalies"),
                ),
            ),
        ),
    ),
    (
        "The worker",
        (
            Panel("What it is doing", (("~worker_state$ == 1", "{{instance}}: {{state}}"),)),
            Panel(
                "Its statements, on average",
                (("rate(~statement_seconds_sum$[5m]) / rate(~statement_seconds_count$[5m])", "{{statement}}"),),
                "s",
                bound=_bound("RunfoldStatementsSlow"),
            ),
            Panel("Memory", (("process_resident_memory_bytes$", "{{instance}}"),), "bytes"),
            Panel("CPU", (("rate(process_cpu_seconds_total$[5m])", "{{instance}}"),), "percentunit"),
            Panel(
                "Woken, led, lost",
                (
                    ("rate(~wake_ups_total$[5m])", "woken"),
                    ("increase(~leads_total$[1h])", "led, an hour"),
                    ("increase(~losses_total$[1h])", "lost, an hour"),
                ),
            ),
            Panel("Loop moved", (("~loop_age_seconds$", "{{instance}}"),), "s"),
        ),
    ),
    (
        "Engines and consumers",
        (
            Panel("Engines", (("max(~engines$)", "entered"), ("max(~engines_silent$)", "silent"))),
            Panel(
                "Pools in use",
                (("~pool_in_use$ / ~pool_limit$", "{{instance}}"),),
                "percentunit",
                bound=_bound("RunfoldPoolFull"),
            ),
            Panel(
                "Emitters",
                (
                    ("~emitter_queued_events$", "queued, {{emitter}}"),
                    ("~spool_refused_events$", "refused, {{emitter}}"),
                ),
            ),
            Panel("Spools", (("~spool_bytes$", "{{instance}}, {{emitter}}"),), "bytes"),
            Panel(
                "Subscriptions behind",
                (("max by (subscription) (~subscription_lag_seconds$)", "{{subscription}}"),),
                "s",
                bound=_bound("RunfoldSubscriptionBehind"),
            ),
            Panel(
                "Longest statement of an engine",
                (("max(~longest_statement_seconds$)", ""),),
                "s",
                bound=_bound("RunfoldEnginesSlow"),
            ),
        ),
    ),
    (
        "The server",
        (
            Panel("Connections", (("max(~connections$)", "used"), ("max(~connections_limit$)", "allowed"))),
            Panel(
                "Bytes",
                (
                    ("max(~database_bytes$)", "database"),
                    ("max(~wal_bytes$)", "WAL"),
                    ("min(~disk_free_bytes$)", "free"),
                ),
                "bytes",
            ),
            Panel(
                "Standbys",
                (
                    ("max by (standby) (~replication_lag_seconds$)", "{{standby}}"),
                    ("max(~replication_slots_inactive$)", "slots without a reader"),
                ),
                "s",
                bound=_bound("RunfoldStandbyBehind"),
            ),
            Panel(
                "WAL's archive",
                (("max(~wal_archive_age_seconds$)", "waits"),),
                "s",
                bound=_bound("RunfoldWalArchiveLate"),
            ),
            Panel(
                "Sealed and archived",
                (
                    ("max(~sealed_position$)", "sealed"),
                    ("max(~archived_position$)", "archived"),
                    ("max(~safe_head_position$)", "settled"),
                ),
            ),
            Panel(
                "Age of the last backup", (("max(~backup_age_seconds$)", ""),), "s", bound=_bound("RunfoldBackupOld")
            ),
            Panel(
                "Tables: verified",
                (("max by (table) (~verified_age_seconds$)", "{{table}}"),),
                "s",
                bound=_bound("RunfoldNotVerified"),
            ),
            Panel(
                "Tables: expired rows removed",
                (("max by (table) (~retention_age_seconds$)", "{{table}}"),),
                "s",
                bound=_bound("RunfoldRetentionLate"),
            ),
        ),
    ),
)


def expression(query: str) -> str:
    """Return a query as Prometheus takes it: with the prefix, and of the instances that are chosen."""
    return query.replace("~", PREFIX).replace("$", '{instance=~"$instance"}')


def dashboard() -> dict[str, Any]:
    """Return the dashboard."""
    return {
        "uid": "runfold",
        "title": "runfold",
        "tags": ["runfold"],
        "schemaVersion": SCHEMA_VERSION,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {
            "list": [
                {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Data source"},
                {
                    "name": "instance",
                    "type": "query",
                    "label": "Instance",
                    "datasource": _SOURCE,
                    "query": f"label_values({PREFIX}up, instance)",
                    "includeAll": True,
                    "allValue": ".*",
                    "multi": True,
                    "refresh": 2,
                    "current": {"text": ["All"], "value": ["$__all"]},
                },
            ]
        },
        "panels": list(_panels()),
    }


def dashboard_text() -> str:
    """Return the dashboard as JSON."""
    return json.dumps(dashboard(), indent=2) + "\n"


def _panels() -> Iterable[dict[str, Any]]:
    number, y = 1, 0
    for title, panels in ROWS:
        place = {"h": 1, "w": _COLUMNS, "x": 0, "y": y}
        yield {"id": number, "type": "row", "title": title, "collapsed": False, "panels": [], "gridPos": place}
        number, y, x = number + 1, y + 1, 0
        for panel in panels:
            height = 4 if panel.kind == "stat" else 8
            if x + panel.width > _COLUMNS:
                x, y = 0, y + height
            yield _panel(panel, number, {"h": height, "w": panel.width, "x": x, "y": y})
            number, x = number + 1, x + panel.width
        y += height


def _panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": "red" if panel.below else "green", "value": None}]
    if panel.bound is not None:
        # A step begins at its value: of whole numbers, "more than 0" begins at 1.
        from_here = panel.bound if panel.below or panel.bound else 1
        steps.append({"color": "green" if panel.below else "red", "value": from_here})
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "gridPos": place,
        "datasource": _SOURCE,
        "fieldConfig": {
            "defaults": {"unit": panel.unit, "min": 0, "thresholds": {"mode": "absolute", "steps": steps}},
            "overrides": [],
        },
        "options": {"colorMode": "background"}
        if panel.kind == "stat"
        else {"legend": {"displayMode": "list", "placement": "bottom", "showLegend": True}},
        "targets": [
            {
                "refId": chr(ord("A") + n),
                "datasource": _SOURCE,
                "expr": expression(query),
                "legendFormat": legend or "__auto",
                "instant": panel.kind == "stat",
            }
            for n, (query, legend) in enumerate(panel.queries)
        ],
    }
