"""Searches of tenants: no other tenant's rows, no user to pretend, and GIN indexes in spite of row security."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import psycopg
import pytest

import runfold
from runfold.errors import PermissionDenied
from tests.memory.conftest import add_user

ROWS = 6_000

SEARCHES = {
    "documents": ("search_documents('rare')", "idx_document_store_search"),
    "documents by tags": ("search_documents(all_tags => '{rare}')", "idx_document_store_tags"),
    "documents by metadata": ('search_documents(having_metadata => \'{"k": "rare"}\')', "idx_document_store_metadata"),
    "tags": ("document_tags('rare')", "idx_document_store_search"),
    "entities": ("search_entities('rare')", "idx_entities_search"),
    "entities by alias": ("search_entities('rare alias')", "idx_entities_aliases"),
    "entities by attributes": ('search_entities(having_attributes => \'{"k": "rare"}\')', "idx_entities_attributes"),
    "facts": ("search_facts('rare')", "idx_knowledge_facts_search"),
    "facts by object": ('search_facts(having_object => \'{"k": "rare"}\')', "idx_knowledge_facts_object"),
    "facts by metadata": ('search_facts(having_metadata => \'{"k": "rare"}\')', "idx_knowledge_facts_metadata"),
    "episodes": ("search_episodes('rare')", "idx_episodic_memory_search"),
}

FILL = """
INSERT INTO public.document_store (user_id, collection_name, id, content, tags, metadata)
SELECT %(user)s, 'c', n::text, 'text ' || word, ARRAY[word], jsonb_build_object('k', word) FROM words;
INSERT INTO public.entities (user_id, name, type, description, aliases, attributes)
SELECT %(user)s, 'entity ' || n, 't', word, ARRAY[word || ' alias'], jsonb_build_object('k', word) FROM words;
INSERT INTO public.knowledge_facts (user_id, subject, predicate, object, metadata)
SELECT %(user)s, 'subject ' || n, 'is', jsonb_build_object('k', word), jsonb_build_object('k', word) FROM words;
INSERT INTO public.episodic_memory (user_id, actor, action, object, timestamp)
SELECT %(user)s, 'actor', 'did', word, now() FROM words;
"""


@pytest.fixture(scope="module")
def users(module_database_url: str) -> tuple[UUID, UUID]:
    """Two users with 6,000 rows of each kind, in one of which a rare word is, and statistics."""
    users = add_user(module_database_url), add_user(module_database_url)
    with psycopg.connect(module_database_url, autocommit=True) as connection:
        connection.execute(
            f"CREATE TEMP TABLE words AS SELECT n, CASE n WHEN 7 THEN 'rare' ELSE 'w' || n %% 500 END AS word"
            f" FROM generate_series(1, {ROWS}) AS n".replace("%%", "%")  # type: ignore[arg-type]
        )
        for user in users:
            for statement in filter(str.strip, FILL.split(";")):
                connection.execute(statement, {"user": user})  # type: ignore[call-overload]
        # Without the lists of entries that are still to be merged into the GIN indexes, as after any vacuum.
        connection.execute("VACUUM (ANALYZE)")
    return users


def become(connection: psycopg.Connection[Any], user: UUID, role: str = "authenticated") -> None:
    connection.execute(
        "SELECT set_config('role', %s, true), set_config('request.jwt.claims', %s, true)",
        [role, f'{{"sub": "{user}"}}'],
    )


def as_service(call: str, user: UUID) -> str:
    """Return the call of the twin that names the tenant."""
    name, _, rest = call.partition("(")
    return f"{name}_of('{user}', {rest}"


def plans(url: str, user: UUID, call: str, role: str = "authenticated") -> list[str]:
    """Return the plans of every statement that a call runs, those inside of functions among them."""
    notices: list[str] = []
    with psycopg.connect(url) as connection:
        connection.add_notice_handler(lambda notice: notices.append(notice.message_primary or ""))
        connection.execute("LOAD 'auto_explain'")
        for setting, value in (("log_min_duration", "0"), ("log_nested_statements", "on"), ("log_level", "notice")):
            connection.execute(f"SET auto_explain.{setting} = {value}")  # type: ignore[arg-type]
        become(connection, user, role)
        connection.execute(f"SELECT * FROM runfold.{call}").fetchall()  # type: ignore[arg-type]
    return notices


def indexes(texts: list[str]) -> set[str]:
    return set(re.findall(r"(?:Bitmap Index Scan on|Index Scan using|Index Only Scan using) (\w+)", "\n".join(texts)))


@pytest.mark.parametrize("name", SEARCHES)
def test_a_search_of_a_tenant_and_of_a_service_reads_its_gin_index(
    module_database_url: str, users: tuple[UUID, UUID], name: str
) -> None:
    call, index = SEARCHES[name]
    for asked, role in ((call, "authenticated"), (as_service(call, users[0]), "runfold_engine")):
        found = plans(module_database_url, users[0], asked, role)
        assert index in indexes(found)
        assert not re.findall(r"Seq Scan on (?!pg_)\w+", "\n".join(found)), "nothing is read as a whole beside it"


def test_control_under_row_security_the_index_is_not_read(module_database_url: str, users: tuple[UUID, UUID]) -> None:
    with psycopg.connect(module_database_url) as connection:
        become(connection, users[0])
        explain = "EXPLAIN SELECT * FROM public.document_store WHERE search_vector @@ to_tsquery('english', 'rare')"
        plan = [row[0] for row in connection.execute(explain)]
    assert "idx_document_store_search" not in indexes(plan)


@pytest.mark.parametrize("name", [name for name in SEARCHES if name != "tags"])
def test_a_search_finds_rows_of_the_caller_only(module_database_url: str, users: tuple[UUID, UUID], name: str) -> None:
    call, _ = SEARCHES[name]
    with psycopg.connect(module_database_url) as connection:
        found = []
        for user in users:
            become(connection, user)
            found.append(connection.execute(f"SELECT * FROM runfold.{call}").fetchall())  # type: ignore[arg-type]
            connection.rollback()
        assert [len(rows) for rows in found] == [1, 1]
        connection.execute("SET LOCAL ROLE authenticated")
        assert connection.execute(f"SELECT * FROM runfold.{call}").fetchall() == []  # type: ignore[arg-type]


def test_a_tenant_cannot_call_the_twin_that_takes_a_user(module_database_url: str, users: tuple[UUID, UUID]) -> None:
    with runfold.connect(module_database_url) as store:
        tenant = store.as_user(users[0])
        for name in ("search_documents", "document_tags", "search_entities", "search_facts", "search_episodes"):
            with pytest.raises(PermissionDenied):
                tenant.fetch(f"SELECT * FROM runfold.{name}_of(%s, 'rare')", [users[1]])


def test_functions_that_take_a_user_show_a_tenant_nothing_of_another(
    module_database_url: str, users: tuple[UUID, UUID]
) -> None:
    with runfold.connect(module_database_url) as store:
        tenant, other = store.as_user(users[0]), store.as_user(users[1]).memory
        for n in "12":
            other.graph.node(n, n, "t")
        other.graph.edge("1", "2", "r")
        kept, dropped = (other.entity.get(f"entity {n}", "t").id for n in (1, 2))
        assert tenant.fetch("SELECT * FROM runfold.graph_neighbours(%s, '1')", [users[1]]) == []
        assert tenant.fetch("SELECT * FROM runfold.graph_path(%s, '1', '2')", [users[1]]) == []
        for call in (
            'add_messages(%s, \'s\', \'[{"role": "user", "content": "x"}]\')',
            "add_summary(%s, 's', '{\"summary\": \"x\"}')",
            "learn_fact(%s, 's', 'p', '1')",
        ):
            with pytest.raises(PermissionDenied, match="row-level security"):
                tenant.fetch(f"SELECT * FROM runfold.{call}", [users[1]])
        with pytest.raises(runfold.errors.UnknownEntity):
            tenant.fetch("SELECT * FROM runfold.merge_entities(%s, %s, %s)", [users[1], kept, dropped])
