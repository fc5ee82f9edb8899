"""The filter of the list of executions: from the address or from one field of tokens, and back."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from runfold.console.words import SIGNS
from runfold.errors import InvalidInput
from runfold.reading.executions import Filter

FIELDS = ("status", "workflow", "trigger", "mode", "parent", "min", "error", "since", "until")
_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)")
_TOKEN = re.compile(rf"({'|'.join(FIELDS)}):(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Tokens:
    """The conditions as people write them, by field; each field at most once."""

    values: Mapping[str, str]

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Tokens:
        """Return the conditions of an address, with those of the field `q` of tokens over them."""
        values = {field: query[field] for field in FIELDS if query.get(field)}
        return cls({**values, **parse(query.get("q", ""))})

    def without(self, field: str) -> dict[str, str]:
        """Return the conditions but for one."""
        return {name: value for name, value in self.values.items() if name != field}

    def filter(self, workflow_id: UUID | None) -> Filter:
        """Return the filter of the list; raises InvalidInput for a value that none can have."""
        status = self.values.get("status", "").upper() or None
        if status is not None and status not in SIGNS:
            raise _invalid("status", status, f"choose one of {', '.join(name.lower() for name in SIGNS)}")
        minimum = self.values.get("min")
        return Filter(
            status=status,
            workflow_id=workflow_id,
            mode=self.values.get("mode", "").upper() or None,
            trigger=self.values.get("trigger", "").upper() or None,
            parent=self.values.get("parent"),
            since=_instant("since", self.values.get("since")),
            until=_instant("until", self.values.get("until")),
            min_duration=None if minimum is None else _duration("min", minimum),
            error=self.values.get("error"),
        )


def parse(text: str) -> dict[str, str]:
    """Return the conditions of `status:error min:10s`; what has no field is a part of the error text."""
    try:
        parts = shlex.split(text)
    except ValueError:  # a quotation that does not end
        parts = text.split()
    values: dict[str, str] = {}
    plain = []
    for part in parts:
        if (found := _TOKEN.fullmatch(part)) is None:
            plain.append(part)
        elif found[2]:
            values[found[1]] = found[2]
    if plain:
        values.setdefault("error", " ".join(plain))
    return values


def _duration(field: str, text: str) -> int:
    if (found := _DURATION.fullmatch(text)) is None:
        raise _invalid(field, text, "write for example 250ms, 1.5s, 10m, 2h or 7d")
    return int(float(found[1]) * _UNITS[found[2]])


def _instant(field: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        if _DURATION.fullmatch(text):
            return datetime.now(UTC) - timedelta(milliseconds=_duration(field, text))
        found = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
    except (ValueError, OverflowError):
        raise _invalid(field, text, "write 2026-11-22T10:00 (UTC), or 2h for two hours ago") from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _invalid(field: str, found: str, hint: str) -> InvalidInput:
    return InvalidInput(
        f"{found!r} is not a value of {field}", hint=hint, code="invalid_filter", pointer=field, found=found
    )
