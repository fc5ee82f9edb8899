"""A database has vectors where its server has pgvector and the role may create it; else it says so, and works."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

import runfold
from runfold.database.migrations import check, migrate, write_checksums
from runfold.database.server import EmbeddedServer
from runfold.database.vector_migrations import VECTORS
from runfold.errors import MigrationFailed, VectorsUnavailable
from runfold.settings import migrations_dir
from tests.cli.running import ask, run
from tests.fixtures.databases import create_database, drop_database
from tests.fixtures.owned import LOGINS, OWNER, Owned, owned
from tests.vectors.conftest import some_vectors

__all__ = ["owned"]


def test_a_role_that_may_not_create_the_extension_goes_without_vectors_until_somebody_did(owned: Owned) -> None:
    made = owned.another("without")
    url = made.login(OWNER)
    state = check(url)
    assert state.current
    assert state.vectors.applied == []
    assert state.vectors.skipped == "this role may not create the extension vector"
    said = run(url, "migrate").stdout
    assert "vectors: skipped: this role may not create the extension vector" in said
    assert run(url, "migrate", "--check").returncode == 0
    assert ask(url, "status")["vectors"]["state"] == "unavailable"
    with runfold.connect(url) as store:
        with pytest.raises(VectorsUnavailable):
            store.vectors(uuid4()).search("c", [1.0])
        store.append(
            "execution-1", [runfold.events.ExecutionCreated(execution_id="1", workflow_id=uuid4(), mode="MANUAL")]
        )

    with psycopg.connect(made.superuser, autocommit=True) as superuser:
        superuser.execute("CREATE EXTENSION vector")
    assert not check(url).current
    assert run(url, "migrate", "--check").returncode == 1
    assert ask(url, "migrate")["vectors"]["skipped"] is None
    assert check(url).vectors.applied == [path.name[:14] for path in _vector_files()]
    assert ask(url, "status")["vectors"]["state"] == "ok"
    # In a session that has not loaded pgvector, as no superuser.
    with runfold.connect(made.login(LOGINS["runfold_engine"])) as store:
        assert store.vectors(uuid4()).search("c", [1.0]) == []


def _vector_files() -> list[Path]:
    return sorted((migrations_dir() / VECTORS).glob("*.sql"))


def test_trying_leaves_nothing_behind(empty_database_url: str) -> None:
    assert check(empty_database_url).vectors.skipped is None
    with psycopg.connect(empty_database_url) as connection:
        assert connection.execute("SELECT count(*) FROM pg_extension WHERE extname = 'vector'").fetchone() == (0,)


@pytest.mark.large
def test_a_server_without_pgvector_goes_without_vectors(postgres15: EmbeddedServer) -> None:
    url = create_database(postgres15.url)
    state = migrate(url)
    assert state.current
    assert state.vectors.skipped == "this server has no pgvector"
    assert "vectors: skipped: this server has no pgvector; install it" in run(url, "migrate").stdout
    assert "this server has no pgvector" in run(url, "status").stdout
    drop_database(postgres15.url, url)


def test_an_older_pgvector_is_too_old(
    connection: psycopg.Connection[Any], database_url: str, schema_copy: Path
) -> None:
    connection.execute("UPDATE pg_extension SET extversion = '0.7.4' WHERE extname = 'vector'")
    connection.execute("COMMENT ON CONSTRAINT vector_collections_pkey ON vector_collections IS NULL")
    connection.execute(
        "DELETE FROM supabase_migrations.schema_migrations WHERE version = %s", [_vector_files()[0].name[:14]]
    )
    assert migrate(database_url, folder=schema_copy).vectors.skipped == "pgvector 0.7.4 is older than 0.8"


def test_a_role_that_cannot_read_the_list_of_migrations_knows_from_the_stamp(
    connection: psycopg.Connection[Any], database_url: str
) -> None:
    connection.execute("CREATE ROLE a_reader_of_stamps LOGIN PASSWORD 'p'")
    try:
        url = psycopg.conninfo.make_conninfo(database_url, user="a_reader_of_stamps", password="p")
        parts = psycopg.conninfo.conninfo_to_dict(url)
        state = check(f"postgresql://a_reader_of_stamps:p@{parts['host']}:{parts['port']}/{parts['dbname']}")
        assert state.vectors.applied == [path.name[:14] for path in _vector_files()]
        assert state.current
    finally:
        connection.execute("DROP ROLE a_reader_of_stamps")


def test_the_extension_may_be_in_a_schema_of_its_own_and_may_move(empty_database_url: str, schema_copy: Path) -> None:
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA extensions")
        migrate(empty_database_url, folder=schema_copy)
        where = "SELECT extnamespace::regnamespace::text FROM pg_extension WHERE extname = 'vector'"
        assert connection.execute(where).fetchone() == ("extensions",)
        user = uuid4()
        connection.execute("INSERT INTO auth.users (id) VALUES (%s)", [user])
        with runfold.connect(empty_database_url) as store:
            vectors = store.vectors(user)
            made = some_vectors(5, 8)
            rows = [{"key": str(n), "text": f"row {n}", "embedding": vector} for n, vector in enumerate(made)]
            assert vectors.upsert("c", rows).inserted == 5
            assert run(empty_database_url, "vector", "index", "--user", str(user), "--collection", "c").returncode == 0
            for schema in ("extensions", "elsewhere", "public"):
                connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")  # type: ignore[call-overload]
                if schema != "extensions":
                    connection.execute(f"ALTER EXTENSION vector SET SCHEMA {schema}")  # type: ignore[call-overload]
                assert vectors.search("c", made[2], limit=1)[0].text == "row 2"
                assert vectors.hybrid("c", "3", vector=made[3], limit=5)[0].text == "row 3"
                assert vectors.upsert("c", rows).updated == 0
                similar = connection.execute(
                    "SELECT runfold.cosine_similarity(embedding, embedding) FROM public.vector_embeddings LIMIT 1"
                )
                assert similar.fetchone() == (pytest.approx(1),)


def test_a_file_for_vectors_that_was_edited_is_refused(
    empty_database_url: str, schema_copy: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(schema_copy, tmp_path / "schema"))
    path = next((folder / VECTORS).glob("*.sql"))
    path.write_text(path.read_text().replace("least(max_results, 1000)", "least(max_results, 999)"))
    with pytest.raises(MigrationFailed, match=r"vectors/.* was edited"):
        migrate(empty_database_url, folder=folder)
    write_checksums(folder)
    assert migrate(empty_database_url, folder=folder).vectors.pending == []
