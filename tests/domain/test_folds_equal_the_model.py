"""An aggregate's state equals the reference model of its stream, even for senseless histories."""

from __future__ import annotations

from random import Random
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings

from runfold.domain import execution_state as execution_folds
from runfold.domain.aggregate import Aggregate
from runfold.domain.deployment import Deployment
from runfold.domain.execution import Execution
from runfold.domain.interaction import Interaction
from runfold.domain.response import Response
from tests.model import reference, workflow_status
from tests.model.histories import AS_WALKED, History, _Walk, histories, record
from tests.model.tables import Recorded, Tables, row_id

EXAMPLES = 300


def without_deletions(history: History) -> History:
    """Remove deletions, which delete rows of other streams: the aggregates of those cannot know."""
    kept = [
        (stream, user, [happening for happening in happenings if happening[0]["type"] != "WorkflowDeleted"])
        for stream, user, happenings in history
    ]
    return [append for append in kept if append[2]]


def states(events: list[Recorded]) -> dict[str, Aggregate]:
    found: dict[str, Aggregate] = {}
    for event in events:
        if not event.stream_id.startswith("log-"):
            before = found.get(event.stream_id) or Aggregate.of(event.stream_id)
            found[event.stream_id] = before.after([event])
    return found


def execution_as_the_model(tables: Tables, state: Execution) -> None:
    row = tables.workflow_executions.get(tables.execution_of.get(state.id))
    if row is None:
        assert state.status is None
        return
    assert (state.status, state.paused, dict(state.open_pauses)) == (row["status"], row["paused"], row["open_pauses"])
    assert state.workflow_id == row["workflow_id"]
    closed = {name: pause.status for name, pause in state.pauses.items() if pause.status != "active"}
    assert closed == row["closed_pauses"]
    nodes = {row["id"]: row for row in tables.node_executions.values() if row["execution_id"] == state.name}
    assert {row_id(state.id, "node", name) for name in state.nodes} == nodes.keys()
    for name, node in state.nodes.items():
        found = nodes[row_id(state.id, "node", name)]
        assert (node.node_id, node.status, node.attempt) == (found["node_id"], found["status"], found["attempt"] or 0)
        assert ("UNKNOWN" if node.node_type is None else node.node_type) == found["node_type"]
    pending = {name for names in state.scheduled.values() for name in names}
    assert pending == {name for name, node in state.nodes.items() if node.status == "PENDING"}


def deployment_as_the_model(tables: Tables, state: Deployment) -> None:
    workflow = UUID(state.name)
    assert state.status == workflow_status.deployment_status(tables.deployed.get(workflow))
    mine = [row for row in tables.trigger_index.values() if row["workflow_id"] == workflow]
    assert dict(state.triggers) == {row["name"]: row["deployment_status"] for row in mine}
    ended = {
        row["deployment_id"]: row["completed_at"] is not None
        for row in tables.workflow_deployment_history.values()
        if row["workflow_id"] == workflow
    }
    assert dict(state.deployments) == ended


def as_the_model(tables: Tables, state: Aggregate) -> None:
    if isinstance(state, Execution):
        execution_as_the_model(tables, state)
    elif isinstance(state, Deployment):
        deployment_as_the_model(tables, state)
    else:
        assert isinstance(state, Interaction | Response)
        table = tables.human_interactions if isinstance(state, Interaction) else tables.hil_responses
        row = table.get(UUID(state.name))
        assert state.status == (None if row is None else row["status"])


def walked(seed: int) -> History:
    """Return a history without Hypothesis, which would shrink a failure for a long time."""
    walk = _Walk(Random(seed), 3, 2)
    for _ in range(40):
        walk.step(AS_WALKED)
    return without_deletions(walk.history)


def check(history: History) -> None:
    tables = Tables()
    events = record(history)
    for event in events:
        reference.apply(tables, event)
    for state in states(events).values():
        as_the_model(tables, state)


@settings(max_examples=EXAMPLES, deadline=None, report_multiple_bugs=False)
@given(history=histories(max_events=60))
def test_any_history_folds_as_the_model_has_it(history: History) -> None:
    check(without_deletions(history))


@settings(max_examples=EXAMPLES // 3, deadline=None)
@given(history=histories(max_events=60))
def test_a_workflow_s_deletion_leaves_its_deployments_as_the_model_has_it(history: History) -> None:
    check([append for append in history if append[0].startswith("deployment-")])


def test_control_a_fold_whose_ends_do_not_hold_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(_: Any, __: Any) -> dict[str, Any]:
        return {"status": "RUNNING"}

    monkeypatch.setitem(execution_folds.FOLDS, "ExecutionStarted", careless)
    histories = [walked(seed) for seed in range(EXAMPLES)]
    with pytest.raises(AssertionError):
        list(map(check, histories))
