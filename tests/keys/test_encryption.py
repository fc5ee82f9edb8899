"""Events' fields are encrypted at the edge of the store, and everything between takes them as they are.

A repeat is a repeat, also after a rotation; a value opens for its tenant and its field only; without the key
nothing is appended and nothing is shown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import orjson
import psycopg
import pytest
from cryptography.fernet import Fernet
from hypothesis import HealthCheck, given
from hypothesis import settings as configured
from hypothesis import strategies as st

import runfold
from runfold import events
from runfold.client.batches import WrittenAppend
from runfold.client.encrypting import encrypted_call
from runfold.errors import EventIdConflict, InvalidInput, KeyDestroyed, KeyUnavailable, NotOpened
from runfold.events import LogAppended
from runfold.events.codec import encode_appends, written_event
from runfold.events.encrypted_forms import PAYLOAD_MARK, Erased
from runfold.events.envelope import Append, NewEvent
from runfold.events.ids import new_id
from runfold.keys.cipher import TenantKey, new_key
from runfold.keys.directory_home import DirectoryKeyHome
from runfold.keys.home import StoredKey
from runfold.keys.policy import add_policies
from runfold.keys.values import encrypt_data, open_data
from runfold.settings import Settings
from tests.fixtures.processes import assert_nothing_differs, drain

SECRET = "a sentence that must not be readable"


@pytest.fixture
def settings(master: str, tmp_path: Path) -> Settings:
    return Settings(master_keys=master, key_home=str(tmp_path / "keys"))  # type: ignore[arg-type]


@pytest.fixture
def everything_encrypted(connection: psycopg.Connection[Any]) -> None:
    add_policies(connection, ["*"])


@pytest.fixture
def store(database_url: str, settings: Settings, everything_encrypted: None) -> Iterator[runfold.Store]:
    """A store of a tenant whose fields are all encrypted."""
    with runfold.connect(database_url, settings=settings, user_id=uuid4()) as made:
        yield made


def another(store: runfold.Store, settings: Settings, **about: Any) -> runfold.Store:
    """A store of another process of the same tenant."""
    return runfold.connect(store.url, settings=settings, user_id=store.user_id, **about)


def stored(connection: psycopg.Connection[Any]) -> str:
    """Return the whole log as text, with what is in payloads."""
    rows = connection.execute("SELECT e::text, encode(e.payload, 'escape') FROM runfold.events e").fetchall()
    return "\n".join(f"{row[0]} {row[1]}" for row in rows)


def line(**about: Any) -> NewEvent:
    return NewEvent.of(LogAppended(level="INFO", event_type="step_output", message=SECRET), **about)


def later_key(settings: Settings, store: runfold.Store) -> None:
    """Give the tenant a new key, as after 90 days."""
    ring = store.encryption.keyring()
    assert store.user_id is not None
    ring.home.add(StoredKey(new_id(), store.user_id, ring.masters.wrap(new_key()), created_at=datetime.now(UTC)))
    ring.forget()


def everything(store: runfold.Store) -> str:
    """Write every field that may be encrypted, and return the execution's id."""
    run = store.executions.create(
        workflow_id=uuid4(),
        mode="MANUAL",
        trigger_data={"body": SECRET, "n": [1, 2.5, None]},
        metadata={"customer": SECRET, "n": 1},
    )
    run.start()
    run.set_metadata({"customer": f"{SECRET} again"})
    run.log(
        SECRET,
        data={"x": SECRET},
        user_friendly_message=SECRET,
        technical_details={"x": SECRET},
        stack_trace=SECRET,
        performance_metrics={"x": SECRET},
    )
    with run.node("fetch", node_type="ACTION", input={"x": SECRET}) as node:
        node.succeed({"y": SECRET})
    with pytest.raises(ZeroDivisionError), run.node("fail", node_type="ACTION"):
        raise ZeroDivisionError(SECRET)
    question = run.pause_for_human(
        "ask",
        interaction_type="input",
        channel_type="in_app",
        request_data={"question": SECRET},
        resume_conditions={"x": SECRET},
    )
    (pause,) = run.state.open_pauses
    run.answer(pause, {"answer": SECRET})
    assert question.interaction_id
    run.fail(SECRET, error_details={"x": SECRET})
    store.responses.receive(workflow_id=uuid4(), channel="webhook", raw_payload={"text": SECRET}, headers={"x": SECRET})
    return run.execution_id


def test_fields_are_encrypted_everywhere_and_read_as_they_were(
    store: runfold.Store, connection: psycopg.Connection[Any], database_url: str
) -> None:
    execution_id = everything(store)
    assert SECRET not in stored(connection)
    run = store.executions.get(execution_id)
    assert run.outputs() == {"fetch": {"y": SECRET}}
    read = {event.type: event.data for event in store.read_all(limit=1000)}
    assert read["ExecutionCreated"]["trigger_data"] == {"body": SECRET, "n": [1, 2.5, None]}
    assert read["ExecutionCreated"]["metadata"] == {"customer": SECRET, "n": 1}
    assert (read["LogAppended"]["message"], read["LogAppended"]["data"]) == (SECRET, {"x": SECRET})
    assert read["InteractionResponded"]["response_data"] == {"answer": SECRET}
    assert read["ResponseReceived"]["raw_payload"] == {"text": SECRET}
    assert read["ExecutionFailed"]["error_message"] == SECRET


def test_folds_take_encrypted_values_as_they_are(
    store: runfold.Store, connection: psycopg.Connection[Any], database_url: str
) -> None:
    execution_id = everything(store)
    assert not drain(database_url)
    assert_nothing_differs(database_url)
    assert connection.execute("SELECT code FROM runfold.anomalies").fetchall() == []
    tables = (
        "workflow_executions",
        "node_executions",
        "workflow_execution_logs",
        "human_interactions",
        "workflow_execution_pauses",
        "hil_responses",
    )
    rows = {
        table: [text for (text,) in connection.execute(f"SELECT t::text FROM {table} t ORDER BY 1".encode())]
        for table in tables
    }
    assert all(rows.values())
    assert SECRET not in str(rows)
    assert "$encrypted" in str(rows)
    found = connection.execute(
        "SELECT error_message, metadata ->> 'n', trigger_data FROM workflow_executions WHERE execution_id = %s",
        [execution_id],
    ).fetchone()
    assert found is not None
    row = {"error_message": found[0], "trigger_data": found[2]}
    opened = open_data(row, store.user_id, store.encryption.keyring())
    assert opened == {"error_message": SECRET, "trigger_data": {"body": SECRET, "n": [1, 2.5, None]}}


def test_control_without_a_policy_the_log_is_readable(
    database_url: str, settings: Settings, connection: psycopg.Connection[Any]
) -> None:
    with runfold.connect(database_url, settings=settings, user_id=uuid4()) as store:
        everything(store)
    assert SECRET in stored(connection)


def test_a_policy_of_one_tenant_one_type_and_one_field_encrypts_no_more(
    database_url: str, settings: Settings, connection: psycopg.Connection[Any]
) -> None:
    user = uuid4()
    connection.execute("INSERT INTO auth.users (id) VALUES (%s)", [user])
    add_policies(connection, ["message"], event_type="LogAppended", user_id=user)
    with runfold.connect(database_url, settings=settings) as store:
        for tenant in (user, uuid4(), None):
            store.append(
                f"log-{uuid4()}",
                [
                    LogAppended(
                        level="INFO",
                        event_type="step_output",
                        message=SECRET,
                        stack_trace="a trace",
                    )
                ],
                user_id=tenant,
            )
        assert [event.data["message"] for event in store.read_all()] == [SECRET] * 3
    found = connection.execute(
        "SELECT data ->> 'message', data ->> 'stack_trace' FROM runfold.events ORDER BY position"
    )
    assert [(message.startswith("encrypted:"), trace) for message, trace in found] == [
        (True, "a trace"),
        (False, "a trace"),
        (False, "a trace"),
    ]


def test_an_append_that_names_no_tenant_is_encrypted_as_its_streams(
    store: runfold.Store, settings: Settings, connection: psycopg.Connection[Any]
) -> None:
    stream = f"log-{uuid4()}"
    store.append(stream, [line()])
    with runfold.connect(store.url, settings=settings) as nobody:
        nobody.append(stream, [line()])
        assert [event.data["message"] for event in nobody.read_stream(stream)] == [SECRET, SECRET]
    assert SECRET not in stored(connection)


def test_the_payload_of_an_opaque_event_is_encrypted_as_a_whole(
    store: runfold.Store, connection: psycopg.Connection[Any]
) -> None:
    store.register_event_types("blob")
    event = NewEvent(type="BlobStored", payload=SECRET.encode())
    assert not store.append("blob-1", [event]).repeated
    assert store.append("blob-1", [event]).repeated
    assert SECRET not in stored(connection)
    (read,) = store.read_stream("blob-1")
    assert read.payload == SECRET.encode()
    with pytest.raises(InvalidInput) as refused:
        store.append("blob-1", [NewEvent(type="BlobStored", payload=PAYLOAD_MARK + b"x")])
    assert (refused.value.code, refused.value.pointer) == ("reserved_form", "/0/events/0/payload")


def test_in_asyncio_it_is_the_same(store: runfold.Store, settings: Settings) -> None:
    stream = f"log-{uuid4()}"

    async def write_and_read() -> list[Any]:
        async with await runfold.connect_async(store.url, settings=settings, user_id=store.user_id) as asynchronous:
            sent = line()
            await asynchronous.append(stream, [sent])
            assert (await asynchronous.append(stream, [sent])).repeated
            return [event.data["message"] for event in await asynchronous.read_stream(stream)]

    assert asyncio.run(write_and_read()) == [SECRET]
    assert [event.data["message"] for event in store.read_stream(stream)] == [SECRET]


def test_a_tenant_reads_its_own_values_and_sql_shows_what_is_stored(store: runfold.Store, database_url: str) -> None:
    execution_id = everything(store)
    drain(database_url)
    assert store.user_id is not None
    tenant = store.as_user(store.user_id)
    found = tenant.executions.get(execution_id)
    assert (found["error_message"], found["trigger_data"]["body"]) == (SECRET, SECRET)
    assert found["metadata"] == {"customer": f"{SECRET} again", "n": 1}
    assert {line["message"] for line in found["logs"]} == {SECRET}
    assert [node["output_data"] for node in found["nodes"] if node["node_id"] == "fetch"] == [{"y": SECRET}]
    assert [row["error_message"] for row in tenant.executions.list()] == [SECRET]
    (asked,) = tenant.interactions.list()
    assert (asked["request_data"], asked["response_data"]) == ({"question": SECRET}, {"answer": SECRET})
    assert tenant.interactions.get(asked["id"])["request_data"] == {"question": SECRET}
    events_read = tenant.read_stream(f"execution-{execution_id}")
    assert events_read[0].data is not None
    assert events_read[0].data["trigger_data"]["body"] == SECRET
    assert SECRET not in str(tenant.fetch("SELECT * FROM workflow_executions"))


# Repeats


def _after_a_rotation(store: runfold.Store, settings: Settings) -> runfold.Store:
    later_key(settings, store)
    return store


def _with_an_older_list(store: runfold.Store, settings: Settings) -> runfold.Store:
    """A process that read the keys before the newest one was made."""
    other = another(store, settings)
    other.append(f"log-{uuid4()}", [line()])
    later_key(settings, store)
    store.append(f"log-{uuid4()}", [line()])
    return other


def _without_the_policy(store: runfold.Store, settings: Settings) -> runfold.Store:
    with psycopg.connect(store.url, autocommit=True) as connection:
        add_policies(connection, ["*"], remove=True)
    store.encryption.forget()
    return store


CHANGES = [_after_a_rotation, _with_an_older_list, _without_the_policy]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__.strip("_"))
@pytest.mark.parametrize("joins", [False, True], ids=["alone", "in a transaction"])
def test_an_event_that_is_sent_again_is_a_repeat(
    store: runfold.Store, settings: Settings, change: Callable[..., runfold.Store], joins: bool
) -> None:
    stream, sent = f"log-{uuid4()}", [line(), line()]
    first = store.append(stream, sent)
    other = change(store, settings)
    ahead = [replace(event, occurred_at=event.occurred_at + timedelta(days=365)) for event in sent]
    if joins:
        with other.transaction() as connection:
            again = other.append(stream, ahead, connection=connection)
            other.append(stream, [line()], connection=connection)
    else:
        again = other.append(stream, ahead)
    assert again == replace(first, repeated=True)
    assert len(store.read_stream(stream)) == (3 if joins else 2)
    if other is not store:
        other.close()


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__.strip("_"))
def test_a_command_that_is_sent_again_with_other_event_ids_is_a_repeat(
    store: runfold.Store, settings: Settings, change: Callable[..., runfold.Store]
) -> None:
    stream, command = f"log-{uuid4()}", uuid4()
    first = store.append(stream, [line()], command_id=command)
    assert store.append(stream, [line()], command_id=command) == replace(first, repeated=True)
    other = change(store, settings)
    assert other.append(stream, [line()], command_id=command) == replace(first, repeated=True)
    if other is not store:
        other.close()


def test_control_without_the_second_sending_a_rotation_breaks_repeats(
    store: runfold.Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream, sent, command = f"log-{uuid4()}", line(), uuid4()
    store.append(stream, [sent])
    store.append(stream, [line()], command_id=command)
    later_key(settings, store)
    monkeypatch.setattr(store.encryption, "as_recorded", lambda *_: None)
    for again in (lambda: store.append(stream, [sent]), lambda: store.append(stream, [line()], command_id=command)):
        with pytest.raises(EventIdConflict):
            again()


def send_written(store: runfold.Store, stream: str, events: list[NewEvent]) -> None:
    """Send by the path of emitters."""
    store.append_encoded([WrittenAppend(stream, [written_event(event)[0] for event in events])], repeats="skip")


def test_written_events_are_encrypted_too(store: runfold.Store, connection: psycopg.Connection[Any]) -> None:
    stream = f"log-{uuid4()}"
    send_written(store, stream, [line(), line()])
    assert SECRET not in stored(connection)
    assert [(event.data or {})["message"] for event in store.read_stream(stream)] == [SECRET] * 2


def test_control_as_arrays_they_would_be_plain(
    store: runfold.Store, connection: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store.encryption, "may_encrypt", lambda: False)
    send_written(store, f"log-{uuid4()}", [line()])
    assert SECRET in stored(connection)


def sent_as_text(store: runfold.Store, stream: str, events: list[NewEvent]) -> None:
    store.append(stream, events, repeats="skip")


@pytest.mark.parametrize("send", [send_written, sent_as_text])
def test_new_events_beside_stored_ones_are_encrypted_across_a_rotation(
    store: runfold.Store,
    settings: Settings,
    connection: psycopg.Connection[Any],
    send: Callable[[runfold.Store, str, list[NewEvent]], None],
) -> None:
    stream, events = f"log-{uuid4()}", [line(), line(), line()]
    send(store, stream, events[:1])
    later_key(settings, store)
    send(store, stream, events)
    assert SECRET not in stored(connection)
    assert [(event.data or {})["message"] for event in store.read_stream(stream)] == [SECRET] * 3


def test_another_body_under_the_same_id_is_still_refused(store: runfold.Store, settings: Settings) -> None:
    stream, sent = f"log-{uuid4()}", line()
    store.append(stream, [sent])
    later_key(settings, store)
    other = NewEvent.of(LogAppended(level="INFO", event_type="step_output", message="other"), event_id=sent.event_id)
    with pytest.raises(EventIdConflict):
        store.append(stream, [other])


def test_the_same_object_in_another_order_is_a_repeat(store: runfold.Store) -> None:
    stream, event_id = f"log-{uuid4()}", uuid4()
    for data in ({"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"d": 3, "c": 2}, "a": 1}):
        made = LogAppended(level="INFO", event_type="step_output", message="x", data=data)
        appended = store.append(stream, [NewEvent.of(made, event_id=event_id)])
    assert appended.repeated


# Closed without keys


def test_without_the_key_nothing_is_appended_and_nothing_is_shown(
    store: runfold.Store, connection: psycopg.Connection[Any]
) -> None:
    stream = f"log-{uuid4()}"
    store.append(stream, [line()])
    with runfold.connect(store.url, user_id=store.user_id) as keyless:
        with pytest.raises(KeyUnavailable):
            keyless.append(stream, [line()])
        with pytest.raises(KeyUnavailable):
            keyless.read_stream(stream)
    assert connection.execute("SELECT count(*) FROM runfold.events").fetchone() == (1,)


def test_with_another_master_key_it_is_closed_too(store: runfold.Store, settings: Settings) -> None:
    stream = f"log-{uuid4()}"
    store.append(stream, [line()])
    with another(store, settings, master_keys=lambda: [Fernet.generate_key()]) as other:
        with pytest.raises(KeyUnavailable, match="no master key"):
            other.read_stream(stream)
        with pytest.raises(KeyUnavailable, match="no master key"):
            other.append(stream, [line()])


def test_a_destroyed_key_shows_erased_and_takes_no_more_values(store: runfold.Store, database_url: str) -> None:
    execution_id = everything(store)
    assert store.user_id is not None
    drain(database_url)
    store.encryption.keyring().destroy(store.user_id)
    read = {event.type: event.data for event in store.read_all(limit=1000)}
    assert read["LogAppended"]["message"] == Erased()
    assert isinstance(read["ExecutionCreated"]["trigger_data"], Erased)
    assert read["ExecutionCreated"]["metadata"] == {"customer": Erased(), "n": Erased()}
    assert repr(Erased()) == "<erased>"
    assert store.executions.get(execution_id).outputs() == {"fetch": "[erased]"}
    with pytest.raises(KeyDestroyed):
        store.append(f"log-{uuid4()}", [line()])
    assert_nothing_differs(database_url)


def test_a_lost_key_is_no_destroyed_one(store: runfold.Store, tmp_path: Path) -> None:
    stream = f"log-{uuid4()}"
    store.append(stream, [line()])
    (tmp_path / "keys" / f"{store.user_id}.json").unlink()
    store.encryption.forget()
    with pytest.raises(KeyUnavailable, match="in none of its records"):
        store.read_stream(stream)


# What looks encrypted


PLANTED: list[tuple[dict[str, Any], str]] = [
    ({"message": "encrypted:x"}, "/0/events/0/data/message"),
    ({"message": "m", "data": {"$encrypted": "x"}}, "/0/events/0/data/data"),
    ({"message": "m", "technical_details": {"$encrypted": None, "more": 1}}, "/0/events/0/data/technical_details"),
]


def _call(data: dict[str, Any], **about: Any) -> str:
    event = {
        "event_id": str(uuid4()),
        "type": "LogAppended",
        "data": {"level": "INFO", "event_type": "step_output", **data},
        "occurred_at": datetime.now(UTC).isoformat(),
    }
    return orjson.dumps([{"stream_id": f"log-{uuid4()}", "events": [event], **about}]).decode()


@pytest.mark.parametrize(("data", "pointer"), PLANTED)
@pytest.mark.parametrize("encrypts", [True, False], ids=["encrypting", "plain"])
def test_a_plain_value_with_the_encrypted_form_is_refused_from_python(
    database_url: str,
    settings: Settings,
    connection: psycopg.Connection[Any],
    data: dict[str, Any],
    pointer: str,
    encrypts: bool,
) -> None:
    if encrypts:
        add_policies(connection, ["stack_trace"])
    made = LogAppended(level="INFO", event_type="step_output", **{"stack_trace": "t", **data})
    with (
        runfold.connect(database_url, settings=settings, user_id=uuid4()) as store,
        pytest.raises(InvalidInput) as refused,
    ):
        store.append(f"log-{uuid4()}", [made])
    assert (refused.value.code, refused.value.pointer) == ("reserved_form", pointer)
    assert connection.execute("SELECT FROM runfold.events").fetchall() == []


@pytest.mark.parametrize(("data", "pointer"), PLANTED)
@pytest.mark.parametrize("escaped", [False, True], ids=["as it is", "escaped"])
def test_a_plain_value_with_the_encrypted_form_is_refused_from_sql(
    connection: psycopg.Connection[Any], data: dict[str, Any], pointer: str, escaped: bool
) -> None:
    call = _call(data)
    if escaped:
        call = call.replace("$encrypted", "\\u0024encrypted").replace("encrypted:", "\\u0065ncrypted:")
    with pytest.raises(psycopg.Error) as refused:
        connection.execute("SELECT runfold.append_events(%s)", [call])
    assert orjson.loads(refused.value.diag.message_detail or "")["code"] == "reserved_form"
    assert orjson.loads(refused.value.diag.message_detail or "")["pointer"] == pointer


@pytest.mark.parametrize(
    "data",
    [
        {"message": "this is encrypted: x"},
        {"message": "m", "data": {"x": {"$encrypted": 1}}},
        {"message": "m", "node_name": "encrypted:x"},
        {"message": '"encrypted:'},
    ],
)
def test_what_no_reader_takes_for_encrypted_is_stored(
    connection: psycopg.Connection[Any], data: dict[str, Any]
) -> None:
    connection.execute("SELECT runfold.append_events(%s)", [_call(data)])


def test_metadata_is_judged_by_its_top_level_values(connection: psycopg.Connection[Any]) -> None:
    def call(metadata: dict[str, Any]) -> str:
        made = events.ExecutionCreated(execution_id="1", workflow_id=uuid4(), mode="MANUAL", metadata=metadata)
        return encode_appends([Append(stream_id="execution-1", events=[made])])

    with pytest.raises(psycopg.Error) as refused:
        connection.execute("SELECT runfold.append_events(%s)", [call({"a/b": "encrypted:x"})])
    assert orjson.loads(refused.value.diag.message_detail or "")["pointer"] == "/0/events/0/data/metadata/a~1b"
    connection.execute("SELECT runfold.append_events(%s)", [call({"a": ["encrypted:x"], "$encrypted": 1})])


def test_the_mark_of_an_append_is_a_boolean(connection: psycopg.Connection[Any]) -> None:
    connection.execute("SELECT runfold.append_events(%s)", [_call({"message": "encrypted:x"}, encrypted=True)])
    connection.execute("SELECT runfold.append_events(%s)", [_call({"message": "x"}, encrypted=None)])
    with pytest.raises(psycopg.Error) as refused:
        connection.execute("SELECT runfold.append_events(%s)", [_call({"message": "x"}, encrypted="yes")])
    assert orjson.loads(refused.value.diag.message_detail or "")["pointer"] == "/0/encrypted"


def test_a_value_of_another_type_is_refused_before_it_is_encrypted(store: runfold.Store) -> None:
    wrong = NewEvent(type="LogAppended", data={"level": "INFO", "event_type": "step_output", "message": ["a list"]})
    with pytest.raises(InvalidInput) as refused:
        store.append(f"log-{uuid4()}", [wrong])
    assert (refused.value.code, refused.value.pointer) == ("wrong_type", "/0/events/0/data/message")


def test_a_value_that_was_moved_does_not_open(store: runfold.Store, connection: psycopg.Connection[Any]) -> None:
    store.append("log-1", [line()])
    row = connection.execute("SELECT data ->> 'message' FROM runfold.events").fetchone()
    assert row is not None
    to_a_stranger = _call({"message": row[0]}, encrypted=True, stream_id="log-2", user_id=str(uuid4()))
    to_another_field = _call(
        {"message": "m", "stack_trace": row[0]}, encrypted=True, stream_id="log-3", user_id=str(store.user_id)
    )
    to_nobody = _call({"message": row[0]}, encrypted=True, stream_id="log-4")
    malformed = _call({"message": "encrypted:x"}, encrypted=True, stream_id="log-5", user_id=str(store.user_id))
    for call in (to_a_stranger, to_another_field, to_nobody, malformed):
        connection.execute("SELECT runfold.append_events(%s)", [call])
    with pytest.raises(KeyUnavailable):  # the stranger has no such key
        store.read_stream("log-2")
    for stream in ("log-3", "log-4", "log-5"):
        with pytest.raises(NotOpened):
            store.read_stream(stream)


# The cipher over any value


class _OneKey:
    """A keyring of one key."""

    def __init__(self) -> None:
        self.key = TenantKey(uuid4(), UUID(int=1), new_key())

    def encrypting_key(self, user_id: UUID, values: int = 1) -> TenantKey:
        return self.key

    def opening_key(self, user_id: UUID, key_id: UUID) -> TenantKey | None:
        assert key_id == self.key.key_id
        return self.key


_texts = st.text(st.characters(exclude_categories=["Cs"]))
_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_texts, inner, max_size=4),
    max_leaves=8,
)


@configured(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # on a machine that does more
@given(message=_texts, data=st.dictionaries(_texts, _json), run_data=_json, metadata=st.dictionaries(_texts, _json))
def test_any_value_opens_as_it_was(message: str, data: Any, run_data: Any, metadata: Any) -> None:
    ring: Any = _OneKey()
    row = {"message": message, "data": data, "run_data": run_data, "metadata": metadata, "level": "INFO"}
    paths = frozenset({"message", "data", "run_data", *(f"metadata/{key}" for key in metadata)})
    encrypted = encrypt_data(row, paths, "1", lambda _: ring.key)
    assert encrypt_data(row, paths, "1", lambda _: ring.key) == encrypted
    assert {type(encrypted[field]) for field in ("message",)} == {str}
    assert set(encrypted["metadata"]) == set(metadata)
    assert open_data(encrypted, UUID(int=1), ring) == row
    with pytest.raises(NotOpened):
        open_data(encrypted, UUID(int=2), ring)


def test_a_batch_of_events_has_no_nonce_twice() -> None:
    ring: Any = _OneKey()
    from runfold.events.codec import plain_call
    from runfold.keys.policy import Policies

    plain = plain_call([Append(stream_id="log-1", user_id=UUID(int=1), events=[line() for _ in range(500)])])
    sent = encrypted_call(plain, Policies(((None, "*", "*"),)), ring, {}, None)
    messages = [event["data"]["message"] for event in orjson.loads(sent.text)[0]["events"]]
    assert len(set(messages)) == 500


def test_keys_are_closed_with_the_store(store: runfold.Store) -> None:
    with closing(store):
        store.append(f"log-{uuid4()}", [line()])
    assert isinstance(store.encryption.keyring().home, DirectoryKeyHome)
