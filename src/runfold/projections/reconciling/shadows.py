"""Shadows: temporary tables of the same shape as a group's live ones, and the log folded into them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, LiteralString

import psycopg
from psycopg import sql

from runfold.projections.definition.catalogue import Group
from runfold.projections.definition.contract import Projection
from runfold.projections.folding.fold import NOT_DISCARDED, NOT_PARKED, THE_LOG, batch_bounds, bind, unbind
from runfold.projections.folding.parts import fold_in_parts
from runfold.projections.reconciling.archived_events import ArchivedEvents

# Large batches: nobody waits for these rows, and each pays for its statements once.
_BATCH_SIZE = 50_000

SHADOW_SCHEMA = "runfold_shadow"
"""The schema of a rebuild's shadows: tables that survive it when it is killed."""
USER_SHADOW_SCHEMA = "runfold_user_shadow"
"""The schema of the shadows of users' groups: their tables may have the names of runfold's."""

NOT_LEFT_OUT: LiteralString = (
    "(NOT EXISTS (SELECT FROM runfold.rebuild_parked p"
    " WHERE p.group_name = %(group)s AND p.stream_id = e.stream_id AND p.position <= e.position)"
    f" AND {NOT_DISCARDED})"
)
"""The events that a rebuild folds: those of parked streams from the bad one on are left out, and discarded ones."""

FoldProgress = Callable[[str, int, int], None]
"""Is called with the group, the position reached, and the position to reach."""


def shadow_schema(group: Group) -> str:
    """The schema of the shadows that a rebuild of the group folds into."""
    return USER_SHADOW_SCHEMA if group.of_user else SHADOW_SCHEMA


def make_shadow(
    cursor: psycopg.Cursor[Any],
    projection: Projection,
    schema: str,
    *,
    kind: Literal["TEMPORARY", "UNLOGGED"],
    indexed: bool,
) -> None:
    """Create an empty table of the live one's shape in another schema; foreign keys and triggers it has none."""
    cursor.execute(
        sql.SQL(
            "CREATE {kind} TABLE {shadow}"
            " (LIKE {live} INCLUDING DEFAULTS INCLUDING GENERATED INCLUDING CONSTRAINTS {indexes})"
        ).format(
            kind=sql.SQL(kind),
            shadow=sql.Identifier(schema, projection.table),
            live=sql.Identifier(projection.schema, projection.table),
            indexes=sql.SQL("INCLUDING INDEXES" if indexed else ""),
        )
    )


def make_shadows(cursor: psycopg.Cursor[Any], group: Group, *, indexed: bool = True) -> None:
    """Create empty temporary tables, with the live ones' indexes unless said otherwise; they are the session's."""
    for projection in group.projections:
        make_shadow(cursor, projection, "pg_temp", kind="TEMPORARY", indexed=indexed)


def fold_shadows(
    cursor: psycopg.Cursor[Any],
    group: Group,
    position: int,
    *,
    streams: LiteralString = NOT_PARKED,
    stream: str | None = None,
    barriers: LiteralString | None = None,
    given: Mapping[str, Any] | None = None,
    progress: FoldProgress = lambda *_: None,
    archived: ArchivedEvents | None = None,
) -> None:
    """Fold the log up to a position into the group's shadows, in a transaction whose snapshot holds all of it.

    `streams`, `stream`, `barriers` and `given` as `fold_batch` takes them. With `archived` what is archived is folded
    as well. The bare table names stay bound to the shadows.
    """
    after = 0
    while after < position:
        end, events = position, THE_LOG
        if archived is not None:
            end, events = archived.behind(cursor, after, position)
        bind(cursor, ["pg_temp"])
        bounds = batch_bounds(cursor, group, after=after, head=end, size=_BATCH_SIZE, events=events)
        if bounds.events:
            fold_in_parts(
                cursor,
                group,
                after=after,
                upto=bounds.upto,
                types=bounds.types,
                streams=streams,
                stream=stream,
                barriers=barriers,
                given=given or {},
                expected=bounds.events if stream is None else None,
                events=events,
            )
        if after == 0:
            for projection in group.projections:
                # Without statistics the next batches are planned for empty tables.
                cursor.execute(sql.SQL("ANALYZE {}").format(sql.Identifier("pg_temp", projection.table)))
        after = bounds.upto
        progress(group.name, after, position)
    unbind(cursor, names=False)
