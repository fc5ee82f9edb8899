"""Rules that agents follow; runfold keeps them, and evaluates none."""

from __future__ import annotations

from typing import Any

from runfold.memory import checks
from runfold.memory.aio.session import AsyncPart
from runfold.memory.rows import Rule


class AsyncRules(AsyncPart):
    """The rules of a tenant, by their names."""

    async def put(
        self,
        name: str,
        conditions: Any,
        actions: Any,
        *,
        priority: int = 0,
        active: bool = True,
        description: str | None = None,
    ) -> Rule:
        """Return the rule as it is kept now, in place of the one that had this name.

        Conditions and actions are any JSON. Raises InvalidInput.
        """
        (row,) = await self._fetch(
            "put_rule",
            name=checks.name(name, "/name"),
            conditions=checks.json_text(conditions, "/conditions"),
            actions=checks.json_text(actions, "/actions"),
            priority=checks.integer(priority, "/priority", -(2**31), 2**31 - 1),
            active=bool(active),
            description=checks.optional_text(description, "/description"),
        )
        return Rule(**row)

    async def active(self, *, limit: int = 100) -> list[Rule]:
        """Return the active rules, the greatest priority first."""
        limit = checks.integer(limit, "/limit", 1, 1000)
        return [Rule(**row) for row in await self._fetch("active_rules", limit=limit)]

    async def get(self, name: str) -> Rule | None:
        """Return the rule with this name, or None."""
        rows = await self._fetch("get_rule", name=checks.text(name, "/name"))
        return Rule(**rows[0]) if rows else None

    async def delete(self, name: str) -> int:
        """Delete the rule with this name, and return how many that were: 1 or 0."""
        return await self._count("delete_rule", name=checks.name(name, "/name"))
