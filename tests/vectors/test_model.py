"""A collection holds and finds what a plain dictionary says, after any writes and deletes; writers do not collide."""

from __future__ import annotations

import threading
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import runfold
from tests.vectors.conftest import cosine, new_user

KEYS = st.sampled_from(["a", "b", "c", "d", "e", "f"])
NUMBERS = st.sampled_from([-2.0, -1.0, -0.5, 0.5, 1.0, 2.0])
ROWS = st.dictionaries(
    KEYS,
    st.tuples(st.lists(NUMBERS, min_size=3, max_size=3), st.integers(0, 2), st.sampled_from(["x", "y"])),
    max_size=4,
)
STEPS = st.one_of(
    st.tuples(st.just("upsert"), ROWS),
    st.tuples(st.just("delete keys"), st.lists(KEYS, max_size=3)),
    st.tuples(st.just("delete metadata"), st.integers(0, 2)),
    st.tuples(st.just("search"), st.lists(NUMBERS, min_size=3, max_size=3)),
)
Model = dict[str, tuple[list[float], int, str]]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, max_size=8), who=st.booleans())
def test_a_collection_is_a_dictionary(
    store: runfold.Store, connection: psycopg.Connection[Any], steps: list[tuple[str, Any]], who: bool
) -> None:
    user = new_user(connection)
    vectors = store.as_user(user).vectors if who else store.vectors(user)
    model: Model = {}
    for step, value in steps:
        if step == "upsert":
            done = vectors.upsert(
                "c",
                [
                    {"key": key, "text": text, "embedding": vector, "metadata": {"n": number}}
                    for key, (vector, number, text) in value.items()
                ],
            )
            assert done.inserted == len(value.keys() - model.keys())
            assert done.updated == sum(key in model and model[key] != row for key, row in value.items())
            model |= value
        elif step == "delete keys":
            assert vectors.delete("c", keys=value) == len(model.keys() & set(value))
            model = {key: row for key, row in model.items() if key not in value}
        elif step == "delete metadata":
            assert vectors.delete("c", metadata={"n": value}) == sum(row[1] == value for row in model.values())
            model = {key: row for key, row in model.items() if row[1] != value}
        else:
            found = [each.similarity for each in vectors.search("c", value, threshold=0.2, limit=3)]
            wanted = sorted((cosine(value, row[0]) for row in model.values()), reverse=True)
            assert found == pytest.approx([each for each in wanted if each >= 0.2 - 1e-9][:3], abs=1e-6)
    stored = connection.execute(
        "SELECT key, embedding::real[], (metadata ->> 'n')::integer, text_content"
        " FROM vector_embeddings WHERE user_id = %s",
        [user],
    ).fetchall()
    assert {key: (vector, number, text) for key, vector, number, text in stored} == model


def test_writers_of_the_same_rows_in_any_order_do_not_collide(store: runfold.Store, user: UUID) -> None:
    """Both make the collection, and write the same keys in opposite order, again and again."""
    failed: list[BaseException] = []
    together = threading.Barrier(4)

    def write(number: int) -> None:
        try:
            for turn in range(15):
                keys = [str(n) for n in range(40)]
                together.wait(timeout=60)
                store.vectors(user).upsert(
                    f"c{turn}",
                    [
                        {"key": key, "text": f"{key} by {number}", "embedding": [1.0, number + 1.0]}
                        for key in (reversed(keys) if number % 2 else keys)
                    ],
                )
        except BaseException as exc:
            failed.append(exc)
            together.abort()

    threads = [threading.Thread(target=write, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert [each.rows for each in store.vectors(user).collections()] == [40] * 15


def test_control_rows_without_an_order_make_writers_collide(
    connection: psycopg.Connection[Any], store: runfold.Store, database_url: str, user: UUID
) -> None:
    """Two sessions that write two rows in opposite order: PostgreSQL ends one of them."""
    store.vectors(user).upsert("c", [{"key": key, "text": "t", "embedding": [1.0, 2.0]} for key in "ab"])
    change = "UPDATE vector_embeddings SET text_content = 'x' WHERE user_id = %s AND key = %s"
    with psycopg.connect(database_url) as one, psycopg.connect(database_url) as other:
        one.execute(change, [user, "a"])
        other.execute(change, [user, "b"])
        ended: list[str | None] = []

        def wait() -> None:
            try:
                other.execute(change, [user, "a"])
            except psycopg.errors.DeadlockDetected as exc:
                ended.append(exc.sqlstate)

        thread = threading.Thread(target=wait)
        thread.start()
        try:
            one.execute(change, [user, "b"])
        except psycopg.errors.DeadlockDetected as exc:
            ended.append(exc.sqlstate)
            one.rollback()
        thread.join()
    assert ended == ["40P01"]
