"""The tables of vectors keep their rules, one by one, and a tenant's rows are its own."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import errors, sql

from tests.vectors.conftest import acting, some_vectors

ROW = "INSERT INTO vector_embeddings (user_id, collection_name, key, text_content, embedding, metadata) VALUES "
COLLECTION = "INSERT INTO vector_collections (user_id, name, dimensions, language) VALUES "
NOBODY = "'00000000-0000-0000-0000-00000000dead'"

# What breaks each rule, by its name; {user} is a user with a collection `notes` of 8 dimensions and a row with key 1.
BREAKS = {
    "vector_collections_pkey": (errors.UniqueViolation, COLLECTION + "({user}, 'notes', 9, 'english')"),
    "vector_collection_belongs_to_a_user": (errors.ForeignKeyViolation, COLLECTION + f"({NOBODY}, 'n', 8, 'english')"),
    "vector_collection_has_a_name": (errors.CheckViolation, COLLECTION + "({user}, ' ', 8, 'english')"),
    "valid_vector_dimensions": (errors.CheckViolation, COLLECTION + "({user}, 'none', 0, 'english')"),
    "valid_vector_language": (errors.CheckViolation, COLLECTION + "({user}, 'elvish', 8, 'elvish')"),
    "vector_collections_number_key": (
        errors.UniqueViolation,
        """INSERT INTO vector_collections (user_id, name, number) OVERRIDING SYSTEM VALUE
           SELECT user_id, 'twin', number FROM vector_collections WHERE user_id = {user}""",
    ),
    "vector_embeddings_pkey": (
        errors.UniqueViolation,
        """INSERT INTO vector_embeddings (id, user_id, collection_name, text_content, embedding)
           SELECT id, user_id, collection_name, 'again', embedding FROM vector_embeddings WHERE user_id = {user}""",
    ),
    "vector_embeddings_key": (errors.UniqueViolation, ROW + "({user}, 'notes', '1', 't', '[1,0,0,0,0,0,0,0]', '{{}}')"),
    "vector_embedding_is_in_a_collection_of_its_size": (
        errors.ForeignKeyViolation,
        ROW + "({user}, 'notes', 'small', 't', '[1,2]', '{{}}')",
    ),
    "vector_embedding_belongs_to_a_user": (
        errors.ForeignKeyViolation,
        "UPDATE vector_embeddings SET user_id = " + NOBODY + " WHERE user_id = {user}",
    ),
    "vector_embedding_has_a_key": (
        errors.CheckViolation,
        ROW + "({user}, 'notes', '', 't', '[1,0,0,0,0,0,0,0]', '{{}}')",
    ),
    "vector_embedding_metadata_is_an_object": (
        errors.CheckViolation,
        ROW + "({user}, 'notes', 'k', 't', '[1,0,0,0,0,0,0,0]', '[]')",
    ),
    "vector_embedding_has_a_length": (
        errors.CheckViolation,
        ROW + "({user}, 'notes', 'k', 't', '[0,0,0,0,0,0,0,0]', '{{}}')",
    ),
}
# A key of three columns that contains the primary key: no row breaks it and not that one too.
UNBROKEN = {"vector_collections_size_key"}


@pytest.mark.parametrize("name", BREAKS)
def test_each_rule_is_broken_by_its_name(
    connection: psycopg.Connection[Any], filled: dict[UUID, Any], user: UUID, name: str
) -> None:
    kind, statement = BREAKS[name]
    if name == "vector_embedding_belongs_to_a_user":
        connection.execute(
            "ALTER TABLE vector_embeddings DROP CONSTRAINT vector_embedding_is_in_a_collection_of_its_size"
        )
    with pytest.raises(kind) as broken:
        connection.execute(sql.SQL(statement).format(user=sql.Literal(user)))  # type: ignore[arg-type]
    assert broken.value.diag.constraint_name == name


def test_every_rule_of_the_tables_is_in_this_list(connection: psycopg.Connection[Any]) -> None:
    found = connection.execute(
        """SELECT conname FROM pg_constraint WHERE contype IN ('c', 'f', 'p', 'u')
              AND conrelid IN ('vector_collections'::regclass, 'vector_embeddings'::regclass)"""
    ).fetchall()
    assert {name for (name,) in found} == BREAKS.keys() | UNBROKEN


def test_the_specifications_insert_makes_its_collection(connection: psycopg.Connection[Any], user: UUID) -> None:
    connection.execute(
        "INSERT INTO vector_embeddings (collection_name, text_content, embedding, user_id)"
        " VALUES ('node_examples', 't', %s, %s)",
        [str(some_vectors(1, 1536)[0]), user],
    )
    row = connection.execute("SELECT name, dimensions, language FROM vector_collections WHERE user_id = %s", [user])
    assert row.fetchall() == [("node_examples", 1536, "english")]


def test_a_row_takes_the_language_of_its_collection(connection: psycopg.Connection[Any], user: UUID) -> None:
    connection.execute(
        "INSERT INTO vector_collections (user_id, name, dimensions, language) VALUES (%s, 'de', 2, 'german')", [user]
    )
    connection.execute(
        "INSERT INTO vector_embeddings (user_id, collection_name, text_content, embedding)"
        " VALUES (%s, 'de', %s, '[1,2]')",
        [user, "Die Häuser brannten"],
    )
    row = connection.execute("SELECT language, search_vector::text FROM vector_embeddings WHERE user_id = %s", [user])
    assert row.fetchone() == ("german", "'brannt':3 'haus':2")


def test_the_vectors_of_3072_dimensions_are_taken_and_stay_in_the_row(
    connection: psycopg.Connection[Any], user: UUID
) -> None:
    for key, size in (("small", 1536), ("large", 3072), ("largest", 16000)):
        connection.execute(
            "INSERT INTO vector_embeddings (user_id, collection_name, text_content, embedding)"
            " VALUES (%s, %s, 't', %s)",
            [user, key, str([1.0] * size)],
        )
    assert connection.execute("SELECT count(DISTINCT dimensions) FROM vector_embeddings").fetchone() == (3,)
    storage = connection.execute(
        "SELECT attstorage::text FROM pg_attribute"
        " WHERE attrelid = 'vector_embeddings'::regclass AND attname = 'embedding'"
    )
    assert storage.fetchone() == ("m",)
    within = "SELECT pg_column_toast_chunk_id(embedding) IS NULL FROM vector_embeddings WHERE dimensions = 1536"
    if connection.info.server_version >= 170000:
        assert connection.execute(within).fetchone() == (True,)
    with pytest.raises(errors.ProgramLimitExceeded):
        connection.execute("SELECT %s::vector", [str([1.0] * 16001)])


# -- tenants -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", ["vector_collections", "vector_embeddings"])
def test_a_tenant_sees_its_own_rows_and_no_others(
    connection: psycopg.Connection[Any], filled: dict[UUID, Any], user: UUID, table: str
) -> None:
    with acting(connection, user):
        rows = connection.execute(f"SELECT DISTINCT user_id FROM {table}").fetchall()  # type: ignore[call-overload]
    assert rows == [(user,)]
    with acting(connection, None):
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)  # type: ignore[call-overload]


@pytest.mark.parametrize("table", ["vector_collections", "vector_embeddings"])
def test_control_without_its_policy_the_table_shows_everything(
    connection: psycopg.Connection[Any], filled: dict[UUID, Any], user: UUID, table: str
) -> None:
    connection.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")  # type: ignore[call-overload]
    with acting(connection, user):
        rows = connection.execute(f"SELECT DISTINCT user_id FROM {table}").fetchall()  # type: ignore[call-overload]
    assert len(rows) == 2


def test_a_tenant_writes_rows_of_its_own_only(
    connection: psycopg.Connection[Any], filled: dict[UUID, Any], user: UUID, other: UUID
) -> None:
    row = (
        "INSERT INTO vector_embeddings (user_id, collection_name, text_content, embedding)"
        " VALUES (%s, %s, 't', '[1,0,0,0,0,0,0,0]')"
    )
    with acting(connection, user):
        for collection in ("notes", "new"):
            connection.execute(row, [user, collection])
        assert connection.execute("DELETE FROM vector_embeddings WHERE user_id = %s", [other]).rowcount == 0
        assert connection.execute("DELETE FROM vector_collections WHERE user_id = %s", [other]).rowcount == 0
        assert connection.execute("UPDATE vector_embeddings SET text_content = 'x'").rowcount == 202
    for collection in ("notes", "new"):
        with acting(connection, user), pytest.raises(errors.InsufficientPrivilege):
            connection.execute(row, [other, collection])


@pytest.mark.parametrize("column", ["id", "user_id", "number"])
def test_a_tenant_writes_no_key_that_is_unique_across_tenants(
    connection: psycopg.Connection[Any], filled: dict[UUID, Any], user: UUID, column: str
) -> None:
    """Taken and free get the same answer, so nobody learns which ids exist."""
    table = "vector_collections" if column == "number" else "vector_embeddings"
    free = "99999" if column == "number" else "gen_random_uuid()"
    for value in (free, f"(SELECT {column} FROM {table} LIMIT 1)"):
        with acting(connection, user), pytest.raises(errors.Error) as refused:
            connection.execute(f"UPDATE {table} SET {column} = {value}")  # type: ignore[call-overload]
        assert refused.value.sqlstate in ("42501", "428C9")
