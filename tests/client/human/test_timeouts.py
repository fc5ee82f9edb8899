"""Timeouts by the database's clock: once, and never for an answered question."""

from __future__ import annotations

import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import psycopg
import pytest

import runfold
from runfold import events
from runfold.events.envelope import Append
from tests.client.human.asking import (
    LATER,
    PAST,
    TENANT,
    Asked,
    anomalies,
    answered,
    asked,
    counted,
    created,
    judged,
    server_time,
    types_of,
)
from tests.fixtures.evidence import Evidence
from tests.fixtures.processes import assert_nothing_differs, drain, eventually, leader, worker

Connection = psycopg.Connection[Any]
TIMEOUTS = ("InteractionTimedOut", "PauseTimedOut", "InteractionReminderSent")


def due(connection: Connection, **arguments: object) -> list[tuple[Any, ...]]:
    """Append the timeouts that are due, as the worker does."""
    called = ", ".join(f"{name} => %({name})s" for name in arguments)
    return connection.execute(f"SELECT * FROM runfold.append_due_timeouts({called})".encode(), arguments).fetchall()


def folded_and_due(connection: Connection, url: str, **arguments: object) -> list[tuple[Any, ...]]:
    drain(url)
    return due(connection, **arguments)


def test_an_interaction_and_its_pause_time_out_together_and_once(
    store: runfold.Store, connection: Connection, database_url: str
) -> None:
    question = asked(store, server_time(connection) + PAST, timeout_action="escalate")
    assert due(connection) == [], "a row that is not folded yet is not found"
    drain(database_url)
    assert due(connection) == [
        (question.execution, "PauseTimedOut", "p1"),
        (question.interaction, "InteractionTimedOut", None),
    ]
    assert due(connection) == [], "the read tables lag, the log knows"
    assert connection.execute("SELECT count(*) FROM runfold.claims").fetchone() == (0,), "the node may pause again"
    drain(database_url)
    assert due(connection) == []
    (_, timed_out) = store.read_stream(question.interaction)
    assert timed_out.data is not None
    assert timed_out.data["action"] == "escalate"
    assert datetime.fromisoformat(timed_out.data["at"]) == timed_out.occurred_at
    assert connection.execute("SELECT status FROM human_interactions").fetchone() == ("timeout",)
    assert connection.execute("SELECT status FROM workflow_execution_pauses").fetchone() == ("timeout",)
    assert connection.execute("SELECT status FROM workflow_executions").fetchone() == ("RUNNING",)
    assert anomalies(connection) == []
    assert_nothing_differs(database_url)


@pytest.mark.parametrize("names", ["interaction", "pause"])
def test_pause_and_interaction_belong_together_whichever_names_the_other(
    store: runfold.Store, connection: Connection, database_url: str, names: str
) -> None:
    until = server_time(connection)
    about: dict[str, Any] = {"names_interaction": names == "interaction", "names_pause": names == "pause"}
    # One whose interaction is due and whose pause is not, and one the other way round.
    first = asked(store, until + PAST, pause_until=None, **about)
    second = asked(store, None, pause_until=until + PAST, **about)
    folded_and_due(connection, database_url)
    outcome = judged(store, [first, second])
    assert (outcome.timed_out, outcome.is_faultless) == (2, True)
    assert due(connection) == []


def test_only_what_is_open_and_past_its_time_times_out(
    store: runfold.Store, connection: Connection, database_url: str
) -> None:
    now = server_time(connection)
    never = asked(store, None)
    later = asked(store, now + LATER)
    answered_in_time = asked(store, now + PAST)
    canceled = asked(store, now + PAST)
    failed = asked(store, now + PAST, pause_until=None)
    ended = asked(store, now + PAST)
    answered(store, answered_in_time)
    store.append(canceled.interaction, [events.InteractionCanceled(at=now)])
    store.append(canceled.execution, [events.PauseCanceled(pause="p1", at=now)])
    store.append(failed.interaction, [events.InteractionFailed(at=now, error="no such channel")])
    store.append(ended.execution, [events.ExecutionCanceled(end_time=0)])
    assert folded_and_due(connection, database_url) == []
    for question in (never, later, answered_in_time, canceled, failed, ended):
        assert not {*TIMEOUTS} & {*types_of(store, question.interaction), *types_of(store, question.execution)}
    assert types_of(store, ended.execution)[-1] == "ExecutionCanceled", "its pause has ended with it"
    # Open again, after its time.
    store.append(failed.interaction, [events.InteractionReopened(at=now, by="me")])
    assert {row[0] for row in folded_and_due(connection, database_url)} == {failed.interaction, failed.execution}
    drain(database_url)
    assert anomalies(connection) == []
    assert_nothing_differs(database_url)


def test_an_interaction_without_pause_and_a_pause_without_interaction_time_out(
    store: runfold.Store, connection: Connection, database_url: str
) -> None:
    now = server_time(connection)
    request = events.InteractionRequested(
        workflow_id=TENANT, execution_id="never created", node_id="n", interaction_type="input", channel_type="email",
        priority="low", request_data={}, timeout_at=now + PAST,
    )  # fmt: skip
    store.append("interaction-00000000-0000-4000-8000-000000000001", [request])
    pause = events.PauseOpened(
        pause="nap", paused_node_id="n", pause_reason="timer", paused_at=now, timeout_at=now + PAST,
        resume_conditions={"timeout_action": "continue"},
    )  # fmt: skip
    store.append_many([created("napping")])
    store.append("execution-napping", [pause])
    folded_and_due(connection, database_url)
    assert types_of(store, "interaction-00000000-0000-4000-8000-000000000001")[-1] == "InteractionTimedOut"
    last = store.read_stream("execution-napping")[-1]
    assert (last.type, last.data and last.data["action"]) == ("PauseTimedOut", "continue")


def test_a_pause_whose_interaction_was_answered_is_not_timed_out(
    store: runfold.Store, connection: Connection, database_url: str
) -> None:
    question = asked(store, server_time(connection) + PAST)
    response = events.InteractionResponded(response_data=True, responded_at=datetime.now(UTC))
    store.append(question.interaction, [response])
    # The engine died before it resumed: it, or an operator, finds an answered question, not one that timed out.
    assert folded_and_due(connection, database_url) == []
    assert due(connection) == []


def test_the_log_decides_where_the_read_tables_lag(
    store: runfold.Store, connection: Connection, database_url: str
) -> None:
    now = server_time(connection)
    questions = [asked(store, now + PAST) for _ in range(3)]
    drain(database_url)
    answered(store, questions[0])
    store.append(questions[1].execution, [events.ExecutionFailed(end_time=0, error_message="gone")])
    due(connection)
    drain(database_url)
    assert judged(store, [questions[0], questions[2]]).is_faultless
    assert types_of(store, questions[1].interaction) == ["InteractionRequested"], "it ends with its execution"
    assert types_of(store, questions[1].execution)[-1] == "ExecutionFailed"
    assert anomalies(connection) == []


def test_an_open_append_to_the_stream_is_not_waited_for(
    store: runfold.Store, connection: Connection, database_url: str
) -> None:
    now = server_time(connection)
    busy, free = asked(store, now + PAST), asked(store, now + PAST)
    drain(database_url)
    with store.transaction() as open_:
        note = events.ExecutionMetadataSet(metadata={"busy": True})
        store.append(busy.execution, [note], connection=open_)
        connection.execute("SET statement_timeout = '2s'")
        assert {row[0] for row in due(connection)} == {free.execution, free.interaction}
        assert due(connection) == []
    assert {row[0] for row in due(connection)} == {busy.execution, busy.interaction}
    assert judged(store, [busy, free]).timed_out == 2


def test_timeouts_belong_to_the_streams_tenant(store: runfold.Store, connection: Connection, database_url: str) -> None:
    question = asked(store, server_time(connection) + PAST, user_id=TENANT)
    folded_and_due(connection, database_url)
    for stream in (question.execution, question.interaction):
        assert {event.user_id for event in store.read_stream(stream)} == {TENANT}


def test_a_warning_comes_once_and_only_near_the_time(
    store: runfold.Store, connection: Connection, database_url: str
) -> None:
    now = server_time(connection)
    near, far, past, none = (
        asked(store, until) for until in (now + timedelta(minutes=14), now + timedelta(minutes=16), now + PAST, None)
    )
    engine_did = asked(store, now + timedelta(minutes=14))
    store.append(engine_did.interaction, [events.InteractionReminderSent(at=now)])
    drain(database_url)
    for _ in range(3):
        due(connection)
    drain(database_url)
    due(connection)
    reminded = {name for name in (near, far, past, none, engine_did)
                if "InteractionReminderSent" in types_of(store, name.interaction)}  # fmt: skip
    assert reminded == {near, engine_did}
    assert counted(connection, *TIMEOUTS)["InteractionReminderSent"] == 2
    assert due(connection, remind_before=timedelta(0)) == []
    due(connection, remind_before=timedelta(minutes=20))
    assert types_of(store, far.interaction)[-1] == "InteractionReminderSent"
    answered(store, near, interaction_version=2)
    drain(database_url)
    assert anomalies(connection) == []


def test_the_oldest_come_first_and_what_can_not_time_out_keeps_nobody_waiting(
    store: runfold.Store, connection: Connection, database_url: str
) -> None:
    now = server_time(connection)
    # In front of all others, for ever: answered, and never resumed.
    for n in range(5):
        stuck = asked(store, now + timedelta(days=-2, seconds=n))
        store.append(stuck.interaction, [events.InteractionResponded(response_data=1, responded_at=now)])
    questions = [asked(store, now + timedelta(days=-1, seconds=n)) for n in range(5)]
    drain(database_url)
    for n in range(1, 6):
        assert len(due(connection, max_count=1)) == 2
        assert judged(store, questions[:n]).timed_out == n
    assert due(connection) == []


def test_workers_time_out_each_question_exactly_once_whatever_dies(
    store: runfold.Store, connection: Connection, database_url: str, evidence: Evidence
) -> None:
    questions: list[Asked] = []
    rounds = evidence.scaled(4)
    started = time.monotonic()
    with worker(database_url, timeout_interval=0.02):
        for _ in range(rounds):
            with worker(database_url, timeout_interval=0.02) as first, worker(database_url, timeout_interval=0.02):
                now = server_time(connection)
                questions += [
                    asked(store, now + timedelta(milliseconds=evidence.rng.uniform(0, 600))) for _ in range(25)
                ]
                time.sleep(evidence.rng.uniform(0, 0.4))
                first.send(signal.SIGKILL)
                first.wait()
        eventually(lambda: counted(connection, *TIMEOUTS)["InteractionTimedOut"] >= len(questions), within=60)
        last = connection.execute("SELECT max(position) FROM runfold.events").fetchone()
        assert last is not None
        store.wait_for(last[0], timeout=60)
    outcome = judged(store, questions)
    evidence.note(questions=len(questions), kills=rounds, outcome=outcome, took=round(time.monotonic() - started, 1))
    assert (outcome.timed_out, outcome.is_faultless) == (len(questions), True)
    assert counted(connection, *TIMEOUTS)["InteractionReminderSent"] <= len(questions)
    assert anomalies(connection) == []
    assert_nothing_differs(database_url)


def test_a_frozen_leader_that_wakes_up_times_nothing_out_again(
    store: runfold.Store, connection: Connection, database_url: str
) -> None:
    with worker(database_url, timeout_interval=0.02) as frozen:
        eventually(lambda: leader(connection)[1] == frozen.pid)
        frozen.send(signal.SIGSTOP)
        try:
            now = server_time(connection)
            questions = [asked(store, now + timedelta(milliseconds=20 * n)) for n in range(20)]
            with worker(database_url, timeout_interval=0.02) as other:
                eventually(lambda: leader(connection)[1] == other.pid)
                eventually(lambda: counted(connection, *TIMEOUTS)["InteractionTimedOut"] > 0)
                frozen.send(signal.SIGCONT)
                eventually(lambda: counted(connection, *TIMEOUTS)["InteractionTimedOut"] >= len(questions))
                time.sleep(0.3)
        finally:
            frozen.send(signal.SIGCONT)
    outcome = judged(store, questions)
    assert (outcome.timed_out, outcome.is_faultless) == (len(questions), True)
    drain(database_url)
    assert anomalies(connection) == []
    assert_nothing_differs(database_url)


def race(
    store: runfold.Store, connection: Connection, database_url: str, count: int, rng: Random
) -> tuple[list[Asked], list[str]]:
    """Answer this many questions one by one, each while two workers time it out; return the losing answers too."""
    together = threading.Barrier(3)
    questions: list[Asked] = []
    lost: list[str] = []

    def answering(question: Asked, delay: float) -> None:
        together.wait(60)
        time.sleep(delay)
        try:
            answered(store, question)
        except runfold.errors.VersionConflict as exc:
            lost.append(exc.stream_id)

    def timing_out(own: Connection, delay: float) -> None:
        together.wait(60)
        time.sleep(delay)
        due(own)

    with (
        worker(database_url),
        psycopg.connect(database_url, autocommit=True) as one,
        psycopg.connect(database_url, autocommit=True) as other,
        ThreadPoolExecutor(3) as pool,
    ):
        for _ in range(count):
            question = asked(store, server_time(connection) + PAST)
            questions.append(question)
            eventually(
                lambda wanted=question.interaction_id: (
                    connection.execute(  # type: ignore[misc]
                        "SELECT FROM human_interactions WHERE id = %s", (wanted,)
                    ).rowcount
                )
            )
            racing = [pool.submit(answering, question, rng.uniform(0, 0.02))]
            racing += [pool.submit(timing_out, own, rng.uniform(0, 0.04)) for own in (one, other)]
            for each in racing:
                each.result()
    return questions, lost


def blind(store: runfold.Store, question: Asked) -> None:
    """The negative control: an answer that expects no version."""
    now = datetime.now(UTC)
    resumed = events.PauseResumed(pause=question.pause, resumed_at=now, resume_trigger="human_response")
    responded = events.InteractionResponded(response_data={}, responded_at=now)
    store.append_many(
        [
            Append(stream_id=question.interaction, events=[responded]),
            Append(stream_id=question.execution, events=[resumed]),
        ]
    )


def test_an_answer_and_a_timeout_at_once_have_one_winner(
    store: runfold.Store, connection: Connection, database_url: str, evidence: Evidence
) -> None:
    questions, lost = race(store, connection, database_url, evidence.scaled(60), evidence.rng)
    drain(database_url)
    while due(connection):
        pass
    outcome = judged(store, questions)
    evidence.note(questions=len(questions), outcome=outcome, answers_refused=len(lost))
    assert outcome.is_faultless
    assert outcome.answered + outcome.timed_out == len(questions)
    assert min(outcome.answered, outcome.timed_out) > 0, "there was no race"
    assert outcome.answered + len(lost) == len(questions)
    drain(database_url)
    assert anomalies(connection) == []
    assert_nothing_differs(database_url)


def test_control_an_answer_that_expects_no_version_is_recorded_beside_the_timeout(
    store: runfold.Store, connection: Connection, database_url: str
) -> None:
    question = asked(store, server_time(connection) + PAST)
    folded_and_due(connection, database_url)
    blind(store, question)
    outcome = judged(store, [question])
    assert (outcome.is_faultless, len(outcome.both)) == (False, 1), "the test above cannot fail"


def test_clocks_of_producers_decide_nothing(
    store: runfold.Store, connection: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = server_time(connection)
    for days in (-1, 1):
        monkeypatch.setattr("runfold.domain.aggregate.now", lambda days=days: now + timedelta(days=days))
        past, later = (
            store.interactions.ask(
                execution_id=store.executions.create(workflow_id=TENANT, mode="MANUAL", start=True).execution_id,
                node_id="n", interaction_type="approval", channel_type="email", request_data={}, timeout_at=until,
            )
            for until in (now + PAST, now + LATER)
        )  # fmt: skip
        folded_and_due(connection, database_url)
        assert (past.refresh().status, later.refresh().status) == ("timeout", "pending")
        store.interactions.answer(later.interaction_id, True)
    drain(database_url)
    assert anomalies(connection) == []


def test_roles_can_do_their_part_and_no_more(store: runfold.Store, connection: Connection, database_url: str) -> None:
    question = asked(store, server_time(connection) + PAST)
    drain(database_url)
    for role in ("runfold_engine", "anon", "authenticated"):
        connection.execute(f"SET ROLE {role}")
        for call in ("append_due_timeouts()", "declare_lost('e', '1s', 'me')"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"SELECT runfold.{call}".encode())
    connection.execute("SET ROLE runfold_projector")
    assert len(due(connection)) == 2
    connection.execute("SET ROLE runfold_engine")
    assert connection.execute(
        "SELECT status FROM runfold.interaction_state(%s)", [question.interaction_id]
    ).fetchone() == ("timeout",)
    assert connection.execute("SELECT * FROM runfold.open_pauses(%s)", [question.execution_id]).fetchall() == []


def test_a_worker_that_is_told_so_times_nothing_out(
    store: runfold.Store, connection: Connection, database_url: str
) -> None:
    question = asked(store, server_time(connection) + PAST)
    with worker(database_url, timeout_interval=0):
        last = store.append(question.execution, [events.ExecutionMetadataSet(metadata={})])
        store.wait_for(last.last_position)
        time.sleep(0.3)
    assert counted(connection, *TIMEOUTS) == {}
    drain(database_url)
    assert counted(connection, *TIMEOUTS) == {}, "`worker --once` folds what is there"
