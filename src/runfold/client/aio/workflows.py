"""Definitions of workflows: save, load, and their versions, which are in the log."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import orjson

from runfold.client.aio.log import AsyncLog, statement
from runfold.client.aio.triggers import AsyncReader
from runfold.domain.aggregate import UUID_NAME, check_value
from runfold.domain.definition import (
    Change,
    DefinitionVersion,
    Saved,
    Workflow,
    WorkflowLine,
    changes_between,
    restored,
)
from runfold.errors import DefinitionErased, UnknownDefinition, UnknownWorkflow
from runfold.events.encoding import encoded, encoding_with
from runfold.events.faults import fault
from runfold.events.fields import INT4
from runfold.events.ids import new_id
from runfold.events.json_values import json_type
from runfold.events.rules import Rule
from runfold.events.streams import stream_id
from runfold.memory import checks

_VERSION = Rule("integer", 0, 9_223_372_036_854_775_807)

_Lines = list[WorkflowLine]
_Versions = list[DefinitionVersion]
_Changes = list[Change]
_Rows = list[tuple[Any, ...]]


class AsyncTenantWriter(AsyncReader, Protocol):
    """A tenant of a store: it saves and deletes what is its own."""

    async def fetch(self, query: Any, params: Mapping[str, Any] | None = None) -> list[dict[str, Any]]: ...


class AsyncWorkflows:
    """The workflows of a store, or of one tenant (`store.as_user(user).workflows`).

    A definition is a dict with the columns of `workflows` that people own, `nodes` and `connections`. Each
    transaction that changes a definition, here or by SQL, makes a version of it. A move on the canvas (positions,
    notes) makes none. A store with a tenant, and a tenant, see that tenant's workflows only.
    """

    def __init__(self, store: AsyncLog | AsyncTenantWriter) -> None:
        self._store = store

    async def save(
        self, definition: Mapping[str, Any], *, user_id: UUID | None = None, expected_version: int | None = None
    ) -> Saved:
        """Save a definition and return its version: a new workflow, or the one that its `id` names.

        Fields that are absent keep their value. Nodes and connections are given whole: nodes that are not given are
        removed, others keep their row's id, and their place on the canvas where none is given. `user_id` is whose
        workflow it is, where the store has no tenant; a workflow that exists keeps its user. `expected_version` is the
        version that you loaded, 0 for a new workflow.

        Raises DefinitionInvalid with everything that is wrong in `faults`, each with its JSON pointer;
        VersionConflict when somebody else was faster; WorkflowUnavailable for an id that this tenant cannot have.
        """
        if user_id is not None:
            check_value(UUID_NAME, user_id, "/user_id")
        if expected_version is not None:
            check_value(_VERSION, expected_version, "/expected_version")
        plain = self._plain(definition)
        if isinstance(plain, dict) and plain.get("id") is None:
            plain["id"] = str(new_id())  # the same one when the call is run again
        parameters: dict[str, Any] = {"definition": orjson.dumps(plain).decode(), "expected_version": expected_version}
        if not isinstance(self._store, AsyncLog):
            rows = await self._store.fetch(statement("save_workflow"), parameters)
            return Saved(*rows[0].values())
        parameters["owner"] = self._store.user_id if user_id is None else user_id
        return Saved(*(await self._store._retried(statement("save_workflow_of"), parameters))[0])

    async def load(self, workflow_id: UUID) -> Workflow:
        """Return a workflow with its definition; raises UnknownWorkflow."""
        found = await self._loaded(workflow_id)
        if found is None:
            raise _unknown(workflow_id)
        return found

    async def list(
        self,
        *,
        active: bool | None = None,
        name: str | None = None,
        after: tuple[datetime, UUID] | None = None,
        limit: int = 20,
    ) -> _Lines:
        """Return at most `limit` workflows, the last changed first, whose name has `name` in it.

        `after` is `updated_at` and `workflow_id` of the last one of the page before.
        """
        time, last = _after(after)
        if active is not None:
            check_value(Rule("boolean"), active, "/active")
        parameters = {
            "tenant": self._store.user_id,
            "active": active,
            "name": checks.optional_text(name, "/name", 255),
            "after_ms": None if time is None else round(time.timestamp() * 1000),
            "after_id": last,
            "limit": checks.integer(limit, "/limit", 0, INT4),
        }
        return [WorkflowLine(*row) for row in await self._store._retried(statement("workflows"), parameters)]

    async def history(self, workflow_id: UUID, *, limit: int = 100, before: int | None = None) -> _Versions:
        """Return at most `limit` versions, the newest first, older than the version `before`.

        A deleted workflow keeps its history. Raises UnknownWorkflow for one that never had a version.
        """
        checks.integer(limit, "/limit", 0, INT4)
        if before is not None:
            check_value(_VERSION, before, "/before")
        rows = await self._versions(workflow_id, before=before, limit=limit)
        if not rows and before is None:
            await self.load(workflow_id)
        return [DefinitionVersion(*row[:-1]) for row in rows]

    async def version(self, workflow_id: UUID, version: int) -> dict[str, Any]:
        """Return the definition of a version; raises UnknownDefinition, and DefinitionErased where its body is gone."""
        check_value(_VERSION, version, "/version")
        parameters = {**self._named(workflow_id), "version": version}
        rows = await self._store._retried(statement("definition_of_version"), parameters)
        if not rows:
            raise UnknownDefinition(
                f"the definition of workflow {workflow_id} never had version {version}",
                hint="see its history",
                workflow_id=str(workflow_id),
                version=version,
            )
        if rows[0][0] is None:
            raise DefinitionErased(workflow_id=str(workflow_id), version=version)
        return dict(rows[0][0])

    async def diff(self, workflow_id: UUID, before: int, after: int | None = None) -> _Changes:
        """Return how two versions differ, by path; without `after`, how the present differs from a version."""
        earlier = await self.version(workflow_id, before)
        later = (await self.load(workflow_id)).definition if after is None else await self.version(workflow_id, after)
        return changes_between(earlier, later)

    async def restore(self, workflow_id: UUID, version: int, *, expected_version: int | None = None) -> Saved:
        """Make the definition what it was in a version, which makes a new version; also of a deleted workflow.

        Nodes that exist keep their place on the canvas. Raises as `version` and `save`; VersionConflict also where
        somebody changes the workflow at this moment.
        """
        body = await self.version(workflow_id, version)
        now = await self._loaded(workflow_id)
        (newest,) = await self._versions(workflow_id, limit=1)
        definition = {**restored(body, None if now is None else now.definition), "id": str(workflow_id)}
        owner = newest[-1] if now is None else now.user_id
        expected = newest[0] if expected_version is None else expected_version
        return await self.save(definition, user_id=owner, expected_version=expected)

    async def delete(self, workflow_id: UUID) -> None:
        """Delete a workflow: its rows go from the read tables, its history and its deployments' stay.

        Raises UnknownWorkflow.
        """
        check_value(UUID_NAME, workflow_id, "/workflow_id")
        if not isinstance(self._store, AsyncLog):
            deleted = bool(await self._store.fetch(statement("delete_own_workflow"), {"workflow": workflow_id}))
        else:
            parameters = {"workflow": workflow_id, "tenant": self._store.user_id}
            ((deleted,),) = await self._store._retried(statement("delete_workflow"), parameters)
        if not deleted:
            raise _unknown(workflow_id)

    def _plain(self, definition: Mapping[str, Any]) -> Any:
        default = self._store.default if isinstance(self._store, AsyncLog) else None
        with encoding_with(default):
            plain = encoded(definition)
        if not isinstance(plain, dict):
            raise fault("wrong_type", "", limit="object", found=type(definition).__name__)
        return plain

    async def _loaded(self, workflow_id: UUID) -> Workflow | None:
        rows = await self._store._retried(statement("workflow"), self._named(workflow_id))
        return Workflow(*rows[0]) if rows else None

    async def _versions(self, workflow_id: UUID, *, limit: int, before: int | None = None) -> _Rows:
        parameters = {**self._named(workflow_id), "before": before, "limit": limit}
        return await self._store._retried(statement("definition_versions"), parameters)

    def _named(self, workflow_id: UUID) -> dict[str, Any]:
        check_value(UUID_NAME, workflow_id, "/workflow_id")
        return {
            "workflow": workflow_id,
            "stream": stream_id("definition", workflow_id),
            "tenant": self._store.user_id,
        }


def _after(token: Any) -> tuple[datetime | None, UUID | None]:
    if token is None:
        return None, None
    if not isinstance(token, tuple | list) or len(token) != 2:
        raise fault("wrong_type", "/after", limit="updated_at and workflow_id", found=json_type(token))
    check_value(Rule("timestamp"), token[0], "/after/0")
    return checks.time(token[0], "/after/0"), checks.uuid(token[1], "/after/1")


def _unknown(workflow_id: UUID) -> UnknownWorkflow:
    return UnknownWorkflow(
        f"there is no workflow {workflow_id}", hint="see `runfold workflow list`", workflow_id=str(workflow_id)
    )
