"""Decisions about deployments, from what the log says of the workflow."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from runfold.domain.deployed_versions import DeployedVersions, Version
from runfold.domain.deployment import Deployment
from runfold.domain.trigger import Trigger
from runfold.errors import ClaimTaken, InvalidInput, UnknownDeployment
from runfold.events.fields import DeploymentAction


@dataclass(frozen=True, slots=True)
class Deployed:
    """What a command recorded: the deployment, the workflow's status after it, the last position."""

    workflow_id: UUID
    deployment_id: UUID
    deployment_version: int
    status: str
    position: int


def started(
    state: Deployment,
    deployed: DeployedVersions,
    action: DeploymentAction,
    version: Version | None,
    deployment_version: int | None,
    deployment_id: UUID,
    triggered_by: UUID | None,
) -> Deployment:
    """Return the state with the deployment begun."""
    if action == "UNDEPLOY":
        return state.undeploy(deployment_id=deployment_id, triggered_by=triggered_by)
    if action == "ROLLBACK":
        version = version_of(state, deployed, deployment_version)
    assert version is not None
    start = {"DEPLOY": state.deploy, "UPDATE": state.update, "ROLLBACK": state.roll_back}[action]
    return start(
        deployment_id=deployment_id,
        deployment_version=deployed.last_version + 1 if deployment_version is None else deployment_version,
        deployment_config=dict(version.config),
        definition=None if version.definition is None else dict(version.definition),
        definition_digest=version.digest,
        triggered_by=triggered_by,
    )


def version_of(state: Deployment, deployed: DeployedVersions, number: int | None) -> Version:
    """Return a version that was in service; raises UnknownDeployment."""
    if number not in deployed.versions:
        known = ", ".join(map(str, sorted(deployed.versions))) or "none"
        raise UnknownDeployment(
            f"version {number} of workflow {state.name} was never in service",
            hint=f"choose one of {known}",
            workflow_id=state.name,
            deployment_version=number,
        )
    return deployed.versions[number]


def unique(triggers: Iterable[Trigger]) -> tuple[Trigger, ...]:
    """Return the triggers; raises InvalidInput where two have one name."""
    given = tuple(triggers)
    names = [trigger.name for trigger in given]
    for place, name in enumerate(names):
        if name in names[:place]:
            raise InvalidInput(
                f"two triggers have the name {name!r}",
                hint="a trigger's name is unique in its workflow: give `name`",
                code="duplicate_trigger",
                pointer=f"/triggers/{place}/name",
                found=name,
            )
    return given


def webhook_path_taken(taken: ClaimTaken) -> ClaimTaken:
    """Return the error in the words of deployments; it does not name the workflow that has the path."""
    facts = {name: value for name, value in taken.facts.items() if name != "pointer"}
    return ClaimTaken(
        f"the webhook path {taken.facts.get('key')} belongs to another workflow",
        hint="choose another path, or undeploy that workflow first",
        **facts,
    )
