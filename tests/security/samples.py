"""Rows for any table, made from the catalogue: what a column needs follows from its type, its CHECKs and its keys."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

Row = dict[str, Any]

COLUMNS = """
    SELECT a.attname AS name, format_type(a.atttypid, NULL) AS type, nullif(a.atttypmod, -1) - 4 AS size,
           a.attnotnull AS required, a.atthasdef OR a.attidentity <> '' AS given, a.attgenerated <> '' AS generated
      FROM pg_attribute a
     WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped
     ORDER BY a.attnum
"""
REFERENCES = """
    SELECT c.confrelid::regclass::text AS parent,
           ARRAY(SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY AS k (n, i)
                   JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.n ORDER BY k.i) AS columns,
           ARRAY(SELECT a.attname::text FROM unnest(c.confkey) WITH ORDINALITY AS k (n, i)
                   JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.n ORDER BY k.i) AS keys
      FROM pg_constraint c
     WHERE c.contype = 'f' AND c.conrelid = %s::regclass AND c.confrelid <> c.conrelid AND c.conparentid = 0
     ORDER BY cardinality(c.conkey) DESC, c.conname
"""
CHECKS = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'c' AND conrelid = %s::regclass"

_counter = itertools.count(1)


def value_of(column: Row, checks: str) -> Any:
    """Return a new value of a column's type, among the words that a CHECK lists."""
    listed = re.search(rf"\(?\(?{column['name']}\)?(?:::text)?\)? = ANY \(\(?ARRAY\['([^']+)'", checks)
    if listed:
        return listed[1]
    match column["type"]:
        case "uuid":
            return uuid4()
        case "text" | "character varying":
            return f"v{next(_counter)}-{uuid4().hex}"[: column["size"] or 40]
        case "smallint" | "integer" | "bigint":
            return next(_counter)
        case "numeric" | "double precision" | "real":
            return 1
        case "boolean":
            return True
        case "jsonb":
            return Jsonb({"v": next(_counter)})
        case "timestamp with time zone":
            return datetime.now(UTC)
        case "date":
            return datetime.now(UTC).date()
        case "bytea":
            return uuid4().bytes
        case "text[]" | "character varying[]":
            return [f"v{next(_counter)}"]
        case other:
            raise AssertionError(f"{column['name']} is of type {other}: say in samples.py what to write into it")


@dataclass
class Maker:
    """Makes rows as the owner, who sees every table: one row of a user's in each, and any number of new ones."""

    connection: psycopg.Connection[Any]
    rows: dict[tuple[str, UUID | None], Row] = field(default_factory=dict)

    def dicts(self, query: str, *parameters: Any) -> list[Row]:
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query.encode(), parameters).fetchall()

    def row_of(self, table: str, user: UUID | None) -> Row:
        """Return the user's row of a table, which is made once."""
        if (table, user) not in self.rows:
            self.rows[table, user] = self.insert(table, self.new(table, user))
        return self.rows[table, user]

    def new(self, table: str, user: UUID | None) -> Row:
        """Return the values of a new row of a user's, which is not inserted; its parents are, and are the user's."""
        columns = self.dicts(COLUMNS, table)
        checks = "\n".join(row["pg_get_constraintdef"] for row in self.dicts(CHECKS, table))
        values: Row = {}
        if any(column["name"] == "user_id" for column in columns):
            values["user_id"] = user
        values |= SPECIAL[table](self, user) if table in SPECIAL else {}
        for one in self.dicts(REFERENCES, table):
            if one["parent"] == "auth.users" or set(one["columns"]) - {"user_id"} <= values.keys():
                continue
            if user is None and "user_id" in one["columns"]:
                continue  # what belongs to nobody refers to nobody's
            parent = self.row_of(one["parent"], user)
            generated = {column["name"] for column in columns if column["generated"]}
            values |= {
                name: parent[key]
                for name, key in zip(one["columns"], one["keys"], strict=True)
                if name not in generated
            }
        for column in columns:
            wanted = column["required"] and not column["given"] and not column["generated"]
            if wanted and column["name"] not in values:
                values[column["name"]] = value_of(column, checks)
        return values

    def insert(self, table: str, values: Row) -> Row:
        """Insert a row and return it."""
        statement = inserting(table, list(values))
        with self.connection.cursor(row_factory=dict_row) as cursor:
            row = cursor.execute(statement + sql.SQL(" RETURNING *"), list(values.values())).fetchone()
        assert row is not None
        return row


def inserting(table: str, columns: list[str]) -> sql.Composed:
    """Return the statement that inserts values for these columns."""
    if not columns:
        return sql.SQL("INSERT INTO {} DEFAULT VALUES").format(named(table))
    return sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        named(table),
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        sql.SQL(", ").join(sql.Placeholder() * len(columns)),
    )


def named(table: str) -> sql.Identifier:
    """Return a table that is named with its schema; one of `public` may be named without."""
    return sql.Identifier(*(table if "." in table else f"public.{table}").split("."))


def _connection(maker: Maker, user: UUID | None) -> Row:
    workflow = maker.row_of("workflows", user)["id"]
    ends = [maker.insert("nodes", maker.new("nodes", user) | {"workflow_id": workflow})["node_id"] for _ in range(2)]
    return {"workflow_id": workflow, "source_node_id": ends[0], "target_node_id": ends[1]}


def _embedding(maker: Maker, user: UUID | None) -> Row:
    collection = maker.row_of("vector_collections", user)
    return {"collection_name": collection["name"], "embedding": f"[{','.join(['1'] * collection['dimensions'])}]"}


def _ends(table: str, parent: str) -> Callable[[Maker, UUID | None], Row]:
    """Return what makes the two different ends of an edge."""

    def made(maker: Maker, user: UUID | None) -> Row:
        ends = [maker.insert(parent, maker.new(parent, user))["id"] for _ in range(2)]
        first, second = {
            "entity_relationships": ("source_entity_id", "target_entity_id"),
            "graph_relationships": ("source_node_id", "target_node_id"),
        }[table]
        return {first: ends[0], second: ends[1]}

    return made


# What the catalogue does not say of a row: two ends that differ, the form of a text.
SPECIAL: dict[str, Callable[[Maker, UUID | None], Row]] = {
    "node_connections": _connection,
    "vector_embeddings": _embedding,
    "document_store": lambda _maker, _user: {"tags": ["a tag"]},
    "entity_relationships": _ends("entity_relationships", "entities"),
    "graph_relationships": _ends("graph_relationships", "graph_nodes"),
}
