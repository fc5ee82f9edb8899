"""Records what OpenTelemetry traces in this process: a SpanProcessor, of the extra `runfold[opentelemetry]`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from runfold.errors import ExtraMissing

try:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
    from opentelemetry.trace import StatusCode, format_span_id, format_trace_id
except ImportError as missing:
    raise ExtraMissing(
        "recording traces needs opentelemetry-sdk",
        hint="pip install 'runfold[opentelemetry]'",
        extra="opentelemetry",
    ) from missing

from runfold.adapters.emitting import Emits, flushed
from runfold.adapters.spans import SpanEnd, SpanEvent, SpanRecorder, SpanStart
from runfold.adapters.storable import MOST_BYTES
from runfold.tracing import SCOPE


class RunfoldSpanProcessor(SpanProcessor):
    """Records each trace as an execution, and its spans as nodes, while they begin and end.

    Add it to a TracerProvider. It takes the spans that are sampled. A processor and not an exporter: exporters see
    spans when they have ended, children before their parents. It never waits for the database and never raises:
    `dropped` counts what the emitter had no room for. `workflow_id` is the workflow of all executions; without it each
    service and name of a root span is one. `user_id` is the tenant.
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
        self._recorder = SpanRecorder(emitter, workflow_id=workflow_id, user_id=user_id, most_bytes=most_bytes)

    @property
    def dropped(self) -> dict[str, int]:
        """How many events the emitter has not taken, by the code of its error."""
        return self._recorder.dropped

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002 - the span has its parent
        """Record that a span begins."""
        context = span.get_span_context()
        if not context.trace_flags.sampled or _is_ours(span):
            return
        self._recorder.begin(
            SpanStart(
                trace_id=format_trace_id(context.trace_id),
                span_id=format_span_id(context.span_id),
                parent_id=None if span.parent is None else format_span_id(span.parent.span_id),
                name=span.name,
                start_ns=span.start_time or 0,
                attributes=_attributes(span.attributes),
                about=_attributes(span.resource.attributes),
                kind=span.kind.name.lower(),
            )
        )

    def on_end(self, span: ReadableSpan) -> None:
        """Record that a span has ended, with its attributes, events and status."""
        context = span.get_span_context()
        if context is None or not context.trace_flags.sampled or _is_ours(span):
            return
        self._recorder.end(
            format_trace_id(context.trace_id),
            format_span_id(context.span_id),
            SpanEnd(
                end_ns=span.end_time or 0,
                attributes=_attributes(span.attributes),
                events=[SpanEvent(one.name, one.timestamp, _attributes(one.attributes)) for one in span.events],
                failed=span.status.status_code is StatusCode.ERROR,
                description=span.status.description,
                links=[
                    f"{format_trace_id(one.context.trace_id)}-{format_span_id(one.context.span_id)}"
                    for one in span.links
                ],
            ),
        )

    def shutdown(self) -> None:
        """Forget the spans that are open. The emitter is the caller's to close."""
        self._recorder.forget()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Return whether all that was emitted has been acknowledged in that time."""
        return flushed(self._emitter, timeout_millis / 1000)


def _is_ours(span: ReadableSpan) -> bool:
    """Whether runfold made the span: recording what it records would never end."""
    scope = span.instrumentation_scope
    return scope is not None and scope.name == SCOPE


def _attributes(attributes: Mapping[str, Any] | None) -> dict[str, Any]:
    return dict(attributes or {})
