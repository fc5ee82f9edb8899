"""A migrated database holds nothing through which a tenant reaches others' rows, and the platform's linter agrees."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from runfold.database.migrations import migrate, write_checksums
from runfold.database.sources.catalogue import Catalogue, read_catalogue
from tests.security.rules import BREAKS, RULES

Connection = psycopg.Connection[Any]


def found(connection: Connection, name: str) -> list[str]:
    """What breaks a rule without a reason."""
    rule = RULES[name]
    rows = {str(what) for (what, *_) in connection.execute(rule.query.encode()).fetchall()}
    return sorted(rows - rule.exceptions.keys())


@pytest.fixture(scope="module")
def migrated(module_database_url: str) -> Iterator[Connection]:
    """A connection that names what is not in `public` with its schema."""
    with psycopg.connect(module_database_url, autocommit=True) as connection:
        connection.execute("SET search_path = public")
        yield connection


@pytest.mark.parametrize("name", RULES)
def test_a_migrated_database_breaks_no_rule(migrated: Connection, name: str) -> None:
    assert found(migrated, name) == []


@pytest.mark.parametrize("name", [name for name, rule in RULES.items() if rule.exceptions])
def test_every_exception_is_needed(migrated: Connection, name: str, has_vectors: bool) -> None:
    if not has_vectors:
        pytest.skip("this server has no pgvector")
    rows = {str(what) for (what, *_) in migrated.execute(RULES[name].query.encode()).fetchall()}
    assert RULES[name].exceptions.keys() <= rows


def test_every_rule_has_a_control() -> None:
    assert BREAKS.keys() == RULES.keys()


@pytest.mark.parametrize("name", [name for name, change in BREAKS.items() if change is not None])
def test_control_what_breaks_a_rule_is_found(migrated: Connection, name: str) -> None:
    change, what = BREAKS[name] or ("", "")
    with migrated.transaction(force_rollback=True):
        migrated.execute(change.encode())
        assert any(one.startswith(what) for one in found(migrated, name)), found(migrated, name)


def test_control_a_tenant_who_is_a_member_of_a_service_is_found(migrated: Connection) -> None:
    """Roles are the whole server's, where other tests run: nobody sees this before it is undone."""
    with migrated.transaction(force_rollback=True):
        migrated.execute("GRANT runfold_reader TO anon")
        assert found(migrated, "tenants get rights by policies and grants, not by their membership") == [
            "runfold_reader"
        ]


# -- a platform that grants new objects --------------------------------------------------------------------------------

GRANTED = """
    ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO anon, authenticated, service_role;
    ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON SEQUENCES TO anon, authenticated, service_role;
    ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON FUNCTIONS TO anon, authenticated, service_role;
"""


def grants(catalogue: Catalogue) -> list[str]:
    return [
        f"{each.kind} {each.name} for {role}: {', '.join(may)}"
        for each in catalogue.objects.values()
        if each.kind not in ("default privileges", "schema") and each.name.split(".")[0] in ("public", "runfold")
        for role, may in sorted(each.grants.items())
    ]


def test_a_platform_that_grants_new_objects_to_tenants_grants_none_of_ours(
    empty_database_url: str, schema_copy: Path, migrated: Connection
) -> None:
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute("SET search_path = public")
        connection.execute(GRANTED)
        migrate(empty_database_url, folder=schema_copy)
        assert grants(read_catalogue(connection)) == grants(read_catalogue(migrated))


def test_control_a_table_whose_default_grants_are_kept_is_found(
    empty_database_url: str, schema_copy: Path, migrated: Connection, tmp_path: Path
) -> None:
    for path in schema_copy.glob("*.sql"):
        text = path.read_text()
        (tmp_path / path.name).write_text(text.replace("REVOKE ALL ON public.workflows FROM", "-- FROM"))
    write_checksums(tmp_path)
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute(GRANTED)
        migrate(empty_database_url, folder=tmp_path)
        more = set(grants(read_catalogue(connection))) - set(grants(read_catalogue(migrated)))
        assert any(one.startswith("table public.workflows for anon: ") for one in more)


# -- Supabase's publication --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("root", [False, True])
def test_where_the_platform_has_a_publication_the_read_tables_are_added_to_it(
    empty_database_url: str, schema_copy: Path, root: bool
) -> None:
    """Partitions would be published under their own names, which users cannot see, unless it publishes their root."""
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE public.theirs (id uuid PRIMARY KEY)")
        connection.execute(
            sql.SQL(
                "CREATE PUBLICATION supabase_realtime FOR TABLE public.theirs WITH (publish_via_partition_root = {})"
            ).format(root)
        )
        migrate(empty_database_url, folder=schema_copy)
        tables = {
            name for (name,) in connection.execute("SELECT tablename::text FROM pg_publication_tables").fetchall()
        }
        assert {"theirs", "workflow_executions", "node_executions", "human_interactions"} <= tables
        assert ("workflow_execution_logs" in tables) is root
        publications = connection.execute("SELECT pubname FROM pg_publication").fetchall()
        assert publications == [("supabase_realtime",)]


def test_a_publication_that_outlived_its_tables_is_filled_again(
    empty_database_url: str, schema_copy: Path, migrated: Connection
) -> None:
    published = "SELECT schemaname, tablename FROM pg_publication_tables ORDER BY 1, 2"
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute("CREATE PUBLICATION runfold_realtime WITH (publish_via_partition_root = true)")
        migrate(empty_database_url, folder=schema_copy)
        assert connection.execute(published).fetchall() == migrated.execute(published).fetchall()


def test_a_publication_of_everything_is_left_as_it_is(empty_database_url: str, schema_copy: Path) -> None:
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute("CREATE PUBLICATION supabase_realtime FOR ALL TABLES")
        migrate(empty_database_url, folder=schema_copy)
        assert connection.execute("SELECT pubname, puballtables FROM pg_publication").fetchall() == [
            ("supabase_realtime", True)
        ]
