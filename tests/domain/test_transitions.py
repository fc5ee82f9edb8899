"""The table of legal moves in Python equals PostgreSQL's functions and the vocabulary."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from runfold.events import VOCABULARY
from runfold.events.machines import EXECUTION, MACHINES, Machine
from tests.model import executions, interactions, nodes, responses, triggers

FUNCTIONS = {
    "execution": "execution_move_is_legal",
    "node": "node_move_is_legal",
    "interaction": "interaction_move_is_legal",
    "response": "response_move_is_legal",
    "deployment": "deployment_move_is_legal",
    "trigger": "trigger_move_is_legal",
}
TARGETS = {
    "node": ("node_target", "Node"),
    "pause": ("pause_target", "Pause"),
    "interaction": ("interaction_target", "Interaction"),
    "response": ("response_target", "Response"),
    "trigger": ("trigger_target", "Trigger"),
}


def statuses(machine: Machine) -> list[str | None]:
    return sorted({*machine.moves, *(target for targets in machine.moves.values() for target in targets)}, key=str)


def differences(
    connection: psycopg.Connection[Any], machine: Machine, function: str
) -> list[tuple[str | None, str | None]]:
    """Return the pairs about which the table and PostgreSQL's function disagree."""
    differ = []
    for status in statuses(machine):
        for target in statuses(machine):
            if target is None or (status is None and None not in machine.moves):
                continue
            found = connection.execute(f"SELECT runfold.{function}(%s, %s)", (status, target)).fetchone()
            if found != (machine.is_legal(status, target),):
                differ.append((status, target))
    return differ


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_pair_of_statuses_is_judged_as_postgresql_judges_it(
    connection: psycopg.Connection[Any], name: str
) -> None:
    machine = MACHINES[name]
    if name in ("execution", "interaction", "response"):
        # What makes the row is no move for the folds: `already_exists` guards it.
        machine = Machine(
            name, {status: to for status, to in machine.moves.items() if status is not None}, machine.commands
        )
    assert not differences(connection, machine, FUNCTIONS[name])


def test_a_table_that_is_not_postgresqls_is_noticed(connection: psycopg.Connection[Any]) -> None:
    moves = {**EXECUTION.moves, "SUCCESS": frozenset({"RUNNING"})}
    del moves[None]
    other = Machine("execution", moves, EXECUTION.commands)
    assert differences(connection, other, FUNCTIONS["execution"]) == [("SUCCESS", "RUNNING")]


@pytest.mark.parametrize("name", TARGETS)
def test_the_events_of_a_machine_move_it_where_a_command_can(connection: psycopg.Connection[Any], name: str) -> None:
    function, prefix = TARGETS[name]
    reached = {
        target
        for event_type in VOCABULARY
        if event_type.startswith(prefix)
        for (target,) in connection.execute(f"SELECT runfold.{function}(%s)", (event_type,))
        if target is not None
    }
    assert {target for targets in MACHINES[name].commands.values() for target in targets} == reached


@pytest.mark.parametrize(
    ("name", "legal"),
    [
        ("execution", executions.LEGAL),
        ("node", nodes.LEGAL),
        ("interaction", interactions.LEGAL),
        ("response", responses.LEGAL),
        ("trigger", triggers.LEGAL),
    ],
)
def test_the_reference_model_has_the_same_table(name: str, legal: dict[str | None, set[str]]) -> None:
    machine = MACHINES[name]
    for status in statuses(machine):
        if status is not None or None in legal:
            assert machine.moves.get(status, frozenset()) == legal.get(status, set()), status


def test_every_status_can_be_left_by_a_command_or_has_ended() -> None:
    for machine in MACHINES.values():
        for status in machine.moves:
            assert bool(machine.allowed(status)) != machine.has_ended(status), (machine.name, status)
