"""Every table of ours can be published for all changes, as change data capture does by default: no fold stops."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from runfold.projections.definition.catalogue import load_catalogue
from runfold.projections.reconciling.rebuild import rebuild
from runfold.reading.status import read_status
from tests.fixtures.logs import Log, event, run
from tests.fixtures.processes import assert_nothing_differs, drain
from tests.model.payloads import WORKFLOWS

# A table that is published for updates and deletes needs a primary key, an index chosen for it, or all its columns.
WITHOUT_IDENTITY = """
    SELECT n.nspname || '.' || c.relname
      FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND n.nspname !~ '^pg_|^information_schema$'
       AND c.relreplident <> 'f'
       AND NOT EXISTS (SELECT FROM pg_index i
                        WHERE i.indrelid = c.oid
                          AND CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident END)
     ORDER BY 1
"""
EVERYTHING = {
    "all tables": "CREATE PUBLICATION everything FOR ALL TABLES",
    "the schemas": "CREATE PUBLICATION everything FOR TABLES IN SCHEMA public, runfold, projections",
}

OWN_FILE = """\
-- name: modes
-- version: 1
-- group: modes
-- table: projections.modes
-- key: mode
-- cross_stream: true
-- events: ExecutionCreated

MERGE INTO modes AS t USING (SELECT DISTINCT b.data ->> 'mode' AS mode FROM batch b) AS f ON t.mode = f.mode
 WHEN MATCHED THEN UPDATE SET mode = t.mode WHEN NOT MATCHED THEN INSERT (mode) VALUES (f.mode);
"""


def test_every_table_of_ours_has_a_replica_identity(connection: psycopg.Connection[Any]) -> None:
    (tables,) = connection.execute(
        "SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'runfold'::regnamespace"
    ).fetchone() or (0,)
    assert tables > 20
    assert connection.execute(WITHOUT_IDENTITY).fetchall() == []


def test_control_a_table_without_a_key_is_found(connection: psycopg.Connection[Any]) -> None:
    connection.execute("CREATE TABLE runfold.keyless (n integer)")
    connection.execute("CREATE TABLE runfold.indexed (n integer UNIQUE)")
    connection.execute("CREATE TABLE runfold.nothing (n integer PRIMARY KEY)")
    connection.execute("ALTER TABLE runfold.nothing REPLICA IDENTITY NOTHING")
    found = [name for (name,) in connection.execute(WITHOUT_IDENTITY).fetchall()]
    assert found == ["runfold.indexed", "runfold.keyless", "runfold.nothing"]


@pytest.mark.parametrize("what", EVERYTHING)
def test_what_publishes_everything_stops_no_fold(log: Log, database_url: str, what: str) -> None:
    log.connection.execute(EVERYTHING[what].encode())
    for workflow in WORKFLOWS:
        log.connection.execute(
            "INSERT INTO public.workflows (id, name, workflow_data, created_at, updated_at)"
            " VALUES (%s, 'w', '{}', 0, 0)",
            (workflow,),
        )
    log.wander(seed=3, appends=60)
    assert drain(database_url) == {}
    log.connection.execute("UPDATE public.workflow_executions SET error_message = 'by hand'")
    rebuild(lambda: psycopg.connect(database_url, autocommit=True), load_catalogue(), jobs=2)
    log.wander(seed=4, appends=60)
    assert drain(database_url) == {}
    log.assert_folded()
    assert_nothing_differs(database_url)
    assert log.connection.execute("SELECT count(*) FROM runfold.stale_workflows").fetchone() == (0,)


def test_control_a_fold_into_a_published_table_without_a_key_stops_and_says_why(
    log: Log, database_url: str, tmp_path: Path
) -> None:
    log.connection.execute("CREATE TABLE projections.modes (mode text)")
    (tmp_path / "modes.sql").write_text(OWN_FILE)
    log.append("execution-a", *run("a"))
    assert drain(database_url, tmp_path) == {}
    log.connection.execute(EVERYTHING["all tables"])
    log.append("execution-b", *run("b"))
    stopped = drain(database_url, tmp_path)
    assert "does not have a replica identity" in stopped["modes"]
    (row,) = [row for row in read_status(log.connection, load_catalogue(tmp_path))["groups"] if row["group"] == "modes"]
    assert row["state"] == "stopped"
    log.append("log-a", event("LogAppended"))
    drain(database_url, tmp_path)
    log.assert_folded()
    log.connection.execute("ALTER TABLE projections.modes ADD PRIMARY KEY (mode)")
    assert drain(database_url, tmp_path) == {}
