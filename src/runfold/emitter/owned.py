"""Streams that one emitter writes alone: it numbers their versions, and hears when another one has taken them."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable
from dataclasses import dataclass, field

from runfold.errors import RunfoldError

OnLost = Callable[[str, RunfoldError], None]
"""Is called once with a stream that another writer has taken, and with what was refused."""


@dataclass(slots=True)
class Ownership:
    """What an emitter knows of a stream that is its own: each call expects the version that the one before made.

    Versions are dense, so each event knows when it is emitted at which version it will find the stream, less the
    events in front of it that are refused until then.
    """

    stream_id: str
    version: int
    """The version after all that was emitted, if nothing is refused."""
    on_lost: OnLost | None = None
    lost: RunfoldError | None = None
    refused: list[int] = field(default_factory=list)
    """The versions that its refused events had expected, in order."""

    def next_version(self) -> int:
        """Return the version that the next event expects. The caller has the lock of its queue."""
        version = self.version
        self.version += 1
        return version

    def version_for(self, expected: int) -> int:
        """Return what an event expects now: of what is in front of it, some may have been refused."""
        return expected - bisect_left(self.refused, expected)

    def refuse(self, expected: int) -> None:
        """Note that an event was refused."""
        insort(self.refused, expected)

    def lose(self, refused: RunfoldError) -> None:
        """Write no more."""
        if self.lost is None:
            self.lost = refused
            if self.on_lost is not None:
                self.on_lost(self.stream_id, refused)


__all__ = ["OnLost", "Ownership"]
