"""What a caller says about an XES log that the log does not say itself, and what was left out of it.

Everything that an import appends is a function of the file and of these options: the same file with the same options
gives the same events again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, timedelta, timezone, tzinfo
from enum import StrEnum
from zoneinfo import ZoneInfo

PLACES_SHOWN = 20
EVERY_OTHER = "*"

_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)")


class Step(StrEnum):
    """What a transition of a lifecycle does to its node's current activation."""

    SCHEDULE = "schedule"
    START = "start"
    COMPLETE = "complete"
    LOG = "log"


STANDARD: Mapping[str, Step] = {step.name: step for step in (Step.SCHEDULE, Step.START, Step.COMPLETE)}


@dataclass(frozen=True, slots=True, kw_only=True)
class XesOptions:
    """How to read and map a log.

    `log_name` replaces the log's name. `prefix` goes before each trace's name to make its execution_id.
    `timezone` is that of times that have none; without it they are refused. `skip_bad` leaves out events and traces
    that cannot be imported, where they are refused otherwise. `transitions` says what transitions mean, by their names
    in capital letters; `"*"` means every transition that is not named here and is not the standard's.
    """

    log_name: str | None = None
    prefix: str = ""
    timezone: tzinfo | None = None
    skip_bad: bool = False
    transitions: Mapping[str, Step] = field(default_factory=dict)

    def step(self, transition: str | None) -> Step:
        """What a transition does; one that is absent completes, and one that nobody names adds a log line."""
        name = "COMPLETE" if transition is None else transition.upper()
        return self.transitions.get(name) or STANDARD.get(name) or self.transitions.get(EVERY_OTHER, Step.LOG)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A place in the file that was left out: the line, the trace where it has a name, and the reason."""

    line: int
    trace: str | None
    reason: str


@dataclass(slots=True)
class Skips:
    """Counts what is left out, and keeps the first places of it."""

    events: int = 0
    traces: int = 0
    places: list[Skipped] = field(default_factory=list)

    def note(self, line: int, trace: str | None, reason: str) -> None:
        """Keep the place, if it is one of the first."""
        if len(self.places) < PLACES_SHOWN:
            self.places.append(Skipped(line, trace, reason))


def parse_timezone(text: str) -> tzinfo:
    """Return the zone of a name (`Europe/Amsterdam`, `UTC`) or of an offset (`+01:00`); raises ValueError."""
    if text.upper() in ("UTC", "Z"):
        return UTC
    if (offset := _OFFSET.fullmatch(text)) is not None:
        minutes = int(offset[2]) * 60 + int(offset[3])
        if minutes <= 14 * 60 and int(offset[3]) < 60:
            return timezone(timedelta(minutes=-minutes if offset[1] == "-" else minutes))
        raise ValueError(f"{text!r} is not an offset: give one of at most 14 hours from UTC")
    try:
        return ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        # ZoneInfo reads a file of that name: what it raises depends on what is there.
        raise ValueError(
            f"{text!r} is not a time zone that this machine knows: give a name, Europe/Amsterdam, or an offset, +01:00"
        ) from None


def parse_transitions(texts: Iterable[str]) -> dict[str, Step]:
    """Return what texts like `In Progress=start` say; raises ValueError."""
    found: dict[str, Step] = {}
    for text in texts:
        name, equals, step = text.rpartition("=")
        if not equals or not name or step.lower() not in set(Step):
            raise ValueError(f"{text!r} is not NAME=STEP: give one of {', '.join(Step)} as STEP")
        if found.setdefault(name.upper(), Step(step.lower())) != step.lower():
            raise ValueError(f"two steps are given for the transition {name!r}: give one")
    return found
