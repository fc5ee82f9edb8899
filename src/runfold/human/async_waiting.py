"""The asyncio reading of an execution that waits: no more of a long stream than an answer needs."""

from __future__ import annotations

from runfold.human.pauses import told
from runfold.human.statements import statement
from runfold.log.async_store import AsyncStore
from runfold.writing.execution import Execution


async def read_waiting(store: AsyncStore, execution_id: str) -> Execution:
    """The execution with its status, its pauses and the activations that ever waited; of other nodes it knows nothing.

    Its version is the stream's, so that it can be changed: `change_streams` reads whatever comes later in full.
    """
    execution = Execution.named(execution_id)
    return told(execution, await store._retried(statement("waiting_events"), {"stream": execution.id}))
