"""Definitions of workflows: what the store returns of them, and how two of them differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from runfold.events.faults import escape

CANVAS = ("position_x", "position_y", "notes")
"""What only the canvas shows of a node: no part of a version, and kept when a version is restored."""


@dataclass(frozen=True, slots=True)
class Workflow:
    """A workflow as it is now: `definition` is what `save` takes, `version` what it takes as `expected_version`."""

    workflow_id: UUID
    user_id: UUID | None
    version: int
    digest: str | None
    definition: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Saved:
    """What a save did: the version that the definition has now, and whether it is a new one."""

    workflow_id: UUID
    version: int
    digest: str
    changed: bool


@dataclass(frozen=True, slots=True)
class WorkflowLine:
    """A workflow as a list shows it."""

    workflow_id: UUID
    user_id: UUID | None
    name: str
    active: bool
    version: int
    nodes: int
    deployment_status: str
    latest_execution_status: str
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class DefinitionVersion:
    """A version of a definition: who made it and when; `erased` says that its body is gone."""

    version: int
    position: int
    digest: str
    nodes: int
    connections: int
    by: str | None
    saved_at: datetime
    erased: bool


@dataclass(frozen=True, slots=True)
class Change:
    """A difference of two definitions at a path, a JSON pointer; None before: added, None after: removed.

    Nodes are named by their ids and connections by their ends, type and index, not by their places.
    """

    path: str
    before: Any
    after: Any


def changes_between(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """Return how two definitions differ, without their canvas, in the order of their paths."""
    return sorted(_changes(_named(before), _named(after), ""), key=lambda change: change.path)


def _named(definition: Mapping[str, Any]) -> dict[str, Any]:
    """Return the definition with its nodes and connections by name in place of lists."""
    return {
        **definition,
        "nodes": {
            node["node_id"]: {name: value for name, value in node.items() if name not in CANVAS}
            for node in definition.get("nodes") or ()
        },
        "connections": {_name_of(edge): edge for edge in definition.get("connections") or ()},
    }


def _name_of(edge: Mapping[str, Any]) -> str:
    kind, index = edge.get("connection_type", "MAIN"), edge.get("connection_index", 0)
    return f"{edge['source_node_id']} -> {edge['target_node_id']} {kind} {index}"


def _changes(before: Any, after: Any, path: str) -> Iterator[Change]:
    if before == after and type(before) is type(after):
        return
    if not (isinstance(before, Mapping) and isinstance(after, Mapping)):
        yield Change(path, before, after)
        return
    for name in before.keys() | after.keys():
        yield from _changes(before.get(name), after.get(name), f"{path}/{escape(name)}")


def restored(body: Mapping[str, Any], now: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the body of a version as a definition to save: nodes that exist keep their place on the canvas."""
    placed = {node["node_id"] for node in (now or {}).get("nodes", ())}
    nodes = [
        {name: value for name, value in node.items() if name not in CANVAS} if node["node_id"] in placed else node
        for node in body["nodes"]
    ]
    return {**body, "nodes": nodes}
