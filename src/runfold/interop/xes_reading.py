"""Read the traces of an IEEE 1849 (XES) file in bounded memory.

Element names are read without their namespace, attributes by their key. Only attributes directly below a log, a trace
or an event count; nested attributes, `global` scopes, classifiers and extensions are skipped. If a file cannot be read
completely, ImportFailed names the line and the trace and says what to do.
"""

from __future__ import annotations

import gzip
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, NoReturn
from xml.parsers import expat

from runfold.errors import ImportFailed

# A trace is yielded in parts of at most this many events, so that a very long trace does not fill the memory.
EVENTS_PER_PART = 1000
# The parser keeps a token (a tag, a comment) in memory until it ends, so a token without an end must be refused.
LONGEST_TOKEN = 4 * 1024 * 1024
DEEPEST_NESTING = 100
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CHUNK = 64 * 1024
GZIP_MAGIC = b"\x1f\x8b"

NAME = "concept:name"
TRANSITION = "lifecycle:transition"
TIMESTAMP = "time:timestamp"
RESOURCE = "org:resource"
EVENT_KEYS = frozenset({NAME, TRANSITION, TIMESTAMP, RESOURCE})


class XesEvent(NamedTuple):
    """An event of the file; `time` is in UTC, `transition` and `resource` are None if absent or empty."""

    line: int
    name: str
    transition: str | None
    time: datetime
    resource: str | None


class TracePart(NamedTuple):
    """Adjacent events of one trace, from number `offset` on; a trace without events is one part without events.

    `date` is the trace's first date attribute, and is read only if the trace has no events.
    """

    file: str
    log_name: str
    trace: str
    trace_index: int
    line: int
    offset: int
    events: list[XesEvent]
    ends: bool
    date: datetime | None


def read_traces(path: Path, *, on_bytes: Callable[[int], None] | None = None) -> Iterator[TracePart]:
    """Yield the file's traces in their order, each in one or more parts.

    `on_bytes` is called with the number of bytes of the (compressed) file that have been read. A log without a name
    gets the name of its file. Raises ImportFailed.
    """
    document = _Document(path)
    with _unreadable_is_explained(path, document), path.open("rb") as raw:
        compressed = raw.read(len(GZIP_MAGIC)) == GZIP_MAGIC
        raw.seek(0)
        content = gzip.GzipFile(fileobj=raw) if compressed else raw
        while chunk := content.read(CHUNK):
            try:
                document.feed(chunk)
            except (ImportFailed, expat.ExpatError):
                yield from document.parts  # the parts before the fault are complete
                raise
            if on_bytes is not None:
                on_bytes(raw.tell())
            while document.parts:
                yield document.parts.popleft()
        document.close()


@contextmanager
def _unreadable_is_explained(path: Path, document: _Document) -> Iterator[None]:
    again = "fetch or export the file again, and import it: events that are already imported are not repeated"
    try:
        yield
    except expat.ExpatError as broken:
        what = f"line {broken.lineno}, column {broken.offset + 1}: {expat.ErrorString(broken.code)}"
        if not document.is_xes:
            raise ImportFailed(
                f"{path.name} is not XES: {what}", hint="give an IEEE 1849 file, plain or gzipped", line=broken.lineno
            ) from broken
        raise ImportFailed(
            f"{path.name} is cut off or damaged at {what}", hint=again, line=broken.lineno, trace=document.trace
        ) from broken
    except (gzip.BadGzipFile, zlib.error, EOFError) as broken:
        raise ImportFailed(
            f"{path.name} is cut off or damaged: {broken}", hint=again, line=document.line, trace=document.trace
        ) from broken
    except OSError as unreadable:
        raise ImportFailed(
            f"{path} cannot be read: {unreadable.strerror or unreadable}", hint="check the path and its permissions"
        ) from unreadable


class _Document:
    """The callbacks of expat; keeps one part of one trace, and the hashes of the trace names so far."""

    def __init__(self, path: Path) -> None:
        self.parts: deque[TracePart] = deque()
        self.is_xes = False
        self.trace: str | None = None
        self._file = path.name
        self._log_name = path.name.removesuffix(".gz").removesuffix(".xes") or path.name
        self._names_seen: set[int] = set()
        self._depth = 0
        self._fed = 0
        self._in_trace = False
        self._in_event = False
        self._trace_index = -1
        self._trace_line = 0
        self._trace_date: tuple[int, str | None] | None = None
        self._event_line = 0
        self._event: dict[str, str | None] = {}
        self._events: list[XesEvent] = []
        self._offset = 0
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.StartDoctypeDeclHandler = self._doctype

    @property
    def line(self) -> int:
        return self._parser.CurrentLineNumber

    def feed(self, chunk: bytes) -> None:
        self._parser.Parse(chunk, False)
        self._fed += len(chunk)
        if self._fed - self._parser.CurrentByteIndex > LONGEST_TOKEN:
            self._refuse(f"a tag or comment is longer than {LONGEST_TOKEN >> 20} MiB", "shorten it", self.line)

    def close(self) -> None:
        self._parser.Parse(b"", True)

    def _refuse(self, what: str, hint: str, line: int) -> NoReturn:
        where = f"{self._file}, line {line}"
        if self._in_trace:
            where += f", trace {self.trace!r}" if self.trace is not None else f", trace no. {self._trace_index + 1}"
        raise ImportFailed(f"{where}: {what}", hint=hint, line=line, trace=self.trace)

    def _doctype(self, *_: object) -> NoReturn:
        # A document type may declare entities that expand to gigabytes. XES has no document type.
        self._refuse(
            "it declares a document type, and XES has none", "remove it, and the entities that it declares", self.line
        )

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        depth = self._depth = self._depth + 1
        if self._in_event:
            if depth == 4 and (key := attributes.get("key", "")) in EVENT_KEYS:
                self._event[key] = attributes.get("value")
            elif depth > DEEPEST_NESTING:
                self._refuse(f"elements are nested deeper than {DEEPEST_NESTING}", "flatten them", self.line)
            return
        element = tag.rpartition(":")[2]
        if depth == 3 and self._in_trace:
            if element == "event":
                self._in_event = True
                self._event_line = self.line
                self._event = {}
            elif attributes.get("key") == NAME:
                self._name_trace(attributes.get("value"))
            elif element == "date" and self._trace_date is None:
                self._trace_date = self.line, attributes.get("value")
        elif depth == 2:
            if element == "trace":
                self._start_trace()
            elif element == "event":
                self._refuse("an event is not inside a trace", "put it into one", self.line)
            elif attributes.get("key") == NAME:
                self._name_log(attributes.get("value"))
        elif depth == 1:
            if element != "log":
                hint = "give an IEEE 1849 file, plain or gzipped"
                self._refuse(f"this is not XES: its root is <{tag}>, not <log>", hint, self.line)
            self.is_xes = True
        elif depth > DEEPEST_NESTING:
            self._refuse(f"elements are nested deeper than {DEEPEST_NESTING}", "flatten them", self.line)

    def _end(self, _: str) -> None:
        depth = self._depth
        self._depth = depth - 1
        if depth == 3 and self._in_event:
            self._end_event()
        elif depth == 2 and self._in_trace:
            self._end_trace()

    def _name_log(self, name: str | None) -> None:
        if self._trace_index >= 0:
            # Ids are made from the log's name, and traces before it already have ids.
            self._refuse("the log's concept:name comes after its first trace", "put it before the traces", self.line)
        self._log_name = name or self._log_name

    def _start_trace(self) -> None:
        self._in_trace = True
        self.trace = None
        self._trace_index += 1
        self._trace_line = self.line
        self._trace_date = None
        self._events = []
        self._offset = 0

    def _name_trace(self, name: str | None) -> None:
        if not name or self.trace is not None:
            return
        # Hashes take less memory than names; in 64 keyed bits, two of a million names collide once in 37 million files.
        seen = hash(name)
        if seen in self._names_seen:
            self.trace = name
            hint = "rename one, because the name becomes the execution_id, or join the traces"
            self._refuse("another trace of this file has the same concept:name", hint, self.line)
        self._names_seen.add(seen)
        self.trace = name

    def _end_event(self) -> None:
        self._in_event = False
        event, line = self._event, self._event_line
        name = event.get(NAME)
        if not name:
            self._refuse("an event has no concept:name", "give it one, which becomes the node's id", line)
        if len(self._events) == EVENTS_PER_PART:
            self._hand_on(ends=False)
        time = self._time(event.get(TIMESTAMP), line)
        self._events.append(XesEvent(line, name, event.get(TRANSITION) or None, time, event.get(RESOURCE) or None))

    def _end_trace(self) -> None:
        self._hand_on(ends=True)
        self._in_trace = False
        self.trace = None

    def _hand_on(self, *, ends: bool) -> None:
        if self.trace is None:
            early = "" if ends else f" before its first {EVENTS_PER_PART:,} events"
            hint = "give it one, which becomes the execution_id"
            self._refuse(f"the trace has no concept:name{early}", hint, self._trace_line)
        date = None
        if self._trace_date is not None and not self._events and not self._offset:
            date = self._time(self._trace_date[1], self._trace_date[0])
        self.parts.append(
            TracePart(
                file=self._file,
                log_name=self._log_name,
                trace=self.trace,
                trace_index=self._trace_index,
                line=self._trace_line,
                offset=self._offset,
                events=self._events,
                ends=ends,
                date=date,
            )
        )
        self._offset += len(self._events)
        self._events = []

    def _time(self, value: str | None, line: int) -> datetime:
        hint = "write it as 2012-02-29T23:51:16.799+01:00, with a zone, in the years 1970 to 9999"
        if not value:
            self._refuse("an event has no time:timestamp", hint, line)
        try:
            time = datetime.fromisoformat(value)
            if time.tzinfo is None:
                self._refuse(f"the time {value!r} has no zone", hint, line)
            time = time.astimezone(UTC)
        except (ValueError, OverflowError):
            self._refuse(f"{value!r} is not a time", hint, line)
        if time < EPOCH:
            self._refuse(f"the time {value!r} is before 1970", hint, line)
        return time
