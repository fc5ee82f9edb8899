"""append_batch answers every call as append_events does: the same result, or the same refusal; and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import runfold
from runfold.client.batches import WrittenAppend
from runfold.errors import EventIdConflict, InvalidInput
from runfold.events.codec import written_event
from tests.client.log.batches import APPEND_BATCH, arguments, outcome, text_of
from tests.factories import CATEGORY, a_stream, happening, lines, opaque

Connection = psycopg.Connection[Any]
Batch = list[dict[str, Any]]

NAMES = [
    "log-a",
    "log-b",
    "execution-a",
    "log-B",
    "thing-a",
    "interaction-00000000-0000-4000-8000-000000000001",
    "log-",
    "x",
    "nobody-a",
]
STORED = [UUID(int=n, version=4) for n in range(1, 5)]
NEW = [UUID(int=n, version=4) for n in range(11, 16)]
TENANTS = [None, UUID(int=1), UUID(int=2)]
LINE = '{"level": "INFO", "event_type": "step_output", "message": "m"}'
PAUSE = (
    '{"pause": "%s", "paused_node_id": "n",'
    ' "pause_reason": "manual", "paused_at": "2026-03-01T12:00:00Z", "resume_conditions": {}}'
)
DATAS = [
    LINE,
    LINE.replace('m"}', 'n"}'),
    '{"n": 1}',
    '{"n": 1, "n": 2}',
    '{"n": 12345678901234567890}',
    '{"n": "\\u0000"}',
    '{"level": "INFO", "event_type": "step_output"}',
    '{"level": "INFO", "event_type": "step_output", "message": "encrypted:x"}',
    PAUSE % "p1",
    PAUSE % "p2",
    '{"end_time": 1}',
    '{"n": ' + "[" * 99 + "]" * 99 + "}",
    '{"n": ' + "[" * 100 + "]" * 100 + "}",
    "[]",
    None,
]
TYPES = [
    "LogAppended",
    "LogAppended",
    "LogAppended",
    "ThingHappened",
    "PauseOpened",
    "ExecutionSucceeded",
    "NoSuchType",
    None,
]
TIMES = [datetime(2026, 3, 1, 12, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC), None]

EVENTS = st.fixed_dictionaries(
    {
        "event_id": st.sampled_from([*NEW, *NEW, *STORED, None]),
        "type": st.sampled_from(TYPES),
        "schema_version": st.sampled_from([1, 1, 1, 2, 0, None]),
        "data": st.sampled_from([LINE] * 8 + DATAS),
        "metadata": st.sampled_from(["{}", "{}", None, '{"a": 1.50}', '{"a": 1, "a": 1}', "[]", "null"]),
        "occurred_at": st.sampled_from(TIMES[:1] * 8 + TIMES),
    }
)
GOOD_EVENTS = st.fixed_dictionaries(
    {
        "event_id": st.sampled_from([*NEW, *STORED]),
        "type": st.just("LogAppended"),
        "schema_version": st.just(1),
        "data": st.sampled_from([LINE, DATAS[1]]),
        "metadata": st.just("{}"),
        "occurred_at": st.just(TIMES[0]),
    }
)
BATCHES = st.lists(
    st.fixed_dictionaries(
        {
            "stream_id": st.sampled_from([*NAMES[:3] * 3, *NAMES, None]),
            "expected_version": st.sampled_from([None, None, 0, 2, 3, -1]),
            "user_id": st.sampled_from(TENANTS),
            "encrypted": st.sampled_from([None, False, True]),
            "events": st.lists(st.one_of(GOOD_EVENTS, GOOD_EVENTS, EVENTS), max_size=3),
        }
    ),
    max_size=3,
)


@pytest.fixture
def filled(store: runfold.Store, connection: Connection) -> Connection:
    """A log with two events in log-a and two in log-b, and an open pause."""
    store.register_event_types(CATEGORY)
    call = [
        {
            "stream_id": name,
            "expected_version": 0,
            "user_id": tenant,
            "encrypted": None,
            "events": [
                {
                    "event_id": one,
                    "type": "LogAppended",
                    "schema_version": 1,
                    "data": LINE,
                    "metadata": "{}",
                    "occurred_at": TIMES[0],
                }
                for one in ids
            ],
        }
        for name, ids, tenant in (("log-a", STORED[:2], None), ("log-b", STORED[2:], TENANTS[1]))
    ]
    pause = {
        "event_id": uuid4(),
        "type": "PauseOpened",
        "schema_version": 1,
        "data": PAUSE % "p1",
        "metadata": "{}",
        "occurred_at": TIMES[0],
    }
    call.append(
        {"stream_id": "execution-a", "expected_version": 0, "user_id": None, "encrypted": None, "events": [pause]}
    )
    rows = connection.execute(APPEND_BATCH, arguments(call)).fetchall()
    assert [row[1] for row in rows] == [2, 2, 1]
    return connection


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batch=BATCHES, repeats=st.sampled_from([None, None, "skip", "skip", "other"]))
def test_both_functions_give_the_same_result_or_the_same_refusal(
    filled: Connection, batch: Batch, repeats: str | None
) -> None:
    text = text_of(batch)
    expected = outcome(filled, "SELECT * FROM runfold.append_events(%s, NULL, %s)", (text, repeats))
    found = outcome(filled, APPEND_BATCH, {**arguments(batch), "repeats": repeats})
    assert found == expected


def test_the_comparison_sees_a_difference(filled: Connection) -> None:
    """The control: append_batch without its look at duplicate keys takes what append_events refuses."""
    (source,) = filled.execute("SELECT pg_get_functiondef('runfold.append_batch'::regproc)").fetchone() or ("",)
    step = "AND runfold.json_is_exact(e.data_text, e.data, e.canonical)"
    assert step in source
    filled.execute(source.replace(step, ""))
    event = {"event_id": NEW[0], "type": "LogAppended", "schema_version": 1, "metadata": "{}", "occurred_at": TIMES[0]}
    event["data"] = LINE.replace("{", '{"level": "WARN", ')
    batch: Batch = [
        {"stream_id": "log-c", "expected_version": None, "user_id": None, "encrypted": None, "events": [event]}
    ]
    with pytest.raises(AssertionError):
        test_both_functions_give_the_same_result_or_the_same_refusal.hypothesis.inner_test(filled, batch, None)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("change", "code", "pointer"),
    [
        ({"types": ["LogAppended"]}, "out_of_range", "/types"),
        ({"types": None}, "required", "/types"),
        ({"counts": [3]}, "out_of_range", "/counts/0"),
        ({"counts": [1]}, "out_of_range", "/counts"),
        ({"counts": [-1]}, "out_of_range", "/counts/0"),
        ({"counts": [None]}, "out_of_range", "/counts/0"),
        ({"expected": [1, 2]}, "out_of_range", "/expected"),
        ({"datas": [LINE, '{"a"']}, "invalid_json", "/0/events/1/data"),
        ({"datas": ['{"a": [1', "2]}"]}, "invalid_json", "/0/events/0/data"),
        ({"datas": [LINE, '{}, "payload": "eA=="']}, "invalid_json", "/0/events/1/data"),
        ({"metadatas": ["{}", "{}}, {"]}, "invalid_json", "/0/events/1/metadata"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(
    connection: Connection, change: dict[str, Any], code: str, pointer: str
) -> None:
    event = {"type": "LogAppended", "schema_version": 1, "data": LINE, "metadata": "{}", "occurred_at": TIMES[0]}
    batch: Batch = [
        {
            "stream_id": "log-a",
            "expected_version": None,
            "user_id": None,
            "encrypted": None,
            "events": [{**event, "event_id": one} for one in NEW[:2]],
        }
    ]
    state, _, detail = outcome(connection, APPEND_BATCH, {**arguments(batch), **change})
    assert (state, detail["code"], detail["pointer"]) == ("RF001", code, pointer)


def written(stream: str, events: list[Any], **about: Any) -> WrittenAppend:
    return WrittenAppend(stream, [written_event(event)[0] for event in events], **about)


def test_a_store_sends_written_events_as_arrays(store: runfold.Store, connection: Connection) -> None:
    first, second, tenant = a_stream(), a_stream(), uuid4()
    appended = store.append_encoded(
        [written(first, lines(3)), written(second, lines(2), expected_version=0, user_id=tenant)]
    )
    assert [(one.stream_id, one.version, list(one.versions)) for one in appended] == [
        (first, 3, [1, 2, 3]),
        (second, 2, [1, 2]),
    ]
    assert [(event.data or {})["message"] for event in store.read_stream(first)] == ["line 1", "line 2", "line 3"]
    assert {event.user_id for event in store.read_stream(second)} == {tenant}


def test_written_payloads_are_sent_too(store: runfold.Store) -> None:
    store.register_event_types(CATEGORY)
    stream = a_stream(CATEGORY)
    store.append_encoded([written(stream, [opaque(b"\0\1"), happening()])])
    assert [event.payload for event in store.read_stream(stream)] == [b"\0\1", None]


@pytest.mark.parametrize(
    ("about", "pointer"),
    [
        ({"expected_version": "x"}, "/0/expected_version"),
        ({"user_id": "x"}, "/0/user_id"),
        ({"expected_version": 2**70}, "/0/expected_version"),
    ],
)
def test_what_no_array_holds_is_refused_with_its_pointer(
    store: runfold.Store, about: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        store.append_encoded([written(a_stream(), lines(1), **about)])
    assert refused.value.pointer == pointer


def test_written_events_are_sent_again(store: runfold.Store) -> None:
    stream, events = a_stream(), lines(4)
    store.append_encoded([written(stream, events[:2])])
    (again,) = store.append_encoded([written(stream, events)], repeats="skip")
    assert (again.version, again.skipped, again.repeated, list(again.versions)) == (4, 2, False, [1, 2, 3, 4])
    with pytest.raises(EventIdConflict):
        store.append_encoded([written(stream, [*events[:2], *lines(1)])])
