"""The deployment stream `deployment-<workflow_id>`: a workflow's deployments, its triggers and its end."""

from __future__ import annotations

from typing import ClassVar

from runfold.events.base import Event
from runfold.events.claims import Claim
from runfold.events.fields import (
    Count,
    DeploymentAction,
    DeploymentStatus,
    LogLevel,
    Name,
    Object,
    Text,
    Text100,
    Text255,
    Timestamp,
    TriggerSubtype,
    Uuid,
)
from runfold.events.machines import DEPLOYMENT, TRIGGER

_ACTIVE_WEBHOOKS = Claim("webhook", follows="runfold.webhooks_after")
"""Two workflows never answer one path: a workflow's active webhook paths are claimed without the caller's asking."""


class DeploymentEvent(Event, abstract=True):
    """An event of a workflow's deployment stream."""

    stream_category: ClassVar[str] = "deployment"


class DeploymentStarted(DeploymentEvent, moves=DEPLOYMENT.to_the_status_in("to_status")):
    """A deployment began."""

    deployment_id: Uuid
    deployment_action: DeploymentAction
    from_status: DeploymentStatus
    to_status: DeploymentStatus
    deployment_version: Count
    deployment_config: Object
    definition: Object | None = None
    definition_digest: Text100 | None = None
    triggered_by: Uuid | None = None
    started_at: Timestamp


class DeploymentLogAppended(DeploymentEvent):
    """One line of a deployment's log."""

    deployment_id: Uuid
    level: LogLevel
    message: Text
    at: Timestamp


class DeploymentCompleted(DeploymentEvent, moves=DEPLOYMENT.to_the_status_in("to_status")):
    """The deployment ended well."""

    deployment_id: Uuid
    deployment_action: DeploymentAction
    to_status: DeploymentStatus
    deployment_version: Count
    deployment_config: Object
    triggered_by: Uuid | None = None
    completed_at: Timestamp


class DeploymentFailed(DeploymentEvent, moves=DEPLOYMENT.to_the_status_in("to_status")):
    """The deployment ended with an error."""

    deployment_id: Uuid
    deployment_action: DeploymentAction
    to_status: DeploymentStatus
    deployment_version: Count
    deployment_config: Object
    triggered_by: Uuid | None = None
    completed_at: Timestamp
    error_message: Text


class TriggerRegistered(DeploymentEvent, moves=TRIGGER.to("pending", by="register_trigger"), claims=_ACTIVE_WEBHOOKS):
    """The workflow got a trigger; it does not fire before it is activated."""

    trigger: Name
    node_id: Name | None = None
    trigger_subtype: TriggerSubtype
    trigger_config: Object
    index_key: Text255


class TriggerEvent(DeploymentEvent, claims=_ACTIVE_WEBHOOKS, abstract=True):
    """Something happened to one trigger."""

    trigger: Name


class TriggerActivated(TriggerEvent, moves=TRIGGER.to("active", by="activate_trigger")):
    """The trigger was activated: it fires."""


class TriggerDeactivated(TriggerEvent, moves=TRIGGER.to("inactive", by="deactivate_trigger")):
    """The trigger was deactivated: it does not fire."""


class TriggerFailed(TriggerEvent, moves=TRIGGER.to("failed", by="fail_trigger")):
    """The trigger could not be set up."""


class TriggerRemoved(TriggerEvent):
    """The trigger was removed from the workflow."""


class WorkflowDeleted(DeploymentEvent, claims=_ACTIVE_WEBHOOKS, reserved=True):
    """The workflow was deleted: its read rows go, its deployment history stays."""

    at: Timestamp
    by: Text | None = None
