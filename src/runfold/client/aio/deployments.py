"""Deployments: a workflow and its triggers change together, in one append."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, get_args
from uuid import UUID

import orjson

from runfold.client.aio.deployment import AsyncDeploymentHandle
from runfold.client.aio.log import AsyncLog, statement
from runfold.client.aio.writer import AsyncWriter
from runfold.domain.aggregate import UUID_NAME, check_value
from runfold.domain.commands import append_of, pause_before
from runfold.domain.deployed_versions import DeployedVersions, Version, with_triggers
from runfold.domain.deploying import Deployed, started, unique, version_of, webhook_path_taken
from runfold.domain.deployment import Deployment
from runfold.domain.trigger import Trigger
from runfold.errors import ClaimTaken, DefinitionErased, VersionConflict
from runfold.events.encoding import encoded, encoding_with
from runfold.events.faults import fault
from runfold.events.fields import DeploymentAction, LogLevel
from runfold.events.ids import new_id
from runfold.events.rules import Rule
from runfold.events.streams import stream_id

_ACTION = Rule("enum", allowed=get_args(DeploymentAction))

_Decide = Callable[[Deployment, DeployedVersions], Deployment]


class AsyncDeployments:
    """The deployments of a store's workflows.

    `deploy`, `update`, `roll_back` and `undeploy` record a deployment from its start to its end in one append, with its
    triggers: those that it does not name are removed, others registered and activated, equal ones left alone. Where
    there is work between start and end, `begin`, then `complete` or `fail`.

    A webhook path that another workflow has raises ClaimTaken: the deployment is recorded as failed, and the triggers
    stay as they were. What the workflow's status does not allow raises IllegalTransition.
    """

    def __init__(self, store: AsyncLog) -> None:
        self._store = store

    async def of(
        self, workflow_id: UUID, *, user_id: UUID | None = None, event_metadata: dict[str, Any] | None = None
    ) -> AsyncDeploymentHandle:
        """Return the handle of a workflow's deployments; a workflow without any is IDLE."""
        writer = AsyncWriter(self._store, Deployment.named(workflow_id), user_id=user_id, event_metadata=event_metadata)
        await writer.refreshed()
        return AsyncDeploymentHandle(writer)

    async def deploy(
        self,
        workflow_id: UUID,
        *,
        definition: dict[str, Any] | None,
        triggers: Iterable[Trigger] = (),
        deployment_version: int | None = None,
        deployment_config: dict[str, Any] | None = None,
        triggered_by: UUID | None = None,
        user_id: UUID | None = None,
    ) -> Deployed:
        """Put a workflow into service. The version is the next one if none is given.

        The definition is kept apart from the event, which names its digest; for a tenant that auth.users does not have,
        or for none, in the event. Without one, the newest version that was saved is named.
        """
        return await self._whole(
            workflow_id,
            "DEPLOY",
            await self._kept(
                workflow_id, Version(deployment_config or {}, definition, unique(triggers)), user_id=user_id
            ),
            deployment_version,
            triggered_by,
            user_id,
        )

    async def update(
        self,
        workflow_id: UUID,
        *,
        definition: dict[str, Any] | None,
        triggers: Iterable[Trigger] = (),
        deployment_version: int | None = None,
        deployment_config: dict[str, Any] | None = None,
        triggered_by: UUID | None = None,
    ) -> Deployed:
        """Put another version in the place of the one in service."""
        version = await self._kept(workflow_id, Version(deployment_config or {}, definition, unique(triggers)))
        return await self._whole(workflow_id, "UPDATE", version, deployment_version, triggered_by)

    async def roll_back(self, workflow_id: UUID, to_version: int, *, triggered_by: UUID | None = None) -> Deployed:
        """Put a version back that was in service: its definition, its configuration and its triggers.

        Raises UnknownDeployment when that version was never in service.
        """
        return await self._whole(workflow_id, "ROLLBACK", None, to_version, triggered_by)

    async def undeploy(self, workflow_id: UUID, *, triggered_by: UUID | None = None) -> Deployed:
        """Take a workflow out of service, and its triggers with it."""
        return await self._whole(workflow_id, "UNDEPLOY", None, None, triggered_by)

    async def begin(
        self,
        workflow_id: UUID,
        action: DeploymentAction,
        *,
        definition: dict[str, Any] | None = None,
        deployment_version: int | None = None,
        deployment_config: dict[str, Any] | None = None,
        triggered_by: UUID | None = None,
        user_id: UUID | None = None,
    ) -> Deployed:
        """Begin a deployment that is completed, or fails, later. To roll back, name the version.

        Triggers fire on until it is completed, unless it is to undeploy: then none fires from now on.
        """
        check_value(_ACTION, action, "/action")
        version = None
        if action in ("DEPLOY", "UPDATE"):
            version = await self._kept(workflow_id, Version(deployment_config or {}, definition, ()), user_id=user_id)
        deployment_id = new_id()

        def decide(state: Deployment, deployed: DeployedVersions) -> Deployment:
            state = started(state, deployed, action, version, deployment_version, deployment_id, triggered_by)
            if action == "UNDEPLOY":
                for name in sorted(name for name, status in state.triggers.items() if status == "active"):
                    state = state.deactivate_trigger(name)
            return state

        return await self._recorded(workflow_id, deployment_id, decide, user_id)

    async def complete(self, workflow_id: UUID, *, triggers: Iterable[Trigger] | None = None) -> Deployed:
        """End the deployment under way with success, and with these triggers.

        Without any, a version that was rolled back to gets the triggers it had, an undeployed workflow none, and other
        workflows keep theirs.
        """
        wanted = None if triggers is None else unique(triggers)

        def decide(state: Deployment, deployed: DeployedVersions) -> Deployment:
            chosen = wanted
            current = state.current or {}
            if chosen is None and current.get("deployment_action") == "ROLLBACK":
                chosen = version_of(state, deployed, current["deployment_version"]).triggers
            elif current.get("deployment_action") == "UNDEPLOY":
                chosen = ()
            if chosen is not None:
                state = with_triggers(state, deployed.triggers, chosen)
            return state.complete()

        return await self._recorded(workflow_id, None, decide)

    async def fail(self, workflow_id: UUID, error_message: str) -> Deployed:
        """End the deployment under way with an error; the triggers stay as they are."""
        return await self._recorded(workflow_id, None, lambda state, _: state.fail(error_message))

    async def log(self, workflow_id: UUID, message: str, *, level: LogLevel = "INFO") -> Deployed:
        """Write a line into the log of the deployment under way."""
        return await self._recorded(workflow_id, None, lambda state, _: state.log(message, level=level))

    async def definition_of(self, workflow_id: UUID, deployment_version: int) -> dict[str, Any] | None:
        """Return the definition of a version that was in service; None for one that was deployed without any.

        Raises UnknownDeployment, and DefinitionErased where it was erased.
        """
        events = await self._store.read_stream(stream_id("deployment", workflow_id))
        version = version_of(
            Deployment.named(workflow_id).after(events), DeployedVersions.of(events), deployment_version
        )
        if version.digest is None:
            return None if version.definition is None else dict(version.definition)
        parameters = {"workflow": workflow_id, "digest": version.digest}
        rows = await self._store._retried(statement("deployed_definition"), parameters)
        if not rows:
            raise DefinitionErased(workflow_id=str(workflow_id), deployment_version=deployment_version)
        return dict(rows[0][0])

    async def _kept(self, workflow_id: UUID, version: Version, *, user_id: UUID | None = None) -> Version:
        """Return the version with its definition kept under its digest, where its tenant can delete it."""
        definition = None
        check_value(UUID_NAME, workflow_id, "/workflow_id")
        if version.definition is not None:
            with encoding_with(self._store.default):
                definition = encoded(version.definition, "/definition")
            if not isinstance(definition, dict):
                raise fault("wrong_type", "/definition", limit="object", found=type(version.definition).__name__)
        parameters = {
            "workflow": workflow_id,
            "tenant": self._store.user_id if user_id is None else user_id,
            "definition": None if definition is None else orjson.dumps(definition).decode(),
        }
        ((digest,),) = await self._store._retried(statement("keep_definition"), parameters)
        return version if digest is None else replace(version, definition=None, digest=digest)

    async def _whole(
        self,
        workflow_id: UUID,
        action: DeploymentAction,
        version: Version | None,
        deployment_version: int | None,
        triggered_by: UUID | None,
        user_id: UUID | None = None,
    ) -> Deployed:
        """Record a deployment from its start to its end; as failed where a path is taken."""
        deployment_id = new_id()

        def start(state: Deployment, deployed: DeployedVersions) -> Deployment:
            return started(state, deployed, action, version, deployment_version, deployment_id, triggered_by)

        def decide(state: Deployment, deployed: DeployedVersions) -> Deployment:
            state = start(state, deployed)
            wanted = version or version_of(state, deployed, deployment_version) if action != "UNDEPLOY" else None
            return with_triggers(state, deployed.triggers, wanted.triggers if wanted is not None else ()).complete()

        try:
            return await self._recorded(workflow_id, deployment_id, decide, user_id)
        except ClaimTaken as taken:
            reason = str(taken)
            await self._recorded(
                workflow_id, deployment_id, lambda state, deployed: start(state, deployed).fail(reason), user_id
            )
            raise

    async def _recorded(
        self, workflow_id: UUID, deployment_id: UUID | None, decide: _Decide, user_id: UUID | None = None
    ) -> Deployed:
        """Decide on what the log says and record it; decide again when another writer was faster."""
        deadline = time.monotonic() + self._store.retry_seconds
        tries = 0
        while True:
            events = await self._store.read_stream(stream_id("deployment", workflow_id))
            before = Deployment.named(workflow_id).after(events)
            decided = decide(before, DeployedVersions.of(events))
            about = decided.current or before.current or {}
            try:
                (appended,) = await self._store.append_many([append_of(decided, user_id=user_id, metadata={})])
            except VersionConflict:
                if time.monotonic() >= deadline:
                    raise
            except ClaimTaken as taken:
                raise webhook_path_taken(taken) from None
            else:
                first = decided.pending[0].data
                return Deployed(
                    workflow_id,
                    deployment_id or UUID(about["deployment_id"]),
                    first.get("deployment_version", about.get("deployment_version", 0)),
                    decided.status,
                    appended.last_position,
                )
            await asyncio.sleep(pause_before(tries))
            tries += 1
