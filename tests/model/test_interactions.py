"""The model of interactions and the responses to them, against examples computed by hand from decision 007."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from tests.model import interactions, responses
from tests.model.payloads import BASE, INTERACTIONS, RESPONSES, WORKFLOWS
from tests.model.tables import row_id
from tests.model.writing import TENANT, WORKFLOW, Log

ELSEWHERE = WORKFLOWS[1]

# Interactions


def test_a_request_is_pending(log: Log) -> None:
    log.asked("InteractionRequested", execution_id="E 1", tags=["b", "a", "a"], timeout_at="2026-03-01T12:00:00+05:30")
    row = log.interaction()
    assert (row["id"], row["workflow_id"], row["user_id"]) == (UUID(INTERACTIONS[0]), WORKFLOW, TENANT)
    assert row["execution_id"] == row_id("execution-E 1", "execution", "E 1")
    assert (row["status"], row["tags"], row["responded_at"]) == ("pending", ["b", "a", "a"], None)
    assert row["timeout_at"] == datetime(2026, 3, 1, 6, 30, tzinfo=UTC)
    assert (row["first_event_position"], row["last_event_position"]) == (1, 1)
    assert row["created_at"] == row["updated_at"] == BASE + timedelta(seconds=1)
    assert log.anomalies() == []


def test_a_request_without_a_timeout_waits_for_ever(log: Log) -> None:
    row = log.asked("InteractionRequested").interaction()
    assert (row["timeout_at"], row["tags"], row["correlation_id"]) == (None, None, None)


def test_notices_touch_the_row_and_move_nothing(log: Log) -> None:
    log.asked("InteractionRequested").asked("InteractionFailed").asked("InteractionNotified")
    row = log.asked("InteractionReminderSent").interaction()
    assert (row["status"], row["last_event_position"]) == ("error", 4)
    assert row["updated_at"] == BASE + timedelta(seconds=4)
    assert log.anomalies() == []


def test_an_answer_keeps_what_was_said_when_and_by_whom(log: Log) -> None:
    log.asked("InteractionRequested")
    log.asked("InteractionResponded", response_data=[1], responded_at="2026-03-01T12:00:00-01:00", responder="somebody")
    row = log.interaction()
    assert (row["status"], row["response_data"], row["responder"]) == ("responded", [1], "somebody")
    assert row["responded_at"] == datetime(2026, 3, 1, 13, tzinfo=UTC)


@pytest.mark.parametrize("end", ["InteractionResponded", "InteractionTimedOut", "InteractionCanceled"])
def test_an_interaction_ends_once_and_for_every_event(log: Log, end: str) -> None:
    ended = log.asked("InteractionRequested").asked(end).interaction()
    late = sorted(interactions.EVENTS - {"InteractionRequested"})
    for event_type in late:
        log.asked(event_type)
    assert log.asked("InteractionRequested").interaction() == ended
    assert log.anomalies() == [
        *((n, "human_interactions", "after_end", {"status": ended["status"]}) for n in range(3, 3 + len(late))),
        (3 + len(late), "human_interactions", "already_exists", {}),
    ]


def test_a_failed_request_is_reopened_and_its_error_stays(log: Log) -> None:
    log.asked("InteractionRequested").asked("InteractionFailed", error="first").asked("InteractionReopened")
    assert (log.interaction()["status"], log.interaction()["error"]) == ("pending", "first")
    assert log.anomalies() == []
    log.asked("InteractionFailed", error="second").asked("InteractionFailed", error="third")
    row = log.asked("InteractionResponded").interaction()
    assert (row["status"], row["error"]) == ("responded", "third")
    assert log.anomalies() == [
        (5, "human_interactions", "illegal_transition", {"from": "error", "to": "error"}),
        (6, "human_interactions", "illegal_transition", {"from": "error", "to": "responded"}),
    ]


def test_an_interaction_begins_with_its_request(log: Log) -> None:
    log.asked("InteractionNotified").asked("InteractionResponded")
    assert log.tables()["human_interactions"] == {}
    assert log.asked("InteractionRequested").interaction()["first_event_position"] == 3
    assert log.anomalies() == [
        (1, "human_interactions", "missing_row", {}),
        (2, "human_interactions", "missing_row", {}),
    ]


# Responses


def test_a_response_is_unprocessed(log: Log) -> None:
    row = log.answered("ResponseReceived", raw_payload="yes", received_at="2026-03-01T12:00:00Z").response()
    assert (row["id"], row["workflow_id"], row["user_id"]) == (UUID(RESPONSES[0]), WORKFLOW, TENANT)
    assert (row["status"], row["raw_payload"], row["headers"]) == ("unprocessed", "yes", None)
    assert row["received_at"] == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert row["created_at"] == BASE + timedelta(seconds=1)


def test_a_match_finds_the_interaction_however_its_name_is_written(log: Log) -> None:
    stream = f"interaction-{INTERACTIONS[1].lower()}"
    log("InteractionRequested", stream).answered("ResponseReceived")
    row = log.answered("ResponseMatched", interaction_id=INTERACTIONS[1], ai_reasoning="r").response()
    assert (row["status"], row["matched_interaction_id"], row["ai_reasoning"]) == (
        "matched",
        UUID(INTERACTIONS[1]),
        "r",
    )
    assert log.anomalies() == []


def test_a_match_before_its_interaction_stands_is_no_match_and_ends_all_the_same(log: Log) -> None:
    log.answered("ResponseReceived").answered("ResponseMatched").asked("InteractionRequested")
    row = log.answered("ResponseMatched").response()
    assert (row["status"], row["matched_interaction_id"], row["last_event_position"]) == ("matched", None, 2)
    assert log.anomalies() == [
        (2, "hil_responses", "missing_row", {}),
        (4, "hil_responses", "after_end", {"status": "matched"}),
    ]


def test_a_match_with_another_workflow_s_interaction_is_no_match(log: Log) -> None:
    log.asked("InteractionRequested", workflow_id=ELSEWHERE).answered("ResponseReceived").answered("ResponseMatched")
    assert log.response()["matched_interaction_id"] is None
    assert log.anomalies() == [(3, "hil_responses", "missing_row", {})]


def test_an_ended_interaction_can_be_matched(log: Log) -> None:
    log.asked("InteractionRequested").asked("InteractionTimedOut").answered("ResponseReceived")
    assert log.answered("ResponseMatched").response()["matched_interaction_id"] == UUID(INTERACTIONS[0])
    assert log.anomalies() == []


def test_of_an_illegal_match_and_a_missing_interaction_the_latter_is_noted(log: Log) -> None:
    log.answered("ResponseReceived").answered("ResponseErrored").answered("ResponseMatched")
    assert log.response()["status"] == "matched"
    assert log.anomalies() == [(3, "hil_responses", "missing_row", {})]


def test_an_illegal_match_that_finds_its_interaction_is_noted_as_such(log: Log) -> None:
    log.asked("InteractionRequested").answered("ResponseReceived").answered("ResponseFilteredOut")
    assert log.answered("ResponseMatched").response()["matched_interaction_id"] == UUID(INTERACTIONS[0])
    assert log.anomalies() == [
        (4, "hil_responses", "illegal_transition", {"from": "filtered_out", "to": "matched"}),
    ]


def test_a_reopened_response_keeps_its_values_until_new_ones_are_given(log: Log) -> None:
    log.answered("ResponseReceived")
    log.answered("ResponseFilteredOut", ai_relevance_score=0.2, ai_reasoning="no", processed_at="2026-03-01T12:00:00Z")
    log.answered("ResponseReopened")
    row = log.answered("ResponseErrored", error="broke", processed_at="2026-03-01T13:00:00Z").response()
    assert (row["ai_relevance_score"], row["ai_reasoning"], row["error"]) == (Decimal("0.20"), "no", "broke")
    assert row["processed_at"] == datetime(2026, 3, 1, 13, tzinfo=UTC)
    row = log.answered("ResponseReopened").response()
    assert (row["status"], row["error"], row["last_event_position"]) == ("unprocessed", "broke", 5)
    assert log.anomalies() == []


@pytest.mark.parametrize(
    ("score", "kept"), [(0, "0.00"), (0.005, "0.01"), (0.285, "0.29"), (0.995, "1.00"), (1, "1.00")]
)
def test_a_score_keeps_two_places_rounded_half_away_from_zero(log: Log, score: float, kept: str) -> None:
    row = log.answered("ResponseReceived").answered("ResponseFilteredOut", ai_relevance_score=score).response()
    assert str(row["ai_relevance_score"]) == kept


def test_a_response_begins_with_its_receipt_and_ends_with_its_match(log: Log) -> None:
    log.answered("ResponseReopened").asked("InteractionRequested").answered("ResponseReceived")
    ended = log.answered("ResponseMatched").response()
    for event_type in sorted(responses.EVENTS):
        log.answered(event_type)
    assert log.response() == ended
    assert log.anomalies() == [
        (1, "hil_responses", "missing_row", {}),
        (5, "hil_responses", "after_end", {"status": "matched"}),
        (6, "hil_responses", "after_end", {"status": "matched"}),
        (7, "hil_responses", "after_end", {"status": "matched"}),
        (8, "hil_responses", "already_exists", {}),
        (9, "hil_responses", "after_end", {"status": "matched"}),
    ]
