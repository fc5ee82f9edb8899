"""The kinds of values that fields of events have, and the rule of each.

A rule is data, so that one source serves three readers: pydantic (the annotated types in `fields.py`), the exact
check that names the first fault (`normalized`), and the SQL that PostgreSQL checks appends with (`sql.py`). Whatever
the columns of the read tables require is said here: what is accepted can be folded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from runfold.errors import InvalidInput
from runfold.events import json_values
from runfold.events.encoding import encoded, exact
from runfold.events.faults import fault

Kind = Literal["name", "text", "enum", "uuid", "integer", "number", "boolean", "timestamp", "json", "object", "strings"]

# What Unicode calls White_Space, without the control characters (names have none).
SPACES = "\u0020\u00a0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f]")
UUID_SHAPE = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
TIMESTAMP_SHAPE = re.compile(
    r"\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?(Z|[+-](0\d|1[0-5]):[0-5]\d)", re.ASCII
)
FOUND_LENGTH = 100

_JSON_TYPE: dict[Kind, str] = {
    "name": "string",
    "text": "string",
    "enum": "string",
    "uuid": "string",
    "timestamp": "string",
    "integer": "number",
    "number": "number",
    "boolean": "boolean",
    "object": "object",
    "strings": "array",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """What a value must be: its kind, and the bounds of a length (characters) or of a number, or the values allowed."""

    kind: Kind
    minimum: int | None = None
    maximum: int | None = None
    allowed: tuple[str, ...] = ()

    def json_type(self) -> str:
        """Name the JSON type of the values, "" for any."""
        return _JSON_TYPE.get(self.kind, "")


@dataclass(frozen=True, slots=True)
class FieldRule:
    """A field of an event type with its rule."""

    field: str
    rule: Rule
    required: bool


def shown(value: Any) -> Any:
    """Shorten a value for an error: nobody wants a megabyte in a log line."""
    return value[:FOUND_LENGTH] if isinstance(value, str) else value


FIRST_TIME = datetime(1, 1, 2, tzinfo=UTC)
LAST_TIME = datetime(9999, 12, 30, 23, 59, 59, 999_999, tzinfo=UTC)
"""A day within the calendar's ends, so that a session of any zone can show the time in a year from 1 to 9999."""


def time_fault(value: datetime, pointer: str, found: Any) -> InvalidInput | None:
    """Find what keeps a time from being stored: no zone, outside of the calendar, or too near to its ends."""
    try:
        if value.utcoffset() is None or FIRST_TIME <= value.astimezone(UTC) <= LAST_TIME:
            return None if value.utcoffset() is not None else fault("not_a_timestamp", pointer, found=found)
    except OverflowError:
        return fault("not_a_timestamp", pointer, found=found)
    limit = ["0001-01-02T00:00:00Z", "9999-12-30T23:59:59.999999Z"]
    return fault("out_of_range", pointer, limit=limit, found=found)


def parse_timestamp(value: str) -> datetime | None:
    """Read RFC 3339 with a zone and at most microseconds, in the years 0001 to 9999 of UTC; None if it is not that."""
    if TIMESTAMP_SHAPE.fullmatch(value) is None:
        return None
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def format_timestamp(value: datetime) -> str:
    """Write a time with a zone as RFC 3339 in UTC."""
    if value.tzinfo is not UTC:
        value = value.astimezone(UTC)
    return value.isoformat(timespec="microseconds")


def name_fault(value: str, pointer: str, maximum: int) -> InvalidInput | None:
    """Find what keeps a string from being a name: 1 to `maximum` characters, not blank, no control characters."""
    if len(value) > maximum:
        return fault("too_long", pointer, limit=maximum, found=len(value))
    if control := CONTROLS.search(value):
        return fault("control_character", pointer, found=f"U+{ord(control.group()):04X}")
    if not value.strip(SPACES):
        return fault("blank", pointer)
    return None


def _string_fault(rule: Rule, value: Any, pointer: str) -> InvalidInput | None:
    if isinstance(value, UUID):
        return None if rule.kind == "uuid" else fault("wrong_type", pointer, limit="string", found="UUID")
    if isinstance(value, datetime):
        if rule.kind != "timestamp":
            return fault("wrong_type", pointer, limit="string", found="datetime")
        return time_fault(value, pointer, value.isoformat())
    json_values.check_text(value, pointer)
    if rule.kind == "name":
        return name_fault(value, pointer, rule.maximum or 0)
    if rule.kind == "text" and rule.maximum is not None and len(value) > rule.maximum:
        return fault("too_long", pointer, limit=rule.maximum, found=len(value))
    if rule.kind == "enum" and value not in rule.allowed:
        return fault("not_allowed", pointer, limit=list(rule.allowed), found=shown(value))
    if rule.kind == "uuid" and UUID_SHAPE.fullmatch(value) is None:
        return fault("not_a_uuid", pointer, found=shown(value))
    if rule.kind == "timestamp":
        if (time := parse_timestamp(value)) is None:
            return fault("not_a_timestamp", pointer, found=shown(value))
        return time_fault(time, pointer, shown(value))
    return None


def _number_fault(rule: Rule, value: int | float, pointer: str) -> InvalidInput | None:
    json_values.check(value, pointer, json_values.MAX_DEPTH - 1)
    # jsonb reads 1e30 as the integer it is; only a number with a fraction in its text is not one.
    if rule.kind == "integer" and isinstance(value, float) and ("e" not in repr(value) or not value.is_integer()):
        return fault("not_an_integer", pointer, found=value)
    low, high = rule.minimum, rule.maximum
    if (low is not None and value < low) or (high is not None and value > high):
        return fault("out_of_range", pointer, limit=[low, high], found=value)
    return None


def value_fault(rule: Rule, value: Any, pointer: str) -> InvalidInput | None:
    """Find what is wrong with a value that is not null."""
    if rule.kind == "json":
        json_values.check(value, pointer, json_values.MAX_DEPTH - 1)
        return None
    expected = rule.json_type()
    if (found := json_values.json_type(value)) != expected:
        json_values.check(value, pointer, json_values.MAX_DEPTH - 1)
        return fault("wrong_type", pointer, limit=expected, found=found)
    if expected == "string":
        return _string_fault(rule, value, pointer)
    if expected == "number":
        return _number_fault(rule, value, pointer)
    json_values.check(value, pointer, json_values.MAX_DEPTH - 1)
    if rule.kind == "strings":
        for index, item in enumerate(value):
            if not isinstance(item, str):
                return fault("wrong_type", f"{pointer}/{index}", limit="string", found=json_values.json_type(item))
    return None


def normalized(rules: tuple[FieldRule, ...], data: dict[str, Any]) -> dict[str, Any]:
    """Return an event's data as plain JSON types; raises its first fault.

    The first fault is in the fields, in their order, then in the fields that it does not have. Null and absent are the
    same: not given.
    """
    result = {}
    for at in rules:
        pointer = f"/{at.field}"
        value = data.get(at.field)
        if value is not None:
            value = _as_plain(at.rule, value, pointer)
        if value is None:
            if at.required:
                raise fault("required", pointer)
            continue
        if found := value_fault(at.rule, value, pointer):
            raise found
        result[at.field] = value
    if unknown := set(data) - {at.field for at in rules}:
        field = min(map(str, unknown), key=lambda key: key.encode(errors="replace"))
        raise fault("unknown_field", json_values.pointer_to(field), found=shown(field))
    return result


def _as_plain(rule: Rule, value: Any, pointer: str) -> Any:
    """Return a field's value as plain types; one that its rule refuses may stay as it is."""
    if rule.kind == "json":
        return encoded(value, pointer, json_values.MAX_DEPTH - 1)
    if rule.kind in ("object", "strings"):
        plain = encoded(value, pointer, json_values.MAX_DEPTH - 1)
        return plain if json_values.json_type(plain) == rule.json_type() else value
    return exact(value)
