"""The functions for the platform's Data API, called as it calls them: by the service key, with an array as it is."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from tests.fixtures.processes import drain

Connection = psycopg.Connection[Any]

FUNCTIONS = ("runfold_append", "runfold_read_stream", "runfold_read_all", "runfold_execution")
WORKFLOW = str(uuid4())


def rpc(connection: Connection, name: str, arguments: dict[str, Any], *, role: str = "service_role") -> Any:
    """Call a function as PostgREST 12 does: its arguments come out of one JSON body, by json_to_record.

    The types are those of the function; the answer is the JSON that the client gets.
    """
    types = dict(
        connection.execute(
            "SELECT a.name, a.type::regtype::text"
            "  FROM pg_proc p, unnest(p.proargnames, p.proargtypes::oid[]) AS a (name, type)"
            " WHERE p.oid = to_regproc('public.' || %s) AND a.type IS NOT NULL",
            [name],
        ).fetchall()
    )
    columns = sql.SQL(", ").join(sql.SQL("{} " + types[one]).format(sql.Identifier(one)) for one in arguments)  # type: ignore[arg-type]
    given = sql.SQL(", ").join(sql.SQL("{0} := a.{0}").format(sql.Identifier(one)) for one in arguments)
    query = sql.SQL(
        "SELECT coalesce(json_agg(r), '[]')"
        "  FROM (SELECT j.* FROM json_to_record(%s::json) AS j ({})) AS a, LATERAL {}({}) AS r"
    ).format(columns, sql.Identifier("public", name), given)
    with connection.transaction():
        connection.execute("SELECT set_config('role', %s, true)", [role])
        row = connection.execute(query, [json.dumps(arguments)]).fetchone()
    return row and row[0]


def appends(name: str, **append: Any) -> list[dict[str, Any]]:
    data = {"execution_id": name, "workflow_id": WORKFLOW, "mode": "WEBHOOK"}
    event = {"event_id": str(uuid4()), "type": "ExecutionCreated", "occurred_at": "2026-03-01T12:00:00Z", "data": data}
    return [{"stream_id": f"execution-{name}", "expected_version": 0, "events": [event], **append}]


def test_an_array_is_appended_as_it_is_and_read_again(connection: Connection, database_url: str) -> None:
    call = appends("a")
    ((appended),) = rpc(connection, "runfold_append", {"appends": call})
    assert (appended["stream_id"], appended["version"], appended["repeated"]) == ("execution-a", 1, False)
    (again,) = rpc(connection, "runfold_append", {"appends": call})
    assert (again["version"], again["repeated"]) == (1, True)
    (stored,) = rpc(connection, "runfold_read_stream", {"stream_id": "execution-a"})
    assert stored["data"] == call[0]["events"][0]["data"]
    (found,) = rpc(connection, "runfold_read_all", {"after": 0, "types": ["ExecutionCreated"]})
    assert (found["stream_id"], found["position"]) == ("execution-a", appended["last_position"])
    assert rpc(connection, "runfold_read_all", {"after": 0, "types": ["ExecutionFailed"]}) == []
    assert rpc(connection, "runfold_read_stream", {"stream_id": "execution-a", "after": 1}) == []
    drain(database_url)
    (detail,) = rpc(connection, "runfold_execution", {"execution_id": "a"})
    assert (detail["status"], detail["nodes"], detail["logs"]) == ("NEW", [], [])


def test_a_text_of_the_array_does_the_same(connection: Connection) -> None:
    (appended,) = rpc(connection, "runfold_append", {"appends": json.dumps(appends("t"))})
    assert (appended["version"], appended["repeated"]) == (1, False)


def test_events_that_are_stored_are_skipped_where_the_caller_says_so(connection: Connection) -> None:
    (append,) = call = appends("s", expected_version=None)
    rpc(connection, "runfold_append", {"appends": call})
    canceled = {**append["events"][0], "event_id": str(uuid4()), "type": "ExecutionCanceled"}
    canceled["data"] = {"end_time": 1772366400000}
    more = [{**append, "events": [*append["events"], canceled]}]
    with pytest.raises(psycopg.Error) as refused:
        rpc(connection, "runfold_append", {"appends": more})
    assert refused.value.sqlstate == "RF004"
    (appended,) = rpc(connection, "runfold_append", {"appends": more, "repeats": "skip"})
    assert (appended["skipped"], appended["versions"]) == (1, [1, 2])


def test_bytes_come_as_base64_in_one_line(connection: Connection) -> None:
    connection.execute("SELECT runfold.register_event_types('blobs', '{*}')")
    event = {"event_id": str(uuid4()), "type": "Taken", "occurred_at": "2026-03-01T12:00:00Z", "payload": "A" * 400}
    rpc(connection, "runfold_append", {"appends": [{"stream_id": "blobs-1", "events": [event]}]})
    (stored,) = rpc(connection, "runfold_read_stream", {"stream_id": "blobs-1"})
    assert (stored["payload"], stored["data"]) == ("A" * 400, None)


@pytest.mark.parametrize(
    ("name", "append", "state", "pointer"),
    [
        ("mode", {"events": [{"event_id": "x"}]}, "RF001", "/0/events/0/event_id"),
        ("version", {"expected_version": 7}, "RF002", "/0/expected_version"),
    ],
)
def test_a_refusal_keeps_its_code_and_its_pointer(
    connection: Connection, name: str, append: dict[str, Any], state: str, pointer: str
) -> None:
    with pytest.raises(psycopg.Error) as refused:
        rpc(connection, "runfold_append", {"appends": appends(name, **append)})
    assert refused.value.sqlstate == state
    assert json.loads(refused.value.diag.message_detail or "{}")["pointer"] == pointer
    assert connection.execute("SELECT count(*) FROM runfold.events").fetchone() == (0,)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("role", ["anon", "authenticated"])
def test_only_the_service_key_may_call_them(connection: Connection, name: str, role: str) -> None:
    assert allowed(connection, name, role) is False
    assert allowed(connection, name, "service_role") is True
    arguments: dict[str, dict[str, Any]] = {"runfold_append": {"appends": []}, "runfold_read_all": {"after": 0}}
    needed = "execution_id" if name == "runfold_execution" else "stream_id"
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        rpc(connection, name, arguments.get(name, {needed: "a"}), role=role)


def test_control_a_function_that_is_granted_is_found(connection: Connection) -> None:
    connection.execute("GRANT EXECUTE ON FUNCTION public.runfold_append TO authenticated")
    assert allowed(connection, "runfold_append", "authenticated") is True


def test_they_run_with_their_callers_rights(connection: Connection) -> None:
    found = connection.execute(
        "SELECT proname FROM pg_proc WHERE proname = ANY (%s) AND NOT prosecdef", [list(FUNCTIONS)]
    )
    assert {name for (name,) in found} == set(FUNCTIONS)


def allowed(connection: Connection, name: str, role: str) -> bool:
    query = "SELECT has_function_privilege(%s, to_regproc('public.' || %s), 'EXECUTE')"
    (found,) = connection.execute(query, [role, name]).fetchone() or (None,)
    return bool(found)
