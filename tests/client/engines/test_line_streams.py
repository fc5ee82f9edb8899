"""Tokens become few lines of the log, in their order and without a loss; a line says of what kind it is."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest

import runfold
from runfold.client.sync.lines import LINE_CHARACTERS, LINE_SECONDS
from runfold.domain.log_line import log_line
from runfold.errors import InvalidInput
from tests.client.engines.leading import WORKFLOW, started
from tests.fixtures.processes import eventually


def lines(store: runfold.Store, execution_id: str) -> list[dict[str, Any]]:
    return [dict(event.data or {}) for event in store.read_stream(f"log-{execution_id}")]


def test_tokens_become_a_line_each_fifth_of_a_second(store: runfold.Store) -> None:
    run = started(store)
    begun = time.monotonic()
    with run.node("chat", node_type="AI") as node, node.stream(kind="tokens") as out:
        for number in range(2000):
            out.write(f"{number} ")
        # It does not wait for the end of the block, nor for the next token.
        eventually(lambda: lines(store, run.execution_id))
        for number in range(2000, 4000):
            out.write(f"{number} ")
    written = lines(store, run.execution_id)
    assert "".join(line["message"] for line in written) == "".join(f"{number} " for number in range(4000))
    assert len(written) <= 2 + (time.monotonic() - begun) / LINE_SECONDS
    assert {(line["node_id"], line["node_type"], line["data"]["kind"]) for line in written} == {
        ("chat", "AI", "tokens")
    }


def test_threads_that_write_at_once_lose_nothing(store: runfold.Store) -> None:
    run = started(store)
    with run.node("chat", node_type="AI") as node, node.stream() as out:

        def write(name: str) -> None:
            for number in range(500):
                out.write(f"{name}{number},")

        threads = [threading.Thread(target=write, args=[name]) for name in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    said = "".join(line["message"] for line in lines(store, run.execution_id)).split(",")
    for name in "abcd":
        assert [word for word in said if word.startswith(name)] == [f"{name}{number}" for number in range(500)]


@pytest.mark.parametrize("length", [LINE_CHARACTERS - 1, LINE_CHARACTERS, LINE_CHARACTERS + 1, 3 * LINE_CHARACTERS])
def test_long_text_is_cut_into_lines(store: runfold.Store, length: int) -> None:
    run = started(store)
    with run.node("chat", node_type="AI") as node, node.stream() as out:
        out.write("\U0001f600" * length)
    written = [line["message"] for line in lines(store, run.execution_id)]
    assert "".join(written) == "\U0001f600" * length
    assert len(written) >= -(-length // LINE_CHARACTERS)
    assert max(map(len, written)) <= LINE_CHARACTERS


def test_what_is_no_text_or_no_line_is_refused_where_it_is_given(store: runfold.Store) -> None:
    run = started(store)
    node = run.node("chat", node_type="AI")
    with node.stream() as out, pytest.raises(TypeError):
        out.write(b"bytes")  # type: ignore[arg-type]
    out = node.stream(level="LOUD")  # type: ignore[arg-type]
    out.write("x")
    with pytest.raises(InvalidInput):
        out.flush()


def test_an_emitter_sends_the_lines(store: runfold.Store) -> None:
    run = started(store)
    with runfold.Emitter(store) as emit:
        with run.node("chat", node_type="AI") as node, node.stream(emit, kind="tokens") as out:
            for number in range(1000):
                out.write(f"{number} ")
        emit.flush(30)
        assert emit.metrics().refused == 0
    written = lines(store, run.execution_id)
    assert "".join(line["message"] for line in written) == "".join(f"{number} " for number in range(1000))
    assert {line["data"]["kind"] for line in written} == {"tokens"}


def test_an_emitter_of_tasks_sends_the_lines(database_url: str) -> None:
    async def main() -> list[str]:
        async with await runfold.connect_async(database_url) as store:
            run = await store.executions.create(workflow_id=WORKFLOW, mode="MANUAL", start=True)
            async with runfold.AsyncEmitter(store) as emit:
                async with run.node("chat", node_type="AI") as node, node.stream(emit) as out:
                    out.write("one ")
                    out.write("two")
                await emit.flush(30)
            return [str((event.data or {})["message"]) for event in await store.read_stream(f"log-{run.execution_id}")]

    assert "".join(asyncio.run(main())) == "one two"


def test_a_task_streams_as_a_thread_does(database_url: str) -> None:
    async def main() -> list[str]:
        async with await runfold.connect_async(database_url) as store:
            run = await store.executions.create(workflow_id=WORKFLOW, mode="MANUAL", start=True)
            async with run.node("chat", node_type="AI") as node, node.stream() as out:
                for word in ("one ", "two ", "three"):
                    out.write(word)
            return [str((event.data or {})["message"]) for event in await store.read_stream(f"log-{run.execution_id}")]

    assert "".join(asyncio.run(main())) == "one two three"


def test_a_line_says_which_engine_wrote_it_also_after_a_take_over(store: runfold.Store) -> None:
    run = started(store)
    run.log("before")
    with store.engine("first"):
        run.take_over()
        store.executions.get(run.execution_id).take_over(force=True)
        with run.node("chat").stream() as out:
            out.write("from the engine that is gone")
        run.log("and this")
        with runfold.Emitter(store) as emit, run.node("chat").stream(emit) as out:
            out.write("emitted")
    said = [(event.metadata or {}).get("producer") for event in store.read_stream(f"log-{run.execution_id}")]
    assert said == [None, "first", "first", "first"]


def test_a_line_of_any_kind_and_level_is_written() -> None:
    line = log_line("the disk is gone", level="CRITICAL", kind="alarm", data={"disk": 1})
    assert line.to_data() == {
        "level": "ERROR",
        "event_type": "workflow_progress",
        "message": "the disk is gone",
        "data": {"kind": "alarm", "level": "CRITICAL", "disk": 1},
    }
    assert log_line("x").to_data() == {"level": "INFO", "event_type": "workflow_progress", "message": "x"}
    with pytest.raises(InvalidInput) as refused:
        log_line("x", kind="alarm", data=[1])  # type: ignore[typeddict-item]
    assert refused.value.pointer == "/data"
