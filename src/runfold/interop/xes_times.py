"""Reads the times of XES logs: xs:dateTime, and what exporters write in its place."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

from runfold.events.rules import LAST_TIME

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

ZONE_HINT = "say which is meant, as in --timezone Europe/Amsterdam, or write it with one: 2012-02-29T23:51:16+01:00"
TIME_HINT = (
    "write it as 2012-02-29T23:51:16.799+01:00, in the years 1970 to 9999, or leave out bad events by --skip-bad"
)

# The end of a day, as xs:dateTime may write it; Python before 3.13 does not read it.
_END_OF_DAY = re.compile(r"(.+[T ])24:00(:00(?:[.,]0+)?)?(?=$|[Z+-])")


class BadTime(ValueError):
    """A time that cannot be imported; `hint` says what to do."""

    def __init__(self, what: str, hint: str = TIME_HINT) -> None:
        super().__init__(what)
        self.hint = hint


def read_time(value: str, zone: tzinfo | None) -> datetime:
    """Return a time in UTC, one without a zone as of `zone`. Raises BadTime.

    A time that a change of clocks makes twice is the first of the two.
    """
    try:
        try:
            time = datetime.fromisoformat(value)
        except ValueError:
            time = _lenient(value)
        if time.tzinfo is None and zone is not None:
            time = time.replace(tzinfo=zone)
        utc = None if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadTime(f"{value!r} is not a time") from None
    if utc is None:
        raise BadTime(f"the time {value!r} has no zone", ZONE_HINT)
    if utc > LAST_TIME:
        raise BadTime(f"the time {value!r} is too late, the last is {LAST_TIME.isoformat()}")
    if utc < EPOCH:
        raise BadTime(f"the time {value!r} is before 1970")
    return utc


def _lenient(value: str) -> datetime:
    """A time with spaces around it, or at 24:00, the end of its day."""
    stripped = value.strip(" \t\r\n")
    day_ended = _END_OF_DAY.sub(r"\g<1>00:00\2", stripped)
    time = datetime.fromisoformat(day_ended)
    return time if day_ended == stripped else time + timedelta(days=1)
