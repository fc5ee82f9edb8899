"""The memory of one tenant with its vectors: the eighth kind, whose collections are the client's."""

from __future__ import annotations

from functools import cached_property

from runfold.client.aio.vectors import AsyncVectors
from runfold.memory.aio.memory import AsyncMemory


class AsyncAgentMemory(AsyncMemory):
    """What agents remember of one tenant, in eight kinds."""

    @cached_property
    def vector(self) -> AsyncVectors:
        """Collections of vectors, searched by similarity; those of `vectors` as well."""
        return AsyncVectors(self._session, self.user_id)
