"""An old event is read, and may be appended, in the current shape of its type."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.events.examples import append, envelope
from tests.events.judging import Verdict, database_verdict, exact_verdict

Connection = psycopg.Connection[Any]


@pytest.fixture
def upcasting(connection: Connection) -> Iterator[Connection]:
    """ExecutionTimedOut at version 3: `ended` became `end` became `end_time`."""
    with connection.transaction(force_rollback=True):
        for version, (old, new) in enumerate([("ended", "end"), ("end", "end_time")], start=1):
            body = f"SELECT data - '{old}' || jsonb_build_object('{new}', data -> '{old}')"
            connection.execute(
                f"CREATE FUNCTION runfold.upcast_timed_out_v{version}(data jsonb) RETURNS jsonb"  # type: ignore[arg-type]
                f" LANGUAGE sql IMMUTABLE AS $$ {body} $$"
            )
            connection.execute(
                "SELECT runfold.register_upcaster('ExecutionTimedOut', %s, %s)",
                (version, f"runfold.upcast_timed_out_v{version}"),
            )
        yield connection


@pytest.mark.parametrize(
    ("version", "data", "code", "pointer"),
    [
        (1, {"ended": 7}, None, ""),
        (2, {"end": 7}, None, ""),
        (3, {"end_time": 7}, None, ""),
        (1, {"ended": -7}, "out_of_range", "/data/end_time"),
        (3, {"ended": 7}, "required", "/data/end_time"),
        (..., {"end_time": 7}, "required", "/data/end_time"),
        (..., {"ended": 7}, None, ""),
        (4, {"end_time": 7}, "schema_version_newer", "/schema_version"),
    ],
)
def test_every_version_up_to_the_current_is_taken(
    upcasting: Connection, version: Any, data: dict[str, Any], code: str | None, pointer: str
) -> None:
    call = [append(envelope("ExecutionTimedOut", data, schema_version=version))]
    expected = code and Verdict(code, f"/0/events/0{pointer}")
    assert database_verdict(upcasting, call) == expected
    assert exact_verdict(upcasting, call) == expected


def test_old_data_goes_through_every_step(upcasting: Connection) -> None:
    rows = upcasting.execute(
        "SELECT runfold.upcast('ExecutionTimedOut', v, jsonb_build_object(k, 7))"
        " FROM (VALUES (1, 'ended'), (2, 'end'), (3, 'end_time')) AS t (v, k)"
    ).fetchall()
    assert rows == [({"end_time": 7},)] * 3
    assert upcasting.execute("SELECT runfold.upcast('ExecutionStarted', 1, '{\"ended\": 7}')").fetchone() == (
        {"ended": 7},
    )


def test_upcasting_is_inlined_into_what_reads_events(upcasting: Connection) -> None:
    upcasting.execute("CREATE TEMP TABLE old_events (type text, schema_version integer, data jsonb) ON COMMIT DROP")
    plan = upcasting.execute(
        "EXPLAIN (VERBOSE) SELECT runfold.upcast(type, schema_version, data) FROM old_events"
    ).fetchall()
    text = "\n".join(row[0] for row in plan)
    assert "CASE" in text
    assert "runfold.upcast(" not in text


def test_without_upcasters_it_costs_nothing(connection: Connection) -> None:
    plan = connection.execute("EXPLAIN (VERBOSE) SELECT runfold.upcast(type, schema_version, data) FROM runfold.events")
    assert "upcast" not in "\n".join(row[0] for row in plan)


@pytest.mark.parametrize(
    ("type_", "function"),
    [("NoSuchType", "runfold.fits"), ("NodeStarted", "runfold.no_such"), ("NodeStarted", "length")],
)
def test_what_is_no_upcaster_is_refused(connection: Connection, type_: str, function: str) -> None:
    with connection.transaction(force_rollback=True):
        connection.execute(
            "CREATE FUNCTION runfold.fits(data jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS 'SELECT data'"
        )
        with pytest.raises(psycopg.Error, match="is not"), connection.transaction():
            connection.execute("SELECT runfold.register_upcaster(%s, 1, %s)", (type_, function))
