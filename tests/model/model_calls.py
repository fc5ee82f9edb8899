"""model_calls: one row for each event."""

from __future__ import annotations

from tests.model.tables import Recorded, Tables, row_id

EVENTS = frozenset({"ModelCalled"})


def apply(tables: Tables, event: Recorded) -> None:
    """Make the event's row, which nothing changes later. It needs no row of its execution."""
    call_id = row_id(event.stream_id, "model_call", str(event.event_id).lower())
    tables.model_calls[call_id] = {
        "id": call_id,
        "execution_id": event.stream_id.removeprefix("execution-"),
        "user_id": event.user_id,
        "activation": event.data.get("activation"),
        "provider": event.data["provider"],
        "model_id": event.data["model_id"],
        "version": event.data.get("version"),
        "input_tokens": event.data["input_tokens"],
        "cached_tokens": event.data["cached_tokens"],
        "output_tokens": event.data["output_tokens"],
        "latency_ms": event.data.get("latency_ms"),
        "called_at": event.occurred_at,
        "last_event_position": event.position,
    }
