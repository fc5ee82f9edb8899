"""Format times and durations for people, and parse them from options."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import typer

_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d)")


def short(milliseconds: int | None) -> str | None:
    """Return a duration in at most nine characters: `12 ms`, `3.4 s`, `2:05 min`, `1:02 h`, `3 d 4 h`."""
    if milliseconds is None:
        return None
    if milliseconds < 1000:
        return f"{milliseconds} ms"
    if milliseconds < 60_000:
        return f"{milliseconds / 1000:.1f}".removesuffix(".0") + " s"
    minutes, seconds = divmod(milliseconds // 1000, 60)
    if minutes < 60:
        return f"{minutes}:{seconds:02} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours}:{minutes:02} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if days < 1000 else f"{days} d"


def clock(milliseconds: int | None) -> str | None:
    """Return the date and time of epoch milliseconds, to the second, in UTC."""
    if milliseconds is None:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(" ", "seconds").removesuffix("+00:00")


def parse_duration(text: str) -> int:
    """Return the milliseconds of `250ms`, `1.5s`, `10m`, `2h` or `7d`; anything else is wrong usage."""
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise typer.BadParameter(f"{text!r} is not a duration: write for example 250ms, 1.5s, 10m, 2h or 7d")
    return int(float(found[1]) * _UNITS[found[2]])


def parse_instant(text: str) -> datetime:
    """Parse ISO 8601 (UTC if it names no zone) or a duration before now; anything else is wrong usage."""
    if _DURATION.fullmatch(text.strip()):
        try:
            return datetime.now(UTC) - timedelta(milliseconds=parse_duration(text))
        except OverflowError:
            raise typer.BadParameter(f"{text!r} is before the first possible date: give a shorter duration") from None
    try:
        instant = datetime.fromisoformat(text.strip())
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is not a time: write 2026-11-22 or 2026-11-22T10:00, or a duration such as 2h for 2 hours ago"
        ) from None
    return instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)
