"""Alert rules and dashboard: Prometheus takes them, each fires when it should, and names metrics that exist."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from runfold.health.alerts import ALERTS, Alert, rules_text
from runfold.health.dashboard import dashboard, dashboard_text
from runfold.health.metrics import METRICS, PREFIX
from runfold.health.thresholds import thresholds
from tests.docs.pages import ROOT, anchors
from tests.fixtures.commands import run_command

_NAME = re.compile(rf"\b{PREFIX}\w+")
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="promtool is not installed: it is in Debian's package prometheus"
)


def known(name: str) -> bool:
    """Whether a name in an expression is that of a metric, or of a part of a histogram."""
    part = re.sub(r"_(bucket|sum|count)$", "", name).removeprefix(PREFIX)
    metric = METRICS.get(part)
    if metric is not None and metric.kind == "histogram":
        return name != metric.name
    return name.removeprefix(PREFIX) in METRICS


def unknown(expressions: Iterable[str]) -> set[str]:
    return {name for text in expressions for name in _NAME.findall(text) if not known(name)}


def of_dashboard(made: dict[str, Any]) -> list[str]:
    return [target["expr"] for panel in made["panels"] for target in panel.get("targets", [])]


def test_every_rule_and_every_panel_names_metrics_that_exist() -> None:
    assert unknown(alert.expr for alert in ALERTS) == set()
    assert unknown(of_dashboard(dashboard())) == set()
    assert len(of_dashboard(dashboard())) > 40


def test_control_a_renamed_metric_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METRICS, "parked_stream", METRICS["parked_streams"])
    monkeypatch.delitem(METRICS, "parked_streams")
    assert unknown(alert.expr for alert in ALERTS) == {"runfold_parked_streams"}
    assert unknown(of_dashboard(dashboard())) == {"runfold_parked_streams"}


def test_the_names_follow_the_rules_of_prometheus() -> None:
    for metric in METRICS.values():
        assert re.fullmatch(r"[a-z][a-z0-9_]*[a-z]", metric.short)
        assert metric.short.endswith("_total") == (metric.kind == "counter"), metric.short
        assert not re.search(r"(_ms|_minutes|_hours|_kb|_mb|_percent)$", metric.short), metric.short


def test_each_alert_ends_with_a_page_that_is_there() -> None:
    for alert in ALERTS:
        name, _, anchor = alert.page.partition("#")
        assert (ROOT / name).is_file(), alert.name
        assert not anchor or anchor in anchors(ROOT / name), (alert.name, anchor)
        assert alert.description.endswith(alert.page)
    assert len({alert.name for alert in ALERTS}) == len(ALERTS)


def test_each_bound_is_a_threshold_of_the_file() -> None:
    all_of_them = {id(each) for each in thresholds()}
    for alert in ALERTS:
        assert id(alert.threshold) in all_of_them
        assert not re.search(r"[<>]=? *[\d.]", alert.expression), alert.name


def test_the_views_for_operators_alarm_at_the_same_bounds() -> None:
    views = (ROOT / "schema" / "tables" / "stats.sql").read_text(encoding="utf-8")
    bounds = {each.name: each.value for each in thresholds()}
    assert f"> {bounds['connections_used']} * d.most" in views
    assert f"replay_lag > interval '{bounds['replication_lag_seconds']:.0f} s'" in views
    assert f"greatest(s.n_live_tup, {bounds['dead_rows']:.0f})" in views
    assert f"r.ran_at > interval '{bounds['retention_age_seconds'] / 86400:.0f} days'" in views
    assert f"r.blocked_since > interval '{bounds['partition_blocked_seconds'] / 86400:.0f} day'" in views


# The value of a metric that makes a rule fire, and one that does not; what is not here is a metric against a bound.
SERIES: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "RunfoldWorkerGone": ({}, {"runfold_up": "1x90"}),
    "RunfoldDatabaseAway": ({"runfold_up": "0x90"}, {"runfold_up": "1x90"}),
    "RunfoldNoLeader": (
        {"runfold_leader_beat_age_seconds": "6x90", "runfold_up": "1x90"},
        {"runfold_leader_beat_age_seconds": "6x90", "runfold_up": "0x90"},
    ),
    "RunfoldEventsDiscarded": ({"runfold_discarded_events": "0x30 3x60"}, {"runfold_discarded_events": "3x90"}),
    "RunfoldPoolFull": (
        {"runfold_pool_in_use": "9x90", "runfold_pool_limit": "10x90"},
        {"runfold_pool_in_use": "8x90", "runfold_pool_limit": "10x90"},
    ),
    "RunfoldConnectionsFull": (
        {"runfold_connections": "81x90", "runfold_connections_limit": "100x90"},
        {"runfold_connections": "80x90", "runfold_connections_limit": "100x90"},
    ),
    "RunfoldStatementsSlow": (
        {"runfold_statement_seconds_sum": "0+130x90", "runfold_statement_seconds_count": "0+120x90"},
        {"runfold_statement_seconds_sum": "0+110x90", "runfold_statement_seconds_count": "0+120x90"},
    ),
    "RunfoldEnginesSlow": (
        {"runfold_longest_statement_seconds": "2x90"},
        {"runfold_longest_statement_seconds": " ".join(["2 2 2 0"] * 23)},
    ),
}


def series_of(alert: Alert) -> tuple[dict[str, str], dict[str, str]]:
    """Return what fires the alert, and what just does not."""
    if alert.name in SERIES:
        return SERIES[alert.name]
    found = re.fullmatch(rf"({PREFIX}\w+) ([<>]) ([\d.]+)", alert.expr)
    assert found is not None, f"say in SERIES what fires {alert.name}"
    name, sign, bound = found.groups()
    beyond = float(bound) + (1 if sign == ">" else -1)
    return {name: f"{beyond}x90"}, {name: f"{bound}x90"}


def promtool(*words: str) -> str:
    assert PROMTOOL is not None
    done = subprocess.run([PROMTOOL, *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def try_rules(tmp_path: Path, rules: str) -> None:
    """Let promtool run every rule over series that fire it, and over series that do not."""
    (tmp_path / "rules.yml").write_text(rules, encoding="utf-8")
    tests = []
    for alert in ALERTS:
        for fires, series in zip((True, False), series_of(alert), strict=True):
            label = next(
                (METRICS[name.removeprefix(PREFIX)].label for name in series if name.removeprefix(PREFIX) in METRICS),
                None,
            )
            labels = '{instance="a"' + (f', {label}="b"' if label else "") + "}"
            expected = {
                **({"instance": "a"} if series else {}),
                **({label: "b"} if label else {}),
                "severity": alert.severity,
            }
            # `absent` is answered without labels, and all others at an end that lies beyond their `for`.
            tests.append(
                {
                    "name": f"{alert.name} {'fires' if fires else 'does not fire'}",
                    "interval": "1m",
                    "input_series": [{"series": name + labels, "values": values} for name, values in series.items()],
                    "promql_expr_test": [],
                    "alert_rule_test": [
                        {
                            "eval_time": "80m",
                            "alertname": alert.name,
                            "exp_alerts": [{"exp_labels": expected}] if fires else [],
                        }
                    ],
                }
            )
    (tmp_path / "tests.yml").write_text(
        json.dumps({"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": tests}), encoding="utf-8"
    )
    promtool("test", "rules", str(tmp_path / "tests.yml"))


def without_texts(rules: str) -> str:
    """Return rules whose alerts have labels alone, which a test of promtool's then need not repeat."""
    return re.sub(r"\n {8}annotations:\n( {10}.*\n)+", "\n", rules)


@pytest.mark.process
@needs_promtool
def test_prometheus_takes_the_rules(tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text(rules_text(), encoding="utf-8")
    assert f"{len(ALERTS)} rules found" in promtool("check", "rules", str(tmp_path / "rules.yml"))


@pytest.mark.process
@needs_promtool
def test_each_rule_fires_beyond_its_bound_and_not_at_it(tmp_path: Path) -> None:
    try_rules(tmp_path, without_texts(rules_text()))


@pytest.mark.process
@needs_promtool
def test_control_a_rule_with_another_bound_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = without_texts(rules_text())
    changed = rules.replace("runfold_leader_beat_age_seconds > 5", "runfold_leader_beat_age_seconds > 50")
    assert changed != rules
    with pytest.raises(AssertionError, match="RunfoldNoLeader"):
        try_rules(tmp_path, changed)


def grafana(made: dict[str, Any]) -> list[str]:
    """Return what Grafana's own classes do not take over of a dashboard."""
    sdk = pytest.importorskip("grafana_foundation_sdk.models.dashboard")
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.cog.plugins import register_default_plugins

    register_default_plugins()
    read = json.loads(JSONEncoder().encode(sdk.Dashboard.from_json(made)))
    return list(_lost(made, read, ""))


def _lost(given: Any, read: Any, at: str) -> Iterable[str]:
    if isinstance(given, dict) and isinstance(read, dict):
        for key, value in given.items():
            yield from _lost(value, read.get(key), f"{at}/{key}")
    elif isinstance(given, list) and isinstance(read, list) and len(given) == len(read):
        for n, (one, other) in enumerate(zip(given, read, strict=True)):
            yield from _lost(one, other, f"{at}/{n}")
    elif given != read:
        yield at


def test_grafana_knows_every_key_of_the_dashboard() -> None:
    made = dashboard()
    assert grafana(made) == []
    made["panels"][1]["fieldConfig"]["defaults"]["untis"] = "s"
    made["refreshh"] = "30s"
    assert sorted(grafana(made)) == ["/panels/1/fieldConfig/defaults/untis", "/refreshh"]


def test_the_panels_have_places_of_their_own() -> None:
    made = dashboard()
    assert len({panel["id"] for panel in made["panels"]}) == len(made["panels"])
    taken: set[tuple[int, int]] = set()
    for panel in made["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells


@pytest.mark.process
def test_the_commands_print_them() -> None:
    assert run_command("health", "rules", environment=os.environ).stdout == rules_text()
    assert run_command("health", "dashboard", environment=os.environ).stdout == dashboard_text()
