"""runfold: the event-sourced execution store for AI-workflow engines, on plain PostgreSQL.

store = runfold.connect()
with store.executions.create(workflow_id=..., mode="MANUAL") as run:
    with run.node("fetch", node_type="ACTION", input=...) as node:
        node.succeed(...)

async with await runfold.connect_async() as store:
    async with await store.executions.create(workflow_id=..., mode="MANUAL") as run:
        async with run.node("fetch", node_type="ACTION", input=...) as node:
            await node.succeed(...)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runfold import errors, events
    from runfold.client.aio.store import AsyncStore, connect_async
    from runfold.client.aio.tenant import AsyncTenant
    from runfold.client.sync.store import Store, connect
    from runfold.client.sync.tenant import Tenant
    from runfold.client.vector_rows import VectorRow, VectorsUpserted
    from runfold.domain.deployment import Deployment
    from runfold.domain.execution import Execution
    from runfold.domain.interaction import Interaction
    from runfold.domain.response import Response
    from runfold.emitter.acks import Ack
    from runfold.emitter.aio import AsyncEmitter
    from runfold.emitter.emitter import Emitter
    from runfold.errors import RunfoldError
    from runfold.events.envelope import Append, Appended, Bookmark, LogPage, NewEvent, Received, RecordedEvent
    from runfold.projections.definition.handler import projection

__all__ = [
    "Ack",
    "Append",
    "Appended",
    "AsyncEmitter",
    "AsyncStore",
    "AsyncTenant",
    "Bookmark",
    "Deployment",
    "Emitter",
    "Execution",
    "Interaction",
    "LogPage",
    "NewEvent",
    "Received",
    "RecordedEvent",
    "Response",
    "RunfoldError",
    "Store",
    "Tenant",
    "VectorRow",
    "VectorsUpserted",
    "connect",
    "connect_async",
    "errors",
    "events",
    "projection",
]

# Imported when they are asked for: the command line imports this package for every command, and few need a store.
_HOMES = {
    "RunfoldError": "errors",
    "AsyncStore": "client.aio.store",
    "Ack": "emitter.acks",
    "AsyncEmitter": "emitter.aio",
    "Emitter": "emitter.emitter",
    "AsyncTenant": "client.aio.tenant",
    "connect_async": "client.aio.store",
    "Append": "events.envelope",
    "Appended": "events.envelope",
    "Bookmark": "events.envelope",
    "LogPage": "events.envelope",
    "Received": "events.envelope",
    "NewEvent": "events.envelope",
    "RecordedEvent": "events.envelope",
    "Store": "client.sync.store",
    "Tenant": "client.sync.tenant",
    "connect": "client.sync.store",
    "projection": "projections.definition.handler",
    "Deployment": "domain.deployment",
    "Execution": "domain.execution",
    "Interaction": "domain.interaction",
    "Response": "domain.response",
    "VectorRow": "client.vector_rows",
    "VectorsUpserted": "client.vector_rows",
}


def __getattr__(name: str) -> Any:
    if name in ("errors", "events"):
        return import_module(f"runfold.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'runfold' has no attribute {name!r}")
    found = getattr(import_module(f"runfold.{_HOMES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
