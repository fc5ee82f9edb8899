"""A read table that was dropped comes back from the log, once it is created again."""

from __future__ import annotations

from typing import Any

import psycopg

from runfold.errors import TableMissing
from runfold.projections.definition.catalogue import Group
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.projections")


def require_tables(cursor: psycopg.Cursor[Any], group: Group) -> None:
    """Raise TableMissing for the first projection of a group whose table does not exist."""
    tables = [f"{projection.schema}.{projection.table}" for projection in group.projections]
    for (table,) in cursor.execute(statement("missing_tables"), {"tables": tables}).fetchall():
        projection = group.projections[tables.index(table)]
        again = (
            "by the statement that made it"
            if group.of_user
            else "with its indexes and grants, as the migrations of this runfold do (schema/migrations)"
        )
        raise TableMissing(
            f"the table {table} of projection {projection.name} does not exist",
            hint=f"create it again, {again}; then `runfold projection rebuild {projection.name}` fills it from the log",
            projection=projection.name,
            table=table,
        )
