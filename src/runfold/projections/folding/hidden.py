"""Rows that row security hides from a session: who folds, compares or looks back asks first, and is refused.

A fold takes a hidden row for one that is missing, and a hidden event for one that never happened. So a table whose rows
may be hidden stops the group that it belongs to, until its policies let the session's role pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg

from runfold.errors import RowsHidden
from runfold.projections.definition.catalogue import Group
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.projections")

_LOG = ("runfold.events", "runfold.streams")


def require_visible(connection: psycopg.Connection[Any], group: Group, *, copies: bool = False) -> None:
    """Raise RowsHidden where rows of a group's tables, or of the log, may be hidden from the session's role.

    `copies` is for who compares what workflows copy from the group, too; a worker has functions of the owner copy it.
    """
    tables = [f"{projection.schema}.{projection.table}" for projection in group.projections]
    if copies and any(projection.copies is not None for projection in group.projections):
        tables.append("public.workflows")
    require_visible_tables(connection, tables, f"the group {group.name} is not folded")


def require_visible_log(connection: psycopg.Connection[Any]) -> None:
    """Raise RowsHidden where events may be hidden from the session's role: a look back would leave them out."""
    require_visible_tables(connection, [], "the past cannot be folded from the log")


def require_visible_tables(connection: psycopg.Connection[Any], tables: Sequence[str], so: str) -> None:
    """Raise RowsHidden, with what follows, where rows of these tables or of the log may be hidden from the session."""
    asked = {"tables": [*tables, *_LOG]}
    found = connection.execute(statement("hidden_tables"), asked).fetchall()
    if not found:
        return
    names = [name for name, _, _ in found]
    role = found[0][1]
    mends = " ".join(
        f'CREATE POLICY "services see every row" ON {name} FOR ALL TO {role} USING (true) WITH CHECK (true);'
        for name, _, restricted in found
        if not restricted
    )
    narrows = [
        f"a RESTRICTIVE policy of {name} applies to {role}: ALTER POLICY … ON {name} TO authenticated"
        for name, _, restricted in found
        if restricted
    ]
    raise RowsHidden(
        f"row security may hide rows of {', '.join(names)} from {connection.info.user}, so {so}",
        hint="; ".join(filter(None, [mends, *narrows])),
        tables=names,
        role=role,
    )
