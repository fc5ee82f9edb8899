"""What tenants may call shows them their own rows: each such function is called about another tenant's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb

from tests.security.matrix import ALICE, BOB, STRANGERS, Matrix, Stranger

Connection = psycopg.Connection[Any]


class Call(NamedTuple):
    """Arguments that are about a user's rows; `writes` is whether the function makes rows of the user's."""

    arguments: Callable[[Matrix, UUID], dict[str, Any]]
    writes: bool = False


def about(table: str, **columns: str) -> Callable[[Matrix, UUID], dict[str, Any]]:
    """Arguments, by name, that are columns of the user's row."""
    return lambda matrix, user: {name: matrix.maker.row_of(table, user)[it] for name, it in columns.items()}


def of(user: UUID, **more: Any) -> dict[str, Any]:
    return {"tenant": user, **more}


def graph(matrix: Matrix, user: UUID, **names: str) -> dict[str, Any]:
    """The user, and the ends of the user's edge by the names of the arguments."""
    edge = matrix.maker.row_of("graph_relationships", user)
    ends = {name: [edge[column]] if name == "ids" else edge[column] for name, column in names.items()}
    return of(user, **ends, **({"types": None} if "ids" in names else {}))


def vectors(matrix: Matrix, user: UUID) -> dict[str, Any]:
    row = matrix.maker.row_of("vector_embeddings", user)
    return {
        "query_embedding": row["embedding"],
        "collection_name_param": row["collection_name"],
        "user_id_param": user,
    }


def marked(matrix: Matrix, user: UUID) -> dict[str, Any]:
    """Metadata that an execution of the user's has, and no other."""
    mark = Jsonb({"of": str(user)})
    statement = "UPDATE public.workflow_executions SET metadata = %s WHERE user_id = %s AND metadata <> %s"
    matrix.connection.execute(statement, (mark, user, mark))
    return {"having_metadata": mark}


def saved(matrix: Matrix, user: UUID) -> dict[str, Any]:
    """A definition of the user's workflow."""
    workflow = matrix.maker.row_of("workflows", user)["id"]
    return {
        "definition": Jsonb({"id": str(workflow), "name": "saved", "nodes": [], "connections": [], "workflow_data": {}})
    }


CALLS = {
    "runfold.document_tags": Call(about("document_store", collection="collection_name")),
    "runfold.search_documents": Call(about("document_store", typed="search_content")),
    "runfold.search_entities": Call(about("entities", typed="name")),
    "runfold.search_facts": Call(about("knowledge_facts", typed="subject")),
    "runfold.search_episodes": Call(about("episodic_memory", typed="actor")),
    "runfold.search_vector_texts": Call(about("vector_embeddings", collection="collection_name", query="text_content")),
    "runfold.execution_detail": Call(about("workflow_executions", execution_id="execution_id")),
    "runfold.definition_of": Call(about("workflows", workflow_id="id")),
    "runfold.search_workflows": Call(about("workflows", name_begins="name")),
    "runfold.search_executions": Call(marked),
    "runfold.save_workflow": Call(saved, writes=True),
    "runfold.graph_neighbours": Call(lambda m, u: graph(m, u, start="source_node_id")),
    "runfold.graph_path": Call(lambda m, u: graph(m, u, start="source_node_id", goal="target_node_id")),
    "runfold.adjacent_nodes": Call(lambda m, u: graph(m, u, ids="source_node_id") | {"direction": "both"}),
    "public.search_similar_vectors": Call(vectors),
    "public.search_vectors_hybrid": Call(
        lambda m, u: vectors(m, u) | {"query_text": m.maker.row_of("vector_embeddings", u)["text_content"]}
    ),
    "runfold.add_messages": Call(
        lambda _m, u: of(u, session="s", messages=Jsonb([{"role": "user", "content": "c"}])), writes=True
    ),
    "runfold.add_summary": Call(
        lambda m, u: of(
            u, session=m.maker.row_of("conversation_buffers", u)["session_id"], content=Jsonb({"summary": "s"})
        ),
        writes=True,
    ),
    "runfold.learn_fact": Call(lambda _m, u: of(u, about="a", relation="r", what=Jsonb("w")), writes=True),
    "runfold.merge_entities": Call(
        lambda m, u: of(u, kept=m.maker.row_of("entities", u)["id"], dropped=m.other_entity[u]), writes=True
    ),
}
# They look at their arguments only, at registries that everybody reads, or say who asks.
OF_NO_TABLE = {
    "runfold.lock_memory", "runfold.refuse", "runfold.require_between", "runfold.is_list_of_names",
    "runfold.keyword_fault", "runfold.schema_fault", "runfold.version_order", "runfold.text_configuration",
    "runfold.text_query", "runfold.joined", "runfold.known_as", "runfold.text_vector", "runfold.refuse_search",
    "runfold.check_vector_search", "runfold.searching_user", "runfold.vector_schema", "runfold.cosine_similarity",
    "runfold.add_durations", "runfold.sum_durations", "runfold.duration_part", "runfold.part_duration",
    "runfold.percentile_of", "runfold.item_matches", "runfold.cutoff_of", "runfold.definition_faults",
    "runfold.definition_digest", "runfold.digest_of_parts", "runfold.without_canvas", "runfold.schema_violations",
    "runfold.workflow_body", "runfold.node_body", "runfold.connection_body",
}  # fmt: skip

CALLED_BY_TENANTS = """
    SELECT DISTINCT format('%I.%I', n.nspname, p.proname)
      FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
     WHERE n.nspname !~ '^pg_|^information_schema$|^auth$' AND has_function_privilege('authenticated', p.oid, 'EXECUTE')
       AND p.prorettype <> 'trigger'::regtype
       AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
     ORDER BY 1
"""


class WithEntities(Matrix):
    """The matrix, with a second entity of each user."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.other_entity = {
            user: self.maker.insert("entities", self.maker.new("entities", user))["id"] for user in (ALICE, BOB)
        }


@pytest.fixture(scope="module")
def matrix(module_database_url: str) -> Iterator[WithEntities]:
    with psycopg.connect(module_database_url, autocommit=True) as connection:
        yield WithEntities(connection)


def call(matrix: Matrix, stranger: Stranger, name: str, about_user: UUID) -> list[Any] | str:
    """Call a function about a user's rows as somebody; return what it shows, or the SQLSTATE of its refusal."""
    arguments = CALLS[name].arguments(matrix, about_user)
    given = sql.SQL(", ").join(
        sql.SQL("{} => {}").format(sql.Identifier(argument), sql.Placeholder(argument)) for argument in arguments
    )
    statement = sql.SQL("SELECT * FROM {}({})").format(sql.Identifier(*name.split(".")), given)
    try:
        with matrix.as_(stranger) as connection:
            rows = connection.execute(statement, arguments).fetchall()
            return [row for row in rows if any(value not in (None, 0, [], {}) for value in row)]
    except psycopg.Error as error:
        return error.sqlstate or "?"


def test_every_function_that_tenants_may_call_is_called_here(matrix: WithEntities, has_vectors: bool) -> None:
    called = {name for (name,) in matrix.connection.execute(CALLED_BY_TENANTS).fetchall()}
    assert called <= CALLS.keys() | OF_NO_TABLE
    if has_vectors:
        assert called == CALLS.keys() | OF_NO_TABLE


@pytest.mark.parametrize("name", CALLS)
def test_a_function_shows_or_changes_the_callers_rows_and_no_others(
    matrix: WithEntities, name: str, has_vectors: bool
) -> None:
    """Called by Alice about her rows it does something: else that Bob gets nothing would prove nothing."""
    if "vector" in name and not has_vectors:
        pytest.skip("this server has no pgvector")
    own = call(matrix, Stranger("authenticated", ALICE), name, ALICE)
    assert isinstance(own, list)
    assert own, f"{name} shows Alice nothing of her own"
    before = [matrix.others(table, BOB) for table in matrix.guarded]
    for stranger in ("another tenant", "no claims", "anon"):
        said = call(matrix, STRANGERS[stranger], name, ALICE)
        assert said == [] or isinstance(said, str), (stranger, said)
    assert [matrix.others(table, BOB) for table in matrix.guarded] == before


def test_control_a_function_that_runs_as_its_owner_and_asks_nobody_is_found(connection: Connection) -> None:
    connection.execute("ALTER FUNCTION runfold.execution_detail(text, integer) SECURITY DEFINER")
    with pytest.raises(AssertionError, match="another tenant"):
        test_a_function_shows_or_changes_the_callers_rows_and_no_others(
            WithEntities(connection), "runfold.execution_detail", has_vectors=True
        )
