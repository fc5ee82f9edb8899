"""The graph: neighbourhoods and shortest paths equal plain Python's, with hard limits."""

from __future__ import annotations

import random
from collections import deque
from itertools import pairwise
from typing import Any

import psycopg
import pytest

import runfold
from runfold.errors import FilterMissing, InvalidInput, MemoryConflict, UnknownNode
from tests.memory.conftest import ENGINE, add_user

Edge = tuple[str, str, str]


def test_a_node_is_kept_under_its_id_and_changed(memory: Any) -> None:
    memory.graph.node("1", "Ada", "person", {"a": 1, "b": 1})
    changed = memory.graph.node("1", "Ada L.", "person", {"b": 2})
    assert (changed.label, changed.properties) == ("Ada L.", {"a": 1, "b": 2})
    assert memory.graph.get("1") == changed
    assert memory.graph.get("2") is None
    with pytest.raises(MemoryConflict) as refused:
        memory.graph.node("2", "Ada L.", "person")
    assert refused.value.constraint == "graph_nodes_label_type_user_id_key"


def test_an_edge_needs_both_nodes(memory: Any) -> None:
    memory.graph.node("1", "a", "t")
    memory.graph.node("2", "b", "t")
    made = memory.graph.edge("1", "2", "knows", weight=0.5, properties={"x": 1})
    again = memory.graph.edge("1", "2", "knows", weight=0.25, properties={"y": 2})
    assert (again.id, again.weight, again.properties) == (made.id, 0.25, {"x": 1, "y": 2})
    memory.graph.edge("2", "1", "knows", weight=0.75)
    memory.graph.edge("1", "1", "is")
    assert [edge.weight for edge in memory.graph.edges("1")] == [1.0, 0.75, 0.25]
    with pytest.raises(UnknownNode):
        memory.graph.edge("1", "3", "knows")


def test_deletes_take_every_filter_and_need_one(memory: Any) -> None:
    for n in "123":
        memory.graph.node(n, n, "odd" if n != "2" else "even")
    for left, right in ("12", "23", "31"):
        memory.graph.edge(left, right, "next")
    with pytest.raises(FilterMissing):
        memory.graph.delete()
    with pytest.raises(FilterMissing):
        memory.graph.delete_edges()
    assert memory.graph.delete("1", type="even") == 0
    assert memory.graph.delete_edges(source="1", type="next") == 1
    assert memory.graph.delete("3") == 1
    assert memory.graph.edges("2") == [], "the edges of a node go with it"
    assert memory.graph.delete(type="odd") == 1


# -- neighbourhoods and paths ------------------------------------------------------------------------------------------


def next_to(edges: set[Edge], nodes: set[str], direction: str, types: list[str] | None) -> set[str]:
    kept = [(s, t) for s, t, kind in edges if types is None or kind in types]
    return {t for s, t in kept if direction != "in" and s in nodes} | {
        s for s, t in kept if direction != "out" and t in nodes
    }


def distances(edges: set[Edge], start: str, direction: str, types: list[str] | None) -> dict[str, int]:
    found, waiting = {start: 0}, deque([start])
    while waiting:
        node = waiting.popleft()
        for other in next_to(edges, {node}, direction, types) - found.keys():
            found[other] = found[node] + 1
            waiting.append(other)
    return found


def load(url: str, user: Any, nodes: int, edges: set[Edge]) -> None:
    """Write a graph by COPY: the methods are tested elsewhere."""
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        with cursor.copy("COPY public.graph_nodes (user_id, id, label, type) FROM STDIN") as copy:
            for n in range(nodes):
                copy.write_row((user, str(n), f"label {n}", "t"))
        columns = "user_id, source_node_id, target_node_id, relationship_type"
        with cursor.copy(f"COPY public.graph_relationships ({columns}) FROM STDIN") as copy:
            for edge in edges:
                copy.write_row((user, *edge))
        connection.commit()
        connection.execute("ANALYZE public.graph_nodes, public.graph_relationships")


@pytest.mark.parametrize("seeded", range(6))
def test_neighbours_and_paths_equal_plain_python(database_url: str, seeded: int) -> None:
    chance = random.Random(seeded)
    nodes, user, stranger = 40, add_user(database_url), add_user(database_url)
    edges = {
        (str(chance.randrange(nodes)), str(chance.randrange(nodes)), chance.choice("ab"))
        for _ in range(chance.choice([20, 45, 80]))
    }
    load(database_url, user, nodes, edges)
    # Another tenant's graph with the same ids: none of its edges counts.
    load(database_url, stranger, nodes, {(str(n), str((n + 1) % nodes), "a") for n in range(nodes)})
    with runfold.connect(database_url + ENGINE) as service, runfold.connect(database_url) as store:
        for graph in (service.memory(user).graph, store.as_user(user).memory.graph):
            for _ in range(25):
                start, goal = str(chance.randrange(nodes)), str(chance.randrange(nodes))
                direction = chance.choice(["both", "out", "in"])
                types = chance.choice([None, ["a"], ["a", "b"]])
                depth, longest = chance.randint(1, 4), chance.randint(1, 8)
                near = distances(edges, start, direction, types)
                wanted = sorted((far, n) for n, far in near.items() if 0 < far <= depth)
                found = graph.neighbours(start, depth=depth, direction=direction, types=types, limit=1000)
                assert [(n.distance, n.node.id) for n in found] == wanted
                few = graph.neighbours(start, depth=depth, direction=direction, types=types, limit=3)
                assert few == found[:3]
                path = [n.id for n in graph.path(start, goal, max_depth=longest, direction=direction, types=types)]
                if near.get(goal, 99) > longest:
                    assert path == []
                    continue
                assert (path[0], path[-1], len(path)) == (start, goal, near[goal] + 1)
                for one, other in pairwise(path):
                    assert other in next_to(edges, {one}, direction, types)


def test_a_node_that_is_not_there_has_no_neighbours_and_no_path(memory: Any) -> None:
    memory.graph.node("1", "a", "t")
    assert memory.graph.neighbours("2") == memory.graph.path("1", "2") == memory.graph.path("2", "2") == []
    assert [n.id for n in memory.graph.path("1", "1")] == ["1"]


def test_the_depth_of_sql_ends_at_the_same_limits(connection: psycopg.Connection[Any], user: Any) -> None:
    for call, pointer, limit in (
        ("graph_neighbours(%s, '1', {}, 10)", "/depth", 4),
        ("graph_neighbours(%s, '1', 1, {})", "/limit", 10_000),
        ("graph_path(%s, '1', '2', {})", "/max_depth", 8),
    ):
        assert connection.execute(f"SELECT * FROM runfold.{call.format(limit)}", [user]).fetchall() == []  # type: ignore[arg-type]
        for given in (limit + 1, 0):
            with pytest.raises(psycopg.Error) as refused:
                connection.execute(f"SELECT * FROM runfold.{call.format(given)}", [user])  # type: ignore[arg-type]
            assert refused.value.sqlstate == InvalidInput.sqlstate
            assert f'"pointer": "{pointer}"' in (refused.value.diag.message_detail or "")
