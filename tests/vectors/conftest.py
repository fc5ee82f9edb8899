"""Fixtures of the tests of vectors: users, sessions of a tenant, and small vectors that are the same in each run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.fixtures.stores import store

__all__ = ["store"]

Rows = list[tuple[Any, ...]]
AsTenant = Callable[..., Rows]


@pytest.fixture(autouse=True)
def _needs_pgvector(connection: psycopg.Connection[Any]) -> None:
    if connection.execute("SELECT to_regclass('public.vector_embeddings')").fetchone() == (None,):
        pytest.skip("this server has no pgvector")


@pytest.fixture
def user(connection: psycopg.Connection[Any]) -> UUID:
    return new_user(connection)


@pytest.fixture
def other(connection: psycopg.Connection[Any]) -> UUID:
    """Another user."""
    return new_user(connection)


def new_user(connection: psycopg.Connection[Any]) -> UUID:
    made = uuid4()
    connection.execute("INSERT INTO auth.users (id) VALUES (%s)", [made])
    return made


@contextmanager
def acting(connection: psycopg.Connection[Any], user: UUID | None, role: str = "authenticated") -> Iterator[None]:
    """Run the block's statements as a user's request, which is rolled back."""
    claims = json.dumps({"sub": str(user), "role": role}) if user else ""
    with connection.transaction(force_rollback=True):
        connection.execute(
            "SELECT set_config('role', %s, true), set_config('request.jwt.claims', %s, true)", [role, claims]
        )
        yield


def some_vectors(count: int, dimensions: int, seed: int = 1) -> list[list[float]]:
    random = Random(seed)
    return [[round(random.gauss(0, 1), 4) for _ in range(dimensions)] for _ in range(count)]


def cosine(one: list[float], other: list[float]) -> float:
    dot = sum(a * b for a, b in zip(one, other, strict=True))
    return float(dot / (sum(a * a for a in one) ** 0.5 * sum(b * b for b in other) ** 0.5))


@pytest.fixture
def filled(connection: psycopg.Connection[Any], user: UUID, other: UUID) -> dict[UUID, list[list[float]]]:
    """200 rows of 8 dimensions of each of two users, in a collection of the same name."""
    made = {}
    for number, each in enumerate((user, other)):
        made[each] = vectors = some_vectors(200, 8, seed=number + 1)
        with connection.cursor() as cursor:
            cursor.executemany(
                """INSERT INTO public.vector_embeddings (user_id, collection_name, key, text_content, embedding)
                   VALUES (%s, 'notes', %s, %s, %s)""",
                [(each, str(n), f"note {n} of {number}", str(vector)) for n, vector in enumerate(vectors)],
            )
    return made
