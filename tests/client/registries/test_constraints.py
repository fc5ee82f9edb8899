"""Each constraint and policy of the registries' tables refuses what it is for, by its name."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

TABLES = (
    "integrations",
    "node_specifications",
    "mcp_tools",
    "ai_models",
    "ai_model_prices",
    "ai_generation_history",
    "external_api_call_logs",
    "model_calls",
)
USER = "00000000-0000-4000-8000-00000000000a"
OTHER = "00000000-0000-4000-8000-00000000000b"
NOBODY = "00000000-0000-4000-8000-0000000000ff"

SPEC = "INSERT INTO public.node_specifications (node_type, node_subtype, specification_data)"
TOOL = "INSERT INTO public.mcp_tools (tool_name, tool_type, provider, tool_schema)"
MODEL = "UPDATE public.ai_models SET"
PRICE = "INSERT INTO public.ai_model_prices (model, valid_from, above_input_tokens, input_per_million, source, seen_on)"
A_MODEL = "(SELECT id FROM public.ai_models WHERE name = 'GPT-5')"
PRICED = f"VALUES ({A_MODEL}, '2026-01-01', 0, 1, 'x', '2026-01-01')"
GENERATED = "INSERT INTO public.ai_generation_history (user_id, prompt, model"
CALL = "INSERT INTO public.external_api_call_logs (provider, operation, success"
USED = """INSERT INTO public.model_calls (id, execution_id, provider, model_id, input_tokens, cached_tokens,
    output_tokens, last_event_position, called_at) VALUES (gen_random_uuid(), 'e', 'p', 'm', 1, 0, 1, 1, now())"""

BROKEN = {
    "integrations_pkey": "INSERT INTO public.integrations (integration_id, provider, name) VALUES ('slack', 'x', 'x')",
    "integration_id_is_not_blank": "UPDATE public.integrations SET integration_id = ' ' WHERE integration_id = 'slack'",
    "integration_config_is_an_object": "UPDATE public.integrations SET config = '[]'",
    "node_specifications_pkey": f"{SPEC} VALUES ('TOOL', 'a', '{{}}'), ('TOOL', 'b', '{{}}');"
    " UPDATE public.node_specifications SET id = (SELECT max(id::text)::uuid FROM public.node_specifications)",
    "node_specifications_node_type_node_subtype_specification_ve_key": f"{SPEC} VALUES ('TOOL', 'a', '{{}}'),"
    " ('TOOL', 'a', '{}')",
    "valid_spec_node_type": f"{SPEC} VALUES ('NODE', 'a', '{{}}')",
    "mcp_tools_pkey": f"{TOOL} VALUES ('a', 't', 'p', '{{}}'), ('b', 't', 'p', '{{}}');"
    " UPDATE public.mcp_tools SET id = (SELECT max(id::text)::uuid FROM public.mcp_tools)",
    "mcp_tools_tool_name_provider_version_key": f"{TOOL} VALUES ('a', 't', 'p', '{{}}'), ('a', 'u', 'p', '{{}}')",
    "tool_name_is_not_blank": f"{TOOL} VALUES (' ', 't', 'p', '{{}}')",
    "ai_models_pkey": f"{MODEL} id = {A_MODEL}",
    "ai_models_name_version_key": f"{MODEL} name = 'GPT-5' WHERE name = 'GPT-5 Mini'",
    "ai_models_one_default_per_provider": f"{MODEL} is_default = true",
    "ai_model_costs_are_not_negative": f"{MODEL} cost_per_cached_token = -0.000000000001",
    "ai_model_context_is_positive": f"{MODEL} max_context_tokens = 0",
    "ai_model_capabilities_are_an_object": f"{MODEL} model_capabilities = '[]'",
    "ai_model_config_is_an_object": f"{MODEL} config = '1'",
    "ai_model_prices_pkey": f"{PRICE} {PRICED}; {PRICE} {PRICED}",
    "price_is_of_a_model": f"{PRICE} VALUES ('{NOBODY}', now(), 0, 1, 'x', now())",
    "price_tier_is_not_negative": f"{PRICE} VALUES ({A_MODEL}, now(), -1, 1, 'x', now())",
    "prices_are_not_negative": f"{PRICE} VALUES ({A_MODEL}, now(), 0, -0.000000001, 'x', now())",
    "price_names_its_source": f"{PRICE} VALUES ({A_MODEL}, now(), 0, 1, ' ', now())",
    "ai_generation_history_pkey": f"{GENERATED}) VALUES ('{USER}', 'p', 'm'), ('{USER}', 'p', 'm');"
    " UPDATE public.ai_generation_history SET id = (SELECT max(id::text)::uuid FROM public.ai_generation_history)",
    "generation_is_a_user_s": f"{GENERATED}) VALUES ('{NOBODY}', 'p', 'm')",
    "generation_tokens_are_not_negative": f"{GENERATED}, tokens) VALUES ('{USER}', 'p', 'm', -1)",
    "external_api_call_logs_pkey": f"{CALL}, called_at, id) VALUES ('p', 'o', true, '2026-01-01', '{USER}'),"
    f" ('p', 'o', true, '2026-01-01', '{USER}')",
    "external_api_call_logs_user_id_fkey": f"{CALL}, user_id) VALUES ('p', 'o', true, '{NOBODY}')",
    "api_call_status_code_is_http": f"{CALL}, status_code) VALUES ('p', 'o', true, 600)",
    "api_call_response_time_is_not_negative": f"{CALL}, response_time_ms) VALUES ('p', 'o', true, -1)",
    "api_call_retry_count_is_not_negative": f"{CALL}, retry_count) VALUES ('p', 'o', true, -1)",
    "api_call_headers_are_objects": f"{CALL}, response_headers) VALUES ('p', 'o', true, '[]')",
    "model_calls_pkey": f"{USED}; {USED}; UPDATE public.model_calls SET id = '{USER}'",
}


@pytest.fixture
def users(connection: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    connection.execute("INSERT INTO auth.users (id) VALUES (%s), (%s)", (USER, OTHER))
    return connection


@pytest.mark.parametrize("name", BROKEN)
def test_each_constraint_refuses_what_it_is_for(users: psycopg.Connection[Any], name: str) -> None:
    with pytest.raises(psycopg.errors.IntegrityError) as refused:
        users.execute(BROKEN[name].encode())
    # A partition's key has the partition's name in it.
    assert (refused.value.diag.constraint_name or "").replace("_default_pkey", "_pkey") == name


def test_no_constraint_is_without_its_test(connection: psycopg.Connection[Any]) -> None:
    named = connection.execute(
        "SELECT c.conname FROM pg_constraint c"
        " WHERE c.conrelid = ANY (SELECT ('public.' || t)::regclass FROM unnest(%s::text[]) AS t) AND c.contype <> 'n'"
        " UNION SELECT i.indexrelid::regclass::text FROM pg_index i"
        " WHERE i.indrelid = ANY (SELECT ('public.' || t)::regclass FROM unnest(%s::text[]) AS t)"
        "   AND i.indisunique AND i.indpred IS NOT NULL",
        (list(TABLES), list(TABLES)),
    ).fetchall()
    assert {name for (name,) in named} == set(BROKEN)


def as_tenant(connection: psycopg.Connection[Any], user: str, statement: str) -> Any:
    with connection.transaction():
        connection.execute(
            "SELECT set_config('role', 'authenticated', true), set_config('request.jwt.claims', %s, true)",
            (f'{{"sub": "{user}"}}',),
        )
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else cursor.rowcount


@pytest.fixture
def rows(users: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    """A row of each table, the tenant's where it has one."""
    users.execute(
        f"{SPEC} VALUES ('TOOL', 'a', '{{}}'); {TOOL} VALUES ('a', 't', 'p', '{{}}'); {PRICE} {PRICED}".encode()
    )
    users.execute(
        f"{GENERATED}) VALUES ('{USER}', 'p', 'm'); {CALL}, user_id) VALUES ('p', 'o', true, '{USER}')".encode()
    )
    users.execute(f"{USED}; UPDATE public.model_calls SET user_id = '{USER}'".encode())
    return users


OWNED = ("ai_generation_history", "external_api_call_logs", "model_calls", "model_call_costs", "execution_costs")
READ_BY_ALL = ("integrations", "node_specifications", "mcp_tools", "ai_models", "ai_model_prices")


@pytest.mark.parametrize("table", OWNED)
def test_a_tenant_sees_its_own_rows_alone(rows: psycopg.Connection[Any], table: str) -> None:
    count = f"SELECT count(*) FROM public.{table}"
    assert [as_tenant(rows, user, count) for user in (USER, OTHER)] == [[(1,)], [(0,)]]


@pytest.mark.parametrize("table", READ_BY_ALL)
def test_everybody_reads_a_registry_and_no_tenant_writes_it(rows: psycopg.Connection[Any], table: str) -> None:
    ((seen,),) = as_tenant(rows, OTHER, f"SELECT count(*) FROM public.{table}")
    assert seen > 0
    for statement in (f"DELETE FROM public.{table}", f"UPDATE public.{table} SET created_at = now()"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            as_tenant(rows, OTHER, statement)


def test_control_without_its_policy_a_table_shows_nothing(rows: psycopg.Connection[Any]) -> None:
    rows.execute('DROP POLICY "everybody reads" ON public.ai_models')
    assert as_tenant(rows, OTHER, "SELECT count(*) FROM public.ai_models") == [(0,)]


def test_a_tenant_says_what_it_accepted_and_nothing_else(rows: psycopg.Connection[Any]) -> None:
    accept = "UPDATE public.ai_generation_history SET accepted = true"
    assert [as_tenant(rows, user, accept) for user in (OTHER, USER)] == [0, 1]
    for statement in (
        "UPDATE public.ai_generation_history SET definition = '{}'",
        f"{GENERATED}) VALUES ('{USER}', 'p', 'm')",
        f"{CALL}, user_id) VALUES ('p', 'o', true, '{USER}')",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            as_tenant(rows, USER, statement)


def as_role(connection: psycopg.Connection[Any], role: str, statement: str) -> None:
    with connection.transaction():
        connection.execute(f"SET LOCAL ROLE {role}".encode())
        connection.execute(statement.encode())


def test_an_operator_enters_prices_and_not_costs(rows: psycopg.Connection[Any]) -> None:
    as_role(rows, "runfold_operator", f"{PRICE} VALUES ({A_MODEL}, '2026-02-01', 0, 2, 'x', '2026-01-01')")
    cost = "SELECT cost_per_input_token * 1000000 FROM public.ai_models WHERE name = 'GPT-5'"
    assert rows.execute(cost).fetchone() == (2,)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        as_role(rows, "runfold_operator", f"{MODEL} cost_per_input_token = 0")


def test_the_agent_reads_registries_and_records_what_it_generated(rows: psycopg.Connection[Any]) -> None:
    as_role(rows, "runfold_agent", f"{GENERATED}) SELECT '{USER}', 'p', m.name FROM public.ai_models m")
    assert rows.execute("SELECT count(*) FROM public.ai_generation_history").fetchone() == (9,)
    for statement in ("DELETE FROM public.ai_generation_history", f"{SPEC} VALUES ('TOOL', 'b', '{{}}')"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            as_role(rows, "runfold_agent", statement)
