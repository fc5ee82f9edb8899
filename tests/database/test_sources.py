"""The schema's sources equal a migrated database, and the next migration is written from their changes."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from runfold.database.migrations import migrate, migrations, verify_checksums, write_checksums
from runfold.database.sources.__main__ import write_baseline, write_migration
from runfold.database.sources.catalogue import Catalogue, read_catalogue
from runfold.database.sources.compare import catalogue_of_migrations, catalogue_of_sources, has_pgvector
from runfold.database.sources.files import Sources, read_sources, sources_dir
from runfold.database.vector_migrations import VECTORS
from runfold.errors import MigrationFailed
from runfold.settings import migrations_dir
from tests.fixtures.databases import create_database, drop_database

Change = Callable[[Path], None]


@pytest.fixture(scope="session")
def sources() -> Sources:
    return read_sources()


@pytest.fixture(scope="session")
def made(server_url: str) -> Catalogue:
    """The catalogue of a database that was made from the sources."""
    return made_from(server_url, sources_dir())


def made_from(server_url: str, folder: Path) -> Catalogue:
    """Return the catalogue of a database from a folder's sources, those for vectors where the server has pgvector."""
    vectors = [read_sources(folder / VECTORS)] if has_pgvector(server_url) else []
    return catalogue_of_sources(server_url, read_sources(folder), *vectors)


@pytest.fixture
def migrated(connection: psycopg.Connection[tuple[str]]) -> Callable[[], Catalogue]:
    """Return the catalogue of the test's migrated database."""
    return lambda: read_catalogue(connection)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the schema, sources and migrations, that a test may change."""
    folder = Path(shutil.copytree(sources_dir(), tmp_path / "schema"))
    write_checksums(folder / "migrations")
    return folder


@pytest.fixture
def scratch(server_url: str) -> Iterator[str]:
    url = create_database(server_url)
    try:
        yield url
    finally:
        drop_database(server_url, url)


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1, f"{path.name} has {old!r} {text.count(old)} times"
    path.write_text(text.replace(old, new))


# -- sources and migrations are one ------------------------------------------------------------------------------------


def test_the_sources_are_what_a_migrated_database_holds(made: Catalogue, migrated: Callable[[], Catalogue]) -> None:
    found = migrated()
    assert found.lines() == made.lines(), "run `make migration NAME=verb_object`"
    assert found.digest() == made.digest()
    assert len(found.objects) > 1000
    assert {"runfold.faults", "runfold.event_types", "runfold.event_fields"} <= found.tables.keys()


@pytest.mark.parametrize(
    "change",
    [
        "ALTER FUNCTION runfold.read_all SET work_mem = '8MB'",
        "CREATE OR REPLACE FUNCTION runfold.is_uuid(value text) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
        "REVOKE EXECUTE ON FUNCTION runfold.append_events FROM runfold_engine",
        "GRANT EXECUTE ON FUNCTION runfold.take_claims TO PUBLIC",
        "COMMENT ON FUNCTION runfold.read_all IS 'something else'",
        "CREATE FUNCTION runfold.is_uuid(value integer) RETURNS boolean LANGUAGE sql AS 'SELECT false'",
        "REVOKE SELECT (id) ON public.workflows FROM runfold_projector",
        "GRANT DELETE ON runfold.claims TO runfold_engine",
        "ALTER TABLE public.workflows ALTER COLUMN name DROP NOT NULL",
        "ALTER TABLE public.workflows ALTER COLUMN active SET DEFAULT false",
        "ALTER TABLE public.workflows ADD COLUMN more integer",
        "ALTER TABLE public.nodes DROP CONSTRAINT valid_node_type",
        "ALTER TABLE runfold.streams SET (fillfactor = 80)",
        "ALTER TABLE runfold.claims ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY mine ON runfold.claims USING (true)",
        'DROP POLICY "a tenant reads its own rows" ON runfold.events',
        'ALTER POLICY "a tenant reads its own rows" ON runfold.events USING (true)',
        "DROP INDEX runfold.idx_claims_stream",
        "ALTER TABLE runfold.events DISABLE TRIGGER events_are_never_truncated",
        "DROP TRIGGER deletion_is_appended ON public.workflows",
        "COMMENT ON COLUMN runfold.events.payload IS NULL",
        "ALTER TYPE runfold.execution_state ADD ATTRIBUTE more text",
        "UPDATE runfold.faults SET hint = 'none' WHERE code = 'too_deep'",
        "DELETE FROM runfold.event_fields WHERE type = 'NodeStarted' AND ordinal = 1",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA projections REVOKE SELECT ON TABLES FROM runfold_engine",
        "REVOKE USAGE ON SCHEMA runfold FROM service_role",
        "ALTER PUBLICATION runfold_realtime DROP TABLE public.node_executions",
        "ALTER PUBLICATION runfold_realtime SET (publish_via_partition_root = false)",
    ],
)
def test_control_the_comparison_sees_one_changed_fact(
    connection: psycopg.Connection[tuple[str]], made: Catalogue, migrated: Callable[[], Catalogue], change: str
) -> None:
    connection.execute(change)  # type: ignore[call-overload]
    assert migrated().digest() != made.digest()


def test_the_first_migration_holds_every_source() -> None:
    """Until the first release; after it, the first migration is never written again."""
    text = migrations()[0].path.read_text()
    assert len(re.findall(r"^CREATE FUNCTION runfold\.", text, re.MULTILINE)) > 90
    verify_checksums(migrations_dir())


# -- the next migration ------------------------------------------------------------------------------------------------


def test_nothing_changed_writes_no_migration(tree: Path, server_url: str) -> None:
    before = sorted(path.name for path in (tree / "migrations").iterdir())
    assert "nothing changed" in write_migration("change_nothing", server_url, tree / "migrations")
    assert sorted(path.name for path in (tree / "migrations").iterdir()) == before


def _change_functions(tree: Path) -> None:
    functions = tree / "functions"
    replace(functions / "is_uuid.sql", "value OPERATOR", "value IS NOT NULL AND value OPERATOR")
    signed = (functions / "base64_octets.sql").read_text().replace("value", "encoded").replace("integer", "bigint")
    (functions / "base64_octets.sql").write_text(signed)
    replace(functions / "number_fault.sql", "-- What a number's text", "-- What a number's 'text'")
    replace(functions / "is_timestamp.sql", "-- grant: engine, projector, operator", "-- grant: operator")


def _add_and_remove_functions(tree: Path) -> None:
    (tree / "functions" / "is_new.sql").write_text(
        "-- Whether it's new.\n--\n-- grant: engine\nCREATE FUNCTION runfold.is_new(value text) RETURNS boolean\n"
        "LANGUAGE sql IMMUTABLE AS $$ SELECT runfold.is_newer(value) $$;\n"
    )
    (tree / "functions" / "is_newer.sql").write_text(
        "-- Whether it is newer.\n--\n-- grant: nobody\nCREATE FUNCTION runfold.is_newer(value text) RETURNS boolean\n"
        "LANGUAGE sql IMMUTABLE AS $$ SELECT true $$;\n"
    )
    (tree / "functions" / "is_base64.sql").unlink()


def _add_a_table(tree: Path) -> None:
    (tree / "tables" / "shelves.sql").write_text(
        "CREATE TABLE runfold.shelves (\n    id uuid PRIMARY KEY,\n    name text NOT NULL\n);\n"
        "CREATE INDEX idx_shelves_name ON runfold.shelves (name);\n"
        "COMMENT ON TABLE runfold.shelves IS 'Shelves.';\nGRANT SELECT ON runfold.shelves TO runfold_engine;\n"
        "\n-- after the functions\n\n"
        "CREATE TRIGGER shelves_are_kept BEFORE DELETE ON runfold.shelves\n"
        "    FOR EACH ROW EXECUTE FUNCTION runfold.refuse_change();\n"
    )


def _change_tables(tree: Path) -> None:
    with (tree / "tables" / "claims.sql").open("a") as file:
        file.write(
            "CREATE INDEX idx_claims_name ON runfold.claims (name);\n"
            "GRANT DELETE ON runfold.claims TO runfold_operator;\n"
            "GRANT UPDATE (name) ON runfold.claims TO runfold_operator;\n"
            "COMMENT ON COLUMN runfold.claims.key IS 'It''s the key.';\n"
            "\n-- after the functions\n\n"
            "CREATE TRIGGER claims_are_kept BEFORE TRUNCATE ON runfold.claims\n"
            "    FOR EACH STATEMENT EXECUTE FUNCTION runfold.refuse_change();\n"
        )
    replace(
        tree / "tables" / "workflows.sql",
        "idx_workflows_active ON public.workflows (user_id, updated_at DESC)",
        "idx_workflows_active ON public.workflows (user_id, id)",
    )
    replace(tree / "tables" / "nodes.sql", "CREATE INDEX idx_nodes_type ON public.nodes (node_type);\n", "")
    replace(
        tree / "tables" / "streams.sql",
        "TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, service_role USING",
        "TO runfold_engine, runfold_projector, runfold_operator, runfold_reader, runfold_agent, service_role USING",
    )


def _change_generated_rows(tree: Path) -> None:
    faults = tree / "generated" / "rows" / "faults.sql"
    text = faults.read_text()
    text = text.replace("'Send it as a string.'", "'Send it as a ''string''.'", 1)
    text = re.sub(r"    \('too_deep', [^\n]*\n", "    ('too_high', 'm', 'h'),\n", text)
    faults.write_text(text)
    replace(
        tree / "generated" / "rows" / "event_types.sql",
        "('execution', 'ExecutionCreated', 1, true, false)",
        "('execution', 'ExecutionBegun', 1, true, false)",
    )


def _add_a_column(tree: Path) -> None:
    nodes = tree / "tables" / "nodes.sql"
    replace(nodes, "    notes text,\n", "    notes text,\n    shade varchar(20),\n")
    nodes.write_text(
        nodes.read_text() + "\nCOMMENT ON COLUMN public.nodes.shade IS 'How an editor''s canvas shows it.';\n"
    )


def _change_much(tree: Path) -> None:
    for change in (_change_functions, _change_tables, _change_generated_rows):
        change(tree)


def _add_much(tree: Path) -> None:
    for change in (_add_and_remove_functions, _add_a_table, _add_a_column):
        change(tree)


def _change_vectors(tree: Path) -> None:
    vectors = tree / VECTORS
    replace(vectors / "functions" / "vector_schema.sql", "extname = 'vector'", "extname LIKE 'vector'")
    replace(
        vectors / "functions" / "search_vectors_hybrid.sql",
        "rank_constant integer DEFAULT 60",
        "rank_constant integer DEFAULT 50",
    )
    replace(
        vectors / "tables" / "vector_embeddings.sql",
        "    model varchar(255),\n",
        "    model varchar(255),\n    shade text,\n",
    )


@pytest.mark.parametrize("change", [_change_much, _add_much, _change_vectors])
def test_the_written_migration_brings_a_database_to_the_sources(tree: Path, server_url: str, change: Change) -> None:
    change(tree)
    wanted = made_from(server_url, tree)
    folder = tree / "migrations"
    said = write_migration("change_something", server_url, folder)
    assert "for you" not in said
    written = max([*migrations(folder), *migrations(folder / VECTORS)], key=lambda each: each.version)
    assert (folder / VECTORS if change is _change_vectors else folder, "change_something") == (
        written.path.parent,
        written.name,
    )
    verify_checksums(folder)
    assert catalogue_of_migrations(server_url, folder).lines() == wanted.lines()


def test_what_a_migration_does_to_rows_is_left_to_a_person(tree: Path, server_url: str) -> None:
    replace(
        tree / "tables" / "nodes.sql", "    notes text,\n", "    notes text,\n    colour text NOT NULL DEFAULT 'red',\n"
    )
    replace(tree / "tables" / "nodes.sql", "'TOOL', 'MEMORY')", "'TOOL', 'MEMORY', 'LENS')")
    replace(tree / "tables" / "settings.sql", "('max_event_bytes', 1048576)", "('max_event_bytes', 2097152)")
    _change_functions(tree)
    folder = tree / "migrations"
    assert "3 changes are for you to write" in write_migration("colour_nodes", server_url, folder)
    path = migrations(folder)[-1].path
    text = path.read_text()
    assert "-- ALTER TABLE public.nodes ADD COLUMN colour text NOT NULL DEFAULT 'red'::text;" in text
    assert "-- ALTER TABLE public.nodes DROP CONSTRAINT valid_node_type, ADD CONSTRAINT valid_node_type CHECK" in text
    assert "-- by hand: rows of runfold.settings" in text
    assert "CREATE OR REPLACE FUNCTION runfold.is_uuid" in text
    wanted = made_from(server_url, tree)
    assert catalogue_of_migrations(server_url, folder).digest() != wanted.digest()
    by_hand = re.sub(r"^-- (ALTER TABLE)", r"\1", text, flags=re.MULTILINE).replace(
        "-- migrate:down",
        "UPDATE runfold.settings SET value = 2097152 WHERE name = 'max_event_bytes';\n-- migrate:down",
    )
    path.write_text(by_hand)
    write_checksums(folder)
    assert catalogue_of_migrations(server_url, folder).lines() == wanted.lines()


def test_a_baseline_is_written_in_place_of_all_migrations(tree: Path, server_url: str, scratch: str) -> None:
    _change_functions(tree)
    folder = tree / "migrations"
    write_migration("change_something", server_url, folder)
    wanted = catalogue_of_migrations(server_url, folder)
    newest = migrations(folder)[-1].version
    write_baseline(folder)
    assert [migration.version for migration in migrations(folder)] == [newest]
    migrate(scratch, folder=folder)
    with psycopg.connect(scratch) as connection:
        assert read_catalogue(connection).lines() == wanted.lines()


# -- the form of a file ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "CREATE FUNCTION runfold.is_uuid() RETURNS void LANGUAGE sql AS '';",
        "-- What it does.\nCREATE FUNCTION runfold.is_uuid() RETURNS void LANGUAGE sql AS '';",
        "-- grant: engine\nCREATE FUNCTION runfold.is_uuid() RETURNS void LANGUAGE sql AS '';",
        "-- What it does.\n--\n-- grant: everybody\nCREATE FUNCTION runfold.is_uuid() RETURNS void LANGUAGE sql AS '';",
        "-- What it does.\n--\n-- grant: engine\nCREATE FUNCTION runfold.other() RETURNS void LANGUAGE sql AS '';",
        "-- What it does.\n--\n-- grant: engine\n",
    ],
)
def test_a_function_without_its_header_is_refused(tree: Path, text: str) -> None:
    (tree / "functions" / "is_uuid.sql").write_text(text)
    with pytest.raises(MigrationFailed, match=r"is_uuid\.sql"):
        read_sources(tree)


def test_a_step_is_written_into_each_function_that_has_it(sources: Sources) -> None:
    with_steps = [function for function in sources.functions if "Lock the streams: their rows" in function.create]
    assert [function.name for function in with_steps] == ["append_events", "append_opaque_events"]
    assert not [function.name for function in sources.functions if "-- step:" in function.create]


def test_a_step_that_is_not_there_is_refused(tree: Path) -> None:
    (tree / "steps" / "wake.sql").unlink()
    with pytest.raises(MigrationFailed, match=r"append_batch\.sql has a step wake"):
        read_sources(tree)


def test_two_files_of_one_function_are_refused(tree: Path) -> None:
    shutil.copy(tree / "functions" / "is_uuid.sql", tree / "generated" / "functions")
    with pytest.raises(MigrationFailed, match=r"two files hold runfold\.is_uuid"):
        read_sources(tree)


def test_every_table_and_type_says_what_it_is(made: Catalogue) -> None:
    silent = [
        each.name
        for each in made.objects.values()
        if each.kind in ("table", "view", "type", "function", "aggregate")
        and each.name.startswith(("runfold.", "public."))
        and each.comment is None
        and not re.search(r"_(\d{6}|\d{12}|default)$", each.name)
    ]
    assert silent == []
