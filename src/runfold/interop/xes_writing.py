"""Writes a process log, XES 1.0 (IEEE 1849): a trace an execution, with the moves of its nodes in the order of time.

The standard's lifecycle has fewer moves than the vocabulary: each event carries its type as well. A log line that an
import of XES made is written as the event that it was; other log lines are no moves and are left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any
from xml.sax.saxutils import quoteattr

from runfold.events.envelope import RecordedEvent
from runfold.interop.portable import instant
from runfold.interop.xes_options import Step

LOG_NAME = "runfold"

TRANSITIONS = {
    "NodeScheduled": Step.SCHEDULE.value,
    "NodeStarted": Step.START.value,
    "NodeAttemptFailed": "unknown",
    "NodeWaiting": "suspend",
    "NodeContinued": "resume",
    "NodeSucceeded": Step.COMPLETE.value,
    "NodeFailed": "ate_abort",
    "NodeSkipped": "autoskip",
    "NodeCanceled": "withdraw",
}
"""The transition of the standard's lifecycle for each move of a node."""

_OF_TRACE = {
    "ExecutionSucceeded": "SUCCESS",
    "ExecutionFailed": "ERROR",
    "ExecutionCanceled": "CANCELED",
    "ExecutionTimedOut": "TIMEOUT",
    "ExecutionDeclaredLost": "ERROR",
}
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<log xes.version="1.0" xes.features="" xmlns="http://www.xes-standard.org/">
  <extension name="Concept" prefix="concept" uri="http://www.xes-standard.org/concept.xesext"/>
  <extension name="Lifecycle" prefix="lifecycle" uri="http://www.xes-standard.org/lifecycle.xesext"/>
  <extension name="Organizational" prefix="org" uri="http://www.xes-standard.org/org.xesext"/>
  <extension name="Time" prefix="time" uri="http://www.xes-standard.org/time.xesext"/>
  <global scope="trace">
    <string key="concept:name" value=""/>
  </global>
  <global scope="event">
    <string key="concept:name" value=""/>
    <string key="lifecycle:transition" value="complete"/>
    <date key="time:timestamp" value="1970-01-01T00:00:00Z"/>
  </global>
  <classifier name="Activity" keys="concept:name"/>
  <classifier name="Activity and transition" keys="concept:name lifecycle:transition"/>
  <string key="lifecycle:model" value="standard"/>
"""


class XesWriter:
    """Writes a log trace by trace; `end` completes it."""

    def __init__(self, write: Callable[[bytes], object], name: str = LOG_NAME) -> None:
        self._write = write
        self._write((_HEAD + _attribute("string", "concept:name", name, indent=2)).encode())

    def add(self, created: RecordedEvent, events: Iterable[RecordedEvent]) -> int:
        """Write an execution's trace of its own events and its log lines; return the number of events in it."""
        found = sorted(events, key=lambda event: (event.occurred_at, event.position))
        moves = [(event, move) for event in found if (move := _move(event)) is not None]
        ends = [_OF_TRACE[event.type] for event in found if event.type in _OF_TRACE]
        data = created.data or {}
        parts = ["  <trace>\n", _attribute("string", "concept:name", str(data.get("execution_id")), indent=4)]
        parts.append(_attribute("string", "workflow_id", str(data.get("workflow_id")), indent=4))
        if ends:
            parts.append(_attribute("string", "status", ends[0], indent=4))
        parts.extend(_event(event, *move) for event, move in moves)
        parts.append("  </trace>\n")
        self._write("".join(parts).encode())
        return len(moves)

    def end(self) -> None:
        """Write the end of the log."""
        self._write(b"</log>\n")


def _move(event: RecordedEvent) -> tuple[str, str, str | None] | None:
    """Return the node, the transition and the activation; None where the event is no move of a node."""
    data: Any = event.data or {}
    if event.type in TRANSITIONS:
        return data["node_id"], TRANSITIONS[event.type], data["activation"]
    if event.type == "LogAppended" and data.get("node_id") and data.get("event_type") == "workflow_progress":
        transition = str(data.get("message")).removeprefix(f"{data['node_id']}: ")
        if transition and data["message"] == f"{data['node_id']}: {transition}":
            return data["node_id"], transition, None
    return None


def _event(event: RecordedEvent, node: str, transition: str, activation: str | None) -> str:
    actor = event.metadata.get("actor")
    parts = [
        "    <event>\n",
        _attribute("string", "concept:name", node),
        _attribute("string", "lifecycle:transition", transition),
        _attribute("date", "time:timestamp", instant(event.occurred_at)),
    ]
    if activation is not None:
        parts.append(_attribute("string", "concept:instance", activation))
    if isinstance(actor, str) and actor:
        parts.append(_attribute("string", "org:resource", actor))
    parts.append(_attribute("string", "event_type", event.type))
    parts.append(_attribute("id", "event_id", str(event.event_id)))
    attempt = (event.data or {}).get("attempt")
    if isinstance(attempt, int):
        parts.append(_attribute("int", "attempt", str(attempt)))
    return "".join([*parts, "    </event>\n"])


def _attribute(element: str, key: str, value: str, *, indent: int = 6) -> str:
    # XML has no place for most control characters, not even as references.
    shown = quoteattr(_NOT_IN_XML.sub("\ufffd", value), {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"})
    return f'{" " * indent}<{element} key="{key}" value={shown}/>\n'
