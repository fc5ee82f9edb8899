"""The response stream `response-<id>`: what came in through a channel, and what it was found to answer."""

from __future__ import annotations

from typing import ClassVar

from runfold.events.base import Event
from runfold.events.fields import Channel, GivenJson, Object, Score, Text, Timestamp, Uuid
from runfold.events.machines import RESPONSE


class ResponseEvent(Event, abstract=True):
    """An event of a response's stream."""

    stream_category: ClassVar[str] = "response"


class ResponseReceived(ResponseEvent, moves=RESPONSE.to("unprocessed")):
    """Something came in."""

    workflow_id: Uuid
    source_channel: Channel
    raw_payload: GivenJson
    headers: Object | None = None
    received_at: Timestamp


class ResponseMatched(ResponseEvent, moves=RESPONSE.to("matched")):
    """It answers an interaction."""

    interaction_id: Uuid
    ai_relevance_score: Score
    ai_reasoning: Text
    processed_at: Timestamp
    classifier: Text | None = None


class ResponseFilteredOut(ResponseEvent, moves=RESPONSE.to("filtered_out")):
    """It answers nothing that was asked."""

    ai_relevance_score: Score
    ai_reasoning: Text
    processed_at: Timestamp


class ResponseErrored(ResponseEvent, moves=RESPONSE.to("error")):
    """It could not be processed."""

    error: Text
    processed_at: Timestamp


class ResponseReopened(ResponseEvent, moves=RESPONSE.to("unprocessed")):
    """It will be processed again."""

    by: Text
    at: Timestamp
