"""Calls in both forms, as text and as arrays, and what a call answers when it is rolled back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import psycopg

from runfold.events.envelope import Append, NewEvent

Connection = psycopg.Connection[Any]

APPEND_BATCH = """
    SELECT * FROM runfold.append_batch(
        %(stream_ids)s::text[], %(counts)s::integer[], %(expected)s::bigint[],
        %(user_ids)s::uuid[], %(event_ids)s::uuid[],
        %(types)s::text[], %(schema_versions)s::integer[], %(datas)s::text[],
        %(metadatas)s::text[], %(occurred_ats)s::timestamptz[],
        %(repeats)s, %(encrypted)s::boolean[])"""


def arguments(batch: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a batch as the arrays of `append_batch`."""
    events = [event for append in batch for event in append["events"]]
    return {
        "stream_ids": [append["stream_id"] for append in batch],
        "counts": [len(append["events"]) for append in batch],
        "expected": [append["expected_version"] for append in batch],
        "user_ids": [append["user_id"] for append in batch],
        "encrypted": [append["encrypted"] for append in batch],
        "event_ids": [event["event_id"] for event in events],
        "types": [event["type"] for event in events],
        "schema_versions": [event["schema_version"] for event in events],
        "datas": [event["data"] for event in events],
        "metadatas": [event["metadata"] for event in events],
        "occurred_ats": [event["occurred_at"] for event in events],
        "repeats": None,
    }


def arrays_of_appends(appends: Sequence[Append]) -> dict[str, Any]:
    """Return appends of events in their envelopes as the arrays of `append_batch`."""
    return arguments(
        [
            {
                "stream_id": one.stream_id,
                "expected_version": one.expected_version,
                "user_id": one.user_id,
                "encrypted": None,
                "events": [
                    {
                        "event_id": event.event_id,
                        "type": event.type,
                        "schema_version": event.schema_version,
                        "data": json.dumps(event.data),
                        "metadata": json.dumps(event.metadata),
                        "occurred_at": event.occurred_at,
                    }
                    for event in one.events
                    if isinstance(event, NewEvent)
                ],
            }
            for one in appends
        ]
    )


def text_of(batch: list[dict[str, Any]]) -> str:
    """Return a batch as the text of `append_events`, with data and metadata as they are written."""

    def said(value: Any) -> str:
        return json.dumps(value if value is None or isinstance(value, int | bool) else str(value))

    def event_text(event: dict[str, Any]) -> str:
        at = event["occurred_at"]
        return (
            f'{{"event_id": {said(event["event_id"])}, "type": {said(event["type"])},'
            f' "schema_version": {said(event["schema_version"])}, "data": {event["data"] or "null"},'
            f' "metadata": {event["metadata"] or "null"},'
            f' "occurred_at": {said(None if at is None else at.isoformat(timespec="microseconds"))}}}'
        )

    def append_text(append: dict[str, Any]) -> str:
        about = "".join(
            f'"{key}": {said(append[key])}, ' for key in ("stream_id", "expected_version", "user_id", "encrypted")
        )
        return f'{{{about}"events": [{", ".join(map(event_text, append["events"]))}]}}'

    return f"[{', '.join(map(append_text, batch))}]"


def outcome(connection: Connection, query: str, parameters: Any) -> tuple[Any, ...]:
    """Return what a call answers, with positions from 1 on, or its refusal; nothing stays."""
    with connection.transaction(force_rollback=True):
        (before,) = connection.execute("SELECT last_value FROM runfold.events_position").fetchone() or (0,)
        (stored,) = connection.execute("SELECT coalesce(max(position), 0) FROM runfold.events").fetchone() or (0,)
        try:
            with connection.transaction():
                rows = connection.execute(query.encode(), parameters).fetchall()
        except psycopg.Error as error:
            return error.sqlstate, error.diag.message_primary, json.loads(error.diag.message_detail or "null")
        recorded = connection.execute(
            "SELECT position - %s, append_end - %s, stream_id, stream_version, event_id, category, type,"
            " schema_version, user_id, data::text,"
            " metadata::text, occurred_at FROM runfold.events WHERE position > %s ORDER BY position",
            (before, before, stored),
        ).fetchall()
        streams = connection.execute(
            "SELECT stream_id, version, user_id, first_position <= %s, last_position <= %s FROM runfold.streams"
            ' ORDER BY stream_id COLLATE "C"',
            (stored, stored),
        ).fetchall()
        claims = connection.execute("SELECT kind, key, stream_id, name FROM runfold.claims ORDER BY 1, 2").fetchall()

        def place(position: int | None) -> int | None:
            return position if position is None or position <= stored else position - before

        results = [
            (*row[:2], place(row[2]), place(row[3]), row[4], row[5], row[6], row[7] and [place(one) for one in row[7]])
            for row in rows
        ]
        return results, recorded, streams, claims
