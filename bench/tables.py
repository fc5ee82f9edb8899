"""Tables identical to the read tables, for a bare insert of finished rows."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Any

import psycopg
from psycopg import sql

# Parents first.
READ_TABLES = (
    "public.workflow_executions",
    "public.node_executions",
    "public.workflow_execution_pauses",
    "public.workflow_execution_logs",
    "public.workflow_status",
    "runfold.anomalies",
)
STATEMENTS = Path(__file__).with_name("sql") / "identical_tables.sql"


def make(connection: psycopg.Connection[Any], schema: str) -> None:
    """Make empty tables with the same columns, checks, indexes and foreign keys in a new schema."""
    values = {"schema": schema, "tables": list(READ_TABLES)}
    for (statement,) in connection.execute(STATEMENTS.read_bytes(), values).fetchall():
        connection.execute(statement)


def seconds_of_bare_insert(url: str) -> float:
    """Copy all finished rows into identical tables: one INSERT … SELECT a table, one transaction."""
    with psycopg.connect(url, autocommit=True) as connection:
        make(connection, "bare")
        for table in READ_TABLES:  # both sides read warm pages whose rows are known to be committed
            connection.execute(sql.SQL("SELECT count(*) FROM {}").format(_name(table)))
        connection.execute("CHECKPOINT")
        began = perf_counter()
        with connection.transaction():
            for table in READ_TABLES:
                bare = sql.Identifier("bare", table.partition(".")[2])
                connection.execute(sql.SQL("INSERT INTO {} SELECT * FROM {}").format(bare, _name(table)))
        took = perf_counter() - began
        connection.execute("DROP SCHEMA bare CASCADE")
    return took


def _name(table: str) -> sql.Identifier:
    return sql.Identifier(*table.split("."))
