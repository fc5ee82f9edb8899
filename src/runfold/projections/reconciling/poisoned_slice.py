"""Finding, in a rebuild, the stream that can not be folded and its first bad event."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from runfold.errors import RebuildFailed
from runfold.projections.definition.catalogue import Group
from runfold.projections.folding.fold import EVENTS_OF_SOME, NO_STREAM, SOME_STREAMS, bind, fold_batch
from runfold.projections.folding.poison import is_poison, one_line, parking
from runfold.projections.reconciling.shadows import NOT_LEFT_OUT, make_shadows
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.projections")


def find_poison(
    connection: psycopg.Connection[Any],
    group: Group,
    upto: int,
    types: frozenset[str],
    failure: psycopg.Error,
    *,
    park: bool,
) -> None:
    """Find the stream that fails alone, by halves, and its first bad position; with `park` leave it out of the rebuild.

    Raises RebuildFailed with what was found, without `park` or where no single stream is to blame.
    """
    if _failure(connection, group, 0, types, []) is not None:
        raise RebuildFailed(
            f"the statements of group {group.name} can not be run: {one_line(failure)}",
            hint="mend the file or the table",
        ) from failure
    rows = connection.execute(
        statement("streams_between"), {"after": 0, "upto": upto, "types": sorted(types)}
    ).fetchall()
    suspects = [stream for (stream,) in rows]
    while len(suspects) > 1:
        half = len(suspects) // 2
        for part in (suspects[:half], suspects[half:]):
            if (found := _failure(connection, group, upto, types, part)) is not None:
                suspects, failure = part, found
                break
        else:
            raise RebuildFailed(
                f"group {group.name} can not be folded, and no single stream is to blame: {one_line(failure)}",
                hint="mend the file or the table",
            ) from failure
    positions = [
        position
        for (position,) in connection.execute(
            statement("positions_of"), {"stream": suspects[0], "upto": upto, "types": sorted(types)}
        ).fetchall()
    ]
    low, high = 0, len(positions) - 1
    while low < high:
        middle = (low + high) // 2
        if (found := _failure(connection, group, positions[middle], types, suspects)) is None:
            low = middle + 1
        else:
            high, failure = middle, found
    if not park:
        raise RebuildFailed(
            f"stream {suspects[0]} can not be folded from position {positions[low]} on: {one_line(failure)}",
            hint="mend the file or the table, or say --park to park such streams",
            stream_id=suspects[0],
            position=positions[low],
        ) from failure
    connection.execute(statement("rebuild_park_found"), parking(group, suspects[0], positions[low], failure))


def _failure(
    connection: psycopg.Connection[Any], group: Group, upto: int, types: frozenset[str], streams: list[str]
) -> psycopg.Error | None:
    """What goes wrong when these streams are folded from nothing up to a position; nothing is kept."""
    try:
        with connection.transaction(force_rollback=True), connection.cursor() as cursor:
            for projection in group.projections:
                cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier("pg_temp", projection.table)))
            make_shadows(cursor, group)
            bind(cursor, ["pg_temp"])
            fold_batch(
                cursor,
                group,
                after=0,
                upto=upto,
                types=types,
                streams=f"{SOME_STREAMS} AND {NOT_LEFT_OUT}" if streams else NO_STREAM,
                barriers=NOT_LEFT_OUT if streams else NO_STREAM,
                given={"some": streams},
                events=EVENTS_OF_SOME,
            )
    except psycopg.Error as exc:
        if isinstance(exc, psycopg.OperationalError) or not is_poison(exc):
            raise
        return exc
    return None
