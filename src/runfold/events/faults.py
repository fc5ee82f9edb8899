"""Every code with which an append can be refused, and the one sentence that goes with it.

Python raises these while events are made and encoded, PostgreSQL while they are appended: the catalogue is copied
into `runfold.faults` by the migrations, and a test compares the two. `pointer` is a JSON pointer: relative to the
event's data when an event is made, relative to the call (`/0/events/2/data/node_id`) when it is appended.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from runfold.errors import InvalidInput


class Fault(NamedTuple):
    """What one code says. `{at}`, `{limit}` and `{found}` are filled in."""

    message: str
    hint: str


FAULTS: dict[str, Fault] = {
    # JSON itself
    "invalid_json": Fault("{at} is not valid JSON: {found}", "Send one JSON array of appends."),
    "nul_character": Fault("{at} contains the character U+0000", "PostgreSQL cannot store it: remove or encode it."),
    "lone_surrogate": Fault("{at} contains half of a surrogate pair", "Send whole characters only."),
    "not_finite": Fault("{at} is {found}, which JSON has no number for", "Send null or a string instead."),
    "integer_too_large": Fault("{at} is an integer beyond 64 bits", "Send it as a string."),
    "number_too_large": Fault("{at} does not fit a double: {found}", "Send it as a string."),
    "too_deep": Fault("{at} is nested deeper than {limit} levels", "Flatten it, or keep it elsewhere and refer to it."),
    "duplicate_key": Fault("{at} occurs twice in its object", "Only one of the two would be kept: send one."),
    "not_json": Fault("{at} is a {found}, which is not a JSON type", "Convert it before it becomes an event."),
    "key_not_string": Fault("{at} has a key that is a {found}", "Keys of JSON objects are strings."),
    # the call
    "empty_call": Fault("The call has no appends", "Send at least one append."),
    "too_many_appends": Fault("The call has {found} appends, more than {limit}", "Send several calls."),
    "too_many_events": Fault("The call has more than {limit} events", "Send several calls."),
    "call_too_large": Fault(
        "{at} is larger than {limit} bytes, as text or as jsonb", "Send fewer or smaller events in one call."
    ),
    "empty_append": Fault("{at} is empty", "Send at least one event for each stream."),
    "duplicate_stream": Fault(
        "{at} names a stream a second time: {found}", "Send all events of a stream as one append."
    ),
    "duplicate_event_id": Fault("{at} repeats an event id of this call: {found}", "Give every event its own id."),
    "event_too_large": Fault(
        "{at} has {found} bytes, more than {limit}",
        "Keep large values elsewhere and refer to them, or raise max_event_bytes in runfold.settings.",
    ),
    "metadata_too_large": Fault(
        "{at} has {found} bytes, more than {limit}",
        "Keep large values in data, or raise max_metadata_bytes in runfold.settings.",
    ),
    # streams and types
    "invalid_stream_id": Fault(
        "{at} is not a stream id: {found}", "A stream id is <category>-<name>; a category is [a-z][a-z0-9_]*."
    ),
    "unknown_category": Fault(
        "{at} is of a category that is not registered: {found}", "Register it with register_event_types."
    ),
    "unknown_type": Fault("{at} is not an event type of its category: {found}", "Register it, or correct the name."),
    "reserved_type": Fault("{at} is a type of our own vocabulary: {found}", "Choose another name for yours."),
    "schema_version_newer": Fault(
        "{at} is {found}, newer than the {limit} that this database knows", "Migrate the database first."
    ),
    "stream_mismatch": Fault("{at} is not what the stream is named after: {found}", "Expected {limit}."),
    "payload_not_allowed": Fault(
        "{at} is opaque bytes, which this event type does not take", "Send data, or register the type as opaque."
    ),
    "data_and_payload": Fault("{at} has both data and payload", "Send one of the two."),
    "closed_category": Fault("{at} is of our own vocabulary, which is closed: {found}", "Use a category of your own."),
    "not_of_a_deployment": Fault(
        "{at} is not what a scheduler may append: {found}",
        "A scheduler appends events of deployment streams; a login of runfold_engine appends others.",
    ),
    "not_a_pair": Fault("{at} has {found} elements, expected {limit}", "A claim is a pair of kind and key."),
    "not_base64": Fault("{at} is not base64", "Encode the payload with the standard alphabet and padding."),
    # values
    "required": Fault("{at} is missing", "It is required and not null."),
    "unknown_field": Fault("{at} is not a field here", "Remove it; fields of the caller's own belong in metadata."),
    "wrong_type": Fault("{at} is of type {found}, expected {limit}", "Send the expected JSON type."),
    "not_an_integer": Fault("{at} is not an integer: {found}", "Send it without fraction."),
    "out_of_range": Fault("{at} is out of range: {found}", "Expected a value in {limit}."),
    "too_long": Fault("{at} is {found} long, more than {limit}", "Shorten it: its column has no room for more."),
    "blank": Fault("{at} is blank", "Give it at least one visible character."),
    "control_character": Fault("{at} contains the control character {found}", "Names hold printable characters."),
    "not_allowed": Fault("{at} is not an allowed value: {found}", "Allowed: {limit}."),
    "not_a_uuid": Fault("{at} is not a UUID: {found}", "Send 8-4-4-4-12 hexadecimal digits."),
    "not_a_timestamp": Fault(
        "{at} is not a timestamp with zone: {found}",
        "Send RFC 3339 with a zone, microseconds at most, years 0001 to 9999: 2026-01-31T12:00:00Z.",
    ),
}


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)


def fault(code: str, pointer: str, *, limit: Any = None, found: Any = None) -> InvalidInput:
    """Make the error for a code of the catalogue."""
    text = FAULTS[code]
    words = {"at": pointer or "The call", "limit": _text(limit), "found": _text(found)}
    return InvalidInput(
        text.message.format(**words),
        hint=text.hint.format(**words),
        code=code,
        pointer=pointer,
        limit=limit,
        found=found,
    )


def under(error: InvalidInput, prefix: str) -> InvalidInput:
    """Make the same error with its pointer moved below `prefix`."""
    return fault(error.code, prefix + (error.pointer or ""), limit=error.limit, found=error.found)


def escape(key: str) -> str:
    """Write a key as one step of a JSON pointer."""
    return key.replace("~", "~0").replace("/", "~1")


__all__ = ["FAULTS", "Fault", "escape", "fault", "under"]
