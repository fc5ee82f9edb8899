"""What a classifier takes and returns. It is a callable that judges an answer beside the open questions.

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
    in; an answer that names nothing cannot be meant for a question that came later.
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
    """A message that came in: as it was received, and what could be read from it.

    `ended` maps the interactions that it names and that are not open any more to their status. `may_be_late`: another
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
    """The verdict that it answers this interaction. `score` is 0 to 1; the execution resumes with `response_data`."""

    interaction_id: UUID
    score: float
    reasoning: str
    response_data: Any
    responder: str | None = None


@dataclass(frozen=True, slots=True)
class FilteredOut:
    """The verdict that it answers no question, and never will. `score` is how relevant it was, 0 to 1."""

    score: float
    reasoning: str


@dataclass(frozen=True, slots=True)
class Undecided:
    """The verdict that it stays open: its question may not be stored yet, or a person has to look."""

    reasoning: str


Verdict = Match | FilteredOut | Undecided
Classifier = Callable[[Answer, Sequence[Question]], Verdict]
