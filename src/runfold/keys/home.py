"""The port of a home of keys: where tenants' keys are, wrapped.

A destroyed key leaves its record, without the key: so erased differs from lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol, Self
from uuid import UUID


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A tenant's key as its home has it; `wrapped` is None where the key was destroyed."""

    key_id: UUID
    user_id: UUID
    wrapped: bytes | None = field(repr=False)
    created_at: datetime
    retired_at: datetime | None = None
    """When a newer key of the tenant took over."""
    destroyed_at: datetime | None = None
    value_count: int = 0
    """How many values processes have reserved under this key."""

    @property
    def is_destroyed(self) -> bool:
        """Whether the key is gone for good."""
        return self.wrapped is None

    def destroyed(self, at: datetime) -> Self:
        """Return the record without its key."""
        return self if self.is_destroyed else replace(self, wrapped=None, destroyed_at=at)


class KeyHome(Protocol):
    """Where tenants' keys are. Every change is durable when the method returns. Safe to share between threads."""

    description: str
    """What it is, for people: a folder, or a database without its password."""
    needs_ledger: bool
    """Whether a restored backup of the database brings its keys back: then an erasure ledger outside is required."""

    def get(self, user_id: UUID) -> list[StoredKey]:
        """Return a tenant's keys, the oldest first, with those that were destroyed."""

    def page(self, after: UUID | None = None, limit: int = 1000) -> list[StoredKey]:
        """Return a page of the keys of all tenants, by tenant: those of at most `limit` tenants after one."""

    def add(self, key: StoredKey) -> None:
        """Add a tenant's new key, and retire its others. Raises KeyDestroyed for a tenant whose keys were destroyed."""

    def reserve(self, key: StoredKey, count: int) -> int:
        """Reserve values under a key, and return how many all processes have reserved now."""

    def rewrap(self, keys: Sequence[tuple[StoredKey, bytes]]) -> int:
        """Replace wrapped keys that are still as given, and return how many were."""

    def destroy(self, user_id: UUID, at: datetime) -> list[StoredKey]:
        """Destroy a tenant's keys for good, and return their records; again it changes nothing."""

    def close(self) -> None:
        """Close what it holds open."""
