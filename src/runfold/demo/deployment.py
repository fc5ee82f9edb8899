"""Before a workflow runs: its row, which users edit, and its deployment, which is events."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import orjson

import runfold
from runfold import events
from runfold.demo.engine import Workflow
from runfold.demo.journal import Journal
from runfold.demo.page import statement


async def save(store: runfold.AsyncStore, workflow: Workflow) -> None:
    """Write the workflow's row, as an editor does."""
    definition = {
        "nodes": [{"id": node.node_id, "type": node.node_type, "needs": node.needs} for node in workflow.nodes]
    }
    async with store.transaction() as connection:
        await connection.execute(
            statement("insert_workflow"),
            {"id": workflow.workflow_id, "name": workflow.name, "definition": orjson.dumps(definition).decode()},
        )


async def deploy(journal: Journal, workflow: Workflow, *, webhook: str | None = None) -> None:
    """Deploy a workflow, and activate its webhook, whose path is claimed: no other workflow can have it."""
    stream, deployment = f"deployment-{workflow.workflow_id}", uuid4()
    about: dict[str, Any] = {
        "deployment_id": deployment,
        "deployment_action": "DEPLOY",
        "deployment_version": 1,
        "deployment_config": {"nodes": len(workflow.nodes)},
    }
    started = events.DeploymentStarted(**about, from_status="IDLE", to_status="DEPLOYING", started_at=datetime.now(UTC))
    await journal.record((stream, [started]))
    if webhook is not None:
        registered = events.TriggerRegistered(
            trigger="webhook", trigger_subtype="WEBHOOK", trigger_config={"method": "POST"}, index_key=webhook
        )
        logged = events.DeploymentLogAppended(
            deployment_id=deployment, level="INFO", message=f"webhook {webhook} is registered", at=datetime.now(UTC)
        )
        await journal.record(
            (stream, [registered, logged, events.TriggerActivated(trigger="webhook")]),
        )
    completed = events.DeploymentCompleted(**about, to_status="DEPLOYED", completed_at=datetime.now(UTC))
    await journal.record((stream, [completed]))
