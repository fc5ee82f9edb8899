# Generated from ../aio/engine.py by `make sync`: edit that file, never this one.
"""An engine: what it holds, and the beat by which others know that it lives.

The beat is one statement a second, on a connection of its own, however many executions the engine holds. A pool that
the engine's work has exhausted does not make it look dead.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from types import TracebackType
from typing import Any, Self
from uuid import UUID
from weakref import WeakKeyDictionary

import psycopg

from runfold.client.background import Background, Flag
from runfold.client.sync.log import Log, statement
from runfold.database.connections import mapped_errors
from runfold.database.forks import renew
from runfold.domain.aggregate import NAME, check_value
from runfold.errors import EngineGone, ExecutionHeld, InvalidInput
from runfold.events.ids import new_id
from runfold.events.rules import Rule

log = logging.getLogger(__name__)

BEAT_SECONDS = 1.0
PATIENCE = 20
"""Beats of the leader, which beats twice a second."""
_PATIENCE_RULE = Rule("integer", 4, 100_000)

_engines: WeakKeyDictionary[Log, Engine] = WeakKeyDictionary()


def engine_of(store: Log) -> Engine | None:
    """Return the engine that runs on a store, if there is one."""
    return _engines.get(store)


class Engine:
    """An engine that runs on a store, to be used in `with`: it beats, and holds the executions that it works on.

    While it runs, each `with run:` of its store holds the execution, and `run.take_over()` takes one from an engine
    that is silent. On leaving it says goodbye, and holds nothing more.
    """

    def __init__(self, store: Log, name: str | None = None, *, patience: int = PATIENCE) -> None:
        self.engine_id: UUID = new_id()
        self.name = name if name is not None else default_name()
        check_value(NAME, self.name, "/name")
        check_value(_PATIENCE_RULE, patience, "/patience")
        self.patience = patience
        self.gone = Flag()
        """Set when the engine was silent for so long that its work was given to another: end what runs."""
        self._store = store
        self._connection: psycopg.Connection[Any] | None = None
        self._beating = Background(f"the beat of engine {self.name}", self._beat, BEAT_SECONDS)
        self._lock = threading.Lock()
        renew(self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    def _after_fork(self) -> None:
        """Be no engine in a child process: the parent's executions are the parent's."""
        self._connection = None
        if _engines.get(self._store) is self:
            del _engines[self._store]

    def __enter__(self) -> Self:
        if engine_of(self._store) is not None:
            raise InvalidInput("this store has an engine already: leave it first, or open another store")
        _engines[self._store] = self
        try:
            self._store._retried(
                statement("enter_engine"),
                {
                    "engine": self.engine_id,
                    "name": self.name,
                    "host": socket.gethostname(),
                    "pid": os.getpid(),
                    "patience": self.patience,
                },
            )
        except BaseException:
            del _engines[self._store]
            raise
        self._beating.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if _engines.get(self._store) is not self:
            return
        del _engines[self._store]
        self._beating.stop()
        try:
            self._disconnect()
            self._store._retried(statement("leave_engine"), {"engine": self.engine_id})
        except Exception as unsaid:
            if error is None:
                raise
            error.add_note(f"engine {self.name} could not say goodbye: {unsaid}")

    def hold(self, execution_id: str, epoch: int) -> None:
        """Hold an execution; raises ExecutionHeld when another engine does, and EngineGone."""
        rows = self._store._retried(
            statement("hold"), {"execution": execution_id, "engine": self.engine_id, "epoch": epoch}
        )
        self._require_held(execution_id, rows)

    def _require_held(self, execution_id: str, rows: list[tuple[Any, ...]]) -> None:
        ((engine_id, name, lives),) = rows
        if not lives:
            raise self.refusal()
        if engine_id != self.engine_id:
            raise ExecutionHeld(
                f"the engine {name} holds execution {execution_id}",
                hint="leave it alone, or take_over() when that engine is gone",
                execution_id=execution_id,
                engine=name,
            )

    def let_go(self, execution_id: str) -> None:
        """Hold an execution no more."""
        self._store._retried(statement("let_go"), {"execution": execution_id, "engine": self.engine_id})

    def refusal(self) -> EngineGone:
        """Return the error of an engine that was given up."""
        return EngineGone(
            f"the engine {self.name} was silent and given up",
            hint="end what it runs, and begin a new engine",
            engine=self.name,
        )

    def _beat(self) -> None:
        """Beat once; no row says that the engine was given up."""
        if self.gone.is_set():
            return
        with self._lock:
            try:
                with mapped_errors("runfold_engine", url=self._store.url):
                    if self._connection is None:
                        self._connection = self._store._new_connection()
                    cursor = self._connection.execute(statement("beat"), {"engine": self.engine_id})
                    row = cursor.fetchone()
            except BaseException:
                self._disconnect()
                raise
            if row is None:
                log.warning("engine %s was silent and given up: it must end what it runs", self.name)
                self.gone.set()

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def default_name() -> str:
    """Name an engine for people: host and process."""
    return f"{socket.gethostname()}:{os.getpid()}"
