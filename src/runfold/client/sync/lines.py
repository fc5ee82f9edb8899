# Generated from ../aio/lines.py by `make sync`: edit that file, never this one.
"""Text that comes in many small parts, a model's tokens for instance, as lines of an execution's log."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Self

from runfold.client.background import Background
from runfold.events import LogAppended

LINE_SECONDS = 0.2
LINE_CHARACTERS = 100_000
"""A longer line is cut: an event takes 1 MiB."""


class LineStream:
    """Collects text, and writes what came in a fifth of a second as one line; to be used in `with`.

    `write` only notes the text. What is not written yet when the block ends is written then.
    """

    def __init__(self, line_of: Callable[[str], LogAppended], put: Callable[[LogAppended], None]) -> None:
        self._line_of = line_of
        self._put = put
        # Both ends of it may be used by two threads at once.
        self._parts: deque[str] = deque()
        self._lock = threading.Lock()
        self._writing = Background("a stream of log lines", self.flush, LINE_SECONDS)

    def __enter__(self) -> Self:
        self._writing.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._writing.stop()
        try:
            self.flush()
        except Exception as unwritten:
            if error is None:
                raise
            error.add_note(f"the last log lines were not written: {unwritten}")

    def write(self, text: str) -> None:
        """Take the next part of the text; raises TypeError for what is no text."""
        if not isinstance(text, str):
            raise TypeError(f"a stream of log lines takes str, not {type(text).__name__}")
        if text:
            self._parts.append(text)

    def flush(self) -> None:
        """Write what was taken and not written yet."""
        with self._lock:
            while line := self._next():
                try:
                    self._put(self._line_of(line))
                except BaseException:
                    self._parts.appendleft(line)
                    raise

    def _next(self) -> str:
        """Return the text of the next line; empty where there is none."""
        taken: list[str] = []
        length = 0
        while self._parts and length < LINE_CHARACTERS:
            part = self._parts.popleft()
            room = LINE_CHARACTERS - length
            if len(part) > room:
                self._parts.appendleft(part[room:])
                part = part[:room]
            taken.append(part)
            length += len(part)
        return "".join(taken)
