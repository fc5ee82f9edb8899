"""OpenTelemetry, where its SDK runs in this process: spans of appends and batches, and `traceparent` in events.

Nothing is imported here: without the SDK there is nothing to do, and it costs a look into a dictionary. A span is made
inside of another one only, or for a batch, so that what runs in the background begins no traces.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

SCOPE = "runfold"
"""The name of the instrumentation: who records all spans of a process leaves these out."""

KEY = "traceparent"
MOST_LINKS = 32

_FORM = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")


def _sdk() -> Any | None:
    """Return `opentelemetry.trace` where the SDK was loaded by somebody."""
    return sys.modules.get("opentelemetry.trace") if "opentelemetry.sdk.trace" in sys.modules else None


def is_on() -> bool:
    """Whether spans are recorded in this process."""
    trace = _sdk()
    return trace is not None and hasattr(trace.get_tracer_provider(), "add_span_processor")


def traceparent() -> str | None:
    """Return the present span in the form of W3C's header; None outside of one."""
    trace = _sdk()
    if trace is None:
        return None
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags & 0xFF:02x}"


def carried(metadata: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return metadata with the present span under what it has; the same metadata outside of a span."""
    found = traceparent()
    return metadata if found is None else {KEY: found, **(metadata or {})}


@contextmanager
def appending(streams: int, events: int) -> Iterator[None]:
    """Make the block a span of an append, where it is inside of another span."""
    trace = _sdk()
    if trace is None or not trace.get_current_span().get_span_context().is_valid:
        yield
        return
    attributes = {"runfold.streams": streams, "runfold.events": events}
    with trace.get_tracer(SCOPE).start_as_current_span(
        "runfold append", kind=trace.SpanKind.PRODUCER, attributes=attributes
    ):
        yield


def record_batch(seconds: float, attributes: Mapping[str, str | int], traceparents: Iterable[str | None]) -> None:
    """Record a span of a batch that has just ended, with links to the spans whose events it folded."""
    trace = _sdk()
    if trace is None:
        return
    now = time.time_ns()
    links = [link for text in traceparents if (link := _link(trace, text)) is not None][:MOST_LINKS]
    span = trace.get_tracer(SCOPE).start_span(
        "runfold batch",
        kind=trace.SpanKind.CONSUMER,
        attributes=dict(attributes),
        links=links,
        start_time=now - int(seconds * 1e9),
    )
    span.end(now)


def _link(trace: Any, text: str | None) -> Any | None:
    """Return a link; None for what is not of the form: anybody may have put it there."""
    found = _FORM.fullmatch(text or "")
    if found is None:
        return None
    context = trace.SpanContext(
        trace_id=int(found[1], 16),
        span_id=int(found[2], 16),
        is_remote=True,
        trace_flags=trace.TraceFlags(int(found[3], 16)),
    )
    return trace.Link(context) if context.is_valid else None
