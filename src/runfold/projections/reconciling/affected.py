"""Which rows some streams concern in a group, and which streams have to be folded to know those rows.

A row of most tables comes from one stream. What else a row depends on, the headers of the group's projections say: a
workflow's status depends on its executions, a response on what it answers, and the deletion of a workflow concerns the
rows of many streams.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg

from runfold.projections.definition.catalogue import Group
from runfold.projections.definition.contract import header_query
from runfold.projections.folding.barriers import barrier_streams, found_by_streams
from runfold.projections.folding.fold import NOT_PARKED
from runfold.projections.reconciling.pair import stream_values
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.projections")

LATEST_EXECUTIONS = "latest_executions"
"""The header's query that looks at a table as it is; at a position, the log is looked at in its place."""


@dataclass(frozen=True, slots=True)
class AffectedRows:
    """The streams whose rows are meant, and all that are to be folded for them."""

    rows_of: list[str]
    folded: list[str]
    barriers: list[str] | None = None
    """The streams whose barriers may concern them; None: no index finds these, all of the log is read for them."""

    @property
    def values(self) -> list[str]:
        """What the columns that name the stream hold in these rows."""
        return stream_values(self.rows_of)


def affected_rows(cursor: psycopg.Cursor[Any], group: Group, streams: Iterable[str]) -> AffectedRows:
    """The rows that these streams concern in the group, by the log and by the rows that are there."""
    # A stream of another group may have the name of one of this group's: log-7 is no execution.
    asked = {"streams": list(streams), "types": group.events}
    rows_of = {stream for (stream,) in cursor.execute(statement("streams_folded"), asked).fetchall()}
    for query in (*group.barriers_affect, *group.affected_by):
        rows_of |= ask(cursor, query, rows_of)
    folded = set(rows_of)
    for query in group.depends_on:
        folded |= ask(cursor, query, rows_of)
    barriers = barrier_streams(cursor, group, folded) if found_by_streams(group) else None
    return AffectedRows(sorted(rows_of), sorted(folded), barriers)


def rows_in_slice(
    cursor: psycopg.Cursor[Any], group: Group, streams: Iterable[str], categories: Iterable[str], upto: int
) -> AffectedRows:
    """The rows that these streams make, by the log alone up to a position.

    A column may hold a stream's name without its category, so streams of the same name in the group's other categories
    come along. Rows of other streams that barriers concern are left out: who goes through all streams meets them
    elsewhere.
    """
    names = {stream.partition("-")[2] for stream in streams}
    alike = {"streams": [f"{category}-{name}" for category in sorted(categories) for name in sorted(names)]}
    rows_of = {*streams, *(stream for (stream,) in cursor.execute(statement("known_streams"), alike).fetchall())}
    for query in group.affected_by:
        rows_of |= ask(cursor, query, rows_of, upto)
    folded = set(rows_of)
    for query in group.depends_on:
        folded |= depended_on(cursor, group, query, rows_of, upto)
    barriers = barrier_streams(cursor, group, folded, upto) if found_by_streams(group) else None
    return AffectedRows(sorted(rows_of), sorted(folded), barriers)


def executions_of_workflows() -> LiteralString:
    """Return the query for the executions of workflows; it ignores events that the group does not fold."""
    return statement("executions_of_workflows").replace("{folded}", NOT_PARKED)


def depended_on(cursor: psycopg.Cursor[Any], group: Group, query: str, streams: set[str], upto: int) -> set[str]:
    """Return the streams that a query of a header names for these streams, by the log up to a position."""
    return _latest(cursor, group, streams, upto) if query == LATEST_EXECUTIONS else ask(cursor, query, streams, upto)


def _latest(cursor: psycopg.Cursor[Any], group: Group, streams: Iterable[str], upto: int) -> set[str]:
    """Return the streams of all executions that may be the latest of these streams' workflows at a position."""
    query = statement("latest_of_workflows").replace("{executions}", executions_of_workflows())
    workflows = [stream.partition("-")[2] for stream in sorted(streams) if stream.startswith("deployment-")]
    asked = {"group": group.name, "workflows": workflows, "upto": upto}
    return {stream for (stream,) in cursor.execute(query, asked).fetchall()}


def ask(cursor: psycopg.Cursor[Any], query: str, streams: Iterable[str], upto: int | None = None) -> set[str]:
    """The answer to a query that a header names, for these streams, up to a position if one is given."""
    named = sorted(streams)
    if not named:
        return set()
    rows = cursor.execute(header_query(query), {"streams": named, "upto": upto}).fetchall()
    return {stream for (stream,) in rows}
