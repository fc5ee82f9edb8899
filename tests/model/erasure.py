"""TenantErased: removes every row of a tenant, and of a workflow's row what the tenant's streams gave."""

from __future__ import annotations

from tests.model.deletion import removed
from tests.model.tables import Recorded, Row, Tables, stream_uuid

EVENTS = frozenset({"TenantErased"})


def apply(tables: Tables, event: Recorded) -> None:
    """Remove the tenant's rows. Nothing of the tenant comes after it; rows of other tenants stay as they are."""
    tenant = stream_uuid(event)

    def of_the_tenant(row: Row) -> bool:
        return bool(row["user_id"] == tenant)

    executions = {row["id"] for row in removed(tables.workflow_executions, of_the_tenant)}
    tables.execution_of = {stream: row for stream, row in tables.execution_of.items() if row not in executions}
    for table in (
        tables.node_executions,
        tables.workflow_execution_pauses,
        tables.workflow_execution_logs,
        tables.model_calls,
        tables.human_interactions,
        tables.hil_responses,
        tables.workflow_deployment_history,
        tables.trigger_index,
        tables.anomalies,
        tables.deployed,
    ):
        removed(table, of_the_tenant)
