"""Every CHECK, UNIQUE, key and foreign key of the memory's tables refuses what it is for, by its name.

The list of constraints is read from the catalogue: a new one without a case here fails.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql

TABLES = (
    *("conversation_buffers", "conversation_summaries", "document_store", "entities", "entity_relationships"),
    *("episodic_memory", "graph_nodes", "graph_relationships", "knowledge_facts", "knowledge_rules"),
)

ONE, TWO, THREE = (UUID(int=n, version=4) for n in (1, 2, 3))
USER, STRANGER, NOBODY = (UUID(int=n, version=4) for n in (11, 12, 13))

# A row of each table that nothing refuses, beside those of `BEFORE`.
VALID: dict[str, dict[str, Any]] = {
    "conversation_buffers": {"session_id": "s", "message_index": 2, "role": "user", "content": "c"},
    "conversation_summaries": {"session_id": "s", "sequence": 2, "summary": "t"},
    "document_store": {"id": "2", "collection_name": "c", "content": "t"},
    "entities": {"name": "two", "type": "t"},
    "entity_relationships": {"source_entity_id": TWO, "target_entity_id": ONE, "relationship_type": "r"},
    "episodic_memory": {"actor": "a", "action": "b", "timestamp": "2026-01-01Z"},
    "graph_nodes": {"id": "3", "label": "three", "type": "t"},
    "graph_relationships": {"source_node_id": "2", "target_node_id": "1", "relationship_type": "r"},
    "knowledge_facts": {"subject": "s", "predicate": "p", "object": '"new"'},
    "knowledge_rules": {"rule_name": "two", "conditions": "{}", "actions": "{}"},
}
BEFORE: list[tuple[str, dict[str, Any]]] = [
    ("conversation_buffers", {"id": ONE, "session_id": "s", "message_index": 1, "role": "user", "content": "c"}),
    ("conversation_summaries", {"id": ONE, "session_id": "s", "sequence": 1, "summary": "t"}),
    ("document_store", {"id": "1", "collection_name": "c", "content": "t"}),
    ("entities", {"id": ONE, "name": "one", "type": "t"}),
    ("entities", {"id": TWO, "name": "second", "type": "t"}),
    ("entities", {"id": THREE, "name": "theirs", "type": "t", "user_id": STRANGER}),
    ("entity_relationships", {"id": ONE, "source_entity_id": ONE, "target_entity_id": TWO, "relationship_type": "r"}),
    ("episodic_memory", {"id": ONE, "actor": "a", "action": "b", "timestamp": "2026-01-01Z"}),
    ("graph_nodes", {"id": "1", "label": "one", "type": "t"}),
    ("graph_nodes", {"id": "2", "label": "two", "type": "t"}),
    ("graph_nodes", {"id": "theirs", "label": "one", "type": "t", "user_id": STRANGER}),
    ("graph_relationships", {"id": "1", "source_node_id": "1", "target_node_id": "2", "relationship_type": "r"}),
    ("knowledge_facts", {"id": ONE, "subject": "s", "predicate": "p", "object": '"old"'}),
    ("knowledge_rules", {"id": ONE, "rule_name": "one", "conditions": "{}", "actions": "{}"}),
    ("conversation_summaries", {"id": THREE, "session_id": "s", "sequence": 1, "summary": "t", "user_id": STRANGER}),
]

# What is wrong in the row that the constraint refuses.
WRONG: dict[str, tuple[str, dict[str, Any]]] = {
    "conversation_buffers_pkey": ("conversation_buffers", {"id": ONE}),
    "conversation_buffers_session_id_message_index_key": ("conversation_buffers", {"message_index": 1}),
    "message_belongs_to_a_user": ("conversation_buffers", {"user_id": NOBODY}),
    "conversation_buffers_role_check": ("conversation_buffers", {"role": "robot"}),
    "message_index_counts_from_one": ("conversation_buffers", {"message_index": 0}),
    "message_tokens_not_negative": ("conversation_buffers", {"tokens_count": -1}),
    "message_session_not_empty": ("conversation_buffers", {"session_id": ""}),
    "message_metadata_is_an_object": ("conversation_buffers", {"metadata": "[]"}),
    "conversation_summaries_pkey": ("conversation_summaries", {"id": THREE}),
    "conversation_summaries_user_id_id_key": ("conversation_summaries", {"id": ONE}),
    "conversation_summaries_session_id_created_at_key": ("conversation_summaries", {"sequence": 1}),
    "summary_belongs_to_a_user": ("conversation_summaries", {"user_id": NOBODY}),
    "conversation_summaries_previous_summary_id_fkey": ("conversation_summaries", {"previous_summary_id": THREE}),
    "valid_summary_type": ("conversation_summaries", {"summary_type": "short"}),
    "summary_sequence_counts_from_one": ("conversation_summaries", {"sequence": 0}),
    "summary_counts_not_negative": ("conversation_summaries", {"upto_index": -1}),
    "summary_confidence_between_0_and_1": ("conversation_summaries", {"confidence_score": 1.01}),
    "summary_session_not_empty": ("conversation_summaries", {"session_id": ""}),
    "summary_lists_are_arrays": ("conversation_summaries", {"topics": "{}"}),
    "document_store_pkey": ("document_store", {"id": "1"}),
    "document_belongs_to_a_user": ("document_store", {"user_id": NOBODY}),
    "document_names_not_empty": ("document_store", {"collection_name": ""}),
    "document_ttl_is_positive": ("document_store", {"ttl": "0 s"}),
    "document_language_is_known": ("document_store", {"language": "klingon"}),
    "entities_pkey": ("entities", {"id": THREE}),
    "entities_user_id_id_key": ("entities", {"id": ONE}),
    "entities_name_type_user_id_key": ("entities", {"name": "one"}),
    "entity_belongs_to_a_user": ("entities", {"user_id": NOBODY}),
    "entities_importance_score_check": ("entities", {"importance_score": -0.01}),
    "entity_name_not_empty": ("entities", {"name": ""}),
    "entity_mention_count_positive": ("entities", {"mention_count": 0}),
    "entity_attributes_are_an_object": ("entities", {"attributes": "[]"}),
    "entity_relationships_pkey": ("entity_relationships", {"id": ONE}),
    "entity_relationships_source_entity_id_target_entity_id_rela_key": (
        "entity_relationships",
        {"source_entity_id": ONE, "target_entity_id": TWO},
    ),
    "entity_relationship_belongs_to_a_user": ("entity_relationships", {"user_id": NOBODY}),
    "entity_relationships_source_entity_id_fkey": ("entity_relationships", {"source_entity_id": THREE}),
    "entity_relationships_target_entity_id_fkey": ("entity_relationships", {"target_entity_id": THREE}),
    "entity_relationships_confidence_check": ("entity_relationships", {"confidence": 2}),
    "entity_relationship_joins_two": ("entity_relationships", {"source_entity_id": ONE}),
    "entity_relationship_type_not_empty": ("entity_relationships", {"relationship_type": ""}),
    "entity_relationship_attributes_are_an_object": ("entity_relationships", {"relationship_attributes": "1"}),
    "episodic_memory_pkey": ("episodic_memory", {"id": ONE}),
    "episode_belongs_to_a_user": ("episodic_memory", {"user_id": NOBODY}),
    "episodic_memory_importance_check": ("episodic_memory", {"importance": "1.01"}),
    "episode_names_not_empty": ("episodic_memory", {"action": ""}),
    "episode_language_is_known": ("episodic_memory", {"language": "klingon"}),
    "graph_nodes_pkey": ("graph_nodes", {"id": "1"}),
    "graph_nodes_label_type_user_id_key": ("graph_nodes", {"label": "one"}),
    "graph_node_belongs_to_a_user": ("graph_nodes", {"user_id": NOBODY}),
    "graph_node_names_not_empty": ("graph_nodes", {"type": ""}),
    "graph_node_properties_are_an_object": ("graph_nodes", {"properties": "[]"}),
    "graph_relationships_pkey": ("graph_relationships", {"id": "1"}),
    "graph_relationships_source_node_id_target_node_id_relations_key": (
        "graph_relationships",
        {"source_node_id": "1", "target_node_id": "2"},
    ),
    "graph_relationship_belongs_to_a_user": ("graph_relationships", {"user_id": NOBODY}),
    "graph_relationships_source_node_id_fkey": ("graph_relationships", {"source_node_id": "theirs"}),
    "graph_relationships_target_node_id_fkey": ("graph_relationships", {"target_node_id": "theirs"}),
    "graph_relationships_weight_check": ("graph_relationships", {"weight": 1.5}),
    "graph_relationship_names_not_empty": ("graph_relationships", {"relationship_type": ""}),
    "graph_relationship_properties_are_an_object": ("graph_relationships", {"properties": "[]"}),
    "knowledge_facts_pkey": ("knowledge_facts", {"id": ONE}),
    "knowledge_facts_subject_predicate_object_user_id_key": ("knowledge_facts", {"object": '"old"'}),
    "fact_belongs_to_a_user": ("knowledge_facts", {"user_id": NOBODY}),
    "knowledge_facts_confidence_check": ("knowledge_facts", {"confidence": -1}),
    "fact_names_not_empty": ("knowledge_facts", {"subject": ""}),
    "fact_ends_after_it_begins": ("knowledge_facts", {"valid_from": "2026-01-02Z", "valid_to": "2026-01-01Z"}),
    "fact_metadata_is_an_object": ("knowledge_facts", {"metadata": "[]"}),
    "knowledge_rules_pkey": ("knowledge_rules", {"id": ONE}),
    "knowledge_rules_rule_name_key": ("knowledge_rules", {"rule_name": "one"}),
    "rule_belongs_to_a_user": ("knowledge_rules", {"user_id": NOBODY}),
    "rule_name_not_empty": ("knowledge_rules", {"rule_name": ""}),
}

Connection = psycopg.Connection[Any]


def insert(connection: Connection, table: str, row: dict[str, Any]) -> None:
    row = {"user_id": USER, **row}
    connection.execute(
        sql.SQL("INSERT INTO public.{} ({}) VALUES ({})").format(
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, row)),
            sql.SQL(", ").join(sql.Placeholder() * len(row)),
        ),
        [*row.values()],
    )


@pytest.fixture(scope="module")
def rows(module_database_url: str) -> Any:
    """A connection to a database with the rows of `BEFORE`; each test rolls back what it did."""
    with psycopg.connect(module_database_url) as connection:
        for user in (USER, STRANGER):
            connection.execute("INSERT INTO auth.users (id) VALUES (%s)", [user])
        for table, row in BEFORE:
            insert(connection, table, row)
        connection.commit()
        yield connection


@pytest.fixture
def database(rows: Connection) -> Any:
    yield rows
    rows.rollback()


@pytest.mark.parametrize("table", TABLES)
def test_control_the_row_is_taken_when_nothing_is_wrong(database: Connection, table: str) -> None:
    insert(database, table, VALID[table])
    database.execute("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.mark.parametrize("constraint", WRONG)
def test_a_constraint_refuses_what_it_is_for(database: Connection, constraint: str) -> None:
    table, wrong = WRONG[constraint]
    if constraint.endswith("_user_id_id_key"):  # which the primary key implies, and foreign keys need
        database.execute(
            sql.SQL("ALTER TABLE public.{} DROP CONSTRAINT {}").format(*map(sql.Identifier, (table, f"{table}_pkey")))
        )
    with pytest.raises(psycopg.errors.IntegrityError) as refused:
        insert(database, table, {**VALID[table], **wrong})
    assert refused.value.diag.constraint_name == constraint


# The ends of a relationship are of a user as well.
HELD_BY_OTHERS = {"entity_relationship_belongs_to_a_user", "graph_relationship_belongs_to_a_user"}
NAMED = [name for name in WRONG if not name.endswith(("_key", "_pkey"))]


@pytest.mark.parametrize("constraint", [name for name in NAMED if name not in HELD_BY_OTHERS])
def test_control_without_the_constraint_the_row_is_taken(database: Connection, constraint: str) -> None:
    table, wrong = WRONG[constraint]
    database.execute(
        sql.SQL("ALTER TABLE public.{} DROP CONSTRAINT {}").format(*map(sql.Identifier, (table, constraint)))
    )
    insert(database, table, {**VALID[table], **wrong})


def test_every_constraint_of_the_tables_has_a_case(database: Connection) -> None:
    found = database.execute(
        "SELECT conname FROM pg_constraint WHERE conrelid = ANY (%s::regclass[]) AND contype <> 'n'"
        " UNION SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
        " WHERE i.indrelid = ANY (%s::regclass[]) AND i.indisunique",
        [[f"public.{table}" for table in TABLES]] * 2,
    ).fetchall()
    assert {name for (name,) in found} == WRONG.keys()


def test_every_column_with_a_default_takes_no_null(database: Connection) -> None:
    found = database.execute(
        "SELECT attrelid::regclass::text, attname FROM pg_attribute"
        " WHERE attrelid = ANY (%s::regclass[]) AND attnum > 0 AND atthasdef AND attgenerated = '' AND NOT attnotnull",
        [[f"public.{table}" for table in TABLES]],
    ).fetchall()
    assert found == []


@pytest.mark.parametrize("table", TABLES)
def test_a_user_takes_its_rows_along(database: Connection, table: str) -> None:
    count = sql.SQL("SELECT count(*) FROM public.{} WHERE user_id = %s").format(sql.Identifier(table))
    assert database.execute(count, [USER]).fetchone() != (0,)
    database.execute("DELETE FROM auth.users WHERE id = %s", [USER])
    assert database.execute(count, [USER]).fetchone() == (0,)


def test_a_deleted_summary_leaves_the_next_one_without_a_former(database: Connection) -> None:
    insert(database, "conversation_summaries", {**VALID["conversation_summaries"], "previous_summary_id": ONE})
    database.execute("DELETE FROM public.conversation_summaries WHERE id = %s", [ONE])
    left = database.execute("SELECT user_id, previous_summary_id FROM public.conversation_summaries WHERE sequence = 2")
    assert left.fetchall() == [(USER, None)]


# The indexes that the specification names, and the key that serves where an index would repeat it.
NAMED_INDEXES = {
    "idx_conversation_buffers_session_id": "conversation_buffers_session_id_message_index_key",
    "idx_conversation_buffers_user_id": "conversation_buffers_session_id_message_index_key",
    **dict.fromkeys(
        name
        for names in (
            "idx_conversation_buffers_timestamp idx_document_store_collection idx_document_store_search",
            "idx_document_store_tags idx_entities_importance idx_entities_name idx_entities_type",
            "idx_entity_relationships_source idx_entity_relationships_target",
            "idx_episodic_memory_actor idx_episodic_memory_importance idx_episodic_memory_timestamp",
        )
        for name in names.split()
    ),
}


@pytest.mark.parametrize("name", NAMED_INDEXES)
def test_an_index_of_the_specification_is_there_and_begins_with_the_user(database: Connection, name: str) -> None:
    row = database.execute(
        "SELECT pg_get_indexdef(to_regclass('public.' || %s))", [NAMED_INDEXES[name] or name]
    ).fetchone()
    assert row is not None
    assert "USING gin" in row[0] or "USING btree (user_id, " in row[0]


# -- tenants -----------------------------------------------------------------------------------------------------------


def become(connection: Connection, user: UUID | None, role: str = "authenticated") -> None:
    claims = "{}" if user is None else f'{{"sub": "{user}", "role": "{role}"}}'
    connection.execute(
        "SELECT set_config('role', %s, true), set_config('request.jwt.claims', %s, true)", [role, claims]
    )


def visible(connection: Connection, table: str) -> set[Any]:
    return {
        user for (user,) in connection.execute(sql.SQL("SELECT user_id FROM public.{}").format(sql.Identifier(table)))
    }


def for_stranger(connection: Connection, table: str) -> None:
    """Give the stranger a row in the table, as the owner."""
    links = {
        "entity_relationships": [
            ("entities", {"id": uuid4(), "name": n, "type": "x", "user_id": STRANGER}) for n in "ab"
        ],
        "graph_relationships": [("graph_nodes", {"id": n, "label": n, "type": "x", "user_id": STRANGER}) for n in "12"],
    }
    for other, row in links.get(table, []):
        insert(connection, other, row)
    ends = [row["id"] for _, row in links.get("entity_relationships", [])]
    row = {**VALID[table], "user_id": STRANGER}
    if table == "entity_relationships":
        row |= {"source_entity_id": ends[0], "target_entity_id": ends[1]}
    insert(connection, table, row)


@pytest.mark.parametrize("table", TABLES)
def test_a_tenant_keeps_its_own_rows_only(database: Connection, table: str) -> None:
    for_stranger(database, table)
    become(database, USER)
    assert visible(database, table) == {USER}
    named = sql.Identifier(table)
    assert database.execute(sql.SQL("DELETE FROM public.{} WHERE user_id = %s").format(named), [STRANGER]).rowcount == 0
    updated = sql.SQL("UPDATE public.{} SET user_id = %s WHERE user_id = %s").format(named)
    assert database.execute(updated, [USER, STRANGER]).rowcount == 0
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"), database.transaction():
        insert(database, table, {**VALID[table], "user_id": STRANGER})
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"), database.transaction():
        database.execute(updated, [STRANGER, USER])
    become(database, None)
    assert visible(database, table) == set()


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(
    "role", ["anon", "runfold_scheduler", "runfold_agent", "runfold_projections", "runfold_projector", "runfold_reader"]
)
def test_other_roles_do_not_read_the_memory(database: Connection, table: str, role: str) -> None:
    become(database, USER, role)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        visible(database, table)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("role", ["runfold_engine", "runfold_operator", "service_role"])
def test_services_keep_the_rows_of_all(database: Connection, table: str, role: str) -> None:
    for_stranger(database, table)
    become(database, None, role)
    assert visible(database, table) == {USER, STRANGER}
    assert database.execute(
        sql.SQL("DELETE FROM public.{} WHERE user_id = %s").format(sql.Identifier(table)), [STRANGER]
    ).rowcount


@pytest.mark.parametrize("table", TABLES)
def test_control_without_a_policy_nothing_is_seen_and_with_a_wide_one_all_is(database: Connection, table: str) -> None:
    for_stranger(database, table)
    named = sql.Identifier(table)
    for policy, user, role in (
        ("a tenant keeps its own rows", USER, "authenticated"),
        ("services see every row", None, "runfold_engine"),
    ):
        with database.transaction(force_rollback=True):
            database.execute(sql.SQL("DROP POLICY {} ON public.{}").format(sql.Identifier(policy), named))
            become(database, user, role)
            assert visible(database, table) == set()
    database.execute(sql.SQL("CREATE POLICY wide ON public.{} FOR SELECT TO authenticated USING (true)").format(named))
    become(database, USER)
    assert visible(database, table) == {USER, STRANGER}


@pytest.mark.parametrize(
    "table", [table for table in TABLES if "id" not in VALID[table] and table != "graph_relationships"]
)
@pytest.mark.parametrize("taken", [True, False])
def test_a_tenant_writes_no_id_that_is_unique_across_tenants(database: Connection, table: str, taken: bool) -> None:
    become(database, USER)
    with pytest.raises(psycopg.errors.InsufficientPrivilege) as refused, database.transaction():
        insert(database, table, {**VALID[table], "id": ONE if taken else uuid4()})
    assert str(refused.value) == f"permission denied for table {table}"
    with pytest.raises(psycopg.errors.InsufficientPrivilege), database.transaction():
        database.execute(sql.SQL("UPDATE public.{} SET id = %s").format(sql.Identifier(table)), [uuid4()])
