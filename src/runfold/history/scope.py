"""Which streams a look at the past folds: all, or a few that are read by index, whatever the size of the log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg

from runfold.history.status import statement
from runfold.projections.catalogue import Group
from runfold.projections.fold import NOT_PARKED, bind, fold_batch
from runfold.projections.shadows import Progress, fold_shadows

_DELETION = "WorkflowDeleted"

# Of the streams that only a deletion is read from, nothing else is: their rows were not asked for.
_THESE_STREAMS: LiteralString = (
    "(e.stream_id = ANY (%(read_streams)s) AND (e.stream_id = ANY (%(own_streams)s) OR e.type = ANY (%(deletions)s))"
    f" AND {NOT_PARKED})"
)
# A barrier that is not ours may concern any row, and is in no index.
_THESE_STREAMS_AND_BARRIERS: LiteralString = (
    "((e.stream_id = ANY (%(read_streams)s) AND (e.stream_id = ANY (%(own_streams)s) OR e.type = ANY (%(deletions)s))"
    f" OR e.type = ANY (%(other_barriers)s)) AND {NOT_PARKED})"
)


@dataclass(frozen=True, slots=True)
class Scope:
    """The streams whose rows are wanted (None: all), and the deployment streams whose deletions concern those rows."""

    streams: tuple[str, ...] | None = None
    deletions: tuple[str, ...] = ()

    def condition(self, group: Group) -> tuple[LiteralString, Mapping[str, Any]]:
        """The condition on events that lie in the scope and are to be folded, and the parameters that it names."""
        if self.streams is None:
            return NOT_PARKED, {}
        others = sorted(group.barriers - {_DELETION})
        return _THESE_STREAMS_AND_BARRIERS if others else _THESE_STREAMS, {
            "read_streams": [*self.streams, *self.deletions],
            "own_streams": list(self.streams),
            "deletions": [_DELETION],
            "other_barriers": others,
        }

    def fold(
        self, cursor: psycopg.Cursor[Any], group: Group, upto: int, *, progress: Progress = lambda *_: None
    ) -> None:
        """Fold what lies in the scope, from the log's start up to a position, into the group's shadows."""
        if self.streams is None:
            fold_shadows(cursor, group, upto, progress=progress)
            return
        bind(cursor, ["pg_temp"])
        condition, named = self.condition(group)
        cursor.execute(statement("types_of_streams"), {"streams": named["read_streams"], "upto": upto})
        types = frozenset(type_ for (type_,) in cursor.fetchall()) | frozenset(named["other_barriers"])
        fold_batch(
            cursor, group, after=0, upto=upto, types=types & frozenset(group.events), streams=condition, given=named
        )


def scope_of(connection: psycopg.Connection[Any], streams: Iterable[str], upto: int) -> Scope:
    """The scope of these streams, with the deletions that concern them up to a position."""
    wanted = tuple(dict.fromkeys(streams))
    rows = connection.execute(statement("deletions_of_streams"), {"streams": list(wanted), "upto": upto}).fetchall()
    return Scope(wanted, tuple(stream for (stream,) in rows if stream not in wanted))


def scope_of_execution(connection: psycopg.Connection[Any], execution_id: str, upto: int) -> Scope:
    """An execution with its log, the interactions it asked for and the executions it started."""
    rows = connection.execute(
        statement("streams_of_execution"), {"execution_id": execution_id, "upto": upto}
    ).fetchall()
    return scope_of(connection, (stream for (stream,) in rows), upto)
