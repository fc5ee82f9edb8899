"""Documents in collections, found by their words, tags and metadata."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from runfold.memory import checks
from runfold.memory.aio.session import AsyncPart
from runfold.memory.rows import Document, FoundDocument

MAX_FOUND = 100
MAX_OFFSET = 10_000
MAX_LISTED = 1000


class AsyncDocuments(AsyncPart):
    """The documents of a tenant."""

    async def put(
        self,
        collection: str,
        id: str,  # noqa: A002 - the column's name
        content: str,
        *,
        title: str | None = None,
        description: str | None = None,
        search_content: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        category: str = "general",
        tags: Iterable[str] = (),
        language: str = "english",
        ttl: timedelta | None = None,
    ) -> Document:
        """Return the document as it is kept now, in place of the one with this id in the collection.

        `search_content` is searched in place of the content, where it is given; of both the first 200,000 characters.
        With `ttl` it is not read after that time. Raises InvalidInput.
        """
        (row,) = await self._fetch(
            "put_document",
            collection=checks.name(collection, "/collection"),
            id=checks.name(id, "/id"),
            content=checks.text(content, "/content", checks.MAX_DOCUMENT),
            title=checks.optional_name(title, "/title", 500),
            description=checks.optional_text(description, "/description"),
            search_content=checks.optional_text(search_content, "/search_content", checks.MAX_DOCUMENT),
            metadata=checks.optional_json(metadata, "/metadata", "object"),
            category=checks.name(category, "/category", 100),
            tags=checks.names(tags, "/tags"),
            language=checks.one_of(language, "/language", checks.LANGUAGES),
            ttl=checks.life(ttl),
        )
        return Document(**row)

    async def get(self, collection: str, id: str) -> Document | None:  # noqa: A002 - the column's name
        """Return the document with this id in the collection, or None."""
        rows = await self._fetch(
            "get_document", collection=checks.text(collection, "/collection"), id=checks.text(id, "/id")
        )
        return Document(**rows[0]) if rows else None

    async def search(
        self,
        query: str | None = None,
        *,
        collection: str | None = None,
        tags: Iterable[str] | None = None,
        category: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        limit: int = 10,
        offset: int = 0,
    ) -> list[FoundDocument]:
        """Return a page of the documents that match every filter, the best first; without `query` the newest first.

        `query` is what a person types: words, "a phrase", -without, or, and `begin*`. Each document is searched in its
        own language, and what matched is marked in `highlight`. A document has all of the `tags`, and the `metadata`
        among others.
        """
        rows = await self._search(
            "search_documents",
            query=checks.optional_text(query, "/query", 1000),
            collection=checks.optional_text(collection, "/collection"),
            tags=checks.names(tags, "/tags"),
            category=checks.optional_text(category, "/category"),
            metadata=checks.optional_json(metadata, "/metadata", "object"),
            limit=checks.integer(limit, "/limit", 1, MAX_FOUND),
            offset=checks.integer(offset, "/offset", 0, MAX_OFFSET),
        )
        found = [(row.pop("rank"), row.pop("highlight"), row) for row in rows]
        return [FoundDocument(Document(**row), rank, highlight) for rank, highlight, row in found]

    async def tags(
        self,
        query: str | None = None,
        *,
        collection: str | None = None,
        tags: Iterable[str] | None = None,
        limit: int = 50,
    ) -> dict[str, int]:
        """Return how many of the matching documents have each tag, the most frequent first."""
        rows = await self._search(
            "document_tags",
            query=checks.optional_text(query, "/query", 1000),
            collection=checks.optional_text(collection, "/collection"),
            tags=checks.names(tags, "/tags"),
            limit=checks.integer(limit, "/limit", 1, MAX_LISTED),
        )
        return {row["tag"]: row["documents"] for row in rows}

    async def collections(self, *, limit: int = 1000) -> dict[str, int]:
        """Return the collections with the number of their documents."""
        rows = await self._fetch("document_collections", limit=checks.integer(limit, "/limit", 1, MAX_LISTED))
        return {row["collection_name"]: row["documents"] for row in rows}

    async def delete(
        self,
        collection: str | None = None,
        id: str | None = None,  # noqa: A002 - the column's name
        *,
        tags: Iterable[str] | None = None,
        category: str | None = None,
        before: datetime | None = None,
    ) -> int:
        """Delete the documents that match every filter, and return how many; `before` is when they were last put.

        Raises FilterMissing without a filter.
        """
        checks.some_filter(collection=collection, id=id, tags=tags, category=category, before=before)
        return await self._count(
            "delete_documents",
            collection=checks.optional_text(collection, "/collection"),
            id=checks.optional_text(id, "/id"),
            tags=checks.names(tags, "/tags"),
            category=checks.optional_text(category, "/category"),
            before=checks.time(before, "/before"),
        )
