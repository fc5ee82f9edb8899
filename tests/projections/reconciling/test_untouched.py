"""A rebuild writes only rows: everything around the tables stays, and subscribers see only real changes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from runfold.database.migrations import migrate
from tests.fixtures.logs import Log
from tests.fixtures.processes import assert_nothing_differs, drain
from tests.fixtures.servers import PrivateServerFactory
from tests.projections.reconciling.rebuilding import TABLES, Rebuilder, append_everything, damage

AROUND = """
    CREATE ROLE reader_of_runs;
    GRANT SELECT ON public.workflow_executions TO reader_of_runs;
    GRANT SELECT (id, status) ON public.node_executions TO reader_of_runs;
    ALTER TABLE public.workflow_executions ENABLE ROW LEVEL SECURITY;
    CREATE POLICY own_runs ON public.workflow_executions TO reader_of_runs USING (mode = 'MANUAL');
    CREATE VIEW public.failed_runs AS SELECT * FROM public.workflow_executions WHERE status = 'ERROR';
    CREATE TABLE public.stars (run uuid REFERENCES public.workflow_executions (id) DEFERRABLE INITIALLY DEFERRED);
    CREATE INDEX idx_of_somebody ON public.node_executions (node_name);
    CREATE FUNCTION public.look() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
    CREATE TRIGGER looks AFTER UPDATE ON public.node_executions FOR EACH ROW EXECUTE FUNCTION public.look();
    CREATE PUBLICATION runs FOR TABLE public.workflow_executions, public.node_executions;
"""

# The objects around the tables, and the tables' own identity and files.
STANDING = {
    "policies": "SELECT * FROM pg_policies ORDER BY 1, 2, 3",
    "grants": (
        "SELECT table_name, grantee, privilege_type FROM information_schema.role_table_grants"
        " WHERE table_schema = 'public' ORDER BY 1, 2, 3"
    ),
    "column grants": (
        "SELECT table_name, column_name, grantee FROM information_schema.role_column_grants"
        " WHERE grantee = 'reader_of_runs' ORDER BY 1, 2"
    ),
    "constraints": "SELECT oid, conname, pg_get_constraintdef(oid) FROM pg_constraint ORDER BY 1",
    "indexes": "SELECT * FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1, 2, 3",
    "views": "SELECT oid, pg_get_viewdef(oid) FROM pg_class WHERE relkind = 'v' AND relname = 'failed_runs'",
    "triggers": "SELECT oid, tgname FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1",
    "publications": "SELECT * FROM pg_publication_tables ORDER BY 1, 2, 3",
    "tables and their files": (
        "SELECT oid, relname, relfilenode, relrowsecurity FROM pg_class"
        " WHERE relnamespace = 'public'::regnamespace ORDER BY 1"
    ),
}


def standing(connection: psycopg.Connection[Any]) -> dict[str, list[Any]]:
    return {name: connection.execute(query.encode()).fetchall() for name, query in STANDING.items()}


@pytest.fixture
def published(private_server: PrivateServerFactory, schema_copy: Path) -> Iterator[tuple[Log, str]]:
    """A folded log in a server that a subscriber may follow, with objects of other people around the tables."""
    server = private_server(settings={"wal_level": "logical"})
    migrate(server.url, folder=schema_copy)
    with psycopg.connect(server.url, autocommit=True) as connection:
        log = Log(connection)
        append_everything(log)
        drain(server.url)
        connection.execute(AROUND.encode())
        connection.execute("INSERT INTO public.stars SELECT id FROM public.workflow_executions ORDER BY id LIMIT 3")
        yield log, server.url


def changes(connection: psycopg.Connection[Any]) -> list[str]:
    """Return the changes of the read tables that a subscriber got since the last call."""
    rows = connection.execute("SELECT data FROM pg_logical_slot_get_changes('subscriber', NULL, NULL)").fetchall()
    lines = [line.removeprefix("table ") for (line,) in rows if line.startswith("table ")]
    # A partition's name begins with its table's, and is in another schema.
    lines = [line.replace("runfold_partitions.", "public.", 1) for line in lines]
    return [line for line in lines if line.startswith(TABLES)]


def test_what_stands_around_the_tables_stays_and_subscribers_see_only_rows_that_differed(
    published: tuple[Log, str],
) -> None:
    log, url = published
    before = standing(log.connection)
    assert all(before.values()), "there is nothing: this proves nothing"
    assert damage(log.connection) > 0
    log.connection.execute("SELECT pg_create_logical_replication_slot('subscriber', 'test_decoding')")
    done = Rebuilder(url)()
    seen = changes(log.connection)
    written = sum(item.inserted + item.updated + item.deleted for item in done.values())
    assert len(seen) == written > 0
    Rebuilder(url)()
    assert changes(log.connection) == [], "a rebuild of healthy tables sent something to subscribers"
    assert standing(log.connection) == before
    assert_nothing_differs(url)
    log.connection.execute("SET ROLE reader_of_runs")
    manual = log.connection.execute("SELECT DISTINCT mode FROM public.workflow_executions").fetchall()
    log.connection.execute("RESET ROLE")
    assert manual == [("MANUAL",)]


def test_control_a_table_that_is_emptied_and_filled_is_told_row_by_row_and_has_another_file(
    published: tuple[Log, str],
) -> None:
    log, _ = published
    before = standing(log.connection)
    log.connection.execute("SELECT pg_create_logical_replication_slot('subscriber', 'test_decoding')")
    with log.connection.transaction():
        log.connection.execute("CREATE TEMPORARY TABLE kept AS SELECT * FROM public.workflow_status")
        log.connection.execute("TRUNCATE public.workflow_status")
        log.connection.execute("INSERT INTO public.workflow_status SELECT * FROM kept")
    assert len(changes(log.connection)) > 1
    assert standing(log.connection) != before
