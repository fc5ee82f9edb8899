"""Folding a batch: one group's statements over the events between two positions, bound to the tables of one schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from runfold.errors import ProjectionRoleUnsafe, RunfoldError
from runfold.projections.definition.catalogue import Group
from runfold.projections.definition.contract import Projection
from runfold.projections.folding.user_session import UserConnection, unchanged
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.projections")

# Which events a fold meets. EVERY_STREAM is for a group that has neither a parked stream nor a discarded event.
EVERY_STREAM: LiteralString = "true"
NOT_DISCARDED: LiteralString = (
    "NOT EXISTS (SELECT FROM runfold.discarded_events d WHERE d.group_name = %(group)s AND d.position = e.position)"
)
NOT_PARKED: LiteralString = (
    "(NOT EXISTS (SELECT FROM runfold.parked_streams p"
    " WHERE p.group_name = %(group)s AND p.stream_id = e.stream_id AND p.position <= e.position)"
    f" AND {NOT_DISCARDED})"
)
ONE_STREAM: LiteralString = f"(e.stream_id = %(stream)s AND {NOT_DISCARDED})"
NO_STREAM: LiteralString = "false"
SOME_STREAMS: LiteralString = "e.stream_id = ANY (%(some)s)"

THE_LOG: LiteralString = "runfold.events"
"""The relation that folds read events from, unless another one of its columns holds those that are to be folded."""

# The events of one stream, or of some, found by the streams' index: the fence keeps a range of positions, which may be
# all of the log, from being read in their place. The streams' rows name the partitions; the login of users' groups may
# not read them, and looks into each partition's index.
EVENTS_OF_ONE: LiteralString = "(SELECT s.* FROM runfold.events s WHERE s.stream_id = %(stream)s OFFSET 0)"
EVENTS_OF_SOME: LiteralString = "(SELECT s.* FROM runfold.events s WHERE s.stream_id = ANY (%(some)s) OFFSET 0)"
_IN_THEIR_PARTITIONS: LiteralString = (
    "(SELECT s.* FROM runfold.streams t JOIN runfold.events s"
    " ON s.stream_id = t.stream_id AND s.position BETWEEN t.first_position AND t.last_position"
    " AND s.stream_version BETWEEN 0 AND 9223372036854775807 WHERE {streams} OFFSET 0)"
)


def events_of_one(group: Group) -> LiteralString:
    """The relation of one stream's events, for folds of the group with the parameter `stream`."""
    return EVENTS_OF_ONE if group.of_user else _IN_THEIR_PARTITIONS.replace("{streams}", "t.stream_id = %(stream)s")


def events_of_some(group: Group) -> LiteralString:
    """The relation of some streams' events, for folds of the group with the parameter `some`."""
    if group.of_user:
        return EVENTS_OF_SOME
    return _IN_THEIR_PARTITIONS.replace("{streams}", "t.stream_id = ANY (%(some)s)")


def events_of_tenant(group: Group) -> LiteralString:
    """The relation of a tenant's events, for folds of the group with the parameter `tenant`."""
    if group.of_user:
        return "(SELECT s.* FROM runfold.events s WHERE s.user_id = %(tenant)s OFFSET 0)"
    return _IN_THEIR_PARTITIONS.replace("{streams}", "t.user_id = %(tenant)s")


_NOTHING: Mapping[str, Any] = {}

# What a session that folds sets, so that nothing but the log decides the rows: no zone, no locale, no date style. JIT
# costs more than it saves here. Folds of large batches are sent unprepared, so that each is planned for its batch and
# for the size that `batch_size` says it has; plan_cache_mode stays auto, because force_custom_plan would plan every
# foreign key check again, 30 us a row.
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


# To plan a fold takes longer than to fold a few events, so a small batch takes a kept, generic plan. Left to itself
# that would be made for half a percent of the log (650 ms for one event); with nothing but nested loops over indexes
# to choose, it is made for few rows.
SMALL_BATCH = 200
_SMALL_BATCH_PLANS = {
    "plan_cache_mode": "force_generic_plan",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
}
# A fold looks rows up by index. Else a table that is small, or was when its statistics were taken, would be read whole
# for each row of the batch.
_LARGE_BATCH_PLANS = {"enable_seqscan": "off", "enable_material": "off"}


# A look for a group's events ends after so many positions, whatever it has found: a sparse group's events may lie in
# all of the log, and the other groups wait meanwhile.
SPAN = 400_000


@dataclass(frozen=True, slots=True)
class Bounds:
    """The next batch of a group: events up to `upto`, of these types; none of them when `events` is 0."""

    upto: int
    events: int
    types: frozenset[str]


def batch_bounds(
    cursor: psycopg.Cursor[Any], group: Group, *, after: int, head: int, size: int, events: LiteralString = THE_LOG
) -> Bounds:
    """Where the next batch ends: where an append ends, after about `size` events of the group, SPAN positions, or both.

    Never beyond the head. `events` names the relation that holds the events.
    """
    upto = ask_bounds(cursor, group, after=after, head=head, size=size, events=events)
    return read_bounds(cursor, group, upto=upto, size=size, events=events)


def ask_bounds(
    cursor: psycopg.Cursor[Any], group: Group, *, after: int, head: int, size: int, events: LiteralString = THE_LOG
) -> int:
    """Ask for the bounds of a batch, to be read later from the same cursor; returns how far is looked."""
    upto = _end_of_look(cursor, after, head, events)
    asked = {"after": after, "head": upto, "types": group.events, "size": size}
    cursor.execute(statement("batch_bounds").replace("{events}", events), asked)
    return upto


def _end_of_look(cursor: psycopg.Cursor[Any], after: int, head: int, events: LiteralString) -> int:
    """The position up to which the next batch is looked for: an append's end, beyond SPAN or at the head."""
    upto = after + SPAN
    if upto >= head:
        return head
    row = cursor.execute(statement("append_end").replace("{events}", events), {"position": upto}).fetchone()
    return upto if row is None else max(upto, int(row[0]))


def read_bounds(
    cursor: psycopg.Cursor[Any], group: Group, *, upto: int, size: int, events: LiteralString = THE_LOG
) -> Bounds:
    """Return the bounds that `ask_bounds` asked for with this size; it returned `upto`."""
    count, seen, last, types = cursor.fetchone() or (0, None, None, None)
    found = frozenset(types or ())
    if count < size or last is None:
        return Bounds(upto, count, found)
    if seen < last:
        # The rest of the last append was not looked at: it may hold any type.
        query = statement("types_between").replace("{events}", events)
        cursor.execute(query, {"after": seen, "upto": last, "types": group.events})
        found |= {type_ for (type_,) in cursor.fetchall()}
    return Bounds(last, count, found)


def bind(cursor: psycopg.Cursor[Any], schemas: Sequence[str], *, small: bool = False, whole: bool = False) -> None:
    """Bind the bare table names of the folds to these schemas, to the end of the transaction or until `unbind`.

    `small` says that the batch to come holds SMALL_BATCH events at most, and is to be folded by kept plans; `whole`
    that it holds as much as the tables do, so that these are read whole.
    pg_temp comes last unless it is the target: otherwise a temporary table would capture the write.
    """
    path = ["pg_catalog", *dict.fromkeys(schemas), "runfold"]
    if "pg_temp" not in path:
        path.append("pg_temp")
    settings = {"search_path": ", ".join(sql.Identifier(schema).as_string(cursor) for schema in path)}
    if small:
        settings |= _SMALL_BATCH_PLANS
    elif not whole:
        settings |= _LARGE_BATCH_PLANS
    # One statement, and no SET: a pipeline takes it.
    call = sql.SQL("set_config({}, {}, true)")
    calls = [call.format(sql.Literal(name), sql.Literal(value)) for name, value in settings.items()]
    cursor.execute(sql.SQL("SELECT {}").format(sql.SQL(", ").join(calls)))


def unbind(cursor: psycopg.Cursor[Any], *, names: bool = True) -> None:
    """Take back what `bind` set, for what else the transaction does; without `names` only what it set for plans."""
    cursor.execute("SET LOCAL enable_seqscan = DEFAULT; SET LOCAL enable_material = DEFAULT")
    if names:
        cursor.execute("SET LOCAL search_path = DEFAULT")


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
    barriers: LiteralString | None = None,
    given: Mapping[str, Any] = _NOTHING,
    small: bool = False,
    expected: int | None = None,
    events: LiteralString = THE_LOG,
) -> None:
    """Fold the events after `after` up to `upto` into the tables that the caller has bound, in fold order.

    Barrier events are folded apart: the range is cut before and after them. Where some streams are folded (one, by
    `stream`, or those that `streams` selects with the parameters of `given`), so are the barriers of the others, since
    they may concern their rows: `barriers` says which. `events` names the relation that holds the events, or of some
    streams theirs; barriers of others come from the log.

    `small` keeps the plans, as the caller gave it to `bind`. All others are made for about `expected` events, at least
    for a small batch; where the caller has not counted them, for as many as there may be. So no statistics of the log,
    right, old or missing, change a plan.
    """
    if stream is not None and barriers is None:
        barriers = NOT_PARKED
    if group.of_user and not isinstance(cursor.connection, UserConnection):
        raise ProjectionRoleUnsafe(
            f"the projections of the group {group.name} are a user's", hint="fold them in a session of their login"
        )
    parameters: dict[str, Any] = {"group": group.name, "stream": stream, **given}
    with unchanged(cursor, group.name) if group.of_user else nullcontext():
        if group.barriers.isdisjoint(types):
            parameters |= {"after": after, "upto": upto}
            if expected is None:
                whole = stream is None and not given
                expected = upto - after if whole else _count(cursor, group, streams, parameters, events)
            parameters["expected"] = max(expected, SMALL_BATCH)
            _fold_range(cursor, group, types, streams, parameters, small=small, events=events)
            return
        parameters |= {"after": after, "upto": upto, "types": group.events, "barriers": sorted(group.barriers)}
        cuts: LiteralString = statement("barrier_cuts")
        if barriers is not None:
            cuts = cuts.replace("{streams}", f"({streams} OR e.type = ANY (%(barriers)s) AND {barriers})")
            cuts = cuts.replace("{events}", THE_LOG)
        cuts = cuts.replace("{streams}", streams).replace("{events}", events)
        cursor.execute(cuts, parameters, prepare=small)
        # Where there is no event at all, each statement runs once: who folds nothing asks whether they can run.
        for last, found, count in cursor.fetchall() or [(upto, types, 0)]:
            present = frozenset(found)
            parameters |= {"after": after, "upto": last, "expected": max(count, SMALL_BATCH)}
            if barriers is None or group.barriers.isdisjoint(present):
                _fold_range(cursor, group, present, streams, parameters, small=small, events=events)
            else:
                _fold_range(cursor, group, present, barriers, parameters, small=small, events=THE_LOG)
            after = last


def _count(
    cursor: psycopg.Cursor[Any],
    group: Group,
    streams: LiteralString,
    parameters: Mapping[str, Any],
    events: LiteralString,
) -> int:
    query = statement("batch_events").replace("{streams}", streams).replace("{events}", events)
    (count,) = cursor.execute(query, {**parameters, "types": group.events}, prepare=False).fetchone() or (0,)
    return int(count)


def _fold_range(
    cursor: psycopg.Cursor[Any],
    group: Group,
    types: frozenset[str],
    streams: LiteralString,
    parameters: Mapping[str, Any],
    *,
    small: bool,
    events: LiteralString,
) -> None:
    for projection in group.projections:
        if projection.handler is not None and not types.isdisjoint(projection.events):
            _hand_over(cursor, projection, streams, parameters, events)
        for part in projection.statements:
            if not types.isdisjoint(part.events):
                query = _batch(streams, events, sized=not small) + part.text.replace("%", "%%")
                cursor.execute(query, {**parameters, "types": list(part.events)}, prepare=small)


class HandlerFailed(Exception):
    """A projection in Python raised what is no error of the database; its cause says what."""

    def __init__(self, projection: str, cause: Exception) -> None:
        super().__init__(f"{projection}: {type(cause).__name__}: {cause}")


# What comes from the world and not from an event: tried again, never parked.
_PASSING = (psycopg.Error, OSError, MemoryError, RunfoldError)


def _hand_over(
    cursor: psycopg.Cursor[Any],
    projection: Projection,
    streams: LiteralString,
    parameters: Mapping[str, Any],
    events: LiteralString,
) -> None:
    """Give the batch to a projection in Python, unless there is none for it."""
    from runfold.events.envelope import RecordedEvent  # and with it every model, which a fold in SQL does without

    query = _batch(streams, events, sized=False) + statement("handed_events")
    with cursor.connection.cursor() as reading:
        reading.execute(query, {**parameters, "types": list(projection.events)})
        batch = [RecordedEvent(*row) for row in reading.fetchall()]
    if not batch or projection.handler is None:
        return
    try:
        projection.handler(batch, cursor.connection)
    except _PASSING:
        raise
    except Exception as exc:
        raise HandlerFailed(projection.name, exc) from exc


@cache
def _batch(streams: LiteralString, events: LiteralString, *, sized: bool) -> LiteralString:
    """The relation of the batch; `sized` says to the planner how many events it holds, by the parameter `expected`."""
    size: LiteralString = statement("batch_size") if sized else ""
    # With the fence nobody looks behind it for statistics of the log's columns.
    fence: LiteralString = "OFFSET 0" if sized else ""
    text = statement("batch").replace("{size}", size).replace("{fence}", fence)
    return text.replace("{streams}", streams).replace("{events}", events)
