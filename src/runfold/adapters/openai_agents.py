"""Records what OpenAI's Agents SDK traces: a TracingProcessor, of the extra `runfold[openai-agents]`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from threading import Lock
from time import time_ns
from typing import Any
from uuid import UUID

from runfold.errors import ExtraMissing

try:
    from agents.tracing import Span, Trace, TracingProcessor
except ImportError as missing:
    raise ExtraMissing(
        "recording the Agents SDK needs openai-agents",
        hint="pip install 'runfold[openai-agents]'",
        extra="openai-agents",
    ) from missing

from runfold.adapters.emitting import Emits, flushed
from runfold.adapters.events_of_spans import EPOCH
from runfold.adapters.spans import SpanEnd, SpanRecorder, SpanStart
from runfold.adapters.storable import MOST_BYTES

_ROOT = "trace"
_DECIDING = frozenset({"agent", "task"})
"""The types of spans whose error is the trace's: the end of a trace says nothing of failure."""


class RunfoldTracingProcessor(TracingProcessor):
    """Records each trace of the Agents SDK as an execution, and its spans as nodes.

    Give it to `agents.set_trace_processors`: with `add_trace_processor` the SDK sends the traces to OpenAI as well. It
    never waits for the database and never raises: `dropped` counts what the emitter had no room for. `workflow_id` is
    the workflow of all executions; without it each name of a trace is one. `user_id` is the tenant.
    """

    def __init__(
        self,
        emitter: Emits,
        *,
        workflow_id: UUID | None = None,
        user_id: UUID | None = None,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._emitter = emitter
        self._recorder = SpanRecorder(
            emitter, workflow_id=workflow_id, user_id=user_id, source="openai-agents", most_bytes=most_bytes
        )
        self._lock = Lock()
        self._failures: dict[str, str] = {}

    @property
    def dropped(self) -> dict[str, int]:
        """How many events the emitter has not taken, by the code of its error."""
        return self._recorder.dropped

    def on_trace_start(self, trace: Trace) -> None:
        """Record that a trace begins."""
        about = {key: value for key, value in (trace.export() or {}).items() if key not in ("object", "id")}
        self._recorder.begin(SpanStart(trace.trace_id, _ROOT, None, trace.name, time_ns(), {}, about))

    def on_trace_end(self, trace: Trace) -> None:
        """Record that a trace has ended; it failed if an agent or a task of it did."""
        with self._lock:
            failure = self._failures.pop(trace.trace_id, None)
        end = SpanEnd(time_ns(), failed=failure is not None, description=failure)
        self._recorder.end(trace.trace_id, _ROOT, end)

    def on_span_start(self, span: Span[Any]) -> None:
        """Record that a span begins."""
        data = span.span_data
        self._recorder.begin(
            SpanStart(
                trace_id=span.trace_id,
                span_id=span.span_id,
                parent_id=span.parent_id or _ROOT,
                name=_name(data),
                start_ns=_nanoseconds(span.started_at),
                attributes=_attributes(data),
                kind=data.type,
            )
        )

    def on_span_end(self, span: Span[Any]) -> None:
        """Record that a span has ended, with its data and its error."""
        data = span.span_data
        attributes, error = _attributes(data), span.error
        if error is not None:
            attributes["error.data"] = error.get("data")
            if data.type in _DECIDING:
                self._note_failure(span.trace_id, str(error["message"]))
        elif data.type == "guardrail" and data.triggered:  # the agent that it stops ends without an error
            self._note_failure(span.trace_id, f"{_name(data)} has stopped the run")
        end = SpanEnd(
            _nanoseconds(span.ended_at),
            attributes,
            failed=error is not None,
            description=None if error is None else _message(error),
        )
        self._recorder.end(span.trace_id, span.span_id, end)

    def _note_failure(self, trace_id: str, why: str) -> None:
        with self._lock:
            self._failures[trace_id] = why

    def shutdown(self) -> None:
        """Forget the traces that are open. The emitter is the caller's to close."""
        self._recorder.forget()

    def force_flush(self) -> None:
        """Wait up to ten seconds until what was emitted has been acknowledged."""
        flushed(self._emitter, 10)


def _message(error: Mapping[str, Any]) -> str:
    data = error.get("data") or {}
    said = data.get("error") if isinstance(data, Mapping) else None
    return f"{error['message']}: {said}" if said else str(error["message"])


def _name(data: Any) -> str:
    """Return the name of a span for people, by what is known when it begins."""
    named = getattr(data, "name", None) or getattr(data, "model", None)
    words = {"function": "tool", "generation": "chat", "mcp_tools": "list tools", "turn": "turn"}
    word = words.get(data.type, data.type)
    if data.type == "turn":
        named = data.turn
    elif data.type == "mcp_tools":
        named = data.server
    return f"{word} {named}" if named else str(word)


def _attributes(data: Any) -> dict[str, Any]:
    """Return the data of a span under the names that the table of attributes knows."""
    made: dict[str, Any] = {"openai.agents.type": data.type}
    response = getattr(data, "response", None)
    usage = getattr(response, "usage", None) or getattr(data, "usage", None)
    found = {
        "gen_ai.request.model": getattr(response, "model", None) or getattr(data, "model", None),
        "input.value": getattr(data, "input", None),
        "output.value": _plain(getattr(response, "output", None) or getattr(data, "output", None)),
        "gen_ai.usage.input_tokens": _of(usage, "input_tokens"),
        "gen_ai.usage.output_tokens": _of(usage, "output_tokens"),
        "gen_ai.usage.cache_read.input_tokens": _of(_of(usage, "input_tokens_details"), "cached_tokens"),
    }
    if found["gen_ai.request.model"] is not None:
        found["gen_ai.provider.name"] = "openai"
    made |= {key: value for key, value in found.items() if value is not None}
    for key, value in (data.export() or {}).items():
        if key not in ("type", "input", "output", "model", "name") and value is not None:
            made[key] = value
    return made


def _of(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, Mapping) else getattr(value, key, None)


def _plain(value: Any) -> Any:
    """Return the library's models, alone or in a list, as plain data."""
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    dump = getattr(value, "model_dump", None)
    return dump(mode="json", exclude_none=True) if dump is not None else value


def _nanoseconds(at: str | None) -> int:
    if at is None:
        return time_ns()
    return int((datetime.fromisoformat(at) - EPOCH).total_seconds() * 1_000_000) * 1_000
