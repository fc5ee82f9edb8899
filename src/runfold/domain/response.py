"""The aggregate of a response's stream: a message that came in through a channel."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Self
from uuid import UUID

from runfold import events
from runfold.domain.aggregate import Aggregate, Changes, Data, Folds, folds_of, moves_status, or_now
from runfold.events.fields import Channel
from runfold.events.machines import RESPONSE


def _received(state: Response, data: Data) -> Changes:
    if state.status is not None:
        return {}
    return {
        "status": "unprocessed",
        "workflow_id": UUID(data["workflow_id"]),
        "source_channel": data["source_channel"],
        "raw_payload": data["raw_payload"],
        "headers": data.get("headers"),
    }


def _matched(state: Response, data: Data) -> Changes:
    if state.status is None or state.has_ended:
        return {}
    return {"status": "matched", "interaction_id": UUID(data["interaction_id"])}


class Response(Aggregate):
    """A message that came in: unprocessed until it is matched, filtered out, or failed."""

    category: ClassVar[str] = "response"
    _name_field: ClassVar[str] = "response_id"

    status: str | None = None
    workflow_id: UUID | None = None
    source_channel: str | None = None
    raw_payload: Any = None
    headers: Any = None
    interaction_id: UUID | None = None
    """The interaction that it answers."""

    _folds: ClassVar[Folds] = folds_of(
        "response", moves_status, {"ResponseReceived": _received, "ResponseMatched": _matched}
    )

    @property
    def has_ended(self) -> bool:
        """Whether nothing changes it any more."""
        return self.status is not None and RESPONSE.has_ended(self.status)

    def receive(
        self,
        *,
        workflow_id: UUID,
        source_channel: Channel,
        raw_payload: Any,
        headers: dict[str, Any] | None = None,
        received_at: datetime | None = None,
    ) -> Self:
        """Record a message as it came in."""
        self._check(RESPONSE, self.status, "receive", "unprocessed")
        return self._with(
            events.ResponseReceived(
                workflow_id=workflow_id,
                source_channel=source_channel,
                raw_payload=raw_payload,
                headers=headers,
                received_at=or_now(received_at),
            )
        )

    def match(
        self,
        interaction_id: UUID,
        *,
        ai_relevance_score: float,
        ai_reasoning: str,
        classifier: str | None = None,
        processed_at: datetime | None = None,
    ) -> Self:
        """Record that the response answers an interaction of the same workflow."""
        self._check(RESPONSE, self.status, "match", "matched")
        return self._with(
            events.ResponseMatched(
                interaction_id=interaction_id,
                ai_relevance_score=ai_relevance_score,
                ai_reasoning=ai_reasoning,
                processed_at=or_now(processed_at),
                classifier=classifier,
            )
        )

    def filter_out(self, *, ai_relevance_score: float, ai_reasoning: str, processed_at: datetime | None = None) -> Self:
        """Record that the response answers no question."""
        self._check(RESPONSE, self.status, "filter_out", "filtered_out")
        return self._with(
            events.ResponseFilteredOut(
                ai_relevance_score=ai_relevance_score, ai_reasoning=ai_reasoning, processed_at=or_now(processed_at)
            )
        )

    def fail(self, error: str, *, processed_at: datetime | None = None) -> Self:
        """Record that the response could not be processed."""
        self._check(RESPONSE, self.status, "fail", "error")
        return self._with(events.ResponseErrored(error=error, processed_at=or_now(processed_at)))

    def reopen(self, by: str, *, at: datetime | None = None) -> Self:
        """Open the response again, after it failed or was filtered out."""
        self._check(RESPONSE, self.status, "reopen", "unprocessed")
        return self._with(events.ResponseReopened(by=by, at=or_now(at)))
