"""The definition stream `definition-<workflow_id>`: the versions of a workflow's definition."""

from __future__ import annotations

from typing import ClassVar

from runfold.events.base import Event
from runfold.events.fields import Count, Text100, Text255, Uuid


class DefinitionEvent(Event, abstract=True, reserved=True):
    """An event of a workflow's definition stream; the trigger of the edited tables appends it, and nobody else."""

    stream_category: ClassVar[str] = "definition"


class DefinitionSaved(DefinitionEvent):
    """A transaction changed the workflow's definition; the body is in runfold.definitions, under its digest."""

    workflow_id: Uuid
    digest: Text100
    nodes: Count
    connections: Count
    by: Text255 | None = None
