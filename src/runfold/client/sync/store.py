# Generated from ../aio/store.py by `make sync`: edit that file, never this one.
"""The store that `runfold.connect` opens: the log, and what an engine writes to it with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from runfold.blobs.homes import BlobHome
from runfold.client.batches import WrittenAppend, answers_to, arrays_of, plain_appends
from runfold.client.sync.api_calls import ApiCalls
from runfold.client.sync.blobs import Blobs
from runfold.client.sync.credentials import Credentials
from runfold.client.sync.deployments import Deployments
from runfold.client.sync.engine import PATIENCE, Engine
from runfold.client.sync.executions import Executions
from runfold.client.sync.feed import close_feed
from runfold.client.sync.interactions import Interactions
from runfold.client.sync.log import Log, statement
from runfold.client.sync.registries import Models, NodeSpecifications, Tools
from runfold.client.sync.registry_cache import RegistryCache
from runfold.client.sync.responses import Responses
from runfold.client.sync.service import Service
from runfold.client.sync.subscriptions import Subscription
from runfold.client.sync.tenant import Tenant
from runfold.client.sync.triggers import Triggers
from runfold.client.sync.vectors import Vectors
from runfold.client.sync.workflows import Workflows
from runfold.client.sync.writer import change_streams
from runfold.client.vector_rows import Embedder
from runfold.domain.aggregate import Aggregate
from runfold.events.encoding import Default
from runfold.events.envelope import Appended, Bookmark
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

    def log_identity(self) -> UUID:
        """Return which log this is: an id that travels with dumps and replicas, and that a spool is bound to."""
        ((identity,),) = self._retried(statement("log_identity"), {})
        return UUID(str(identity))

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

    def engine(self, name: str | None = None, *, patience: int = PATIENCE) -> Engine:
        """Return an engine, to be used in `with`: it beats once a second, and holds what the store's handles run.

        `name` is for people, host and process if none is given. `patience` is how many beats of the leading worker,
        which beats twice a second, the engine may be silent before another may take its executions over.
        """
        return Engine(self, name, patience=patience)

    def close(self) -> None:
        """Close the connections."""
        close_feed(self)
        if "_registry_cache" in vars(self):
            self._registry_cache.close()
        super().close()

    @cached_property
    def blobs(self) -> Blobs:
        """Large values of tenants, and where their contents are."""
        return Blobs(self, self._settings.blob_folder)

    def keep_blobs_in(self, home: BlobHome) -> None:
        """Put the contents of blobs into a home of yours from now on, in place of RUNFOLD_BLOB_FOLDER or the database.

        What is in the database already is read from there.
        """
        self.blobs.home = home

    def put_blob(
        self,
        content: bytes,
        *,
        type: str = "application/octet-stream",  # noqa: A002 - as the reference calls it
        user_id: UUID | str | None = None,
    ) -> dict[str, Any]:
        """Keep a large value of a tenant, and return the reference that events hold in its place.

        The same content of one tenant is kept once. It is encrypted where policies name the tenant. Without `user_id`
        it is the store's. Raises InvalidInput for more than 268,435,456 bytes and a user that there is not.
        """
        return self.blobs.put(content, type, user_id)

    def get_blob(self, reference: Mapping[str, Any], *, user_id: UUID | str | None = None) -> bytes:
        """Return the large value that a reference names; raises BlobMissing, BlobDamaged, KeyUnavailable."""
        return self.blobs.get(reference, user_id)

    def delete_blob(self, reference: Mapping[str, Any], *, user_id: UUID | str | None = None) -> bool:
        """Delete a large value, and return whether there was one. Nothing looks whether events refer to it."""
        return self.blobs.delete(reference, user_id)

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

    def subscribe(
        self,
        *,
        after: int | Bookmark | Literal["now"] | None = None,
        types: Sequence[str] | None = None,
        streams: Sequence[str] | None = None,
        category: str | None = None,
        subscription: str | None = None,
        if_taken: Literal["wait", "raise"] = "wait",
        archived: Literal["skip"] | None = None,
    ) -> Subscription:
        """Return the log's events behind a bookmark, present and future, to iterate over: each at least once, in order.

        Each item has `event` and `bookmark`. `types`, `streams` and `category` limit the events. `after`: a position, a
        bookmark that you kept, or "now"; by default the beginning. With `subscription`, a name, the database keeps the
        bookmark, moved by `done`; `after` is then where a new one begins. A name has one consumer at a time: another
        one waits, or raises SubscriptionTaken with `if_taken="raise"`. `archived="skip"` leaves out what is archived
        behind `after`; else iterating raises LogArchived or StreamArchived.

        Iterating raises CheckpointAhead where the log is another one than the bookmark's, as after a restore,
        BehindPooler for a name where a pooler has no session of its own to give, and DatabaseUnavailable at the
        beginning; later it waits for the database.
        """
        return Subscription(
            self,
            after=after,
            types=types,
            streams=streams,
            category=category,
            subscription=subscription,
            if_taken=if_taken,
            archived=archived,
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
