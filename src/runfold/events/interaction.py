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
from runfold.events.machines import INTERACTION


class InteractionEvent(Event, abstract=True):
    """An event of an interaction's stream."""

    stream_category: ClassVar[str] = "interaction"


class InteractionRequested(InteractionEvent, moves=INTERACTION.to("pending")):
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


class InteractionResponded(InteractionEvent, moves=INTERACTION.to("responded")):
    """The answer came."""

    response_id: Uuid | None = None
    response_data: GivenJson
    responded_at: Timestamp
    responder: Text | None = None


class InteractionTimedOut(InteractionEvent, moves=INTERACTION.to("timeout")):
    """No answer came in time."""

    at: Timestamp
    action: Text


class InteractionFailed(InteractionEvent, moves=INTERACTION.to("error")):
    """The request could not be made."""

    at: Timestamp
    error: Text


class InteractionReopened(InteractionEvent, moves=INTERACTION.to("pending")):
    """A failed request is open again."""

    at: Timestamp
    by: Text


class InteractionCanceled(InteractionEvent, moves=INTERACTION.to("cancelled")):
    """The answer is not needed any more."""

    at: Timestamp
    by: Text | None = None
