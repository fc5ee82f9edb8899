"""Active triggers by their keys: which workflows does a call, a time or a message begin?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, LiteralString, Protocol
from uuid import UUID

from runfold.client.aio.log import statement
from runfold.domain.trigger import ActiveTrigger
from runfold.events.fields import TriggerSubtype


class AsyncReader(Protocol):
    """A store, or a tenant of it."""

    @property
    def user_id(self) -> UUID | None:
        """Whose rows it reads; None: everybody's."""

    async def _retried(self, query: LiteralString, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]: ...


class AsyncTriggers:
    """Active triggers by their key, from the read table trigger_index: as far as the deployments are folded.

    A store with a tenant, and a tenant itself, find that tenant's triggers only.
    """

    def __init__(self, store: AsyncReader) -> None:
        self._store = store

    async def by_webhook(self, path: str) -> list[ActiveTrigger]:
        """Return the triggers of the one workflow that a webhook path belongs to."""
        return await self._by_key("WEBHOOK", path)

    async def by_cron(self, expression: str) -> list[ActiveTrigger]:
        """Return the triggers of a cron expression."""
        return await self._by_key("CRON", expression)

    async def by_slack(self, workspace_id: str) -> list[ActiveTrigger]:
        """Return the triggers of a Slack workspace."""
        return await self._by_key("SLACK", workspace_id)

    async def by_email(self, address: str) -> list[ActiveTrigger]:
        """Return the triggers of an email address."""
        return await self._by_key("EMAIL", address)

    async def by_github(self, repository: str) -> list[ActiveTrigger]:
        """Return the triggers of a GitHub repository."""
        return await self._by_key("GITHUB", repository)

    async def all_of(self, subtype: TriggerSubtype, *, key: str | None = None) -> list[ActiveTrigger]:
        """Return every active trigger of a kind, by key, as a scheduler needs it; with `key`, only those with it."""
        if key is not None:
            return await self._by_key(subtype, key)
        parameters = {"subtype": subtype, "tenant": self._store.user_id}
        return [ActiveTrigger(*row) for row in await self._store._retried(statement("triggers_of_kind"), parameters)]

    async def _by_key(self, subtype: TriggerSubtype, key: str) -> list[ActiveTrigger]:
        parameters: dict[str, str | UUID | None] = {"subtype": subtype, "key": key, "tenant": self._store.user_id}
        return [ActiveTrigger(*row) for row in await self._store._retried(statement("triggers_by_key"), parameters)]
