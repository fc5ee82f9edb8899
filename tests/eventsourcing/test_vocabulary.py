"""Applications with events of the vocabulary: typed columns and jsonb, folded like an engine's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from eventsourcing.application import Application
from eventsourcing.cipher import AESCipher
from eventsourcing.domain import Aggregate
from eventsourcing.persistence import DataError, IntegrityError, ProgrammingError, StoredEvent
from eventsourcing.system import ProcessApplication

import runfold
from runfold import events
from runfold.eventsourcing import VocabularyEvent, VocabularyMapper, VocabularyRecorder
from runfold.eventsourcing.vocabulary import HoldsEvent
from tests.factories import lines

Connection = psycopg.Connection[Any]


@dataclass(frozen=True, kw_only=True)
class Happened:
    """A domain event of another writer, which knows its tenant."""

    originator_id: str
    originator_version: int
    event: events.Event
    user_id: UUID | None = None


class Mapping(VocabularyMapper):
    event_class = Happened


class Executions(Application[str]):
    env = {"MAPPER_TOPIC": "tests.eventsourcing.test_vocabulary:Mapping"}  # noqa: RUF012


@pytest.fixture
def closing() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def executions(environment: dict[str, str], closing: ExitStack) -> Executions:
    return closing.enter_context(Executions(env=environment))


def created(execution_id: str) -> events.Event:
    return events.ExecutionCreated(execution_id=execution_id, workflow_id=uuid4(), mode="MANUAL")


def begun(execution_id: str, **about: Any) -> list[Happened]:
    stream = f"execution-{execution_id}"
    return [
        Happened(originator_id=stream, originator_version=n, event=event, **about)
        for n, event in enumerate([created(execution_id), events.ExecutionStarted(start_time=1)], start=1)
    ]


def test_events_of_the_vocabulary_are_stored_as_jsonb_under_their_type(
    executions: Executions, connection: Connection, database_url: str
) -> None:
    assert isinstance(executions.recorder, VocabularyRecorder)
    recorded, user = begun("1"), uuid4()
    recordings = executions.events.put(recorded) + executions.events.put(begun("2", user_id=user))
    assert [recording.notification.id for recording in recordings] == [1, 2, 3, 4]
    rows = connection.execute(
        "SELECT stream_id, stream_version, type, data ->> 'mode', payload, user_id FROM runfold.events ORDER BY 1, 2"
    ).fetchall()
    assert rows == [
        ("execution-1", 1, "ExecutionCreated", "MANUAL", None, None),
        ("execution-1", 2, "ExecutionStarted", None, None, None),
        ("execution-2", 1, "ExecutionCreated", "MANUAL", None, user),
        ("execution-2", 2, "ExecutionStarted", None, None, user),
    ]
    assert list(executions.events.get("execution-1")) == recorded


def test_what_an_engine_appended_is_read_by_the_application(executions: Executions, database_url: str) -> None:
    execution = begun("1")
    with runfold.connect(database_url) as store:
        store.append("execution-1", [each.event for each in execution], expected_version=0)
        store.append("log-1", lines(1))
        store.register_event_types("thing")
        store.append("thing-1", [runfold.NewEvent(type="Else", data={})])
    assert list(executions.events.get("execution-1")) == execution
    assert list(executions.events.get("execution-1", desc=True, limit=1)) == execution[1:]
    assert list(executions.events.get("execution-1", gt=0, lte=1)) == execution[:1]
    followed = executions.recorder.select_notifications(1, 10)
    assert [(each.id, each.topic) for each in followed] == [
        (1, "ExecutionCreated"),
        (2, "ExecutionStarted"),
        (3, "LogAppended"),
    ]
    assert executions.recorder.max_notification_id() == 3
    assert [each.id for each in executions.recorder.select_notifications(1, 10, topics=["LogAppended"])] == [3]
    with executions.recorder.subscribe(gt=2) as subscription:
        assert next(subscription).originator_id == "log-1"
        executions.events.put(
            [Happened(originator_id="execution-1", originator_version=3, event=events.ExecutionPaused())]
        )
        assert next(subscription).topic == "ExecutionPaused"


def test_one_save_of_several_streams_is_one_append(executions: Executions, connection: Connection) -> None:
    first, second = begun("1"), begun("2")
    recordings = executions.events.put([first[0], second[0], first[1], second[1]])
    assert [recording.notification.id for recording in recordings] == [1, 3, 2, 4]
    assert connection.execute("SELECT DISTINCT append_end FROM runfold.events").fetchall() == [(4,)]
    with pytest.raises(IntegrityError):
        executions.events.put([*begun("3"), *begun("1")])
    with pytest.raises(IntegrityError):
        executions.events.put([begun("3")[0], begun("3")[0]])
    assert connection.execute("SELECT count(*) FROM runfold.events").fetchone() == (4,)


def test_what_an_engine_may_not_append_no_application_may_save(executions: Executions) -> None:
    mismatched = Happened(originator_id="execution-2", originator_version=1, event=created("1"))
    with pytest.raises(DataError, match="stream"):
        executions.events.put([mismatched])
    with pytest.raises(ProgrammingError, match="does not hold an event of the vocabulary"):
        executions.recorder.insert_events([StoredEvent("execution-1", 1, "a:B", b"state")])


def test_a_tenant_of_the_environment_owns_new_streams(
    environment: dict[str, str], closing: ExitStack, connection: Connection
) -> None:
    user = uuid4()
    executions = closing.enter_context(Executions(env=environment | {"RUNFOLD_USER_ID": str(user)}))
    executions.events.put(begun("1"))
    assert connection.execute("SELECT DISTINCT user_id FROM runfold.events").fetchall() == [(user,)]
    with pytest.raises(OSError, match="RUNFOLD_USER_ID"):
        Executions(env=environment | {"RUNFOLD_USER_ID": "somebody"})


@pytest.mark.parametrize(
    "variables", [{"CIPHER_KEY": AESCipher.create_key(16)}, {"COMPRESSOR_TOPIC": "zlib"}], ids=["cipher", "compressor"]
)
def test_neither_cipher_nor_compressor_is_silently_left_out(
    environment: dict[str, str], variables: dict[str, str]
) -> None:
    with pytest.raises(ProgrammingError, match="neither compressed nor encrypted"):
        Executions(env=environment | variables)


def test_a_process_with_events_of_the_vocabulary_is_refused(environment: dict[str, str]) -> None:
    class Reacting(ProcessApplication[str]):
        env = Executions.env

        def policy(self, domain_event: Any, processing_event: Any) -> None: ...

    with pytest.raises(ProgrammingError):
        Reacting(env=environment)


def test_the_mapper_leaves_other_events_to_the_transcoder(executions: Executions) -> None:
    happened = Aggregate().collect_events()[0]
    mapped = executions.mapper.to_stored_event(happened)  # type: ignore[arg-type]
    assert executions.mapper.to_domain_event(mapped) == happened


def test_an_event_has_the_place_it_was_given() -> None:
    event = VocabularyEvent(originator_id="execution-1", originator_version=1, event=created("1"))
    assert isinstance(event, HoldsEvent)
