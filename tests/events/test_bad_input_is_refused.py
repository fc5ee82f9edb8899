"""Bad input comes back with a code and a pointer, the same from SQL's text and from Python's codec."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from runfold.errors import InvalidInput
from runfold.events import NodeStarted
from runfold.events.codec import encode_appends
from runfold.events.envelope import Append, NewEvent
from tests.events.examples import append, envelope, started
from tests.events.judging import Verdict, database_verdict, exact_verdict

Connection = psycopg.Connection[Any]
DATA = "/0/events/0/data"


def raw(data: str, metadata: str = "{}") -> str:
    """Return the text of a call with one event of an open category, with data written by hand."""
    event = envelope("X", "<data>", metadata="<metadata>")
    return (
        json.dumps([append(event, stream_id="anything-1")]).replace('"<data>"', data).replace('"<metadata>"', metadata)
    )


@pytest.fixture(scope="module")
def connection(connection: Connection) -> Connection:
    connection.execute("SELECT runfold.register_event_types('anything')")
    connection.execute("SELECT runfold.register_event_types('picky', '{Made,Changed}', 2)")
    connection.execute("SELECT runfold.register_event_types('sealed', '{Made}', 1, true)")
    return connection


def nested(levels: int) -> str:
    return '{"a":' * levels + "1" + "}" * levels


@pytest.mark.parametrize(
    ("text", "code", "pointer"),
    [
        ("", "invalid_json", ""),
        ("[", "invalid_json", ""),
        ("[{]", "invalid_json", ""),
        (raw("{'a': 1}"), "invalid_json", ""),
        (raw('{"a": NaN}'), "invalid_json", ""),
        (raw('{"a": "x\\u0000y"}'), "nul_character", f"{DATA}/a"),
        (raw('{"a\\u0000": 1}'), "nul_character", f"{DATA}/a?"),
        (raw('{"a": [1, "\\ud800"]}'), "lone_surrogate", f"{DATA}/a/1"),
        (raw('{"a": "\\udc00\\ud800"}'), "lone_surrogate", f"{DATA}/a"),
        (raw('{"a": "\\\\\\\\\\ud800"}'), "lone_surrogate", f"{DATA}/a"),
        (raw('{"a": {"\\ud83d": 1}}'), "lone_surrogate", f"{DATA}/a/?"),
        (raw('{"a": 9223372036854775808}'), "integer_too_large", f"{DATA}/a"),
        (raw('{"a": [-9223372036854775809]}'), "integer_too_large", f"{DATA}/a/0"),
        (raw("{}", '{"a": 123456789012345678901234567890}'), "integer_too_large", "/0/events/0/metadata/a"),
        (raw('{"a": 1e400}'), "number_too_large", f"{DATA}/a"),
        (raw('{"a": -1.5E+309}'), "number_too_large", f"{DATA}/a"),
        (raw('{"a": 1e-400}'), "number_too_large", f"{DATA}/a"),
        (raw('{"a": 1e999999}'), "number_too_large", f"{DATA}/a"),
        (raw('{"a": 1e-20000}'), "number_too_large", f"{DATA}/a"),
        (raw(nested(101)), "too_deep", DATA + "/a" * 100),
        (raw("{}", nested(101)), "too_deep", "/0/events/0/metadata" + "/a" * 100),
        (raw('{"a": ' + "[" * 100 + "]" * 100 + "}"), "too_deep", f"{DATA}/a" + "/0" * 99),
        ("[" * 100_000 + "]" * 100_000, "too_deep", ""),
        (raw('{"a": 1, "b": 2, "a": 1}'), "duplicate_key", f"{DATA}/a"),
        (raw('{"a": 1, "\\u0061": 2}'), "duplicate_key", f"{DATA}/a"),
        (raw('{"x": [{}, {"b~/": 1, "b~/" : 2}]}'), "duplicate_key", f"{DATA}/x/1/b~0~1"),
        (raw('{"a" :1, "b": "\\u003a", "a"\n: 2}'), "duplicate_key", f"{DATA}/a"),
        (raw("{}")[:-2] + ', "stream_id": "anything-2"}]', "duplicate_key", "/0/stream_id"),
    ],
)
def test_json_that_jsonb_would_refuse_or_change(connection: Connection, text: str, code: str, pointer: str) -> None:
    assert database_verdict(connection, text) == Verdict(code, pointer)


@pytest.mark.parametrize(
    "text",
    [
        raw(
            '{"a": 1e30, "b": 1.7976931348623157e308, "c": 5e-324, "d": 9223372036854775807, "e": -9223372036854775808}'
        ),
        raw(
            '{"a": "\\\\u0000", "b": "\\ud83d\\ude00", "c": "\\\\\\\\ud800", "\\ud83d\\ude00": 1, "\\ud83d\\ude01": 2}'
        ),
        raw('{"a": "x\\":\\" : y", "b" : "\\u0022:", "c": "12345678901234567890", "e": "e400"}'),
        raw(nested(100), nested(100)),
        raw('{"a": ' + "[" * 99 + "1" + "]" * 99 + "}"),
        raw('{"a": 0.1234567890123456789, "b": 0e10, "c": -0.0, "d": 0.00000000000000000000000001}'),
        raw('{"a": {"a": {"a": 1}}, "": 1, " ": 2}'),
    ],
)
def test_json_that_only_looks_bad_is_taken(connection: Connection, text: str) -> None:
    assert database_verdict(connection, text) is None


@pytest.mark.parametrize(
    ("call", "code", "pointer"),
    [
        ({}, "wrong_type", ""),
        ([], "empty_call", ""),
        ([append(envelope("X", {}), stream_id=f"anything-{n}") for n in range(1001)], "too_many_appends", ""),
        ([append(*[envelope("X", {})] * 10_001, stream_id="anything-1")], "too_many_events", "/0/events"),
        ([7], "wrong_type", "/0"),
        ([append()], "empty_append", "/0/events"),
        ([append(events=...)], "required", "/0/events"),
        ([append(events={})], "wrong_type", "/0/events"),
        ([append(envelope("X", {}), stream_id="anything-1")] * 2, "duplicate_stream", "/1/stream_id"),
        ([append(envelope("X", {}), stream_id="anything-1", more=1)], "unknown_field", "/0/more"),
    ],
)
def test_calls_have_their_shape(connection: Connection, call: Any, code: str, pointer: str) -> None:
    assert database_verdict(connection, call) == Verdict(code, pointer)


@pytest.mark.parametrize(
    ("stream_id", "code"),
    [
        ("", "invalid_stream_id"),
        ("anything", "invalid_stream_id"),
        ("Anything-1", "invalid_stream_id"),
        ('x"; drop table events;--', "invalid_stream_id"),
        ("anything-", "blank"),
        ("anything-\u3000 ", "blank"),
        ("anything-a\nb", "control_character"),
        ("anything-" + "x" * 292, "too_long"),
        ("anything-" + "é" * 146, "too_long"),
        ("execution-" + "x" * 256, "too_long"),
        ("nobody-1", "unknown_category"),
        ("interaction-1", "not_a_uuid"),
        ("response-" + str(UUID(int=10)).upper() + "A", "not_a_uuid"),
        ("deployment-ABCDEF00-0000-4000-8000-000000000001", "not_a_uuid"),
        (None, "required"),
        (7, "wrong_type"),
    ],
)
def test_stream_ids_name_a_category_and_a_stream(connection: Connection, stream_id: Any, code: str) -> None:
    call = [append(envelope("X", {}), stream_id=stream_id)]
    assert database_verdict(connection, call) == Verdict(code, "/0/stream_id")


@pytest.mark.parametrize(
    "stream_id", ["anything-" + "x" * 291, 'anything-x"; drop table events;--', "anything-a b", "anything-数据-7"]
)
def test_odd_names_are_only_names(connection: Connection, stream_id: str) -> None:
    assert database_verdict(connection, [append(envelope("X", {}), stream_id=stream_id)]) is None


@pytest.mark.parametrize(
    ("changes", "code", "pointer"),
    [
        ({"expected_version": -2}, "out_of_range", "/expected_version"),
        ({"expected_version": True}, "wrong_type", "/expected_version"),
        ({"expected_version": 1.0}, "not_an_integer", "/expected_version"),
        ({"expected_version": "one"}, "wrong_type", "/expected_version"),
        ({"expected_version": " 1"}, "wrong_type", "/expected_version"),
        ({"expected_version": "-1"}, "wrong_type", "/expected_version"),
        ({"expected_version": ""}, "wrong_type", "/expected_version"),
        ({"expected_version": str(2**63)}, "out_of_range", "/expected_version"),
        ({"user_id": "me"}, "not_a_uuid", "/user_id"),
        ({"user_id": 7}, "wrong_type", "/user_id"),
        ({"claims": {}}, "wrong_type", "/claims"),
        ({"claims": [["kind"]]}, "not_a_pair", "/claims/0"),
        ({"claims": [["kind", "key"], ["kind", ""]]}, "blank", "/claims/1/1"),
        ({"releases": [["x" * 256, "key"]]}, "too_long", "/releases/0/0"),
        ({"releases": [["kind", 1]]}, "wrong_type", "/releases/0/1"),
    ],
)
def test_appends_say_what_they_mean(connection: Connection, changes: dict[str, Any], code: str, pointer: str) -> None:
    call = [append(envelope("X", {}), stream_id="anything-1", **changes)]
    assert database_verdict(connection, call) == Verdict(code, "/0" + pointer)


@pytest.mark.parametrize(
    "changes",
    [
        {"expected_version": None, "user_id": None, "claims": None, "releases": None},
        {"expected_version": "0"},
        {"expected_version": str(2**63 - 1)},
        {"expected_version": ..., "user_id": ...},
        {"claims": [["webhook", "/a b"]], "releases": [["webhook", "x"]], "expected_version": 2**63 - 1},
    ],
)
def test_appends_may_leave_out_what_they_do_not_mean(connection: Connection, changes: dict[str, Any]) -> None:
    assert database_verdict(connection, [append(envelope("X", {}), stream_id="anything-1", **changes)]) is None


@pytest.mark.parametrize(
    ("changes", "code", "at"),
    [
        ({"event_id": ...}, "required", "event_id"),
        ({"event_id": "1"}, "not_a_uuid", "event_id"),
        ({"event_id": "0000-00000000-4000-8000-000000000000"}, "not_a_uuid", "event_id"),
        ({"type": ...}, "required", "type"),
        ({"type": 1}, "wrong_type", "type"),
        ({"type": "NodeExploded"}, "unknown_type", "type"),
        ({"type": "LogAppended"}, "unknown_type", "type"),
        ({"schema_version": 2}, "schema_version_newer", "schema_version"),
        ({"schema_version": 0}, "out_of_range", "schema_version"),
        ({"schema_version": "1"}, "wrong_type", "schema_version"),
        ({"schema_version": 1.0}, "not_an_integer", "schema_version"),
        ({"data": ...}, "required", "data"),
        ({"data": None}, "required", "data"),
        ({"data": []}, "wrong_type", "data"),
        ({"data": "x"}, "wrong_type", "data"),
        ({"payload": "AAAA"}, "data_and_payload", "payload"),
        ({"payload": "AAAA", "data": ...}, "payload_not_allowed", "payload"),
        ({"metadata": []}, "wrong_type", "metadata"),
        ({"metadata": {"a": "x" * 65536}}, "metadata_too_large", "metadata"),
        ({"data": started(input_data="x" * 2**20)}, "event_too_large", "data"),
        ({"occurred_at": ...}, "required", "occurred_at"),
        ({"occurred_at": "infinity"}, "not_a_timestamp", "occurred_at"),
        ({"occurred_at": "2026-01-31T12:00:00"}, "not_a_timestamp", "occurred_at"),
        ({"occurred_at": "0044-03-15T12:00:00Z BC"}, "not_a_timestamp", "occurred_at"),
        ({"occurred_at": "10000-01-01T00:00:00.000000+00:00"}, "not_a_timestamp", "occurred_at"),
        ({"occurred_at": "9999-12-31T23:59:59-01:00"}, "not_a_timestamp", "occurred_at"),
        ({"occurred_at": "2026-02-30T00:00:00.000000+00:00"}, "not_a_timestamp", "occurred_at"),
        ({"occurred_at": 1767225600000}, "wrong_type", "occurred_at"),
        ({"position": 7}, "unknown_field", "position"),
        ({"data": started(node_id="x" * 256)}, "too_long", "data/node_id"),
        ({"data": started(node_id=...)}, "required", "data/node_id"),
        ({"data": started(attempt=0)}, "out_of_range", "data/attempt"),
        ({"data": started(attempt=1.5)}, "not_an_integer", "data/attempt"),
        ({"data": started(zz=1)}, "unknown_field", "data/zz"),
    ],
)
def test_events_say_what_their_columns_can_hold(
    connection: Connection, changes: dict[str, Any], code: str, at: str
) -> None:
    good = envelope("NodeStarted", started())
    call = [
        append(good),
        append(
            good | {"event_id": str(uuid4())}, envelope("NodeStarted", started(), **changes), stream_id="execution-2"
        ),
    ]
    assert database_verdict(connection, call) == Verdict(code, f"/1/events/1/{at}")
    assert exact_verdict(connection, call) == Verdict(code, f"/1/events/1/{at}")


def test_event_ids_are_unique_in_a_call(connection: Connection) -> None:
    id_ = str(uuid4())
    call = [
        append(envelope("X", {}, event_id=id_), stream_id="anything-1"),
        append(envelope("X", {}), envelope("X", {}, event_id=id_.upper()), stream_id="anything-2"),
    ]
    assert database_verdict(connection, call) == Verdict("duplicate_event_id", "/1/events/1/event_id")


def test_an_execution_is_created_in_its_own_stream(connection: Connection) -> None:
    data = {"execution_id": "e1", "workflow_id": str(uuid4()), "mode": "MANUAL"}
    assert database_verdict(connection, [append(envelope("ExecutionCreated", data))]) is None
    call = [append(envelope("ExecutionCreated", data), stream_id="execution-e2")]
    assert database_verdict(connection, call) == Verdict("stream_mismatch", "/0/events/0/data/execution_id")


@pytest.mark.parametrize(
    ("category", "changes", "code", "at"),
    [
        ("picky", {"type": "Other"}, "unknown_type", "type"),
        ("picky", {"type": "Made", "schema_version": 2}, None, ""),
        ("picky", {"type": "Made", "schema_version": 3}, "schema_version_newer", "schema_version"),
        ("picky", {"type": "Made", "payload": "AAAA", "data": ...}, "payload_not_allowed", "payload"),
        ("sealed", {"type": "Made", "payload": "AAA=", "data": ...}, None, ""),
        ("anything", {"payload": "AAECAw==", "data": ...}, None, ""),
        ("anything", {"payload": "", "data": ...}, None, ""),
        ("anything", {"payload": "AAECAw=", "data": ...}, "not_base64", "payload"),
        ("anything", {"payload": "AA_-", "data": ...}, "not_base64", "payload"),
        ("anything", {"payload": 7, "data": ...}, "wrong_type", "payload"),
        ("anything", {"payload": "A" * 1_398_104, "data": ...}, "event_too_large", "payload"),
        ("anything", {"type": "odd type \u00e9"}, None, ""),
        ("anything", {"type": ""}, "blank", "type"),
        ("anything", {"type": "a\nb"}, "control_character", "type"),
    ],
)
def test_other_categories_take_what_they_registered(
    connection: Connection, category: str, changes: dict[str, Any], code: str | None, at: str
) -> None:
    call = [append(envelope("X", {}, **changes), stream_id=f"{category}-1")]
    assert database_verdict(connection, call) == (None if code is None else Verdict(code, f"/0/events/0/{at}"))


@pytest.mark.parametrize("category", ["execution", "deployment"])
def test_our_own_categories_are_closed(connection: Connection, category: str) -> None:
    with pytest.raises(psycopg.Error, match="closed"):
        connection.execute("SELECT runfold.register_event_types(%s)", (category,))


def test_the_size_limit_is_a_setting_that_engines_can_not_change(connection: Connection) -> None:
    call = [append(envelope("X", {"a": "x" * 70_000}), stream_id="anything-1")]
    with connection.transaction(force_rollback=True):
        connection.execute("UPDATE runfold.settings SET value = 65536 WHERE name = 'max_event_bytes'")
        assert database_verdict(connection, call) == Verdict("event_too_large", DATA)
    assert database_verdict(connection, call) is None
    with connection.transaction(force_rollback=True):
        connection.execute("SET LOCAL ROLE runfold_engine")
        connection.execute("SET LOCAL runfold.max_event_bytes = 1")
        connection.execute("SELECT runfold.validate_appends(%s)", (json.dumps(call),))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("UPDATE runfold.settings SET value = 100000")


NEW = NewEvent(type="X", data={"a": 1})


@pytest.mark.parametrize(
    ("event", "code", "at"),
    [
        (replace(NEW, data={"a": [float("nan")]}), "not_finite", "data/a/0"),
        (replace(NEW, data={"a": float("inf")}), "not_finite", "data/a"),
        (replace(NEW, data={"a": {1: 2}}), "key_not_string", "data/a"),
        (replace(NEW, data={"a": "x\0"}), "nul_character", "data/a"),
        (replace(NEW, data={"a\0": "x"}), "nul_character", "data/a?"),
        (replace(NEW, data={"a": "\ud800"}), "lone_surrogate", "data/a"),
        (replace(NEW, data={"a": 2**63}), "integer_too_large", "data/a"),
        (replace(NEW, data={"a": -(2**63) - 1}), "integer_too_large", "data/a"),
        (replace(NEW, data={"a": object()}), "not_json", "data/a"),
        (replace(NEW, data={"a": datetime.now()}), "not_a_timestamp", "data/a"),  # noqa: DTZ005
        (replace(NEW, data=json.loads(nested(101))), "too_deep", "data" + "/a" * 100),
        (replace(NEW, data=[1]), "wrong_type", "data"),
        (replace(NEW, metadata={"a": float("nan")}), "not_finite", "metadata/a"),
        (replace(NEW, metadata="x"), "wrong_type", "metadata"),
        (replace(NEW, occurred_at=datetime(2026, 1, 31)), "not_a_timestamp", "occurred_at"),  # noqa: DTZ001
        (replace(NEW, type="\ud800"), "lone_surrogate", "type"),
    ],
)
def test_the_codec_refuses_what_json_would_lose(event: NewEvent, code: str, at: str) -> None:
    good = NodeStarted.from_data(started())
    appends = [Append(stream_id="execution-1", events=[good]), Append(stream_id="anything-1", events=[NEW, event])]
    with pytest.raises(InvalidInput) as caught:
        encode_appends(appends)
    assert (caught.value.code, caught.value.pointer) == (code, f"/1/events/1/{at}")


def test_the_codec_writes_what_the_database_takes(connection: Connection) -> None:
    appends = [
        Append(stream_id="execution-1", events=[NodeStarted.from_data(started())], user_id=uuid4(), expected_version=3),
        Append(
            stream_id="anything-1",
            events=[
                replace(NEW, data=MappingProxyType({"a": (1, 1e30, "\\u0000", "é", None)}), event_id=uuid4()),
                NewEvent(type="Y", payload=bytes(range(256))),
            ],
            claims=[("kind", "key")],
        ),
    ]
    assert database_verdict(connection, encode_appends(appends)) is None
