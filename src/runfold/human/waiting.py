# Generated from async_waiting.py by `make sync`: edit that file, never this one.
"""The reading of an execution that waits: no more of a long stream than an answer needs."""

from __future__ import annotations

from runfold.human.pauses import told
from runfold.human.statements import statement
from runfold.log.store import Store
from runfold.writing.execution import Execution


def read_waiting(store: Store, execution_id: str) -> Execution:
    """The execution with its status, its pauses and the activations that ever waited; of other nodes it knows nothing.

    Its version is the stream's, so that it can be changed: `change_streams` reads whatever comes later in full.
    """
    execution = Execution.named(execution_id)
    return told(execution, store._retried(statement("waiting_events"), {"stream": execution.id}))
