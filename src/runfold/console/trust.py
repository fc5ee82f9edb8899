"""What the strip at the foot of every page says: how far the rows are true. One query every two seconds serves all."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from runfold.errors import RunfoldError
from runfold.reading.status import Row

RENEWED_SECONDS = 2.0
LATE_SECONDS = 5.0
"""Rows that lag longer than this are said to be old above the page."""


@dataclass(frozen=True, slots=True)
class Trust:
    """The store's status as it was read `at` (epoch seconds), and the error since when it cannot be read any more."""

    status: Row | None
    at: float
    error: RunfoldError | None = None
    questions: int = 0

    @property
    def away(self) -> bool:
        """Whether the status cannot be read now."""
        return self.error is not None

    @property
    def lag_events(self) -> int:
        """The events that the slowest group has still to fold."""
        return max((group["lag_events"] for group in self.groups), default=0)

    @property
    def lag_seconds(self) -> float:
        """The age of the oldest event that is not folded."""
        return max((group["lag_seconds"] for group in self.groups), default=0.0)

    @property
    def groups(self) -> list[Row]:
        """The groups with their state."""
        return [] if self.status is None else list(self.status["groups"])

    @property
    def as_of(self) -> int:
        """The position up to which every row is true: the safe head, or the checkpoint of a group that lags."""
        if self.status is None:
            return 0
        behind = [group["checkpoint"] for group in self.groups if group["lag_events"]]
        return int(min([self.status["safe_head"], *behind]))

    @property
    def parked(self) -> int:
        """How many streams are parked."""
        return 0 if self.status is None else len(self.status["parked_streams"])

    @property
    def differing(self) -> int:
        """How many rows differed from the log at the last verification."""
        return 0 if self.status is None else int(self.status["verified"]["differences"] or 0)

    @property
    def nobody_folds(self) -> bool:
        """Whether no worker leads."""
        return self.status is not None and self.status["leader"] is None

    @property
    def held(self) -> Row | None:
        """Who holds the safe head back, if anybody does."""
        return None if self.status is None else next(iter(self.status["held_back_by"]), None)

    @property
    def word(self) -> str:
        """The state in a word or two."""
        if self.away:
            return "database away"
        if self.status is None:
            return "unknown"
        if stopped := [group["group"] for group in self.groups if group["state"] == "stopped"]:
            return f"{stopped[0]} has stopped"
        if self.nobody_folds:
            return "nobody folds"
        return "folding" if self.lag_events else "folded"

    @property
    def tone(self) -> str:
        """How the state is coloured: ok, warn or bad."""
        if self.away or self.status is None or self.nobody_folds or "stopped" in self.word:
            return "bad"
        return "warn" if self.lag_seconds > LATE_SECONDS else "ok"

    @property
    def banner(self) -> tuple[str, str, str] | None:
        """Why the rows of a page are not current, what that means, and the command that helps; None if they are."""
        if self.away or self.status is None:
            return None
        waiting = f"{self.lag_events:,}{'' if self._exact else '+'} event{'' if self.lag_events == 1 else 's'}"
        if self.nobody_folds and self.lag_events:
            seen = f"The rows you see end at position {self.as_of:,}; {waiting} wait. Start a worker:"
            return "Nobody folds.", seen, "runfold worker"
        for group in self.groups:
            if group["state"] == "stopped":
                return f"The group {group['group']} has stopped.", _first_line(group["stopped_error"]), "runfold status"
        if self.lag_seconds > LATE_SECONDS and (held := self.held) is not None:
            return (
                "The safe head is held.",
                f"{_holder(held)} has an open append: events behind it are not folded until it ends.",
                "runfold status",
            )
        if self.lag_seconds > LATE_SECONDS:
            return "These rows lag.", f"{waiting} wait, the oldest for {self.lag_seconds:.0f} s.", "runfold status"
        if self.differing:
            rows = f"{self.differing:,} row{'' if self.differing == 1 else 's'}"
            return "A table differs from the log.", f"The last verification found {rows}.", "runfold projection verify"
        return None

    @property
    def _exact(self) -> bool:
        return all(group["lag_is_exact"] for group in self.groups)


def _holder(held: Row) -> str:
    return f"pid {held['pid']}, “{held['application_name'] or 'unnamed'}”,"


def _first_line(text: Any) -> str:
    return str(text or "").partition("\n")[0]


@dataclass
class TrustKeeper:
    """Reads the status at most once every two seconds, however many pages and streams ask for it."""

    read: Callable[[], tuple[Row, int]]
    clock: Callable[[], float] = time.monotonic
    reads: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _last: Trust = field(default_factory=lambda: Trust(None, 0.0))
    _due: float = float("-inf")

    def current(self) -> Trust:
        """Return the status, not older than two seconds; while one reads it, the others get the one before."""
        if self.clock() < self._due:
            return self._last
        # The first page waits for the status; later ones do not wait for each other.
        if not self._lock.acquire(blocking=self._last.status is None and self._last.error is None):
            return self._last
        try:
            if self.clock() >= self._due:
                self._last = self._read_once()
                self._due = self.clock() + RENEWED_SECONDS
            return self._last
        finally:
            self._lock.release()

    def _read_once(self) -> Trust:
        self.reads += 1
        try:
            status, questions = self.read()
        except RunfoldError as error:
            return Trust(self._last.status, self._last.at, error, self._last.questions)
        return Trust(status, time.time(), None, questions)
