"""Verify: fold the log again, into temporary tables, and compare them whole with the live ones.

Everything is read in one REPEATABLE READ snapshot. A checkpoint commits together with the rows it stands for, so the
snapshot holds each group's tables exactly at its checkpoint: nothing is locked, the worker goes on, and no difference
is due to timing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from runfold.projections.catalogue import Catalogue, Group
from runfold.projections.contract import Projection
from runfold.projections.fold import FOLD_SESSION
from runfold.projections.shadows import Progress, fold_shadows, make_shadows
from runfold.projections.statements import statement

_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Difference:
    """One row that is not what the log says.

    `columns` maps each differing column to (in the table, in the log), as text.
    """

    key: dict[str, Any]
    kind: str
    columns: dict[str, tuple[str | None, str | None]]


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


_COMPARED: LiteralString = """
    SELECT jsonb_build_object({key_pairs}),
           CASE WHEN live.{one} IS NULL THEN 'missing' WHEN folded.{one} IS NULL THEN 'surplus' ELSE 'different' END,
           (SELECT jsonb_object_agg(n.name, jsonb_build_array(to_jsonb(live) ->> n.name, to_jsonb(folded) ->> n.name))
              FROM unnest(d.names) AS n (name)),
           count(*) OVER ()
      FROM {live} AS live
      FULL JOIN {shadow} AS folded ON {same_key}
     CROSS JOIN LATERAL (SELECT array_remove(ARRAY[{differing_columns}], NULL) AS names) AS d
     WHERE live *<> folded OR live.{one} IS NULL OR folded.{one} IS NULL
     ORDER BY 1
     LIMIT {shown}
"""


def _compare(cursor: psycopg.Cursor[Any], projection: Projection, position: int) -> Verification:
    """Compare whole rows by their images: IS DISTINCT FROM would take jsonb 1.0 and 1.00 for equal."""
    live = sql.Identifier(projection.schema, projection.table)
    shadow = sql.Identifier("pg_temp", projection.table)
    cursor.execute(sql.SQL("SELECT * FROM {} LIMIT 0").format(live))
    columns = [column.name for column in cursor.description or ()]
    key = [sql.Identifier(name) for name in projection.key]
    query = sql.SQL(_COMPARED).format(
        live=live,
        shadow=shadow,
        one=key[0],
        shown=sql.Literal(_SHOWN),
        key_pairs=sql.SQL(", ").join(
            sql.SQL("{}, coalesce(live.{}, folded.{})").format(sql.Literal(name), *[sql.Identifier(name)] * 2)
            for name in projection.key
        ),
        same_key=sql.SQL(" AND ").join(sql.SQL("live.{} = folded.{}").format(name, name) for name in key),
        differing_columns=sql.SQL(", ").join(
            sql.SQL("CASE WHEN ROW(live.{})::record *<> ROW(folded.{})::record THEN {} END").format(
                *[sql.Identifier(name)] * 2, sql.Literal(name)
            )
            for name in columns
        ),
    )
    rows = cursor.execute(query).fetchall()
    differences = [
        Difference(
            key=found_key,
            kind=kind,
            columns={name: tuple(pair) for name, pair in (pairs or {}).items()} if kind == "different" else {},
        )
        for found_key, kind, pairs, _ in rows
    ]
    differing = rows[0][3] if rows else 0
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
