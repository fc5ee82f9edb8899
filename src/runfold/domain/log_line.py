"""Lines of an execution's log. They have a stream beside the execution's, so that writing them never conflicts."""

from __future__ import annotations

from typing import Any, Unpack
from uuid import UUID

from runfold.events import LogAppended
from runfold.events.envelope import Append, NewEvent
from runfold.events.log import LogLine
from runfold.events.streams import stream_id


def log_line(message: str, *, kind: str | None = None, **line: Unpack[LogLine]) -> LogAppended:
    """Write a line for people into the execution's log; it never conflicts with another writer.

    `kind` is any word of yours for what the line is, kept in `data`. `runfold.events.log.LogLine` says what a line
    takes beside its message.
    """
    line.setdefault("level", "INFO")
    line.setdefault("event_type", "workflow_progress")
    more = {} if kind is None else {"kind": kind}
    if line["level"] == "CRITICAL":
        # The column of levels has no such value.
        line["level"] = "ERROR"
        more["level"] = "CRITICAL"
    if more and isinstance(data := line.get("data", {}) or {}, dict):
        line["data"] = {**more, **data}
    return LogAppended(message=message, **line)  # type: ignore[arg-type]  # CRITICAL is replaced


def append_of_line(execution_id: str, line: LogAppended, *, user_id: UUID | None, metadata: dict[str, Any]) -> Append:
    """Return the append of a line to its execution's log, at any version."""
    return Append(
        stream_id=stream_id("log", execution_id), events=[NewEvent.of(line, metadata=metadata)], user_id=user_id
    )
