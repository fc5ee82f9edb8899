"""The aggregate of a workflow's deployment stream: its deployments, its triggers and its end."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Required, Self, TypedDict, Unpack
from uuid import UUID

from immutables import Map

from runfold import events
from runfold.domain.aggregate import (
    NAME,
    UUID_NAME,
    Aggregate,
    Changes,
    Data,
    Fold,
    Folds,
    check_value,
    folds_of,
    or_now,
)
from runfold.events.fields import DeploymentAction, DeploymentStatus, LogLevel, TriggerSubtype
from runfold.events.ids import new_id
from runfold.events.machines import DEPLOYMENT, TRIGGER, Machine, Move, Status

_COMMANDS: dict[DeploymentAction, str] = {
    "DEPLOY": "deploy",
    "UPDATE": "update",
    "ROLLBACK": "roll_back",
    "UNDEPLOY": "undeploy",
}

_IN_SERVICE = ("deployment_version", "deployment_config")
_ABOUT = ("deployment_id", "deployment_action", *_IN_SERVICE, "triggered_by")


def _started(state: Deployment, data: Data) -> Changes:
    deployment_id = UUID(data["deployment_id"])
    return {
        "status": data["to_status"],
        "deployments": state.deployments.set(deployment_id, state.deployments.get(deployment_id, False)),
        "current": {name: data.get(name) for name in _ABOUT},
    }


def _ended(state: Deployment, data: Data) -> Changes:
    changes: dict[str, Any] = {"status": data["to_status"]}
    deployment_id = UUID(data["deployment_id"])
    if deployment_id in state.deployments:
        changes["deployments"] = state.deployments.set(deployment_id, True)
    if data["to_status"] == "DEPLOYED":
        changes["in_service"] = {name: data[name] for name in _IN_SERVICE}
    if data["to_status"] == "UNDEPLOYED":
        changes["in_service"] = None
    if state.current is not None and UUID(state.current["deployment_id"]) == deployment_id:
        changes["current"] = None
    return changes


def _trigger_moves(move: Move) -> Fold:
    target = str(move.target)

    def fold(state: Deployment, data: Data) -> Changes:
        name = data["trigger"]
        return {"triggers": state.triggers.set(name, target)} if name in state.triggers else {}

    return fold


def _registered(state: Deployment, data: Data) -> Changes:
    return {"triggers": state.triggers.set(data["trigger"], "pending")}


def _removed(state: Deployment, data: Data) -> Changes:
    name = data["trigger"]
    return {"triggers": state.triggers.delete(name)} if name in state.triggers else {}


def _deleted(_: Deployment, __: Data) -> Changes:
    return {"status": "IDLE", "triggers": Map(), "current": None, "in_service": None}


class DeploymentStart(TypedDict, total=False):
    """The arguments with which a deployment is begun."""

    deployment_version: Required[int]
    deployment_config: Required[dict[str, Any]]
    deployment_id: UUID | None
    definition: dict[str, Any] | None
    definition_digest: str | None
    triggered_by: UUID | None
    started_at: datetime | None


class DeploymentEnd(TypedDict, total=False):
    """The arguments with which a workflow is taken out of service."""

    deployment_version: int
    deployment_config: dict[str, Any]
    deployment_id: UUID | None
    triggered_by: UUID | None
    started_at: datetime | None


class Deployment(Aggregate):
    """A workflow's deployments and triggers; one deployment at a time is under way."""

    category: ClassVar[str] = "deployment"
    _name_field: ClassVar[str] = "workflow_id"

    status: str = "IDLE"
    in_service: Mapping[str, Any] | None = None
    """deployment_version and deployment_config of the version in service; None without one."""
    current: Mapping[str, Any] | None = None
    """The deployment under way, as it was started; None between deployments."""
    deployments: Map[UUID, bool] = Map()
    """Every deployment, and whether it has ended."""
    triggers: Map[str, str] = Map()
    """The status of each trigger."""

    _folds: ClassVar[Folds] = folds_of(
        "deployment",
        _trigger_moves,
        {
            "DeploymentStarted": _started,
            "DeploymentCompleted": _ended,
            "DeploymentFailed": _ended,
            "TriggerRegistered": _registered,
            "TriggerRemoved": _removed,
            "WorkflowDeleted": _deleted,
        },
    )

    def deploy(self, **about: Unpack[DeploymentStart]) -> Self:
        """Begin to put the workflow into service."""
        return self._start("DEPLOY", about)

    def update(self, **about: Unpack[DeploymentStart]) -> Self:
        """Begin to put another version in the place of the one in service."""
        return self._start("UPDATE", about)

    def roll_back(self, **about: Unpack[DeploymentStart]) -> Self:
        """Begin to put an earlier version back."""
        return self._start("ROLLBACK", about)

    def undeploy(self, **about: Unpack[DeploymentEnd]) -> Self:
        """Begin to take the workflow out of service; version and config are those in service, if not given."""
        return self._start("UNDEPLOY", {**(self.in_service or {}), **about})

    def complete(self, *, completed_at: datetime | None = None) -> Self:
        """End the deployment under way with success."""
        about = self._under_way("complete")
        target: DeploymentStatus = "UNDEPLOYED" if about["deployment_action"] == "UNDEPLOY" else "DEPLOYED"
        self._check(DEPLOYMENT, self.status, "complete", target)
        return self._with(events.DeploymentCompleted(**about, to_status=target, completed_at=or_now(completed_at)))

    def fail(self, error_message: str, *, completed_at: datetime | None = None) -> Self:
        """End the deployment under way with an error."""
        about = self._under_way("fail")
        self._check(DEPLOYMENT, self.status, "fail", "DEPLOYMENT_FAILED")
        return self._with(
            events.DeploymentFailed(
                **about,
                to_status="DEPLOYMENT_FAILED",
                completed_at=or_now(completed_at),
                error_message=error_message,
            )
        )

    def log(
        self, message: str, *, level: LogLevel = "INFO", deployment_id: UUID | None = None, at: datetime | None = None
    ) -> Self:
        """Write a line into the log of a deployment: of the one under way, if none is named."""
        if deployment_id is None:
            deployment_id = UUID(self._under_way("log")["deployment_id"])
        else:
            check_value(UUID_NAME, deployment_id, "/deployment_id")
            deployment_id = UUID(str(deployment_id))
        if deployment_id not in self.deployments:
            raise self._illegal(DEPLOYMENT, None, "log", str(deployment_id))
        return self._with(
            events.DeploymentLogAppended(deployment_id=deployment_id, level=level, message=message, at=or_now(at))
        )

    def register_trigger(
        self,
        trigger: str,
        *,
        trigger_subtype: TriggerSubtype,
        trigger_config: dict[str, Any],
        index_key: str,
        node_id: str | None = None,
    ) -> Self:
        """Add a trigger to the workflow; it does not fire before it is activated."""
        self._check_trigger(trigger, "register_trigger", "pending")
        return self._with(
            events.TriggerRegistered(
                trigger=trigger,
                node_id=node_id,
                trigger_subtype=trigger_subtype,
                trigger_config=trigger_config,
                index_key=index_key,
            )
        )

    def activate_trigger(self, trigger: str) -> Self:
        """Let the trigger fire. An active webhook's path belongs to one workflow: else recording raises ClaimTaken."""
        self._check_trigger(trigger, "activate_trigger", "active")
        return self._with(events.TriggerActivated(trigger=trigger))

    def deactivate_trigger(self, trigger: str) -> Self:
        """Stop the trigger from firing."""
        self._check_trigger(trigger, "deactivate_trigger", "inactive")
        return self._with(events.TriggerDeactivated(trigger=trigger))

    def fail_trigger(self, trigger: str) -> Self:
        """Record that the trigger could not be set up."""
        self._check_trigger(trigger, "fail_trigger", "failed")
        return self._with(events.TriggerFailed(trigger=trigger))

    def remove_trigger(self, trigger: str) -> Self:
        """Remove the trigger from the workflow; its name is free again."""
        check_value(NAME, trigger, "/trigger")
        if trigger not in self.triggers:
            raise self._illegal(TRIGGER, None, "remove_trigger", trigger)
        return self._with(events.TriggerRemoved(trigger=trigger))

    def _start(self, action: DeploymentAction, about: Mapping[str, Any]) -> Self:
        command = _COMMANDS[action]
        target: DeploymentStatus = "UNDEPLOYING" if action == "UNDEPLOY" else "DEPLOYING"
        self._check(DEPLOYMENT, self.status, command, target)
        if command not in self._allowed(DEPLOYMENT, self.status):
            raise self._illegal(DEPLOYMENT, self.status, command)
        started = events.DeploymentStarted(
            **{
                "deployment_id": new_id(),
                "started_at": or_now(None),
                **{name: value for name, value in about.items() if value is not None},
                "deployment_action": action,
                "from_status": self.status,
                "to_status": target,
            }
        )
        if (ended := self.deployments.get(started.deployment_id)) is not None:
            status = "ended" if ended else "under way"
            raise self._illegal(DEPLOYMENT, status, command, str(started.deployment_id), allowed=())
        return self._with(started)

    def _under_way(self, command: str) -> dict[str, Any]:
        if self.current is None:
            raise self._illegal(DEPLOYMENT, self.status, command)
        return dict(self.current)

    def _check_trigger(self, trigger: str, command: str, target: str) -> None:
        check_value(NAME, trigger, "/trigger")
        self._check(TRIGGER, self.triggers.get(trigger), command, target, trigger)

    def _allowed(self, machine: Machine, status: Status) -> tuple[str, ...]:
        """Return what the machine allows; a workflow in service is updated or rolled back, not deployed."""
        allowed = machine.allowed(status)
        if machine is DEPLOYMENT and status == "DEPLOYED":
            return tuple(command for command in allowed if command != "deploy")
        return allowed
