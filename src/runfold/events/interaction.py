"""The interaction stream `interaction-<id>`: what people are asked, and what they answer."""

from __future__ import annotations

from typing import ClassVar

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


class InteractionEvent(Event):
    """An event of an interaction's stream."""

    stream_category: ClassVar[str] = "interaction"


class InteractionRequested(InteractionEvent):
    """Somebody is asked for something."""

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


class InteractionNotified(InteractionEvent):
    """The request was sent through its channel."""

    at: Timestamp


class InteractionReminderSent(InteractionEvent):
    """A reminder was sent."""

    at: Timestamp


class InteractionResponded(InteractionEvent):
    """The answer came."""

    response_id: Uuid | None = None
    response_data: GivenJson
    responded_at: Timestamp
    responder: Text | None = None


class InteractionTimedOut(InteractionEvent):
    """No answer came in time."""

    at: Timestamp
    action: Text


class InteractionFailed(InteractionEvent):
    """The request could not be made."""

    at: Timestamp
    error: Text


class InteractionReopened(InteractionEvent):
    """A failed request is open again."""

    at: Timestamp
    by: Text


class InteractionCanceled(InteractionEvent):
    """The answer is not needed any more."""

    at: Timestamp
    by: Text | None = None
