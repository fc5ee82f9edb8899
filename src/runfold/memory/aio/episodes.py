"""What happened: who did what to what, in which context, with which outcome."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from runfold.memory import checks
from runfold.memory.aio.session import AsyncPart
from runfold.memory.rows import Episode

MAX_FOUND = 100
MAX_LISTED = 1000


class AsyncEpisodes(AsyncPart):
    """The episodes of a tenant."""

    async def record(
        self,
        actor: str,
        action: str,
        object: str | None = None,  # noqa: A002 - the column's name
        *,
        context: Any = None,
        outcome: Any = None,
        importance: float = 0.5,
        at: datetime | None = None,
        session: str | None = None,
        description: str | None = None,
        language: str = "english",
        ttl: timedelta | None = None,
    ) -> Episode:
        """Return the episode as it was recorded.

        `importance` is from 0 to 1, kept in hundredths; `at` is now without it. `context` and `outcome` are any JSON.
        With `ttl` it is not read after that time. Raises InvalidInput.
        """
        (row,) = await self._fetch(
            "record_episode",
            actor=checks.name(actor, "/actor"),
            action=checks.name(action, "/action"),
            object=checks.optional_text(object, "/object"),
            context=checks.optional_json(context, "/context"),
            outcome=checks.optional_json(outcome, "/outcome"),
            importance=checks.share(importance, "/importance"),
            at=checks.time(at, "/at"),
            session=checks.optional_name(session, "/session"),
            description=checks.optional_text(description, "/description"),
            language=checks.one_of(language, "/language", checks.LANGUAGES),
            ttl=checks.life(ttl),
        )
        return Episode(**row)

    async def recent(
        self,
        *,
        actor: str | None = None,
        session: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        min_importance: float | None = None,
        limit: int = 20,
    ) -> list[Episode]:
        """Return the newest episodes that match every filter; `until` is exclusive."""
        rows = await self._fetch(
            "recent_episodes",
            actor=checks.optional_text(actor, "/actor"),
            session=checks.optional_text(session, "/session"),
            since=checks.time(since, "/since"),
            until=checks.time(until, "/until"),
            min_importance=checks.share(min_importance, "/min_importance"),
            limit=checks.integer(limit, "/limit", 1, MAX_LISTED),
        )
        return [Episode(**row) for row in rows]

    async def search(
        self,
        query: str,
        *,
        actor: str | None = None,
        session: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 10,
    ) -> list[Episode]:
        """Return up to 100 episodes by their words, the best first.

        `query` is what a person types: words, "a phrase", -without, or, and `begin*`. Each episode is searched in its
        own language.
        """
        rows = await self._search(
            "search_episodes",
            query=checks.text(query, "/query", 1000),
            actor=checks.optional_text(actor, "/actor"),
            session=checks.optional_text(session, "/session"),
            since=checks.time(since, "/since"),
            until=checks.time(until, "/until"),
            limit=checks.integer(limit, "/limit", 1, MAX_FOUND),
        )
        return [Episode(**row) for row in rows]

    async def delete(
        self,
        episode: UUID | None = None,
        *,
        actor: str | None = None,
        session: str | None = None,
        before: datetime | None = None,
    ) -> int:
        """Delete the episodes that match every filter, and return how many. Raises FilterMissing without a filter."""
        checks.some_filter(episode=episode, actor=actor, session=session, before=before)
        return await self._count(
            "delete_episodes",
            episode=None if episode is None else checks.uuid(episode, "/episode"),
            actor=checks.optional_text(actor, "/actor"),
            session=checks.optional_text(session, "/session"),
            before=checks.time(before, "/before"),
        )
