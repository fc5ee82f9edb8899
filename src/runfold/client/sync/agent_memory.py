# Generated from ../aio/agent_memory.py by `make sync`: edit that file, never this one.
"""The memory of one tenant with its vectors: the eighth kind, whose collections are the client's."""

from __future__ import annotations

from functools import cached_property

from runfold.client.sync.vectors import Vectors
from runfold.memory.sync.memory import Memory


class AgentMemory(Memory):
    """What agents remember of one tenant, in eight kinds."""

    @cached_property
    def vector(self) -> Vectors:
        """Collections of vectors, searched by similarity; those of `vectors` as well."""
        return Vectors(self._session, self.user_id)
