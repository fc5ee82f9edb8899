"""A span as it is known when it begins and when it ends, and what is in it in the words of the vocabulary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from runfold.adapters import attributes as table
from runfold.adapters.emitting import INTERRUPTIONS
from runfold.adapters.storable import fitting, name, text
from runfold.events import LogAppended, ModelCalled
from runfold.events.fields import INT4

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAST_NS = 253_402_214_399_999 * 1_000_000
"""The last time that an event can have, in nanoseconds."""


@dataclass(frozen=True, slots=True)
class SpanStart:
    """A span as it begins. Ids are hexadecimal; `kind` is its role in calls (`client`), `about` its resource."""

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    start_ns: int
    attributes: Mapping[str, Any] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class SpanEvent:
    """Something that happened in a span, at a time."""

    name: str
    at_ns: int
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SpanEnd:
    """A span as it ends: all its attributes, its events, and whether it failed, with what its status says."""

    end_ns: int
    attributes: Mapping[str, Any] = field(default_factory=dict)
    events: Sequence[SpanEvent] = ()
    failed: bool = False
    description: str | None = None
    links: Sequence[str] = ()


def milliseconds(ns: int) -> int:
    """Return a time in milliseconds, inside the calendar of events."""
    return min(max(ns, 0), LAST_NS) // 1_000_000


def datetime_of(ns: int) -> datetime:
    """Return a time in UTC, inside the calendar of events."""
    return EPOCH + timedelta(microseconds=min(max(ns, 0), LAST_NS) // 1_000)


def error_of(end: SpanEnd, attributes: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the error data of a span that failed: of its last exception, else of its status; None if it did not."""
    if not end.failed:
        return None
    raised = next((one.attributes for one in reversed(end.events) if one.name == "exception"), {})
    kind = raised.get("exception.type") or attributes.get("error.type") or "Error"
    message = raised.get("exception.message") or end.description or "the span failed without a message"
    data = {"type": name(kind), "message": text(message)[:2_000]}
    if trace := raised.get("exception.stacktrace"):
        data["traceback"] = text(trace)[-8_000:]
    if end.description and text(end.description) not in data["message"]:
        data["status"] = text(end.description)[:2_000]
    return data


def is_cancelation(error: Mapping[str, Any]) -> bool:
    """Return whether the error says that the work was interrupted, not that it failed."""
    return str(error.get("type", "")).rpartition(".")[2] in INTERRUPTIONS


def output_of(attributes: Mapping[str, Any], end: SpanEnd, *, said_input: bool, most_bytes: int) -> dict[str, Any]:
    """Return what a span's node keeps: output, cost and attributes; its input, too, if its start did not say it."""
    made: dict[str, Any] = {}
    given, of_input = table.content(attributes, "input")
    output, of_output = table.content(attributes, "output")
    if output is not None:
        made["output"] = output
    if given is not None and not said_input:
        made["input"] = given
    if isinstance(cost := table.taken(attributes, "cost"), int | float | str):
        made["cost"] = cost
    if others := {key: value for key, value in attributes.items() if key not in of_input | of_output}:
        made["attributes"] = others
    if end.links:
        made["links"] = list(end.links)
    return fitting(made, most_bytes)


def model_call(attributes: Mapping[str, Any], activation: str, *, latency_ns: int) -> ModelCalled | None:
    """Return the call of a model that the attributes tell of; None without a model's name or any number of tokens."""
    model = table.taken(attributes, "model")
    taken, given = table.count(attributes, "input_tokens"), table.count(attributes, "output_tokens")
    if not isinstance(model, str) or (taken is None and given is None):
        return None
    cached = table.count(attributes, "cached_tokens") or 0
    tokens = taken or 0
    return ModelCalled(
        activation=activation,
        provider=name(table.taken(attributes, "provider") or "unknown", 50),
        model_id=name(model, 100),
        input_tokens=tokens if cached <= tokens else tokens + cached,  # some count only what was not cached
        cached_tokens=cached,
        output_tokens=given or 0,
        latency_ms=min(max(latency_ns, 0) // 1_000_000, INT4),
    )


def line_of(event: SpanEvent, node_id: str, node_type: str, *, most_bytes: int) -> LogAppended:
    """Return the log line of something that happened in a span; an exception that did not end it is a warning."""
    raised = event.name == "exception"
    if raised:
        message = f"{event.attributes.get('exception.type', 'exception')}: "
        message += str(event.attributes.get("exception.message", ""))
        data = {key: value for key, value in event.attributes.items() if key != "exception.stacktrace"}
    else:
        message, data = event.name, dict(event.attributes)
    return LogAppended(
        level="WARNING" if raised else "INFO",
        event_type="step_error" if raised else "workflow_progress",
        message=text(message)[:10_000],
        log_category="TECHNICAL",
        node_id=node_id,
        node_type=node_type,
        data=fitting(data, most_bytes) if data else None,
        stack_trace=text(event.attributes["exception.stacktrace"])[-20_000:]
        if raised and event.attributes.get("exception.stacktrace")
        else None,
    )
