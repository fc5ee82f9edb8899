"""Read the tables, views and functions of a migrated database from its catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import psycopg
from psycopg.rows import class_row

from runfold.runtime_sql import runtime_sql

T = TypeVar("T")

statement = runtime_sql("runfold.reference")


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or a view, but not a partition of a table."""

    schema: str
    name: str
    kind: Literal["table", "view"]
    comment: str | None
    select_grants: list[str]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table or view."""

    schema: str
    relation: str
    name: str
    type: str
    nullable: bool
    default: str | None
    comment: str | None


@dataclass(frozen=True, slots=True)
class Rule:
    """A constraint or an index, with its definition."""

    schema: str
    relation: str
    kind: Literal["constraint", "index"]
    name: str
    definition: str


@dataclass(frozen=True, slots=True)
class Function:
    """A function or an aggregate of the schema runfold."""

    name: str
    arguments: str
    identity: str
    result: str
    volatility: str
    is_trigger: bool
    security_definer: bool
    comment: str | None
    execute_grants: list[str]


@dataclass(frozen=True, slots=True)
class Catalog:
    """The catalogue in the order of names; columns are in the order of their table."""

    relations: list[Relation]
    columns: list[Column]
    rules: list[Rule]
    functions: list[Function]

    def columns_of(self, relation: Relation) -> list[Column]:
        """Return the columns of a relation."""
        return [one for one in self.columns if (one.schema, one.relation) == (relation.schema, relation.name)]

    def rules_of(self, relation: Relation, kind: Literal["constraint", "index"]) -> list[Rule]:
        """Return the constraints or the indexes of a relation."""
        of = (relation.schema, relation.name, kind)
        return [one for one in self.rules if (one.schema, one.relation, one.kind) == of]


def read_catalog(connection: psycopg.Connection[Any]) -> Catalog:
    """Read the schemas public and runfold of a migrated database."""

    def rows(name: str, kind: type[T]) -> list[T]:
        with connection.cursor(row_factory=class_row(kind)) as cursor:
            return cursor.execute(statement(name)).fetchall()

    with connection.transaction():
        # PostgreSQL prints names without a schema that is on the path, and "$user" may be the schema runfold.
        connection.execute("SET LOCAL search_path = ''")
        return Catalog(
            relations=rows("relations", Relation),
            columns=rows("columns", Column),
            rules=rows("rules", Rule),
            functions=rows("functions", Function),
        )
