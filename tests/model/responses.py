"""hil_responses: messages that came in through a channel, and the interactions that they answer."""

from __future__ import annotations

from tests.model.tables import Recorded, Row, Tables, given, instant_of, stream_uuid, touch, two_places, uuid_of

PROJECTION = "hil_responses"

TARGETS = {
    "ResponseReceived": "unprocessed",
    "ResponseMatched": "matched",
    "ResponseFilteredOut": "filtered_out",
    "ResponseErrored": "error",
    "ResponseReopened": "unprocessed",
}

EVENTS = frozenset(TARGETS)
ENDED = frozenset({"matched"})

LEGAL = {
    "unprocessed": {"matched", "filtered_out", "error"},
    "error": {"unprocessed"},
    "filtered_out": {"unprocessed"},
}


def apply(tables: Tables, event: Recorded) -> None:
    """Apply an event of a response's stream to its row; a match looks for its interaction among the present ones."""
    row = tables.hil_responses.get(stream_uuid(event))
    if event.type == "ResponseReceived":
        if row is None:
            receive(tables, event)
        else:
            tables.anomaly(event, PROJECTION, "already_exists")
        return
    if row is None:
        tables.anomaly(event, PROJECTION, "missing_row")
        return
    if row["status"] in ENDED:
        tables.anomaly(event, PROJECTION, "after_end", {"status": row["status"]})
        return

    target = TARGETS[event.type]
    if target not in LEGAL[row["status"]]:
        tables.anomaly(event, PROJECTION, "illegal_transition", {"from": row["status"], "to": target})
    row["status"] = target
    if event.type == "ResponseMatched":
        interaction = tables.human_interactions.get(uuid_of(event.data["interaction_id"]))
        if interaction is None or interaction["workflow_id"] != row["workflow_id"]:
            # The row has one anomaly an event: this one takes the place of an illegal move's.
            tables.anomaly(event, PROJECTION, "missing_row")
        else:
            row["matched_interaction_id"] = interaction["id"]
    if event.type == "ResponseErrored":
        row["error"] = event.data["error"]
    if given(event, "ai_relevance_score"):
        row["ai_relevance_score"] = two_places(event.data["ai_relevance_score"])
    if given(event, "ai_reasoning"):
        row["ai_reasoning"] = event.data["ai_reasoning"]
    if given(event, "processed_at"):
        row["processed_at"] = instant_of(event.data["processed_at"])
    touch(row, event)


def receive(tables: Tables, event: Recorded) -> None:
    data = event.data
    row: Row = {
        "id": stream_uuid(event),
        "workflow_id": uuid_of(data["workflow_id"]),
        "user_id": event.user_id,
        "source_channel": data["source_channel"],
        "raw_payload": data["raw_payload"],
        "headers": data.get("headers"),
        "status": "unprocessed",
        "processed_at": None,
        "matched_interaction_id": None,
        "ai_relevance_score": None,
        "ai_reasoning": None,
        "error": None,
        "received_at": instant_of(data["received_at"]),
        "created_at": event.occurred_at,
    }
    touch(row, event)
    tables.hil_responses[row["id"]] = row
