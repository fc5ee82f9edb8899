"""Emits what an adapter has to say, without ever stopping or failing the program that is listened to."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from threading import Lock
from typing import Any, Protocol
from uuid import UUID

from runfold.errors import RunfoldError
from runfold.events import Event

logger = logging.getLogger(__name__)


INTERRUPTIONS = ("CancelledError", "KeyboardInterrupt", "GeneratorExit")
"""The names of exceptions that end work, and do not say that it failed."""


class Emits(Protocol):
    """What adapters need of `runfold.Emitter`: to take an event at once, or to raise EmitterFull."""

    def emit_nowait(
        self,
        stream_id: str,
        event: Event,
        *,
        event_id: UUID | None = None,
        user_id: UUID | None = None,
        occurred_at: datetime | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Any:
        """Take an event and return its acknowledgement; never wait for room."""


class Quiet:
    """Emits without raising: what is not taken is counted by its error's code, and each code is said once."""

    def __init__(self, emitter: Emits, what: str, *, user_id: UUID | None = None) -> None:
        self._emitter = emitter
        self._what = what
        self._user_id = user_id
        self._counting = Lock()
        self._dropped: Counter[str] = Counter()

    @property
    def dropped(self) -> dict[str, int]:
        """How many events were not taken, by the code of the error: `emitter_full` for instance."""
        with self._counting:
            return dict(self._dropped)

    def emit(
        self,
        stream_id: str,
        event: Event,
        *,
        event_id: UUID,
        at: datetime,
        metadata: Mapping[str, Any] | None = None,
        user_id: UUID | None = None,
    ) -> bool:
        """Return whether the emitter has taken the event; `user_id` is its tenant, if not that of all."""
        try:
            self._emitter.emit_nowait(
                stream_id,
                event,
                event_id=event_id,
                user_id=user_id or self._user_id,
                occurred_at=at,
                metadata=metadata,
            )
        except Exception as error:  # a program must not fail because it is listened to
            self.count(error)
            return False
        return True

    def count(self, error: Exception) -> None:
        """Count something that was not recorded, and say it if it is the first of its kind."""
        code = error.code if isinstance(error, RunfoldError) else type(error).__name__
        with self._counting:
            self._dropped[code] += 1
            first = self._dropped[code] == 1
        if first:
            logger.warning("%s is not recorded, and the next ones of this kind are only counted: %s", self._what, error)


def flushed(emitter: Emits, seconds: float) -> bool:
    """Return whether all that was emitted has been acknowledged in that time."""
    flush = getattr(emitter, "flush", None)
    if flush is None:
        return True
    try:
        flush(seconds)
    except Exception:  # the program that is listened to asks, and must not fail
        return False
    return True
