"""The reference model: the meaning of the log, one event at a time, in plain Python.

It is written from the vocabulary and from docs/decisions/002 and 007, not from SQL: the folds in `projections/` and
this model agree because both follow the text, or a property test fails.
"""

from __future__ import annotations

from collections.abc import Iterable

from tests.model import (
    deletion,
    deployments,
    erasure,
    executions,
    interactions,
    logs,
    model_calls,
    nodes,
    pauses,
    responses,
    triggers,
    workflow_status,
)
from tests.model.tables import Recorded, Table, Tables

HISTORY_ONLY = frozenset({"ExecutionTakenOver", "ExecutionSignaled", "SignalTaken"})
"""Events that change no row: they are looked at in the log alone."""

EVENTS = (
    executions.EVENTS
    | nodes.EVENTS
    | pauses.EVENTS
    | logs.EVENTS
    | model_calls.EVENTS
    | interactions.EVENTS
    | responses.EVENTS
    | deployments.EVENTS
    | triggers.EVENTS
    | deletion.EVENTS
    | erasure.EVENTS
    | HISTORY_ONLY
)
"""The event types this model knows; those of other streams change nothing here."""


def fold(events: Iterable[Recorded]) -> dict[str, Table]:
    """Fold the events, given in position order, into read tables."""
    tables = Tables()
    for event in events:
        apply(tables, event)
    return read(tables)


def apply(tables: Tables, event: Recorded) -> None:
    """Apply one event to all rows that it concerns."""
    if event.type in executions.EVENTS:
        if executions.apply(tables, event):
            pauses.cancel_the_open_ones(tables, event)
            nodes.close_the_open_ones(tables, event)
    elif event.type in pauses.EVENTS:
        pauses.apply(tables, event)
    elif event.type in nodes.EVENTS:
        nodes.apply(tables, event)
    elif event.type in logs.EVENTS:
        logs.apply(tables, event)
    elif event.type in model_calls.EVENTS:
        model_calls.apply(tables, event)
    elif event.type in interactions.EVENTS:
        interactions.apply(tables, event)
    elif event.type in responses.EVENTS:
        responses.apply(tables, event)
    elif event.type in deployments.EVENTS:
        deployments.apply(tables, event)
    elif event.type in triggers.EVENTS:
        triggers.apply(tables, event)
    elif event.type in deletion.EVENTS:
        deletion.apply(tables, event)
    elif event.type in erasure.EVENTS:
        erasure.apply(tables, event)
    if event.type in workflow_status.EVENTS:
        workflow_status.apply(tables, event)


def read(tables: Tables) -> dict[str, Table]:
    """Return the read tables by name."""
    return {
        "workflow_executions": tables.workflow_executions,
        "node_executions": tables.node_executions,
        "workflow_execution_pauses": tables.workflow_execution_pauses,
        "workflow_execution_logs": tables.workflow_execution_logs,
        "model_calls": tables.model_calls,
        "workflow_status": workflow_status.of(tables),
        "human_interactions": tables.human_interactions,
        "hil_responses": tables.hil_responses,
        "workflow_deployment_history": tables.workflow_deployment_history,
        "trigger_index": tables.trigger_index,
        "anomalies": tables.anomalies,
    }
