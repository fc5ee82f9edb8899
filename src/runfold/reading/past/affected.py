"""Choose the streams to fold for the past: all, or a few that are read by index in a log of any size.

The rows of a few streams depend on other streams too: on deletions and, as the headers of the projections say, a
workflow's status depends on its executions, and a response on its interactions. Those streams are folded as well, and
their rows are removed from the result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from psycopg import sql

from runfold.projections.definition.catalogue import Group
from runfold.projections.folding.barriers import barrier_streams
from runfold.projections.folding.fold import NOT_PARKED, THE_LOG, bind, events_of_some, events_of_tenant, unbind
from runfold.projections.folding.parts import fold_in_parts
from runfold.projections.reconciling.affected import LATEST_EXECUTIONS, ask, depended_on
from runfold.projections.reconciling.archived import require_streams_in_log
from runfold.projections.reconciling.pair import stream_values
from runfold.projections.reconciling.shadows import FoldProgress, fold_shadows
from runfold.reading.status import statement

_WORKFLOWS = "workflows_of_executions"

# From streams read only for their deletions, read nothing else: their rows are not wanted.
_THESE_STREAMS: LiteralString = (
    "(e.stream_id = ANY (%(read_streams)s) AND (e.stream_id = ANY (%(own_streams)s) OR e.type = ANY (%(deletions)s))"
    f" AND {NOT_PARKED})"
)
# A barrier of a user may concern any row, and no index has it.
_THESE_STREAMS_AND_BARRIERS: LiteralString = (
    "((e.stream_id = ANY (%(read_streams)s) AND (e.stream_id = ANY (%(own_streams)s) OR e.type = ANY (%(deletions)s))"
    f" OR e.type = ANY (%(other_barriers)s)) AND {NOT_PARKED})"
)


@dataclass(frozen=True, slots=True)
class Reach:
    """What one group folds: all events of these streams (None: all), and the deletions of others.

    Of a tenant's, if there is one.
    """

    streams: tuple[str, ...] | None = None
    deletions: tuple[str, ...] = ()
    tenant: UUID | None = None

    def condition(self, group: Group) -> tuple[LiteralString, Mapping[str, Any]]:
        """Return the condition for the events to fold, and its parameters."""
        condition, named = self._of_streams(group)
        if self.tenant is None:
            return condition, named
        return f"({condition} AND e.user_id = %(tenant)s)", {**named, "tenant": self.tenant}

    def _of_streams(self, group: Group) -> tuple[LiteralString, Mapping[str, Any]]:
        if self.streams is None:
            return NOT_PARKED, {}
        others = list(group.other_barriers)
        return _THESE_STREAMS_AND_BARRIERS if others else _THESE_STREAMS, {
            "read_streams": [*self.streams, *self.deletions],
            "own_streams": list(self.streams),
            "deletions": [each.type for each in group.barrier_streams],
            "other_barriers": others,
        }

    def events(self, group: Group) -> LiteralString:
        """The relation that holds what is within reach, and little else."""
        if self.streams is None:
            return THE_LOG if self.tenant is None else events_of_tenant(group)
        return THE_LOG if group.other_barriers else self._events_of_streams(group)

    @staticmethod
    def _events_of_streams(group: Group) -> LiteralString:
        return events_of_some(group).replace("%(some)s", "%(read_streams)s")

    def fold(
        self, cursor: psycopg.Cursor[Any], group: Group, upto: int, *, progress: FoldProgress = lambda *_: None
    ) -> None:
        """Fold these events, from the log's start up to a position, into the group's shadows."""
        if self.streams is None and self.tenant is None:
            fold_shadows(cursor, group, upto, progress=progress)
            return
        bind(cursor, ["pg_temp"])
        condition, named = self.condition(group)
        events = self.events(group) if self.streams is None else self._events_of_streams(group)
        cursor.execute(statement("types_of_streams").replace("{events}", events), {**named, "upto": upto})
        types = frozenset(type_ for (type_,) in cursor.fetchall()) | frozenset(named.get("other_barriers", ()))
        fold_in_parts(
            cursor,
            group,
            after=0,
            upto=upto,
            types=types & frozenset(group.events),
            streams=condition,
            given=named,
            events=self.events(group),
        )
        unbind(cursor, names=False)


@dataclass(frozen=True, slots=True)
class Scope:
    """The streams whose rows are wanted, None: all; of a tenant's, if there is one."""

    streams: tuple[str, ...] | None = None
    tenant: UUID | None = None

    def fold(
        self,
        cursor: psycopg.Cursor[Any],
        group: Group,
        upto: int,
        *,
        wanted: frozenset[str],
        fold: Callable[[Reach], None],
    ) -> tuple[Reach, set[str]]:
        """Fold the wanted tables of a group, and the tables and streams on which they depend, into its shadows.

        Returns what was folded, and the tables that are correct, without rows of other streams. Tables that were folded
        only because the wanted ones read them are dropped.
        """
        tables = {projection.table for projection in group.projections}
        if self.streams is None:
            whole = Reach(tenant=self.tenant)
            fold(whole)
            return whole, tables
        rows_of = {*self.streams}
        for query in group.affected_by:
            rows_of |= ask(cursor, query, rows_of, upto)
        folded = {*rows_of}
        for query in {query for item in group.projections if item.table in wanted for query in item.depends_on}:
            folded |= depended_on(cursor, group, query, rows_of, upto)
        require_latest_in_log(cursor, group, wanted, rows_of, upto)
        reach = replace(reach_of(cursor, group, folded, upto), tenant=self.tenant)
        fold(reach)
        values = _values(rows_of)
        for projection in group.projections:
            table = sql.Identifier("pg_temp", projection.table)
            column = projection.stream_column
            if column is None or (projection.depends_on and projection.table not in wanted):
                cursor.execute(sql.SQL("DROP TABLE {}").format(table))
                tables.discard(projection.table)
            elif projection.cross_stream or folded != rows_of:
                beside = sql.SQL("DELETE FROM {} AS t WHERE t.{}::text <> ALL (%s)")
                cursor.execute(beside.format(table, sql.Identifier(column)), (values,))
        return reach, tables


def require_latest_in_log(
    cursor: psycopg.Cursor[Any], group: Group, wanted: Iterable[str], streams: Iterable[str], upto: int
) -> None:
    """Raise StreamArchived where the latest execution of a workflow, or what a wanted row depends on, is archived."""
    queries = {query for item in group.projections if item.table in wanted for query in item.depends_on}
    if LATEST_EXECUTIONS not in queries:
        return
    workflows = [stream.partition("-")[2] for stream in streams if stream.startswith("deployment-")]
    found = cursor.execute(statement("archived_latest"), {"workflows": workflows, "upto": upto}).fetchall()
    require_streams_in_log(cursor, [stream for (stream,) in found])


def scope_of(cursor: psycopg.Cursor[Any], streams: Iterable[str], upto: int) -> Scope:
    """Return these streams, and the deployment streams of the workflows of the executions among them."""
    wanted = list(dict.fromkeys(streams))
    workflows = ask(cursor, _WORKFLOWS, wanted, upto)
    return Scope(tuple(dict.fromkeys([*wanted, *sorted(workflows)])))


def scope_of_execution(cursor: psycopg.Cursor[Any], execution_id: str, upto: int) -> Scope:
    """Return an execution's streams: its own, its log's, and those of interactions, children and its workflow."""
    rows = cursor.execute(statement("streams_of_execution"), {"execution_id": execution_id, "upto": upto}).fetchall()
    workflows = ask(cursor, _WORKFLOWS, [f"execution-{execution_id}"], upto)
    return Scope(tuple(dict.fromkeys([*(stream for (stream,) in rows), *sorted(workflows)])))


def reach_of(cursor: psycopg.Cursor[Any], group: Group, streams: Iterable[str], upto: int) -> Reach:
    """Return these streams, and the streams of the barriers up to a position that concern their rows."""
    wanted = tuple(dict.fromkeys(streams))
    found = barrier_streams(cursor, group, wanted, upto)
    return Reach(wanted, tuple(stream for stream in found if stream not in wanted))


def _values(streams: Iterable[str]) -> list[str]:
    """Return the texts by which columns name these streams; a UUID also in its canonical form."""
    values = stream_values(streams)
    for value in list(values):
        try:
            values.append(str(UUID(value)))
        except ValueError:
            continue
    return values
