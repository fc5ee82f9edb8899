"""Make XES files for tests: an event is (name, transition), a trace a name and its events, a log a list of traces."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.sax.saxutils import quoteattr

FIRST_SECOND = datetime(2024, 2, 29, 12, 0, 0, tzinfo=UTC)


def second(number: int) -> datetime:
    """Return the default time of a trace's event with that number."""
    return FIRST_SECOND + timedelta(seconds=number)


def attribute(key: str, value: str, *, element: str = "string", inside: str = "") -> str:
    return f"<{element} key={quoteattr(key)} value={quoteattr(value)}>{inside}</{element}>"


@dataclass(frozen=True)
class XesEventText:
    name: str | None
    transition: str | None = "COMPLETE"
    time: str | None = "by number"
    resource: str | None = None
    instance: str | None = None
    more: str = ""

    def xml(self, number: int) -> str:
        time = second(number).isoformat() if self.time == "by number" else self.time
        parts = [
            "" if self.resource is None else attribute("org:resource", self.resource),
            "" if self.transition is None else attribute("lifecycle:transition", self.transition),
            "" if self.name is None else attribute("concept:name", self.name),
            "" if time is None else attribute("time:timestamp", time, element="date"),
            "" if self.instance is None else attribute("concept:instance", self.instance),
            self.more,
        ]
        return f"<event>\n{''.join(parts)}\n</event>\n"


@dataclass(frozen=True)
class XesTraceText:
    name: str | None
    events: Sequence[XesEventText | tuple[str, str | None]] = ()
    more: str = ""
    name_last: bool = False

    def xml(self) -> str:
        events = [e if isinstance(e, XesEventText) else XesEventText(*e) for e in self.events]
        body = "".join(event.xml(number) for number, event in enumerate(events))
        name = "" if self.name is None else attribute("concept:name", self.name)
        return f"<trace>\n{'' if self.name_last else name}{self.more}{body}{name if self.name_last else ''}</trace>\n"


HEADER = '<?xml version="1.0" encoding="UTF-8"?>\n'
NAMESPACE = 'xmlns="http://www.xes-standard.org/"'
SCOPES = (
    '<extension name="Concept" prefix="concept" uri="http://www.xes-standard.org/concept.xesext"/>\n'
    f'<global scope="trace">{attribute("concept:name", "UNKNOWN")}</global>\n'
    f'<global scope="event">{attribute("concept:name", "UNKNOWN")}'
    f"{attribute('lifecycle:transition', 'UNKNOWN')}</global>\n"
    '<classifier name="Activity" keys="concept:name lifecycle:transition"/>\n'
)


def log_text(traces: Iterable[XesTraceText], *, name: str | None = "a log", before: str = SCOPES) -> str:
    named = "" if name is None else attribute("concept:name", name) + "\n"
    return f"{HEADER}<log {NAMESPACE}>\n{before}{named}{''.join(t.xml() for t in traces)}</log>\n"


def write_log(path: Path, traces: Iterable[XesTraceText], *, name: str | None = "a log") -> Path:
    path.write_text(log_text(traces, name=name), encoding="utf-8")
    return path


def trace_of(name: str, *events: tuple[str, str | None] | XesEventText) -> XesTraceText:
    return XesTraceText(name, events)
