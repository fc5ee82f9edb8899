"""What people read in place of codes: statuses with sign and colour, durations, times, and texts made visible."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Sign:
    """How a status is shown: by an icon, a word and a colour."""

    icon: str
    word: str
    tone: str


SIGNS = {
    "SUCCESS": Sign("success", "Succeeded", "success"),
    "RUNNING": Sign("running", "Running", "running"),
    "ERROR": Sign("error", "Failed", "error"),
    "TIMEOUT": Sign("timeout", "Timed out", "timeout"),
    "WAITING_FOR_HUMAN": Sign("waiting", "Waits for a person", "waiting"),
    "WAITING_INPUT": Sign("waiting", "Waits", "waiting"),
    "PAUSED": Sign("paused", "Paused", "paused"),
    "RETRYING": Sign("retrying", "Retrying", "retrying"),
    "NEW": Sign("idle", "New", "idle"),
    "PENDING": Sign("idle", "Pending", "idle"),
    "SKIPPED": Sign("skipped", "Skipped", "idle"),
    "CANCELED": Sign("canceled", "Canceled", "canceled"),
}
ENDED = frozenset({"SUCCESS", "ERROR", "TIMEOUT", "CANCELED", "SKIPPED"})

_MINUTE, _HOUR, _DAY = 60_000, 3_600_000, 86_400_000


def sign(status: str | None) -> Sign:
    """Return how a status is shown; one that is not known is shown as it is written."""
    return SIGNS.get(status or "", Sign("idle", status or "unknown", "idle"))


def took(milliseconds: float | None) -> str:
    """Return a duration as `12 ms`, `3.4 s`, `2m 05s`, `1h 52m` or `3d 4h`; nothing for None."""
    if milliseconds is None:
        return ""
    ms = round(milliseconds)
    if abs(ms) < 1000:
        return f"{ms} ms"
    if abs(ms) < 59_950:
        return f"{ms / 1000:.1f} s"
    sign_, ms = ("-", -ms) if ms < 0 else ("", ms)
    if ms < _HOUR:
        minutes, rest = divmod(round(ms / 1000), 60)
        return f"{sign_}{minutes}m {rest:02}s"
    if ms < _DAY:
        hours, rest = divmod(ms // _MINUTE, 60)
        return f"{sign_}{hours}h {rest:02}m"
    days, rest = divmod(ms // _HOUR, 24)
    return f"{sign_}{days:,}d {rest}h"


def ago(then: datetime | float | None, now: float) -> str:
    """Return how long ago a time was, coarsely: `now`, `4m ago`, `1h ago`, `3d ago`, or `in 5m`."""
    if then is None:
        return ""
    gone = now - epoch_ms(then)
    size = abs(gone)
    if size < 1000:
        return "now"
    for unit, letter in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "m"), (1000, "s")):
        if size >= unit:
            text = f"{int(size // unit)}{letter}"
            return f"{text} ago" if gone > 0 else f"in {text}"
    return "now"


def epoch_ms(then: datetime | float) -> float:
    """Return epoch milliseconds of a time, which may be them already."""
    return then.timestamp() * 1000 if isinstance(then, datetime) else float(then)


def moment(then: datetime | float | None) -> datetime | None:
    """Return a time in UTC; None for None and for what no calendar has."""
    if then is None:
        return None
    try:
        return then.astimezone(UTC) if isinstance(then, datetime) else datetime.fromtimestamp(then / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def clock(then: datetime | float | None, *, fine: bool = False) -> str:
    """Return the time of day in UTC, to the second or the millisecond."""
    if (at := moment(then)) is None:
        return ""
    return at.strftime("%H:%M:%S") + (f".{at.microsecond // 1000:03}" if fine else "")


def day(then: datetime | float | None) -> str:
    """Return the day in words: `Friday 27 November 2026`."""
    at = moment(then)
    return "" if at is None else f"{at:%A} {at.day} {at:%B} {at.year}"


def date_clock(then: datetime | float | None) -> str:
    """Return `27 Nov 07:07:13` in UTC, with the year where it is not this one."""
    at = moment(then)
    if at is None:
        return ""
    year = "" if at.year == datetime.now(UTC).year else f" {at.year}"
    return f"{at.day} {at:%b}{year} {at:%H:%M:%S}"


def count(number: Any) -> str:
    """Return a number with commas."""
    return "" if number is None else f"{int(number):,}"


def size(octets: float | None) -> str:
    """Return a number of bytes as `512 B`, `3.4 kB`, `1.2 GB`."""
    if octets is None:
        return ""
    value = float(octets)
    for unit in ("B", "kB", "MB", "GB"):
        if abs(value) < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def visible(text: Any, most: int | None = None) -> str:
    """Return a text with its control and direction characters written out, cut to `most` characters.

    Data may have characters that turn the line around or show nothing: people see `⟨U+202E⟩` in their place.
    """
    plain = str(text)
    if most is not None and len(plain) > most:
        plain = plain[: most - 1] + "…"
    if plain.isprintable():
        return plain
    return "".join(_shown(sign_) for sign_ in plain)


def _shown(letter: str) -> str:
    if letter in "\n\t" or unicodedata.category(letter) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
        return letter
    if letter in "\u200d\ufe0f":  # they join the parts of an emoji
        return letter
    return f"⟨U+{ord(letter):04X}⟩"
