"""Verify: fold the log again, into temporary tables, and compare them whole with the live ones.

Everything is read in one REPEATABLE READ snapshot. A checkpoint commits together with its rows, so the
snapshot holds each group's tables exactly at its checkpoint: nothing is locked, the worker goes on, and no difference
is due to timing. Of one stream, or of a sample of streams, only their rows are folded and compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from runfold.projections.definition.catalogue import Catalogue, Group
from runfold.projections.definition.contract import Projection, header_query
from runfold.projections.folding.registry import check_checkpoint
from runfold.projections.folding.sessions import folding_session
from runfold.projections.folding.user_session import UserLogin
from runfold.projections.reconciling.affected import AffectedRows, affected_rows
from runfold.projections.reconciling.archived import refuse_across, require_streams_in_log
from runfold.projections.reconciling.archived_events import ArchivedEvents
from runfold.projections.reconciling.missing_tables import require_tables
from runfold.projections.reconciling.pair import Difference, Pair
from runfold.projections.reconciling.replay import fold_affected
from runfold.projections.reconciling.shadows import FoldProgress, fold_shadows, make_shadows
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.projections")

SHOWN = 100
"""Differences of a table that are kept in full unless more are asked for."""

OnDifference = Callable[[str, Difference], None]
"""Is called with a projection's name and a difference."""


@dataclass(slots=True)
class Verification:
    """What was found in one table at a position: how many rows, how many differ, the first of those in full.

    Neither side holds the events that wait in parked streams, nor the discarded events (their positions).
    """

    projection: str
    group: str
    position: int
    rows: int
    differing: int
    differences: list[Difference]
    parked_streams: list[str] = field(default_factory=list)
    discarded_events: list[int] = field(default_factory=list)
    streams: int | None = None
    """How many streams were looked at; None: all."""
    left_out: bool = False
    """Its rows belong to no stream, so a sample says nothing of them."""
    archived: bool = False
    """It was not compared, because its rows depend on events that are archived."""
    archived_rows: int = 0
    """How many rows of archived streams were left as they are, and not compared."""


@dataclass(frozen=True, slots=True)
class _Look:
    """Which differences are wanted, and of which streams."""

    limit: int | None
    on_difference: OnDifference | None
    streams: Sequence[str] | None = None
    scope: AffectedRows | None = None
    archived: bool = False


def verify(
    connection: psycopg.Connection[Any],
    catalogue: Catalogue,
    names: Iterable[str] = (),
    *,
    streams: Sequence[str] | None = None,
    sample: int | None = None,
    seed: int = 0,
    limit: int | None = SHOWN,
    on_difference: OnDifference | None = None,
    progress: FoldProgress = lambda *_: None,
    login: UserLogin | None = None,
    archive: Path | None = None,
) -> list[Verification]:
    """Compare the named projections' tables, or all, with the log; writes nothing but the note that it was done.

    `streams` compares the rows of these streams only, `sample` those of so many, which the seed chooses. `limit` is how
    many differences of a table are returned in full; without a limit each is given to `on_difference` when it is found
    and none is kept. The connection is in autocommit and of a role that may read the log and the tables. A group's
    tables are folded together, since they read each other. With the folder of the `archive` what is archived is
    folded as well.
    Without one, rows of archived streams are not compared; a table whose rows depend on several streams is not, where
    something is archived, and refused with LogArchived where it is named. Raises UnknownProjection, CheckpointAhead,
    TableMissing, and with an archive ArchiveMissing.
    """
    named = set(names)
    wanted = {catalogue.projection(name).name for name in named} or {item.name for item in catalogue.projections}
    found: list[Verification] = []
    for group in catalogue.groups.values():
        members = [projection for projection in group.projections if projection.name in wanted]
        if not members:
            continue
        with folding_session(connection, group, login) as session, session.cursor() as cursor:
            cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            try:
                # Before the snapshot is taken: nothing leaves the log for the archive while this lasts.
                cursor.execute(statement("hold_log"))
                require_tables(cursor, group)
                row = cursor.execute(statement("checkpoint"), {"group": group.name}).fetchone()
                position = row[0] if row is not None else 0
                check_checkpoint(cursor, group, position)
                # The login of a user's group need not know which streams there are: the caller's looks.
                with connection.cursor() as looking:
                    if sample is not None:
                        asked = {"seed": seed, "streams": sample, "upto": position}
                        looking.execute(statement("sample_streams"), asked)
                        streams = [name for (name,) in looking.fetchall()]
                    if archive is None:
                        refuse_across(looking, (item for item in members if item.name in named), "verify")
                        if sample is None:
                            require_streams_in_log(looking, streams or ())
                    scope = None if streams is None else affected_rows(looking, group, streams)
                look = _Look(limit, on_difference, streams, scope, archive is not None)
                events = None if archive is None else ArchivedEvents(archive)
                found += _verify_group(cursor, group, members, position, look, progress, events)
            finally:
                # The temporary tables go with the transaction, and nothing else was written.
                cursor.execute("ROLLBACK")
    for verification in found:
        if sample is None and streams is None:
            record(connection, "record_verification", verification)
        elif (verification.streams or 0) > 1 and not verification.left_out:
            record(connection, "record_sample", verification)
    return found


def record(connection: psycopg.Connection[Any], how: str, found: Verification) -> None:
    """Note what was found, where the login may."""
    # A login that only reads has verified as well, but may not write it down.
    with suppress(psycopg.errors.InsufficientPrivilege):
        connection.execute(
            statement(how),
            {
                "projection": found.projection,
                "position": found.position,
                "streams": found.streams,
                "differences": found.differing,
            },
        )


def _verify_group(
    cursor: psycopg.Cursor[Any],
    group: Group,
    members: list[Projection],
    position: int,
    look: _Look,
    progress: FoldProgress,
    events: ArchivedEvents | None,
) -> list[Verification]:
    scope = look.scope
    if scope is None:
        make_shadows(cursor, group)
        fold_shadows(cursor, group, position, progress=progress, archived=events)
    else:
        fold_affected(cursor, group, scope, position)
    cursor.execute(statement("parked_in_group"), {"group": group.name})
    parked = [stream for (stream,) in cursor.fetchall()]
    if scope is not None:
        parked = [stream for stream in parked if stream in scope.rows_of]
    cursor.execute(statement("discarded_in_group"), {"group": group.name, "upto": position})
    discarded = [where for where, stream in cursor.fetchall() if scope is None or stream in scope.rows_of]
    found = []
    for projection in members:
        verification = _compare(cursor, projection, position, look)
        verification.parked_streams = parked
        verification.discarded_events = discarded
        verification.streams = None if look.streams is None else len(look.streams)
        found.append(verification)
    return found


def _compare(cursor: psycopg.Cursor[Any], projection: Projection, position: int, look: _Look) -> Verification:
    scope = look.scope
    found = Verification(projection.name, projection.group, position, 0, 0, [])
    column = None
    if scope is not None and (column := projection.stream_column) is None:
        found.left_out = True
        return found
    values = scope.values if scope is not None else ()
    pair = Pair(cursor, projection, "pg_temp", archived=look.archived)
    if pair.leaves_out_archived and projection.cross_stream:
        found.archived = True
        return found
    differences = pair.differences(cursor, limit=look.limit, column=column, values=values)
    for counted, (difference, count) in enumerate(differences, start=1):
        found.differing = max(count, counted)
        if look.on_difference is not None:
            look.on_difference(projection.name, difference)
        if look.limit is not None:
            found.differences.append(difference)
    derived = derived_differences(cursor, projection, None if scope is None else set(values))
    for difference in derived:
        found.differing += 1
        if look.on_difference is not None:
            look.on_difference(projection.name, difference)
        if look.limit is not None and len(found.differences) < look.limit:
            found.differences.append(difference)
    found.rows = pair.count(cursor, column, values)
    found.archived_rows = pair.count_archived(cursor) if scope is None else 0
    return found


def derived_differences(
    cursor: psycopg.Cursor[Any], projection: Projection, only: set[str] | None = None
) -> list[Difference]:
    """What other tables copy from this one and count of it, where that differs; of `only` some keys, copies alone."""
    derived: list[Difference] = []
    if projection.copies is not None:
        derived += _compare_copies(cursor, projection.copies, only)
    if projection.counts is not None and only is None:
        derived += _compare_counts(cursor, projection.counts)
    return derived


def _compare_copies(cursor: psycopg.Cursor[Any], query: str, only: set[str] | None) -> list[Difference]:
    """The rows whose copies in another table differ."""
    found: dict[str, Difference] = {}
    for key, column, copied, truth in cursor.execute(header_query(query)).fetchall():
        if only is None or key in only:
            difference = found.setdefault(key, Difference({"workflows.id": key}, "different", {}))
            difference.columns[column] = (copied, truth)
    return list(found.values())


def _compare_counts(cursor: psycopg.Cursor[Any], query: str) -> list[Difference]:
    """The rows of counts that are not the counts of this table's rows."""
    rows = cursor.execute(header_query(query)).fetchall()
    return [Difference({table: ", ".join(map(str, key))}, "different", {}) for table, key in rows]
