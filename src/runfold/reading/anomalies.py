"""List anomalies: events that the vocabulary does not allow at their place, and whether the folds applied them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row

from runfold.errors import InvalidInput
from runfold.reading.status import Row, statement


@dataclass(frozen=True, slots=True)
class AnomalyToken:
    """A page token of anomalies: the position, and the projection, of the last row of a page."""

    position: int
    projection: str | None = None

    def __str__(self) -> str:
        return f"{self.position}" if self.projection is None else f"{self.position}.{self.projection}"

    @classmethod
    def parse(cls, text: str) -> AnomalyToken:
        """Parse a page token; raises InvalidInput."""
        position, dot, projection = text.partition(".")
        if not (position.isascii() and position.isdecimal() and len(position) < 19) or (dot and not projection):
            raise InvalidInput(
                f"{text!r} is not a page token",
                hint="pass a position, or the `after` value that a list printed",
                code="invalid_page_token",
                found=text,
            )
        return cls(int(position), projection if dot else None)


def list_anomalies(
    connection: psycopg.Connection[Any],
    *,
    stream_id: str | None = None,
    projection: str | None = None,
    code: str | None = None,
    since: datetime | None = None,
    after: AnomalyToken | None = None,
    limit: int = 20,
) -> list[Row]:
    """Return at most `limit` anomalies after a page token, in the order of the log, with their events.

    `since` selects events recorded after that time. In a row, `applied` says whether the event changed its row all the
    same, `made` says the same in words, and `page_token` is its page token. The connection must be in autocommit.
    """
    begin = after or AnomalyToken(0)
    if since is not None:
        (since_position,) = connection.execute(statement("position_at"), {"time": since}).fetchone() or (0,)
        if since_position > begin.position:
            begin = AnomalyToken(since_position)
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            statement("anomalies"),
            {
                "stream": stream_id,
                "projection": projection,
                "code": code,
                "after_position": begin.position,
                # The name of every projection sorts before this one.
                "after_projection": begin.projection if begin.projection is not None else "\U0010ffff",
                "limit": limit,
            },
            prepare=False,
        ).fetchall()
    return [
        {
            **row,
            "applied": _applied(row),
            "made": _made(row),
            "page_token": str(AnomalyToken(row["position"], row["projection"])),
        }
        for row in rows
    ]


def _applied(row: Row) -> bool:
    if row["code"] == "missing_row" and row["type"] == "ResponseMatched":
        return bool(row["had_row"])
    return bool(row["code"] == "illegal_transition" or _is_of_a_closed_node(row))


def _is_of_a_closed_node(row: Row) -> bool:
    return bool(row["code"] == "execution_ended" and row["projection"] == "node_executions")


def _made(row: Row) -> str:
    detail = row["detail"]
    match row["code"]:
        case "illegal_transition":
            return f"applied: {detail.get('from') or 'nothing'} -> {detail.get('to')}"
        case "after_end":
            return f"not applied: it had ended as {detail.get('status')}"
        case "already_exists":
            return "not applied: there was one already"
        case "old_attempt":
            return f"not applied: attempt {detail.get('attempt')} was over, {detail.get('reached')} had begun"
        case "execution_ended" if _is_of_a_closed_node(row):
            return "applied, but for the status: the execution had ended"
        case "execution_ended":
            return "not applied: the execution had ended"
        case "missing_row" if row["type"] == "ResponseMatched" and row["had_row"]:
            return "applied, without the interaction: there was no such one"
        case "missing_row":
            return "not applied: there was no row"
    return "not known to this runfold"
