"""Discarding removes one event for ever, and everything that folds agrees about it."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

import psycopg
import pytest

from runfold.errors import DiscardFailed, FoldFailed, InvalidInput, StreamNotParked
from runfold.projections.definition.catalogue import load_catalogue
from runfold.projections.folding.fold import FOLD_SESSION, NOT_PARKED
from runfold.projections.reconciling.discard import Discarded, discard
from runfold.projections.reconciling.shadows import fold_shadows
from runfold.reading.past.why import why
from tests.fixtures.logs import Log, event, run
from tests.fixtures.processes import assert_nothing_differs, drain, eventually, folded, verified, worker
from tests.model.payloads import WORKFLOWS
from tests.projections.folding.test_parking import POISON, correct, parked, retry, smuggle
from tests.reading.conftest import past_of

GROUP = load_catalogue().groups["execution"]
BAD = POISON["a number that is none"][:2]
ALSO_BAD = POISON["a pause without its time"][:2]
SICK = "execution-sick"


def give_up(url: str, stream_id: str = SICK, *, reason: str = "a test sent it", **about: Any) -> Discarded:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(FOLD_SESSION)
        return discard(connection, GROUP, stream_id, reason=reason, by="ann", **about)


def forget(log: Log, *positions: int) -> None:
    """Remove these events from the log that the model sees."""
    log.events = [recorded for recorded in log.events if recorded.position not in positions]


@pytest.fixture
def sick(log: Log, database_url: str) -> int:
    """A stream that is parked at its third event, with others behind and beside it; gives its position."""
    log.append(SICK, event("ExecutionCreated", execution_id="sick"), event("NodeStarted", activation="a", attempt=1))
    position = smuggle(log, SICK, *BAD)
    log.append(SICK, event("ExecutionStarted"), event("NodeSucceeded", activation="a"))
    log.append("execution-well", *run("well"))
    drain(database_url)
    assert [row[:3] for row in parked(log.connection)] == [("execution", SICK, position)]
    return position


def test_the_event_is_given_up_and_what_waited_is_folded(log: Log, database_url: str, sick: int) -> None:
    found = give_up(database_url)
    assert (found.position, found.stream_version, found.type) == (sick, 3, "ExecutionStarted")
    assert (found.parked_again_at, found.parked_again_error) == (None, None)
    assert parked(log.connection) == []
    forget(log, sick)
    log.assert_folded()
    log.append(SICK, event("ExecutionSucceeded"))
    drain(database_url)
    log.assert_folded()
    assert_nothing_differs(database_url)
    for verification in verified(database_url):
        assert verification.discarded_events == ([sick] if verification.group == "execution" else [])


def test_it_is_on_record_who_gave_it_up_when_and_why(log: Log, database_url: str, sick: int) -> None:
    give_up(database_url)
    row = log.connection.execute(
        "SELECT group_name, position, stream_id, stream_version, type, sqlstate, reason, discarded_by, role_name,"
        " discarded_at <= now() FROM runfold.discarded_events"
    ).fetchone()
    user = log.connection.info.user
    assert row == ("execution", sick, SICK, 3, "ExecutionStarted", "22P02", "a test sent it", "ann", user, True)


@pytest.mark.parametrize(
    "change",
    ["UPDATE runfold.discarded_events SET reason = 'x'", "DELETE FROM runfold.discarded_events",
     "TRUNCATE runfold.discarded_events"],
)  # fmt: skip
def test_the_record_is_never_changed(log: Log, database_url: str, sick: int, change: str) -> None:
    give_up(database_url)
    with pytest.raises(psycopg.Error, match="recorded for ever"):
        log.connection.execute(change)


def test_a_later_bad_event_parks_the_stream_again_at_that_one(log: Log, database_url: str, sick: int) -> None:
    later = smuggle(log, SICK, *ALSO_BAD)
    log.append(SICK, event("ExecutionSucceeded"))
    drain(database_url)
    found = give_up(database_url)
    assert (found.position, found.parked_again_at) == (sick, later)
    assert [row[:3] for row in parked(log.connection)] == [("execution", SICK, later)]
    rest = [recorded.position for recorded in log.events if recorded.stream_id == SICK and recorded.position >= later]
    whole = list(log.events)
    forget(log, sick, *rest)
    log.assert_folded()
    assert_nothing_differs(database_url)
    log.events = whole
    assert give_up(database_url).position == later
    assert parked(log.connection) == []
    forget(log, sick, later)
    log.assert_folded()
    assert_nothing_differs(database_url)


def test_a_retry_that_fails_later_parks_the_stream_where_it_fails(log: Log, database_url: str, sick: int) -> None:
    later = smuggle(log, SICK, *ALSO_BAD)
    log.append(SICK, event("ExecutionSucceeded"))
    drain(database_url)
    correct(log, sick, event("ExecutionStarted")[1])
    bad = retry(database_url, SICK)
    assert bad is not None
    assert bad.position == later
    assert [row[:3] for row in parked(log.connection)] == [("execution", SICK, later)]
    assert log.connection.execute("SELECT error FROM runfold.parked_streams").fetchall() == [(bad.message,)]
    whole = list(log.events)
    forget(log, *[recorded.position for recorded in whole if recorded.stream_id == SICK and recorded.position >= later])
    log.assert_folded()
    assert_nothing_differs(database_url)
    log.events = whole
    assert give_up(database_url).position == later
    forget(log, later)
    log.assert_folded()
    assert_nothing_differs(database_url)


def test_the_bad_event_of_an_append_is_parked_and_not_its_first(log: Log, database_url: str) -> None:
    """This also holds if one append has good and bad events, which are in one batch."""
    log.append(SICK, event("ExecutionCreated", execution_id="sick"))
    first = log.append(SICK, *[event("NodeStarted", activation=f"n{n}", attempt=1) for n in range(5)]) - 4
    with log.connection.transaction():
        log.connection.execute("SET LOCAL session_replication_role = replica")
        log.connection.execute(
            'UPDATE runfold.events SET data = data || \'{"attempt": "first"}\' WHERE position IN (%s, %s)',
            (first + 2, first + 4),
        )
    drain(database_url)
    assert [row[2] for row in parked(log.connection)] == [first + 2]
    assert (give_up(database_url).parked_again_at, give_up(database_url).position) == (first + 4, first + 4)
    forget(log, first + 2, first + 4)
    log.assert_folded()
    assert_nothing_differs(database_url)


def test_the_past_leaves_it_out_at_any_position_and_says_so(log: Log, database_url: str, sick: int) -> None:
    give_up(database_url)
    for position in (sick - 1, sick, sick + 1):
        with past_of(database_url, position=position) as past:
            (status,) = (
                past.execute("SELECT status FROM workflow_executions WHERE execution_id = 'sick'").fetchone() or ()
            )
            assert status == ("RUNNING" if position > sick else "NEW")
            assert [row["position"] for row in past.discarded()] == ([sick] if position >= sick else [])
            assert past.parked() == []
    with psycopg.connect(database_url, autocommit=True) as connection:
        found = why(connection, load_catalogue(), "workflow_executions", "sick", "status")
    assert found.event["position"] == sick + 1
    assert [row["position"] for row in found.discarded_events] == [sick]


def test_a_group_that_begins_again_leaves_it_out(log: Log, database_url: str, sick: int) -> None:
    give_up(database_url)
    log.connection.execute("TRUNCATE workflow_executions, node_executions, workflow_execution_pauses, workflow_status")
    log.connection.execute("TRUNCATE runfold.execution_anomalies")
    log.connection.execute("UPDATE runfold.checkpoints SET position = 0 WHERE group_name = 'execution'")
    drain(database_url)
    assert parked(log.connection) == []
    forget(log, sick)
    log.assert_folded()
    assert_nothing_differs(database_url)


def test_control_a_fold_that_does_not_know_of_discards_meets_the_event(
    log: Log, database_url: str, sick: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_up(database_url)
    with past_of(database_url, position=sick) as past:
        past.execute("SELECT FROM workflow_executions")
    careless = partial(fold_shadows, streams=NOT_PARKED.replace("d.position = e.position", "false"))
    monkeypatch.setattr("runfold.reading.past.affected.fold_shadows", careless)
    with past_of(database_url, position=sick) as past, pytest.raises(FoldFailed, match="invalid input syntax"):
        past.execute("SELECT FROM workflow_executions")


def test_a_dry_run_changes_nothing_and_says_what_would_come_of_it(log: Log, database_url: str, sick: int) -> None:
    later = smuggle(log, SICK, *ALSO_BAD)
    drain(database_url)
    before = parked(log.connection)
    found = give_up(database_url, dry_run=True)
    assert (found.position, found.parked_again_at) == (sick, later)
    assert parked(log.connection) == before
    assert log.connection.execute("SELECT count(*) FROM runfold.discarded_events").fetchone() == (0,)
    assert_nothing_differs(database_url)


@pytest.mark.parametrize("reason", ["", "  ", "\n\t"])
def test_a_reason_is_needed(log: Log, database_url: str, sick: int, reason: str) -> None:
    with pytest.raises(InvalidInput, match="reason is blank"):
        give_up(database_url, reason=reason)
    with pytest.raises(psycopg.errors.CheckViolation, match="reason_is_given"):
        log.connection.execute(
            "INSERT INTO runfold.discarded_events (group_name, position, stream_id, stream_version, event_id, type,"
            " sqlstate, error, reason, discarded_by)"
            " VALUES ('g', 1, 's', 1, gen_random_uuid(), 't', '1', 'e', %s, 'x')",
            (reason,),
        )
    assert [row[2] for row in parked(log.connection)] == [sick]


def test_what_can_be_folded_is_not_given_up(log: Log, database_url: str, sick: int) -> None:
    correct(log, sick, event("ExecutionStarted")[1])
    with pytest.raises(DiscardFailed, match="can be folded now"):
        give_up(database_url)
    assert [row[2] for row in parked(log.connection)] == [sick]
    assert retry(database_url, SICK) is None
    log.assert_folded()
    for stream_id in (SICK, "execution-well", "nothing"):
        with pytest.raises(StreamNotParked):
            give_up(database_url, stream_id)


def test_where_a_statement_is_wrong_in_itself_no_event_is_to_blame(log: Log, database_url: str, sick: int) -> None:
    log.connection.execute("ALTER TABLE public.workflow_executions RENAME COLUMN run_data TO ran_data")
    with pytest.raises(DiscardFailed, match="no event of the group execution is to blame"):
        give_up(database_url)
    log.connection.execute("ALTER TABLE public.workflow_executions RENAME COLUMN ran_data TO run_data")
    assert give_up(database_url).position == sick


def test_a_deletion_while_the_stream_waited_is_met_again(log: Log, database_url: str, sick: int) -> None:
    workflow = str(UUID(WORKFLOWS[0]))
    log.append(f"deployment-{workflow}", event("WorkflowDeleted"))
    log.append(SICK, event("ExecutionCreated", execution_id="sick"))
    drain(database_url)
    assert give_up(database_url).parked_again_at is None
    forget(log, sick)
    log.assert_folded()
    assert_nothing_differs(database_url)


def test_beside_a_live_worker_every_event_is_folded_once(log: Log, database_url: str, sick: int) -> None:
    with worker(database_url):
        for n in range(30):
            log.append_many([(SICK, [event("NodeStarted", activation=f"x{n}")]), (f"execution-{n}", run(str(n)))])
            if n == 15:
                give_up(database_url)
        eventually(lambda: folded(log.connection, log.events[-1].position))
    assert parked(log.connection) == []
    forget(log, sick)
    log.assert_folded()
    assert_nothing_differs(database_url)


def test_two_groups_give_up_an_event_each_for_itself(log: Log, database_url: str, sick: int) -> None:
    give_up(database_url)
    with past_of(database_url, position=sick) as past:
        past.execute("SELECT FROM workflow_execution_logs")
        assert past.discarded() == [], "it is another group's"
