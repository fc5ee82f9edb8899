"""A question ends with its execution: nobody answers it any more, and it catches no answer that is meant for others."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

import runfold
from runfold import events
from runfold.errors import ExecutionEnded
from runfold.events.envelope import Append, NewEvent
from tests.cli.running import run
from tests.client.human.asking import LATER, PAST, WORKFLOW, Asked, anomalies, asked, server_time, types_of
from tests.client.human.test_answers import all_is_well, ask, ended, receive, running, slack
from tests.fixtures.processes import drain, eventually, worker

Connection = psycopg.Connection[Any]
APPROVED = {"approved": True}


def answer(question: Asked | UUID) -> Append:
    """Return the append of an answer as any caller of SQL may make it: of the interaction's stream alone."""
    stream = question.interaction if isinstance(question, Asked) else f"interaction-{question}"
    said = events.InteractionResponded(response_data=APPROVED, responded_at=datetime.now(UTC))
    return Append(stream_id=stream, events=[NewEvent.of(said)])


def close(connection: Connection, **arguments: object) -> tuple[Any, ...]:
    called = ", ".join(f"{name} => %({name})s" for name in arguments)
    row = connection.execute(f"SELECT closed, reached FROM runfold.close_questions({called})".encode(), arguments)
    found = row.fetchone()
    assert found is not None
    return found


ENDS: dict[str, Callable[[Any], None]] = {
    "fail": lambda handle: handle.fail("boom"),
    "cancel": lambda handle: handle.cancel(reason="operator"),
    "time_out": lambda handle: handle.time_out(),
    "declare_lost": lambda handle: handle.declare_lost(detector="d", last_seen=datetime.now(UTC)),
    "change": lambda handle: handle.change(lambda state: state.set_metadata({"a": 1}).cancel()),
}


@pytest.mark.parametrize("way", ENDS)
def test_the_end_of_a_handle_closes_its_questions_in_the_same_append(
    store: runfold.Store, connection: Connection, database_url: str, way: str
) -> None:
    handle = store.executions.create(workflow_id=WORKFLOW, mode="MANUAL", start=True)
    first, second = (
        handle.pause_for_human(node, interaction_type="approval", channel_type="slack", request_data={})
        for node in ("n1", "n2")
    )
    store.interactions.answer(first.interaction_id, APPROVED)
    handle.refresh()
    ENDS[way](handle)
    end = store.read_stream(f"execution-{handle.execution_id}")[-1]
    closed = store.read_stream(f"interaction-{second.interaction_id}")[-1]
    assert (closed.type, closed.data and closed.data["reason"]) == ("InteractionCanceled", "execution_ended")
    ends = connection.execute(
        "SELECT count(DISTINCT append_end) FROM runfold.events WHERE position IN (%s, %s)",
        [end.position, closed.position],
    ).fetchone()
    assert ends == (1,)
    assert types_of(store, f"interaction-{first.interaction_id}")[-1] == "InteractionResponded"
    all_is_well(connection, database_url)


def test_an_end_closes_a_hundred_questions_and_the_worker_the_others(
    store: runfold.Store, connection: Connection, database_url: str
) -> None:
    handle = store.executions.create(workflow_id=WORKFLOW, mode="MANUAL", start=True)
    for number in range(103):
        handle.pause_for_human(f"n{number}", interaction_type="approval", channel_type="slack", request_data={})
    handle.cancel()
    canceled = "SELECT count(*) FROM runfold.events WHERE type = 'InteractionCanceled' AND data ->> 'reason' = %s"
    assert connection.execute(canceled, ["execution_ended"]).fetchone() == (100,)
    drain(database_url)
    assert close(connection) == (3, None)
    assert close(connection) == (0, None), "a row that is not folded yet is closed once all the same"
    assert connection.execute(canceled, ["execution_ended"]).fetchone() == (103,)
    all_is_well(connection, database_url)


def late(store: runfold.Store) -> tuple[Asked, str]:
    """Return a question of an execution that an engine of another language has ended, so that nobody closed it yet."""
    question = asked(store, None)
    store.append(question.execution, [events.ExecutionFailed(end_time=0, error_message="boom")])
    return question, question.execution_id


DOORS: dict[str, Callable[[runfold.Store, Asked], object]] = {
    "the interaction's handle": lambda store, one: store.interactions.get(one.interaction_id).respond(APPROVED),
    "store.interactions": lambda store, one: store.interactions.answer(one.interaction_id, APPROVED),
    "the execution's handle": lambda store, one: store.executions.get(one.execution_id).answer(one.pause, APPROVED),
    "a match by hand": lambda store, one: store.responses.match(
        receive(store, slack("yes"), workflow_id=WORKFLOW), one.interaction_id, APPROVED, by="ann"
    ),
    "SQL": lambda store, one: store.append_many([answer(one)]),
}


@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize("door", DOORS)
def test_every_door_refuses_an_answer_that_comes_after_the_end(
    store: runfold.Store, connection: Connection, database_url: str, door: str, folded: bool
) -> None:
    question, execution_id = late(store)
    if folded:
        drain(database_url)
    for closed in (False, True):
        with pytest.raises(ExecutionEnded) as refused:
            DOORS[door](store, question)
        assert refused.value.code == "execution_ended"
        assert refused.value.execution_id == execution_id
        assert "InteractionResponded" not in types_of(store, question.interaction)
        if not closed:
            drain(database_url)
            assert close(connection) == (1, None)
    assert types_of(store, question.interaction) == ["InteractionRequested", "InteractionCanceled"]
    all_is_well(connection, database_url)


@pytest.mark.parametrize("door", DOORS)
def test_control_every_door_takes_an_answer_that_comes_before_the_end(store: runfold.Store, door: str) -> None:
    question = asked(store, None)
    DOORS[door](store, question)
    assert "InteractionResponded" in types_of(store, question.interaction)


def test_the_refusal_of_sql_says_where_and_the_command_line_says_the_same(
    store: runfold.Store, connection: Connection, database_url: str
) -> None:
    question, execution_id = late(store)
    with pytest.raises(ExecutionEnded) as refused:
        store.append_many([answer(asked(store, None)), answer(question)])
    assert refused.value.facts == {
        "pointer": "/1/events/0", "stream_id": question.interaction, "execution_id": execution_id,
        "machine": "execution", "state": "ERROR", "command": "respond", "allowed": [],
    }  # fmt: skip
    done = run(database_url, "interaction", "respond", str(question.interaction_id), "--data", "1")
    said = f"{question.interaction} cannot be answered, because execution {execution_id} has ended: it is ERROR"
    assert (done.returncode, done.stderr) == (1, f"error: {said}: ask again in an execution that runs\n")
    assert str(refused.value) == f"{said}: ask again in an execution that runs"
    # What was recorded before the end is a repeat after it, not a refusal.
    sent = answer(still := asked(store, None))
    (first,) = store.append_many([sent])
    store.append(still.execution, [events.ExecutionFailed(end_time=0, error_message="boom")])
    (again,) = store.append_many([sent])
    assert (again.repeated, again.last_position) == (True, first.last_position)


def test_a_response_that_names_the_question_of_an_ended_execution_is_filtered_out(
    store: runfold.Store, connection: Connection, database_url: str
) -> None:
    question, _ = late(store)
    form = {"interaction_id": str(question.interaction_id), "approved": True}
    found = store.responses.classify(receive(store, form, "webhook"))
    assert found.status == "filtered_out"
    assert "answers what has ended" in (found.reasoning or "")
    assert types_of(store, question.interaction) == ["InteractionRequested"]
    all_is_well(connection, database_url)


@pytest.mark.parametrize("how", ["not closed", "closed", "closed and folded"])
def test_a_question_that_ended_with_its_execution_does_not_stand_in_the_way_of_a_live_one(
    store: runfold.Store, connection: Connection, database_url: str, how: str
) -> None:
    dead = ask(store, name := running(store))
    if how == "not closed":
        store.append(f"execution-{name}", [events.ExecutionCanceled(end_time=0)])
    else:
        store.executions.get(name).cancel()
    live = ask(store)
    if how == "closed and folded":
        drain(database_url)
    found = store.responses.classify(receive(store, slack("Approved"), workflow_id=WORKFLOW))
    assert (found.status, found.interaction_id) == ("matched", live)
    assert ended(store, dead)[0] in ("pending", "cancelled")


@pytest.mark.parametrize("folded", [False, True])
def test_control_a_question_that_was_withdrawn_stands_in_the_way(
    store: runfold.Store, database_url: str, folded: bool
) -> None:
    store.interactions.withdraw(ask(store))
    ask(store)
    if folded:
        drain(database_url)
    found = store.responses.classify(receive(store, slack("Approved"), workflow_id=WORKFLOW))
    assert (found.status, "may be late" in (found.reasoning or "")) == ("unprocessed", True)


def waits(connection: Connection) -> bool:
    """Return whether a session of this database waits for a lock."""
    row = connection.execute(
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')"
    ).fetchone()
    return row is not None and bool(row[0])


def answered_while_it_ends(store: runfold.Store, connection: Connection, question: Asked) -> list[BaseException]:
    """Answer by SQL while the execution's end, and the end of its question, is under way; return what was raised."""
    raised: list[BaseException] = []

    def respond() -> None:
        try:
            store.append_many([answer(question)])
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=respond)
    with store.transaction() as ending:
        store.append(question.execution, [events.ExecutionCanceled(end_time=0)], connection=ending)
        thread.start()
        eventually(lambda: waits(connection) or not thread.is_alive())
        if thread.is_alive():
            # The answer holds nothing that the end still needs, so neither waits for ever.
            closing = events.InteractionCanceled(at=datetime.now(UTC), reason="execution_ended")
            store.append(question.interaction, [closing], connection=ending)
    thread.join()
    return raised


def test_an_answer_waits_for_an_end_that_is_under_way_and_is_refused(
    store: runfold.Store, connection: Connection, database_url: str
) -> None:
    question = asked(store, None)
    (refused,) = answered_while_it_ends(store, connection, question)
    assert isinstance(refused, ExecutionEnded)
    assert types_of(store, question.interaction) == ["InteractionRequested", "InteractionCanceled"]
    all_is_well(connection, database_url)


def test_control_without_the_lock_on_the_execution_the_answer_slips_through(
    store: runfold.Store, connection: Connection
) -> None:
    connection.execute(
        "CREATE OR REPLACE FUNCTION runfold.executions_of_answers(call jsonb) RETURNS text[]"
        " LANGUAGE sql AS 'SELECT NULL::text[]'"
    )
    question = asked(store, None)
    assert answered_while_it_ends(store, connection, question) == []
    assert types_of(store, question.interaction) == ["InteractionRequested", "InteractionResponded"]


def test_the_worker_closes_what_other_callers_left_open(
    store: runfold.Store, connection: Connection, database_url: str
) -> None:
    by_sql, _ = late(store)
    failed, still_open = asked(store, None), asked(store, None)
    now = datetime.now(UTC)
    store.append(failed.interaction, [events.InteractionFailed(at=now, error="no such channel")])
    store.append(failed.execution, [events.ExecutionCanceled(end_time=0)])
    late_question = uuid4()
    with worker(database_url):
        eventually(lambda: types_of(store, by_sql.interaction)[-1] == "InteractionCanceled")
        # What comes after the end, a reopening or a new question, ends too.
        store.append(failed.interaction, [events.InteractionReopened(at=now, by="me")])
        store.interactions.request(
            workflow_id=WORKFLOW, execution_id=by_sql.execution_id, node_id="n", interaction_id=late_question,
            interaction_type="approval", channel_type="slack", request_data={},
        )  # fmt: skip
        for stream in (failed.interaction, f"interaction-{late_question}"):
            eventually(lambda stream=stream: types_of(store, stream)[-1] == "InteractionCanceled")
    assert types_of(store, still_open.interaction) == ["InteractionRequested"]
    all_is_well(connection, database_url)


def test_a_look_of_the_worker_has_a_bound_and_goes_round(
    store: runfold.Store, connection: Connection, database_url: str
) -> None:
    questions = sorted((late(store)[0] for _ in range(5)), key=lambda one: one.interaction_id)
    drain(database_url)
    closed, reached = close(connection, looks=2)
    assert (closed, reached) == (2, questions[1].interaction_id)
    closed, reached = close(connection, after=reached, looks=2, max_count=1)
    assert (closed, reached) == (1, questions[3].interaction_id)
    assert close(connection, after=reached, looks=2) == (1, None)
    assert close(connection) == (1, None), "the next round finds what the limit left"
    commands = "SELECT count(*) FROM runfold.commands"
    assert connection.execute(commands).fetchone() == (5,), "each page of an execution's questions is one command"
    all_is_well(connection, database_url)


def test_a_look_leaves_a_stream_that_is_written_for_the_next_round(
    store: runfold.Store, connection: Connection, database_url: str
) -> None:
    question, _ = late(store)
    drain(database_url)
    with store.transaction() as writing:
        store.append(question.interaction, [events.InteractionNotified(at=datetime.now(UTC))], connection=writing)
        assert close(connection) == (0, None)
    assert close(connection) == (1, None)


def test_a_question_of_an_ended_execution_neither_times_out_nor_reminds(
    store: runfold.Store, connection: Connection, database_url: str
) -> None:
    now = server_time(connection)
    past, soon = asked(store, now + PAST), asked(store, now + LATER / 6)
    for question in (past, soon):
        store.append(question.execution, [events.ExecutionCanceled(end_time=0)])
    drain(database_url)
    assert connection.execute("SELECT * FROM runfold.append_due_timeouts()").fetchall() == []
    assert close(connection) == (2, None)
    all_is_well(connection, database_url)
    assert anomalies(connection) == []
