"""The versions of a workflow that were in service, read from its deployment stream."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from runfold.domain.aggregate import Recorded
from runfold.domain.deployment import Deployment
from runfold.domain.trigger import Trigger


@dataclass(frozen=True, slots=True)
class Version:
    """A version as it was when its deployment completed."""

    config: Mapping[str, Any]
    definition: Mapping[str, Any] | None
    triggers: tuple[Trigger, ...]
    digest: str | None = None
    """Of the definition, where it is kept in runfold.definitions and not in the event."""


@dataclass(slots=True)
class DeployedVersions:
    """The versions that were in service, the triggers, and the last number given: what the next deployment needs."""

    versions: dict[int, Version] = field(default_factory=dict)
    triggers: dict[str, Trigger] = field(default_factory=dict)
    """The triggers that are registered now, active or not."""
    last_version: int = 0
    _definitions: dict[str, tuple[Mapping[str, Any] | None, str | None]] = field(default_factory=dict)

    @classmethod
    def of(cls, events: Iterable[Recorded]) -> Self:
        """Return what these events say, given in their order."""
        deployed = cls()
        for event in events:
            deployed._take(event.type, event.data or {})
        return deployed

    def _take(self, kind: str, data: Mapping[str, Any]) -> None:
        match kind:
            case "DeploymentStarted":
                self.last_version = max(self.last_version, data["deployment_version"])
                self._definitions[data["deployment_id"]] = (data.get("definition"), data.get("definition_digest"))
            case "DeploymentCompleted" if data["to_status"] == "DEPLOYED":
                definition, digest = self._definitions.get(data["deployment_id"], (None, None))
                self.versions[data["deployment_version"]] = Version(
                    data["deployment_config"], definition, tuple(self.triggers.values()), digest
                )
            case "TriggerRegistered":
                self.triggers[data["trigger"]] = Trigger.registered(data)
            case "TriggerRemoved":
                self.triggers.pop(data["trigger"], None)
            case "WorkflowDeleted":
                self.triggers.clear()


def with_triggers(state: Deployment, registered: Mapping[str, Trigger], wanted: Iterable[Trigger]) -> Deployment:
    """Return the state with exactly these triggers, all active. One that stays as it is gets no event."""
    named = {trigger.name: trigger for trigger in wanted}
    for name in sorted(state.triggers):
        if name not in named or registered.get(name) != named[name]:
            state = state.remove_trigger(name)
    for name, trigger in named.items():
        if state.triggers.get(name) in (None, "failed"):
            state = state.register_trigger(
                name,
                trigger_subtype=trigger.subtype,
                trigger_config=dict(trigger.config),
                index_key=trigger.key,
                node_id=trigger.node_id,
            )
        if state.triggers[name] != "active":
            state = state.activate_trigger(name)
    return state
