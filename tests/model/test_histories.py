"""The generated histories reach every case: a property test is worth no more than its examples."""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from runfold.events import VOCABULARY
from tests.model import executions, histories, interactions, nodes, reference, responses, triggers, workflow_status
from tests.model.histories import History
from tests.model.payloads import (
    DEPLOYMENT_EVENTS,
    FIELDS,
    INTERACTION_EVENTS,
    MOVES,
    NAMED_BY,
    NODES,
    PAUSE_EVENTS,
    RESPONSE_EVENTS,
    TRIGGER_EVENTS,
)
from tests.model.tables import Recorded, Row, Table, Tables, row_id, stream_uuid

EXAMPLES = 3000

ANOMALIES = {
    ("workflow_executions", "missing_row"),
    ("workflow_executions", "already_exists"),
    ("workflow_executions", "after_end"),
    ("workflow_executions", "illegal_transition"),
    ("workflow_executions", "clock_went_back"),
    ("workflow_execution_pauses", "missing_row"),
    ("workflow_execution_pauses", "already_exists"),
    ("workflow_execution_pauses", "after_end"),
    ("workflow_execution_pauses", "execution_ended"),
    ("node_executions", "missing_row"),
    ("node_executions", "old_attempt"),
    ("node_executions", "after_end"),
    ("node_executions", "execution_ended"),
    ("node_executions", "clock_went_back"),
    ("node_executions", "illegal_transition"),
    ("human_interactions", "missing_row"),
    ("human_interactions", "already_exists"),
    ("human_interactions", "after_end"),
    ("human_interactions", "illegal_transition"),
    ("hil_responses", "missing_row"),
    ("hil_responses", "already_exists"),
    ("hil_responses", "after_end"),
    ("hil_responses", "illegal_transition"),
    ("workflow_deployment_history", "missing_row"),
    ("workflow_deployment_history", "already_exists"),
    ("workflow_deployment_history", "after_end"),
    ("trigger_index", "missing_row"),
    ("trigger_index", "illegal_transition"),
    ("workflow_status", "illegal_transition"),
}

GOING = (
    "workflow_executions",
    "node_executions",
    "workflow_execution_pauses",
    "workflow_execution_logs",
    "human_interactions",
    "hil_responses",
    "trigger_index",
    "workflow_status",
)
"""The tables whose rows go with their workflow."""

ENDS: dict[str, frozenset[str]] = {
    "execution": executions.ENDED,
    "interaction": interactions.ENDED,
    "response": responses.ENDED,
    "deployment": frozenset({"ended"}),
}


@pytest.fixture(scope="module")
def reached() -> Counter[tuple[Any, ...]]:
    """The counts of everything that a fixed number of generated histories did."""
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
        events = histories.record(history)
        belongs: dict[str, set[UUID]] = {}
        deleted: set[UUID] = set()
        for event in events:
            seen["event", event.type] += 1
            workflows = belongs.setdefault(event.stream_id.replace("log-", "execution-"), set())
            if "workflow_id" in event.data:
                workflows.add(UUID(event.data["workflow_id"]))
            if event.stream_id.startswith("deployment-"):
                workflows.add(stream_uuid(event))
            if workflows & deleted:
                seen["after a deletion", event.type] += 1
            if event.type == "WorkflowDeleted":
                seen.update(_rows_at_a_deletion(tables, event))
                deleted.add(stream_uuid(event))
            if event.type == "ResponseMatched":
                seen["match", _match(tables, event, events)] += 1
            before = _statuses(tables, event)
            reference.apply(tables, event)
            after = _statuses(tables, event)
            for machine in before:
                seen[machine, before[machine], after[machine]] += 1
                if before[machine] in ENDS.get(machine, ()):
                    seen["after the end", machine, event.type] += 1
            going_on = Counter(
                row["workflow_id"] for row in tables.workflow_deployment_history.values() if row["completed_at"] is None
            )
            seen["deployments at once", max(going_on.values(), default=0)] += 1
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
    assert {kind for kind in FIELDS if kind != "TenantErased" and not reached["event", kind]} == set()


def test_histories_reach_every_anomaly(reached: Counter[tuple[Any, ...]]) -> None:
    assert {pair for pair in ANOMALIES if not reached["anomaly", *pair]} == set()
    assert {key[1:] for key in reached if key[0] == "anomaly"} == ANOMALIES


def test_histories_reach_every_legal_transition(reached: Counter[tuple[Any, ...]]) -> None:
    legal: set[tuple[str, str | None, str]] = {
        ("execution", before, after) for before, afters in executions.LEGAL.items() for after in afters
    }
    legal |= {("node", before, after) for before, afters in nodes.LEGAL.items() for after in afters}
    legal |= {("pause", "active", after) for after in ("resumed", "timeout", "cancelled")}
    legal |= {("interaction", before, after) for before, afters in interactions.LEGAL.items() for after in afters}
    legal |= {("response", before, after) for before, afters in responses.LEGAL.items() for after in afters}
    legal |= {("trigger", before, after) for before, afters in triggers.LEGAL.items() for after in afters}
    legal |= {("workflow", before, after) for before, afters in workflow_status.LEGAL.items() for after in afters}
    assert {move for move in legal if not reached[move]} == set()


def test_histories_go_on_after_the_end_with_every_event_type(reached: Counter[tuple[Any, ...]]) -> None:
    about: dict[str, tuple[str, ...]] = {
        "execution": (*MOVES, *NODES, *PAUSE_EVENTS),
        "interaction": INTERACTION_EVENTS,
        "response": RESPONSE_EVENTS,
        "deployment": DEPLOYMENT_EVENTS,
    }
    late = {(machine, kind) for machine, kinds in about.items() for kind in kinds}
    assert {one for one in late if not reached["after the end", *one]} == set()


def test_histories_match_interactions_that_stand_and_that_do_not(reached: Counter[tuple[Any, ...]]) -> None:
    ways = {"standing", "of another workflow", "not yet requested", "deleted", "unknown"}
    assert {way for way in ways if not reached["match", way]} == set()


def test_histories_delete_rows_of_every_kind_and_spare_others(reached: Counter[tuple[Any, ...]]) -> None:
    assert {table for table in GOING if not reached["goes", table]} == set()
    assert {table for table in GOING if not reached["stays", table]} == set()
    assert reached["stays", "workflow_deployment_history"]
    assert reached["nothing to delete",]


def test_histories_go_on_after_a_deletion_with_every_event_type(reached: Counter[tuple[Any, ...]]) -> None:
    assert {
        kind
        for kind in FIELDS
        if kind not in ("WorkflowDeleted", "TenantErased") and not reached["after a deletion", kind]
    } == set()


def test_histories_have_several_deployments_at_once(reached: Counter[tuple[Any, ...]]) -> None:
    assert reached["deployments at once", 2]
    assert reached["deployments at once", 3]


def test_histories_reach_the_states_that_are_easy_to_fold_wrongly(reached: Counter[tuple[Any, ...]]) -> None:
    assert reached["two pauses for two reasons",]
    assert reached["the latest is not the last to arrive",]
    assert reached["closing", "CANCELED", None], "a node's own end overrules its execution's"
    assert reached["closing", "CANCELED", "CANCELED"], "a node that its execution's end closed is started again"
    assert reached["closing", None, "CANCELED"], "a node is first heard of after its execution's end"


@given(histories.histories())
def test_every_event_of_a_history_passes_the_vocabulary_s_checks(history: History) -> None:
    for stream_id, _, happenings in history:
        for event, _ in happenings:
            made = VOCABULARY[event["type"]].from_data(event["data"])
            assert stream_id.startswith(made.category() + "-")


def test_histories_give_every_field_of_the_vocabulary() -> None:
    for event_type, (must, may) in FIELDS.items():
        named_by = NAMED_BY.get(event_type)
        fields = {at.field: at.required for at in VOCABULARY[event_type].rules() if at.field != named_by}
        assert {name for name, required in fields.items() if required} == set(must)
        assert {name for name, required in fields.items() if not required} == set(may)


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
    for name in plain:
        assert len(isolated[name]) == len(plain[name])
        assert [row.get("status") for row in isolated[name].values()] == [
            row.get("status") for row in plain[name].values()
        ]
    latest = [row["latest_execution_id"] and "tag " + row["latest_execution_id"] for row in _statuses_of(plain)]
    assert [row["latest_execution_id"] for row in _statuses_of(isolated)] == latest
    for table, column in (("hil_responses", "matched_interaction_id"), ("trigger_index", "created_at")):
        kept = [row[column] is None for row in plain[table].values()]
        assert [row[column] is None for row in isolated[table].values()] == kept


@given(histories.histories())
def test_isolated_histories_share_no_name_with_others(history: History) -> None:
    one = reference.fold(histories.record(histories.isolate(history, "one.")))
    other = reference.fold(histories.record(histories.isolate(history, "other.")))
    for name, table in one.items():
        if name != "anomalies":
            assert table.keys().isdisjoint(other[name]), name
    for stream_id, _, _ in histories.isolate(history, "one."):
        category, _, name = stream_id.partition("-")
        if category not in {"execution", "log"}:
            assert name == str(UUID(name))


def _statuses_of(tables: dict[str, Table]) -> list[Row]:
    return list(tables["workflow_status"].values())


def _rows_at_a_deletion(tables: Tables, event: Recorded) -> Counter[tuple[Any, ...]]:
    """Return the tables with rows that this event deletes, and those with rows that remain."""
    seen: Counter[tuple[Any, ...]] = Counter()
    before = reference.read(tables)
    after_it = deepcopy(tables)
    reference.apply(after_it, event)
    after = reference.read(after_it)
    for table in before:
        seen["goes", table] += len(before[table].keys() - after[table].keys())
        seen["stays", table] += len(after[table])
    seen["nothing to delete",] += before == after
    return seen


def _match(tables: Tables, event: Recorded, events: list[Recorded]) -> str:
    """Return what the response's match finds."""
    response = tables.hil_responses.get(stream_uuid(event))
    if response is None or response["status"] in responses.ENDED:
        return "nothing to match"
    interaction_id = UUID(event.data["interaction_id"])
    interaction = tables.human_interactions.get(interaction_id)
    if interaction is not None:
        return "standing" if interaction["workflow_id"] == response["workflow_id"] else "of another workflow"
    requested = [
        other.position
        for other in events
        if other.type == "InteractionRequested" and stream_uuid(other) == interaction_id
    ]
    if not requested:
        return "unknown"
    return "deleted" if requested[0] < event.position else "not yet requested"


def _statuses(tables: Tables, event: Recorded) -> dict[str, str | None]:
    """Return the status of each machine that the event is about."""
    stream_id, data = event.stream_id, event.data
    found: dict[str, Row | None] = {}
    if event.type in (*MOVES, *NODES, *PAUSE_EVENTS):
        found["execution"] = tables.execution(event)
    if event.type in NODES:
        found["node"] = tables.node_executions.get(row_id(stream_id, "node", data["activation"]))
        found["closing"] = None if found["node"] is None or found["node"]["closed_by"] is None else found["node"]
    if event.type in PAUSE_EVENTS:
        found["pause"] = tables.workflow_execution_pauses.get(row_id(stream_id, "pause", data["pause"]))
    if event.type in INTERACTION_EVENTS:
        found["interaction"] = tables.human_interactions.get(stream_uuid(event))
    if event.type in RESPONSE_EVENTS:
        found["response"] = tables.hil_responses.get(stream_uuid(event))
    statuses = {machine: row["status"] if row else None for machine, row in found.items()}
    if event.type in TRIGGER_EVENTS:
        trigger = tables.trigger_index.get(row_id(stream_id, "trigger", data["trigger"]))
        statuses["trigger"] = trigger["deployment_status"] if trigger else None
    if event.type in DEPLOYMENT_EVENTS:
        name = row_id(stream_id, "deployment", data["deployment_id"].lower())
        deployment = tables.workflow_deployment_history.get(name)
        ended = deployment is not None and deployment["completed_at"] is not None
        statuses["deployment"] = "ended" if ended else None
        if event.type != "DeploymentLogAppended":
            statuses["workflow"] = workflow_status.deployment_status(tables.deployed.get(stream_uuid(event)))
    return statuses
