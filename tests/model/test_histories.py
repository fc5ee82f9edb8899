"""What the generated histories reach: a property test is worth no more than its examples."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from runfold.events import VOCABULARY
from tests.model import executions, histories, nodes, reference
from tests.model.histories import History
from tests.model.payloads import FIELDS
from tests.model.tables import Recorded, Row, Tables, row_id

EXAMPLES = 600

ANOMALIES = {
    ("workflow_executions", "missing_row"),
    ("workflow_executions", "already_exists"),
    ("workflow_executions", "after_end"),
    ("workflow_executions", "illegal_transition"),
    ("workflow_execution_pauses", "missing_row"),
    ("workflow_execution_pauses", "already_exists"),
    ("workflow_execution_pauses", "after_end"),
    ("workflow_execution_pauses", "execution_ended"),
    ("node_executions", "missing_row"),
    ("node_executions", "after_end"),
    ("node_executions", "illegal_transition"),
}


@pytest.fixture(scope="module")
def reached() -> Counter[tuple[Any, ...]]:
    """What a fixed number of generated histories did, and how often."""
    seen: Counter[tuple[Any, ...]] = Counter()

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(histories.histories())
    def collect(history: History) -> None:
        tables = Tables()
        for event in histories.record(history):
            seen["event", event.type] += 1
            before = _statuses(tables, event)
            reference.apply(tables, event)
            after = _statuses(tables, event)
            for machine in before:
                seen[machine, before[machine], after[machine]] += 1
            if before["execution"] in executions.ENDED:
                seen["after the end", event.type] += 1
        for anomaly in tables.anomalies.values():
            seen["anomaly", anomaly["projection"], anomaly["code"]] += 1
        for row in tables.workflow_executions.values():
            if len(row["open_pauses"]) > 1 and len(set(row["open_pauses"].values())) > 1:
                seen["two pauses for two reasons",] += 1
        status = reference.read(tables)["workflow_status"]
        arrived_last: dict[Any, Row] = {row["workflow_id"]: row for row in tables.workflow_executions.values()}
        for workflow_id, row in arrived_last.items():
            if status[workflow_id]["latest_execution_id"] != row["execution_id"]:
                seen["the latest is not the last to arrive",] += 1

    collect()
    return seen


def test_histories_reach_every_event_type(reached: Counter[tuple[Any, ...]]) -> None:
    assert {kind for kind in FIELDS if not reached["event", kind]} == set()


def test_histories_reach_every_anomaly(reached: Counter[tuple[Any, ...]]) -> None:
    assert {pair for pair in ANOMALIES if not reached["anomaly", *pair]} == set()
    assert {key[1:] for key in reached if key[0] == "anomaly"} == ANOMALIES


def test_histories_reach_every_legal_transition(reached: Counter[tuple[Any, ...]]) -> None:
    legal: set[tuple[str, str | None, str]] = {
        ("execution", before, after) for before, afters in executions.LEGAL.items() for after in afters
    }
    legal |= {("node", before, after) for before, afters in nodes.LEGAL.items() for after in afters}
    legal |= {("pause", "active", after) for after in ("resumed", "timeout", "cancelled")}
    assert {move for move in legal if not reached[move]} == set()


def test_histories_go_on_after_the_end_with_every_event_type(reached: Counter[tuple[Any, ...]]) -> None:
    assert {kind for kind in FIELDS if kind != "LogAppended" and not reached["after the end", kind]} == set()


def test_histories_reach_the_states_that_are_easy_to_fold_wrongly(reached: Counter[tuple[Any, ...]]) -> None:
    assert reached["two pauses for two reasons",]
    assert reached["the latest is not the last to arrive",]


@given(histories.histories())
def test_every_event_of_a_history_passes_the_vocabulary_s_checks(history: History) -> None:
    for stream_id, _, happenings in history:
        for event, _ in happenings:
            made = VOCABULARY[event["type"]].from_data(event["data"])
            assert stream_id.startswith(made.category() + "-")


def test_histories_give_every_field_of_the_vocabulary() -> None:
    names_of_rows = {"execution_id", "activation", "pause"}
    for event_type, (must, may) in FIELDS.items():
        fields = {at.field: at.required for at in VOCABULARY[event_type].rules() if at.field not in names_of_rows}
        assert {name for name, required in fields.items() if required} == set(must)
        assert {name for name, required in fields.items() if not required} == set(may) - names_of_rows


@given(st.data(), st.integers(0, 30))
def test_cuts_are_partitions(data: st.DataObject, n: int) -> None:
    ends = data.draw(histories.cuts(n))
    assert ends == sorted(set(ends))
    assert (ends[-1] if ends else 0) == n
    assert all(end > 0 for end in ends)


@given(histories.histories())
def test_isolated_histories_mean_the_same(history: History) -> None:
    plain = reference.fold(histories.record(history))
    isolated = reference.fold(histories.record(histories.isolate(history, "tag ")))
    for name, table in plain.items():
        assert len(isolated[name]) == len(table)
        assert [row.get("status") for row in isolated[name].values()] == [row.get("status") for row in table.values()]
    latest = sorted("tag " + row["latest_execution_id"] for row in plain["workflow_status"].values())
    assert sorted(row["latest_execution_id"] for row in isolated["workflow_status"].values()) == latest


def _statuses(tables: Tables, event: Recorded) -> dict[str, str | None]:
    """The status of each machine the event is about."""
    execution = tables.execution(event)
    statuses = {"execution": execution["status"] if execution else None}
    if "activation" in event.data:
        node = tables.node_executions.get(row_id(event.stream_id, "node", event.data["activation"]))
        statuses["node"] = node["status"] if node else None
    elif "pause" in event.data:
        pause = tables.workflow_execution_pauses.get(row_id(event.stream_id, "pause", event.data["pause"]))
        statuses["pause"] = pause["status"] if pause else None
    return statuses
