"""The interaction stream `interaction-<id>`: a question to a person, and its answer."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Required, TypedDict

from runfold.events.base import Event
from runfold.events.fields import (
    Channel,
    GivenJson,
    InteractionPriority,
    InteractionType,
    Name,
    Object,
    Strings,
    Text,
    Text255,
    Timestamp,
    Uuid,
)
from runfold.events.machines import INTERACTION


class InteractionEvent(Event, abstract=True):
    """An event of an interaction's stream."""

    stream_category: ClassVar[str] = "interaction"


class InteractionRequested(InteractionEvent, moves=INTERACTION.to("pending", by="request")):
    """A person was asked."""

    workflow_id: Uuid
    execution_id: Name
    node_id: Name
    interaction_type: InteractionType
    channel_type: Channel
    priority: InteractionPriority
    request_data: Object
    timeout_at: Timestamp | None = None
    correlation_id: Text255 | None = None
    tags: Strings | None = None
    pause: Name | None = None


class InteractionRequest(TypedDict, total=False):
    """What a person is asked, and how: fields of InteractionRequested."""

    interaction_type: Required[InteractionType]
    """approval, input, selection or review."""
    channel_type: Required[Channel]
    """slack, email, webhook or in_app."""
    request_data: Required[dict[str, Any]]
    """The question as the channel shows it. `timeout_action` in it is recorded when time runs out."""
    priority: InteractionPriority
    """low, normal, high or critical; normal if it is not given."""
    timeout_at: datetime | None
    """When the question times out; never if it is not given."""
    correlation_id: str | None
    """A text that the channel sends back with the answer."""
    tags: list[str] | None
    """Words to find the question by."""


class InteractionNotified(InteractionEvent):
    """The question was sent through its channel."""

    at: Timestamp


class InteractionReminderSent(InteractionEvent):
    """A reminder was sent."""

    at: Timestamp


class InteractionResponded(InteractionEvent, moves=INTERACTION.to("responded", by="respond")):
    """The person answered."""

    response_id: Uuid | None = None
    response_data: GivenJson
    responded_at: Timestamp
    responder: Text | None = None


class InteractionTimedOut(InteractionEvent, moves=INTERACTION.to("timeout", by="time_out")):
    """No answer came in time: the question ended."""

    at: Timestamp
    action: Text


class InteractionFailed(InteractionEvent, moves=INTERACTION.to("error", by="fail")):
    """The question could not be sent."""

    at: Timestamp
    error: Text


class InteractionReopened(InteractionEvent, moves=INTERACTION.to("pending", by="reopen")):
    """A question that could not be sent was opened again."""

    at: Timestamp
    by: Text


class InteractionCanceled(InteractionEvent, moves=INTERACTION.to("cancelled", by="cancel")):
    """The question was withdrawn. The reason is execution_ended where its execution ended before it was answered."""

    at: Timestamp
    by: Text | None = None
    reason: Text | None = None
