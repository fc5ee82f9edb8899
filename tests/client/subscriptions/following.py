"""A thread that takes what a subscription yields, for tests that write meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from runfold.events.envelope import Received
from tests.fixtures.processes import eventually


class Following:
    """Takes the items of a subscription in a thread, with the time of each, until the block ends."""

    def __init__(self, subscription: Any, *, then: Callable[[Received], object] = lambda item: None) -> None:
        self.subscription = subscription
        self.items: list[Received] = []
        self.times: list[float] = []
        self.error: BaseException | None = None
        self._then = then
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.subscription.close()
        self._thread.join(30)
        assert not self._thread.is_alive()
        if kind is None and self.error is not None:
            raise self.error

    def _follow(self) -> None:
        try:
            for item in self.subscription:
                self.times.append(time.monotonic())
                self.items.append(item)
                self._then(item)
        except BaseException as error:
            self.error = error

    @property
    def positions(self) -> list[int]:
        """The positions of what was received."""
        return [item.event.position for item in self.items]

    def reaches(self, count: int, *, within: float = 30) -> None:
        """Wait until so many items were received."""
        eventually(lambda: self.error is not None or len(self.items) >= count, within=within)
        if self.error is not None:
            raise self.error

    def sleeps(self) -> None:
        """Wait until the subscription is armed, has read the log since, and sleeps."""
        eventually(lambda: self.error is not None or self.subscription.asleep)
        if self.error is not None:
            raise self.error
