"""Handles take values of Python's types, and what a block raises is what its caller gets."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import uuid4

import pytest

import runfold
from runfold.client.sync.execution import ExecutionHandle
from runfold.client.sync.node import NodeHandle
from runfold.domain.error_data import error_data_of
from runfold.errors import DatabaseUnavailable, InvalidInput

WORKFLOW = uuid4()


class Colour(StrEnum):
    RED = "red"


@dataclass
class Receipt:
    total: Decimal
    colour: Colour


RECEIPT = Receipt(Decimal("1.50"), Colour.RED)
WRITTEN = {"total": "1.50", "colour": "red"}


def seconds(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value.total_seconds()
    raise TypeError


def events(store: runfold.Store, run: ExecutionHandle) -> dict[str, Any]:
    """Return the data of the last event of each type of an execution."""
    return {event.type: event.data for event in store.read_stream(f"execution-{run.execution_id}")}


# -- values ------------------------------------------------------------------------------------------------------------


def test_inputs_outputs_and_metadata_take_python_values(store: runfold.Store) -> None:
    run = store.executions.create(workflow_id=WORKFLOW, mode="MANUAL", metadata={"receipt": RECEIPT})
    with run, run.node("n", node_type="ACTION", input=RECEIPT) as node:
        node.succeed({"value": {RECEIPT.colour}})
    found = events(store, run)
    assert found["ExecutionCreated"]["metadata"] == {"receipt": WRITTEN}
    assert found["NodeStarted"]["input_data"] == WRITTEN
    assert found["NodeSucceeded"]["output_data"] == {"value": ["red"]}


def test_default_of_connect_writes_what_is_not_known(store: runfold.Store) -> None:
    took = {"took": timedelta(seconds=90)}
    with runfold.connect(store.url, default=seconds) as mine:
        run = mine.executions.create(workflow_id=WORKFLOW, mode="MANUAL", start=True)
        run.log("done", data=took)
        with run.node("n", node_type="ACTION", input=took) as node:
            node.log("done", data=took)
            node.succeed(took)
        run.set_metadata(took)
    found = events(store, run)
    assert found["NodeStarted"]["input_data"] == found["NodeSucceeded"]["output_data"] == {"took": 90.0}
    with pytest.raises(InvalidInput) as caught:  # control: another store does not know it
        store.executions.create(workflow_id=WORKFLOW, mode="MANUAL", metadata=took)
    assert (caught.value.code, caught.value.pointer) == ("not_json", "/metadata/took")


def test_default_of_connect_async_writes_what_is_not_known(store: runfold.Store) -> None:
    async def work() -> str:
        async with await runfold.connect_async(store.url, default=seconds) as mine:
            run = await mine.executions.create(workflow_id=WORKFLOW, mode="MANUAL")
            async with run, run.node("n", node_type="ACTION") as node:
                await node.succeed({"took": timedelta(seconds=90)})
            return run.execution_id

    execution_id = asyncio.run(work())
    (output,) = [e.data for e in store.read_stream(f"execution-{execution_id}") if e.type == "NodeSucceeded"]
    assert output is not None
    assert output["output_data"] == {"took": 90.0}


@pytest.mark.parametrize(
    ("value", "code", "pointer"),
    [
        ({"a": [object()]}, "not_json", "/output_data/a/0"),
        ({"a": float("nan")}, "not_finite", "/output_data/a"),
        ("x" * 2_000_000, "event_too_large", "/0/events/0/data"),
    ],
)
def test_an_output_that_cannot_be_stored_does_not_fail_the_work(
    store: runfold.Store, value: Any, code: str, pointer: str
) -> None:
    run = store.executions.create(workflow_id=WORKFLOW, mode="MANUAL")
    with pytest.warns(RuntimeWarning, match="a value of n was not stored"):  # noqa: SIM117
        with run, run.node("n", node_type="ACTION") as node:
            node.succeed(value)
    found = events(store, run)
    reason = found["NodeSucceeded"]["output_data"]["not_stored"]
    assert (reason["code"], reason["pointer"]) == (code, pointer)
    assert reason["reason"]
    assert "ExecutionSucceeded" in found


def test_an_error_that_cannot_be_stored_still_ends_the_attempt_and_the_node(store: runfold.Store) -> None:
    run = store.executions.create(workflow_id=WORKFLOW, mode="MANUAL", start=True)
    node = run.node("n", node_type="ACTION")
    node.start()
    with pytest.warns(RuntimeWarning):
        node.fail_attempt({"why": object()}, will_retry=True)
    node.start()
    with pytest.warns(RuntimeWarning):
        node.fail({"why": object()})
    found = events(store, run)
    assert found["NodeAttemptFailed"]["error_data"]["not_stored"]["pointer"] == "/error_data/why"
    assert found["NodeFailed"]["error_data"]["not_stored"]["pointer"] == "/error_data/why"


def test_only_the_value_is_replaced(store: runfold.Store) -> None:
    """Control: what is wrong elsewhere, or before work is done, is refused."""
    run = store.executions.create(workflow_id=WORKFLOW, mode="MANUAL", start=True)
    with pytest.raises(InvalidInput):
        run.node("n", node_type="ACTION", input=object()).start()
    node = run.node("n", node_type="ACTION")
    node.start()
    with pytest.raises(InvalidInput):
        node.succeed(1, end_time=-1)
    with pytest.raises(InvalidInput):
        node.fail(None)
    assert node.status == "RUNNING"


# -- errors ------------------------------------------------------------------------------------------------------------


@contextmanager
def unavailable(handle: type, command: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let a command of a handle find no database."""

    def fail(*_: Any, **__: Any) -> None:
        raise DatabaseUnavailable("no database")

    with monkeypatch.context() as patch:
        patch.setattr(handle, command, fail)
        yield


def test_the_exception_of_an_attempt_is_raised_after_the_node_has_ended(store: runfold.Store) -> None:
    run = store.executions.create(workflow_id=WORKFLOW, mode="MANUAL")

    def send() -> None:
        with run, run.node("n", node_type="ACTION") as node:
            for attempt in node.attempts(2, pause_seconds=0.01):
                with attempt:
                    node.succeed({"sent": True})
                    raise ValueError("no receipt")

    with pytest.raises(ValueError, match="no receipt") as caught:
        send()
    (note,) = caught.value.__notes__
    assert note.startswith("runfold could not record the failed attempt of n: ")
    found = events(store, run)
    assert found["ExecutionFailed"]["error_message"] == "ValueError: no receipt"
    assert "NodeSucceeded" in found
    assert "NodeAttemptFailed" not in found


@pytest.mark.parametrize(
    ("handle", "command"),
    [(ExecutionHandle, "fail"), (NodeHandle, "fail"), (NodeHandle, "fail_attempt")],
)
def test_an_exception_whose_record_fails_is_raised_with_a_note(
    store: runfold.Store, handle: type, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = store.executions.create(workflow_id=WORKFLOW, mode="MANUAL")

    def work() -> None:
        with run, run.node("n", node_type="ACTION") as node:
            for attempt in node.attempts(0):
                with attempt:
                    raise ValueError("mine")

    with unavailable(handle, command, monkeypatch), pytest.raises(ValueError, match="mine") as caught:
        work()
    assert any("no database" in note for note in caught.value.__notes__)


def test_without_an_exception_of_the_block_the_handles_is_raised(
    store: runfold.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control: only where there is another to be raised does the handle's become a note."""
    run = store.executions.create(workflow_id=WORKFLOW, mode="MANUAL")
    node = run.node("n", node_type="ACTION")
    with unavailable(NodeHandle, "succeed", monkeypatch), pytest.raises(DatabaseUnavailable), run, node:
        pass


def test_a_store_that_cannot_be_closed_does_not_hide_the_exception(
    store: runfold.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: runfold.Store) -> None:
        self._pool.close()
        raise DatabaseUnavailable("no database")

    monkeypatch.setattr(runfold.Store, "close", fail)
    with pytest.raises(ValueError, match="mine") as caught, runfold.connect(store.url):
        raise ValueError("mine")
    assert caught.value.__notes__ == ["runfold could not close its connections: no database"]
    with pytest.raises(DatabaseUnavailable), runfold.connect(store.url):
        pass
    monkeypatch.undo()


def test_a_group_names_what_is_in_it(store: runfold.Store) -> None:
    group = ExceptionGroup("two", [ValueError("a"), ExceptionGroup("more", [KeyError("b"), OSError("c\0")])])
    run = store.executions.create(workflow_id=WORKFLOW, mode="MANUAL")
    with pytest.raises(ExceptionGroup), run, run.node("n", node_type="ACTION"):
        raise group
    found = events(store, run)["NodeFailed"]["error_data"]
    assert found["errors"] == [
        {"type": "ValueError", "message": "a"},
        {"type": "KeyError", "message": "'b'"},
        {"type": "OSError", "message": "c\\x00"},
    ]
    assert "errors" not in error_data_of(ValueError("a"))


def test_of_a_large_group_the_first_twenty_are_named() -> None:
    deep: Exception = ValueError("inside")
    for _ in range(2000):
        deep = ExceptionGroup("around", [deep])
    assert error_data_of(deep)["errors"] == [{"type": "ValueError", "message": "inside"}]
    found = error_data_of(ExceptionGroup("many", [ValueError(str(n)) for n in range(1000)]))
    assert [one["message"] for one in found["errors"]] == [str(n) for n in range(20)]
    assert found["more_errors"] is True
