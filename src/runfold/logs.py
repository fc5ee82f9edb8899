"""How records of the log are written: as a line of JSON or for people, without secrets, repeats folded into a count."""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

FIELDS = ("event", "group", "position", "events", "seconds", "epoch", "stream", "sqlstate", "repeats")
"""What a record may say besides its text, by `extra=`, and what a line of JSON then has."""

WINDOW = 10.0
"""Records like one that was written are counted for so many seconds, and written as one with their number."""

# The password in a URL, and in a text of names and values.
_IN_URL = re.compile(r"(?<=://)([^/@\s:]*):[^/\s]*@")
_AS_VALUE = re.compile(r"\b(password|passwd|token|secret)(\s*[=:]\s*)('(?:[^'\\]|\\.)*'|[^\s'&,;]+)", re.IGNORECASE)


def without_secrets(text: str) -> str:
    """Return the text with passwords replaced, those of URLs and those that are named."""
    return _AS_VALUE.sub(r"\1\2***", _IN_URL.sub(r"\1:***@", text))


class JsonFormatter(logging.Formatter):
    """Writes a record as one line of JSON: time, level, logger, message, the fields that it has, and a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        said: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
            "level": record.levelname.lower(),
        }
        for name in FIELDS:
            value = getattr(record, name, None)
            if value is not None:
                said[name] = value if isinstance(value, int | float) else without_secrets(str(value))
        said["message"] = without_secrets(record.getMessage())
        said["logger"] = record.name
        if record.exc_info:
            said["traceback"] = without_secrets(self.formatException(record.exc_info))
        return json.dumps(said)


@dataclass
class _Open:
    """What was written, and how many like it were not."""

    record: logging.LogRecord
    more: int = 0


class Repeats(logging.Filter):
    """Lets the first of some records through that are made by the same line of code, and then their number."""

    def __init__(self, write: Callable[[logging.LogRecord], object], window: float = WINDOW) -> None:
        super().__init__()
        self._write = write
        self._window = window
        self._lock = threading.Lock()
        self._open: dict[tuple[str, int, object], _Open] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is written."""
        if record.levelno < logging.WARNING or getattr(record, "repeats", None) is not None:
            return True
        key = (record.name, record.levelno, record.msg)
        with self._lock:
            found = self._open.get(key)
            if found is not None:
                found.record = record
                found.more += 1
                return False
            self._open[key] = _Open(record)
        self._wait(key)
        return True

    def _wait(self, key: tuple[str, int, object]) -> None:
        timer = threading.Timer(self._window, self._end, [key])
        timer.daemon = True
        timer.start()

    def _end(self, key: tuple[str, int, object]) -> None:
        with self._lock:
            found = self._open[key]
            if not found.more:
                del self._open[key]
                return
            more, found.more, last = found.more, 0, found.record
        self._write(_counted(last, more, self._window))
        self._wait(key)


def _counted(last: logging.LogRecord, more: int, seconds: float) -> logging.LogRecord:
    made = logging.makeLogRecord(last.__dict__)
    made.msg, made.args = f"{last.getMessage()} (the last of {more} more like it within {seconds:.0f} s)", None
    made.repeats = more
    return made


def fold_repeats(name: str, window: float = WINDOW) -> None:
    """Have the warnings of a logger folded; once, however often it is called."""
    logger = logging.getLogger(name)
    if not any(isinstance(each, Repeats) for each in logger.filters):
        logger.addFilter(Repeats(logger.handle, window))
