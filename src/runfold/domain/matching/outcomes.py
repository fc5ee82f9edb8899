"""The results of receiving and of classifying a message."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from runfold.events.row_id import row_id
from runfold.events.streams import stream_id

NO_WORKFLOW = UUID(int=0)
"""The workflow of a message that names nothing known: the message is moved when its question is stored."""


@dataclass(frozen=True, slots=True)
class Received:
    """Where a message that came in is kept; `repeated` says that it had been delivered before."""

    response_id: UUID
    workflow_id: UUID
    repeated: bool


@dataclass(frozen=True, slots=True)
class Classified:
    """The verdict about a response.

    `status` is the response's: matched, filtered_out, error, or unprocessed where it stays open. `now` says that this
    call decided it; it had been decided before otherwise.
    """

    response_id: UUID
    status: str
    reasoning: str | None = None
    score: float | None = None
    interaction_id: UUID | None = None
    response_data: Any = None
    now: bool = True


def response_id_of(workflow_id: UUID, channel: str, message_id: str) -> UUID:
    """Return the id of a message in a channel: the same each time that it is delivered."""
    return row_id(stream_id("response", workflow_id), channel, message_id)
