"""What the memory runs its statements on, and what its parts have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol
from uuid import UUID

import psycopg

from runfold.errors import MemoryConflict
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.memory")


class AsyncSession(Protocol):
    """Runs one statement in a transaction: as a tenant, or as a service that acts for one."""

    async def fetch(self, query: Any, params: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Run one statement, and return its rows as dicts by column."""


class AsyncPart:
    """A part of a tenant's memory. `service` says that a service acts for the tenant, whom it names."""

    def __init__(self, session: AsyncSession, user_id: UUID, *, service: bool) -> None:
        self.user_id = user_id
        self._session = session
        self._service = service

    async def _fetch(self, name: str, /, **parameters: Any) -> list[dict[str, Any]]:
        """Run a statement of the room; each begins with the tenant, as every key does."""
        try:
            return await self._session.fetch(statement(name), {"user": self.user_id, **parameters})
        except psycopg.errors.UniqueViolation as exc:
            constraint = exc.diag.constraint_name
            raise MemoryConflict(
                f"another row of the tenant has this already: {exc.diag.message_detail}",
                hint="give it another name, or change that row",
                constraint=constraint,
            ) from exc

    async def _search(self, name: str, /, **parameters: Any) -> list[dict[str, Any]]:
        """Run a search: a tenant's takes no user, so that there is nothing to pretend; a service names the tenant."""
        return await self._fetch(f"{name}_of" if self._service else name, **parameters)

    async def _count(self, name: str, /, **parameters: Any) -> int:
        """Run a statement that deletes, and return how many rows it deleted."""
        ((deleted,),) = [row.values() for row in await self._fetch(name, **parameters)]
        return int(deleted)


def rows_of(rows: list[dict[str, Any]], prefix: str) -> list[dict[str, Any]]:
    """Return of joined rows the columns of one table, which have its prefix."""
    return [{name.removeprefix(prefix): row[name] for name in row if name.startswith(prefix)} for row in rows]
