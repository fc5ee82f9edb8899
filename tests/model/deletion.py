"""WorkflowDeleted: removes the rows of a workflow, except for those that are kept."""

from __future__ import annotations

from collections.abc import Callable

from tests.model.tables import Recorded, Row, Table, Tables, stream_uuid

EVENTS = frozenset({"WorkflowDeleted"})


def apply(tables: Tables, event: Recorded) -> None:
    """Remove the workflow's rows. Its deployment history and the anomalies stay, and it may begin again."""
    workflow_id = stream_uuid(event)

    def of_the_workflow(row: Row) -> bool:
        return bool(row["workflow_id"] == workflow_id)

    executions = removed(tables.workflow_executions, of_the_workflow)
    ids = {row["id"] for row in executions}
    names = {row["execution_id"] for row in executions}
    removed(tables.node_executions, lambda row: row["execution_id"] in names)
    removed(tables.workflow_execution_pauses, lambda row: row["execution_id"] in ids)
    tables.execution_of = {stream: row for stream, row in tables.execution_of.items() if row not in ids}
    # Neither a log line nor a call of a model needs an execution row, or outlives it: it goes by
    # the executions that there ever were.
    ever = tables.created_for.get(workflow_id, set())
    removed(tables.workflow_execution_logs, lambda row: row["execution_id"] in ever)
    removed(tables.model_calls, lambda row: row["execution_id"] in ever)

    removed(tables.human_interactions, of_the_workflow)
    removed(tables.hil_responses, of_the_workflow)
    removed(tables.trigger_index, of_the_workflow)
    tables.deployed.pop(workflow_id, None)


def removed(table: Table, goes: Callable[[Row], bool]) -> list[Row]:
    """Remove the rows, and return which they were."""
    going = {key: row for key, row in table.items() if goes(row)}
    for key in going:
        del table[key]
    return list(going.values())
