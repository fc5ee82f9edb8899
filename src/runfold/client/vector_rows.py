"""What goes into a collection of vectors and comes out of it, and how it is written for PostgreSQL."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
import psycopg

from runfold.errors import FilterMissing, InvalidInput, SchemaOutdated, VectorsUnavailable
from runfold.events.ids import new_id
from runfold.memory import checks

Vector = Sequence[float] | Any
"""The numbers of a vector: a sequence of floats, numpy's array, or pgvector's Vector."""

Embedder = Callable[[Sequence[str]], Sequence[Vector]]
"""Makes a vector of each text, in their order."""

MOST_ROWS = 10_000
"""The most rows of one upsert."""

MOST_BYTES = 64 * 1024 * 1024
"""The most bytes of one upsert, as JSON."""

MOST_DIMENSIONS = 16_000
_LONGEST_NAME = 255
_SIZE = "vector_embedding_is_in_a_collection_of_its_size"


@dataclass(frozen=True, slots=True)
class VectorCollection:
    """A collection: all of its vectors have its `dimensions` and come from its `model`."""

    name: str
    model: str | None
    dimensions: int
    language: str
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class VectorRow:
    """A row to write: without `embedding`, the embedder makes it; without `key`, the row gets a random one."""

    text: str
    embedding: Vector | None = None
    key: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VectorFound:
    """A row that a search found.

    `similarity` is the cosine, from -1 to 1; None in a hybrid search for a row that only the words found. `score` and
    `text_rank` are those of a hybrid search.
    """

    id: UUID
    text: str
    metadata: Mapping[str, Any]
    similarity: float | None
    score: float | None = None
    text_rank: float | None = None


@dataclass(frozen=True, slots=True)
class VectorsUpserted:
    """How many rows an upsert added, and how many it changed; rows that were the same already are neither."""

    inserted: int
    updated: int


@dataclass(frozen=True, slots=True)
class FailureSeen:
    """A failure that was seen before: its first message, how often and when, and how similar it is (the cosine).

    `same`: its message differs in ids, times and numbers only.
    """

    message: str
    occurrences: int
    first_seen: datetime
    last_seen: datetime
    last_stream_id: str
    similarity: float
    same: bool


@dataclass(frozen=True, slots=True)
class VectorFilter:
    """Which rows of a collection: those with these keys, whose metadata contains this, that are older than this."""

    keys: Sequence[str] | None = None
    metadata: Mapping[str, Any] | None = None
    before: datetime | None = None

    def parameters(self) -> dict[str, Any]:
        """Return the parameters of `delete_vectors`; raises FilterMissing for a filter that leaves nothing out."""
        if self.keys is None and not self.metadata and self.before is None:
            raise FilterMissing(hint="give keys, metadata or before; drop() deletes a whole collection")
        keys = None if self.keys is None else checks.items(self.keys, "/keys")
        return {
            "keys": None if keys is None else [checked_name(key, f"/keys/{n}") for n, key in enumerate(keys)],
            "metadata": None if not self.metadata else checks.json_text(self.metadata, "/metadata", "object"),
            "before": checks.time(self.before, "/before"),
        }


def vector_text(vector: Vector, pointer: str) -> str:
    """Return a vector as PostgreSQL reads it; raises InvalidInput for what is not a list of finite numbers."""
    for method in ("to_list", "tolist"):  # pgvector's, and numpy's
        if hasattr(vector, method):
            vector = getattr(vector, method)()
            break
    try:
        numbers = [float(number) for number in vector]
    except (TypeError, ValueError):
        raise InvalidInput(
            f"{pointer} is not a list of numbers", code="invalid_vector", pointer=pointer, found=type(vector).__name__
        ) from None
    if not 1 <= len(numbers) <= MOST_DIMENSIONS:
        raise InvalidInput(
            f"{pointer} has {len(numbers)} dimensions, and may have 1 to {MOST_DIMENSIONS:,}",
            code="invalid_vector",
            pointer=pointer,
            limit=MOST_DIMENSIONS,
            found=len(numbers),
        )
    for index, number in enumerate(numbers):
        if not math.isfinite(number):
            raise InvalidInput(
                f"{pointer}/{index} is {number}, and a vector takes finite numbers",
                code="invalid_vector",
                pointer=f"{pointer}/{index}",
                found=str(number),
            )
    if not 0.001 <= math.sqrt(sum(number * number for number in numbers)) <= 60_000:
        raise InvalidInput(
            f"{pointer} has no usable length: a vector must be between 0.001 and 60,000 long",
            hint="scale it: cosine similarity does not depend on the length",
            code="invalid_vector",
            pointer=pointer,
        )
    return orjson.dumps(numbers).decode()


def embedded(embedder: Embedder, texts: Sequence[str]) -> list[Vector]:
    """Return the embedder's vectors; raises InvalidInput if it returned another number of them."""
    vectors = list(embedder(texts))
    if len(vectors) != len(texts):
        raise InvalidInput(
            f"the embedder returned {len(vectors)} vectors for {len(texts)} texts",
            hint="return one vector a text, in their order",
            code="invalid_embedder",
            limit=len(texts),
            found=len(vectors),
        )
    return vectors


@contextmanager
def vector_errors() -> Iterator[None]:
    """Raise runfold's errors for what a statement on vectors is refused."""
    try:
        yield
    except SchemaOutdated as exc:
        raise VectorsUnavailable(hint="`runfold migrate` says what its server lacks") from exc
    except psycopg.errors.ForeignKeyViolation as exc:
        if exc.diag.constraint_name == _SIZE:
            raise InvalidInput(
                "the vectors have another size than those of the collection",
                hint="use the collection's model to make them",
                code="other_dimensions",
            ) from exc
        raise InvalidInput(
            "the user does not exist",
            hint="give the id of a row of auth.users",
            code="unknown_user",
            pointer="/user_id",
        ) from exc
    except psycopg.errors.CheckViolation as exc:
        raise InvalidInput(
            f"the rule {exc.diag.constraint_name} is broken", code="rule_broken", found=exc.diag.constraint_name
        ) from exc


def rows_of(rows: Iterable[VectorRow | Mapping[str, Any]]) -> list[VectorRow]:
    """Return the rows, with their keys and texts checked; raises InvalidInput."""
    found = [_row(row, f"/rows/{index}") for index, row in enumerate(checks.items(rows, "/rows"))]
    if len(found) > MOST_ROWS:
        raise InvalidInput(
            f"{len(found):,} rows are more than one upsert takes",
            hint="send them in parts",
            code="too_many_rows",
            pointer="/rows",
            limit=MOST_ROWS,
            found=len(found),
        )
    keys: dict[str, int] = {}
    for index, row in enumerate(found):
        if row.key is not None and (first := keys.setdefault(row.key, index)) != index:
            raise InvalidInput(
                f"rows {first} and {index} have the same key {row.key!r}",
                hint="give each row a key of its own",
                code="duplicate_key",
                pointer=f"/rows/{index}/key",
                found=row.key,
            )
    return found


def encoded_rows(rows: Sequence[VectorRow], vectors: Sequence[Vector], model: str | None) -> tuple[str, int]:
    """Return the rows with their vectors as the JSON that `upsert_vectors` reads, and the size of the vectors."""
    texts = [vector_text(vector, f"/rows/{index}/embedding") for index, vector in enumerate(vectors)]
    sizes = [text.count(",") + 1 for text in texts]
    for index, size in enumerate(sizes):
        if size != sizes[0]:
            raise InvalidInput(
                f"/rows/{index}/embedding has {size} dimensions, and the first row's has {sizes[0]}",
                code="other_dimensions",
                pointer=f"/rows/{index}/embedding",
                limit=sizes[0],
                found=size,
            )
    parts = [
        {
            "key": row.key or str(new_id()),
            "text_content": row.text,
            "embedding": texts[index],
            "model": model,
            "metadata": orjson.Fragment(checks.json_text(row.metadata, f"/rows/{index}/metadata", "object")),
        }
        for index, row in enumerate(rows)
    ]
    encoded = orjson.dumps(parts).decode()
    if len(encoded) > MOST_BYTES:
        raise InvalidInput(
            f"the rows take {len(encoded):,} bytes, more than one upsert takes",
            hint="send them in parts",
            code="too_many_bytes",
            pointer="/rows",
            limit=MOST_BYTES,
            found=len(encoded),
        )
    return encoded, sizes[0]


def checked_name(name: Any, pointer: str) -> str:
    """Return a name of a collection or a key; raises InvalidInput for an empty or a long one."""
    return checks.name(name, pointer, _LONGEST_NAME)


def _row(given: Any, pointer: str) -> VectorRow:
    row = given
    if not isinstance(row, VectorRow):
        try:
            row = VectorRow(**given)
        except TypeError:
            raise InvalidInput(
                f"{pointer} has other fields than text, embedding, key and metadata, or no text",
                code="invalid_row",
                pointer=pointer,
                found=sorted(map(str, given)) if isinstance(given, Mapping) else type(given).__name__,
            ) from None
    checks.text(row.text, f"{pointer}/text", MOST_BYTES)
    if row.key is not None:
        checked_name(row.key, f"{pointer}/key")
    return row
