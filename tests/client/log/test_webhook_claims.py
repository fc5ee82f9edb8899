"""An active webhook path belongs to one workflow, even if the caller does not claim it."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.fixtures.logs import Log, NewEvent, event

TAKEN = "RF005"


@pytest.fixture
def log(connection: psycopg.Connection[Any]) -> Log:
    """The log of `database_url`, to append to."""
    return Log(connection)


def registered(path: str = "/hook", trigger: str = "t", subtype: str = "WEBHOOK") -> NewEvent:
    return event("TriggerRegistered", trigger=trigger, trigger_subtype=subtype, index_key=path)


def moved(kind: str, trigger: str = "t") -> NewEvent:
    return event(f"Trigger{kind}", trigger=trigger)


ACTIVATED = moved("Activated")


def a_stream() -> str:
    return f"deployment-{uuid4()}"


def taken(log: Log, *events: NewEvent, stream: str | None = None) -> str | None:
    """Append, and return the error's pointer if the path is taken."""
    try:
        log.append(stream or a_stream(), *events)
    except psycopg.Error as exc:
        if exc.sqlstate != TAKEN:
            raise
        return str(json.loads(exc.diag.message_detail or "{}")["pointer"])
    return None


def claims(log: Log) -> list[tuple[str, str, str]]:
    return log.connection.execute("SELECT kind, key, stream_id FROM runfold.claims ORDER BY key").fetchall()


def test_two_workflows_do_not_answer_one_path(log: Log) -> None:
    stream = a_stream()
    assert taken(log, registered(), stream=stream) is None
    assert claims(log) == []
    assert taken(log, ACTIVATED, stream=stream) is None
    assert claims(log) == [("webhook", "/hook", stream)]
    assert taken(log, registered(), ACTIVATED) == "/0/events"
    assert taken(log, registered("/other"), ACTIVATED) is None
    # To be registered, and to be active within one workflow twice, is nobody else's business.
    assert taken(log, registered()) is None
    assert taken(log, registered(trigger="u"), moved("Activated", "u"), stream=stream) is None
    assert taken(log, event("TriggerDeactivated", trigger="u"), stream=stream) is None
    assert claims(log)[0] == ("webhook", "/hook", stream)


@pytest.mark.parametrize("how", ["Deactivated", "Failed", "Removed", "re-registered", "deleted"])
def test_a_path_that_is_no_longer_active_is_free(log: Log, how: str) -> None:
    stream = a_stream()
    log.append(stream, registered(), ACTIVATED)
    assert taken(log, registered(), ACTIVATED) is not None
    ending = {"re-registered": registered("/new"), "deleted": event("WorkflowDeleted")}
    log.append(stream, ending[how] if how in ending else moved(how))
    assert claims(log) == []
    assert taken(log, registered(), ACTIVATED) is None


def test_only_webhooks_are_claimed(log: Log) -> None:
    for subtype in ("CRON", "MANUAL", "EMAIL", "SLACK", "GITHUB"):
        assert taken(log, registered("same", subtype=subtype), ACTIVATED) is None
    assert claims(log) == []


def test_an_activation_without_a_registration_claims_nothing(log: Log) -> None:
    stream = a_stream()
    log.append(stream, registered(), moved("Removed"))
    log.append(stream, ACTIVATED)
    assert claims(log) == []


def test_one_call_hands_a_path_over_and_refuses_to_share_it(log: Log) -> None:
    old, new = a_stream(), a_stream()
    log.append(old, registered(), ACTIVATED)
    log.append_many([(new, [registered(), ACTIVATED]), (old, [moved("Deactivated")])])
    assert claims(log) == [("webhook", "/hook", new)]
    with pytest.raises(psycopg.Error) as refused:
        log.append_many([(a_stream(), [registered("/x"), ACTIVATED]), (a_stream(), [registered("/x"), ACTIVATED])])
    assert refused.value.sqlstate == TAKEN


def test_of_two_at_once_one_gets_the_path(log: Log, database_url: str) -> None:
    with psycopg.connect(database_url) as first, ThreadPoolExecutor() as elsewhere:
        Log(first).append(a_stream(), registered(), ACTIVATED)
        second = elsewhere.submit(taken, log, registered(), ACTIVATED)
        first.commit()
        assert second.result() == "/0/events"
    assert len(claims(log)) == 1


def test_a_refused_append_changes_nothing(log: Log) -> None:
    log.append(a_stream(), registered(), ACTIVATED)
    before = log.connection.execute("SELECT count(*), max(position) FROM runfold.events").fetchone()
    stream = a_stream()
    assert taken(log, registered(), ACTIVATED, stream=stream) is not None
    assert log.connection.execute("SELECT count(*), max(position) FROM runfold.events").fetchone() == before
    assert log.connection.execute("SELECT FROM runfold.streams WHERE stream_id = %s", (stream,)).fetchone() is None
