"""runfold: the event-sourced execution store for AI-workflow engines, on plain PostgreSQL.

    store = runfold.connect()
    store.append("execution-7", [events.ExecutionCreated(...)], expected_version=0)
"""

from runfold import errors, events
from runfold.errors import RunfoldError
from runfold.log.envelope import Append, Appended, NewEvent, RecordedEvent
from runfold.log.store import Store, connect

__all__ = ["Append", "Appended", "NewEvent", "RecordedEvent", "RunfoldError", "Store", "connect", "errors", "events"]
