"""runfold: the event-sourced execution store for AI-workflow engines, on plain PostgreSQL.

    store = runfold.connect()
    store.append("execution-7", [events.ExecutionCreated(...)], expected_version=0)

`await runfold.connect_async()` opens the same store for asyncio.
"""

from runfold import errors, events
from runfold.errors import RunfoldError
from runfold.log.async_store import AsyncStore, connect_async
from runfold.log.envelope import Append, Appended, NewEvent, RecordedEvent
from runfold.log.store import Store, connect

__all__ = [
    "Append",
    "Appended",
    "AsyncStore",
    "NewEvent",
    "RecordedEvent",
    "RunfoldError",
    "Store",
    "connect",
    "connect_async",
    "errors",
    "events",
]
