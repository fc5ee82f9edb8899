"""What a tenant reads of its executions, interactions and deployments: the lists and rows of `runfold.reading`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from runfold.client.aio.encryption import AsyncEncryption
from runfold.errors import UnknownExecution, UnknownInteraction

if TYPE_CHECKING:
    from runfold.reading.lists import Listing

_Row = dict[str, Any]


class AsyncTenantReader(Protocol):
    """Reads as a tenant."""

    async def read(self, query: Any, parameters: Mapping[str, Any], *, prepare: bool | None = None) -> list[_Row]:
        """Return the rows of a statement that only reads."""

    def transaction(self) -> Any:
        """Return a cursor in a transaction."""

    @property
    def encryption(self) -> AsyncEncryption:
        """What opens the values of rows."""


class AsyncTenantExecutions:
    """The executions of a tenant."""

    def __init__(self, tenant: AsyncTenantReader) -> None:
        self._tenant = tenant

    async def list(
        self,
        *,
        status: str | None = None,
        workflow_id: UUID | None = None,
        mode: str | None = None,
        trigger: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 20,
    ) -> list[_Row]:
        """Return at most `limit` executions, the newest first; a row's `page_token` as `after` gives the next page.

        Those created at `until` or later are left out. Raises InvalidInput for a page token that no list gave.
        """
        from runfold.reading.executions import Filter, executions  # and with it what a writer does without
        from runfold.reading.pages import PageToken

        wanted = Filter(status=status, workflow_id=workflow_id, mode=mode, trigger=trigger, since=since, until=until)
        place = None if after is None else PageToken.parse(after)
        return await _page(self._tenant, executions(wanted, after=place, limit=limit))

    async def get(self, execution_id: str, *, logs: int = 50) -> _Row:
        """Return one execution with its `nodes`, `pauses`, `children` (at most 1,000) and last `logs`.

        Raises UnknownExecution; another tenant's execution is unknown as well.
        """
        from runfold.reading.executions import parts_of_execution
        from runfold.reading.status import statement

        async with self._tenant.transaction() as cursor:
            await cursor.execute(statement("execution").replace("{tables}", "public"), {"execution_id": execution_id})
            found: _Row | None = await cursor.fetchone()
            if found is None:
                raise UnknownExecution(f"there is no execution {execution_id!r}", execution_id=execution_id)
            parts = parts_of_execution(execution_id, found["id"], logs)
            del parts["attempts"]  # they are read by functions of the log, which a tenant may not call
            for part, parameters in parts.items():
                await cursor.execute(statement(f"execution_{part}").replace("{tables}", "public"), parameters)
                found[part] = await cursor.fetchall()
        opened: _Row = await self._tenant.encryption.opened_rows(found)
        return opened


class AsyncTenantInteractions:
    """The interactions of a tenant."""

    def __init__(self, tenant: AsyncTenantReader) -> None:
        self._tenant = tenant

    async def list(
        self,
        *,
        status: str | None = None,
        workflow_id: UUID | None = None,
        after: str | None = None,
        limit: int = 20,
    ) -> list[_Row]:
        """Return at most `limit` interactions by deadline, those without one last; pages as those of executions."""
        from runfold.reading.lists import interactions
        from runfold.reading.pages import PageToken

        place = None if after is None else PageToken.parse(after)
        return await _page(self._tenant, interactions(status=status, workflow_id=workflow_id, after=place, limit=limit))

    async def get(self, interaction_id: UUID) -> _Row:
        """Return one interaction with all its columns; raises UnknownInteraction, also for another tenant's."""
        from runfold.reading.status import statement

        rows = await self._tenant.read(statement("interaction"), {"id": interaction_id})
        if not rows:
            raise UnknownInteraction(f"there is no interaction {interaction_id}", interaction_id=str(interaction_id))
        opened: _Row = await self._tenant.encryption.opened_rows(rows[0])
        return opened


class AsyncTenantResponses:
    """The responses to the interactions of a tenant."""

    def __init__(self, tenant: AsyncTenantReader) -> None:
        self._tenant = tenant

    async def list(
        self,
        *,
        status: str | None = None,
        workflow_id: UUID | None = None,
        after: str | None = None,
        limit: int = 20,
    ) -> list[_Row]:
        """Return at most `limit` responses, the unprocessed first; pages as those of executions."""
        from runfold.reading.responses import responses

        return await _page(self._tenant, responses(status=status, workflow_id=workflow_id, after=after, limit=limit))


class AsyncTenantDeployments:
    """The deployments of a tenant's workflows."""

    def __init__(self, tenant: AsyncTenantReader) -> None:
        self._tenant = tenant

    async def list(
        self,
        *,
        status: str | None = None,
        workflow_id: UUID | None = None,
        after: str | None = None,
        limit: int = 20,
    ) -> list[_Row]:
        """Return at most `limit` deployments, the newest first; pages as those of executions."""
        from runfold.reading.lists import deployments
        from runfold.reading.pages import PageToken

        place = None if after is None else PageToken.parse(after)
        return await _page(self._tenant, deployments(status=status, workflow_id=workflow_id, after=place, limit=limit))


async def _page(tenant: AsyncTenantReader, listing: Listing) -> list[_Row]:
    """Read a page; a prepared statement would have one plan for all filters, which is good for none of them."""
    rows = await tenant.read(listing.statement, listing.parameters, prepare=False)
    return listing.with_tokens(await tenant.encryption.opened_rows(rows))
