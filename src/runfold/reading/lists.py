"""List interactions and deployments in pages; the `page_token` of a row is the page token for the rows after it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from runfold.errors import UnknownId, UnknownInteraction
from runfold.reading.ids import Kind, find_id
from runfold.reading.pages import PageToken
from runfold.reading.status import Row, statement

_NO_ID = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of a list, for any connection to read: its statement, the parameters, and the column that it sorts by."""

    statement: LiteralString
    parameters: Row
    sorted_by: str

    def with_tokens(self, rows: Iterable[Row]) -> list[Row]:
        """Return the rows that were read, each with its page token."""
        return [{**row, "page_token": str(PageToken(row[self.sorted_by], row["id"]))} for row in rows]


def list_interactions(
    connection: psycopg.Connection[Any],
    *,
    status: str | None = None,
    workflow_id: UUID | None = None,
    after: PageToken | None = None,
    limit: int = 20,
) -> list[Row]:
    """Return at most `limit` interactions after the page token `after`, by deadline, those without one last."""
    return page(connection, interactions(status=status, workflow_id=workflow_id, after=after, limit=limit))


def interactions(
    *, status: str | None = None, workflow_id: UUID | None = None, after: PageToken | None = None, limit: int = 20
) -> Listing:
    """Return the page that `list_interactions` reads."""
    began = "-infinity" if after is None else "infinity"
    parameters = {
        "status": status,
        "workflow": workflow_id,
        "after_time": after.time if after is not None and after.time is not None else began,
        "after_id": _NO_ID if after is None else after.id,
        "limit": limit,
    }
    return Listing(statement("interactions"), parameters, "timeout_at")


def list_deployments(
    connection: psycopg.Connection[Any],
    *,
    status: str | None = None,
    workflow_id: UUID | None = None,
    after: PageToken | None = None,
    limit: int = 20,
) -> list[Row]:
    """Return at most `limit` deployments after the page token `after`, the newest first."""
    return page(connection, deployments(status=status, workflow_id=workflow_id, after=after, limit=limit))


def deployments(
    *, status: str | None = None, workflow_id: UUID | None = None, after: PageToken | None = None, limit: int = 20
) -> Listing:
    """Return the page that `list_deployments` reads."""
    parameters = {"status": status, "workflow": workflow_id, "limit": limit, **place(after)}
    return Listing(statement("deployments"), parameters, "started_at")


def read_interaction(connection: psycopg.Connection[Any], interaction_id: str) -> Row:
    """Return an interaction with all its columns and its `history`, the events that it is folded from.

    The beginning of an id does. Raises UnknownInteraction, AmbiguousId, IdTooShort.
    """
    found = one_row(connection, "interaction", interaction_id)
    if found is None:
        raise UnknownInteraction(
            f"there is no interaction {interaction_id}", hint="see `runfold interaction list --status all`"
        )
    return found


def one_row(connection: psycopg.Connection[Any], kind: Kind, text: str) -> Row | None:
    """Return the row of an id or of its beginning, with the `history` of its stream; None if there is no such row."""
    try:
        whole = find_id(connection, kind, text)
    except UnknownId:
        return None
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(statement(kind), {"id": whole}).fetchone()
        history = cursor.execute(statement("history"), {"stream": f"{kind}-{whole}", "limit": 1_000}).fetchall()
    return None if row is None else {**row, "history": history}


def place(after: PageToken | None) -> Row:
    """Return the page token's parameters for a list without nulls in its sort key."""
    return {"after_time": after and after.time, "after_id": after and after.id}


def page(connection: psycopg.Connection[Any], listing: Listing) -> list[Row]:
    """Return one page of a list, each row with its page token."""
    with connection.cursor(row_factory=dict_row) as cursor:
        # A prepared statement gets one plan for all filters, which is good for none of them.
        return listing.with_tokens(cursor.execute(listing.statement, listing.parameters, prepare=False).fetchall())
