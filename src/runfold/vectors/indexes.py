"""Build the index of each collection that is too large to be searched exactly, and drop what is left of others.

An index is partial: it holds one collection in half precision. It is built while others read and write, which only the
owner of the table can do, outside of any transaction, and which leaves an invalid index behind when it is interrupted.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from runfold.database.connections import mapped_errors
from runfold.errors import InvalidInput, PermissionDenied, VectorIndexFailed, VectorsUnavailable
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.vectors")

log = logging.getLogger(__name__)

EXACT_ROWS = 20_000
"""Up to so many rows a collection is searched exactly, in at most 50 ms."""

MOST_INDEXES = 64
"""The most indexes of collections: 300 of them raise the planning of each search from 0.2 to 4.4 ms."""

MOST_DIMENSIONS = 4_000
"""The most dimensions that an index in half precision takes."""

_LEAST_MEMORY, _MOST_MEMORY = 64 * 1024**2, 2 * 1024**3

Why = Literal["indexed", "exact", "build", "rebuild", "too many indexes", "too many dimensions"]
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class CollectionIndex:
    """A collection with its rows and its index, and what is to be done about it."""

    user_id: UUID
    collection_name: str
    dimensions: int
    index_name: str
    is_valid: bool | None
    bytes: int | None
    rows: int
    state: Why = "exact"

    @property
    def wanted(self) -> bool:
        """Whether an index is to be built."""
        return self.state in ("build", "rebuild")


def read_indexes(
    connection: psycopg.Connection[Any],
    *,
    user_id: UUID | None = None,
    collection: str | None = None,
    least: int | None = None,
) -> list[CollectionIndex]:
    """Return the collections, the largest first, each with what is to be done: `build` for more than `least` rows.

    `least` is EXACT_ROWS without it. Raises VectorsUnavailable where the database has no vectors.
    """
    require_vectors(connection)
    least = EXACT_ROWS if least is None else least
    with mapped_errors("runfold_operator"), connection.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(statement("collections"), {"user": user_id, "collection": collection}).fetchall()
        counted = cursor.execute(statement("index_count")).fetchone()
    free = MOST_INDEXES - (counted["count"] if counted else 0)
    made = []
    for row in found:
        state = _state(row, least, free)
        free -= state in ("build", "rebuild")
        made.append(CollectionIndex(**row, state=state))
    return made


def _state(row: dict[str, Any], least: int, free: int) -> Why:
    if row["is_valid"]:
        return "indexed"
    if row["rows"] <= least:
        return "exact"
    if row["dimensions"] > MOST_DIMENSIONS:
        return "too many dimensions"
    if free <= 0:
        return "too many indexes"
    return "build" if row["is_valid"] is None else "rebuild"


def require_vectors(connection: psycopg.Connection[Any]) -> None:
    """Raise VectorsUnavailable where the database has no vectors."""
    if connection.execute(statement("may_build")).fetchone() is None:
        raise VectorsUnavailable(hint="`runfold migrate` says what its server lacks")


def may_build(connection: psycopg.Connection[Any]) -> bool:
    """Return whether this login may build indexes, because it owns the table; False without vectors."""
    row = connection.execute(statement("may_build")).fetchone()
    return bool(row and row[0])


def abandoned_indexes(connection: psycopg.Connection[Any]) -> list[str]:
    """Return the indexes of collections that are there no more."""
    return [name for (name,) in connection.execute(statement("abandoned_indexes"))]


def build_all(
    connection: psycopg.Connection[Any],
    *,
    user_id: UUID | None = None,
    collection: str | None = None,
    least: int | None = None,
    progress: Progress = lambda _: None,
) -> list[CollectionIndex]:
    """Build every index that is wanted, and return them; drop those of collections that are gone.

    The connection is in autocommit. One process builds at a time. Raises PermissionDenied for a login that does not own
    the table, and VectorIndexFailed.
    """
    require_vectors(connection)
    row = connection.execute(statement("may_build")).fetchone()
    if row is not None and not row[0]:
        raise PermissionDenied(
            f"only {row[1]}, which owns public.vector_embeddings, may build its indexes",
            hint=f"run it as {row[1]}",
            role=row[1],
        )
    with _alone(connection):
        for name in abandoned_indexes(connection):
            progress(f"dropping {name}, whose collection is gone")
            _drop(connection, name)
        wanted = [
            each
            for each in read_indexes(connection, user_id=user_id, collection=collection, least=least)
            if each.wanted
        ]
        for each in wanted:
            progress(f"building {each.index_name} over {each.rows:,} rows of {each.collection_name}")
            build(connection, each)
    return wanted


def build(connection: psycopg.Connection[Any], wanted: CollectionIndex) -> None:
    """Build one index; what an interrupted build left behind is dropped first, and what this one leaves behind, too."""
    with connection.cursor() as cursor:
        cursor.execute(statement("building_without_end"))
        # In half precision, with its links, a third more: what does not fit is built many times slower.
        needed = round(wanted.rows * (2 * wanted.dimensions + 400) * 1.3)
        cursor.execute(statement("building_memory"), {"bytes": max(_LEAST_MEMORY, min(needed, _MOST_MEMORY))})
    _drop(connection, wanted.index_name)
    try:
        try:
            connection.execute(creation(connection, wanted))
        except psycopg.errors.DiskFull:
            # Its processes share memory, of which a container may have little.
            _drop(connection, wanted.index_name)
            connection.execute(statement("building_alone"))
            connection.execute(creation(connection, wanted))
    except psycopg.Error as exc:
        if not connection.closed:
            _drop(connection, wanted.index_name)
        raise VectorIndexFailed(
            f"the index of {wanted.collection_name} was not built: {exc.diag.message_primary or exc}",
            hint="fix the cause and try again: nothing was left behind",
            index=wanted.index_name,
            retryable=True,
        ) from exc


def creation(connection: psycopg.Connection[Any], wanted: CollectionIndex) -> sql.Composed:
    """Return the statement that builds an index; user, collection and size are constants that a search repeats."""
    row = connection.execute(statement("vector_schema")).fetchone()
    return sql.SQL(statement("create_index")).format(
        index=sql.Identifier(wanted.index_name),
        schema=sql.Identifier(row[0] if row else "public"),
        size=sql.Literal(wanted.dimensions),
        user=sql.Literal(str(wanted.user_id)),
        collection=sql.Literal(wanted.collection_name),
    )


def _drop(connection: psycopg.Connection[Any], name: str) -> None:
    connection.execute(sql.SQL(statement("drop_index")).format(index=sql.Identifier(name)))


@contextmanager
def _alone(connection: psycopg.Connection[Any]) -> Iterator[None]:
    row = connection.execute(statement("try_lock")).fetchone()
    if not (row and row[0]):
        raise InvalidInput(
            "another process builds indexes", hint="wait until it is done", code="index_builder_runs", retryable=True
        )
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute(statement("unlock"))
