"""What a classifier is given and what it says: a callable that judges an answer beside the questions that are open.

A classifier is any callable `(Answer, Sequence[Question]) -> Verdict`. It may ask a model, take its time, and raise:
what it raises is recorded with the response, which stays visible. The default is
`runfold.domain.matching.rules.classify_by_rules`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from runfold.domain.matching.messages import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """An interaction that waits for an answer, or one that the answer names and that has ended.

    `message_ids` are the channel's names of what was sent for it. `asked_first`: it was recorded before the answer came
    in; an answer that names nothing can not be meant for a question that came later.
    """

    interaction_id: UUID
    execution_id: str
    node_id: str
    interaction_type: str
    channel_type: str
    request_data: Mapping[str, Any]
    correlation_id: str | None = None
    tags: Sequence[str] = ()
    message_ids: Sequence[str] = ()
    asked_first: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came in: as it was received, and what could be read of it.

    `ended` are the interactions that it names and that are not open any more, with their status. `may_be_late`: another
    question of the workflow has ended on this channel not long before it came in, so that an answer that names nothing
    may be meant for that one.
    """

    response_id: UUID
    workflow_id: UUID
    channel: str
    raw_payload: Any
    headers: Mapping[str, Any] | None
    message: Message
    received_at: datetime
    ended: Mapping[UUID, str] = field(default_factory=dict)
    may_be_late: bool = False


@dataclass(frozen=True, slots=True)
class Match:
    """It answers this interaction. `score` is 0 to 1; `response_data` is what the execution is resumed with."""

    interaction_id: UUID
    score: float
    reasoning: str
    response_data: Any
    responder: str | None = None


@dataclass(frozen=True, slots=True)
class FilteredOut:
    """It answers nothing that was asked, and never will. `score` is how relevant it was, 0 to 1."""

    score: float
    reasoning: str


@dataclass(frozen=True, slots=True)
class Undecided:
    """It stays open: perhaps its question is not stored yet, perhaps a person has to look."""

    reasoning: str


Verdict = Match | FilteredOut | Undecided
Classifier = Callable[[Answer, Sequence[Question]], Verdict]
