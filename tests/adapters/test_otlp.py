"""Traces of other processes come in by OTLP/HTTP, from the SDK's own exporter and from anybody who keeps to it."""

from __future__ import annotations

import gzip
import http.client
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.trace import StatusCode

from runfold.adapters.otlp import Traces
from runfold.adapters.otlp_server import OtlpServer
from runfold.adapters.spans import SpanRecorder
from tests.adapters.conftest import Recorded
from tests.fixtures.commands import run_command

MOST_BYTES = 10_000
TRACE, ROOT, CHILD = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "00f067aa0ba902b7"
PROTOBUF = "application/x-protobuf"


class Clock:
    """A clock that a test moves on."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def traces(emitter: Any, clock: Clock) -> Iterator[Traces]:
    with Traces(SpanRecorder(emitter, source="otlp"), settle=2, hold=60, most_spans=50, clock=clock) as made:
        yield made


@pytest.fixture
def server(traces: Traces) -> Iterator[OtlpServer]:
    with OtlpServer(("127.0.0.1", 0), traces, token="secret", most_bytes=MOST_BYTES) as made:
        threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield made
        made.shutdown()


def span(
    span_id: str = ROOT, parent: str = "", *, name: str = "run", start: int = 1_000, **about: Any
) -> dict[str, Any]:
    """Return a span as OTLP's JSON has it, of one second."""
    return {
        "traceId": TRACE,
        "spanId": span_id,
        "parentSpanId": parent,
        "name": name,
        "kind": 2,
        "startTimeUnixNano": str(start * 10**9),
        "endTimeUnixNano": str((start + 1) * 10**9),
        **about,
    }


def request(*spans: dict[str, Any]) -> bytes:
    about = {"attributes": [{"key": "service.name", "value": {"stringValue": "elsewhere"}}]}
    return orjson.dumps({"resourceSpans": [{"resource": about, "scopeSpans": [{"spans": spans}]}]})


def send(
    server: OtlpServer, body: bytes, *, path: str = "/v1/traces", method: str = "POST", **headers: str
) -> tuple[int, bytes, Any]:
    """Return the status, the body and the headers of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=30)
    given = {"Content-Type": "application/json", "Authorization": "Bearer secret"}
    given |= {key.replace("_", "-"): value for key, value in headers.items()}
    connection.request(method, path, body, given)
    answer = connection.getresponse()
    return answer.status, answer.read(), answer.headers


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
def test_what_the_exporter_of_the_sdk_sends_is_recorded(
    compression: Compression, server: OtlpServer, traces: Traces, clock: Clock, recorded: Recorded
) -> None:
    provider = TracerProvider(resource=Resource({"service.name": "elsewhere"}))
    exporter = OTLPSpanExporter(
        f"http://127.0.0.1:{server.server_port}/v1/traces",
        headers={"Authorization": "Bearer secret"},
        compression=compression,
    )
    server.most_bytes = 1_000_000
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("tests")
    with tracer.start_as_current_span("run") as root:
        with tracer.start_as_current_span("chat gpt-5") as child:
            child.set_attributes(
                {
                    "gen_ai.operation.name": "chat",
                    "gen_ai.request.model": "gpt-5",
                    "gen_ai.usage.input_tokens": 5,
                    "gen_ai.input.messages": '[{"role": "user"}]',
                    "list": ["a", "b"],
                }
            )
        root.record_exception(KeyError("wrong"))
        root.set_status(StatusCode.ERROR)
    provider.shutdown()
    assert traces.held_spans == 2
    clock.now += 2
    traces.record_due()
    recorded.fold()
    (execution,) = recorded.executions()
    assert (execution["execution_id"], execution["status"]) == (f"{root.get_span_context().trace_id:032x}", "ERROR")
    assert execution["error_message"] == "KeyError: 'wrong'"
    nodes = recorded.nodes()
    assert nodes["chat gpt-5"]["parent_id"] == nodes["run"]["id"]
    assert nodes["chat gpt-5"]["input_data"] == {"input": [{"role": "user"}]}
    assert nodes["chat gpt-5"]["output_data"]["attributes"]["list"] == ["a", "b"]
    assert [call["input_tokens"] for call in recorded.calls()] == [5]


def test_a_trace_is_held_until_its_root_has_come(
    server: OtlpServer, traces: Traces, clock: Clock, recorded: Recorded
) -> None:
    assert send(server, request(span(CHILD, ROOT, name="child")))[:2] == (200, b"{}")
    clock.now += 59
    traces.record_due()
    assert recorded.positions() == 0
    assert send(server, request(span()))[0] == 200
    clock.now += 1.9
    traces.record_due()
    assert recorded.positions() == 0
    clock.now += 0.1
    traces.record_due()
    recorded.fold()
    assert list(recorded.nodes()) == ["child", "run"]
    assert [row["execution_id"] for row in recorded.executions()] == [TRACE]


def test_a_trace_without_its_root_is_recorded_after_a_time(
    server: OtlpServer, traces: Traces, clock: Clock, recorded: Recorded
) -> None:
    send(server, request(span(CHILD, ROOT, name="child")))
    clock.now += 60
    traces.record_due()
    recorded.fold()
    (execution,) = recorded.executions()
    assert (execution["execution_id"], execution["parent_execution_id"]) == (f"{TRACE}-{CHILD}", TRACE)


def test_what_is_sent_again_is_recorded_once(
    server: OtlpServer, emitter: Any, traces: Traces, clock: Clock, recorded: Recorded
) -> None:
    body = request(span(), span(CHILD, ROOT, name="child"))
    for _ in range(3):
        send(server, body)
        clock.now += 2
        traces.record_due()
    recorded.fold()
    before = recorded.positions()
    with Traces(SpanRecorder(emitter, source="otlp"), clock=clock) as after_a_restart:
        server.traces = after_a_restart
        send(server, body)
        assert after_a_restart.held_spans == 2
    recorded.fold()
    assert recorded.positions() == before == 7


def test_spans_that_are_each_others_parents_are_recorded(
    traces: Traces, server: OtlpServer, recorded: Recorded
) -> None:
    send(server, request(span(ROOT, CHILD, name="a"), span(CHILD, ROOT, name="b", start=1_001)))
    traces.close()
    recorded.fold()
    assert sorted(recorded.nodes()) == ["a", "b"]


def test_close_records_what_is_held(traces: Traces, server: OtlpServer, recorded: Recorded) -> None:
    send(server, request(span(CHILD, ROOT, name="child")))
    traces.close()
    recorded.fold()
    assert list(recorded.nodes()) == ["child"]
    assert send(server, request(span()))[0] == 429


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {}, 400),
        (b"[]", {}, 400),
        (b"\xff\xff", {"Content_Type": PROTOBUF}, 400),
        (request(span("xyz")), {}, 400),
        (b"no gzip", {"Content_Encoding": "gzip"}, 400),
        (gzip.compress(request(span()), mtime=0)[:-9], {"Content_Encoding": "gzip"}, 400),
        (b"{}", {"Authorization": "Bearer wrong"}, 401),
        (b"{}", {"path": "/v1/logs"}, 404),
        (b"{}", {"method": "PUT"}, 405),
        (b"x" * (MOST_BYTES + 1), {}, 413),
        (gzip.compress(b" " * (MOST_BYTES + 1), mtime=0), {"Content_Encoding": "gzip"}, 413),
        (b"{}", {"Content_Type": "text/plain"}, 415),
        (b"{}", {"Content_Encoding": "br"}, 415),
        (request(*(span(f"{n:016x}") for n in range(1, 52))), {}, 429),
    ],
)
def test_what_is_wrong_is_answered_as_the_protocol_says(
    body: bytes, headers: dict[str, str], status: int, server: OtlpServer, traces: Traces
) -> None:
    if status == 429:
        server.most_bytes = 1_000_000
    answered, said, about = send(server, body, **headers)
    assert answered == status
    if headers.get("Content_Type") == PROTOBUF:
        assert Status.FromString(said).message
    elif status != 405 and headers.get("Content_Type") is None:
        assert orjson.loads(said)["message"]
    assert (about["Retry-After"] is not None) == (status == 429)
    assert traces.held_spans == 0


def test_limits_at_their_edge(server: OtlpServer, traces: Traces) -> None:
    body = request(span())
    assert send(server, body + b" " * (MOST_BYTES - len(body)))[0] == 200
    server.most_bytes = 1_000_000
    assert send(server, request(*(span(f"{n:016x}", ROOT) for n in range(1, 50))))[0] == 200
    assert traces.held_spans == 50
    assert send(server, request(span("f" * 16, ROOT)))[0] == 429


@pytest.mark.parametrize(
    "wrong",
    [span("0" * 16), span("ab"), span() | {"traceId": "00"}, span(parent="abcd"), span(start=0)],
)
def test_spans_that_cannot_be_recorded_are_refused_alone(wrong: Any, server: OtlpServer, traces: Traces) -> None:
    status, said, _ = send(server, request(wrong, span(CHILD)))
    assert (status, orjson.loads(said)["partialSuccess"]["rejectedSpans"]) == (200, "1")
    assert traces.held_spans == 1
    made = ExportTraceServiceRequest()
    made.resource_spans.add().scope_spans.add().spans.add(name="without ids")
    status, said, _ = send(server, made.SerializeToString(), Content_Type=PROTOBUF)
    answer = ExportTraceServiceResponse.FromString(said)
    assert (status, answer.partial_success.rejected_spans) == (200, 1)
    assert "trace_id" in answer.partial_success.error_message


def test_an_exporter_with_a_wrong_token_is_refused(server: OtlpServer, traces: Traces) -> None:
    provider = TracerProvider()
    exporter = OTLPSpanExporter(f"http://127.0.0.1:{server.server_port}/v1/traces")
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with provider.get_tracer("tests").start_as_current_span("run"):
        pass
    assert traces.held_spans == 0


def test_the_command_records_what_it_holds_when_it_is_stopped(database_url: str, recorded: Recorded) -> None:
    environment = {**os.environ, "RUNFOLD_DATABASE_URL": database_url}
    words = [sys.executable, "-m", "runfold", "otlp", "serve", "--port", "0"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        said = process.stderr.readline()
        port = int(re.findall(r":(\d+)/v1/traces", said)[0])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        body = request(span(), span(CHILD, ROOT, name="child"))
        connection.request("POST", "/v1/traces", body, {"Content-Type": "application/json"})
        assert connection.getresponse().status == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    recorded.fold()
    assert sorted(recorded.nodes()) == ["child", "run"]


def test_the_command_does_not_listen_to_everybody_without_a_token(database_url: str) -> None:
    done = run_command("--url", database_url, "otlp", "serve", "--host", "0.0.0.0", environment=dict(os.environ))
    assert done.returncode == 2
    assert "RUNFOLD_OTLP_TOKEN" in done.stderr


def test_a_port_that_somebody_has_is_said(server: OtlpServer, database_url: str) -> None:
    done = run_command(
        "--url", database_url, "otlp", "serve", "--port", str(server.server_port), environment=dict(os.environ)
    )
    assert done.returncode == 2
    assert "Address already in use" in " ".join(done.stderr.replace("│", " ").split())
    assert "Traceback" not in done.stderr
