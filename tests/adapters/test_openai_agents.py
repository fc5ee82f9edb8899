"""Runs of OpenAI's Agents SDK, with tools, handoffs, guardrails and errors, become executions for people."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from agents import (
    Agent,
    GuardrailFunctionOutput,
    InputGuardrail,
    InputGuardrailTripwireTriggered,
    MaxTurnsExceeded,
    Model,
    ModelResponse,
    RunConfig,
    Runner,
    Usage,
    function_tool,
    generation_span,
    set_trace_processors,
)
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText

from runfold.adapters.openai_agents import RunfoldTracingProcessor
from tests.adapters.conftest import Recorded


@pytest.fixture
def processor(emitter: Any) -> Iterator[RunfoldTracingProcessor]:
    made = RunfoldTracingProcessor(emitter)
    set_trace_processors([made])
    yield made
    set_trace_processors([])


def call(name: str, arguments: str = "{}") -> ResponseFunctionToolCall:
    return ResponseFunctionToolCall(name=name, arguments=arguments, call_id=f"call {name}", type="function_call")


def message(text: str) -> ResponseOutputMessage:
    content = [ResponseOutputText(text=text, type="output_text", annotations=[])]
    return ResponseOutputMessage(id="m1", role="assistant", status="completed", type="message", content=content)


class Says(Model):
    """A model that says one thing after the other, and traces each as the SDK's own models do."""

    def __init__(self, *said: Any) -> None:
        self.said = list(said)

    async def get_response(self, *args: Any, **kwargs: Any) -> ModelResponse:
        with generation_span(model="gpt-5", input=[{"role": "user", "content": "hello"}]) as span:
            if isinstance(said := self.said.pop(0), Exception):
                raise said
            span.span_data.output = [said.model_dump()]
            span.span_data.usage = {"input_tokens": 50, "output_tokens": 5}
        return ModelResponse(output=[said], usage=Usage(), response_id=None)

    def stream_response(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        raise NotImplementedError


def run(agent: Agent[Any], **about: Any) -> Any:
    return asyncio.run(Runner.run(agent, "how is it?", run_config=RunConfig(workflow_name="forecast"), **about))


@function_tool
def weather(city: str) -> str:
    """Return the weather."""
    if city == "Linz":
        raise ValueError("no such city")
    return f"sun in {city}"


def test_tools_and_handoffs_are_a_tree_for_people(processor: RunfoldTracingProcessor, recorded: Recorded) -> None:
    poet = Agent(name="poet", model=Says(message("sun")))
    model = Says(call("weather", '{"city": "Graz"}'), call("transfer_to_poet"))
    assert run(Agent(name="helper", model=model, tools=[weather], handoffs=[poet])).final_output == "sun"
    recorded.fold()
    (execution,) = recorded.executions()
    assert (execution["status"], execution["execution_id"][:6]) == ("SUCCESS", "trace_")
    tree = [line.partition("✓")[0].rstrip() for line in recorded.tree(execution["execution_id"])]
    assert tree[tree.index(execution["execution_id"], 1) :] == [
        execution["execution_id"],
        "└─ forecast",
        "   └─ task forecast",
        "      ├─ agent helper",
        "      │  ├─ turn 1",
        "      │  │  ├─ chat gpt-5",
        "      │  │  └─ tool weather",
        "      │  └─ turn 2",
        "      │     ├─ chat gpt-5#2",
        "      │     └─ handoff",
        "      └─ agent poet",
        "         └─ turn 3",
        "            └─ chat gpt-5#3",
    ]
    nodes = recorded.nodes()
    assert nodes["tool weather"]["output_data"]["input"] == {"city": "Graz"}
    assert nodes["tool weather"]["output_data"]["output"] == "sun in Graz"
    assert {row["node_type"] for row in nodes.values()} >= {"AI_AGENT", "TOOL", "LLM", "HANDOFF"}
    assert [(one["model_id"], one["input_tokens"]) for one in recorded.calls()] == [("gpt-5", 50)] * 3
    assert [one["activation"] for one in recorded.calls()] == ["chat gpt-5", "chat gpt-5#2", "chat gpt-5#3"]


def test_a_tool_that_fails_does_not_fail_the_execution(processor: RunfoldTracingProcessor, recorded: Recorded) -> None:
    run(Agent(name="helper", model=Says(call("weather", '{"city": "Linz"}'), message("rain")), tools=[weather]))
    recorded.fold()
    node = recorded.nodes()["tool weather"]
    assert node["status"] == "ERROR"
    assert "Error running tool" in node["error_data"]["message"]  # the SDK leaves the text out
    assert recorded.executions()[0]["status"] == "SUCCESS"


def _stop(*_: Any) -> GuardrailFunctionOutput:
    return GuardrailFunctionOutput(output_info="forbidden", tripwire_triggered=True)


def test_a_guardrail_that_stops_an_agent_fails_the_execution(
    processor: RunfoldTracingProcessor, recorded: Recorded
) -> None:
    agent = Agent(name="helper", model=Says(message("sun")), input_guardrails=[InputGuardrail(_stop, name="careful")])
    with pytest.raises(InputGuardrailTripwireTriggered):
        run(agent)
    recorded.fold()
    (execution,) = recorded.executions()
    assert execution["status"] == "ERROR"
    assert "guardrail careful" in execution["error_message"]
    assert recorded.nodes()["guardrail careful"]["node_type"] == "GUARDRAIL"


def test_too_many_turns_fail_the_execution(processor: RunfoldTracingProcessor, recorded: Recorded) -> None:
    with pytest.raises(MaxTurnsExceeded):
        run(Agent(name="helper", model=Says(call("weather", '{"city": "Graz"}')), tools=[weather]), max_turns=1)
    recorded.fold()
    assert "turns" in recorded.executions()[0]["error_message"]


def test_a_model_that_fails_fails_the_execution(processor: RunfoldTracingProcessor, recorded: Recorded) -> None:
    with pytest.raises(ConnectionError):
        run(Agent(name="helper", model=Says(ConnectionError("no answer"))))
    recorded.fold()
    assert recorded.executions()[0]["status"] == "ERROR"
