# Generated from ../aio/knowledge.py by `make sync`: edit that file, never this one.
"""What agents know: facts, from when to when they hold, and rules."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

import orjson

from runfold.memory import checks
from runfold.memory.rows import Fact
from runfold.memory.sync.rules import Rules
from runfold.memory.sync.session import Part

MAX_FOUND = 100
MAX_LISTED = 1000


class Knowledge(Part):
    """The facts of a tenant, and its rules. What finds facts in texts is a model of yours: runfold keeps them."""

    @cached_property
    def rules(self) -> Rules:
        """The rules that agents follow."""
        return Rules(self._session, self.user_id, service=self._service)

    def learn(
        self,
        subject: str,
        predicate: str,
        object: Any,  # noqa: A002 - the column's name
        *,
        confidence: float | None = None,
        valid_from: datetime | None = None,
        valid_to: datetime | None = None,
        exclusive: bool = False,
        source: str | None = None,
        domain: str | None = None,
        fact_type: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        ttl: timedelta | None = None,
    ) -> Fact:
        """Return the fact as it is kept now: it holds from `valid_from`, or from now on, until `valid_to`.

        `object` is any JSON. What holds at that time already is validated and keeps its id. An `exclusive` fact ends
        the others of its subject and predicate that hold then; nothing is overwritten, `history` has all. A fact ends
        where the next one begins that says the same or that it excludes. Raises InvalidInput.
        """
        content = {
            "confidence": checks.share(confidence, "/confidence"),
            "source": checks.optional_name(source, "/source"),
            "domain": checks.optional_name(domain, "/domain", 100),
            "fact_type": checks.optional_name(fact_type, "/fact_type", 100),
        }
        if metadata is not None:
            content["metadata"] = orjson.loads(checks.json_text(metadata, "/metadata", "object"))
        (row,) = self._fetch(
            "learn_fact",
            subject=checks.name(subject, "/subject", 500),
            predicate=checks.name(predicate, "/predicate"),
            object=checks.json_text(object, "/object"),
            content=orjson.dumps(content).decode(),
            valid_from=checks.time(valid_from, "/valid_from"),
            valid_to=checks.time(valid_to, "/valid_to"),
            exclusive=bool(exclusive),
            ttl=checks.life(ttl),
        )
        return Fact(**row)

    def about(
        self,
        subject: str,
        *,
        predicate: str | None = None,
        domain: str | None = None,
        at: datetime | None = None,
        limit: int = 100,
    ) -> list[Fact]:
        """Return the facts about a subject that hold now, or at a time."""
        rows = self._fetch(
            "facts_about",
            subject=checks.text(subject, "/subject"),
            predicate=checks.optional_text(predicate, "/predicate"),
            domain=checks.optional_text(domain, "/domain"),
            at=checks.time(at, "/at"),
            limit=checks.integer(limit, "/limit", 1, MAX_LISTED),
        )
        return [Fact(**row) for row in rows]

    def search(
        self,
        query: str | None = None,
        *,
        object: Any = None,  # noqa: A002 - the column's name
        metadata: Mapping[str, Any] | None = None,
        domain: str | None = None,
        at: datetime | None = None,
        limit: int = 10,
    ) -> list[Fact]:
        """Return up to 100 facts that hold now, or at a time, and match every filter, the best first.

        `query` are words of subject, predicate and object. `object` and `metadata` are found where a fact has them,
        among others.
        """
        rows = self._search(
            "search_facts",
            query=checks.optional_text(query, "/query", 1000),
            object=checks.optional_json(object, "/object"),
            metadata=checks.optional_json(metadata, "/metadata", "object"),
            domain=checks.optional_text(domain, "/domain"),
            at=checks.time(at, "/at"),
            limit=checks.integer(limit, "/limit", 1, MAX_FOUND),
        )
        return [Fact(**row) for row in rows]

    def retract(
        self,
        subject: str,
        predicate: str,
        object: Any = None,  # noqa: A002 - the column's name
        *,
        at: datetime | None = None,
    ) -> list[Fact]:
        """End the facts that hold now, or at a time, and return them. Without `object`, all of the predicate."""
        rows = self._fetch(
            "retract_facts",
            subject=checks.text(subject, "/subject"),
            predicate=checks.text(predicate, "/predicate"),
            object=checks.optional_json(object, "/object"),
            at=checks.time(at, "/at"),
        )
        return [Fact(**row) for row in rows]

    def history(self, subject: str, predicate: str | None = None, *, limit: int = 100) -> list[Fact]:
        """Return all that was known about a subject, in the order in which it held."""
        rows = self._fetch(
            "fact_history",
            subject=checks.text(subject, "/subject"),
            predicate=checks.optional_text(predicate, "/predicate"),
            limit=checks.integer(limit, "/limit", 1, MAX_LISTED),
        )
        return [Fact(**row) for row in rows]

    def delete(
        self,
        fact: UUID | None = None,
        *,
        subject: str | None = None,
        predicate: str | None = None,
        domain: str | None = None,
    ) -> int:
        """Delete the facts that match every filter, with their history, and return how many.

        To end a fact and keep its history, `retract` it. Raises FilterMissing without a filter.
        """
        checks.some_filter(fact=fact, subject=subject, predicate=predicate, domain=domain)
        return self._count(
            "delete_facts",
            fact=None if fact is None else checks.uuid(fact, "/fact"),
            subject=checks.optional_text(subject, "/subject"),
            predicate=checks.optional_text(predicate, "/predicate"),
            domain=checks.optional_text(domain, "/domain"),
        )
