"""What libraries trace is recorded under names for people: pydantic-ai, OpenAI by OpenInference and OpenLLMetry."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import openai
import pytest
from openinference.instrumentation.openai import OpenAIInstrumentor as OpenInference
from opentelemetry.instrumentation.openai import OpenAIInstrumentor as OpenLLMetry
from opentelemetry.sdk.trace import TracerProvider
from pydantic_ai import Agent
from pydantic_ai.capabilities.instrumentation import Instrumentation
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.models.instrumented import InstrumentationSettings
from pydantic_ai.usage import RequestUsage

from runfold.adapters.opentelemetry import RunfoldSpanProcessor
from tests.adapters.conftest import Recorded

COMPLETION = {
    "id": "c1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-5",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hi"}}],
    "usage": {
        "prompt_tokens": 11,
        "completion_tokens": 3,
        "total_tokens": 14,
        "prompt_tokens_details": {"cached_tokens": 4},
    },
}


class _OpenAI(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        body = json.dumps(COMPLETION).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Print nothing."""


@pytest.fixture
def client() -> Iterator[openai.OpenAI]:
    """OpenAI's client, on a server here that gives one answer to all."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _OpenAI) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield openai.OpenAI(base_url=f"http://127.0.0.1:{server.server_port}/v1", api_key="none")
        server.shutdown()


@pytest.fixture
def provider(emitter: Any) -> TracerProvider:
    made = TracerProvider()
    made.add_span_processor(RunfoldSpanProcessor(emitter))
    return made


@pytest.mark.parametrize(
    ("instrumentor", "activation"), [(OpenInference, "ChatCompletion"), (OpenLLMetry, "openai.chat")]
)
def test_calls_of_openai_are_calls_of_a_model(
    instrumentor: Any, activation: str, client: openai.OpenAI, provider: TracerProvider, recorded: Recorded
) -> None:
    instrumentor().instrument(tracer_provider=provider)
    try:
        with provider.get_tracer("tests").start_as_current_span("answer"):
            for _ in range(2):
                client.chat.completions.create(model="gpt-5", messages=[{"role": "user", "content": "hello"}])
    finally:
        instrumentor().uninstrument()
    recorded.fold()
    assert len(recorded.calls()) == 2
    for call in recorded.calls():
        assert (call["provider"], call["model_id"]) == ("openai", "gpt-5")
        assert (call["input_tokens"], call["cached_tokens"], call["output_tokens"]) == (11, 4, 3)
    found = {name: row for name, row in recorded.nodes().items() if name.startswith(activation)}
    assert len(found) == 2
    for node in found.values():
        assert (node["node_type"], node["status"]) == ("LLM", "SUCCESS")
        stored = json.dumps([node["input_data"], node["output_data"]])
        assert "hello" in stored
        assert "hi" in stored


def _steps(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    """Call two tools, one of which fails, then answer."""
    usage = RequestUsage(input_tokens=100, output_tokens=7)
    if len(messages) == 1:
        calls = [ToolCallPart("weather", {"city": "Graz"}), ToolCallPart("weather", {"city": "Linz"})]
        return ModelResponse(parts=calls, usage=usage, model_name="gpt-5")
    return ModelResponse(parts=[TextPart("sun")], usage=usage, model_name="gpt-5")


def test_an_agent_of_pydantic_ai_is_a_tree_for_people(provider: TracerProvider, recorded: Recorded) -> None:
    agent = Agent(
        FunctionModel(_steps, model_name="gpt-5"),
        name="helper",
        capabilities=[Instrumentation(settings=InstrumentationSettings(tracer_provider=provider))],
    )

    @agent.tool_plain
    def weather(city: str) -> str:
        return f"sun in {city}"

    assert agent.run_sync("how is it?").output == "sun"
    recorded.fold()
    (execution,) = recorded.executions()
    tree = [line.partition("success")[0].rstrip(" ✓") for line in recorded.tree(execution["execution_id"])]
    assert tree[tree.index(execution["execution_id"], 1) :] == [
        execution["execution_id"],
        "└─ invoke_agent helper",
        "   ├─ chat gpt-5",
        "   ├─ execute_tool weather",
        "   ├─ execute_tool weather#2",
        "   └─ chat gpt-5#2",
    ]
    nodes = recorded.nodes()
    assert [row["node_type"] for row in nodes.values()] == ["AI_AGENT", "LLM", "TOOL", "TOOL", "LLM"]
    assert nodes["execute_tool weather"]["output_data"]["output"] in ("sun in Graz", "sun in Linz")
    assert nodes["chat gpt-5"]["output_data"]["cost"] > 0
    assert [(call["activation"], call["input_tokens"]) for call in recorded.calls()] == [
        ("chat gpt-5", 100),
        ("chat gpt-5#2", 100),
    ]
