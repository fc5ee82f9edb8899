"""Calls of other services are recorded once, together, and without their secrets."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import psycopg
import pytest

import runfold
from runfold import events
from runfold.client.sync.api_calls import ApiCalls
from runfold.errors import InvalidInput
from tests.fixtures.processes import drain, eventually

CANARY = "cAnArY-7f3a"
CALL: dict[str, Any] = {"provider": "slack", "operation": "chat.postMessage", "success": True}


def rows(connection: psycopg.Connection[Any], columns: str = "operation") -> list[Any]:
    return connection.execute(
        f"SELECT {columns} FROM public.external_api_call_logs ORDER BY called_at, id".encode()
    ).fetchall()


def test_a_call_is_recorded_with_what_was_said_of_it(store: Any, connection: psycopg.Connection[Any]) -> None:
    about = {
        "http_method": "GET",
        "status_code": 429,
        "error_type": "rate_limit",
        "response_time_ms": 12,
        "retry_count": 1,
    }
    limits = {"rate_limit_remaining": 0, "rate_limit_reset_at": datetime(2026, 1, 1, tzinfo=UTC)}
    called_at = datetime(2026, 2, 3, 4, 5, tzinfo=UTC)
    store.api_calls.record(**CALL, **about, **limits, called_at=called_at, api_endpoint="https://slack.com/api?x=1")
    columns = (
        "provider, success, http_method, status_code, error_type, response_time_ms, retry_count, rate_limit_remaining,"
    )
    columns += " rate_limit_reset_at, called_at, api_endpoint, request_data, request_headers, user_id"
    assert rows(connection, columns) == [
        ("slack", True, "GET", 429, "rate_limit", 12, 1, 0, limits["rate_limit_reset_at"], called_at,
         "https://slack.com/api?x=[removed]", None, {}, None)
    ]  # fmt: skip


def test_nothing_secret_reaches_the_table(store: Any, connection: psycopg.Connection[Any]) -> None:
    store.api_calls.record(
        **CALL,
        api_endpoint=f"https://u:{CANARY}@slack.com/api?token={CANARY}#{CANARY}",
        request_data={"a": [{"api_key": CANARY}], "text": f"password={CANARY}"},
        response_data=f'{{"access_token": "{CANARY}"}}'.encode(),
        request_headers={"Authorization": f"Bearer {CANARY}", "Cookie": CANARY, "Accept": "text/plain"},
        response_headers={"Set-Cookie": CANARY, "X-Anything": CANARY},
        error_message=f"401 for token: {CANARY}",
    )
    ((row,),) = rows(connection, "external_api_call_logs::text")
    assert CANARY not in row
    assert "[removed]" in row
    assert "text/plain" in row


@pytest.mark.parametrize(
    ("about", "code", "pointer"),
    [
        ({"provider": ""}, "blank", "/provider"),
        ({"provider": "x" * 51}, "too_long", "/provider"),
        ({"operation": None}, "required", "/operation"),
        ({"operation": "x" * 101}, "too_long", "/operation"),
        ({"success": "yes"}, "wrong_type", "/success"),
        ({"status_code": 99}, "out_of_range", "/status_code"),
        ({"status_code": 600}, "out_of_range", "/status_code"),
        ({"response_time_ms": -1}, "out_of_range", "/response_time_ms"),
        ({"retry_count": -1}, "out_of_range", "/retry_count"),
        ({"http_method": "x" * 11}, "too_long", "/http_method"),
        ({"error_type": "x" * 51}, "too_long", "/error_type"),
        ({"called_at": datetime(2026, 1, 1)}, "not_a_timestamp", "/called_at"),  # noqa: DTZ001
        ({"user_id": "me"}, "not_a_uuid", "/user_id"),
        ({"colour": "red"}, "unknown_field", "/colour"),
        ({"user_id": uuid4()}, "unknown_user", "/user_id"),
    ],
)
def test_what_the_table_could_not_take_is_refused(
    store: Any, connection: psycopg.Connection[Any], about: dict[str, Any], code: str, pointer: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        store.api_calls.record(**{**CALL, **about})
    assert (refused.value.code, refused.value.pointer) == (code, pointer)
    assert rows(connection) == []


@pytest.mark.parametrize(("field", "value"), [("status_code", 100), ("status_code", 599), ("provider", "x" * 50)])
def test_a_value_at_its_limit_is_taken(store: Any, connection: psycopg.Connection[Any], field: str, value: Any) -> None:
    store.api_calls.record(**{**CALL, field: value})
    assert rows(connection, field) == [(value,)]


def at_once(store: runfold.Store, calls: list[dict[str, Any]]) -> list[str]:
    """Record these calls while all of them wait, so that one thread writes for all; return the codes of refusals."""
    refused: list[str] = []

    def record(call: dict[str, Any]) -> None:
        try:
            store.api_calls.record(**call)
        except InvalidInput as error:
            refused.append(error.code)

    threads = [threading.Thread(target=record, args=(call,)) for call in calls]
    with store.api_calls._lock:
        for thread in threads:
            thread.start()
        eventually(lambda: len(store.api_calls._waiting) == len(calls))
    for thread in threads:
        thread.join()
    return refused


def test_calls_at_the_same_time_are_written_together(
    database_url: str, connection: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    insert = ApiCalls._insert

    def counting(self: ApiCalls, batch: list[Any]) -> None:
        written.append(len(batch))
        insert(self, batch)

    monkeypatch.setattr(ApiCalls, "_insert", counting)
    with runfold.connect(database_url) as store:
        assert at_once(store, [CALL] * 20) == []
        store.api_calls.record(**CALL)
    assert written == [20, 1]
    assert len(rows(connection)) == 21


def test_one_that_is_refused_does_not_keep_back_the_others(
    database_url: str, connection: psycopg.Connection[Any]
) -> None:
    with runfold.connect(database_url) as store:
        calls = [{**CALL, "retry_count": n} for n in range(5)]
        assert at_once(store, [*calls, {**CALL, "user_id": uuid4()}]) == ["unknown_user"]
    assert sorted(rows(connection, "retry_count")) == [(n,) for n in range(5)]


def test_an_interrupted_call_is_written_by_the_next_once(
    database_url: str, connection: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    insert = ApiCalls._insert

    def interrupted(self: ApiCalls, batch: list[Any]) -> None:
        insert(self, batch)
        batch[0].done = False
        raise KeyboardInterrupt

    with runfold.connect(database_url) as store:
        monkeypatch.setattr(ApiCalls, "_insert", interrupted)
        with pytest.raises(KeyboardInterrupt):
            store.api_calls.record(**CALL)
        monkeypatch.undo()
        store.api_calls.record(**{**CALL, "operation": "second"})
    assert rows(connection) == [("chat.postMessage",), ("second",)]


def test_a_call_names_its_execution_by_the_id_of_its_row(
    database_url: str, connection: psycopg.Connection[Any]
) -> None:
    with runfold.connect(database_url) as store:
        store.append("execution-7", [events.ExecutionCreated(execution_id="7", workflow_id=uuid4(), mode="MANUAL")])
        store.api_calls.record(**CALL, execution_id="7")
        store.api_calls.record(**CALL, execution_id="8", node_id=uuid4())
    drain(database_url)
    found = connection.execute(
        "SELECT x.execution_id FROM public.external_api_call_logs c"
        " JOIN public.workflow_executions x ON x.id = c.workflow_execution_id"
    ).fetchall()
    assert found == [("7",)]
    unknown = connection.execute(
        "SELECT execution_is_missing, node_is_missing FROM public.api_calls_without_row"
    ).fetchall()
    assert unknown == [(True, True)]


def test_no_role_changes_what_was_recorded(connection: psycopg.Connection[Any]) -> None:
    may = connection.execute(
        "SELECT grantee, privilege_type FROM information_schema.role_table_grants"
        " WHERE table_name LIKE 'external_api_call_logs%' AND privilege_type NOT IN ('SELECT', 'INSERT')"
        "   AND grantee <> current_user"
    ).fetchall()
    assert may == []
