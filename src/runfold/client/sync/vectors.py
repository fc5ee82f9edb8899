# Generated from ../aio/vectors.py by `make sync`: edit that file, never this one.
"""Vectors of one user: texts with what a model made of them, in collections, to be searched by similarity and words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from psycopg import sql

from runfold.client.sync.log import statement
from runfold.client.vector_rows import (
    MOST_DIMENSIONS,
    Embedder,
    FailureSeen,
    Vector,
    VectorCollection,
    VectorFilter,
    VectorFound,
    VectorRow,
    VectorsUpserted,
    checked_name,
    embedded,
    encoded_rows,
    rows_of,
    vector_errors,
    vector_text,
)
from runfold.errors import InvalidInput
from runfold.events.fields import INT4
from runfold.memory import checks

if TYPE_CHECKING:
    from runfold.memory.sync.session import Session

_DEFAULT_DIMENSIONS = 1536


class Vectors:
    """The collections of vectors of one user.

    `embedder` makes a vector of each text of a list; it is called in a thread, and outside of any transaction. Every
    method raises VectorsUnavailable where the database has no pgvector.
    """

    def __init__(self, session: Session, user_id: UUID, *, embedder: Embedder | None = None) -> None:
        self.user_id = user_id
        self._session = session
        self._embedder = embedder

    def embedding_with(self, embedder: Embedder) -> Vectors:
        """Return the same collections, with an embedder for the rows and searches that have only a text."""
        return Vectors(self._session, self.user_id, embedder=embedder)

    def create(
        self, collection: str, *, model: str | None = None, dimensions: int | None = None, language: str | None = None
    ) -> VectorCollection:
        """Return the collection, made if it is new: 1,536 dimensions and English without further words.

        Raises InvalidInput for a collection that is there with another model, size or language.
        """
        asked = {
            "collection": checked_name(collection, "/collection"),
            "model": checks.optional_name(model, "/model"),
            "dimensions": checks.integer(
                _DEFAULT_DIMENSIONS if dimensions is None else dimensions, "/dimensions", 1, MOST_DIMENSIONS
            ),
            "language": checks.one_of("english" if language is None else language, "/language", checks.LANGUAGES),
        }
        # One that another session makes at this moment is not in the statement's snapshot.
        while not (rows := self._fetch("create_vector_collection", **asked)):
            pass
        found = VectorCollection(**rows[0])
        for name, wanted, given in (
            ("model", model, found.model),
            ("dimensions", dimensions, found.dimensions),
            ("language", language, found.language),
        ):
            if wanted is not None and given is not None and wanted != given:
                raise InvalidInput(
                    f"the {name} of the collection {collection} is {given}, not {wanted}",
                    hint="use another collection: a collection keeps what it was made with",
                    code=f"other_{name}",
                    pointer=f"/{name}",
                    limit=given,
                    found=wanted,
                )
        return found

    def collections(self) -> list[VectorCollection]:
        """Return the collections by name, each with its number of rows."""
        return [VectorCollection(**row) for row in self._fetch("vector_collections")]

    def upsert(
        self,
        collection: str,
        rows: Iterable[VectorRow | Mapping[str, Any]],
        *,
        model: str | None = None,
        language: str | None = None,
    ) -> VectorsUpserted:
        """Write rows by their keys, all or nothing, and return how many were added and changed.

        A row is a VectorRow, or a mapping with `text`, `embedding`, `key` and `metadata`. At most 10,000 rows, and
        64 MiB. The collection is made if it is new, with the size of the vectors. Raises InvalidInput for a row that
        cannot be written, and for vectors of another size or model than the collection's.
        """
        checked_name(collection, "/collection")
        checks.optional_name(model, "/model")
        given = rows_of(rows)
        if not given:
            return VectorsUpserted(0, 0)
        texts = [row.text for row in given if row.embedding is None]
        made = iter(self._embed(texts) if texts else [])
        vectors = [next(made) if row.embedding is None else row.embedding for row in given]
        encoded, size = encoded_rows(given, vectors, model)
        self.create(collection, model=model, dimensions=size, language=language)
        (counted,) = self._fetch("upsert_vectors", collection=collection, rows=encoded)
        return VectorsUpserted(**counted)

    def search(
        self, collection: str, query: str | Vector, *, threshold: float = 0.7, limit: int = 10
    ) -> list[VectorFound]:
        """Return the rows that are most similar to a text or a vector, the most similar first.

        At least `threshold` similar (the cosine, -1 to 1), and at most `limit` (1 to 1,000). A collection that is not
        there has none. Raises InvalidInput for a vector of another size than the collection's.
        """
        asked = {
            "collection": checked_name(collection, "/collection"),
            "threshold": checks.number(threshold, "/threshold"),
            "limit": checks.integer(limit, "/limit", -INT4, INT4),
        }
        rows = self._fetch("search_vectors", vector=self._vector(query), **asked)
        return [VectorFound(**row) for row in rows]

    def hybrid(
        self,
        collection: str,
        text: str,
        *,
        vector: Vector | None = None,
        limit: int = 10,
        vector_weight: float = 1.0,
        text_weight: float = 1.0,
    ) -> list[VectorFound]:
        """Return the rows that are near to a text's vector, or have its words, or both, the best first.

        The words are those of a search engine: `"a phrase"`, `or`, `-not`. Without `vector`, the embedder makes it.
        Raises as `search`.
        """
        asked = {
            "collection": checked_name(collection, "/collection"),
            "text": checks.text(text, "/text"),
            "limit": checks.integer(limit, "/limit", -INT4, INT4),
            "vector_weight": checks.number(vector_weight, "/vector_weight"),
            "text_weight": checks.number(text_weight, "/text_weight"),
        }
        wanted = self._vector(text if vector is None else vector)
        rows = self._fetch("search_vectors_hybrid", vector=wanted, **asked)
        return [VectorFound(**row) for row in rows]

    def delete(
        self,
        collection: str,
        *,
        keys: Sequence[str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        before: datetime | None = None,
    ) -> int:
        """Delete the rows with these keys, whose metadata contains this, and that were changed before; return how many.

        All that is given must hold. Raises FilterMissing without any: `drop` deletes a collection.
        """
        wanted = VectorFilter(keys, metadata, before).parameters()
        name = checked_name(collection, "/collection")
        return int((self._fetch("delete_vectors", collection=name, **wanted))[0]["deleted"])

    def similar_failures(
        self,
        message: str,
        *,
        threshold: float = 0.6,
        limit: int = 5,
        table: str = "projections.failure_embeddings",
    ) -> list[FailureSeen]:
        """Return the failures that were like this message, the most similar first; `same` for the same kind of failure.

        They come from the table of a projection of failures: see `runfold.vectors.failures`. The embedder is that
        projection's.
        """
        from runfold.vectors.failures import failure_hash, normalised  # and with it what a projection is

        checks.text(message, "/message")
        limits = {
            "threshold": checks.number(threshold, "/threshold"),
            "limit": checks.integer(limit, "/limit", 1, INT4),
        }
        where = sql.Identifier(*checks.name(table, "/table").split("."))
        (vector,) = self._embed([normalised(message)])
        query = sql.SQL(statement("similar_failures")).format(table=where)
        asked = {
            "user": self.user_id,
            "vector": vector_text(vector, "/message"),
            "hash": failure_hash(message),
            **limits,
        }
        with vector_errors():
            return [FailureSeen(**row) for row in self._session.fetch(query, asked)]

    def drop(self, collection: str) -> bool:
        """Delete a collection with its rows, and return whether there was one."""
        name = checked_name(collection, "/collection")
        return bool(self._fetch("drop_vector_collection", collection=name))

    def _vector(self, query: str | Vector) -> str:
        vectors = self._embed([query]) if isinstance(query, str) else [query]
        return vector_text(vectors[0], "/query")

    def _embed(self, texts: Sequence[str]) -> list[Vector]:
        if self._embedder is None:
            raise InvalidInput(
                "the texts have no vectors, and no embedder was given to make them",
                hint="give the vectors, or use vectors.embedding_with(embedder)",
                code="no_embedder",
            )
        return embedded(self._embedder, texts)

    def _fetch(self, name: str, **parameters: Any) -> list[dict[str, Any]]:
        with vector_errors():
            return self._session.fetch(statement(name), {"user": self.user_id, **parameters})
