"""Offers what a spool holds to the log, call by call, and keeps what the log refuses with its error.

A call goes as it was spooled, with `repeats="skip"`: what the log has of it already is skipped, so it does not matter
whether it was sent before, in the same cut or in another one. What is refused is told by its pointer, as in the
emitter: an event, or a stream. Any other failure is the connection's or the schema's: it is raised, and the call stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from runfold.client.sync.store import Store
from runfold.emitter.folder import REFUSED
from runfold.emitter.refusals import culprit_of
from runfold.emitter.spool import Spool
from runfold.errors import (
    ClaimTaken,
    EventIdConflict,
    InvalidInput,
    RunfoldError,
    StreamUnavailable,
    VersionConflict,
)
from runfold.events.codec import CheckedEvent
from runfold.events.envelope import Append

ABOUT_EVENTS = (InvalidInput, VersionConflict, StreamUnavailable, EventIdConflict, ClaimTaken)
"""What the log refuses for good; every other error says nothing about the events."""

Call = list[dict[str, Any]]


@dataclass(slots=True)
class Sent:
    """What was done so far: calls and events that are in the log now, and events that it refused."""

    calls: int = 0
    events: int = 0
    refused: int = 0
    bytes: int = 0


def send(spool: Spool, store: Store) -> Iterator[Sent]:
    """Offer every record of the spool in its order, and yield what was done after each; the spool is empty at the end.

    Raises what the database cannot help now, as DatabaseUnavailable and PermissionDenied: then the rest stays.
    """
    sent = Sent()
    for record in spool.records():
        for entry in offer(store, orjson.loads(record.call), sent):
            spool.refuse(entry)
        spool.done(record)
        sent.calls += 1
        sent.bytes += record.end - record.offset
        yield sent


def resend_refused(spool: Spool, store: Store) -> Iterator[Sent]:
    """Offer the refused events again, as they are, and yield what was done after each; those that are taken leave."""
    sent = Sent()
    left: list[bytes] = []
    entries = refused_entries(spool)
    kept = len(entries)
    try:
        for entry, line in entries:
            append = {name: entry.get(name) for name in ("stream_id", "expected_version", "user_id")}
            still = list(offer(store, [{**append, "events": [entry["event"]]}], sent))
            left += [line] if still else []
            kept -= 1
            yield sent
    finally:
        if sent.events:
            spool.put_refused(left + [line for _, line in entries[len(entries) - kept :]])


def refused_entries(spool: Spool) -> list[tuple[dict[str, Any], bytes]]:
    """Return what was refused, each event once: one that was offered again after a crash is there twice."""
    path = spool.folder / REFUSED
    return read_refused(path.read_bytes() if path.exists() else b"")


def read_refused(text: bytes) -> list[tuple[dict[str, Any], bytes]]:
    """Return the lines of refused.jsonl with what they say; a torn last line is left out."""
    found: dict[Any, tuple[dict[str, Any], bytes]] = {}
    for number, line in enumerate(text.splitlines()):
        try:
            entry = orjson.loads(line)
            found[entry["event"].get("event_id") or number] = (entry, line)
        except (ValueError, TypeError, KeyError, AttributeError):
            continue
    return list(found.values())


def refused_entry(append: dict[str, Any], event: dict[str, Any], error: Exception) -> dict[str, Any]:
    """Return the line of refused.jsonl for an event that the log refused."""
    said = {"code": getattr(error, "code", type(error).__name__), "message": str(error)}
    facts = {name: value for name, value in getattr(error, "facts", {}).items() if value is not None}
    return {
        "refused_at": datetime.now(UTC),
        "stream_id": append["stream_id"],
        "expected_version": append.get("expected_version"),
        "user_id": append.get("user_id"),
        "event": event,
        "error": {**facts, **said},
    }


def offer(store: Store, call: Call, sent: Sent) -> Iterator[dict[str, Any]]:
    """Append a call, and yield an entry for each event that is refused; the others are recorded in their order."""
    parts = [call]
    while parts:
        part = [append for append in parts.pop(0) if append["events"]]
        if not part:
            continue
        has_claims = any(append.get("claims") or append.get("releases") for append in part)
        try:
            store.append_many([_append(append) for append in part], repeats=None if has_claims else "skip")
        except ABOUT_EVENTS as error:
            if error.retryable:
                raise
            refused, rest = _without_culprit(part, error)
            for append, event in refused:
                sent.refused += 1
                yield refused_entry(append, event, error)
            parts[:0] = rest
        else:
            sent.events += sum(len(append["events"]) for append in part)


def _without_culprit(call: Call, error: RunfoldError) -> tuple[list[tuple[dict[str, Any], dict[str, Any]]], list[Call]]:
    """Return the events that an error is about, and what is to be offered next."""
    found = culprit_of(error, [append["stream_id"] for append in call])
    if found is None:
        return _halved(call)
    append = call[found.append]
    if found.event is None:
        named = append["stream_id"]
        lost = [(one, event) for one in call if one["stream_id"] == named for event in one["events"]]
        return lost, [[one for one in call if one["stream_id"] != named]]
    events = list(append["events"])
    culprit = events.pop(found.event)
    return [(append, culprit)], [[{**one, "events": events} if one is append else one for one in call]]


def _halved(call: Call) -> tuple[list[tuple[dict[str, Any], dict[str, Any]]], list[Call]]:
    if len(call) > 1:
        middle = (len(call) + 1) // 2
        return [], [call[:middle], call[middle:]]
    (append,) = call
    events = append["events"]
    if len(events) == 1:
        return [(append, events[0])], []
    middle = (len(events) + 1) // 2
    later = {**append, "events": events[middle:], "expected_version": None}
    return [], [[{**append, "events": events[:middle]}], [later]]


def _append(append: dict[str, Any]) -> Append:
    user = append.get("user_id")
    return Append(
        stream_id=append["stream_id"],
        events=[CheckedEvent(event) for event in append["events"]],
        expected_version=append.get("expected_version"),
        user_id=None if user is None else UUID(user),
        claims=[(kind, key) for kind, key in append.get("claims") or ()],
        releases=[(kind, key) for kind, key in append.get("releases") or ()],
    )


__all__ = ["Sent", "offer", "read_refused", "refused_entries", "refused_entry", "resend_refused", "send"]
