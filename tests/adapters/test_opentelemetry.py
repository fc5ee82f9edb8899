"""Traces of OpenTelemetry's SDK become executions, nodes, log lines and calls of models."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, TraceIdRatioBased
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags, Tracer

import runfold
from runfold.adapters.opentelemetry import RunfoldSpanProcessor
from tests.adapters.conftest import Recorded
from tests.fixtures.proxy import Proxy


@pytest.fixture
def processor(emitter: Any) -> RunfoldSpanProcessor:
    return RunfoldSpanProcessor(emitter)


@pytest.fixture
def provider(processor: RunfoldSpanProcessor) -> Iterator[TracerProvider]:
    made = TracerProvider(resource=Resource({"service.name": "shop"}))
    made.add_span_processor(processor)
    yield made
    made.shutdown()


@pytest.fixture
def tracer(provider: TracerProvider) -> Tracer:
    return provider.get_tracer("tests")


def trace_id(span: trace.Span) -> str:
    return trace.format_trace_id(span.get_span_context().trace_id)


def span_id(span: trace.Span) -> str:
    return trace.format_span_id(span.get_span_context().span_id)


def test_a_trace_is_an_execution_and_its_spans_are_nodes(tracer: Tracer, recorded: Recorded) -> None:
    with tracer.start_as_current_span("order", kind=SpanKind.SERVER) as root:
        for _ in range(2):
            with tracer.start_as_current_span("SELECT stock", attributes={"db.system.name": "postgresql"}):
                pass
        root.add_event("paid", {"euros": 12})
    recorded.fold()
    (execution,) = recorded.executions()
    assert (execution["execution_id"], execution["status"]) == (trace_id(root), "SUCCESS")
    assert execution["metadata"]["resource"]["service.name"] == "shop"
    nodes = recorded.nodes()
    assert {name: (row["node_type"], row["node_subtype"]) for name, row in nodes.items()} == {
        "order": ("SPAN", "server"),
        "SELECT stock": ("DATABASE", "internal"),
        "SELECT stock#2": ("DATABASE", "internal"),
    }
    assert {nodes[name]["parent_id"] for name in nodes if name != "order"} == {nodes["order"]["id"]}
    (line,) = recorded.lines()
    assert (line["message"], line["data"], line["node_id"]) == ("paid", {"euros": 12}, "order")
    assert root.start_time // 1_000_000 == nodes["order"]["start_time"] == execution["start_time"]  # type: ignore[attr-defined]


def test_exceptions_are_errors_of_nodes_and_handled_ones_are_warnings(tracer: Tracer, recorded: Recorded) -> None:
    with tracer.start_as_current_span("careful") as span:
        span.record_exception(KeyError("caught"))
    with pytest.raises(ZeroDivisionError), tracer.start_as_current_span("run"), tracer.start_as_current_span("divide"):
        1 / 0  # noqa: B018
    recorded.fold()
    nodes = recorded.nodes()
    assert nodes["careful"]["status"] == "SUCCESS"
    (warning,) = recorded.lines()
    assert (warning["level"], warning["message"]) == ("WARNING", "KeyError: 'caught'")
    assert "KeyError" in warning["stack_trace"]
    error = nodes["divide"]["error_data"]
    assert (error["type"], error["message"]) == ("ZeroDivisionError", "division by zero")
    assert "1 / 0" in error["traceback"]
    failed = recorded.executions()[1]
    assert (failed["status"], failed["error_message"]) == ("ERROR", "ZeroDivisionError: division by zero")


def test_a_span_that_was_cancelled_is_canceled(tracer: Tracer, recorded: Recorded) -> None:
    async def work() -> None:
        with tracer.start_as_current_span("wait"):
            await asyncio.sleep(60)

    async def cancel() -> None:
        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    # The SDK says nothing of a BaseException: a library that does sets the status and records it.
    with tracer.start_as_current_span("stop") as span:
        span.record_exception(asyncio.CancelledError())
        span.set_status(Status(StatusCode.ERROR))
    recorded.fold()
    assert recorded.nodes()["stop"]["status"] == "CANCELED"
    assert recorded.executions()[1]["status"] == "CANCELED"


def test_a_child_that_ends_after_its_root_keeps_its_own_end(tracer: Tracer, recorded: Recorded) -> None:
    root = tracer.start_span("root")
    late = tracer.start_span("late", context=trace.set_span_in_context(root))
    root.end()
    later = tracer.start_span("later", context=trace.set_span_in_context(late))
    later.end()
    late.set_attribute("output.value", "done")
    late.end()
    recorded.fold()
    nodes = recorded.nodes()
    assert (nodes["late"]["status"], nodes["late"]["output_data"]["output"]) == ("SUCCESS", "done")
    first, second = recorded.executions()
    assert [first["status"], second["status"]] == ["SUCCESS", "SUCCESS"]
    assert second["execution_id"] == f"{trace_id(root)}-{span_id(later)}"
    assert second["parent_execution_id"] == first["execution_id"]


def test_a_span_of_a_remote_parent_begins_an_execution_of_its_own(tracer: Tracer, recorded: Recorded) -> None:
    remote = SpanContext(0xABC, 0xDEF, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
    with tracer.start_as_current_span("serve", context=trace.set_span_in_context(NonRecordingSpan(remote))) as span:
        pass
    recorded.fold()
    (execution,) = recorded.executions()
    assert execution["execution_id"] == f"{0xABC:032x}-{span_id(span)}"
    assert execution["parent_execution_id"] == f"{0xABC:032x}"
    assert execution["metadata"]["parent_span"] == f"{0xDEF:016x}"


@pytest.mark.parametrize(("sampler", "expected"), [(ALWAYS_OFF, 0), (TraceIdRatioBased(1.0), 1)])
def test_only_what_is_sampled_is_recorded(sampler: Any, expected: int, emitter: Any, recorded: Recorded) -> None:
    provider = TracerProvider(sampler=sampler)
    provider.add_span_processor(RunfoldSpanProcessor(emitter))
    with provider.get_tracer("tests").start_as_current_span("run"):
        pass
    recorded.fold()
    assert len(recorded.executions()) == expected


def test_whatever_an_attribute_holds_is_stored_or_cut_and_said(tracer: Tracer, recorded: Recorded) -> None:
    with tracer.start_as_current_span("a\0b\n" + "n" * 400) as span:
        span.set_attribute("input.value", "x" * 3_000_000)
        span.set_attribute("zero", "a\0b")
        span.set_attribute("infinite", float("inf"))
        span.set_attribute("list", [1, 2])
        span.set_attribute("unknown.vendor.key", "kept")
    recorded.fold()
    (node,) = recorded.nodes().values()
    output = node["output_data"]
    assert output["changed"] == {"cut": 1, "nul_replaced": 1, "written_as_text": 1}
    assert output["input"].endswith("… (cut: it has 3,000,000 characters)")
    assert output["attributes"] == {
        "zero": "a\ufffdb",
        "infinite": "inf",
        "list": [1, 2],
        "unknown.vendor.key": "kept",
    }
    assert node["activation"].startswith("a\ufffdb nnn")


def test_the_same_span_recorded_by_two_processors_is_one(
    store: runfold.Store, tracer: Tracer, provider: TracerProvider, recorded: Recorded
) -> None:
    with runfold.Emitter(store) as second:
        provider.add_span_processor(RunfoldSpanProcessor(second))
        with tracer.start_as_current_span("once") as span:
            span.add_event("event")
        second.flush(30)
        assert not second.refused
    recorded.fold()
    # ExecutionCreated, ExecutionStarted, NodeStarted, LogAppended, NodeSucceeded, ExecutionSucceeded
    assert recorded.positions() == 6


def test_the_traced_program_goes_on_when_nothing_can_be_recorded(caplog: pytest.LogCaptureFixture) -> None:
    class Full:
        def emit_nowait(self, *args: Any, **envelope: Any) -> None:
            raise RuntimeError("no room")

    provider = TracerProvider()
    processor = RunfoldSpanProcessor(Full())
    provider.add_span_processor(processor)
    for _ in range(3):
        with provider.get_tracer("tests").start_as_current_span("run"):
            pass
    assert processor.dropped["RuntimeError"] >= 3
    assert len([line for line in caplog.messages if "no room" in line]) == 1


def _trace(provider: TracerProvider, spans: int) -> None:
    with provider.get_tracer("tests").start_as_current_span("run"):
        for _ in range(spans):
            with provider.get_tracer("tests").start_as_current_span("step"):
                pass


def test_the_traced_program_does_not_wait_for_a_database_that_does_not_answer(
    provider: TracerProvider, processor: RunfoldSpanProcessor, database_url: str, recorded: Recorded
) -> None:
    with psycopg.connect(database_url) as holder:
        holder.execute("LOCK TABLE runfold.streams IN ACCESS EXCLUSIVE MODE")
        _trace(provider, 200)
        assert recorded.emitter.metrics().queued > 0
        assert recorded.emitter.metrics().acknowledged == 0
        assert not processor.force_flush(10)  # control: who waits for the database, waits in vain
    recorded.fold()
    assert len(recorded.nodes()) == 201
    assert processor.dropped == {}


def test_the_traced_program_goes_on_without_a_database(database_url: str) -> None:
    with Proxy(database_url) as proxy:
        store = runfold.connect(proxy.url)
        emitter = runfold.Emitter(store, capacity=100)
    provider = TracerProvider()
    processor = RunfoldSpanProcessor(emitter)
    provider.add_span_processor(processor)
    _trace(provider, 200)
    assert processor.dropped["emitter_full"] > 0
    with pytest.raises(runfold.errors.EmitterClosedWithUnsent):
        emitter.close(0.1)
    store.close()
