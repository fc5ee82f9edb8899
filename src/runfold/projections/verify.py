"""Verify: fold the log again, into temporary tables, and compare them whole with the live ones.

Everything is read in one REPEATABLE READ snapshot. A checkpoint commits together with the rows it stands for, so the
snapshot holds each group's tables exactly at its checkpoint: nothing is locked, the worker goes on, and no difference
is due to timing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from runfold.projections.catalogue import Catalogue, Group
from runfold.projections.contract import Projection
from runfold.projections.fold import FOLD_SESSION
from runfold.projections.reconcile import Difference, Pair
from runfold.projections.registry import check_checkpoint
from runfold.projections.shadows import Progress, fold_shadows, make_shadows
from runfold.projections.statements import statement

_SHOWN = 100


@dataclass(slots=True)
class Verification:
    """What was found in one table at a position: how many rows, how many differ, the first of those in full.

    Neither side holds what waits in the parked streams, nor the discarded events (their positions).
    """

    projection: str
    group: str
    position: int
    rows: int
    differing: int
    differences: list[Difference]
    parked_streams: list[str] = field(default_factory=list)
    discarded_events: list[int] = field(default_factory=list)


def verify(
    connection: psycopg.Connection[Any],
    catalogue: Catalogue,
    names: Iterable[str] = (),
    *,
    progress: Progress = lambda *_: None,
) -> list[Verification]:
    """Compare the named projections' tables, or all, with the log; writes nothing but the note that it was done.

    The connection is in autocommit and of a role that may read the log and the tables. A group's tables are folded
    together, since they read each other. Raises UnknownProjection.
    """
    wanted = {catalogue.projection(name).name for name in names} or {item.name for item in catalogue.projections}
    found: list[Verification] = []
    for group in catalogue.groups.values():
        members = [projection for projection in group.projections if projection.name in wanted]
        if members:
            found += _verify_group(connection, group, members, progress)
    for verification in found:
        connection.execute(
            statement("record_verification"),
            {
                "projection": verification.projection,
                "position": verification.position,
                "differences": verification.differing,
            },
        )
    return found


def _verify_group(
    connection: psycopg.Connection[Any], group: Group, members: list[Projection], progress: Progress
) -> list[Verification]:
    connection.execute(FOLD_SESSION)
    with connection.cursor() as cursor:
        cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        try:
            row = cursor.execute(statement("checkpoint"), {"group": group.name}).fetchone()
            position = row[0] if row is not None else 0
            check_checkpoint(cursor, group, position)
            make_shadows(cursor, group)
            fold_shadows(cursor, group, position, progress=progress)
            cursor.execute(statement("parked_in_group"), {"group": group.name})
            parked = [stream for (stream,) in cursor.fetchall()]
            cursor.execute(statement("discarded_in_group"), {"group": group.name, "upto": position})
            discarded = [discarded_position for (discarded_position,) in cursor.fetchall()]
            found = []
            for projection in members:
                verification = _compare(cursor, projection, position)
                verification.parked_streams = parked
                verification.discarded_events = discarded
                found.append(verification)
            return found
        finally:
            # The temporary tables go with the transaction, and nothing else was written.
            cursor.execute("ROLLBACK")


def _compare(cursor: psycopg.Cursor[Any], projection: Projection, position: int) -> Verification:
    live = sql.Identifier(projection.schema, projection.table)
    differences, differing = [], 0
    for difference, count in Pair(cursor, projection, "pg_temp").differences(cursor, limit=_SHOWN):
        differences.append(difference)
        differing = count
    if projection.name == "workflow_status":
        copies = _compare_copies(cursor)
        differences += copies
        differing += len(copies)
    cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(live))
    (count,) = cursor.fetchone() or (0,)
    return Verification(projection.name, projection.group, position, count, differing, differences)


def _compare_copies(cursor: psycopg.Cursor[Any]) -> list[Difference]:
    """The columns that `workflows` keeps a copy of."""
    found: dict[str, Difference] = {}
    for workflow, column, copied, truth in cursor.execute(statement("workflow_copies")).fetchall():
        difference = found.setdefault(workflow, Difference({"workflows.id": workflow}, "different", {}))
        difference.columns[column] = (copied, truth)
    return list(found.values())
