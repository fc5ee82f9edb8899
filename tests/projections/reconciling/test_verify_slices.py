"""Verify in slices finds what verify finds, holds no snapshot for long, and goes on after it was killed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.pq import TransactionStatus

from runfold.errors import VerifyRunning
from runfold.projections.definition.catalogue import load_catalogue
from runfold.projections.reconciling import verify_slices as module
from runfold.projections.reconciling.verify import Verification, verify
from runfold.projections.reconciling.verify_slices import SliceDone, verify_in_slices
from tests.fixtures.commands import run_command
from tests.fixtures.evidence import Evidence
from tests.fixtures.logs import Log, event, run
from tests.fixtures.processes import Process, checkpoint, drain, eventually, forked, verified, worker
from tests.projections.reconciling.rebuilding import append_everything, appending
from tests.projections.reconciling.rebuilding import damage as damage_everything
from tests.projections.reconciling.test_verify import DAMAGE

CATALOGUE = load_catalogue()


def sliced(url: str, *, events: int = 7, **options: Any) -> list[Verification]:
    with psycopg.connect(url, autocommit=True) as connection:
        return verify_in_slices(connection, CATALOGUE, events=events, **options)


def told(found: list[Verification]) -> dict[str, Any]:
    """What a verification says, without the position; of differences all."""
    return {
        item.projection: (
            item.rows,
            item.differing,
            {(json.dumps(each.key, sort_keys=True), each.kind): each.columns for each in item.differences},
            item.parked_streams,
            item.discarded_events,
        )
        for item in found
    }


@pytest.fixture
def everything(log: Log, database_url: str) -> Log:
    """A log with events for every table, folded."""
    append_everything(log, appends=4)
    log.append("execution-a", *run("a", nodes=3, metadata={"cost": 1.0}))
    log.append("execution-b", *run("b"))
    log.append("execution-p", *run("p")[:2], event("PauseOpened", pause="p1"))
    log.append("log-a", event("LogAppended"), event("LogAppended"))
    drain(database_url)
    return log


@pytest.mark.parametrize("size", [2, 100_000])
def test_a_healthy_database_has_no_differences_whatever_the_slices(
    everything: Log, database_url: str, size: int
) -> None:
    found = sliced(database_url, events=size)
    assert [item for item in found if item.differing] == []
    assert told(found) == told(verified(database_url))
    noted = everything.connection.execute("SELECT DISTINCT position, differences FROM runfold.verifications").fetchall()
    assert noted == [(everything.events[-1].position, 0)]


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_found_as_by_verify(log: Log, database_url: str, damage: str) -> None:
    log.append("execution-a", *run("a", nodes=3, metadata={"cost": 1.0}))
    log.append("execution-b", *run("b"))
    log.append("log-a", event("LogAppended"))
    drain(database_url)
    log.connection.execute(DAMAGE[damage][0].encode())
    found = sliced(database_url)
    assert told(found) == told(verified(database_url))
    assert sum(item.differing for item in found) == 1


def test_of_a_table_that_is_all_wrong_each_row_is_found_once(everything: Log, database_url: str) -> None:
    damaged = damage_everything(everything.connection)
    found = sliced(database_url, limit=100_000)
    with psycopg.connect(database_url, autocommit=True) as connection:
        whole = verify(connection, CATALOGUE, limit=100_000)
    assert damaged
    assert told(found) == told(whole)


_ROWS = {
    "workflow_executions": "status = 'NEW', last_event_position = last_event_position + 1",
    "node_executions": "node_id = node_id || 'x'",
    "workflow_execution_logs": "message = 'x'",
    "workflow_status": "latest_execution_id = 'x'",
    "human_interactions": "updated_at = now()",
    "hil_responses": "updated_at = now()",
    "workflow_deployment_history": "error_message = 'x'",
}


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    touched=st.dictionaries(st.sampled_from(sorted(_ROWS)), st.tuples(st.integers(0, 9), st.booleans()), max_size=4),
    size=st.integers(1, 60),
)
def test_any_damage_is_found_as_by_verify(
    everything: Log, database_url: str, touched: dict[str, tuple[int, bool]], size: int
) -> None:
    connection = everything.connection
    with psycopg.connect(database_url, autocommit=True) as verifying:
        # A copy of each table is put back, so that each example begins with a healthy database.
        for table, (which, gone) in touched.items():
            connection.execute(f"CREATE TEMPORARY TABLE kept_{table} AS SELECT * FROM public.{table}".encode())
            row = f"ctid = (SELECT ctid FROM public.{table} ORDER BY 1 OFFSET {which} LIMIT 1)"
            change = f"DELETE FROM public.{table}" if gone else f"UPDATE public.{table} SET {_ROWS[table]}"
            connection.execute("SET session_replication_role = replica")
            connection.execute(f"{change} WHERE {row}".encode())
        try:
            found = verify_in_slices(verifying, CATALOGUE, events=size, limit=1_000)
            assert told(found) == told(verify(verifying, CATALOGUE, limit=1_000))
        finally:
            for table in touched:
                connection.execute(f"DELETE FROM public.{table}".encode())
                written = connection.execute(
                    "SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute"
                    " WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped AND attgenerated = ''",
                    (f"public.{table}",),
                ).fetchone() or ("",)
                connection.execute(
                    f"INSERT INTO public.{table} ({written[0]}) SELECT {written[0]} FROM kept_{table}".encode()
                )
                connection.execute(f"DROP TABLE kept_{table}".encode())
            connection.execute("RESET session_replication_role")


def test_a_row_that_no_stream_made_is_found(everything: Log, database_url: str) -> None:
    everything.connection.execute(
        "INSERT INTO runfold.execution_anomalies (position, projection, code, stream_id, detail)"
        " VALUES (1, 'workflow_executions', 'missing_row', 'execution-nobody', '{}')"
    )
    (found,) = (item for item in sliced(database_url) if item.differing)
    assert (found.projection, [each.kind for each in found.differences]) == ("execution_anomalies", ["surplus"])


def test_a_pause_whose_execution_has_no_row_is_not_surplus(everything: Log, database_url: str) -> None:
    with everything.connection.transaction():
        everything.connection.execute("SET LOCAL session_replication_role = replica")
        everything.connection.execute("DELETE FROM public.workflow_executions WHERE execution_id = 'p'")
    found = {item.projection: item for item in sliced(database_url) if item.differing}
    assert [each.kind for each in found.pop("workflow_executions").differences][:1] == ["missing"]
    assert "workflow_execution_pauses" not in found


def test_control_slices_of_streams_alone_do_not_see_a_row_that_no_stream_made(
    everything: Log, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything.connection.execute(
        "INSERT INTO runfold.execution_anomalies (position, projection, code, stream_id, detail)"
        " VALUES (1, 'workflow_executions', 'missing_row', 'execution-nobody', '{}')"
    )
    parts = module._Run._parts
    monkeypatch.setattr(
        module._Run, "_parts", lambda self: [part for part in parts(self) if not part.startswith("rows of ")]
    )
    assert [item for item in sliced(database_url) if item.differing] == []


def test_between_slices_no_snapshot_is_held(everything: Log, database_url: str) -> None:
    looks = everything.connection
    seen: list[tuple[Any, ...]] = []
    with psycopg.connect(database_url, autocommit=True) as connection:

        def look(*_: object) -> None:
            seen.append((connection.info.transaction_status, *xmin(looks, connection.info.backend_pid)))

        verify_in_slices(connection, CATALOGUE, events=7, progress=look)
        in_slices, seen = seen, []
        verify(connection, CATALOGUE, progress=look)
    assert len(in_slices) > 10
    assert set(in_slices) == {(TransactionStatus.IDLE, None)}
    assert all(status is TransactionStatus.INTRANS and held for status, held in seen), "the control holds one"


def xmin(connection: psycopg.Connection[Any], pid: int) -> tuple[Any, ...]:
    return connection.execute("SELECT backend_xmin FROM pg_stat_activity WHERE pid = %s", (pid,)).fetchone() or ()


def test_a_slice_that_takes_too_long_is_given_up_and_cut(
    everything: Log, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_GIVE_UP_SECONDS", 0.2)
    sizes: list[int] = []
    streams = module._Run._streams

    def slow(self: Any, cursor: psycopg.Cursor[Any], category: str, after: str, size: int, position: int) -> Any:
        sizes.append(size)
        if size > 10:
            cursor.execute("SELECT pg_sleep(60)")
        return streams(self, cursor, category, after, size, position)

    monkeypatch.setattr(module._Run, "_streams", slow)
    found = sliced(database_url, events=160)
    assert told(found) == told(verified(database_url))
    assert {160, 40, 10} <= set(sizes)


def test_slices_beside_appends_and_a_live_worker_find_no_false_difference(log: Log, database_url: str) -> None:
    positions = set()
    done: list[SliceDone] = []

    def move_on(each: SliceDone) -> None:
        """Let the worker fold on after the first slice."""
        done.append(each)
        if len(done) == 1:
            eventually(lambda: checkpoint(beside, each.group) > each.of_events)

    with (
        worker(database_url, batch_size=7),
        appending(log, database_url),
        psycopg.connect(database_url, autocommit=True) as beside,
    ):
        for _ in range(3):
            done.clear()
            found = sliced(database_url, events=50, progress=move_on)
            assert [item for item in found if item.differing] == []
            positions.add(found[0].position)
            assert len({each.of_events for each in done}) > 1, "nothing moved meanwhile: this proves nothing"
    assert len(positions) > 1


def dying(url: str, after_slices: int, *, noted: bool) -> Any:
    """Run a verification in another process, which dies at a slice, before or after it is noted."""

    def body() -> None:
        from os import getpid, kill
        from signal import SIGKILL

        note, count = module._Run._note, 0

        def fatal(self: Any, *given: Any) -> None:
            nonlocal count
            count += 1
            if count == after_slices and not noted:
                kill(getpid(), SIGKILL)
            note(self, *given)
            if count == after_slices:
                kill(getpid(), SIGKILL)

        module._Run._note = fatal  # type: ignore[method-assign,assignment]
        sliced(url)

    return forked(body)


@pytest.mark.parametrize("noted", [True, False])
@pytest.mark.parametrize("after_slices", [1, 5, 12])
def test_a_verification_killed_at_any_slice_goes_on_after_it(
    everything: Log, database_url: str, after_slices: int, noted: bool, evidence: Evidence
) -> None:
    everything.connection.execute("UPDATE public.node_executions SET node_id = 'x' WHERE execution_id = 'a'")
    whole = told(verified(database_url))
    with dying(database_url, after_slices, noted=noted) as process:
        assert isinstance(process, Process)
        assert process.wait() == -9
    kept = everything.connection.execute("SELECT count(*) FROM runfold.verify_slices").fetchone() or (0,)
    assert kept[0] == after_slices - (not noted) or kept[0] > 0
    first: list[SliceDone] = []
    found = sliced(database_url, resume=True, progress=first.append)
    assert told(found) == whole
    again: list[SliceDone] = []
    assert told(sliced(database_url, progress=again.append)) == whole
    assert len(first) == len(again) - kept[0]
    left = everything.connection.execute(
        "SELECT (SELECT count(*) FROM runfold.verify_slices) + (SELECT count(*) FROM runfold.verify_differences)"
    ).fetchone()
    assert left == (0,)
    evidence.note(slices=len(again), kept=kept[0])


def test_without_resume_it_begins_again(everything: Log, database_url: str) -> None:
    with dying(database_url, 5, noted=True) as process:
        assert process.wait() == -9
    before: list[SliceDone] = []
    sliced(database_url, progress=before.append)
    again: list[SliceDone] = []
    sliced(database_url, resume=True, progress=again.append)
    assert [each.events for each in before] == [each.events for each in again], "nothing was left to resume"


def test_two_verifications_of_a_group_do_not_mix_their_notes(everything: Log, database_url: str) -> None:
    refused: list[VerifyRunning] = []

    def another(done: SliceDone) -> None:
        names = [item.name for item in CATALOGUE.groups[done.group].projections]
        with pytest.raises(VerifyRunning) as refusal:
            sliced(database_url, names=names)
        refused.append(refusal.value)

    sliced(database_url, events=100_000, progress=another)
    assert {error.code for error in refused} == {"verify_running"}
    assert [item for item in sliced(database_url) if item.differing] == []


def test_a_login_that_only_reads_verifies_in_slices_too(everything: Log, database_url: str) -> None:
    everything.connection.execute("UPDATE public.node_executions SET node_id = 'x' WHERE execution_id = 'a'")
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SET ROLE runfold_reader")
        found = verify_in_slices(connection, CATALOGUE, ["node_executions"], events=7)
    assert [item.differing for item in found] == [3]
    assert everything.connection.execute("SELECT count(*) FROM runfold.verify_slices").fetchone() == (0,)


def test_the_command_shows_slices_and_goes_on(everything: Log, database_url: str, tmp_path: Path) -> None:
    environment = {"RUNFOLD_DATABASE_URL": database_url, "HOME": str(tmp_path)}
    with dying(database_url, 5, noted=True) as process:
        assert process.wait() == -9
    done = run_command("projection", "verify", "--resume", "--slice-events", "7", "--json", environment=environment)
    assert done.returncode == 0, done.stderr
    assert {item["differing"] for item in json.loads(done.stdout)} == {0}
    lines = [json.loads(line)["slice"] for line in done.stderr.splitlines() if line.startswith('{"slice"')]
    assert lines[0]["slices"] == 6, "it goes on after the five that were noted"
    assert {"rows", "events", "of_events", "events_per_second", "seconds_left", "part", "group"} <= set(lines[0])
    refused = run_command("projection", "verify", "--resume", "--sample", "3", environment=environment)
    assert refused.returncode == 2


def test_a_large_log_is_verified_in_slices_unasked(
    everything: Log, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        assert not module.is_large(connection)
        monkeypatch.setattr(module, "LARGE_LOG", everything.events[-1].position - 1)
        assert module.is_large(connection)
