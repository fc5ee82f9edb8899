"""Traces of other processes, as they come in by OTLP: read, held until their root has ended, then recorded as a whole.

An exporter sends spans when they have ended, children before their parents, so a trace is held until its root is here,
and a moment longer for what other processes send of it; or until nothing of it has come for a time.
"""

from __future__ import annotations

import base64
import binascii
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from runfold.adapters.events_of_spans import SpanEnd, SpanEvent, SpanStart
from runfold.adapters.spans import SpanRecorder
from runfold.errors import ExtraMissing

try:
    from google.protobuf.json_format import ParseDict, ParseError
    from google.protobuf.message import DecodeError
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
        ExportTraceServiceRequest,
        ExportTraceServiceResponse,
    )
except ImportError as missing:
    raise ExtraMissing(
        "receiving traces needs opentelemetry-proto", hint="pip install 'runfold[otlp]'", extra="otlp"
    ) from missing

_ERROR = 2
_KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
_REMEMBERED = 10_000


class NotOtlp(ValueError):
    """The body is not an ExportTraceServiceRequest: send what an OTLP exporter sends."""


class TracesFull(Exception):
    """More spans would be held than the limit: send them again later."""


class Span(NamedTuple):
    """A span that has ended."""

    start: SpanStart
    end: SpanEnd


def read_request(body: bytes, *, is_json: bool) -> tuple[list[Span], list[str]]:
    """Return the spans of a request, and why others of it are refused. Raises NotOtlp for any other body."""
    request = ExportTraceServiceRequest()
    try:
        if is_json:
            if not isinstance(given := orjson.loads(body), dict):
                raise NotOtlp("the body is no object")
            ParseDict(_with_base64_ids(given), request, ignore_unknown_fields=True)
        else:
            request.ParseFromString(body)
    except (ParseError, DecodeError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise NotOtlp(f"the body is not an ExportTraceServiceRequest: {error}") from None
    spans: list[Span] = []
    refused: list[str] = []
    for resource in request.resource_spans:
        about = _attributes(resource.resource.attributes)
        for scope in resource.scope_spans:
            for span in scope.spans:
                if (wrong := _wrong(span)) is not None:
                    refused.append(f"span {span.name[:100]!r}: {wrong}")
                else:
                    spans.append(_span(span, about))
    return spans, refused


def _with_base64_ids(message: Any) -> Any:
    """Return the message of OTLP's JSON with its ids as protobuf's JSON has them: OTLP writes them in hexadecimal."""
    if isinstance(message, dict):
        return {
            key: _base64(value)
            if key in ("traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id")
            else _with_base64_ids(value)
            for key, value in message.items()
        }
    if isinstance(message, list):
        return [_with_base64_ids(one) for one in message]
    return message


def _base64(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return base64.b64encode(binascii.unhexlify(value)).decode()
    except ValueError:
        raise NotOtlp(f"an id is not hexadecimal: {value[:64]!r}") from None


def _wrong(span: Any) -> str | None:
    if len(span.trace_id) != 16 or not any(span.trace_id):
        return "its trace_id is not 16 bytes that are not all 0"
    if len(span.span_id) != 8 or not any(span.span_id):
        return "its span_id is not 8 bytes that are not all 0"
    if span.parent_span_id and len(span.parent_span_id) != 8:
        return "its parent_span_id is not 8 bytes"
    if span.start_time_unix_nano == 0:
        return "its start_time_unix_nano is not given"
    return None


def _span(span: Any, about: dict[str, Any]) -> Span:
    attributes = _attributes(span.attributes)
    parent = span.parent_span_id.hex() if any(span.parent_span_id) else None
    kind = _KINDS[span.kind] if 0 < span.kind < len(_KINDS) else None
    return Span(
        SpanStart(
            trace_id=span.trace_id.hex(),
            span_id=span.span_id.hex(),
            parent_id=parent,
            name=span.name,
            start_ns=span.start_time_unix_nano,
            attributes=attributes,
            about=about,
            kind=kind,
        ),
        SpanEnd(
            end_ns=span.end_time_unix_nano,
            attributes=attributes,
            events=[SpanEvent(one.name, one.time_unix_nano, _attributes(one.attributes)) for one in span.events],
            failed=span.status.code == _ERROR,
            description=span.status.message or None,
            links=[f"{one.trace_id.hex()}-{one.span_id.hex()}" for one in span.links],
        ),
    )


def _attributes(pairs: Iterable[Any]) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [_value(one) for one in value.array_value.values]
    if kind == "kvlist_value":
        return _attributes(value.kvlist_value.values)
    return getattr(value, kind)


@dataclass(slots=True)
class _Held:
    spans: dict[str, Span] = field(default_factory=dict)
    last: float = 0.0
    root_is_here: bool = False


class Traces:
    """Holds the spans of traces and records each trace when it is whole, in the order in which things happened.

    A trace is recorded `settle` seconds after its root and its last span have come, or `hold` seconds after its last
    span without a root. What comes afterwards is recorded as an execution of its own; a span that comes again is known
    by its id, as long as its trace is among the last 10,000. Close it, or use it in `with`: that records what is held.
    """

    def __init__(
        self,
        recorder: SpanRecorder,
        *,
        settle: float = 2.0,
        hold: float = 60.0,
        most_spans: int = 100_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._recorder = recorder
        self._settle, self._hold, self._most_spans = settle, hold, most_spans
        self._clock = clock
        self._changed = threading.Condition()
        self._recording = threading.Lock()
        self._held: dict[str, _Held] = {}
        self._count = 0
        self._known: OrderedDict[str, set[str]] = OrderedDict()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="runfold-otlp", daemon=True)
        self._thread.start()

    def __enter__(self) -> Traces:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def held_spans(self) -> int:
        """How many spans wait for the rest of their traces."""
        return self._count

    def add(self, spans: Iterable[Span]) -> None:
        """Hold spans, all of them or none. Raises TracesFull when there is no room."""
        with self._changed:
            new = [
                span
                for span in spans
                if span.start.span_id not in self._known.get(span.start.trace_id, ())
                and not ((held := self._held.get(span.start.trace_id)) is not None and span.start.span_id in held.spans)
            ]
            if self._closed or self._count + len(new) > self._most_spans:
                raise TracesFull(f"at most {self._most_spans:,} spans are held: send these again later")
            for span in new:
                held = self._held.setdefault(span.start.trace_id, _Held())
                if span.start.span_id not in held.spans:
                    held.spans[span.start.span_id] = span
                    self._count += 1
                held.last = self._clock()
                held.root_is_here = held.root_is_here or span.start.parent_id is None
            self._changed.notify()

    def record_due(self) -> float | None:
        """Record the traces whose time has come; return the seconds until the next one's, None if none is held."""
        with self._recording:
            with self._changed:
                now = self._clock()
                due = [trace for trace, held in self._held.items() if self._closed or self._time_of(held) <= now]
                taken = [self._take(trace) for trace in due]
                times = [self._time_of(held) - now for held in self._held.values()]
            for spans in taken:
                record(self._recorder, spans)
        return min(times) if times else None

    def close(self) -> None:
        """Record all that is held, and take no more."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()
        self.record_due()

    def _time_of(self, held: _Held) -> float:
        return held.last + (self._settle if held.root_is_here else self._hold)

    def _take(self, trace: str) -> list[Span]:
        held = self._held.pop(trace)
        self._count -= len(held.spans)
        self._known.setdefault(trace, set()).update(held.spans)
        self._known.move_to_end(trace)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return list(held.spans.values())

    def _run(self) -> None:
        while True:
            wait = self.record_due()
            with self._changed:
                if self._closed:
                    return
                if wait is None or wait > 0:
                    self._changed.wait(wait if wait is None else min(wait, self._settle))


def record(recorder: SpanRecorder, spans: Iterable[Span]) -> None:
    """Record spans of a trace that have ended, as if they began and ended now, one after the other."""
    begins = sorted(spans, key=_begin)
    ids = {span.start.span_id for span in begins}
    children: dict[str, list[Span]] = {}
    roots = []
    for span in begins:
        if span.start.parent_id is None or span.start.parent_id not in ids:
            roots.append(span)
        else:
            children.setdefault(span.start.parent_id, []).append(span)
    reached: set[str] = set()
    for root in roots:
        _record_below(recorder, root, children, reached)
    for span in begins:  # spans that are each other's parents
        if span.start.span_id not in reached:
            _record_below(recorder, span, children, reached)


def _record_below(recorder: SpanRecorder, root: Span, children: dict[str, list[Span]], reached: set[str]) -> None:
    """Record a span with all that is below it: each begins after its parent and ends before it."""
    stack: list[tuple[Span, bool]] = [(root, False)]
    while stack:
        span, begun = stack.pop()
        if begun:
            recorder.end(span.start.trace_id, span.start.span_id, span.end)
        elif span.start.span_id not in reached:
            reached.add(span.start.span_id)
            recorder.begin(span.start)
            stack.append((span, True))
            stack.extend((child, False) for child in reversed(children.get(span.start.span_id, ())))


def _begin(span: Span) -> tuple[int, str]:
    return span.start.start_ns, span.start.span_id


__all__ = ["ExportTraceServiceResponse", "NotOtlp", "Span", "Traces", "TracesFull", "read_request", "record"]
