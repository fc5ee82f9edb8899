"""The store that `runfold.connect_async` opens: the log, and what an engine writes to it with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from runfold.blobs.homes import BlobHome
from runfold.client.aio.api_calls import AsyncApiCalls
from runfold.client.aio.blobs import AsyncBlobs
from runfold.client.aio.credentials import AsyncCredentials
from runfold.client.aio.deployments import AsyncDeployments
from runfold.client.aio.engine import PATIENCE, AsyncEngine
from runfold.client.aio.executions import AsyncExecutions
from runfold.client.aio.feed import close_feed
from runfold.client.aio.interactions import AsyncInteractions
from runfold.client.aio.log import AsyncLog, statement
from runfold.client.aio.registries import AsyncModels, AsyncNodeSpecifications, AsyncTools
from runfold.client.aio.registry_cache import AsyncRegistryCache
from runfold.client.aio.responses import AsyncResponses
from runfold.client.aio.service import AsyncService
from runfold.client.aio.subscriptions import AsyncSubscription
from runfold.client.aio.tenant import AsyncTenant
from runfold.client.aio.triggers import AsyncTriggers
from runfold.client.aio.vectors import AsyncVectors
from runfold.client.aio.workflows import AsyncWorkflows
from runfold.client.aio.writer import change_streams
from runfold.client.batches import WrittenAppend, answers_to, arrays_of, plain_appends
from runfold.client.vector_rows import Embedder
from runfold.domain.aggregate import Aggregate
from runfold.events.encoding import Default
from runfold.events.envelope import Appended, Bookmark
from runfold.keys.masters import MasterKeySource
from runfold.settings import Settings

if TYPE_CHECKING:
    from runfold.client.aio.agent_memory import AsyncAgentMemory
    from runfold.reading.past.as_of import AsyncAsOf


async def connect_async(
    url: str | None = None,
    *,
    user_id: UUID | None = None,
    settings: Settings | None = None,
    default: Default | None = None,
    master_keys: MasterKeySource | None = None,
) -> AsyncStore:
    """Open a store on the database of `url`, of RUNFOLD_DATABASE_URL, or on the embedded one, which starts by itself.

    `user_id` is the tenant that appends get when they name none. `default` returns what a value of a type that runfold
    does not know is written as, like the one of `json.dumps`. `master_keys` returns the keys that wrap tenants'
    keys, in place of RUNFOLD_MASTER_KEYS. Raises SchemaOutdated or SchemaNewer when the database
    is not at this runfold's migrations, DatabaseUnavailable when it cannot be reached.
    """
    return await AsyncStore.connected(url, user_id=user_id, settings=settings, default=default, master_keys=master_keys)


class AsyncStore(AsyncLog):
    """The log with the handles that write to it; safe to share between threads or tasks.

    Close it, or use it in `with`.
    """

    async def log_identity(self) -> UUID:
        """Return which log this is: an id that travels with dumps and replicas, and that a spool is bound to."""
        ((identity,),) = await self._retried(statement("log_identity"), {})
        return UUID(str(identity))

    @cached_property
    def executions(self) -> AsyncExecutions:
        """Executions: create one, or get the handle of one that exists."""
        return AsyncExecutions(self)

    @cached_property
    def interactions(self) -> AsyncInteractions:
        """Questions to people."""
        return AsyncInteractions(self)

    @cached_property
    def responses(self) -> AsyncResponses:
        """Messages that come in through channels, to be matched with questions."""
        return AsyncResponses(self)

    @cached_property
    def deployments(self) -> AsyncDeployments:
        """The deployments and triggers of workflows."""
        return AsyncDeployments(self)

    @cached_property
    def workflows(self) -> AsyncWorkflows:
        """Definitions of workflows, and their versions."""
        return AsyncWorkflows(self)

    @cached_property
    def credentials(self) -> AsyncCredentials:
        """What users have entrusted to reach services for them."""
        return AsyncCredentials(self)

    @cached_property
    def triggers(self) -> AsyncTriggers:
        """Active triggers by their keys."""
        return AsyncTriggers(self)

    def memory(self, user_id: UUID | str) -> AsyncAgentMemory:
        """Return the memory of a tenant, for a service that acts for it; the tenant's own is `as_user(…).memory`."""
        from runfold.client.aio.agent_memory import AsyncAgentMemory  # a writer of events does without

        return AsyncAgentMemory(AsyncService(self), user_id, service=True)

    @cached_property
    def node_specifications(self) -> AsyncNodeSpecifications:
        """The kinds of nodes, with the parameters that each takes."""
        return AsyncNodeSpecifications(self, self._registry_cache)

    @cached_property
    def tools(self) -> AsyncTools:
        """The tools of the Model Context Protocol."""
        return AsyncTools(self, self._registry_cache)

    @cached_property
    def models(self) -> AsyncModels:
        """The models and what they cost."""
        return AsyncModels(self, self._registry_cache)

    @cached_property
    def api_calls(self) -> AsyncApiCalls:
        """Calls of other services, recorded without their secrets."""
        return AsyncApiCalls(self)

    @cached_property
    def _registry_cache(self) -> AsyncRegistryCache:
        return AsyncRegistryCache(self)

    def engine(self, name: str | None = None, *, patience: int = PATIENCE) -> AsyncEngine:
        """Return an engine, to be used in `with`: it beats once a second, and holds what the store's handles run.

        `name` is for people, host and process if none is given. `patience` is how many beats of the leading worker,
        which beats twice a second, the engine may be silent before another may take its executions over.
        """
        return AsyncEngine(self, name, patience=patience)

    async def close(self) -> None:
        """Close the connections."""
        await close_feed(self)
        if "_registry_cache" in vars(self):
            await self._registry_cache.close()
        await super().close()

    @cached_property
    def blobs(self) -> AsyncBlobs:
        """Large values of tenants, and where their contents are."""
        return AsyncBlobs(self, self._settings.blob_folder)

    def keep_blobs_in(self, home: BlobHome) -> None:
        """Put the contents of blobs into a home of yours from now on, in place of RUNFOLD_BLOB_FOLDER or the database.

        What is in the database already is read from there.
        """
        self.blobs.home = home

    async def put_blob(
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
        return await self.blobs.put(content, type, user_id)

    async def get_blob(self, reference: Mapping[str, Any], *, user_id: UUID | str | None = None) -> bytes:
        """Return the large value that a reference names; raises BlobMissing, BlobDamaged, KeyUnavailable."""
        return await self.blobs.get(reference, user_id)

    async def delete_blob(self, reference: Mapping[str, Any], *, user_id: UUID | str | None = None) -> bool:
        """Delete a large value, and return whether there was one. Nothing looks whether events refer to it."""
        return await self.blobs.delete(reference, user_id)

    def as_user(self, user_id: UUID | str) -> AsyncTenant:
        """Return the tables as a tenant sees them: each call runs as `authenticated`, with the claims of that user.

        Raises InvalidInput for what is no UUID. Nothing is asked of the database before the first call.
        """
        return AsyncTenant(self, user_id)

    def vectors(self, user_id: UUID, *, embedder: Embedder | None = None) -> AsyncVectors:
        """Return a user's collections of vectors, with the rights of this store's login: for services.

        `embedder` makes vectors of texts. `store.as_user(user).vectors` is for the user's own session.
        """
        return AsyncVectors(AsyncService(self), user_id, embedder=embedder)

    def as_of(
        self,
        *,
        position: int | None = None,
        time: datetime | None = None,
        tables: Iterable[str] | None = None,
        streams: Iterable[str] | None = None,
        execution: str | None = None,
    ) -> AsyncAsOf:
        """Return the read tables as they were at a position or a time (when the server recorded), to query in `with`.

        Read-only, on a connection of its own, and nothing is left behind. What a query names is folded from the log
        then; `tables` folds those at once and reads no others; `streams`, or an `execution`, shows the rows of those
        alone, by index: an execution's with its log, interactions, the responses to them, child executions, and the
        status and deployments of its workflow. Raises PositionUnavailable beyond the safe head or before the log's
        start, UnknownExecution, UnknownStream, UnknownTable, PastReadOnly, FoldFailed.
        """
        from runfold.reading.past.as_of import AsyncAsOf  # and with it the projections, which a writer does without

        return AsyncAsOf(
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
    ) -> AsyncSubscription:
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
        return AsyncSubscription(
            self,
            after=after,
            types=types,
            streams=streams,
            category=category,
            subscription=subscription,
            if_taken=if_taken,
            archived=archived,
        )

    async def append_encoded(
        self, appends: Sequence[WrittenAppend], *, repeats: Literal["skip"] | None = None
    ) -> list[Appended]:
        """Record events that are written as JSON already, as `append_many` does: the path of emitters.

        They go as arrays to `runfold.append_batch`, and in the other form where values are to be encrypted, or an event
        has a payload.
        """
        arrays = None if await self.encryption.may_encrypt() else arrays_of(appends, self.user_id)
        if arrays is None:
            return await self.append_many(plain_appends(appends), repeats=repeats)
        fits = answers_to(arrays["stream_ids"])
        rows = await self._retried(statement("append_batch"), {**arrays, "repeats": repeats}, fits)
        return [Appended.of(*row) for row in rows]

    async def change(
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
        return await change_streams(self, change, *states, event_metadata=event_metadata)
