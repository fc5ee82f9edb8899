"""A store that counts its events, so that the demo can compare them with the tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import runfold
from runfold.events import Event


class CountingStore(runfold.AsyncStore):
    """A store that counts recorded events by type and keeps the position of the last one."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.written: Counter[str] = Counter()
        self.position = 0

    async def append_many(self, appends: Sequence[runfold.Append], **named: Any) -> list[runfold.Appended]:
        appended = await super().append_many(appends, **named)
        for append, result in zip(appends, appended, strict=True):
            self.position = max(self.position, result.last_position)
            self.written.update(
                event.event_type() if isinstance(event, Event) else event.type for event in append.events
            )
        return appended
