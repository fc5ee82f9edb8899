"""List responses, the unprocessed ones first, because they wait for a person."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

from runfold.errors import UnknownId
from runfold.reading.lists import Listing, one_row, page
from runfold.reading.pages import PageToken
from runfold.reading.status import Row
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.reading")

_OPEN = "open-"


@dataclass(frozen=True, slots=True)
class Responses(Listing):
    """A page of responses: a page token also says whether its row was unprocessed."""

    def with_tokens(self, rows: Iterable[Row]) -> list[Row]:
        """Return the rows that were read, each with its page token."""
        return [{**row, "page_token": _page_token(row)} for row in rows]


def list_responses(
    connection: psycopg.Connection[Any],
    *,
    status: str | None = None,
    workflow_id: UUID | None = None,
    after: str | None = None,
    limit: int = 20,
) -> list[Row]:
    """Return at most `limit` responses after a page token; each row has its `page_token`; raises InvalidInput."""
    return page(connection, responses(status=status, workflow_id=workflow_id, after=after, limit=limit))


def responses(
    *, status: str | None = None, workflow_id: UUID | None = None, after: str | None = None, limit: int = 20
) -> Responses:
    """Return the page that `list_responses` reads."""
    place = None if after is None else PageToken.parse(after.removeprefix(_OPEN))
    parameters = {
        "status": status,
        "workflow": workflow_id,
        "after_open": None if after is None else after.startswith(_OPEN),
        "after_time": place and place.time,
        "after_id": place and place.id,
        "limit": limit,
    }
    return Responses(statement("responses"), parameters, "received_at")


def read_response(connection: psycopg.Connection[Any], response_id: str) -> Row:
    """Return a response with all its columns and its `history`, the events that it is folded from.

    The beginning of an id does. Raises UnknownId, AmbiguousId, IdTooShort.
    """
    found = one_row(connection, "response", response_id)
    if found is None:
        raise UnknownId(f"there is no response {response_id}", hint="see `runfold response list`", kind="response")
    return found


def _page_token(row: Row) -> str:
    return (_OPEN if row["status"] == "unprocessed" else "") + str(PageToken(row["received_at"], row["id"]))
