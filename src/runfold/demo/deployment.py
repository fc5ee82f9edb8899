"""Prepare a workflow: write its row, which users edit, and deploy it, which appends events."""

from __future__ import annotations

import orjson

import runfold
from runfold.demo.engine import Workflow
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


async def deploy(store: runfold.AsyncStore, workflow: Workflow, *, webhook: str | None = None) -> None:
    """Deploy a workflow and activate its webhook; the path is claimed, so no other workflow can have it."""
    deployment = await store.deployments.of(workflow.workflow_id)
    await deployment.deploy(deployment_version=1, deployment_config={"nodes": len(workflow.nodes)})
    if webhook is not None:
        await deployment.register_trigger(
            "webhook", trigger_subtype="WEBHOOK", trigger_config={"method": "POST"}, index_key=webhook
        )
        await deployment.change(lambda one: one.log(f"webhook {webhook} is registered").activate_trigger("webhook"))
    await deployment.complete()
