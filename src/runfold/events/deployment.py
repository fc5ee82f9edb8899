"""The deployment stream `deployment-<workflow_id>`: a workflow's deployments, its triggers and its end."""

from __future__ import annotations

from typing import ClassVar

from runfold.events.base import Event
from runfold.events.fields import (
    Count,
    DeploymentAction,
    DeploymentStatus,
    LogLevel,
    Name,
    Object,
    Text,
    Text255,
    Timestamp,
    TriggerSubtype,
    Uuid,
)


class DeploymentEvent(Event):
    """An event of a workflow's deployment stream."""

    stream_category: ClassVar[str] = "deployment"


class DeploymentStarted(DeploymentEvent):
    """A deployment began."""

    deployment_id: Uuid
    deployment_action: DeploymentAction
    from_status: DeploymentStatus
    to_status: DeploymentStatus
    deployment_version: Count
    deployment_config: Object
    definition: Object | None = None
    triggered_by: Uuid | None = None
    started_at: Timestamp


class DeploymentLogAppended(DeploymentEvent):
    """One line of a deployment's log."""

    deployment_id: Uuid
    level: LogLevel
    message: Text
    at: Timestamp


class DeploymentCompleted(DeploymentEvent):
    """The deployment ended well."""

    deployment_id: Uuid
    deployment_action: DeploymentAction
    to_status: DeploymentStatus
    deployment_version: Count
    deployment_config: Object
    triggered_by: Uuid | None = None
    completed_at: Timestamp


class DeploymentFailed(DeploymentEvent):
    """The deployment ended with an error."""

    deployment_id: Uuid
    deployment_action: DeploymentAction
    to_status: DeploymentStatus
    deployment_version: Count
    deployment_config: Object
    triggered_by: Uuid | None = None
    completed_at: Timestamp
    error_message: Text


class TriggerRegistered(DeploymentEvent):
    """The workflow has a trigger."""

    trigger: Name
    node_id: Name | None = None
    trigger_subtype: TriggerSubtype
    trigger_config: Object
    index_key: Text255


class TriggerEvent(DeploymentEvent):
    """Something happened to one trigger."""

    trigger: Name


class TriggerActivated(TriggerEvent):
    """The trigger fires."""


class TriggerDeactivated(TriggerEvent):
    """The trigger does not fire."""


class TriggerFailed(TriggerEvent):
    """The trigger could not be set up."""


class TriggerRemoved(TriggerEvent):
    """The workflow has the trigger no more."""


class WorkflowDeleted(DeploymentEvent):
    """The workflow is gone: its read rows go, its deployment history stays."""

    at: Timestamp
    by: Text | None = None
