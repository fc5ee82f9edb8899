"""`store.workflows` of a service and of a tenant, with threads and with asyncio: save, load, history, diff, restore."""

from __future__ import annotations

import random
import threading
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import runfold
from runfold.domain.definition import CANVAS, changes_between
from runfold.errors import (
    DefinitionErased,
    DefinitionInvalid,
    InvalidInput,
    UnknownDefinition,
    UnknownWorkflow,
    VersionConflict,
    WorkflowUnavailable,
)
from tests.client.workflows.definitions import Definition, chain, node, support_desk
from tests.client.workflows.definitions import connection as edge
from tests.client.workflows.tables import a_user, definition_of, digest_of, insert_workflow, saved

Connection = psycopg.Connection[Any]


def without_canvas(definition: Definition) -> Definition:
    nodes = [{name: value for name, value in each.items() if name not in CANVAS} for each in definition["nodes"]]
    return {**definition, "nodes": nodes}


def test_save_and_load(workflows: Any, user: UUID) -> None:
    done = workflows.save(support_desk(), expected_version=0)
    assert (done.version, done.changed) == (1, True)
    loaded = workflows.load(done.workflow_id)
    assert (loaded.workflow_id, loaded.user_id, loaded.version, loaded.digest) == (
        done.workflow_id, user, 1, done.digest
    )  # fmt: skip
    assert {each["node_id"] for each in loaded.definition["nodes"]} == {
        each["node_id"] for each in support_desk()["workflow_data"]["nodes"]
    }
    again = workflows.save({**loaded.definition, "id": loaded.workflow_id}, expected_version=1)
    assert (again.version, again.changed) == (1, False)


def test_two_people_who_edit_one_definition(workflows: Any) -> None:
    done = workflows.save(chain(2))
    mine, theirs = (workflows.load(done.workflow_id) for _ in range(2))
    theirs.definition["nodes"][0]["name"] = "theirs"
    workflows.save({**theirs.definition, "id": theirs.workflow_id}, expected_version=theirs.version)
    mine.definition["nodes"][1]["name"] = "mine"
    with pytest.raises(VersionConflict) as caught:
        workflows.save({**mine.definition, "id": mine.workflow_id}, expected_version=mine.version)
    assert (caught.value.version, caught.value.expected_version) == (2, 1)
    assert [each["name"] for each in workflows.load(done.workflow_id).definition["nodes"]] == ["theirs", "n1"]


def test_everything_that_is_wrong_is_an_error_of_python(workflows: Any) -> None:
    with pytest.raises(DefinitionInvalid) as caught:
        workflows.save({"name": " ", "nodes": [node("a"), node("a")], "connections": [edge("a", "b")]})
    assert [(each["pointer"], each["code"]) for each in caught.value.faults] == [
        ("/name", "blank"), ("/nodes/1/node_id", "duplicate_node"), ("/connections/0/target_node_id", "unknown_node"),
    ]  # fmt: skip
    assert caught.value.code == "definition_invalid"
    assert "/name" in str(caught.value)
    for bad, code in (([], "wrong_type"), ({"name": "\0"}, "nul_character"), ({"name": float("nan")}, "not_finite")):
        with pytest.raises(InvalidInput) as refused:
            workflows.save(bad)
        assert refused.value.code == code


def test_history_names_each_version(workflows: Any, connection: Connection) -> None:
    done = workflows.save(chain(2))
    for nodes in (3, 4):
        workflows.save({**chain(nodes), "id": done.workflow_id})
    connection.execute("UPDATE public.nodes SET name = 'by hand' WHERE node_id = 'n0'")
    history = workflows.history(done.workflow_id)
    assert [(each.version, each.nodes, each.connections, each.erased) for each in history] == [
        (4, 4, 3, False), (3, 4, 3, False), (2, 3, 2, False), (1, 2, 1, False),
    ]  # fmt: skip
    assert history[0].by == connection.info.user
    assert history[0].digest == workflows.load(done.workflow_id).digest
    assert [each.version for each in workflows.history(done.workflow_id, limit=2)] == [4, 3]
    assert [each.version for each in workflows.history(done.workflow_id, limit=2, before=3)] == [2, 1]


def test_diff_names_nodes_and_connections_not_places(workflows: Any, connection: Connection) -> None:
    done = workflows.save(support_desk())
    changed = support_desk()
    nodes, edges = changed["workflow_data"]["nodes"], changed["workflow_data"]["connections"]
    nodes.reverse()
    nodes[0]["parameters"] = {"deep": {"a/b": [1]}}
    del nodes[1]
    edges[:] = [each for each in edges if "reply" not in (each["source_node_id"], each["target_node_id"])]
    changed["name"] = "Help desk"
    edges.append(edge("hook", "person"))
    workflows.save({**changed, "id": done.workflow_id})
    connection.execute("UPDATE public.nodes SET position_x = 77, notes = 'moved'")
    found = {change.path: (change.before, change.after) for change in workflows.diff(done.workflow_id, 1, 2)}
    removed = found.pop("/nodes/reply")
    assert removed[0]["credentials"] == {"slack": "main"}
    assert removed[1] is None
    assert found["/name"] == ("Support desk", "Help desk")
    assert found["/nodes/count/parameters/deep"] == (None, {"a/b": [1]})
    assert {path for path in found if path.startswith("/connections")} == {
        "/connections/hook -> person MAIN 0", "/connections/person -> reply SUCCESS 0",
        "/connections/reply -> count ERROR 0", "/connections/sure -> reply CONDITIONAL 0",
    }  # fmt: skip
    assert workflows.diff(done.workflow_id, 1) == workflows.diff(done.workflow_id, 1, 2)
    assert workflows.diff(done.workflow_id, 2) == []


def test_restore_makes_a_new_version_and_keeps_the_canvas(workflows: Any, connection: Connection) -> None:
    done = workflows.save(support_desk())
    workflows.save({**chain(2), "nodes": [node("agent", "AI_AGENT"), node("n1")], "connections": [],
                    "id": done.workflow_id})  # fmt: skip
    connection.execute("UPDATE public.nodes SET position_x = 77, notes = 'moved' WHERE node_id = 'agent'")
    kept = connection.execute("SELECT id FROM public.nodes WHERE node_id = 'agent'").fetchone()
    back = workflows.restore(done.workflow_id, 1)
    assert (back.version, back.digest, back.changed) == (3, done.digest, True)
    nodes = {each["node_id"]: each for each in workflows.load(done.workflow_id).definition["nodes"]}
    assert (nodes["agent"]["position_x"], nodes["agent"]["notes"]) == (77, "moved")
    assert connection.execute("SELECT id FROM public.nodes WHERE node_id = 'agent'").fetchone() == kept
    assert workflows.restore(done.workflow_id, 3).changed is False
    with pytest.raises(VersionConflict):
        workflows.restore(done.workflow_id, 2, expected_version=1)


def test_a_deleted_workflow_is_restored_from_its_history(workflows: Any, connection: Connection, user: UUID) -> None:
    done = workflows.save(support_desk())
    workflows.delete(done.workflow_id)
    with pytest.raises(UnknownWorkflow):
        workflows.load(done.workflow_id)
    with pytest.raises(UnknownWorkflow):
        workflows.delete(done.workflow_id)
    assert [each.version for each in workflows.history(done.workflow_id)] == [1]
    back = workflows.restore(done.workflow_id, 1)
    assert (back.workflow_id, back.digest) == (done.workflow_id, done.digest)
    loaded = workflows.load(done.workflow_id)
    assert loaded.user_id == user
    agent = next(each for each in loaded.definition["nodes"] if each["node_id"] == "agent")
    assert (agent["position_x"], agent["notes"]) == (200.5, "the heart of it"), "where nothing is, it comes back whole"


def test_what_is_not_there_is_said(workflows: Any) -> None:
    nobody = uuid4()
    for call in (workflows.load, workflows.history, workflows.delete):
        with pytest.raises(UnknownWorkflow) as caught:
            call(nobody)
        assert caught.value.workflow_id == str(nobody)
    done = workflows.save(chain(1))
    for call in (workflows.diff, workflows.restore, workflows.version):
        with pytest.raises(UnknownDefinition):
            call(done.workflow_id, 2)
    with pytest.raises(InvalidInput):
        workflows.load("not an id")


def test_an_erased_body_says_so(workflows: Any, connection: Connection) -> None:
    done = workflows.save(chain(1))
    workflows.save({**chain(2), "id": done.workflow_id})
    connection.execute("DELETE FROM runfold.definitions WHERE digest = %s", (done.digest,))
    assert [each.erased for each in workflows.history(done.workflow_id)] == [False, True]
    for call in (workflows.version, workflows.diff, workflows.restore):
        with pytest.raises(DefinitionErased):
            call(done.workflow_id, 1)


def test_workflows_of_others_are_not_there(workflows: Any, connection: Connection) -> None:
    theirs = insert_workflow(connection, a_user(connection), nodes=2)
    for call in (workflows.load, workflows.history, workflows.delete):
        with pytest.raises(UnknownWorkflow):
            call(theirs)
    with pytest.raises(UnknownDefinition):
        workflows.restore(theirs, 1)
    with pytest.raises(WorkflowUnavailable) as caught:
        workflows.save({**chain(1), "id": theirs})
    assert caught.value.workflow_id == str(theirs)
    assert workflows.list() == []
    assert definition_of(connection, theirs)["name"] == "w"


def test_the_list_is_in_pages(workflows: Any, connection: Connection) -> None:
    made = [workflows.save({**chain(n), "name": f"Flow {n}", "active": n != 2}).workflow_id for n in range(5)]
    connection.execute("UPDATE public.workflows SET updated_at = 1000 * substr(name, 6)::bigint")
    found = workflows.list(limit=2)
    assert [(each.name, each.nodes, each.version) for each in found] == [("Flow 4", 4, 1), ("Flow 3", 3, 1)]
    rest = workflows.list(after=(found[-1].updated_at, found[-1].workflow_id))
    assert [each.workflow_id for each in rest] == [made[2], made[1], made[0]]
    assert [each.name for each in workflows.list(active=False)] == ["Flow 2"]
    assert [each.name for each in workflows.list(name="flow 1")] == ["Flow 1"]


def test_savers_at_once_with_one_expected_version_give_one_winner(
    database_url: str, connection: Connection, user: UUID
) -> None:
    with runfold.connect(database_url, user_id=user) as store:
        done = store.workflows.save(chain(3))
        outcomes: list[str] = []
        barrier = threading.Barrier(6)

        def edit(number: int) -> None:
            changed = {**chain(3), "name": f"by {number}", "id": done.workflow_id}
            barrier.wait(30)
            try:
                store.workflows.save(changed, expected_version=1)
            except VersionConflict:
                outcomes.append("conflict")
            else:
                outcomes.append("saved")

        threads = [threading.Thread(target=edit, args=(n,)) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(outcomes) == ["conflict"] * 5 + ["saved"]
    assert len(saved(connection, done.workflow_id)) == 2


_NODES = tuple(f"n{n}" for n in range(5))


def _random_edit(draw: random.Random, connection: Connection, workflow: UUID) -> None:
    """Edit a workflow by SQL that leaves a definition that could have been saved."""
    node_id = draw.choice(_NODES)
    named = {"w": workflow, "n": node_id, "m": draw.choice(_NODES), "v": draw.randint(0, 2)}
    statement = draw.choice(
        (
            (
                "INSERT INTO public.nodes (workflow_id, node_id, node_type, node_subtype, name)"
                " VALUES (%(w)s, %(n)s, 'ACTION', 'HTTP', %(n)s) ON CONFLICT DO NOTHING"
            ),
            "DELETE FROM public.nodes WHERE workflow_id = %(w)s AND node_id = %(n)s",
            "UPDATE public.nodes SET parameters = jsonb_build_object('v', %(v)s) WHERE node_id = %(n)s",
            "UPDATE public.nodes SET position_x = %(v)s, notes = %(m)s WHERE node_id = %(n)s",
            "UPDATE public.nodes SET max_retries = %(v)s",
            (
                "INSERT INTO public.node_connections (workflow_id, source_node_id, target_node_id, connection_index)"
                " SELECT %(w)s, a.node_id, b.node_id, %(v)s FROM public.nodes a, public.nodes b"
                "  WHERE a.node_id = %(n)s AND b.node_id = %(m)s AND a.node_id <> b.node_id ON CONFLICT DO NOTHING"
            ),
            "DELETE FROM public.node_connections WHERE source_node_id = %(n)s",
            "UPDATE public.node_connections SET label = 'l' || %(v)s WHERE target_node_id = %(n)s",
            "UPDATE public.workflows SET name = 'name ' || %(v)s, settings = jsonb_build_object('v', %(v)s)",
            "UPDATE public.workflows SET tags = ARRAY[%(n)s], active = %(v)s > 0",
        )
    )
    connection.execute(statement, named)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32), commits=st.lists(st.integers(1, 4), min_size=1, max_size=8))
def test_the_history_of_random_edits_replays_to_the_state(
    database_url: str, connection: Connection, user: UUID, seed: int, commits: list[int]
) -> None:
    draw = random.Random(seed)
    connection.execute("DELETE FROM public.workflows")
    workflow = insert_workflow(connection, user, nodes=3)
    expected = [without_canvas(definition_of(connection, workflow))]
    for edits in commits:
        with connection.transaction():
            for _ in range(edits):
                _random_edit(draw, connection, workflow)
        now = without_canvas(definition_of(connection, workflow))
        if now != expected[-1]:
            expected.append(now)
    with runfold.connect(database_url) as store:
        versions = store.workflows.history(workflow)
        bodies = [store.workflows.version(workflow, each.version) for each in reversed(versions)]
        assert [without_canvas(body) for body in bodies] == expected
        assert [each.digest for each in reversed(versions)] == [digest_of(connection, body) for body in expected]
        chosen = draw.randint(1, len(expected))
        restored = store.workflows.restore(workflow, chosen)
        assert restored.digest == versions[-chosen].digest
        assert without_canvas(definition_of(connection, workflow)) == expected[chosen - 1]
        assert store.workflows.diff(workflow, chosen) == []
        for n, body in enumerate(expected[1:], start=2):
            assert store.workflows.diff(workflow, n - 1, n) == changes_between(expected[n - 2], body) != []
