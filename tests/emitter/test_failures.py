"""What an emitter does when the database, or the process, does not do what it should."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import psycopg
import pytest

import runfold
from runfold.database.migrations import migrate
from runfold.errors import EmitterForked
from tests.emitter.outages import line, messages
from tests.faults.waiting import wait_until
from tests.fixtures.processes import eventually
from tests.fixtures.servers import PrivateServerFactory

PATIENCE = 60
WAITING = b"SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


def test_what_no_standby_confirmed_is_not_acknowledged(private_server: PrivateServerFactory) -> None:
    server = private_server()
    migrate(server.url)
    with (
        psycopg.connect(server.url, autocommit=True) as operator,
        runfold.connect(server.url) as store,
        runfold.Emitter(store, linger=0) as emit,
    ):
        operator.execute("SET synchronous_commit = off")
        operator.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        operator.execute("SELECT pg_reload_conf()")
        eventually(lambda: operator.execute("SHOW synchronous_standby_names").fetchone() == ("nobody",))
        ack = emit("log-a", line(1))
        for tries in range(1, 3):
            (pid,) = eventually(lambda: operator.execute(WAITING).fetchone())
            operator.execute("SELECT pg_cancel_backend(%s)", [pid])
            wait_until(lambda tries=tries: emit.metrics().retries >= tries)  # type: ignore[misc]
            assert not ack.done
        operator.execute("ALTER SYSTEM RESET synchronous_standby_names")
        operator.execute("SELECT pg_reload_conf()")
        assert ack.result(PATIENCE).repeated
        assert messages(store, "log-a") == ["1"]


def test_an_emitter_whose_connection_may_not_append_says_so_at_once(
    store: runfold.Store, connection: psycopg.Connection[Any]
) -> None:
    with runfold.Emitter(store, linger=0) as emit:
        emit("log-a", line(0)).result(PATIENCE)
        connection.execute("ALTER SCHEMA runfold RENAME TO elsewhere")
        connection.commit()
        acks = [emit("log-a", line(n)) for n in range(1, 5)]
        refused = []
        for ack in acks:
            with pytest.raises((psycopg.Error, runfold.RunfoldError)) as one:
                ack.result(PATIENCE)
            refused.append(one.value)
        with pytest.raises(type(refused[0])):
            emit("log-a", line(5))
        connection.execute("ALTER SCHEMA elsewhere RENAME TO runfold")
        connection.commit()
    assert messages(store, "log-a") == ["0"]


def test_a_forked_child_has_neither_the_events_nor_the_spool(store: runfold.Store, tmp_path: Path) -> None:
    with runfold.Emitter(store, linger=0.5, spool=tmp_path / "spool") as emit:
        acks = [emit("log-a", line(n)) for n in range(3)]
        pid = os.fork()
        if pid == 0:
            try:
                emit("log-a", line("child"))
            except EmitterForked:
                os._exit(7)
            finally:
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
        emit.wait(acks, timeout=PATIENCE)
    assert messages(store, "log-a") == ["0", "1", "2"]


def test_a_tenant_and_claims_go_with_their_events(store: runfold.Store) -> None:
    """Events of two tenants of one call; a pause takes its claim, and its end in the same call gives it free."""
    from datetime import UTC, datetime
    from uuid import uuid4

    from runfold import events

    user = uuid4()
    now = datetime.now(UTC)
    with runfold.Emitter(store, linger=0.2) as emit:
        first = emit("log-a", line(1), user_id=user)
        second = emit("log-b", line(1))
        created = events.ExecutionCreated(execution_id="e", workflow_id=uuid4(), mode="MANUAL")
        emit("execution-e", created)
        opened = events.PauseOpened(
            pause="p", paused_node_id="n", pause_reason="timer", paused_at=now, resume_conditions={}
        )
        for pause in ("p", "q"):
            emit("execution-e", events.PauseOpened(**{**opened.to_data(), "pause": pause}))
            emit("execution-e", events.PauseResumed(pause=pause, resumed_at=now, resume_trigger="timer"))
        emit.flush(PATIENCE)
        assert not emit.refused, emit.refused
    assert [event.user_id for event in store.read_stream("log-a") + store.read_stream("log-b")] == [user, None]
    assert first.result(0).version == second.result(0).version == 1
