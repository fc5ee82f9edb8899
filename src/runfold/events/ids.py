"""The ids that runfold makes: UUIDs of version 7, which sort by when they were made.

So the rows of new things are neighbours in every index: an append after a checkpoint writes few pages to the WAL.
An id is a name and not a secret: it says when its thing was made.
"""

from __future__ import annotations

import os
import re
from hashlib import sha256
from threading import RLock
from time import time_ns
from uuid import UUID, SafeUUID

from runfold.events.faults import fault
from runfold.events.json_values import check

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


# The name of a stream that is a UUID of version 7: 48 bits of time first.
_VERSION_7 = re.compile("([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")

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


def event_id(stream_id: str, name: str) -> UUID:
    """Return the event id that a stream and a name give, always the same; `runfold.event_id` in SQL gives it, too.

    So events can be sent again by a producer that keeps no ids. `name` names one fact of the stream:
    `<activation>/<attempt>/<type>/<n>` for instance, n counting that type in that attempt; for what has an id of its
    own, a span or a log line, that id. Two facts with one name are taken for a repeat. Raises InvalidInput for a blank
    name and for what no text of PostgreSQL holds.
    """
    for pointer, text in (("/stream_id", stream_id), ("/name", name)):
        check(text, pointer)
    if not name:
        raise fault("blank", "/name")
    stream = stream_id.encode()
    hashed = bytearray(sha256(stream + b"\0" + name.encode()).digest()[:16])
    made = _VERSION_7.fullmatch(stream_id.partition("-")[2] or stream_id)
    hashed[:6] = bytes.fromhex(made[1] + made[2]) if made else sha256(stream).digest()[:6]
    hashed[6] = hashed[6] & 0x0F | 0x80
    hashed[8] = hashed[8] & 0x3F | 0x80
    return UUID(bytes=bytes(hashed))


__all__ = ["event_id", "new_id", "uuid_of"]
