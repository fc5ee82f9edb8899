"""The keyring of a process: opens tenants' keys from their home, makes new ones, and destroys them."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import RLock
from typing import NoReturn
from uuid import UUID

from runfold.database.forks import renew
from runfold.errors import KeyDestroyed, KeyUnavailable
from runfold.events.ids import new_id
from runfold.keys.cipher import TenantKey, new_key
from runfold.keys.home import KeyHome, StoredKey
from runfold.keys.ledger import Erasure, ErasureLedger
from runfold.keys.masters import MasterKeys

CACHE_SECONDS = 60.0
"""For how long a process uses what it has read of keys and policies."""
KEY_AGE = timedelta(days=90)
KEY_VALUES = 2**28
"""A tenant gets a new key after so long, or after so many values."""
_FIRST_BLOCK = 2**10
_LARGEST_BLOCK = 2**20
_MOST_TENANTS = 10_000
# A key that another process has just made is looked for in the home, but not for each value of an attacker's.
_LOOK_AGAIN_SECONDS = 1.0


@dataclass(slots=True)
class _Keys:
    """A tenant's keys as this process has read them."""

    read_at: float
    stored: list[StoredKey]
    opened: dict[UUID, TenantKey] = field(default_factory=dict)
    left: int = _FIRST_BLOCK
    block: int = _FIRST_BLOCK


class Keyring:
    """Opens tenants' keys and keeps them for a minute at most; safe to share between threads. It cannot be pickled."""

    def __init__(
        self,
        home: KeyHome,
        masters: MasterKeys,
        *,
        ledger: ErasureLedger | None = None,
        cache_seconds: float = CACHE_SECONDS,
        key_age: timedelta = KEY_AGE,
        key_values: int = KEY_VALUES,
    ) -> None:
        self.home = home
        self.masters = masters
        self.ledger = ledger
        self._cache_seconds = min(cache_seconds, CACHE_SECONDS)
        self._key_age = key_age
        self._key_values = key_values
        self._tenants: OrderedDict[UUID, _Keys] = OrderedDict()
        self._ledger_read_at: float | None = None
        self._lock = RLock()
        renew(self)

    def _after_fork(self) -> None:
        self._lock = RLock()

    def __repr__(self) -> str:
        return f"<Keyring in {self.home.description}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a keyring cannot be pickled: open it in the other process")

    def encrypting_key(self, user_id: UUID, values: int = 1) -> TenantKey:
        """Return the key that a tenant's new values are encrypted with, made where there is none or it is old.

        `values` of them are counted. Raises KeyDestroyed for an erased tenant, KeyUnavailable.
        """
        with self._lock:
            keys = self._read(user_id)
            newest = self._newest(keys)
            if newest is None or self._is_used_up(newest):
                keys = self._with_new_key(user_id)
                newest = self._newest(keys)
            if newest is None:
                raise KeyUnavailable(f"the home of keys did not keep the new key of {user_id}")
            self._count(keys, newest, values)
            return self._opened(keys, newest)

    def opening_key(self, user_id: UUID, key_id: UUID) -> TenantKey | None:
        """Return a key of a tenant, None for one that was destroyed; raises KeyUnavailable for one that is missing."""
        with self._lock:
            keys = self._read(user_id)
            stored = _named(keys, key_id)
            if stored is None and time.monotonic() - keys.read_at >= _LOOK_AGAIN_SECONDS:
                keys = self._read(user_id, again=True)
                stored = _named(keys, key_id)
            if stored is None:
                raise KeyUnavailable(
                    f"the key {key_id} of tenant {user_id} is in none of its records",
                    hint=f"it was lost, or is in another home than {self.home.description}: check RUNFOLD_KEY_HOME",
                    key_id=key_id,
                    user_id=user_id,
                )
            return None if stored.is_destroyed else self._opened(keys, stored)

    def has_keys(self, user_id: UUID) -> bool:
        """Whether the home has a record of a tenant's keys, destroyed ones too."""
        with self._lock:
            return bool(self._read(user_id).stored)

    def destroy(self, user_id: UUID) -> list[StoredKey]:
        """Destroy a tenant's keys for good, write it into the ledger, and return their records; again it does nothing.

        Raises LedgerMissing where the home needs a ledger and has none.
        """
        with self._lock:
            self._replay_ledger()
            now = datetime.now(UTC)
            known = self.home.get(user_id)
            if self.ledger is not None and known:
                # First the ledger: keys that it names are destroyed by whoever opens the home next.
                destroyed_at = min((key.destroyed_at or now for key in known), default=now)
                self.ledger.add(Erasure(user_id, tuple(key.key_id for key in known), destroyed_at))
            done = self.home.destroy(user_id, now)
            self._tenants.pop(user_id, None)
        return done

    def forget(self) -> None:
        """Read everything again at the next use."""
        with self._lock:
            self._tenants.clear()
            self._ledger_read_at = None

    def all_keys(self) -> Iterator[StoredKey]:
        """Yield the records of all keys, by tenant."""
        after: UUID | None = None
        while page := self.home.page(after):
            yield from page
            after = page[-1].user_id

    def close(self) -> None:
        """Close the home and the ledger."""
        self.forget()
        self.home.close()
        if self.ledger is not None:
            self.ledger.close()

    def _read(self, user_id: UUID, *, again: bool = False) -> _Keys:
        now = time.monotonic()
        keys = self._tenants.get(user_id)
        if keys is not None and not again and now - keys.read_at < self._cache_seconds:
            return keys
        self._replay_ledger()
        stored = self.home.get(user_id)
        if keys is None:
            keys = _Keys(now, stored)
        else:
            alive = {one.key_id for one in stored if not one.is_destroyed}
            opened = {key_id: key for key_id, key in keys.opened.items() if key_id in alive}
            keys = _Keys(now, stored, opened, keys.left, keys.block)
        self._tenants[user_id] = keys
        self._tenants.move_to_end(user_id)
        if len(self._tenants) > _MOST_TENANTS:
            self._tenants.popitem(last=False)
        return keys

    def _replay_ledger(self) -> None:
        """Destroy the keys that the ledger names and the home still has: an older backup was restored."""
        now = time.monotonic()
        if self.ledger is None or (
            self._ledger_read_at is not None and now - self._ledger_read_at < self._cache_seconds
        ):
            return
        for erasure in self.ledger.entries():
            stored = self.home.get(erasure.user_id)
            if any(not key.is_destroyed for key in stored):
                self.home.destroy(erasure.user_id, erasure.destroyed_at)
        self._ledger_read_at = now

    def _newest(self, keys: _Keys) -> StoredKey | None:
        if gone := next((key for key in keys.stored if key.is_destroyed), None):
            raise KeyDestroyed(f"the keys of tenant {gone.user_id} are destroyed", user_id=gone.user_id)
        return max(keys.stored, key=lambda key: (key.created_at, key.key_id), default=None)

    def _is_used_up(self, key: StoredKey) -> bool:
        return datetime.now(UTC) - key.created_at >= self._key_age or key.value_count >= self._key_values

    def _with_new_key(self, user_id: UUID) -> _Keys:
        now = datetime.now(UTC)
        keys = self._read(user_id, again=True)  # another process may have made one
        newest = self._newest(keys)
        if newest is None or self._is_used_up(newest):
            wrapped = self.masters.wrap(new_key())
            self.home.add(StoredKey(new_id(), user_id, wrapped, created_at=now))
            self._tenants.pop(user_id, None)
            keys = self._read(user_id, again=True)
        return keys

    def _count(self, keys: _Keys, key: StoredKey, values: int) -> None:
        """Count values: a process reserves them in blocks that grow, and its first thousand not at all."""
        keys.left -= values
        while keys.left < 0:
            keys.left += keys.block
            total = self.home.reserve(key, keys.block)
            keys.block = min(2 * keys.block, _LARGEST_BLOCK)
            if total >= self._key_values:
                keys.read_at = -self._cache_seconds  # the next value finds it used up

    def _opened(self, keys: _Keys, stored: StoredKey) -> TenantKey:
        key = keys.opened.get(stored.key_id)
        if key is None:
            if stored.wrapped is None:
                raise KeyDestroyed(user_id=stored.user_id)
            key = TenantKey(stored.key_id, stored.user_id, self.masters.unwrap(stored.wrapped))
            keys.opened[stored.key_id] = key
        return key


def _named(keys: _Keys, key_id: UUID) -> StoredKey | None:
    return next((key for key in keys.stored if key.key_id == key_id), None)
