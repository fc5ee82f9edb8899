"""No tenant sees, changes or hears of another's rows: every table, verb and stranger, as the catalogue has them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from tests.security.matrix import STRANGERS, WRITES, Matrix

Connection = psycopg.Connection[Any]


@pytest.fixture(scope="module")
def matrix(module_database_url: str) -> Iterator[Matrix]:
    """Rows of two tenants in every table; each check undoes what it does."""
    with psycopg.connect(module_database_url, autocommit=True) as connection:
        yield Matrix(connection)


def test_the_matrix_has_every_table_that_tenants_could_see(matrix: Matrix) -> None:
    names = {table.name for table in matrix.guarded}
    assert {"workflows", "workflow_executions", "runfold.events", "runfold.streams", "sessions"} <= names
    assert matrix.nobodys >= {"workflows", "nodes", "workflow_executions", "runfold.events"}
    assert len(matrix.tables) > 60


@pytest.mark.parametrize("stranger", STRANGERS)
def test_nobody_reads_rows_of_others(matrix: Matrix, stranger: str) -> None:
    assert matrix.reading(STRANGERS[stranger]) == []


@pytest.mark.parametrize("verb", WRITES)
@pytest.mark.parametrize("stranger", STRANGERS)
def test_nobody_writes_rows_of_others(matrix: Matrix, stranger: str, verb: str) -> None:
    assert matrix.writing(STRANGERS[stranger], verb) == []


def test_nobody_learns_which_ids_others_have(matrix: Matrix) -> None:
    assert matrix.existence() == []


# -- controls: each weakening is found ---------------------------------------------------------------------------------

Check = Callable[[Matrix], list[str]]


def reads(stranger: str) -> Check:
    return lambda matrix: matrix.reading(STRANGERS[stranger])


def writes(stranger: str, verb: str) -> Check:
    return lambda matrix: matrix.writing(STRANGERS[stranger], verb)


def with_simple_references(matrix: Matrix) -> list[str]:
    matrix.connection.execute("ALTER TABLE public.workflows DROP CONSTRAINT workflow_comes_from_a_session_of_its_user")
    return matrix.existence()


WEAKENED: dict[str, tuple[str, Check, str]] = {
    "a policy is dropped": (
        'DROP POLICY "a tenant reads its own rows" ON public.node_executions',
        reads("another tenant"),
        "node_executions",
    ),
    "a policy lets everybody see": (
        'ALTER POLICY "a tenant reads its own rows" ON runfold.events USING (true)',
        reads("another tenant"),
        "runfold.events",
    ),
    "a policy shows what is nobody's": (
        """ALTER POLICY "a tenant reads its own rows" ON public.trigger_index
           USING (user_id IS NOT DISTINCT FROM (SELECT auth.uid()))""",
        reads("no claims"),
        "trigger_index",
    ),
    "row security is off": (
        "ALTER TABLE public.workflow_executions DISABLE ROW LEVEL SECURITY",
        reads("another tenant"),
        "workflow_executions",
    ),
    "anon is granted a table": (
        "GRANT SELECT ON public.workflow_executions TO anon",
        reads("anon"),
        "workflow_executions",
    ),
    "a table without row security is granted": (
        "CREATE TABLE public.fresh (user_id uuid); GRANT SELECT ON public.fresh TO authenticated",
        reads("another tenant"),
        "fresh",
    ),
    "a table of ours is granted": (
        "GRANT SELECT ON runfold.commands TO authenticated",
        reads("no claims"),
        "runfold.commands",
    ),
    "a policy does not check what is written": (
        'ALTER POLICY "Users can manage own workflows" ON public.workflows WITH CHECK (true)',
        writes("another tenant", "INSERT"),
        "workflows",
    ),
    "a merge writes for another": (
        'ALTER POLICY "Users can manage own workflows" ON public.workflows WITH CHECK (true)',
        writes("another tenant", "MERGE"),
        "workflows",
    ),
    "a policy lets everybody delete": (
        'ALTER POLICY "Users can manage own workflows" ON public.workflows USING (true)',
        writes("another tenant", "DELETE"),
        "workflows",
    ),
    "a policy lets everybody update": (
        'ALTER POLICY "a tenant keeps its own rows" ON public.nodes USING (true) WITH CHECK (true)',
        writes("another tenant", "UPDATE"),
        "nodes",
    ),
    "truncation is granted": (
        "GRANT TRUNCATE ON public.sessions TO authenticated",
        writes("another tenant", "TRUNCATE"),
        "sessions",
    ),
    "a user fills nodes of another's workflow": (
        """DROP TRIGGER user_is_the_workflows ON public.nodes;
           ALTER TABLE public.nodes ALTER COLUMN user_id SET DEFAULT auth.uid()""",
        writes("another tenant", "INSERT"),
        "nodes",
    ),
    "the id is granted": ("GRANT INSERT (id) ON public.workflows TO authenticated", Matrix.existence, "workflows"),
    "the id can be changed": ("GRANT UPDATE (id) ON public.sessions TO authenticated", Matrix.existence, "sessions"),
    "a foreign key looks past the policies": (
        "ALTER TABLE public.workflows ADD FOREIGN KEY (session_id) REFERENCES public.sessions (id)",
        with_simple_references,
        "workflows",
    ),
}


@pytest.mark.parametrize("name", WEAKENED)
def test_control_a_weakened_guard_is_found(connection: Connection, name: str) -> None:
    weaken, check, table = WEAKENED[name]
    connection.execute(weaken.encode())
    found = check(Matrix(connection))
    assert any(one.startswith(f"{table}: ") for one in found), found
