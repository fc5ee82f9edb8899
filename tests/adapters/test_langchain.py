"""LangChain and LangGraph are recorded by callbacks: what people see of an agent, and that no move is illegal."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Iterator
from operator import add
from typing import Annotated, Any, TypedDict
from uuid import UUID, uuid4

import psycopg
import pytest

import runfold

pytest.importorskip("langgraph.graph")
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import Command, RetryPolicy, interrupt

from runfold.adapters.langchain import RunfoldCallbacks
from runfold.langgraph import RunfoldSaver
from tests.fixtures.commands import run_command
from tests.memory.conftest import add_user


class State(TypedDict):
    lines: Annotated[list[str], add]


@tool
def weather(city: str) -> str:
    """Say what the weather is like."""
    if city == "nowhere":
        raise LookupError("there is no such city")
    return f"sunny in {city}"


def answers(*texts: str) -> GenericFakeChatModel:
    used = {"input_tokens": 30, "output_tokens": 4, "total_tokens": 34, "input_token_details": {"cache_read": 10}}
    return GenericFakeChatModel(messages=iter([AIMessage(text, usage_metadata=used) for text in texts]))


def plan(state: State) -> Any:
    answer = answers("go").invoke([HumanMessage("where to?")])
    return {"lines": [answer.content]}


def look(state: State) -> Any:
    both = RunnableLambda(lambda city: weather.invoke({"city": city}))
    return {"lines": [both.invoke("Rome"), both.invoke("Oslo")]}


def approve(state: State) -> Any:
    return {"lines": [interrupt({"question": "book it?"})]}


def agent(saver: Any, *, flaky: Callable[[State], Any] | None = None) -> Any:
    builder = StateGraph(State)
    builder.add_node("plan", plan)
    builder.add_node("look", flaky or look, retry_policy=RetryPolicy(initial_interval=0.01, retry_on=ValueError))
    builder.add_node("approve", approve)
    builder.add_edge(START, "plan")
    builder.add_edge("plan", "look")
    builder.add_edge("look", "approve")
    return builder.compile(checkpointer=saver, name="travel agent")


@pytest.fixture
def emitter(store: runfold.Store) -> Iterator[Any]:
    with runfold.Emitter(store) as opened:
        yield opened


@pytest.fixture
def user(database_url: str) -> UUID:
    return add_user(database_url)


@pytest.fixture
def callbacks(emitter: Any, user: UUID) -> RunfoldCallbacks:
    return RunfoldCallbacks(emitter, uuid4(), user_id=user)


@pytest.fixture
def folded(database_url: str, emitter: Any) -> Callable[..., str]:
    """Folds the log, and returns what `execution show` prints of an execution; no move may have been illegal."""

    def show(execution_id: str, *more: str) -> str:
        emitter.flush(30)
        environment = {"PATH": os.environ["PATH"], "RUNFOLD_DATABASE_URL": database_url}
        assert run_command("worker", "--once", environment=environment).returncode == 0
        with psycopg.connect(database_url) as connection:
            found = connection.execute("SELECT stream_id, code, detail FROM runfold.anomalies").fetchall()
            assert found == []
            parked = connection.execute("SELECT * FROM runfold.parked_streams").fetchall()
            assert parked == []
        return run_command("execution", "show", execution_id, *more, environment=environment).stdout

    return show


def config(thread: str, *callbacks: RunfoldCallbacks) -> Any:
    return {"configurable": {"thread_id": thread}, "callbacks": [*callbacks]}


def tree(shown: str) -> str:
    """Return the tree of what is shown, without ids, times and bars, which differ in each run."""
    text = re.sub(r"\b\d+(\.\d+)? ?(ms|s|m)\b|[━╸╺╍░█▒▓]+", "", shown)
    lines = [line.rstrip() for line in re.sub(r"(?<=\S)  +", "  ", text).splitlines() if "✓" in line or "‖" in line]
    return "\n".join(["execution", *lines[1:]])


WAITING = """\
execution
├─ plan  ✓ success
│  └─ chat GenericFakeChatModel  ✓ success
├─ look  ✓ success
│  ├─ weather  ✓ success
│  └─ weather#2  ✓ success
└─ approve  ‖ waiting
   └─ ‖ human_interaction  ‖ open"""
DONE = """\
execution
├─ plan  ✓ success
│  └─ chat GenericFakeChatModel  ✓ success
├─ look  ✓ success
│  ├─ weather  ✓ success
│  └─ weather#2  ✓ success
└─ approve  ✓ success
   └─ ‖ human_interaction  ✓ resumed"""


def test_people_see_an_agent_as_a_tree(callbacks: RunfoldCallbacks, folded: Any) -> None:
    """The golden text: names for people, models and tools below their nodes, what it waits for, nothing of inside."""
    graph = agent(InMemorySaver())
    graph.invoke({"lines": []}, config("t1", callbacks))
    (execution,) = callbacks.execution_ids
    assert tree(folded(execution)) == WAITING
    assert graph.invoke(Command(resume="yes"), config("t1", callbacks))["lines"][-1] == "yes"
    assert [*callbacks.execution_ids] == [execution]
    assert tree(folded(execution)) == DONE
    assert callbacks.dropped == {}


def test_a_node_that_is_tried_again_is_one_activation(callbacks: RunfoldCallbacks, folded: Any, store: Any) -> None:
    tries = iter([ValueError("once"), ValueError("twice")])

    def flaky(state: State) -> Any:
        if (error := next(tries, None)) is not None:
            raise error
        return {"lines": ["at last"]}

    agent(InMemorySaver(), flaky=flaky).invoke({"lines": []}, config("t1", callbacks))
    execution = callbacks.execution_ids[0]
    folded(execution)
    kinds = [
        (event.type, event.data["attempt"])
        for event in store.read_stream(f"execution-{execution}")
        if event.data.get("activation") == "look"
    ]
    assert kinds == [
        ("NodeStarted", 1),
        ("NodeAttemptFailed", 1),
        ("NodeStarted", 2),
        ("NodeAttemptFailed", 2),
        ("NodeStarted", 3),
        ("NodeSucceeded", 3),
    ]


def test_a_node_that_fails_fails_the_execution(callbacks: RunfoldCallbacks, folded: Any, store: Any) -> None:
    def broken(state: State) -> Any:
        return {"lines": [weather.invoke({"city": "nowhere"})]}

    with pytest.raises(LookupError):
        agent(InMemorySaver(), flaky=broken).invoke({"lines": []}, config("t1", callbacks))
    shown = folded(callbacks.execution_ids[0])
    assert "there is no such city" in shown
    events = store.read_stream(f"execution-{callbacks.execution_ids[0]}")
    failed = [event.data["activation"] for event in events if event.type == "NodeFailed"]
    assert failed == ["weather", "look"]
    assert events[-1].type == "ExecutionFailed"
    assert events[-1].data["error_details"]["type"] == "LookupError"
    assert "broken" in events[-1].data["error_details"]["traceback"]


def test_tokens_of_a_model_are_recorded(callbacks: RunfoldCallbacks, folded: Any, database_url: str) -> None:
    agent(InMemorySaver()).invoke({"lines": []}, config("t1", callbacks))
    folded(callbacks.execution_ids[0])
    with psycopg.connect(database_url) as connection:
        found = connection.execute(
            "SELECT activation, input_tokens, cached_tokens, output_tokens FROM public.model_calls"
        ).fetchall()
    assert found == [("chat GenericFakeChatModel", 30, 10, 4)]


def test_an_agent_in_asyncio_is_recorded_the_same(callbacks: RunfoldCallbacks, folded: Any) -> None:
    async def run() -> None:
        graph = agent(InMemorySaver())
        await graph.ainvoke({"lines": []}, config("t1", callbacks))
        await graph.ainvoke(Command(resume="yes"), config("t1", callbacks))

    asyncio.run(run())
    assert tree(folded(callbacks.execution_ids[0])) == DONE


def test_another_process_goes_on_with_an_execution(
    callbacks: RunfoldCallbacks, folded: Any, emitter: Any, store: runfold.Store, user: UUID
) -> None:
    saver = RunfoldSaver(store, user)
    agent(saver).invoke({"lines": []}, config("t1", callbacks))
    execution = callbacks.execution_ids[0]
    emitter.flush(30)
    other = RunfoldCallbacks(emitter, callbacks.workflow_id, user_id=user)  # what another process has
    other.take_in(store, execution)
    agent(RunfoldSaver(store, user)).invoke(Command(resume="yes"), config("t1", other))
    assert [*other.execution_ids] == [execution]
    assert tree(folded(execution)) == DONE


def test_control_without_taking_in_it_is_another_execution(
    callbacks: RunfoldCallbacks, folded: Any, emitter: Any, store: runfold.Store, user: UUID
) -> None:
    saver = RunfoldSaver(store, user)
    agent(saver).invoke({"lines": []}, config("t1", callbacks))
    other = RunfoldCallbacks(emitter, callbacks.workflow_id, user_id=user)
    agent(saver).invoke(Command(resume="yes"), config("t1", other))
    assert [*other.execution_ids] != [*callbacks.execution_ids]


def test_a_thread_that_begins_anew_cancels_what_waited(callbacks: RunfoldCallbacks, folded: Any, store: Any) -> None:
    graph = agent(InMemorySaver())
    graph.invoke({"lines": []}, config("t1", callbacks))
    graph.invoke({"lines": ["something else"]}, config("t1", callbacks))
    first, second = callbacks.execution_ids
    folded(second)
    assert store.read_stream(f"execution-{first}")[-1].type == "ExecutionCanceled"
    assert store.read_stream(f"execution-{second}")[-1].type == "NodeWaiting"


def test_a_loop_names_each_round(callbacks: RunfoldCallbacks, folded: Any) -> None:
    builder = StateGraph(State)
    builder.add_node("step", lambda state: {"lines": ["x"]})
    builder.add_edge(START, "step")
    builder.add_conditional_edges("step", lambda state: "step" if len(state["lines"]) < 3 else "__end__")
    builder.compile().invoke({"lines": []}, {"callbacks": [callbacks]})
    shown = folded(callbacks.execution_ids[0])
    assert [name for name in ("step", "step#2", "step#3", "step#4") if f"{name} " in shown] == [
        "step",
        "step#2",
        "step#3",
    ]


def test_interrupts_side_by_side_are_answered_one_by_one(callbacks: RunfoldCallbacks, folded: Any, store: Any) -> None:
    builder = StateGraph(State)
    for name in ("left", "right"):
        builder.add_node(name, lambda state, name=name: {"lines": [name + interrupt(name)]})
        builder.add_edge(START, name)
    graph = builder.compile(checkpointer=InMemorySaver())
    found = graph.invoke({"lines": []}, config("t1", callbacks))["__interrupt__"]
    assert len(found) == 2
    for one in found:
        done = graph.invoke(Command(resume={one.id: "!"}), config("t1", callbacks))
    assert sorted(done["lines"]) == ["left!", "right!"]
    execution = callbacks.execution_ids[0]
    assert "SUCCESS" in folded(execution)
    kinds = [event.type for event in store.read_stream(f"execution-{execution}")]
    assert kinds.count("PauseOpened") == kinds.count("PauseResumed") == 2


def test_a_graph_inside_a_node_is_below_it(callbacks: RunfoldCallbacks, folded: Any, store: Any) -> None:
    inner = StateGraph(State)
    inner.add_node("ask", approve)
    inner.add_edge(START, "ask")
    outer = StateGraph(State)
    outer.add_node("team", inner.compile())
    outer.add_edge(START, "team")
    graph = outer.compile(checkpointer=InMemorySaver())
    graph.invoke({"lines": []}, config("t1", callbacks))
    graph.invoke(Command(resume="yes"), config("t1", callbacks))
    execution = callbacks.execution_ids[0]
    folded(execution)
    events = store.read_stream(f"execution-{execution}")
    started = {
        event.data["activation"]: event.data.get("parent_activation") for event in events if event.type == "NodeStarted"
    }
    assert started == {"team": None, "ask": "team"}
    assert [event.type for event in events].count("PauseOpened") == 1
    assert events[-1].type == "ExecutionSucceeded"


def test_values_that_json_does_not_have_are_recorded_as_text(callbacks: RunfoldCallbacks, folded: Any) -> None:
    odd = {"text": "a\0b", "bytes": b"\xff", "large": 2**80, "object": object(), "long": "x" * 3_000_000}
    RunnableLambda(lambda _: odd, name="odd").invoke(odd, {"callbacks": [callbacks]})
    assert "SUCCESS" in folded(callbacks.execution_ids[0])
    assert callbacks.dropped == {}


def test_an_emitter_that_takes_nothing_does_not_stop_the_program(user: UUID) -> None:
    class Full:
        def emit_nowait(self, *_: Any, **__: Any) -> Any:
            raise runfold.errors.DatabaseUnavailable("away")

    callbacks = RunfoldCallbacks(Full(), uuid4(), user_id=user)
    done = agent(InMemorySaver()).invoke({"lines": []}, config("t1", callbacks))
    assert done["lines"][0] == "go"
    assert callbacks.dropped["database_unavailable"] > 10
