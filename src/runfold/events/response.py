"""The response stream `response-<id>`: what came in through a channel, and what it was found to answer."""

from __future__ import annotations

from typing import ClassVar

from runfold.events.base import Event
from runfold.events.fields import Channel, GivenJson, Object, Score, Text, Timestamp, Uuid


class ResponseEvent(Event):
    """An event of a response's stream."""

    stream_category: ClassVar[str] = "response"


class ResponseReceived(ResponseEvent):
    """Something came in."""

    workflow_id: Uuid
    source_channel: Channel
    raw_payload: GivenJson
    headers: Object | None = None
    received_at: Timestamp


class ResponseMatched(ResponseEvent):
    """It answers an interaction."""

    interaction_id: Uuid
    ai_relevance_score: Score
    ai_reasoning: Text
    processed_at: Timestamp
    classifier: Text | None = None


class ResponseFilteredOut(ResponseEvent):
    """It answers nothing that was asked."""

    ai_relevance_score: Score
    ai_reasoning: Text
    processed_at: Timestamp


class ResponseErrored(ResponseEvent):
    """It could not be processed."""

    error: Text
    processed_at: Timestamp


class ResponseReopened(ResponseEvent):
    """It will be processed again."""

    by: Text
    at: Timestamp
