"""What expat calls back while it reads an XES document: it makes parts of traces, and judges what it reads.

It keeps one part of one trace, and the hashes of the trace names so far.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime
from functools import lru_cache
from typing import NoReturn
from xml.parsers import expat

from runfold.errors import ImportFailed
from runfold.events.rules import name_fault
from runfold.interop.xes_options import Skips, XesOptions
from runfold.interop.xes_parts import EVENTS_PER_PART, TracePart, XesEvent
from runfold.interop.xes_times import TIME_HINT, BadTime, read_time

DEEPEST_NESTING = 100
LONGEST_NAME = 255
LONGEST_STREAM_ID = 300

NAME = "concept:name"
INSTANCE = "concept:instance"
TRANSITION = "lifecycle:transition"
TIMESTAMP = "time:timestamp"
RESOURCE = "org:resource"
EVENT_KEYS = frozenset({NAME, INSTANCE, TRANSITION, TIMESTAMP, RESOURCE})

ID_HINT = "shorten or rename it, because it becomes an id"
XES_HINT = "give an IEEE 1849 file, plain or gzipped"


class Document:
    """One document. `begin` makes its parser, which is fed until it ends; `parts` are for the caller to take."""

    parser: expat.XMLParserType

    def __init__(self, shown: str, name: str | None, options: XesOptions, skips: Skips) -> None:
        self.parts: deque[TracePart] = deque()
        self.is_xes = False
        self.trace: str | None = None
        self._file = shown
        self._log_name = options.log_name or name
        self._options = options
        self._skips = skips
        self._names_seen: set[int] = set()
        self._depth = 0
        self._in_trace = False
        self._trace_is_left_out = False
        self._trace_index = -1
        self._trace_line = 0
        self._trace_date: tuple[int, str | None] | None = None
        self._event_line = 0
        self._event: dict[str, str | None] = {}
        self._events: list[XesEvent] = []
        self._events_left_out = 0
        self._offset = 0
        self.begin(None)

    def begin(self, encoding: str | None) -> None:
        """Make the parser; `encoding` takes the place of the one that the document declares."""
        self.parser = expat.ParserCreate(encoding)
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.StartDoctypeDeclHandler = self._doctype

    @property
    def line(self) -> int:
        return self.parser.CurrentLineNumber

    def refuse(self, what: str, hint: str, line: int) -> NoReturn:
        """Raise ImportFailed, with the place."""
        where = f"{self._file}, line {line}"
        if self._in_trace:
            where += f", trace {self.trace!r}" if self.trace is not None else f", trace no. {self._trace_index + 1}"
        raise ImportFailed(f"{where}: {what}", hint=hint, line=line, trace=self.trace)

    def _doctype(self, *_: object) -> NoReturn:
        # A document type may declare entities that expand to gigabytes. XES has no document type.
        self.refuse(
            "it declares a document type, and XES has none", "remove it, and the entities that it declares", self.line
        )

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        depth = self._depth = self._depth + 1
        element = tag.rpartition(":")[2]
        if depth == 3 and self._in_trace:
            if element == "event":
                self._start_event()
            elif attributes.get("key") == NAME:
                self._name_trace(attributes.get("value"))
            elif element == "date" and self._trace_date is None:
                self._trace_date = self.line, attributes.get("value")
        elif depth == 2:
            self._start_below_log(element, attributes)
        elif depth == 1:
            if element != "log":
                self.refuse(f"this is not XES: its root is <{tag}>, not <log>", XES_HINT, self.line)
            self.is_xes = True
        elif depth > DEEPEST_NESTING:
            self._refuse_nesting()

    def _start_below_log(self, element: str, attributes: dict[str, str]) -> None:
        if element == "trace":
            self._start_trace()
        elif element == "event":
            if not self._options.skip_bad:
                self.refuse("an event is not inside a trace", "put it into one", self.line)
            self._skips.events += 1
            self._skips.note(self.line, None, "an event is not inside a trace")
        elif attributes.get("key") == NAME:
            self._name_log(attributes.get("value"))

    def _end(self, _: str) -> None:
        depth = self._depth
        self._depth = depth - 1
        if depth == 2 and self._in_trace:
            self._end_trace()

    def _start_event(self) -> None:
        self._event_line = self.parser.CurrentLineNumber
        self._event = {}
        # Most elements are an event's attributes: they have handlers of their own, which ask for less.
        self.parser.StartElementHandler = self._start_in_event
        self.parser.EndElementHandler = self._end_in_event

    def _start_in_event(self, _: str, attributes: dict[str, str]) -> None:
        depth = self._depth = self._depth + 1
        if depth == 4:
            if (key := attributes.get("key", "")) in EVENT_KEYS:
                self._event[key] = attributes.get("value")
        elif depth > DEEPEST_NESTING:
            self._refuse_nesting()

    def _end_in_event(self, _: str) -> None:
        depth = self._depth
        self._depth = depth - 1
        if depth == 3:
            self.parser.StartElementHandler = self._start
            self.parser.EndElementHandler = self._end
            self._end_event()

    def _refuse_nesting(self) -> NoReturn:
        self.refuse(f"elements are nested deeper than {DEEPEST_NESTING}", "flatten them", self.line)

    def _name_log(self, name: str | None) -> None:
        if self._options.log_name is not None:
            return
        if self._trace_index >= 0:
            # Ids are made from the log's name, and traces before it already have ids.
            hint = "put it before the traces, or name the log by --name"
            self.refuse("the log's concept:name comes after its first trace", hint, self.line)
        self._log_name = name or self._log_name

    def _start_trace(self) -> None:
        self._in_trace = True
        self._trace_is_left_out = False
        self.trace = None
        self._trace_index += 1
        self._trace_line = self.line
        self._trace_date = None
        self._events = []
        self._events_left_out = 0
        self._offset = 0
        if self._log_name is None:
            hint = "name it by --name: a pipe has no name that is the same in the next run"
            self.refuse("the log has no concept:name", hint, self._trace_line)

    def _name_trace(self, name: str | None) -> None:
        if not name or self.trace is not None or self._trace_is_left_out:
            return
        self.trace = name
        execution_id = self._options.prefix + name
        what = f"the trace name {_shown(name)}" if not self._options.prefix else f"the id {_shown(execution_id)}"
        if fault := name_fault(execution_id, what, LONGEST_NAME):
            self._bad_trace(fault.message, ID_HINT, self._trace_line)
        elif (size := len(f"execution-{execution_id}".encode())) > LONGEST_STREAM_ID:
            too_long = f"{what} makes a stream id of {size} bytes, more than {LONGEST_STREAM_ID}"
            self._bad_trace(too_long, ID_HINT, self._trace_line)
        # Hashes take less memory than names; in 64 keyed bits, two of a million names collide once in 37 million files.
        elif (seen := hash(name)) in self._names_seen:
            hint = "rename one, because the name becomes the execution_id, or join the traces"
            self._bad_trace("another trace of this file has the same concept:name", hint, self.line)
        else:
            self._names_seen.add(seen)

    def _bad_trace(self, what: str, hint: str, line: int) -> None:
        """Refuse the trace, or leave out all of it: none of its parts has been handed on."""
        if not self._options.skip_bad:
            self.refuse(what, hint, line)
        self._trace_is_left_out = True
        self._skips.traces += 1
        self._skips.events += len(self._events)
        self._skips.note(line, self.trace, what)
        self._events = []

    def _bad_event(self, what: str, hint: str, line: int) -> None:
        if not self._options.skip_bad:
            self.refuse(what, hint, line)
        self._events_left_out += 1
        self._skips.events += 1
        self._skips.note(line, self.trace, what)

    def _end_event(self) -> None:
        if self._trace_is_left_out:
            self._skips.events += 1
            return
        event, line = self._event, self._event_line
        name = event.get(NAME)
        if not name:
            self._bad_event("an event has no concept:name", "give it one, which becomes the node's id", line)
            return
        if fault := _name_fault(name):
            self._bad_event(fault, ID_HINT, line)
            return
        if len(self._events) == EVENTS_PER_PART:
            self._hand_on(ends=False)
            if self._left_out():
                self._skips.events += 1
                return
        try:
            time = self._time(event.get(TIMESTAMP))
        except BadTime as bad:
            self._bad_event(str(bad), bad.hint, line)
            return
        get = event.get
        self._events.append(
            XesEvent(line, name, get(TRANSITION) or None, time, get(RESOURCE) or None, get(INSTANCE) or None)
        )

    def _end_trace(self) -> None:
        if not self._trace_is_left_out:
            self._hand_on(ends=True)
        self._in_trace = False
        self.trace = None

    def _hand_on(self, *, ends: bool) -> None:
        if self.trace is None:
            early = "" if ends else f" before its first {EVENTS_PER_PART:,} events"
            hint = "give it one, which becomes the execution_id"
            self._bad_trace(f"the trace has no concept:name{early}", hint, self._trace_line)
            return
        date = None
        if not self._events and not self._offset:
            if self._events_left_out:
                self._bad_trace("the trace has no event that can be imported", "correct its events", self._trace_line)
                return
            try:
                date = self._date_of_trace()
            except BadTime as bad:
                self._bad_trace(str(bad), bad.hint, self._trace_date[0] if self._trace_date else self._trace_line)
                return
        self._emit(ends=ends, date=date)

    def _emit(self, *, ends: bool, date: datetime | None) -> None:
        assert self.trace is not None
        assert self._log_name is not None
        self.parts.append(
            TracePart(
                file=self._file,
                log_name=self._log_name,
                trace=self.trace,
                execution_id=self._options.prefix + self.trace,
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

    def _date_of_trace(self) -> datetime | None:
        """When a trace without events happened, where one of its attributes says so. Raises BadTime."""
        return None if self._trace_date is None else self._time(self._trace_date[1])

    def _left_out(self) -> bool:
        return self._trace_is_left_out

    def _time(self, value: str | None) -> datetime:
        if not value:
            raise BadTime("an event has no time:timestamp", TIME_HINT)
        return read_time(value, self._options.timezone)


@lru_cache(maxsize=1024)
def _name_fault(name: str) -> str | None:
    fault = name_fault(name, f"the event name {_shown(name)}", LONGEST_NAME)
    return None if fault is None else fault.message


def _shown(name: str) -> str:
    return repr(name if len(name) <= 40 else f"{name[:40]}…")
