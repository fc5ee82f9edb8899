# Generated from ../aio/triggers.py by `make sync`: edit that file, never this one.
"""Active triggers by their keys: which workflows does a call, a time or a message begin?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, LiteralString, Protocol
from uuid import UUID

from runfold.client.sync.log import statement
from runfold.domain.trigger import ActiveTrigger
from runfold.events.fields import TriggerSubtype


class Reader(Protocol):
    """A store, or a tenant of it."""

    @property
    def user_id(self) -> UUID | None:
        """Whose rows it reads; None: everybody's."""

    def _retried(self, query: LiteralString, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]: ...


class Triggers:
    """Active triggers by their key, from the read table trigger_index: as far as the deployments are folded.

    A store with a tenant, and a tenant itself, find that tenant's triggers only.
    """

    def __init__(self, store: Reader) -> None:
        self._store = store

    def by_webhook(self, path: str) -> list[ActiveTrigger]:
        """Return the triggers of the one workflow that a webhook path belongs to."""
        return self._by_key("WEBHOOK", path)

    def by_cron(self, expression: str) -> list[ActiveTrigger]:
        """Return the triggers of a cron expression."""
        return self._by_key("CRON", expression)

    def by_slack(self, workspace_id: str) -> list[ActiveTrigger]:
        """Return the triggers of a Slack workspace."""
        return self._by_key("SLACK", workspace_id)

    def by_email(self, address: str) -> list[ActiveTrigger]:
        """Return the triggers of an email address."""
        return self._by_key("EMAIL", address)

    def by_github(self, repository: str) -> list[ActiveTrigger]:
        """Return the triggers of a GitHub repository."""
        return self._by_key("GITHUB", repository)

    def all_of(self, subtype: TriggerSubtype, *, key: str | None = None) -> list[ActiveTrigger]:
        """Return every active trigger of a kind, by key, as a scheduler needs it; with `key`, only those with it."""
        if key is not None:
            return self._by_key(subtype, key)
        parameters = {"subtype": subtype, "tenant": self._store.user_id}
        return [ActiveTrigger(*row) for row in self._store._retried(statement("triggers_of_kind"), parameters)]

    def _by_key(self, subtype: TriggerSubtype, key: str) -> list[ActiveTrigger]:
        parameters: dict[str, str | UUID | None] = {"subtype": subtype, "key": key, "tenant": self._store.user_id}
        return [ActiveTrigger(*row) for row in self._store._retried(statement("triggers_by_key"), parameters)]
