"""Saving by SQL: one function for a tenant and one for services; everything that is wrong is said at once."""

from __future__ import annotations

import json
import re
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.client.workflows.definitions import Definition, chain, node, support_desk
from tests.client.workflows.definitions import connection as edge
from tests.client.workflows.tables import a_user, definition_of, insert_workflow, left_over, saved

Connection = psycopg.Connection[Any]


@pytest.fixture
def user(connection: Connection) -> UUID:
    return a_user(connection)


def save(
    connection: Connection, user: UUID | None, definition: Any, expected_version: int | None = None
) -> tuple[UUID, int, str, bool]:
    """Save as a service and return id, version, digest, and whether the version is new."""
    row = connection.execute(
        "SELECT * FROM runfold.save_workflow_of(%s, %s, %s)", (user, json.dumps(definition), expected_version)
    ).fetchone()
    assert row is not None
    return row[0], row[1], row[2], row[3]


def save_as_tenant(connection: Connection, user: UUID | None, definition: Any) -> UUID:
    """Save as a tenant does: with the role and the claims of a request."""
    claims = {} if user is None else {"sub": str(user)}
    with connection.transaction():
        connection.execute(
            "SELECT set_config('role', 'authenticated', true), set_config('request.jwt.claims', %s, true)",
            (json.dumps(claims),),
        )
        row = connection.execute("SELECT * FROM runfold.save_workflow(%s)", (json.dumps(definition),)).fetchone()
    assert row is not None
    return UUID(str(row[0]))


def refusal(caught: pytest.ExceptionInfo[psycopg.Error]) -> tuple[str | None, dict[str, Any]]:
    return caught.value.sqlstate, json.loads(caught.value.diag.message_detail or "{}")


def ids(connection: Connection, workflow: UUID) -> dict[str, UUID]:
    rows = connection.execute("SELECT node_id, id FROM public.nodes WHERE workflow_id = %s", (workflow,)).fetchall()
    return dict(rows)


def row_versions(connection: Connection) -> list[Any]:
    """Return what changes when a row is written."""
    return connection.execute(
        "SELECT 'w', xmin::text, ctid::text FROM public.workflows UNION ALL SELECT 'n', xmin::text, ctid::text"
        " FROM public.nodes UNION ALL SELECT 'c', xmin::text, ctid::text FROM public.node_connections ORDER BY 1, 3"
    ).fetchall()


def test_a_definition_becomes_rows_and_comes_back(connection: Connection, user: UUID) -> None:
    workflow, version, digest, changed = save(connection, user, support_desk())
    assert (version, changed) == (1, True)
    (event,) = saved(connection, workflow)
    assert (event["digest"], event["nodes"], event["connections"]) == (digest, 8, 8)
    loaded = definition_of(connection, workflow)
    assert {each["node_id"] for each in loaded["nodes"]} == set(ids(connection, workflow))
    assert loaded["workflow_data"] == {"variables": {"threshold": 0.8}}
    assert next(each for each in loaded["nodes"] if each["node_id"] == "agent")["notes"] == "the heart of it"
    before = row_versions(connection)
    assert save(connection, user, {**loaded, "id": str(workflow)}) == (workflow, 1, digest, False)
    assert row_versions(connection) == before, "rows that are equal are not written"
    assert left_over(connection) == 0


def test_a_hundred_nodes_and_ninety_nine_connections_are_one_event(connection: Connection, user: UUID) -> None:
    workflow, version, _, _ = save(connection, user, chain(100))
    assert version == 1
    assert [(event["nodes"], event["connections"]) for event in saved(connection, workflow)] == [(100, 99)]


def test_five_thousand_nodes_are_saved(connection: Connection, user: UUID) -> None:
    definition = chain(5000)
    for each in definition["nodes"]:
        each["parameters"]["prompt"] = "p" * 300
    workflow, _, _, _ = save(connection, user, definition)
    assert saved(connection, workflow)[-1]["nodes"] == 5000


def test_nodes_keep_their_ids_and_their_place_on_the_canvas(connection: Connection, user: UUID) -> None:
    workflow, *_ = save(connection, user, chain(3))
    before = ids(connection, workflow)
    connection.execute("UPDATE public.nodes SET position_x = 7, position_y = 8, notes = 'here' WHERE node_id = 'n1'")
    changed = chain(3)
    changed["nodes"][1]["parameters"] = {"url": "https://example.com/other"}
    del changed["nodes"][2], changed["connections"][1]
    changed["nodes"].append(node("new"))
    save(connection, user, {**changed, "id": str(workflow)})
    after = ids(connection, workflow)
    assert after.keys() == {"n0", "n1", "new"}
    assert {name: after[name] for name in ("n0", "n1")} == {name: before[name] for name in ("n0", "n1")}
    row = connection.execute("SELECT position_x, position_y, notes FROM public.nodes WHERE node_id = 'n1'").fetchone()
    assert row == (7, 8, "here")


def test_fields_that_are_absent_keep_their_value_and_null_clears(connection: Connection, user: UUID) -> None:
    workflow, *_ = save(connection, user, {**support_desk(), "active": False})
    save(connection, user, {"id": str(workflow), "nodes": [], "tags": None, "version": None})
    now = definition_of(connection, workflow)
    assert (now["name"], now["active"], now["tags"], now["version"]) == ("Support desk", False, None, "1.2.0")
    assert (now["nodes"], now["connections"]) == ([], [])


def test_another_version_than_expected_is_refused(connection: Connection, user: UUID) -> None:
    workflow, *_ = save(connection, user, chain(1))
    again = {**chain(2), "id": str(workflow)}
    assert save(connection, user, again, 1)[1] == 2
    for expected in (0, 1, 3):
        with pytest.raises(psycopg.Error) as caught:
            save(connection, user, {**chain(3), "id": str(workflow)}, expected)
        state, facts = refusal(caught)
        assert (state, facts["code"], facts["version"], facts["expected_version"]) == (
            "RF002", "version_conflict", 2, expected
        )  # fmt: skip
    assert len(definition_of(connection, workflow)["nodes"]) == 2
    with pytest.raises(psycopg.Error) as caught:
        save(connection, user, chain(1), 1)
    assert refusal(caught)[0] == "RF002"


def test_the_id_is_another_s_or_nobody_s_and_says_the_same(connection: Connection, user: UUID) -> None:
    other = a_user(connection)
    theirs, gone = (insert_workflow(connection, other, nodes=1) for _ in range(2))
    connection.execute("DELETE FROM public.workflows WHERE id = %s", (gone,))
    said = set()
    for taken in (theirs, gone):
        with pytest.raises(psycopg.Error) as caught:
            save_as_tenant(connection, user, {**chain(1), "id": str(taken)})
        state, facts = refusal(caught)
        assert (state, facts) == ("RF041", {"code": "workflow_unavailable", "workflow_id": str(taken)})
        said.add(str(caught.value).replace(str(taken), "ID"))
    assert len(said) == 1
    free = uuid4()
    assert save_as_tenant(connection, user, {**chain(1), "id": str(free)}) == free
    assert definition_of(connection, theirs)["name"] == "w"


def test_a_tenant_saves_for_itself(connection: Connection, user: UUID) -> None:
    workflow = save_as_tenant(connection, user, support_desk())
    owners = connection.execute(
        "SELECT user_id FROM public.workflows UNION SELECT user_id FROM public.nodes"
        " UNION SELECT user_id FROM public.node_connections UNION SELECT user_id FROM runfold.definitions"
    ).fetchall()
    assert owners == [(user,)]
    assert saved(connection, workflow)[0]["by"] == str(user)


def test_without_a_user_nothing_is_saved(connection: Connection) -> None:
    for call in (lambda: save_as_tenant(connection, None, chain(1)), lambda: save(connection, None, chain(1))):
        with pytest.raises(psycopg.Error) as caught:
            call()
        assert refusal(caught)[1]["code"] == "required"
        assert refusal(caught)[1]["pointer"] == "/user_id"
    with pytest.raises(psycopg.Error) as caught:
        save(connection, uuid4(), chain(1))
    assert refusal(caught)[1]["code"] == "unknown_user"
    assert connection.execute("SELECT count(*) FROM public.workflows").fetchone() == (0,)


def test_a_service_saves_what_exists_for_its_user(connection: Connection, user: UUID) -> None:
    workflow = insert_workflow(connection, user)
    assert save(connection, None, {**chain(2), "id": str(workflow)})[1] == 2


def test_a_session_is_the_user_s_own(connection: Connection, user: UUID) -> None:
    mine, theirs = (
        connection.execute("INSERT INTO public.sessions (user_id) VALUES (%s) RETURNING id", (each,)).fetchone()
        for each in (user, a_user(connection))
    )
    assert mine is not None
    assert theirs is not None
    save(connection, user, {**chain(1), "session_id": str(mine[0])})
    with pytest.raises(psycopg.Error) as caught:
        save(connection, user, {**chain(1), "session_id": str(theirs[0])})
    assert refusal(caught)[1]["code"] == "unknown_session"


AGENT = node("agent", "AI_AGENT", attached_nodes=["tool"])
TOOL = node("tool", "TOOL")


def with_nodes(*nodes: Any, connections: Any = ()) -> Definition:
    return {"name": "w", "nodes": list(nodes), "connections": list(connections)}


BAD: dict[str, tuple[Any, list[tuple[str, str]]]] = {
    "a list": ([], [("", "wrong_type")]),
    "a text": ("x", [("", "wrong_type")]),
    "nothing": (None, [("", "wrong_type")]),
    "no nodes": ({"name": "w"}, [("/nodes", "required")]),
    "nodes are no list": ({"name": "w", "nodes": {}}, [("/nodes", "wrong_type")]),
    "a node is no object": (with_nodes(1), [("/nodes/0", "wrong_type")]),
    "an unknown field": ({**with_nodes(), "a/b~c": 1}, [("/a~1b~0c", "unknown_field")]),
    "a field of the log": ({**with_nodes(), "deployed_at": "now"}, [("/deployed_at", "unknown_field")]),
    "a blank name": ({**with_nodes(), "name": " \u2003"}, [("/name", "blank")]),
    "a long name": ({**with_nodes(), "name": "x" * 256}, [("/name", "too_long")]),
    "a control character": ({**with_nodes(), "name": "a\u0007"}, [("/name", "control_character")]),
    "no UUID": ({**with_nodes(), "id": "1"}, [("/id", "not_a_uuid")]),
    "tags of numbers": ({**with_nodes(), "tags": ["a", 1]}, [("/tags/1", "wrong_type")]),
    "an empty node": (
        with_nodes({}),
        [(f"/nodes/0/{name}", "required") for name in ("node_id", "node_type", "node_subtype", "name")],
    ),
    "an unknown type": (with_nodes(node("a", "ROBOT")), [("/nodes/0/node_type", "not_allowed")]),
    "a fraction": (with_nodes(node("a", max_retries=1.5)), [("/nodes/0/max_retries", "not_an_integer")]),
    "below zero": (with_nodes(node("a", retry_wait_time=-1)), [("/nodes/0/retry_wait_time", "out_of_range")]),
    "far away": (with_nodes(node("a", position_x=1e300)), [("/nodes/0/position_x", "out_of_range")]),
    "a text as flag": (with_nodes(node("a", disabled="yes")), [("/nodes/0/disabled", "wrong_type")]),
    "parameters in a list": (with_nodes(node("a", parameters=[])), [("/nodes/0/parameters", "wrong_type")]),
    "a node twice": (with_nodes(node("a"), node("b"), node("a")), [("/nodes/2/node_id", "duplicate_node")]),
    "an edge from nowhere": (
        with_nodes(node("a"), connections=[edge("x", "a")]), [("/connections/0/source_node_id", "unknown_node")]
    ),
    "an edge to nowhere": (
        with_nodes(node("a"), connections=[edge("a", "x")]), [("/connections/0/target_node_id", "unknown_node")]
    ),
    "a node to itself": (
        with_nodes(node("a"), connections=[edge("a", "a")]), [("/connections/0/target_node_id", "self_connection")]
    ),
    "an edge twice": (
        with_nodes(node("a"), node("b"), connections=[edge("a", "b"), edge("a", "b", connection_type="MAIN")]),
        [("/connections/1", "duplicate_connection")],
    ),
    "an unknown kind of edge": (
        with_nodes(node("a"), node("b"), connections=[edge("a", "b", connection_type="SIDE")]),
        [("/connections/0/connection_type", "not_allowed")],
    ),
    "an attached node that is none": (with_nodes(AGENT), [("/nodes/0/attached_nodes/0", "unknown_node")]),
    "an attached node of another type": (
        with_nodes(AGENT, node("tool", "ACTION")), [("/nodes/0/attached_nodes/0", "not_attachable")]
    ),
    "an attached node twice": (
        with_nodes({**AGENT, "attached_nodes": ["tool", "tool"]}, TOOL),
        [("/nodes/0/attached_nodes/1", "duplicate_node")],
    ),
    "attached to no agent": (
        with_nodes({**AGENT, "node_type": "ACTION"}, TOOL), [("/nodes/0/attached_nodes", "not_an_agent")]
    ),
    "everything at once": (
        {
            "name": "", "settings": 1, "nodes": [node("a", "X"), node("a"), 5],
            "connections": [edge("a", "a"), edge("b", "a"), {"source_node_id": "a"}],
        },
        [
            ("/name", "blank"), ("/settings", "wrong_type"), ("/nodes/0/node_type", "not_allowed"),
            ("/nodes/1/node_id", "duplicate_node"), ("/nodes/2", "wrong_type"),
            ("/connections/0/target_node_id", "self_connection"), ("/connections/1/source_node_id", "unknown_node"),
            ("/connections/2/target_node_id", "required"),
        ],
    ),
    "nodes in workflow_data": (
        {"name": "w", "workflow_data": {"nodes": [node("a", "X")]}}, [("/nodes/0/node_type", "not_allowed")]
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_everything_that_is_wrong_is_said_with_its_pointer(connection: Connection, user: UUID, case: str) -> None:
    definition, expected = BAD[case]
    with pytest.raises(psycopg.Error) as caught:
        save(connection, user, definition)
    state, facts = refusal(caught)
    assert (state, facts["code"], facts["count"]) == ("RF040", "definition_invalid", len(expected))
    assert [(fault["pointer"], fault["code"]) for fault in facts["faults"]] == expected
    for fault in facts["faults"]:
        assert "{" not in re.sub(r"'.*?'", "", fault["message"])
        assert fault["hint"]
    assert facts["pointer"] == expected[0][0]
    assert connection.execute("SELECT count(*) FROM public.workflows").fetchone() == (0,)


def test_control_the_bases_of_the_bad_definitions_are_good(connection: Connection, user: UUID) -> None:
    for definition in (
        with_nodes(), with_nodes(node("a")), with_nodes(AGENT, TOOL),
        with_nodes(node("a"), node("b"), connections=[edge("a", "b"), edge("a", "b", connection_index=1)]),
        {**with_nodes(node("a", max_retries=0, position_x=-1e9)), "name": "x" * 255, "tags": []},
    ):  # fmt: skip
        save(connection, user, definition)


def test_of_many_faults_a_hundred_are_listed_and_all_are_counted(connection: Connection, user: UUID) -> None:
    for faults in (100, 101):
        with pytest.raises(psycopg.Error) as caught:
            save(connection, user, with_nodes(*[node(f"n{n}", "X") for n in range(faults)]))
        facts = refusal(caught)[1]
        assert (facts["count"], len(facts["faults"])) == (faults, 100)


def test_a_new_workflow_has_a_name(connection: Connection, user: UUID) -> None:
    with pytest.raises(psycopg.Error) as caught:
        save(connection, user, {"nodes": []})
    assert refusal(caught)[1]["code"] == "required"
    assert refusal(caught)[1]["pointer"] == "/name"


def test_the_words_and_columns_are_those_of_the_tables(connection: Connection) -> None:
    """The fields of a definition are the columns that people own, as wide, with the same words."""
    tables = {"workflow": "workflows", "nodes": "nodes", "connections": "node_connections"}
    not_given = {
        "id", "user_id", "workflow_id", "created_at", "updated_at", "deployment_status", "deployed_at", "deployed_by",
        "undeployed_at", "deployment_version", "deployment_config", "latest_execution_status", "latest_execution_id",
        "latest_execution_time",
    }  # fmt: skip
    for part, table in tables.items():
        columns = dict(
            connection.execute(
                "SELECT a.attname, nullif(a.atttypmod, -1) - 4 FROM pg_attribute a"
                " WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped",
                (f"public.{table}",),
            ).fetchall()
        )
        fields = connection.execute(
            "SELECT field, maximum, allowed, kind FROM runfold.definition_fields() WHERE part = %s", (part,)
        ).fetchall()
        named = {field for field, *_ in fields} - {"id", "nodes", "connections"}
        assert named == columns.keys() - not_given, table
        for field, maximum, allowed, kind in fields:
            if kind in ("name", "text"):
                assert columns[field] == maximum, field
            if allowed:
                words = connection.execute(
                    "SELECT pg_get_constraintdef(oid) FROM pg_constraint"
                    " WHERE conrelid = %s::regclass AND contype = 'c' AND pg_get_constraintdef(oid) LIKE %s",
                    (f"public.{table}", f"%({field})%= ANY%"),
                ).fetchall()
                assert len(words) == 1
                assert set(re.findall(r"'(\w+)'::", words[0][0])) == set(allowed)


SPECIFICATION = {
    "type": "object",
    "required": ["url", "a/b"],
    "additionalProperties": False,
    "properties": {
        "url": {"type": "string", "pattern": "^https?://", "minLength": 8, "maxLength": 20},
        "a/b": {},
        "method": {"enum": ["GET", "POST"]},
        "retries": {"type": "integer", "minimum": 0, "maximum": 5},
        "share": {"type": ["number", "null"], "exclusiveMinimum": 0},
        "headers": {"type": "array", "minItems": 1, "maxItems": 2, "items": {"type": "string"}},
        "fixed": {"const": 1},
        "nested": {"allOf": [{"type": "object", "required": ["x"]}], "additionalProperties": {"type": "boolean"}},
        "odd": {"pattern": "(?<never>["},
    },
}
GOOD = {"url": "https://a.b", "a/b": None}


@pytest.fixture
def specified(connection: Connection) -> None:
    """Specifications of ACTION HTTP_REQUEST: the newest active one is SPECIFICATION."""
    for version, data, active in (
        ("1.9.0", {"required": ["nobody has this"]}, True),
        ("1.10.0", SPECIFICATION, True),
        ("2.0.0", {"required": ["nobody has this"]}, False),
    ):
        connection.execute(
            "INSERT INTO public.node_specifications"
            " (node_type, node_subtype, specification_version, specification_data, is_active)"
            " VALUES ('ACTION', 'HTTP_REQUEST', %s, %s, %s)",
            (version, json.dumps(data), active),
        )


@pytest.mark.usefixtures("specified")
@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, [("/a~1b", "required"), ("/url", "required")]),
        (None, [("/a~1b", "required"), ("/url", "required")]),
        ({**GOOD, "more": 1}, [("/more", "unknown_field")]),
        ({**GOOD, "url": 1}, [("/url", "wrong_type")]),
        ({**GOOD, "url": "ftp://a.b.c"}, [("/url", "not_matching")]),
        ({**GOOD, "url": "http://"}, [("/url", "too_short")]),
        ({**GOOD, "url": "https://" + "a" * 13}, [("/url", "too_long")]),
        ({**GOOD, "method": "PUT"}, [("/method", "not_allowed")]),
        ({**GOOD, "retries": 1.5}, [("/retries", "wrong_type")]),
        ({**GOOD, "retries": 6}, [("/retries", "out_of_range")]),
        ({**GOOD, "share": 0}, [("/share", "out_of_range")]),
        ({**GOOD, "headers": []}, [("/headers", "too_short")]),
        ({**GOOD, "headers": ["a", 1, "c"]}, [("/headers", "too_long"), ("/headers/1", "wrong_type")]),
        ({**GOOD, "fixed": 2}, [("/fixed", "not_allowed")]),
        ({**GOOD, "nested": {"y": 1}}, [("/nested/x", "required"), ("/nested/y", "wrong_type")]),
    ],
)
def test_parameters_fit_the_newest_active_specification(
    connection: Connection, user: UUID, parameters: Any, expected: list[tuple[str, str]]
) -> None:
    with pytest.raises(psycopg.Error) as caught:
        save(connection, user, with_nodes(node("a", parameters=parameters)))
    found = [(fault["pointer"], fault["code"]) for fault in refusal(caught)[1]["faults"]]
    assert found == [("/nodes/0/parameters" + pointer, code) for pointer, code in expected]


@pytest.mark.usefixtures("specified")
def test_control_what_fits_and_what_is_not_specified_is_saved(connection: Connection, user: UUID) -> None:
    for parameters in (
        GOOD,
        {**GOOD, "url": "https://" + "a" * 12, "retries": 5, "share": None, "headers": ["a", "b"], "fixed": 1.0},
        {**GOOD, "method": "POST", "retries": 2.0, "nested": {"x": True}, "odd": "anything"},
    ):
        save(connection, user, with_nodes(node("a", parameters=parameters)))
    save(connection, user, with_nodes(node("a", node_subtype="OTHER", parameters={"any": 1}), node("b", "TOOL")))
