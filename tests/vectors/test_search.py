"""A search finds the nearest rows of one user's collection, and its words; nobody searches for another tenant."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

import runfold
from runfold.database.connections import mapped_errors
from runfold.errors import FilterMissing, InvalidInput, VectorsUnavailable
from tests.vectors.conftest import acting, cosine, some_vectors

# The specification's, verbatim but for the parameter's form; the second with another size.
VERBATIM = """
SELECT * FROM search_similar_vectors(
    query_embedding := %s::vector({size}),
    collection_name_param := 'node_examples',
    similarity_threshold := 0.7,
    max_results := 10
);
"""
Filled = dict[UUID, list[list[float]]]


@pytest.mark.parametrize("size", [1536, 384])
def test_the_specifications_query_runs_as_it_is_written(
    connection: psycopg.Connection[Any], user: UUID, size: int
) -> None:
    vectors = some_vectors(20, size)
    for key, vector in enumerate(vectors):
        connection.execute(
            "INSERT INTO vector_embeddings (user_id, collection_name, key, text_content, embedding)"
            " VALUES (%s, 'node_examples', %s, 't', %s)",
            [user, str(key), str(vector)],
        )
    with acting(connection, user):
        cursor = connection.execute(VERBATIM.format(size=size), [str(vectors[3])])  # type: ignore[call-overload]
        assert [column.name for column in cursor.description or ()] == ["id", "text_content", "metadata", "similarity"]
        rows = cursor.fetchall()
    assert len(rows) == 1
    assert rows[0][3] == pytest.approx(1)


def test_the_nearest_rows_are_those_of_plain_python(
    connection: psycopg.Connection[Any], filled: Filled, user: UUID
) -> None:
    for query in some_vectors(10, 8, seed=9):
        rows = connection.execute(
            "SELECT e.key, s.similarity FROM search_similar_vectors(%s, 'notes', 0.5, 12, %s) s"
            " JOIN vector_embeddings e USING (id) ORDER BY s.similarity DESC",
            [str(query), user],
        ).fetchall()
        wanted = sorted(((cosine(query, vector), str(n)) for n, vector in enumerate(filled[user])), reverse=True)
        wanted = [one for one in wanted if one[0] >= 0.5][:12]
        assert [key for key, _ in rows] == [key for _, key in wanted]
        assert [similarity for _, similarity in rows] == pytest.approx([one for one, _ in wanted], abs=1e-6)


def test_without_a_user_a_search_is_refused(connection: psycopg.Connection[Any], filled: Filled) -> None:
    with pytest.raises(InvalidInput) as refused, mapped_errors():
        connection.execute("SELECT * FROM search_similar_vectors('[1,0,0,0,0,0,0,0]', 'notes')")
    assert refused.value.code == "no_user"
    for role in ("runfold_engine", "runfold_agent", "authenticated"):
        with acting(connection, None, role), pytest.raises(InvalidInput, match="names no user"), mapped_errors():
            connection.execute("SELECT * FROM search_similar_vectors('[1,0,0,0,0,0,0,0]', 'notes')")


SEARCHES = {
    "similar": "SELECT id FROM search_similar_vectors('[1,0,0,0,0,0,0,0]', 'notes', -1, 1000{user})",
    "hybrid": "SELECT id FROM search_vectors_hybrid('note', '[1,0,0,0,0,0,0,0]', 'notes', 1000{user})",
    "texts": "SELECT id FROM runfold.search_vector_texts('notes', 'note', 1000)",
}


@pytest.mark.parametrize("name", SEARCHES)
def test_a_tenant_finds_its_own_rows_whomever_it_names(
    connection: psycopg.Connection[Any], filled: Filled, user: UUID, other: UUID, name: str
) -> None:
    mine = {row[0] for row in connection.execute("SELECT id FROM vector_embeddings WHERE user_id = %s", [user])}
    named = "" if name == "texts" else ", user_id_param := %s"
    with acting(connection, user):
        own = connection.execute(SEARCHES[name].format(user=""))  # type: ignore[call-overload]
        assert {row[0] for row in own.fetchall()} == mine
        if named:
            theirs = connection.execute(SEARCHES[name].format(user=named), [other])  # type: ignore[call-overload]
            assert theirs.fetchall() == []


def test_a_tenant_may_not_call_the_services_twin(
    connection: psycopg.Connection[Any], filled: Filled, user: UUID, other: UUID
) -> None:
    call = "SELECT count(*) FROM runfold.search_vector_texts_of(%s, 'notes', 'note', 1000)"
    with acting(connection, user), pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(call, [other])
    for role in ("runfold_engine", "runfold_operator", "runfold_agent", "service_role"):
        with acting(connection, None, role):
            assert connection.execute(call, [other]).fetchone() == (200,)


def test_a_service_names_the_user(connection: psycopg.Connection[Any], filled: Filled, user: UUID) -> None:
    mine = {row[0] for row in connection.execute("SELECT id FROM vector_embeddings WHERE user_id = %s", [user])}
    for role in ("runfold_engine", "runfold_operator", "runfold_agent", "runfold_projector", "service_role"):
        for name in ("similar", "hybrid"):
            with acting(connection, None, role):
                found = connection.execute(SEARCHES[name].format(user=", user_id_param := %s"), [user])  # type: ignore[call-overload]
                assert {row[0] for row in found.fetchall()} == mine


@pytest.mark.parametrize(
    ("arguments", "code", "pointer"),
    [
        ("'[1,0,0,0,0,0,0,0]', 'notes', 0.7, 0", "invalid_search", "max_results"),
        ("'[1,0,0,0,0,0,0,0]', 'notes', 0.7, 1001", "invalid_search", "max_results"),
        ("'[1,0,0,0,0,0,0,0]', 'notes', 0.7, NULL", "invalid_search", "max_results"),
        ("'[1,0,0,0,0,0,0,0]', 'notes', 1.01, 10", "invalid_search", "similarity_threshold"),
        ("'[1,0,0,0,0,0,0,0]', 'notes', 'NaN', 10", "invalid_search", "similarity_threshold"),
        ("NULL, 'notes', 0.7, 10", "invalid_search", "query_embedding"),
        ("'[1,0]', 'notes', 0.7, 10", "other_dimensions", "query_embedding"),
    ],
)
def test_a_search_that_cannot_be_says_why(
    connection: psycopg.Connection[Any], filled: Filled, user: UUID, arguments: str, code: str, pointer: str
) -> None:
    with acting(connection, user), pytest.raises(InvalidInput) as refused, mapped_errors():
        connection.execute(f"SELECT * FROM search_similar_vectors({arguments})")  # type: ignore[call-overload]
    assert (refused.value.code, refused.value.pointer) == (code, pointer)


@pytest.mark.parametrize("limit", [1, 1000])
def test_the_limits_of_a_search_are_within_it(
    connection: psycopg.Connection[Any], filled: Filled, user: UUID, limit: int
) -> None:
    with acting(connection, user):
        rows = connection.execute(
            "SELECT * FROM search_similar_vectors('[1,0,0,0,0,0,0,0]', 'notes', -1, %s)", [limit]
        ).fetchall()
    assert len(rows) == min(limit, 200)


def test_a_collection_that_is_not_there_has_no_rows(connection: psycopg.Connection[Any], user: UUID) -> None:
    rows = connection.execute("SELECT * FROM search_similar_vectors('[1,2]', 'nothing', 0, 10, %s)", [user])
    assert rows.fetchall() == []


def test_a_rare_word_reaches_the_first_ten_though_its_vector_is_far(
    connection: psycopg.Connection[Any], filled: Filled, user: UUID
) -> None:
    query = filled[user][0]
    far = min(range(200), key=lambda n: cosine(query, filled[user][n]))
    connection.execute(
        "UPDATE vector_embeddings SET text_content = 'a zygomorphic word' WHERE user_id = %s AND key = %s",
        [user, str(far)],
    )

    def found(**weights: float) -> list[str]:
        named = "".join(f", {name} => {value}" for name, value in weights.items())
        rows = connection.execute(
            f"""SELECT e.key FROM search_vectors_hybrid('zygomorphic', %s, 'notes', 10, user_id_param => %s{named}) h
                  JOIN vector_embeddings e USING (id) ORDER BY h.score DESC, h.id""",  # type: ignore[call-overload]
            [str(query), user],
        )
        return [key for (key,) in rows.fetchall()]

    assert str(far) in found()[:2]
    # The trap of a smaller weight, and the words alone.
    assert str(far) not in found(text_weight=0.5)
    assert found(vector_weight=0) == [str(far)]
    similar = connection.execute(
        "SELECT e.key FROM search_similar_vectors(%s, 'notes', -1, 10, %s) JOIN vector_embeddings e USING (id)",
        [str(query), user],
    )
    assert str(far) not in {key for (key,) in similar.fetchall()}


def test_hybrid_scores_are_sums_of_reciprocal_ranks(
    connection: psycopg.Connection[Any], filled: Filled, user: UUID
) -> None:
    connection.execute("UPDATE vector_embeddings SET text_content = 'zebra' WHERE user_id = %s AND key = '7'", [user])
    query = filled[user][7]
    (row,) = connection.execute(
        "SELECT score, similarity, text_rank FROM search_vectors_hybrid('zebra', %s, 'notes', 1, user_id_param => %s)",
        [str(query), user],
    ).fetchall()
    assert row[0] == pytest.approx(1 / 61 + 1 / 61)
    assert row[1] == pytest.approx(1)
    assert row[2] > 0


@pytest.mark.parametrize("weights", ["0, 0", "-1, 1", "'NaN', 1", "'infinity', 1", "NULL, 1", "1, 1, 0", "1, 1, 10001"])
def test_weights_that_rank_nothing_are_refused(
    connection: psycopg.Connection[Any], filled: Filled, user: UUID, weights: str
) -> None:
    with acting(connection, user), pytest.raises(InvalidInput) as refused, mapped_errors():
        connection.execute(f"SELECT * FROM search_vectors_hybrid('x', '[1,0,0,0,0,0,0,0]', 'notes', 10, {weights})")  # type: ignore[call-overload]
    assert refused.value.code == "invalid_search"


# -- the client --------------------------------------------------------------------------------------------------------


def _embedder(texts: Any) -> list[list[float]]:
    """Count letters: equal texts get equal vectors, similar texts similar ones."""
    return [[1.0 + text.lower().count(letter) for letter in "aeioustrn"] for text in texts]


def both(store: runfold.Store, user: UUID) -> list[Any]:
    return [store.vectors(user, embedder=_embedder), store.as_user(user).vectors.embedding_with(_embedder)]


@pytest.mark.parametrize("who", [0, 1], ids=["service", "tenant"])
def test_rows_are_upserted_by_key_and_found(store: runfold.Store, user: UUID, other: UUID, who: int) -> None:
    vectors = both(store, user)[who]
    rows = [{"key": str(n), "text": f"{'see' * n} saw", "metadata": {"n": n}} for n in range(30)]
    assert vectors.upsert("words", rows, model="letters") == runfold.VectorsUpserted(30, 0)
    assert vectors.upsert("words", rows, model="letters") == runfold.VectorsUpserted(0, 0)
    rows[3]["metadata"] = {"n": 33}
    assert vectors.upsert("words", [*rows, {"key": "x", "text": "x"}]) == runfold.VectorsUpserted(1, 1)
    found = vectors.search("words", rows[5]["text"], threshold=0.9, limit=3)
    assert found[0].text == rows[5]["text"]
    assert found[0].similarity == pytest.approx(1)
    assert vectors.hybrid("words", "saw", limit=5)[0].score is not None
    (collection,) = vectors.collections()
    assert (collection.name, collection.model, collection.dimensions, collection.rows) == ("words", "letters", 9, 31)
    assert both(store, other)[who].collections() == []
    assert both(store, other)[who].search("words", rows[5]["text"], threshold=-1) == []


@pytest.mark.parametrize("who", [0, 1], ids=["service", "tenant"])
def test_a_delete_takes_what_fits_and_refuses_without_a_filter(store: runfold.Store, user: UUID, who: int) -> None:
    vectors = both(store, user)[who]
    vectors.upsert("words", [{"key": str(n), "text": str(n), "metadata": {"odd": n % 2 == 1}} for n in range(10)])
    with pytest.raises(FilterMissing, match="drop"):
        vectors.delete("words")
    assert vectors.delete("words", keys=["1", "2", "99"]) == 2
    assert vectors.delete("words", metadata={"odd": True}) == 4
    assert vectors.delete("words", keys=["4", "6"], metadata={"odd": True}) == 0
    assert vectors.collections()[0].rows == 4
    assert vectors.drop("words") is True
    assert vectors.drop("words") is False


def test_the_asynchronous_store_does_the_same(database_url: str, user: UUID) -> None:
    async def use() -> None:
        async with await runfold.connect_async(database_url) as store:
            for vectors in (
                store.vectors(user, embedder=_embedder),
                store.as_user(user).vectors.embedding_with(_embedder),
            ):
                await vectors.upsert("words", [{"key": word, "text": word} for word in ("arose", "until")])
                (found,) = await vectors.search("words", "arose", threshold=0.99)
                assert found.text == "arose"
                assert (await vectors.hybrid("words", "until"))[0].text == "until"
                assert await vectors.delete("words", keys=["until"]) == 1
                assert [each.rows for each in await vectors.collections()] == [1]
                assert await vectors.drop("words")

    asyncio.run(use())


BAD_ROWS: dict[str, tuple[Any, str, str | None]] = {
    "no text": ({"key": "1"}, "invalid_row", "/rows/1"),
    "a stranger's field": ({"text": "t", "colour": "red"}, "invalid_row", "/rows/1"),
    "no row": (7, "invalid_row", "/rows/1"),
    "a text of bytes": ({"text": b"t"}, "wrong_type", "/rows/1/text"),
    "U+0000 in the text": ({"text": "a\0b"}, "nul_character", "/rows/1/text"),
    "U+0000 in the metadata": ({"text": "t", "metadata": {"a": "\0"}}, "nul_character", "/rows/1/metadata/a"),
    "NaN in the metadata": ({"text": "t", "metadata": {"a": float("nan")}}, "not_finite", "/rows/1/metadata/a"),
    "metadata that is no JSON": ({"text": "t", "metadata": {"a": object()}}, "not_json", "/rows/1/metadata/a"),
    "an empty key": ({"text": "t", "key": " "}, "blank", "/rows/1/key"),
    "a long key": ({"text": "t", "key": "k" * 256}, "too_long", "/rows/1/key"),
    "a key twice": ({"text": "t", "key": "first"}, "duplicate_key", "/rows/1/key"),
    "a vector of NaN": ({"text": "t", "embedding": [1.0, float("nan")]}, "invalid_vector", "/rows/1/embedding/1"),
    "a vector of words": ({"text": "t", "embedding": ["a"]}, "invalid_vector", "/rows/1/embedding"),
    "a vector that is a number": ({"text": "t", "embedding": 7}, "invalid_vector", "/rows/1/embedding"),
    "an empty vector": ({"text": "t", "embedding": []}, "invalid_vector", "/rows/1/embedding"),
    "a vector without a length": ({"text": "t", "embedding": [0.0] * 9}, "invalid_vector", "/rows/1/embedding"),
    "a vector of another size": ({"text": "t", "embedding": [1.0, 2.0]}, "other_dimensions", "/rows/1/embedding"),
    "a vector that is too large": ({"text": "t", "embedding": [1.0] * 16001}, "invalid_vector", "/rows/1/embedding"),
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_a_bad_row_is_named_and_nothing_is_written(store: runfold.Store, user: UUID, name: str) -> None:
    row, code, pointer = BAD_ROWS[name]
    vectors = store.vectors(user, embedder=_embedder)
    with pytest.raises(InvalidInput) as refused:
        vectors.upsert("words", [{"key": "first", "text": "t"}, row])
    assert (refused.value.code, refused.value.pointer) == (code, pointer)
    assert vectors.collections() == []


def test_the_most_rows_of_an_upsert_are_taken_and_one_more_is_not(store: runfold.Store, user: UUID) -> None:
    vectors = store.vectors(user)
    rows = [{"text": "t", "embedding": [1.0, n + 1.0]} for n in range(10_001)]
    with pytest.raises(InvalidInput) as refused:
        vectors.upsert("many", rows)
    assert (refused.value.code, refused.value.limit) == ("too_many_rows", 10_000)
    assert vectors.upsert("many", rows[:-1]).inserted == 10_000


def test_a_collection_keeps_what_it_was_made_with(store: runfold.Store, user: UUID) -> None:
    vectors = store.vectors(user)
    vectors.create("c", model="m", dimensions=2, language="german")
    for changes in ({"model": "n"}, {"dimensions": 3}, {"language": "english"}):
        with pytest.raises(InvalidInput) as refused:
            vectors.create("c", **changes)  # type: ignore[arg-type]
        assert refused.value.code == f"other_{next(iter(changes))}"
    with pytest.raises(InvalidInput) as refused:
        vectors.upsert("c", [{"text": "t", "embedding": [1.0, 2.0, 3.0]}])
    assert refused.value.code == "other_dimensions"
    with pytest.raises(InvalidInput, match="no embedder was given"):
        vectors.search("c", "a text")
    with pytest.raises(InvalidInput, match="/language is not an allowed value"):
        vectors.create("d", language="elvish")
    with pytest.raises(InvalidInput, match="user does not exist"):
        store.vectors(uuid4()).create("c")
    with pytest.raises(InvalidInput, match="1 vectors for 2 texts"):
        vectors.embedding_with(lambda _: [[1.0, 2.0]]).upsert("c", [{"text": "a"}, {"text": "b"}])


def test_a_database_without_vectors_says_so(
    connection: psycopg.Connection[Any], store: runfold.Store, user: UUID
) -> None:
    connection.execute("DROP EXTENSION vector CASCADE; DROP TABLE vector_embeddings, vector_collections CASCADE")
    for vectors in both(store, user):
        with pytest.raises(VectorsUnavailable, match="runfold migrate"):
            vectors.search("c", [1.0])
        with pytest.raises(VectorsUnavailable):
            vectors.create("c")
