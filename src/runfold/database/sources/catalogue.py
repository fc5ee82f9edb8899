"""Read the objects of a database from its catalogue, and the rows of its migrations, to compare two databases."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from runfold.runtime_sql import runtime_sql

_sql = runtime_sql("runfold.database.sources")

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class DatabaseObject:
    """An object of a database; a `copied` one follows its parent, as the columns of a partition do."""

    kind: str
    name: str
    definition: str
    comment: str | None
    grants: Mapping[str, list[str]]
    relation: str | None
    copied: bool


@dataclass(frozen=True, slots=True)
class SeededTable:
    """A table with the rows of its migrations by their key, without times."""

    name: str
    key: tuple[str, ...]
    rows: Mapping[tuple[str, ...], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All objects of a database, and all rows of runfold's tables, as a migration makes them."""

    objects: Mapping[Key, DatabaseObject]
    tables: Mapping[str, SeededTable]

    def digest(self) -> str:
        """Return one hash of all of it."""
        return hashlib.sha256("\n".join(self.lines()).encode()).hexdigest()

    def lines(self) -> list[str]:
        """Return all facts as text, one a line, to find the difference between two digests."""
        lines = []
        for each in self.objects.values():
            lines.append(f"{each.kind} {each.name}: {each.definition}")
            if each.comment is not None:
                lines.append(f"comment on {each.kind} {each.name}: {each.comment}")
            lines += [
                f"{each.kind} {each.name} for {role}: {', '.join(may)}" for role, may in sorted(each.grants.items())
            ]
        for table in self.tables.values():
            lines += [
                f"row of {table.name}: {json.dumps(row, sort_keys=True, default=str)}" for row in table.rows.values()
            ]
        return sorted(lines)


def read_catalogue(connection: psycopg.Connection[Any]) -> Catalogue:
    """Read a database that was just migrated; a used one has other rows too."""
    with connection.cursor(row_factory=class_row(DatabaseObject)) as cursor:
        objects = {(each.kind, each.name): each for each in cursor.execute(_sql("catalogue"))}
    tables = {}
    for name, key, columns in connection.execute(_sql("keyed_tables")).fetchall():
        statement = sql.SQL("SELECT {} FROM {}").format(
            sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Identifier(*name.split("."))
        )
        rows = [dict(zip(columns, row, strict=True)) for row in connection.execute(statement)]
        if rows:
            by_key = {tuple(str(row[column]) for column in key): row for row in rows}
            tables[name] = SeededTable(name, tuple(key), dict(sorted(by_key.items())))
    return Catalogue(objects, tables)
