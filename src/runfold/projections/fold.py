"""Folding a batch: one group's statements over the events between two positions, bound to the tables of one schema."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, LiteralString, cast

import psycopg
from psycopg import sql

from runfold.projections.catalogue import Group
from runfold.projections.contract import Projection
from runfold.projections.statements import statement

EVERY_STREAM: LiteralString = "true"
NOT_PARKED: LiteralString = (
    "NOT EXISTS (SELECT FROM runfold.parked_streams p"
    " WHERE p.group_name = %(group)s AND p.stream_id = e.stream_id AND p.position <= e.position)"
)
ONE_STREAM: LiteralString = "e.stream_id = %(stream)s"
NO_STREAM: LiteralString = "false"

# What a session that folds sets, so that nothing but the log decides the rows: no zone, no locale, no date style. JIT costs more
# than it saves here. Folds are sent unprepared, so that each is planned for its batch (a generic plan took 650 ms for one event);
# plan_cache_mode stays auto, because force_custom_plan would plan every foreign key check anew, 30 us a row.
FOLD_SESSION: LiteralString = """
    SET TimeZone = 'UTC';
    SET DateStyle = 'ISO, YMD';
    SET IntervalStyle = 'postgres';
    SET extra_float_digits = 1;
    SET bytea_output = 'hex';
    SET jit = off;
    SET work_mem = '32MB';
    SET client_min_messages = 'warning'
"""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The next batch of a group: events up to `upto`, of these types; none of them when `events` is 0."""

    upto: int
    events: int
    types: frozenset[str]


def batch_bounds(cursor: psycopg.Cursor[Any], group: Group, *, after: int, head: int, size: int) -> Bounds:
    """Where the next batch ends: after about `size` events of the group, at the end of an append, at the head at most."""
    cursor.execute(statement("batch_bounds"), {"after": after, "head": head, "types": group.events, "size": size})
    events, last, types = cursor.fetchone() or (0, None, None)
    if events >= size and last is not None:
        # The rest of the last append was not looked at: it may hold any type.
        return Bounds(last, events, frozenset(group.events))
    return Bounds(head, events, frozenset(types or ()))


def bind(cursor: psycopg.Cursor[Any], schemas: Sequence[str]) -> None:
    """Bind the bare table names of the folds to these schemas, to the end of the transaction.

    pg_temp comes last unless it is the target: otherwise a temporary table would capture the write.
    """
    path = ["pg_catalog", *dict.fromkeys(schemas), "runfold"]
    if "pg_temp" not in path:
        path.append("pg_temp")
    cursor.execute(sql.SQL("SET LOCAL search_path = {}").format(sql.SQL(", ").join(map(sql.Identifier, path))))


def live_schemas(group: Group) -> list[str]:
    """The schemas of the group's live tables."""
    return [projection.schema for projection in group.projections]


def fold_batch(
    cursor: psycopg.Cursor[Any],
    group: Group,
    *,
    after: int,
    upto: int,
    types: frozenset[str],
    streams: LiteralString = EVERY_STREAM,
    stream: str | None = None,
) -> None:
    """Fold the events after `after` up to `upto` into the tables that the caller has bound, in fold order."""
    for projection in group.projections:
        if types.isdisjoint(projection.events):
            continue
        parameters = {
            "after": after,
            "upto": upto,
            "types": list(projection.events),
            "group": group.name,
            "stream": stream,
        }
        for text in _with_batch(projection, streams):
            cursor.execute(text, parameters)


def _with_batch(projection: Projection, streams: LiteralString) -> list[LiteralString]:
    batch = statement("batch").replace("{streams}", streams)
    return [batch + cast("LiteralString", text.replace("%", "%%")) for text in projection.statements]
