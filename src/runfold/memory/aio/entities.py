"""What agents know by name: people, places, products, and how they are related."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from runfold.errors import UnknownEntity
from runfold.memory import checks
from runfold.memory.aio.session import AsyncPart
from runfold.memory.rows import Entity, EntityRelationship, RelatedEntity

MAX_DEPTH = 4
MAX_FOUND = 100
MAX_LISTED = 1000


class AsyncEntities(AsyncPart):
    """The entities of a tenant."""

    async def upsert(
        self,
        name: str,
        type: str,  # noqa: A002 - the column's name
        *,
        aliases: Iterable[str] = (),
        attributes: Mapping[str, Any] | None = None,
        importance: float | None = None,
        description: str | None = None,
    ) -> Entity:
        """Return the entity as it is now: new, or seen once more.

        An entity is one name of one type. Seen again, its `mention_count` grows by one; aliases are united, attributes
        are merged by their top-level keys, and importance (from 0 to 1) and description change where they are given.
        """
        (row,) = await self._fetch(
            "upsert_entity",
            name=checks.name(name, "/name", 500),
            type=checks.name(type, "/type", 100),
            aliases=checks.names(aliases, "/aliases", 500),
            attributes=checks.optional_json(attributes, "/attributes", "object"),
            importance=checks.share(importance, "/importance"),
            description=checks.optional_text(description, "/description"),
        )
        return Entity(**row)

    async def get(self, name: str, type: str) -> Entity | None:  # noqa: A002 - the column's name
        """Return the entity with this name and type, or None."""
        rows = await self._fetch("get_entity", name=checks.text(name, "/name"), type=checks.text(type, "/type"))
        return Entity(**rows[0]) if rows else None

    async def find(
        self,
        query: str | None = None,
        *,
        type: str | None = None,  # noqa: A002 - the column's name
        attributes: Mapping[str, Any] | None = None,
        limit: int = 10,
    ) -> list[Entity]:
        """Return up to 100 entities that match, who is named so first, then the best.

        `query` is a name, an alias or words of name, aliases and description, with `begin*` for the beginning of one.
        `attributes` are found where an entity has them, among others.
        """
        rows = await self._search(
            "search_entities",
            query=checks.optional_text(query, "/query", 1000),
            type=checks.optional_text(type, "/type"),
            attributes=checks.optional_json(attributes, "/attributes", "object"),
            limit=checks.integer(limit, "/limit", 1, MAX_FOUND),
        )
        return [Entity(**row) for row in rows]

    async def important(self, *, type: str | None = None, limit: int = 20) -> list[Entity]:  # noqa: A002
        """Return the most important entities."""
        rows = await self._fetch(
            "important_entities",
            type=checks.optional_text(type, "/type"),
            limit=checks.integer(limit, "/limit", 1, MAX_LISTED),
        )
        return [Entity(**row) for row in rows]

    async def relate(
        self,
        source: UUID,
        target: UUID,
        type: str,  # noqa: A002 - the column's name
        *,
        attributes: Mapping[str, Any] | None = None,
        confidence: float | None = None,
        known_from: str | None = None,
    ) -> EntityRelationship:
        """Return how two entities are related now, from `source` to `target`.

        Said again, attributes are merged and `confidence` (from 0 to 1) and `known_from` change where they are given.
        Raises UnknownEntity where the tenant has not both, InvalidInput for an entity with itself.
        """
        source, target = checks.uuid(source, "/source"), checks.uuid(target, "/target")
        checks.two(source, target, "/target")
        rows = await self._fetch(
            "relate",
            source=source,
            target=target,
            type=checks.name(type, "/type", 100),
            attributes=checks.optional_json(attributes, "/attributes", "object"),
            confidence=checks.share(confidence, "/confidence"),
            known_from=checks.optional_name(known_from, "/known_from"),
        )
        if not rows:
            raise UnknownEntity(
                f"the tenant has no entity {source}, or no {target}", hint="look them up by their names"
            )
        return EntityRelationship(**rows[0])

    async def relationships(self, entity: UUID, *, limit: int = 100) -> list[EntityRelationship]:
        """Return the relationships of an entity, in both directions."""
        rows = await self._fetch(
            "entity_relationships",
            entity=checks.uuid(entity, "/entity"),
            limit=checks.integer(limit, "/limit", 1, MAX_LISTED),
        )
        return [EntityRelationship(**row) for row in rows]

    async def related(self, entity: UUID, *, depth: int = 1, limit: int = 100) -> list[RelatedEntity]:
        """Return the entities around one, the nearest first, over up to four relationships in both directions."""
        rows = await self._fetch(
            "related_entities",
            entity=checks.uuid(entity, "/entity"),
            depth=checks.integer(depth, "/depth", 1, MAX_DEPTH),
            limit=checks.integer(limit, "/limit", 1, MAX_LISTED),
        )
        distances = [row.pop("distance") for row in rows]
        return [RelatedEntity(Entity(**row), far) for row, far in zip(rows, distances, strict=True)]

    async def merge(self, keep: UUID, drop: UUID) -> Entity:
        """Return the entity `keep` with all that was known of `drop`, which is deleted.

        Its name becomes an alias, its relationships those of `keep`. Raises UnknownEntity, and InvalidInput for an
        entity with itself.
        """
        (row,) = await self._fetch("merge_entities", keep=checks.uuid(keep, "/keep"), drop=checks.uuid(drop, "/drop"))
        return Entity(**row)

    async def delete(
        self,
        entity: UUID | None = None,
        *,
        type: str | None = None,  # noqa: A002 - the column's name
        not_seen_since: datetime | None = None,
    ) -> int:
        """Delete the entities that match every filter, with their relationships, and return how many.

        Raises FilterMissing without a filter.
        """
        checks.some_filter(entity=entity, type=type, not_seen_since=not_seen_since)
        return await self._count(
            "delete_entities",
            entity=None if entity is None else checks.uuid(entity, "/entity"),
            type=checks.optional_text(type, "/type"),
            not_seen_since=checks.time(not_seen_since, "/not_seen_since"),
        )
