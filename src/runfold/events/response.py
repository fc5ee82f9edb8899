"""The response stream `response-<id>`: a message that came in, and the question that it was found to answer."""

from __future__ import annotations

from typing import ClassVar

from runfold.events.base import Event
from runfold.events.fields import Channel, GivenJson, Object, Score, Text, Timestamp, Uuid
from runfold.events.machines import RESPONSE


class ResponseEvent(Event, abstract=True):
    """An event of a response's stream."""

    stream_category: ClassVar[str] = "response"


class ResponseReceived(ResponseEvent, moves=RESPONSE.to("unprocessed", by="receive")):
    """A message came in through a channel."""

    workflow_id: Uuid
    source_channel: Channel
    raw_payload: GivenJson
    headers: Object | None = None
    received_at: Timestamp


class ResponseMatched(ResponseEvent, moves=RESPONSE.to("matched", by="match")):
    """The response was found to answer an interaction."""

    interaction_id: Uuid
    ai_relevance_score: Score
    ai_reasoning: Text
    processed_at: Timestamp
    classifier: Text | None = None


class ResponseFilteredOut(ResponseEvent, moves=RESPONSE.to("filtered_out", by="filter_out")):
    """The response was found to answer no question."""

    ai_relevance_score: Score
    ai_reasoning: Text
    processed_at: Timestamp


class ResponseErrored(ResponseEvent, moves=RESPONSE.to("error", by="fail")):
    """The response could not be processed."""

    error: Text
    processed_at: Timestamp


class ResponseReopened(ResponseEvent, moves=RESPONSE.to("unprocessed", by="reopen")):
    """The response was opened again, to be processed once more."""

    by: Text
    at: Timestamp
