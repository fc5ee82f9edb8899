"""The steps of an erasure come in an order that leaves no way back, whoever appends at the same time."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
import pytest

from runfold.database.connections import mapped_errors
from runfold.erasure.erasing import erase_tenant
from runfold.errors import ErasureWaits, GroupWaits, TenantErased, UserNotDeleted
from runfold.projections.reconciling.rebuild import rebuild
from runfold.projections.reconciling.retry import retry
from tests.erasure.tenants import (
    ANNE,
    BERT,
    CATALOGUE,
    busy,
    digest,
    erase,
    erase_steps,
    insert_workflow,
    recorded,
    rows_of,
    step,
)
from tests.fixtures.logs import Log, event, run
from tests.fixtures.processes import assert_nothing_differs, drain, eventually, worker
from tests.projections.folding.test_parking import smuggle

# Refusals, and the order of the steps.


def claims(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute("SELECT count(*) FROM runfold.claims WHERE stream_id LIKE 'execution-%'").fetchone()
    return int(row[0]) if row is not None else -1


def test_each_step_comes_in_its_order_and_can_be_done_again(log: Log, database_url: str) -> None:
    busy(log, "a", 0, ANNE)
    assert claims(log.connection) > 0
    assert [step(log.connection) for _ in range(5)] == ["user_deleted", "refusing", "erased", "erased", "erased"]
    assert claims(log.connection) == 0
    kinds = [found.type for found in recorded(log.connection)]
    assert kinds[-2:] == ["WorkflowDeleted", "TenantErased"]
    assert kinds.count("TenantErased") == 1


def test_one_transaction_does_not_do_two_steps_that_others_must_see(log: Log) -> None:
    log.append("execution-a", *run("a"), user_id=ANNE)
    with log.connection.transaction():
        assert [step(log.connection) for _ in range(3)] == ["refusing"] * 3
    assert step(log.connection) == "erased"


def test_an_open_append_is_waited_for(log: Log, database_url: str) -> None:
    with psycopg.connect(database_url) as other:
        Log(other).append("execution-a", *run("a"), user_id=ANNE)
        assert [step(log.connection) for _ in range(3)] == ["refusing", "waiting", "waiting"]
        with pytest.raises(ErasureWaits, match="open appends to end, process"):
            erase_tenant(log.connection, CATALOGUE, ANNE, timeout=0)
        other.commit()
    assert step(log.connection) == "erased"


@pytest.mark.parametrize("tenant", [ANNE, None])
@pytest.mark.parametrize("stream", ["execution-a", "execution-new"])
def test_an_erased_tenant_s_streams_take_no_event(log: Log, tenant: UUID | None, stream: str) -> None:
    log.append("execution-a", *run("a"), user_id=ANNE)
    erase_steps(log.connection)
    if stream == "execution-new" and tenant is None:
        log.append(stream, *run("new"), user_id=None)
        return
    with pytest.raises(TenantErased) as refused, mapped_errors():
        log.append_many([("execution-b", run("b")), (stream, run(stream[10:]))], user_id=tenant)
    if tenant is None:
        assert refused.value.facts["stream_id"] == stream
        assert refused.value.facts["pointer"] == "/1/stream_id"
    assert refused.value.facts["user_id"] == str(ANNE)
    assert log.connection.execute("SELECT FROM runfold.streams WHERE stream_id = 'execution-b'").fetchall() == []
    log.append("execution-b", *run("b"), user_id=BERT)


def test_a_repeat_of_what_was_appended_before_is_still_a_repeat(log: Log) -> None:
    log.append("execution-a", *run("a"), user_id=ANNE)
    first = log.events[0]
    call = [
        {
            "stream_id": "execution-a",
            "expected_version": None,
            "events": [
                {
                    "event_id": str(found.event_id),
                    "type": found.type,
                    "data": found.data,
                    "occurred_at": first.occurred_at.isoformat(),
                }
                for found in log.events
            ],
        }
    ]
    erase_steps(log.connection)
    row = log.connection.execute("SELECT repeated FROM runfold.append_events(%s)", (json.dumps(call),)).fetchone()
    assert row == (True,)


def test_a_user_of_a_platform_is_deleted_there_first(log: Log) -> None:
    insert_workflow(log.connection, ANNE)
    log.connection.execute("CREATE ROLE a_platform")
    try:
        log.connection.execute("ALTER TABLE auth.users OWNER TO a_platform")
        with pytest.raises(UserNotDeleted), mapped_errors():
            step(log.connection)
        assert log.connection.execute("SELECT count(*) FROM public.workflows").fetchone() == (1,)
        log.connection.execute("DELETE FROM auth.users")
        assert step(log.connection) == "refusing"
    finally:
        log.connection.execute("ALTER TABLE auth.users OWNER TO CURRENT_USER; DROP ROLE a_platform")


@pytest.mark.parametrize("role", ["runfold_engine", "runfold_projector", "service_role", "authenticated", "anon"])
@pytest.mark.parametrize(
    "name",
    ["erase_tenant", "append_tenant_erased", "unpark_erased", "end_erasure", "rows_of_tenant", "readable_of_tenant"],
)
def test_only_an_operator_erases(connection: psycopg.Connection[Any], role: str, name: str) -> None:
    may = "SELECT has_function_privilege(%s, 'runfold.' || %s || '(uuid)', 'EXECUTE')"
    assert connection.execute(may, (role, name)).fetchone() == (False,)
    assert connection.execute(may, ("runfold_operator", name)).fetchone() == (name != "append_tenant_erased",)


# Races.


def look_up_before_the_fence(connection: psycopg.Connection[Any]) -> None:
    """Let append_events look for erased tenants first, by the row of its first stream."""
    (text,) = connection.execute("SELECT pg_get_functiondef('runfold.append_events'::regproc)").fetchone() or ("",)
    look = re.search(r"    IF EXISTS \(SELECT FROM runfold.erased_tenants.*?END IF;\n", text, re.DOTALL)
    assert look is not None
    first = """
BEGIN
    IF EXISTS (SELECT FROM runfold.erased_tenants t JOIN runfold.streams s USING (user_id)
                WHERE s.stream_id = call #>> '{0,stream_id}') THEN
        PERFORM runfold.refuse('tenant_erased');
    END IF;
"""
    connection.execute(text.replace(look[0], "").replace("\nBEGIN\n", first, 1).encode())


@contextmanager
def a_writer_that_waits(log: Log, url: str) -> Iterator[Any]:
    """An append to a tenant's stream that has begun, and waits for the stream's row, which yields its outcome."""
    with (
        ThreadPoolExecutor(1) as threads,
        psycopg.connect(url) as holder,
        psycopg.connect(url, autocommit=True) as writing,
    ):
        holder.execute("SELECT FROM runfold.streams WHERE stream_id = 'execution-a' FOR UPDATE")
        append = threads.submit(Log(writing).append, "execution-a", event("ExecutionStarted"), user_id=None)
        waiting = "SELECT wait_event_type FROM pg_stat_activity WHERE pid = %s"
        eventually(lambda: log.connection.execute(waiting, (writing.info.backend_pid,)).fetchone() == ("Lock",))
        yield append
        holder.rollback()
        append.exception()


def test_a_writer_that_waited_for_its_stream_comes_too_late(log: Log, database_url: str) -> None:
    log.append("execution-a", event("ExecutionCreated", execution_id="a"), user_id=ANNE)
    with a_writer_that_waits(log, database_url) as append:
        erase_steps(log.connection)
    assert append.exception().sqlstate == "RF035"
    drain(database_url)
    assert rows_of(log.connection, ANNE) == {}
    assert recorded(log.connection)[-1].type == "TenantErased"


def test_control_looked_up_before_the_fence_a_writer_slips_behind_the_barrier(log: Log, database_url: str) -> None:
    look_up_before_the_fence(log.connection)
    log.append("execution-a", event("ExecutionCreated", execution_id="a"), user_id=ANNE)
    with a_writer_that_waits(log, database_url) as append:
        erase_steps(log.connection)
    assert append.exception() is None
    kinds = [found.type for found in recorded(log.connection)]
    assert kinds[-2:] == ["TenantErased", "ExecutionStarted"]


def test_eight_writers_an_open_append_and_a_parked_stream_give_nothing_back(log: Log, database_url: str) -> None:
    busy(log, "a", 0, ANNE)
    busy(log, "b", 1, BERT)
    log.append("execution-sick", event("ExecutionCreated", execution_id="sick"), user_id=ANNE)
    log.connection.execute("UPDATE runfold.streams SET user_id = %s WHERE stream_id = 'execution-sick'", (ANNE,))
    smuggle(log, "execution-sick", "ExecutionStarted", {"start_time": "soon"})
    log.append("execution-sick", event("ExecutionPaused"), user_id=None)
    drain(database_url)
    assert log.connection.execute("SELECT count(*) FROM runfold.parked_streams").fetchone() == (1,)
    others = digest(log.connection, BERT)
    stop, refused = threading.Event(), threading.Barrier(9)

    def write(number: int) -> int:
        """Append until it is refused, with the tenant's name or without; return how often it was not."""
        with psycopg.connect(database_url, autocommit=True) as own:
            writer, done, was_refused = Log(own), 0, False
            while not stop.is_set():
                stream = f"execution-{'a' if number < 4 else f'w{number}'}"
                tenant = ANNE if (number >= 4 and done == 0) or number % 2 else None
                try:
                    kind = (
                        event("ExecutionMetadataSet")
                        if number < 4 or done
                        else event("ExecutionCreated", execution_id=stream[10:])
                    )
                    writer.append(stream, kind, user_id=tenant)
                    done += 1
                except psycopg.Error as exc:
                    if exc.sqlstate != "RF035":
                        raise
                    if not was_refused:
                        was_refused = True
                        refused.wait(30)
            assert was_refused
            return done

    with (
        ThreadPoolExecutor(9) as threads,
        psycopg.connect(database_url) as slow,
        psycopg.connect(database_url, autocommit=True) as operator,
        worker(database_url),
    ):
        writers = [threads.submit(write, number) for number in range(8)]
        eventually(lambda: len(recorded(log.connection)) > 60)
        Log(slow).append("execution-slow", *run("slow"), user_id=ANNE)
        erasing = threads.submit(erase_tenant, operator, CATALOGUE, ANNE, timeout=60.0)
        eventually(
            lambda: (
                log.connection.execute("SELECT issued FROM runfold.erased_tenants").fetchone() not in (None, (None,))
            )
        )
        assert not erasing.done()
        slow.commit()
        report = erasing.result()
        refused.wait(30)
        stop.set()
        assert all(done.result() > 0 for done in writers)
    assert report.is_erased
    assert report.unparked == 1
    assert rows_of(log.connection, ANNE) == {}
    last = [found.type for found in recorded(log.connection) if found.user_id == ANNE][-1]
    assert last == "TenantErased"
    assert digest(log.connection, BERT) == others
    assert log.connection.execute("SELECT count(*) FROM runfold.parked_streams").fetchone() == (0,)
    assert_nothing_differs(database_url)
    rebuild(lambda: psycopg.connect(database_url, autocommit=True), CATALOGUE)
    assert rows_of(log.connection, ANNE) == {}


def test_a_retry_of_a_parked_stream_gives_nothing_back(log: Log, database_url: str) -> None:
    """Between TenantErased and the end of the erasure the stream is parked still, and its cause is mended."""
    log.append("execution-sick", event("ExecutionCreated", execution_id="sick"), user_id=ANNE)
    log.connection.execute("ALTER TABLE public.node_executions ADD CONSTRAINT no_luck CHECK (activation <> 'unlucky')")
    log.append("execution-sick", event("NodeStarted", activation="unlucky"), user_id=ANNE)
    drain(database_url)
    erase_steps(log.connection)
    drain(database_url)
    assert log.connection.execute("SELECT stream_id FROM runfold.parked_streams").fetchall() == [("execution-sick",)]
    log.connection.execute("ALTER TABLE public.node_executions DROP CONSTRAINT no_luck")
    assert retry(log.connection, CATALOGUE.groups["execution"], "execution-sick") is None
    assert rows_of(log.connection, ANNE) == {}
    assert_nothing_differs(database_url)


def test_a_parked_stream_is_given_up_on_record_and_without_its_error(log: Log, database_url: str) -> None:
    log.append("execution-sick", event("ExecutionCreated", execution_id="sick"), user_id=ANNE)
    log.connection.execute("ALTER TABLE public.node_executions ADD CONSTRAINT no_luck CHECK (activation <> 'unlucky')")
    log.append("execution-sick", event("NodeStarted", activation="unlucky"), event("ExecutionStarted"), user_id=ANNE)
    drain(database_url)
    report = erase(database_url)
    assert report.unparked == 1
    assert log.connection.execute("SELECT count(*) FROM runfold.parked_streams").fetchone() == (0,)
    found = log.connection.execute("SELECT position, error, reason FROM runfold.discarded_events ORDER BY 1").fetchall()
    assert found == [(2, *["the tenant was erased"] * 2), (3, *["the tenant was erased"] * 2)]
    assert_nothing_differs(database_url)


def test_a_group_that_has_stopped_is_named(log: Log, database_url: str) -> None:
    busy(log, "a", 0, ANNE)
    drain(database_url)
    log.connection.execute("UPDATE runfold.checkpoints SET stopped_error = 'broken' WHERE group_name = 'log'")
    with pytest.raises(GroupWaits, match="group log has stopped"):
        erase_tenant(log.connection, CATALOGUE, ANNE)
    log.connection.execute("UPDATE runfold.checkpoints SET stopped_error = NULL")
    assert erase(database_url).is_erased
