"""Triggers: as a workflow is deployed with them, and as they are found by their keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from uuid import UUID

from runfold.events.fields import TriggerSubtype


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A trigger begins executions of a workflow. `name` is unique in the workflow; `key` is what is matched.

    The key of a webhook is its path, of a cron its expression, of Slack the workspace, of email the address, of GitHub
    the repository; texts are compared as they are. `config` comes back with what is found.
    """

    name: str
    subtype: TriggerSubtype
    key: str
    config: Mapping[str, Any] = field(default_factory=dict)
    node_id: str | None = None

    @classmethod
    def webhook(cls, path: str, *, name: str = "webhook", **about: Any) -> Self:
        """Return the trigger by calls of a path. While it is active, the path belongs to this workflow alone."""
        return cls(name=name, subtype="WEBHOOK", key=path, **about)

    @classmethod
    def cron(cls, expression: str, *, name: str = "cron", **about: Any) -> Self:
        """Return the trigger by time, as a cron expression says."""
        return cls(name=name, subtype="CRON", key=expression, **about)

    @classmethod
    def slack(cls, workspace_id: str, *, name: str = "slack", **about: Any) -> Self:
        """Return the trigger by messages in a Slack workspace."""
        return cls(name=name, subtype="SLACK", key=workspace_id, **about)

    @classmethod
    def email(cls, address: str, *, name: str = "email", **about: Any) -> Self:
        """Return the trigger by mails to an address."""
        return cls(name=name, subtype="EMAIL", key=address, **about)

    @classmethod
    def github(cls, repository: str, *, name: str = "github", **about: Any) -> Self:
        """Return the trigger by events of a GitHub repository, `owner/name`."""
        return cls(name=name, subtype="GITHUB", key=repository, **about)

    @classmethod
    def registered(cls, data: Mapping[str, Any]) -> Self:
        """Return the trigger that a TriggerRegistered event's data describes."""
        return cls(
            name=data["trigger"],
            subtype=data["trigger_subtype"],
            key=data["index_key"],
            config=data["trigger_config"],
            node_id=data.get("node_id"),
        )


@dataclass(frozen=True, slots=True)
class ActiveTrigger:
    """An active trigger, with the workflow that it begins."""

    workflow_id: UUID
    name: str
    node_id: str | None
    subtype: TriggerSubtype
    key: str
    config: Mapping[str, Any]
    user_id: UUID | None
