"""Every illegal command is refused by name; a legal one is accepted, and folds without an anomaly."""

from __future__ import annotations

from random import Random
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import runfold
from runfold.errors import IllegalTransition
from runfold.events import machines as transitions
from runfold.events.envelope import Append
from runfold.events.machines import EXECUTION, NODE, Machine
from tests.client.handles.machines import (
    DeploymentMachine,
    ExecutionMachine,
    InteractionMachine,
    Judged,
    ResponseMachine,
)
from tests.client.handles.reading import assert_folds_without_anomalies

EXAMPLES = 300
SAMPLE = 40
"""Histories of each machine that are folded on a real database."""

JUDGED: list[type[Judged]] = [ExecutionMachine, InteractionMachine, ResponseMachine, DeploymentMachine]


def walk(kind: type[Judged], seed: int, steps: int | None = None) -> Judged:
    """Give this many commands; fail if one gets another judgement than the model's."""
    machine = kind(Random(seed))
    for _ in range(kind.steps if steps is None else steps):
        machine.step()
    return machine


@pytest.mark.parametrize("kind", JUDGED)
@settings(max_examples=EXAMPLES, deadline=None)
@given(seed=st.integers(0, 2**24 - 1), steps=st.integers(1, 80))
def test_what_is_legal_is_accepted_and_nothing_else(kind: type[Judged], seed: int, steps: int) -> None:
    walk(kind, seed, steps)


@pytest.mark.parametrize("kind", JUDGED)
def test_what_is_accepted_folds_without_an_anomaly(kind: type[Judged], store: runfold.Store, database_url: str) -> None:
    histories = [walk(kind, seed).history for seed in range(SAMPLE)]
    assert sum(map(len, histories)) > 2 * SAMPLE
    for number, history in enumerate(histories):
        for append in isolated(history, number):
            store.append_many([append])
    assert_folds_without_anomalies(database_url)


def isolated(history: list[Any], number: int) -> list[Append]:
    """Return the history as appends of its streams in order, with names that no other history has."""
    renamed: dict[str, str] = {}
    appends: list[Append] = []
    for event in history:
        category = event.originator_id.partition("-")[0]
        stream_id = renamed.setdefault(event.originator_id, f"{category}-{uuid4()}")
        data = dict(event.data)
        if "execution_id" in data and category == "execution":
            data["execution_id"] = stream_id.partition("-")[2]
        if "interaction_id" in data and category == "response":
            data["interaction_id"] = renamed[f"interaction-{data['interaction_id']}"].partition("-")[2]
        if data.get("index_key"):
            data["index_key"] = f"{number} * * * *"
        new = runfold.NewEvent(type=event.event.event_type(), data=data, occurred_at=event.occurred_at)
        appends.append(Append(stream_id=stream_id, events=[new]))
    return appends


def test_the_walks_try_every_command_where_it_is_legal_and_where_it_is_not() -> None:
    for kind in JUDGED:
        outcomes = set().union(*(walk(kind, seed).outcomes for seed in range(EXAMPLES)))
        for command in {command for command, _, _ in outcomes} - {"node"}:
            assert {legal for tried, _, legal in outcomes if tried == command} == {True, False}, (kind, command)
        if kind is ExecutionMachine:
            assert {status for tried, status, _ in outcomes if tried == "create"} == set(EXECUTION.moves)
            for command in ("start", "fail_attempt", "wait", "succeed", "fail", "cancel"):
                assert set(NODE.moves) <= {status for tried, status, _ in outcomes if tried == command}, command


def notices(kind: type[Judged]) -> bool:
    """Return whether a walk fails."""
    try:
        for seed in range(EXAMPLES):
            walk(kind, seed)
    except (AssertionError, pytest.fail.Exception, IllegalTransition):
        return True
    return False


@pytest.mark.parametrize(
    ("name", "status", "target", "machine"),
    [
        ("EXECUTION", "PAUSED", "SUCCESS", ExecutionMachine),
        ("NODE", "PENDING", "RETRYING", ExecutionMachine),
        ("PAUSE", "resumed", "timeout", ExecutionMachine),
        ("INTERACTION", "error", "responded", InteractionMachine),
        ("RESPONSE", "error", "matched", ResponseMachine),
        ("DEPLOYMENT", "IDLE", "UNDEPLOYING", DeploymentMachine),
        ("TRIGGER", "pending", "inactive", DeploymentMachine),
    ],
)
def test_control_a_table_with_one_move_more_is_found(
    name: str, status: str, target: str, machine: type[Judged], monkeypatch: pytest.MonkeyPatch
) -> None:
    found: Machine = getattr(transitions, name)
    monkeypatch.setitem(found.moves, status, found.moves[status] | {target})  # type: ignore[arg-type]
    assert notices(machine)


@pytest.mark.parametrize(
    ("name", "status", "target", "machine"),
    [
        ("EXECUTION", "WAITING_FOR_HUMAN", "TIMEOUT", ExecutionMachine),
        ("NODE", "RETRYING", "CANCELED", ExecutionMachine),
        ("INTERACTION", "pending", "cancelled", InteractionMachine),
        ("DEPLOYMENT", "DEPLOYMENT_FAILED", "UNDEPLOYING", DeploymentMachine),
    ],
)
def test_control_a_table_with_one_move_less_is_found(
    name: str, status: str, target: str, machine: type[Judged], monkeypatch: pytest.MonkeyPatch
) -> None:
    found: Machine = getattr(transitions, name)
    monkeypatch.setitem(found.moves, status, found.moves[status] - {target})  # type: ignore[arg-type]
    assert notices(machine)
