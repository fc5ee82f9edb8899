# Generated from ../aio/store.py by `make sync`: edit that file, never this one.
"""The store that `runfold.connect` opens: the log, and what an engine writes to it with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from runfold.client.batches import WrittenAppend, answers_to, arrays_of, plain_appends
from runfold.client.sync.api_calls import ApiCalls
from runfold.client.sync.credentials import Credentials
from runfold.client.sync.deployments import Deployments
from runfold.client.sync.executions import Executions
from runfold.client.sync.interactions import Interactions
from runfold.client.sync.log import Log, statement
from runfold.client.sync.registries import Models, NodeSpecifications, Tools
from runfold.client.sync.registry_cache import RegistryCache
from runfold.client.sync.responses import Responses
from runfold.client.sync.service import Service
from runfold.client.sync.tenant import Tenant
from runfold.client.sync.triggers import Triggers
from runfold.client.sync.vectors import Vectors
from runfold.client.sync.workflows import Workflows
from runfold.client.sync.writer import change_streams
from runfold.client.vector_rows import Embedder
from runfold.domain.aggregate import Aggregate
from runfold.events.encoding import Default
from runfold.events.envelope import Appended
from runfold.keys.masters import MasterKeySource
from runfold.settings import Settings

if TYPE_CHECKING:
    from runfold.client.sync.agent_memory import AgentMemory
    from runfold.reading.past.as_of import AsOf


def connect(
    url: str | None = None,
    *,
    user_id: UUID | None = None,
    settings: Settings | None = None,
    default: Default | None = None,
    master_keys: MasterKeySource | None = None,
) -> Store:
    """Open a store on the database of `url`, of RUNFOLD_DATABASE_URL, or on the embedded one, which starts by itself.

    `user_id` is the tenant that appends get when they name none. `default` returns what a value of a type that runfold
    does not know is written as, like the one of `json.dumps`. `master_keys` returns the keys that wrap tenants'
    keys, in place of RUNFOLD_MASTER_KEYS. Raises SchemaOutdated or SchemaNewer when the database
    is not at this runfold's migrations, DatabaseUnavailable when it cannot be reached.
    """
    return Store.connected(url, user_id=user_id, settings=settings, default=default, master_keys=master_keys)


class Store(Log):
    """The log with the handles that write to it; safe to share between threads or tasks.

    Close it, or use it in `with`.
    """

    @cached_property
    def executions(self) -> Executions:
        """Executions: create one, or get the handle of one that exists."""
        return Executions(self)

    @cached_property
    def interactions(self) -> Interactions:
        """Questions to people."""
        return Interactions(self)

    @cached_property
    def responses(self) -> Responses:
        """Messages that come in through channels, to be matched with questions."""
        return Responses(self)

    @cached_property
    def deployments(self) -> Deployments:
        """The deployments and triggers of workflows."""
        return Deployments(self)

    @cached_property
    def workflows(self) -> Workflows:
        """Definitions of workflows, and their versions."""
        return Workflows(self)

    @cached_property
    def credentials(self) -> Credentials:
        """What users have entrusted to reach services for them."""
        return Credentials(self)

    @cached_property
    def triggers(self) -> Triggers:
        """Active triggers by their keys."""
        return Triggers(self)

    def memory(self, user_id: UUID | str) -> AgentMemory:
        """Return the memory of a tenant, for a service that acts for it; the tenant's own is `as_user(…).memory`."""
        from runfold.client.sync.agent_memory import AgentMemory  # a writer of events does without

        return AgentMemory(Service(self), user_id, service=True)

    @cached_property
    def node_specifications(self) -> NodeSpecifications:
        """The kinds of nodes, with the parameters that each takes."""
        return NodeSpecifications(self, self._registry_cache)

    @cached_property
    def tools(self) -> Tools:
        """The tools of the Model Context Protocol."""
        return Tools(self, self._registry_cache)

    @cached_property
    def models(self) -> Models:
        """The models and what they cost."""
        return Models(self, self._registry_cache)

    @cached_property
    def api_calls(self) -> ApiCalls:
        """Calls of other services, recorded without their secrets."""
        return ApiCalls(self)

    @cached_property
    def _registry_cache(self) -> RegistryCache:
        return RegistryCache(self)

    def close(self) -> None:
        """Close the connections."""
        if "_registry_cache" in vars(self):
            self._registry_cache.close()
        super().close()

    def as_user(self, user_id: UUID | str) -> Tenant:
        """Return the tables as a tenant sees them: each call runs as `authenticated`, with the claims of that user.

        Raises InvalidInput for what is no UUID. Nothing is asked of the database before the first call.
        """
        return Tenant(self, user_id)

    def vectors(self, user_id: UUID, *, embedder: Embedder | None = None) -> Vectors:
        """Return a user's collections of vectors, with the rights of this store's login: for services.

        `embedder` makes vectors of texts. `store.as_user(user).vectors` is for the user's own session.
        """
        return Vectors(Service(self), user_id, embedder=embedder)

    def as_of(
        self,
        *,
        position: int | None = None,
        time: datetime | None = None,
        tables: Iterable[str] | None = None,
        streams: Iterable[str] | None = None,
        execution: str | None = None,
    ) -> AsOf:
        """Return the read tables as they were at a position or a time (when the server recorded), to query in `with`.

        Read-only, on a connection of its own, and nothing is left behind. What a query names is folded from the log
        then; `tables` folds those at once and reads no others; `streams`, or an `execution`, shows the rows of those
        alone, by index: an execution's with its log, interactions, the responses to them, child executions, and the
        status and deployments of its workflow. Raises PositionUnavailable beyond the safe head or before the log's
        start, UnknownExecution, UnknownStream, UnknownTable, PastReadOnly, FoldFailed.
        """
        from runfold.reading.past.as_of import AsOf  # and with it the projections, which a writer does without

        return AsOf(
            self.url,
            self._settings,
            position=position,
            time=time,
            tables=tables,
            streams=streams,
            execution=execution,
        )

    def append_encoded(
        self, appends: Sequence[WrittenAppend], *, repeats: Literal["skip"] | None = None
    ) -> list[Appended]:
        """Record events that are written as JSON already, as `append_many` does: the path of emitters.

        They go as arrays to `runfold.append_batch`, and in the other form where values are to be encrypted, or an event
        has a payload.
        """
        arrays = None if self.encryption.may_encrypt() else arrays_of(appends, self.user_id)
        if arrays is None:
            return self.append_many(plain_appends(appends), repeats=repeats)
        fits = answers_to(arrays["stream_ids"])
        rows = self._retried(statement("append_batch"), {**arrays, "repeats": repeats}, fits)
        return [Appended.of(*row) for row in rows]

    def change(
        self,
        change: Callable[..., Iterable[Aggregate]],
        *states: Aggregate,
        event_metadata: Mapping[str, Any] | None = None,
    ) -> list[Aggregate]:
        """Change several streams together, all or nothing, and return their new states.

        `states` name the streams: `Execution.named("7")`. `change` gets their states, in their order, and returns the
        states after its commands; it must do nothing but decide: it is called again when another writer was faster.
        Raises IllegalTransition and any other error of `change`; VersionConflict when retrying did not help.
        """
        return change_streams(self, change, *states, event_metadata=event_metadata)
