"""OpenTelemetry: appends in spans are spans and carry `traceparent`, batches link to them; nothing without the SDK."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from runfold.adapters.opentelemetry import RunfoldSpanProcessor
from runfold.client.sync.store import Store
from runfold.emitter.emitter import Emitter
from runfold.events import ExecutionCreated, ExecutionStarted
from runfold.events.envelope import NewEvent
from runfold.tracing import MOST_LINKS, record_batch
from tests.fixtures.logs import Log, created
from tests.fixtures.processes import drain


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> TracerProvider:
    """The provider of this process, during the test."""
    made = TracerProvider()
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", made)
    return made


@pytest.fixture
def spans(provider: TracerProvider) -> Iterator[InMemorySpanExporter]:
    """The spans that have ended."""
    exporter = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    yield exporter
    provider.shutdown()


@pytest.fixture
def engine(database_url: str) -> Iterator[Store]:
    with Store.connected(database_url) as store:
        yield store


def an_event(name: str) -> ExecutionCreated:
    return ExecutionCreated(execution_id=name, workflow_id=uuid4(), mode="MANUAL")


def named(spans: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    return [span for span in spans.get_finished_spans() if span.name == name]


def header(span: ReadableSpan | trace.Span) -> str:
    context = span.get_span_context()
    assert context is not None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def metadata_of(store: Store, stream: str) -> list[Any]:
    return [event.metadata for event in store.read_stream(stream)]


def test_an_append_inside_of_a_span_is_a_span_and_its_events_name_it(
    engine: Store, spans: InMemorySpanExporter
) -> None:
    with trace.get_tracer("app").start_as_current_span("request") as request:
        engine.append("execution-a", [an_event("a")], metadata={"actor": "me"})
        engine.append("execution-b", [an_event("b")], metadata={"traceparent": "mine"})
    first, second = named(spans, "runfold append")
    assert first.parent is not None
    assert first.parent.span_id == request.get_span_context().span_id
    assert first.attributes == {"runfold.streams": 1, "runfold.events": 1}
    assert metadata_of(engine, "execution-a") == [{"actor": "me", "traceparent": header(first)}]
    assert metadata_of(engine, "execution-b") == [{"traceparent": "mine"}]
    assert second.context.trace_id == first.context.trace_id


def test_outside_of_a_span_nothing_is_added_and_no_trace_begins(engine: Store, spans: InMemorySpanExporter) -> None:
    engine.append("execution-a", [an_event("a")])
    with Emitter(engine) as emit:
        emit("execution-b", an_event("b")).result(10)
    assert metadata_of(engine, "execution-a") == metadata_of(engine, "execution-b") == [{}]
    assert not spans.get_finished_spans()


def test_what_is_sent_again_in_another_span_is_a_repeat(engine: Store, spans: InMemorySpanExporter) -> None:
    event = NewEvent.of(an_event("a"), event_id=uuid4())
    results = []
    for _ in range(2):
        with trace.get_tracer("app").start_as_current_span("request"):
            results.append(engine.append("execution-a", [event], expected_version=0))
    assert results[0].last_position == results[1].last_position
    assert results[1].repeated


def test_what_is_emitted_carries_the_span_of_its_emit(engine: Store, spans: InMemorySpanExporter) -> None:
    with Emitter(engine) as emit:
        with trace.get_tracer("app").start_as_current_span("request") as request:
            acks = [
                emit("execution-a", an_event("a")),
                emit("execution-a", NewEvent.of(ExecutionStarted(start_time=1), metadata={"actor": "me"})),
            ]
        for ack in acks:
            ack.result(10)
    said = header(request)
    assert metadata_of(engine, "execution-a") == [{"traceparent": said}, {"traceparent": said, "actor": "me"}]


def test_a_batch_is_a_span_with_links_to_its_events(
    engine: Store, spans: InMemorySpanExporter, database_url: str, connection: psycopg.Connection[Any]
) -> None:
    for name in ("a", "b"):
        with trace.get_tracer("app").start_as_current_span("request"):
            engine.append(f"execution-{name}", [an_event(name)])
    engine.append("execution-c", [an_event("c")])
    engine.append("execution-d", [an_event("d")], metadata={"traceparent": "00-not-one"})
    assert drain(database_url) == {}
    batches = {span.attributes["runfold.group"]: span for span in named(spans, "runfold batch") if span.attributes}
    batch = batches["execution"]
    assert batch.attributes is not None
    assert batch.attributes["runfold.events"] == 4
    assert batch.attributes["runfold.position"] == 4
    linked = {link.context.span_id for link in batch.links}
    assert linked == {span.context.span_id for span in named(spans, "runfold append")}
    assert batch.end_time is not None
    assert batch.start_time is not None
    assert batch.end_time > batch.start_time


def test_a_batch_has_a_bounded_number_of_links(spans: InMemorySpanExporter) -> None:
    record_batch(0.1, {}, [f"00-{n:032x}-{n:016x}-01" for n in range(1, 100)])
    (batch,) = named(spans, "runfold batch")
    assert len(batch.links) == MOST_LINKS


def test_the_recorder_of_spans_leaves_ours_out(engine: Store, provider: TracerProvider) -> None:
    with Emitter(engine) as emit:
        processor = RunfoldSpanProcessor(emit)
        provider.add_span_processor(processor)
        with trace.get_tracer("app").start_as_current_span("request"):
            engine.append("execution-a", [an_event("a")])
        assert processor.force_flush()
    nodes = [event.data["node_name"] for event in engine.read_all() if event.type == "NodeStarted"]
    assert "runfold append" not in nodes
    recorded = {event.stream_id for event in engine.read_all()}
    assert len(recorded) == 2  # the append's own, and the execution of the trace


def test_a_worker_that_is_not_traced_asks_for_no_links(database_url: str, log: Log) -> None:
    from runfold.worker import group_runner

    log.append("execution-a", created("a"))
    asked: list[object] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(group_runner.GroupRunner, "_trace_batch", lambda *given: asked.append(given))
        patch.delitem(sys.modules, "opentelemetry.sdk.trace")
        drain(database_url)
    assert not asked


def test_without_the_sdk_nothing_of_it_is_imported(database_url: str) -> None:
    program = (
        "import sys, uuid, runfold\n"
        f"with runfold.connect({database_url!r}) as store:\n"
        "    created = runfold.events.ExecutionCreated(execution_id='a', workflow_id=uuid.uuid4(), mode='MANUAL')\n"
        "    store.append('execution-a', [created])\n"
        "    assert [event.metadata for event in store.read_all()] == [{}]\n"
        "assert not [name for name in sys.modules if name.startswith('opentelemetry')]\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
