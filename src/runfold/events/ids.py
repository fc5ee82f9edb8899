"""The ids that runfold makes: UUIDs of version 7, which sort by when they were made.

So the rows of new things are neighbours in every index: an append after a checkpoint writes few pages to the WAL.
An id is a name and not a secret: it says when its thing was made.
"""

from __future__ import annotations

import os
from threading import RLock
from time import time_ns
from uuid import UUID, SafeUUID

# 48 bits of milliseconds, then the version, 12 bits of parts of one (as in PostgreSQL's own uuidv7()), the variant and
# 62 random bits.
_NANOSECONDS = 1_000_000
_PARTS = 4096
_VERSION = 7 << 76
_VARIANT = 2 << 62
_RANDOM = (1 << 62) - 1


# Bytes asked of the system at once, for so many ids: a call for each of them takes longer than the rest.
_BYTES_OF_AN_ID = 8
_RESERVE = 128 * _BYTES_OF_AN_ID


_new = object.__new__
_set = object.__setattr__


class _Maker:
    """Makes ids whose times only grow, whichever way the system's clock goes."""

    def __init__(self) -> None:
        self._last = 0
        self.renew()

    def renew(self) -> None:
        """Forget in a child process what its parent has too: random bytes, and a lock that a thread may hold there."""
        self._lock = RLock()  # a signal's handler may make an id while this thread makes one
        self._random = b""
        self._used = 0

    def make(self) -> UUID:
        with self._lock:
            self._last = now = max(time_ns() * _PARTS // _NANOSECONDS, self._last + 1)
            used = self._used
            if used == len(self._random):
                self._random, used = os.urandom(_RESERVE), 0
            self._used = until = used + _BYTES_OF_AN_ID
            random = int.from_bytes(self._random[used:until]) & _RANDOM
        return uuid_of(now // _PARTS << 80 | _VERSION | now % _PARTS << 64 | _VARIANT | random)


def uuid_of(number: int) -> UUID:
    """Return `UUID(int=number)` without its checks, which take longer than to make the number."""
    made = _new(UUID)
    _set(made, "int", number)
    _set(made, "is_safe", SafeUUID.unknown)
    return made


_maker = _Maker()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_maker.renew)


def new_id() -> UUID:
    """Return a new UUID of version 7, greater than all that this process made before."""
    return _maker.make()


__all__ = ["new_id", "uuid_of"]
