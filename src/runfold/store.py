# Generated from async_store.py by `make sync`: edit that file, never this one.
"""The store that `runfold.connect` opens: the log, and what an engine writes to it with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any
from uuid import UUID

from runfold.deployments.deployments import Deployments
from runfold.deployments.triggers import Triggers
from runfold.human.interactions import Interactions
from runfold.human.responses import Responses
from runfold.log import store
from runfold.settings import Settings
from runfold.writing.aggregate import Aggregate
from runfold.writing.changes import change_streams
from runfold.writing.handles import Executions


def connect(url: str | None = None, *, user_id: UUID | None = None, settings: Settings | None = None) -> Store:
    """Open a store on the database of `url`, of RUNFOLD_DATABASE_URL, or on the embedded one, which starts by itself.

    `user_id` is the tenant that appends get when they name none. Raises SchemaOutdated or SchemaNewer when the database
    is not at this runfold's migrations, DatabaseUnavailable when it can not be reached.
    """
    return Store.connected(url, user_id=user_id, settings=settings)


class Store(store.Store):
    """The log with the handles that write to it; safe to share between threads.

    Close it, or use it in `with`.
    """

    @cached_property
    def executions(self) -> Executions:
        """Executions: create one, or get the handle of one that is there."""
        return Executions(self)

    @cached_property
    def interactions(self) -> Interactions:
        """Questions to people."""
        return Interactions(self)

    @cached_property
    def responses(self) -> Responses:
        """What comes in through channels, to be matched with what was asked."""
        return Responses(self)

    @cached_property
    def deployments(self) -> Deployments:
        """The deployments and triggers of workflows."""
        return Deployments(self)

    @cached_property
    def triggers(self) -> Triggers:
        """What begins executions, by its key."""
        return Triggers(self)

    def change(
        self,
        change: Callable[..., Iterable[Aggregate]],
        *states: Aggregate,
        event_metadata: Mapping[str, Any] | None = None,
    ) -> list[Aggregate]:
        """Change several streams together, all or nothing, and return their new states.

        `states` name the streams: `Execution.named("7")`. `change` gets what they are, in their order, and returns what
        their commands make of them; it must do nothing but decide, as it is called again when another writer was
        faster. Raises IllegalTransition and whatever else `change` raises; VersionConflict when retrying did not help.
        """
        return change_streams(self, change, *states, event_metadata=event_metadata)
