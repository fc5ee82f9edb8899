"""A large collection gets an index of its own, which its searches use; a small one is searched exactly by a b-tree."""

from __future__ import annotations

import signal
from contextlib import nullcontext
from typing import Any
from uuid import UUID

import psycopg
import pytest

from runfold.errors import InvalidInput, PermissionDenied, VectorIndexFailed, VectorsUnavailable
from runfold.vectors.indexes import (
    EXACT_ROWS,
    MOST_INDEXES,
    build_all,
    read_indexes,
)
from tests.cli.running import ask, run
from tests.fixtures.plans import index_used_by
from tests.fixtures.processes import eventually, worker
from tests.vectors.conftest import acting, new_user, some_vectors

SEARCH = "SELECT id FROM public.search_similar_vectors(%s, %s, -1, 10, %s)"


def fill(connection: psycopg.Connection[Any], user: UUID, collection: str, rows: int, size: int = 8) -> None:
    """Write rows with random vectors, the same in each run."""
    connection.execute("SELECT setseed(0.5)")
    connection.execute(
        """INSERT INTO vector_embeddings (user_id, collection_name, key, text_content, embedding)
           SELECT %(user)s, %(collection)s, n::text, 'row ' || n,
                  ARRAY(SELECT random() - 0.5 FROM generate_series(1, %(size)s) AS d WHERE d <> -n)::real[]
             FROM generate_series(1, %(rows)s) AS n""",
        {"user": user, "collection": collection, "rows": rows, "size": size},
    )


def index_used(
    connection: psycopg.Connection[Any], query: str, parameters: list[Any], *, user: UUID | None = None, role: str = ""
) -> set[str]:
    """Return the indexes that the innermost search used, as the superuser or in a request with a role."""
    request = acting(connection, user, role or "authenticated") if user or role else nullcontext()
    with index_used_by(connection) as used, request:
        connection.execute(query, parameters)  # type: ignore[call-overload]
    return used("search_vector" if "zebra" in query else "distance")


@pytest.fixture
def sized(connection: psycopg.Connection[Any], user: UUID, other: UUID) -> UUID:
    """A user with a collection of 6,000 rows and one of 300, among 9,000 of others."""
    fill(connection, user, "large", 6_000)
    fill(connection, user, "small", 300)
    fill(connection, other, "large", 3_000)
    for _ in range(20):
        fill(connection, new_user(connection), "large", 300)
    connection.execute("ANALYZE vector_embeddings")
    return user


def test_a_small_collection_is_searched_by_the_b_tree_and_a_large_one_by_its_index(
    connection: psycopg.Connection[Any], sized: UUID
) -> None:
    query = str(some_vectors(1, 8)[0])
    for collection in ("small", "large"):
        assert index_used(connection, SEARCH, [query, collection, sized]) <= {
            "idx_vector_embeddings_collection",
            "vector_embeddings_key",
        }
    (built,) = build_all(connection, least=5_000)
    assert (built.user_id, built.collection_name, built.rows) == (sized, "large", 6_000)
    assert index_used(connection, SEARCH, [query, "large", sized]) == {built.index_name}
    assert built.index_name not in index_used(connection, SEARCH, [query, "small", sized])
    assert index_used(connection, SEARCH, [query, "large", None], user=sized) == {built.index_name}
    assert built.index_name not in index_used(connection, SEARCH, [query, "small", None], user=sized)


def test_control_a_search_with_parameters_in_place_of_constants_misses_the_index(
    connection: psycopg.Connection[Any], sized: UUID
) -> None:
    (built,) = build_all(connection, least=5_000)
    connection.execute("SET plan_cache_mode = force_generic_plan")
    connection.execute(
        """PREPARE by_parameters (vector, uuid, text) AS
           SELECT id, embedding <=> $1 AS distance FROM vector_embeddings
            WHERE user_id = $2 AND collection_name = $3 AND dimensions = 8
            ORDER BY embedding::halfvec(8) <=> $1::halfvec(8) LIMIT 10"""
    )
    query = f"EXECUTE by_parameters ('{some_vectors(1, 8)[0]}', '{sized}', 'large')"
    assert built.index_name not in index_used(connection, query, [])


def test_a_search_by_the_index_finds_what_an_exact_one_finds(connection: psycopg.Connection[Any], sized: UUID) -> None:
    queries = [str(query) for query in some_vectors(20, 8, seed=5)]

    def found() -> list[set[Any]]:
        return [{row[0] for row in connection.execute(SEARCH, [query, "large", sized])} for query in queries]

    exact = found()
    build_all(connection, least=5_000)
    same = sum(len(one & two) for one, two in zip(exact, found(), strict=True))
    assert same >= 0.95 * 200
    assert all(len(one) == 10 for one in exact)


def test_words_are_found_by_their_index_through_the_functions_only(
    connection: psycopg.Connection[Any], sized: UUID
) -> None:
    connection.execute("UPDATE vector_embeddings SET text_content = 'zebra' WHERE key = '77'")
    connection.execute("VACUUM ANALYZE vector_embeddings")
    for call, role in (
        ("SELECT id FROM runfold.search_vector_texts('large', 'zebra')", "authenticated"),
        (f"SELECT id FROM runfold.search_vector_texts_of('{sized}', 'large', 'zebra')", "runfold_engine"),
    ):
        assert "idx_vector_embeddings_search" in index_used(connection, call, [], user=sized, role=role)
    # The control: under row security the index of words is not used.
    bare = "SELECT id FROM vector_embeddings WHERE search_vector @@ websearch_to_tsquery('english', 'zebra')"
    assert "idx_vector_embeddings_search" not in index_used(connection, bare, [], user=sized)


# -- which are built ---------------------------------------------------------------------------------------------------


def test_an_index_is_wanted_from_one_row_over_the_limit_on(connection: psycopg.Connection[Any], user: UUID) -> None:
    fill(connection, user, "edge", EXACT_ROWS, size=2)
    assert [each.state for each in read_indexes(connection)] == ["exact"]
    connection.execute(
        "INSERT INTO vector_embeddings (user_id, collection_name, text_content, embedding)"
        " VALUES (%s, 'edge', 't', '[1,2]')",
        [user],
    )
    assert [each.state for each in read_indexes(connection)] == ["build"]


def test_at_most_64_collections_get_an_index_the_largest_first(connection: psycopg.Connection[Any], user: UUID) -> None:
    for number in range(MOST_INDEXES + 2):
        fill(connection, user, f"c{number:02}", number + 1, size=2)
    assert len(build_all(connection, least=0)) == MOST_INDEXES == 64
    left = [(each.collection_name, each.state) for each in read_indexes(connection, least=0) if each.state != "indexed"]
    assert left == [("c01", "too many indexes"), ("c00", "too many indexes")]
    assert [each.state for each in read_indexes(connection, collection="c01", least=0)] == ["too many indexes"]
    connection.execute("DELETE FROM vector_collections WHERE name = 'c65'")
    assert [each.collection_name for each in build_all(connection, least=0)] == ["c01"]


def test_a_collection_of_more_than_4000_dimensions_is_searched_exactly(
    connection: psycopg.Connection[Any], user: UUID
) -> None:
    fill(connection, user, "within", 2, size=4000)
    fill(connection, user, "beyond", 2, size=4001)
    assert [each.collection_name for each in build_all(connection, least=0)] == ["within"]
    states = {each.collection_name: each.state for each in read_indexes(connection, least=0)}
    assert states == {"within": "indexed", "beyond": "too many dimensions"}


def test_the_index_of_a_collection_that_is_gone_is_dropped(connection: psycopg.Connection[Any], user: UUID) -> None:
    fill(connection, user, "c", 10)
    (built,) = build_all(connection, least=0)
    connection.execute("DELETE FROM vector_collections")
    fill(connection, user, "c", 10)
    (again,) = build_all(connection, least=0)
    assert again.index_name != built.index_name
    names = connection.execute("SELECT relname FROM pg_class WHERE relname LIKE 'idx_vector_embeddings_cosine_%'")
    assert names.fetchall() == [(again.index_name,)]


def test_an_invalid_index_is_not_searched_and_is_built_again(connection: psycopg.Connection[Any], sized: UUID) -> None:
    (built,) = build_all(connection, least=5_000)
    connection.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = %s::regclass", [built.index_name])
    query = str(some_vectors(1, 8)[0])
    assert built.index_name not in index_used(connection, SEARCH, [query, "large", sized])
    assert [each.state for each in read_indexes(connection, least=5_000) if each.is_valid is not None] == ["rebuild"]
    build_all(connection, least=5_000)
    assert index_used(connection, SEARCH, [query, "large", sized]) == {built.index_name}


def test_a_build_that_fails_says_why_and_leaves_nothing_behind(
    connection: psycopg.Connection[Any], database_url: str, user: UUID
) -> None:
    fill(connection, user, "c", 10)
    with psycopg.connect(database_url) as reader:
        reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT 1")  # a build waits for every older transaction
        connection.execute("SET lock_timeout = '100ms'")
        with pytest.raises(VectorIndexFailed, match="lock timeout") as failed:
            build_all(connection, least=0)
        assert failed.value.code == "vector_index_failed"
    names = connection.execute("SELECT count(*) FROM pg_class WHERE relname LIKE 'idx_vector_embeddings_cosine_%'")
    assert names.fetchone() == (0,)
    assert len(build_all(connection, least=0)) == 1


def test_one_process_builds_at_a_time(connection: psycopg.Connection[Any], database_url: str, user: UUID) -> None:
    with psycopg.connect(database_url, autocommit=True) as builder:
        builder.execute("SELECT pg_advisory_lock(5706231190217543)")
        with pytest.raises(InvalidInput) as refused:
            build_all(connection)
    assert (refused.value.code, refused.value.retryable) == ("index_builder_runs", True)


def test_only_the_owner_builds(connection: psycopg.Connection[Any], user: UUID) -> None:
    connection.execute("SET ROLE runfold_operator")
    assert read_indexes(connection) == []
    with pytest.raises(PermissionDenied, match=r"owns public\.vector_embeddings"):
        build_all(connection)


def test_a_database_without_vectors_has_no_indexes(connection: psycopg.Connection[Any]) -> None:
    connection.execute("DROP EXTENSION vector CASCADE; DROP TABLE vector_embeddings, vector_collections CASCADE")
    for action in (read_indexes, build_all):
        with pytest.raises(VectorsUnavailable):
            action(connection)


# -- who builds --------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Collections of more than 100 rows want an index, for this process and those that are forked from it."""
    monkeypatch.setattr("runfold.vectors.indexes.EXACT_ROWS", 100)


def test_the_worker_builds_them_where_it_owns_the_table(
    connection: psycopg.Connection[Any], database_url: str, user: UUID, small_limit: None
) -> None:
    fill(connection, user, "large", 101, size=2)
    with worker(database_url, vector_index_interval=0.2):
        eventually(lambda: [each.state for each in read_indexes(connection)] == ["indexed"])


def test_a_worker_that_is_stopped_in_a_build_ends_and_the_next_one_builds(
    connection: psycopg.Connection[Any], database_url: str, user: UUID, small_limit: None
) -> None:
    fill(connection, user, "large", 101, size=2)
    with psycopg.connect(database_url) as reader:
        reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT 1")  # the build waits for this transaction, until it is canceled
        with worker(database_url, vector_index_interval=0.2) as stopped:
            waiting = "SELECT count(*) FROM pg_stat_progress_create_index WHERE phase LIKE 'waiting for old snapshots'"
            eventually(lambda: connection.execute(waiting).fetchone() == (1,))
            stopped.send(signal.SIGTERM)
            assert stopped.wait() == 0
    with worker(database_url, vector_index_interval=0.2):
        eventually(lambda: [each.state for each in read_indexes(connection)] == ["indexed"])


def test_the_command_prints_and_builds(connection: psycopg.Connection[Any], database_url: str, user: UUID) -> None:
    fill(connection, user, "notes", 50)
    assert "exact" in run(database_url, "vector", "list").stdout
    one = ("vector", "index", "--user", str(user), "--collection", "notes")
    assert "CREATE INDEX CONCURRENTLY" in run(database_url, *one, "--dry-run").stdout
    assert ask(database_url, "vector", "list")[0]["is_valid"] is None
    assert "1 indexes built" in run(database_url, *one).stdout
    assert "indexed" in run(database_url, "vector", "list").stdout
    assert run(database_url, "vector", "index", "--auto").stdout == "0 indexes built\n"
    for wrong in ([], ["--user", str(user)], ["--auto", "--user", str(user), "--collection", "notes"]):
        assert run(database_url, "vector", "index", *wrong).returncode == 2


def test_status_asks_for_the_indexes_that_are_wanted(
    connection: psycopg.Connection[Any], database_url: str, user: UUID
) -> None:
    assert "vectors" not in run(database_url, "status").stdout
    fill(connection, user, "large", EXACT_ROWS + 1, size=2)
    assert "large should have an index: run `runfold vector index --auto`" in " ".join(
        run(database_url, "status").stdout.split()
    )
    assert ask(database_url, "status")["vectors"]["unindexed"] == ["large"]
    connection.execute("DROP EXTENSION vector CASCADE; DROP TABLE vector_embeddings, vector_collections CASCADE")
    assert ask(database_url, "status")["vectors"]["state"] == "unavailable"
