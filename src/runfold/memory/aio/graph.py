"""A graph of nodes and weighted edges, its neighbourhoods and its paths."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, get_args

from runfold.errors import UnknownNode
from runfold.events.faults import fault
from runfold.memory import checks
from runfold.memory.aio.session import AsyncPart
from runfold.memory.rows import Direction, GraphEdge, GraphNode, Neighbour

MAX_DEPTH = 4
MAX_PATH = 8
MAX_NEIGHBOURS = 10_000
MAX_LISTED = 1000


class AsyncGraph(AsyncPart):
    """The graph of a tenant. The ids of its nodes are the tenant's own."""

    async def node(
        self,
        id: str,  # noqa: A002 - the column's name
        label: str,
        type: str,  # noqa: A002 - the column's name
        properties: Mapping[str, Any] | None = None,
    ) -> GraphNode:
        """Return the node as it is now: new, or changed. Properties are merged by their top-level keys.

        Raises MemoryConflict where another node of the type has the label.
        """
        (row,) = await self._fetch(
            "put_node",
            id=checks.name(id, "/id"),
            label=checks.name(label, "/label", 500),
            type=checks.name(type, "/type", 100),
            properties=checks.optional_json(properties, "/properties", "object"),
        )
        return GraphNode(**row)

    async def get(self, id: str) -> GraphNode | None:  # noqa: A002 - the column's name
        """Return the node with this id, or None."""
        rows = await self._fetch("get_node", id=checks.text(id, "/id"))
        return GraphNode(**rows[0]) if rows else None

    async def edge(
        self,
        source: str,
        target: str,
        type: str,  # noqa: A002 - the column's name
        *,
        weight: float = 1.0,
        properties: Mapping[str, Any] | None = None,
    ) -> GraphEdge:
        """Return the edge from `source` to `target` as it is now: new, or with another weight (from 0 to 1).

        Raises UnknownNode where the graph has not both nodes.
        """
        rows = await self._fetch(
            "put_edge",
            source=checks.name(source, "/source"),
            target=checks.name(target, "/target"),
            type=checks.name(type, "/type", 100),
            weight=_weight(weight),
            properties=checks.optional_json(properties, "/properties", "object"),
        )
        if not rows:
            raise UnknownNode(f"the graph has no node {source!r}, or no {target!r}", hint="add both nodes first")
        return GraphEdge(**rows[0])

    async def edges(self, id: str, *, limit: int = 100) -> list[GraphEdge]:  # noqa: A002 - the column's name
        """Return the edges of a node in both directions, the strongest first."""
        limit = checks.integer(limit, "/limit", 1, MAX_LISTED)
        return [GraphEdge(**row) for row in await self._fetch("edges", id=checks.text(id, "/id"), limit=limit)]

    async def neighbours(
        self,
        id: str,  # noqa: A002 - the column's name
        *,
        depth: int = 1,
        limit: int = 100,
        direction: Direction = "both",
        types: Iterable[str] | None = None,
    ) -> list[Neighbour]:
        """Return up to 10,000 nodes around one, the nearest first, over up to four edges; it is not among them itself.

        `types` are the types of the edges that are followed. Raises InvalidInput, with the code `graph_too_large` for
        a neighbourhood of more than 100,000 nodes.
        """
        rows = await self._fetch(
            "graph_neighbours",
            id=checks.text(id, "/id"),
            depth=checks.integer(depth, "/depth", 1, MAX_DEPTH),
            limit=checks.integer(limit, "/limit", 1, MAX_NEIGHBOURS),
            direction=checks.one_of(direction, "/direction", get_args(Direction)),
            types=checks.names(types, "/types", 100),
        )
        distances = [row.pop("distance") for row in rows]
        return [Neighbour(GraphNode(**row), far) for row, far in zip(rows, distances, strict=True)]

    async def path(
        self,
        start: str,
        goal: str,
        *,
        max_depth: int = 6,
        direction: Direction = "both",
        types: Iterable[str] | None = None,
    ) -> list[GraphNode]:
        """Return the nodes of a shortest path from `start` to `goal`, both among them; none where there is no path.

        A path has up to `max_depth` edges, and eight at most. Raises InvalidInput, with the code `graph_too_large` for
        a search that visits more than 200,000 nodes.
        """
        rows = await self._fetch(
            "graph_path",
            start=checks.text(start, "/start"),
            goal=checks.text(goal, "/goal"),
            max_depth=checks.integer(max_depth, "/max_depth", 1, MAX_PATH),
            direction=checks.one_of(direction, "/direction", get_args(Direction)),
            types=checks.names(types, "/types", 100),
        )
        return [GraphNode(**row) for row in rows]

    async def delete(self, id: str | None = None, *, type: str | None = None) -> int:  # noqa: A002
        """Delete the nodes that match every filter, with their edges, and return how many.

        Raises FilterMissing without a filter.
        """
        checks.some_filter(id=id, type=type)
        return await self._count(
            "delete_nodes", id=checks.optional_text(id, "/id"), type=checks.optional_text(type, "/type")
        )

    async def delete_edges(
        self,
        *,
        source: str | None = None,
        target: str | None = None,
        type: str | None = None,  # noqa: A002 - the column's name
    ) -> int:
        """Delete the edges that match every filter, and return how many. Raises FilterMissing without a filter."""
        checks.some_filter(source=source, target=target, type=type)
        return await self._count(
            "delete_edges",
            source=checks.optional_text(source, "/source"),
            target=checks.optional_text(target, "/target"),
            type=checks.optional_text(type, "/type"),
        )


def _weight(value: Any) -> float:
    if (found := checks.share(value, "/weight")) is None:
        raise fault("required", "/weight")
    return found
