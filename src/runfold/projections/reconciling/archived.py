"""What is archived, for who folds the log again: the streams whose events are not in it, and what needs them.

A stream leaves the log whole, and its rows stay. A fold of the log does not make them again: they are left as they are.
A table whose rows depend on several streams cannot be had from the rest of the log at all.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import psycopg
from psycopg import sql

from runfold.errors import LogArchived, StreamArchived
from runfold.projections.definition.contract import Projection
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.projections")


def archived_head(cursor: psycopg.Cursor[Any]) -> int:
    """Return the position up to which events may have left the log for the archive; 0: none has."""
    (head,) = cursor.execute(statement("archived_head")).fetchone() or (0,)
    return int(head)


def rows_in_log(projection: Projection) -> sql.Composable:
    """Return the condition for rows of a table, named t, whose stream is not archived; true for those of none."""
    if projection.stream_column is None:
        return sql.SQL("true")
    return sql.SQL(
        "NOT EXISTS (SELECT FROM runfold.archived_values({}) AS a (value) WHERE a.value = t.{}::text)"
    ).format(sql.Literal(_categories(projection)), sql.Identifier(projection.stream_column))


def require_streams_in_log(cursor: psycopg.Cursor[Any], streams: Iterable[str]) -> None:
    """Return if none of these streams is archived; raises StreamArchived with the files that hold the first."""
    found = cursor.execute(statement("archived_streams"), {"streams": list(streams)}).fetchone()
    if found is None:
        return
    stream, facts = found
    raise StreamArchived(
        f"{stream} is archived up to version {facts['archived_version']}, in {facts['file']}",
        hint=f"run `runfold archive restore --stream {stream}`",
        stream_id=stream,
        archived_version=facts["archived_version"],
        file=facts["file"],
    )


def archived_among(cursor: psycopg.Cursor[Any], streams: Iterable[str]) -> bool:
    """Whether one of these streams is archived."""
    return cursor.execute(statement("any_archived"), {"streams": list(streams)}).fetchone() == (True,)


def require_whole_log(cursor: psycopg.Cursor[Any], what: str, hint: str) -> None:
    """Return if nothing is archived; raises LogArchived, which says what needs it, with the first file."""
    found = cursor.execute(statement("archived_after"), {"position": 0}).fetchone()
    if found is not None:
        head, file = found
        raise LogArchived(
            f"{what}: events up to position {head} are archived, in {file}",
            hint=hint,
            position=0,
            archived_head=head,
            file=file,
        )


def refuse_across(cursor: psycopg.Cursor[Any], projections: Iterable[Projection], verb: str) -> None:
    """Raise LogArchived for the first table whose rows depend on several streams, if something is archived."""
    for projection in projections:
        if projection.cross_stream:
            require_whole_log(
                cursor,
                f"rows of {projection.name} depend on several streams",
                f"run `runfold projection {verb} {projection.name} --archived`, or `runfold archive restore`",
            )


def _categories(projection: Projection) -> list[str] | None:
    """Return the categories of the streams that a table folds; None where a user's are among them."""
    from runfold.events import VOCABULARY  # and with it every model, which a fold in SQL does without

    if any(kind not in VOCABULARY for kind in projection.events):
        return None
    return sorted({VOCABULARY[kind].category() for kind in projection.events})
