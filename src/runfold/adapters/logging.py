"""Records what Python's logging says while an execution runs, as lines of its log: a logging.Handler."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from threading import local
from typing import Any
from uuid import UUID

from runfold.adapters.emitting import Emits, Quiet
from runfold.adapters.events_of_spans import datetime_of
from runfold.adapters.storable import MOST_BYTES, fitting, name, text
from runfold.client import current
from runfold.events import LogAppended
from runfold.events.fields import LogLevel
from runfold.events.ids import new_id
from runfold.events.streams import stream_id

_LONGEST = 10_000
_NEVER = ("runfold", "psycopg")
"""Loggers of what records the lines: a line about a line would be without end."""

_OF_A_RECORD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class RunfoldHandler(logging.Handler):
    """Records log records that are written in `with run` and `with node` as lines of that execution's log.

    What is written elsewhere is not recorded, nor is what runfold and psycopg write themselves. CRITICAL becomes ERROR,
    with `level` in the line's data. It never waits for the database and never raises: `dropped` counts what the
    emitter had no room for.
    """

    def __init__(self, emitter: Emits, level: int | str = logging.NOTSET) -> None:
        super().__init__(level)
        self._quiet = Quiet(emitter, "a log record")
        self._inside = local()

    @property
    def dropped(self) -> dict[str, int]:
        """How many lines the emitter has not taken, by the code of its error."""
        return self._quiet.dropped

    def emit(self, record: logging.LogRecord) -> None:
        """Record a line, if an execution is named and the record is not about its own recording."""
        if record.name.partition(".")[0] in _NEVER or getattr(self._inside, "emitting", False):
            return
        if (working := current.working()) is None:
            return
        self._inside.emitting = True
        try:
            stream = stream_id("log", working.execution_id)
            line = self._line(record, working)
            at = datetime_of(int(record.created * 1_000_000) * 1_000)
            self._quiet.emit(stream, line, event_id=new_id(), at=at, user_id=working.user_id)
        except Exception as error:  # a program must not fail because it logs
            self._quiet.count(error)
        finally:
            self._inside.emitting = False

    def _line(self, record: logging.LogRecord, working: current.Working) -> LogAppended:
        try:
            message = self.format(record) if self.formatter is not None else record.getMessage()
        except Exception:  # its arguments do not fit its text
            message = f"{record.msg} {record.args!r}"
        data: dict[str, Any] = {"logger": record.name}
        if record.levelno > logging.ERROR:
            data["level"] = record.levelname
        if working.activation is not None and working.activation != working.node_id:
            data["activation"] = working.activation
        if extra := {key: _jsonable(value) for key, value in vars(record).items() if key not in _OF_A_RECORD}:
            data["extra"] = extra
        trace = record.exc_text
        if trace is None and record.exc_info and record.exc_info[0] is not None:
            trace = logging.Formatter().formatException(record.exc_info)
        if trace is None and record.stack_info:
            trace = record.stack_info
        return LogAppended(
            level=_level(record.levelno),
            event_type="step_error" if record.levelno >= logging.ERROR else "workflow_progress",
            message=text(message)[:_LONGEST],
            log_category="TECHNICAL",
            node_id=None if working.node_id is None else name(working.node_id),
            node_type=None if working.node_type is None else name(working.node_type, 100),
            data=fitting(data, MOST_BYTES),
            technical_details={"file": text(record.pathname), "line": record.lineno, "thread": text(record.threadName)},
            stack_trace=None if trace is None else text(trace)[-2 * _LONGEST :],
        )


@contextmanager
def recording(execution_id: str, *, user_id: UUID | None = None, node_id: str | None = None) -> Iterator[None]:
    """Name the execution for which the code in the block works: in a thread of its own, or without a handle."""
    owner = object()
    current.enter(owner, execution_id, user_id=user_id, node_id=node_id)
    try:
        yield
    finally:
        current.leave(owner)


def _level(number: int) -> LogLevel:
    if number >= logging.ERROR:
        return "ERROR"
    if number >= logging.WARNING:
        return "WARNING"
    return "INFO" if number >= logging.INFO else "DEBUG"


def _jsonable(value: Any) -> Any:
    try:
        json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return repr(value)
    return value
