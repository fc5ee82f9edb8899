"""What exceeds a limit of PostgreSQL stops no group: the batch is cut, then the stream is parked. Status says why."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import psycopg
import pytest

from runfold.projections.definition.catalogue import Group, load_catalogue
from runfold.projections.folding import parts
from runfold.projections.folding.fold import fold_batch
from runfold.projections.reconciling.rebuild import rebuild
from runfold.projections.reconciling.replay import replay as replay_stream
from runfold.reading.status import read_status
from tests.fixtures.logs import Log, event, run
from tests.fixtures.processes import assert_nothing_differs, drain, eventually, folded, worker
from tests.projections.folding.test_parking import parked

LONG = secrets.token_hex(6000)
"""Longer than an entry of a B-tree may be, also when it is compressed."""

OWN_TABLE = "CREATE TABLE projections.texts (id uuid PRIMARY KEY, message text NOT NULL)"
OWN_FILE = """\
-- name: texts
-- version: 1
-- group: texts
-- table: projections.texts
-- key: id
-- cross_stream: true
-- events: LogAppended

INSERT INTO texts (id, message) SELECT b.event_id, b.data ->> 'message' FROM batch b;
"""


def limit_rows(connection: psycopg.Connection[Any], most: int, sqlstate: str) -> None:
    """Let no statement insert more nodes than this: it fails with this SQLSTATE, as one over a limit does."""
    connection.execute(
        "CREATE OR REPLACE FUNCTION public.limit_rows() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF (SELECT count(*) FROM inserted) > {most} THEN"
        f" RAISE EXCEPTION 'no more than {most} rows' USING ERRCODE = '{sqlstate}'; END IF;"
        " RETURN NULL; END $$".encode()
    )
    connection.execute(
        "CREATE OR REPLACE TRIGGER limited AFTER INSERT ON public.node_executions REFERENCING NEW TABLE AS inserted"
        " FOR EACH STATEMENT EXECUTE FUNCTION public.limit_rows()"
    )


def state(connection: psycopg.Connection[Any], group: str = "execution") -> tuple[str, str | None]:
    """Return what the status says of a group: its state, and what it is retried for."""
    (row,) = [row for row in read_status(connection, load_catalogue())["groups"] if row["group"] == group]
    return row["state"], row["retried_error"]


def test_an_event_over_a_limit_parks_its_stream_in_a_group_of_ours(log: Log, database_url: str) -> None:
    log.connection.execute("CREATE INDEX ON public.workflow_executions ((metadata ->> 'note'))")
    log.append("execution-sick", *run("sick")[:2])
    log.append("execution-well", *run("well"))
    position = log.append("execution-sick", event("ExecutionMetadataSet", metadata={"note": LONG}))
    log.append("execution-later", *run("later"))
    assert drain(database_url) == {}
    assert parked(log.connection) == [("execution", "execution-sick", position, "54000")]
    log.events = [each for each in log.events if each.position != position]
    log.assert_folded()
    assert_nothing_differs(database_url)


def test_an_event_over_a_limit_parks_its_stream_in_a_user_s_group(log: Log, database_url: str, tmp_path: Path) -> None:
    (tmp_path / "texts.sql").write_text(OWN_FILE)
    log.connection.execute(OWN_TABLE)
    log.connection.execute("CREATE INDEX ON projections.texts (message)")
    for name, text in (("a", "fine"), ("b", LONG), ("c", "fine too")):
        log.append(f"log-{name}", event("LogAppended", message=text))
    assert drain(database_url, tmp_path) == {}
    assert [row[:2] for row in parked(log.connection)] == [("texts", "log-b")]
    assert log.connection.execute("SELECT count(*) FROM projections.texts").fetchone() == (2,)


def test_control_a_limit_that_counts_as_passing_keeps_the_group_where_it_is(
    log: Log, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("projections.folding.projector", "worker.group_runner"):
        monkeypatch.setattr(f"runfold.{module}.may_pass", lambda exc: isinstance(exc, psycopg.Error))
    log.connection.execute("CREATE INDEX ON public.workflow_executions ((metadata ->> 'note'))")
    log.append("execution-sick", *run("sick")[:2], event("ExecutionMetadataSet", metadata={"note": LONG}))
    with worker(database_url):
        eventually(lambda: state(log.connection)[0] == "retried")
        assert parked(log.connection) == []
        assert not folded(log.connection, log.events[-1].position)


@pytest.mark.parametrize("sqlstate", ["54000", "53200", "53400"])
def test_a_batch_over_a_limit_is_cut_and_parks_nobody(log: Log, database_url: str, sqlstate: str) -> None:
    limit_rows(log.connection, 5, sqlstate)
    for n in range(12):
        log.append(f"execution-{n}", *run(str(n)))
    assert drain(database_url) == {}
    assert parked(log.connection) == []
    log.assert_folded()


def test_a_group_that_finds_no_room_says_so_and_goes_on_once_there_is_some(log: Log, database_url: str) -> None:
    limit_rows(log.connection, 0, "53100")
    log.append("execution-a", *run("a"))
    with worker(database_url) as running:
        eventually(lambda: state(log.connection) == ("retried", "no more than 0 rows"))
        limit_rows(log.connection, 10, "53100")
        eventually(lambda: folded(log.connection, log.events[-1].position))
        assert running.alive
        assert state(log.connection) == ("ok", None)
    assert parked(log.connection) == []
    log.assert_folded()


def test_a_group_behind_is_not_said_to_be_well_where_nobody_folds_it(log: Log) -> None:
    log.append("execution-a", *run("a"))
    assert state(log.connection) == ("no worker", None)


def test_a_group_that_has_not_moved_for_a_minute_is_not_said_to_be_well(log: Log, database_url: str) -> None:
    log.append("execution-a", *run("a"))
    with worker(database_url):
        eventually(lambda: folded(log.connection, log.events[-1].position))
        with log.connection.transaction():
            # As if a batch had taken this long: the worker waits for the checkpoint, and the events are old.
            log.connection.execute(
                "UPDATE runfold.checkpoints SET position = 0, moved_at = now() - interval '90 s'"
                " WHERE group_name = 'execution'"
            )
            log.connection.execute("SET LOCAL session_replication_role = replica")
            log.connection.execute("UPDATE runfold.events SET recorded_at = now() - interval '90 s'")
            assert state(log.connection) == ("not moving", None)


def test_a_range_over_a_limit_is_folded_in_halves_each_position_once(connection: psycopg.Connection[Any]) -> None:
    connection.execute("CREATE TEMPORARY TABLE done (n serial, position integer)")
    with connection.transaction(), connection.cursor() as cursor:

        def fold(after: int, upto: int) -> None:
            cursor.execute("INSERT INTO done (position) SELECT generate_series(%s::integer, %s)", (after + 1, upto))
            if upto - after > 3:
                cursor.execute("DO $$ BEGIN RAISE program_limit_exceeded; END $$")

        parts.in_parts(cursor, fold, after=0, upto=20)
    rows = connection.execute("SELECT position FROM done ORDER BY n").fetchall()
    assert [position for (position,) in rows] == list(range(1, 21))


def limit_folds(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """Let no fold of a rebuild, a verification or a replay hold more positions than this."""

    def limited(cursor: psycopg.Cursor[Any], group: Group, *, after: int, upto: int, **more: Any) -> None:
        fold(cursor, group, after=after, upto=upto, **more)
        if upto - after > most:
            cursor.execute("DO $$ BEGIN RAISE program_limit_exceeded; END $$")

    fold = fold_batch
    monkeypatch.setattr(parts, "fold_batch", limited)


def test_a_log_over_a_limit_is_rebuilt_verified_and_replayed_in_parts(
    log: Log, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.wander(seed=7, appends=30)
    log.append("execution-a", *run("a"))
    drain(database_url)
    log.connection.execute("UPDATE public.workflow_executions SET error_message = 'by hand' WHERE execution_id = 'a'")
    limit_folds(monkeypatch, 7)
    replay_stream(log.connection, load_catalogue(), "execution-a")
    assert_nothing_differs(database_url)
    log.connection.execute("UPDATE public.workflow_executions SET error_message = 'by hand' WHERE execution_id = 'a'")
    rebuild(lambda: psycopg.connect(database_url, autocommit=True), load_catalogue(), ["workflow_executions"], jobs=1)
    assert_nothing_differs(database_url)
    log.assert_folded()


def test_control_without_parts_a_verification_ends_at_the_limit(
    log: Log, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.append("execution-a", *run("a", nodes=8))
    drain(database_url)
    limit_folds(monkeypatch, 7)
    monkeypatch.setattr(parts, "is_too_large", lambda exc: False)
    with pytest.raises(psycopg.errors.ProgramLimitExceeded):
        assert_nothing_differs(database_url)
