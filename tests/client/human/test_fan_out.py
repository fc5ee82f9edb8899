"""A node that runs for several items at once asks a question for each; an answer continues its own activation."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

import runfold
from tests.cli.running import run
from tests.client.human.asking import WORKFLOW
from tests.client.human.test_answers import all_is_well
from tests.fixtures.processes import drain


def three_questions(store: runfold.Store) -> tuple[Any, list[Any]]:
    """Return an execution with one node that runs three times at once, and the question of each."""
    execution = store.executions.create(workflow_id=WORKFLOW, mode="MANUAL", start=True)
    questions = []
    for item in range(3):
        node = execution.node("approve", node_type="HUMAN_IN_THE_LOOP", iteration=item)
        node.start()
        questions.append(
            node.pause_for_human(interaction_type="approval", channel_type="slack", request_data={"item": item})
        )
    return execution, questions


def statuses(execution: Any) -> dict[str, str]:
    return {name: node.status for name, node in execution.refresh().nodes.items()}


def test_each_activation_of_a_fan_out_has_its_question_and_goes_on_with_its_answer(
    store: runfold.Store, connection: psycopg.Connection[Any], database_url: str
) -> None:
    execution, questions = three_questions(store)
    store.interactions.answer(questions[1].interaction_id, {"approved": True})
    assert statuses(execution) == {"approve": "WAITING_INPUT", "approve#2": "RUNNING", "approve#3": "WAITING_INPUT"}
    assert execution.status == "WAITING_FOR_HUMAN"
    drain(database_url)
    rows = connection.execute("SELECT activation, status FROM workflow_execution_pauses ORDER BY activation").fetchall()
    assert rows == [("approve", "active"), ("approve#2", "resumed"), ("approve#3", "active")]
    for question in (questions[2], questions[0]):
        store.interactions.answer(question.interaction_id, {"approved": True})
    assert set(statuses(execution).values()) == {"RUNNING"}
    assert execution.status == "RUNNING"
    all_is_well(connection, database_url)


def test_an_activation_has_one_open_pause(store: runfold.Store) -> None:
    execution, _ = three_questions(store)
    with pytest.raises(runfold.errors.IllegalTransition):
        execution.open_pause("again", paused_node_id="approve", activation="approve#2", pause_reason="timer")


def test_each_pause_is_shown_below_the_activation_that_waits(store: runfold.Store, database_url: str) -> None:
    execution, questions = three_questions(store)
    for question in questions:
        store.interactions.answer(question.interaction_id, {"approved": True})
    drain(database_url)
    shown = run(database_url, "execution", "show", execution.execution_id).stdout
    lines = [line for line in shown.splitlines() if "approve" in line or "human_interaction" in line]
    assert ["pause" if "human_interaction" in line else "node" for line in lines] == ["node", "pause"] * 3
