"""What would make the database faster, with the statements that do it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg

from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.reading")

BIG = 10_000
"""A table of so many rows is big enough for an index to matter."""


@dataclass(frozen=True, slots=True)
class Advice:
    """A finding; `statement` is None where nobody but a person can know it. A harmless one can be taken back."""

    kind: str
    object: str
    reason: str
    statement: str | None
    harmless: bool


def read_advice(connection: psycopg.Connection[Any], *, big: int = BIG) -> list[Advice]:
    """Return the findings, by kind and object. `big`: from how many rows on a table counts.

    A bookmark that does not move is found by the roles that may read subscriptions.
    """
    rows = connection.execute(statement("advice"), {"big": big}).fetchall()
    may_read = connection.execute(statement("may_read_subscriptions")).fetchone()
    if may_read is not None and may_read[0]:
        rows += connection.execute(statement("unmoved_bookmarks")).fetchall()
    return sorted((Advice(*row) for row in rows), key=lambda each: (each.kind, each.object))


def apply_advice(connection: psycopg.Connection[Any], found: Iterable[Advice]) -> Iterator[Advice]:
    """Run the harmless statements, each by itself, and return each after it was run; the connection is in autocommit.

    A statement waits for no lock longer than a second. It needs the tables' owner.
    """
    connection.execute(statement("limit_locks"))
    for each in found:
        if each.harmless and each.statement is not None:
            connection.execute(each.statement.encode())
            yield each
