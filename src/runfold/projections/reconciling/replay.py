"""Replay: fold one stream from its beginning, and make its rows what the log says, at the group's checkpoint.

Repairs what a bad event or a hand broke in one execution, interaction, response or deployment, without a rebuild. A
parked stream is folded up to its bad event; `parked retry` folds all of it, in order, by the same means.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from runfold.errors import FoldFailed, ProjectionInvalid, UnknownStream
from runfold.projections.definition.catalogue import Catalogue, Group
from runfold.projections.definition.contract import Projection
from runfold.projections.folding.barriers import OF_BARRIER_STREAMS, barrier_parameters
from runfold.projections.folding.fold import NOT_PARKED, SOME_STREAMS, bind, events_of_some, unbind
from runfold.projections.folding.parts import fold_in_parts
from runfold.projections.folding.poison import refusing
from runfold.projections.folding.registry import check_checkpoint
from runfold.projections.folding.sessions import operators_ledger
from runfold.projections.folding.user_session import UserLogin
from runfold.projections.reconciling.affected import AffectedRows, affected_rows
from runfold.projections.reconciling.archived import archived_among, require_streams_in_log
from runfold.projections.reconciling.pair import Pair, Reconciled, parents_first, repair_copies, write_differences
from runfold.projections.reconciling.shadows import make_shadows
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.projections")

THESE_STREAMS: LiteralString = f"{SOME_STREAMS} AND {NOT_PARKED}"
_THESE_STREAMS_AND_BARRIERS: LiteralString = f"({THESE_STREAMS} OR {OF_BARRIER_STREAMS})"


@dataclass(slots=True)
class Replayed(Reconciled):
    """What a replay did to one table, or with `dry_run` would do; `differences` are those of the stream's rows."""

    left_out: bool = False
    """Rows of its group, a user's, belong to no one stream: only a rebuild makes them right."""
    archived: bool = False
    """Its rows were left as they are, because they depend on streams that are archived, too."""


def replay(
    connection: psycopg.Connection[Any],
    catalogue: Catalogue,
    stream_id: str,
    *,
    dry_run: bool = False,
    login: UserLogin | None = None,
) -> list[Replayed]:
    """Make the stream's rows in every group what the log says; with `dry_run` return what would be written.

    A parked stream is folded up to its bad event. The connection is in autocommit and of a role that may write the
    tables; each group is one transaction, which holds its checkpoint. A user's group is folded in a session of `login`.
    Raises UnknownStream, StreamArchived, CheckpointAhead, FoldFailed where a group cannot be folded, and
    ProjectionInvalid where its tables wait for a rebuild, or a user's `stream_key` is wrong.
    """
    with connection.cursor() as looking:
        require_streams_in_log(looking, [stream_id])
    types = {kind for (kind,) in connection.execute(statement("stream_types"), {"stream": stream_id}).fetchall()}
    if not types:
        raise UnknownStream(
            f"there is no stream {stream_id!r}", hint="give its full name, for example execution-7", stream_id=stream_id
        )
    found: list[Replayed] = []
    for group in catalogue.groups.values():
        if types.isdisjoint(group.events):
            continue
        if group.of_user and not can_replay(group):
            found += [Replayed(item.name, group.name, 0, left_out=True) for item in group.projections]
        elif connection.execute(statement("checkpoint"), {"group": group.name}).fetchone() is not None:
            found += _replay(connection, group, stream_id, dry_run=dry_run, login=login)
    return found


def _replay(
    connection: psycopg.Connection[Any], group: Group, stream_id: str, *, dry_run: bool, login: UserLogin | None
) -> list[Replayed]:
    with (
        refusing(
            lambda why: FoldFailed(
                f"{stream_id} cannot be folded in group {group.name}: {why}",
                hint="repair the projection or its table",
            )
        ),
        operators_ledger(connection, group, login) as ledger,
        ledger.transaction(force_rollback=dry_run),
        ledger.connection.cursor() as cursor,
    ):
        position = ledger.hold(group)
        check_checkpoint(cursor, group, position)
        found = replay_group(cursor, group, stream_id, position, dry_run=dry_run)
        ledger.check_constraints(group)
    return found


def can_replay(group: Group) -> bool:
    """Whether it is known which rows of the group each stream concerns."""
    # A tenant's barrier concerns the rows of its own streams, which it comes after.
    known = bool(group.barriers_affect) or group.barriers <= {"TenantErased"}
    return known and all(projection.stream_column is not None for projection in group.projections)


def replay_group(
    cursor: psycopg.Cursor[Any], group: Group, stream_id: str, position: int, *, dry_run: bool = False
) -> list[Replayed]:
    """Make the stream's rows in a group what the log says up to a position, in the caller's transaction.

    The transaction holds the group's checkpoint, which is at that position.
    """
    affected = affected_rows(cursor, group, [stream_id])
    across = archived_among(cursor, affected.folded)
    members = [
        projection
        for projection in group.projections
        if projection.stream_column is not None and not (across and projection.cross_stream)
    ]
    fold_affected(cursor, group, affected, position)
    if group.of_user:
        _require_named(cursor, members, stream_id, affected)
    pairs = {projection.name: Pair(cursor, projection, "pg_temp") for projection in members}
    result = [
        Replayed(
            projection.name,
            group.name,
            position,
            left_out=projection.stream_column is None,
            archived=projection.stream_column is not None and projection.name not in pairs,
        )
        for projection in group.projections
    ]
    for projection in members:
        pair = pairs[projection.name]
        pair.make_suspects(cursor)
        pair.suspect_streams(cursor, projection.stream_column or "", affected.values)
    found = {name: pair.find(cursor) for name, pair in pairs.items()}
    for each in result:
        if each.projection in pairs:
            each.differing = found[each.projection]
            differences = pairs[each.projection].differences(cursor, limit=None, found=True)
            each.differences = [difference for difference, _ in differences]
    if not dry_run:
        ordered = parents_first(cursor, members)
        written = write_differences(cursor, [pairs[projection.name] for projection in ordered])
        for each in result:
            if each.projection in pairs:
                done = written[each.projection]
                each.inserted, each.updated, each.deleted = done.inserted, done.updated, done.deleted
        repair_copies(cursor, members)
    drop_shadows(cursor, group.projections, pairs.values())
    return result


def _require_named(
    cursor: psycopg.Cursor[Any], projections: Iterable[Projection], stream_id: str, affected: AffectedRows
) -> None:
    """Raise ProjectionInvalid where the stream makes rows that `stream_key` does not name after it."""
    for projection in projections:
        query = sql.SQL(statement("strangers")).format(
            stream_key=sql.Identifier(projection.stream_column or ""),
            shadow=sql.Identifier("pg_temp", projection.table),
        )
        row = cursor.execute(query, {"values": [value.lower() for value in affected.values]}).fetchone()
        if row is not None:
            raise ProjectionInvalid(
                f"{projection.name}: its stream_key, {projection.stream_column}, is {row[0]} in a row of {stream_id}",
                hint="name a column that holds the stream's id, its name without the category, or its row_id;"
                " without such a column, write cross_stream: true",
            )


def fold_affected(cursor: psycopg.Cursor[Any], group: Group, affected: AffectedRows, position: int) -> None:
    """Fold the streams into new temporary shadows up to a position; parked ones up to their bad event."""
    make_shadows(cursor, group)
    bind(cursor, ["pg_temp"])
    barriers: LiteralString | None = NOT_PARKED
    streams, events, given = THESE_STREAMS, events_of_some(group), {"some": affected.folded}
    if affected.barriers is not None:
        streams, barriers = _THESE_STREAMS_AND_BARRIERS, None
        events = events.replace("%(some)s", "%(read)s")
        given |= {"read": [*affected.folded, *affected.barriers], **barrier_parameters(group, affected.barriers)}
    fold_in_parts(
        cursor,
        group,
        after=0,
        upto=position,
        types=frozenset(group.events),
        streams=streams,
        barriers=barriers,
        given=given,
        events=events,
    )
    unbind(cursor)


def drop_shadows(cursor: psycopg.Cursor[Any], projections: Sequence[Projection], pairs: Iterable[Pair] = ()) -> None:
    """Drop what a replay made: the session may replay another group."""
    names = [projection.table for projection in projections]
    names += [name for pair in pairs for name in pair.temporary]
    for name in names:
        cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier("pg_temp", name)))
