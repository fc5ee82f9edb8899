"""Streams that one emitter writes alone: it numbers their versions, and hears when another one has taken them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from runfold.errors import RunfoldError

OnLost = Callable[[str, RunfoldError], None]
"""Is called once with a stream that another writer has taken, and with what was refused."""


@dataclass(slots=True)
class Ownership:
    """What an emitter knows of a stream that is its own: each call expects the version that the one before made."""

    stream_id: str
    version: int
    on_lost: OnLost | None = None
    lost: RunfoldError | None = None

    def lose(self, refused: RunfoldError) -> None:
        """Write no more."""
        if self.lost is None:
            self.lost = refused
            if self.on_lost is not None:
                self.on_lost(self.stream_id, refused)


__all__ = ["OnLost", "Ownership"]
