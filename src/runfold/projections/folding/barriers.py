"""Find the barriers that concern the rows of a few streams: by the streams that hold them, never by their type.

The header of a projection says in which stream a barrier of a row is. No index has the types of events, so a look for
them would read all of the log.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, LiteralString

import psycopg

from runfold.projections.definition.catalogue import Group
from runfold.projections.folding.fold import NOT_PARKED
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.projections")

OF_BARRIER_STREAMS: LiteralString = (
    f"(e.stream_id = ANY (%(barrier_streams)s) AND e.type = ANY (%(barrier_types)s) AND {NOT_PARKED})"
)
"""The barriers in the streams that `barrier_streams` returned; other events of these streams are not wanted."""


def found_by_streams(group: Group) -> bool:
    """Whether it is known in which streams all barriers of the group are."""
    return not group.other_barriers


def barrier_streams(
    cursor: psycopg.Cursor[Any], group: Group, streams: Iterable[str], upto: int | None = None
) -> list[str]:
    """Return the streams whose barriers, up to a position if one is given, may concern the rows of these streams."""
    if not group.barrier_streams:
        return []
    asked = {
        "streams": list(streams),
        "upto": upto,
        "prefixes": [each.prefix for each in group.barrier_streams],
        "columns": [each.column for each in group.barrier_streams],
    }
    query = statement("barrier_streams_by_events" if group.of_user else "barrier_streams")
    return sorted({stream for (stream,) in cursor.execute(query, asked).fetchall()})


def barrier_parameters(group: Group, streams: Iterable[str]) -> dict[str, Any]:
    """Return the parameters of OF_BARRIER_STREAMS for these streams of barriers."""
    return {
        "barrier_streams": list(streams),
        "barrier_types": sorted({each.type for each in group.barrier_streams}),
    }
