"""A graph of 100,000 edges with hubs: neighbourhoods and paths are right, read by index, and end at their limits."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest

import runfold
from runfold.errors import InvalidInput
from tests.memory.conftest import add_user
from tests.memory.test_graph import load

pytestmark = pytest.mark.large

NODES, EDGES = 30_000, 100_000


@pytest.fixture(scope="module")
def graph(module_database_url: str) -> Iterator[tuple[Any, dict[str, set[str]]]]:
    """The graph of a user, and who is next to whom."""
    chance = random.Random(1)
    edges: set[tuple[str, str, str]] = set()
    while len(edges) < EDGES:
        hub = chance.randrange(20) if chance.random() < 0.1 else chance.randrange(NODES)
        edges.add((str(hub), str(chance.randrange(NODES)), "r"))
    user = add_user(module_database_url)
    load(module_database_url, user, NODES, edges)
    near: dict[str, set[str]] = defaultdict(set)
    for left, right, _ in edges:
        near[left].add(right)
        near[right].add(left)
    with runfold.connect(module_database_url) as store:
        yield store.as_user(user).memory.graph, near


def levels(near: dict[str, set[str]], start: str, depth: int) -> dict[str, int]:
    found, level = {start: 0}, {start}
    for far in range(1, depth + 1):
        level = {other for node in level for other in near[node]} - found.keys()
        found |= dict.fromkeys(level, far)
    return found


@pytest.mark.parametrize("start", ["0", "100", "29999"])
@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_a_neighbourhood_of_a_large_graph(graph: tuple[Any, dict[str, set[str]]], start: str, depth: int) -> None:
    ours, near = graph
    wanted = sorted((far, node) for node, far in levels(near, start, depth).items() if far)
    assert [(n.distance, n.node.id) for n in ours.neighbours(start, depth=depth, limit=10_000)] == wanted[:10_000]


def test_a_path_in_a_large_graph(graph: tuple[Any, dict[str, set[str]]]) -> None:
    ours, near = graph
    chance = random.Random(2)
    for _ in range(20):
        start, goal = str(chance.randrange(NODES)), str(chance.randrange(NODES))
        wanted = levels(near, start, 8).get(goal)
        path = [node.id for node in ours.path(start, goal, max_depth=8)]
        assert len(path) == (0 if wanted is None else wanted + 1)


def star(url: str, user: UUID, leaves: int, centre: str) -> None:
    """Write a node with so many others next to it."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO public.graph_nodes (user_id, id, label, type)"
            " SELECT %s, %s || n, %s || n, 't' FROM generate_series(0, %s) n",
            [user, centre, centre, leaves],
        )
        connection.execute(
            "INSERT INTO public.graph_relationships (user_id, source_node_id, target_node_id, relationship_type)"
            " SELECT %s, %s || '0', %s || n, 'r' FROM generate_series(1, %s) n",
            [user, centre, centre, leaves],
        )
        connection.execute("ANALYZE public.graph_nodes, public.graph_relationships")


def test_a_neighbourhood_ends_at_100_000_nodes(module_database_url: str) -> None:
    user = add_user(module_database_url)
    star(module_database_url, user, 100_000, "n")
    with runfold.connect(module_database_url) as store:
        graph = store.as_user(user).memory.graph
        assert len(graph.neighbours("n0", limit=10_000)) == 10_000
        graph.node("n", "one more", "t")
        graph.edge("n0", "n", "r")
        with pytest.raises(InvalidInput) as refused:
            graph.neighbours("n0")
    assert (refused.value.code, refused.value.limit) == ("graph_too_large", 100_000)


def test_a_search_of_a_path_ends_at_200_000_nodes(module_database_url: str) -> None:
    user = add_user(module_database_url)
    star(module_database_url, user, 99_999, "a")
    star(module_database_url, user, 99_999, "b")
    with runfold.connect(module_database_url) as store:
        graph = store.as_user(user).memory.graph
        assert graph.path("a0", "b0") == [], "200,000 nodes: both centres with 99,999 around each"
        graph.node("c", "one more", "t")
        graph.edge("a0", "c", "r")
        with pytest.raises(InvalidInput) as refused:
            graph.path("a0", "b0")
    assert (refused.value.code, refused.value.limit) == ("graph_too_large", 200_000)
