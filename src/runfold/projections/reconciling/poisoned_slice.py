"""Finding, in a rebuild, the stream that cannot be folded and its first bad event."""

from __future__ import annotations

import psycopg
from psycopg import sql

from runfold.errors import RebuildFailed
from runfold.projections.definition.catalogue import Group
from runfold.projections.folding.fold import NO_STREAM, SOME_STREAMS, HandlerFailed, bind, events_of_some
from runfold.projections.folding.ledger import Ledger
from runfold.projections.folding.parts import fold_in_parts
from runfold.projections.folding.poison import Bad, Failure, is_poison, one_line
from runfold.projections.reconciling.shadows import NOT_LEFT_OUT, make_shadows
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.projections")


def find_poison(
    ledger: Ledger,
    group: Group,
    upto: int,
    types: frozenset[str],
    failure: Failure,
    *,
    park: bool,
) -> None:
    """Find the stream that fails alone, by halves, and its first bad position; with `park` leave it out of the rebuild.

    Raises RebuildFailed with what was found, without `park` or where no single stream is to blame.
    """
    require_sound_statements(ledger, group, types, failure)
    rows = ledger.connection.execute(
        statement("streams_between"), {"after": 0, "upto": upto, "types": sorted(types)}
    ).fetchall()
    suspects = [stream for (stream,) in rows]
    while len(suspects) > 1:
        half = len(suspects) // 2
        for part in (suspects[:half], suspects[half:]):
            if (found := _failure(ledger, group, upto, types, part)) is not None:
                suspects, failure = part, found
                break
        else:
            raise RebuildFailed(
                f"group {group.name} cannot be folded, and no single stream is to blame: {one_line(failure)}",
                hint="repair the file or the table",
            ) from failure
    positions = [
        position
        for (position,) in ledger.connection.execute(
            statement("positions_of"), {"stream": suspects[0], "upto": upto, "types": sorted(types)}
        ).fetchall()
    ]
    low, high = 0, len(positions) - 1
    while low < high:
        middle = (low + high) // 2
        if (found := _failure(ledger, group, positions[middle], types, suspects)) is None:
            low = middle + 1
        else:
            high, failure = middle, found
    if not park:
        raise RebuildFailed(
            f"stream {suspects[0]} cannot be folded from position {positions[low]} on: {one_line(failure)}",
            hint="repair the file or the table, or use --park to park such streams",
            stream_id=suspects[0],
            position=positions[low],
        ) from failure
    leave_out(ledger, group, suspects[0], Bad(positions[low], failure))


def leave_out(ledger: Ledger, group: Group, stream_id: str, bad: Bad) -> None:
    """Leave a stream out of the group's rebuild from its bad event on."""
    found = {"group": group.name, "stream": stream_id, "position": bad.position}
    ledger.connection.execute(statement("leave_out_stream"), found | {"sqlstate": bad.sqlstate, "error": bad.message})


def require_sound_statements(ledger: Ledger, group: Group, types: frozenset[str], failure: Failure) -> None:
    """Raise RebuildFailed where the statements fail over no events at all."""
    if _failure(ledger, group, 0, types, []) is not None:
        raise RebuildFailed(
            f"group {group.name} cannot be folded, its statements cannot be run: {one_line(failure)}",
            hint="repair the file or the table",
        ) from failure


def _failure(ledger: Ledger, group: Group, upto: int, types: frozenset[str], streams: list[str]) -> Failure | None:
    """What goes wrong when these streams are folded from nothing up to a position; nothing is kept."""
    try:
        with ledger.transaction(force_rollback=True), ledger.connection.cursor() as cursor:
            for projection in group.projections:
                cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier("pg_temp", projection.table)))
            make_shadows(cursor, group)
            bind(cursor, ["pg_temp"])
            fold_in_parts(
                cursor,
                group,
                after=0,
                upto=upto,
                types=types,
                streams=f"{SOME_STREAMS} AND {NOT_LEFT_OUT}" if streams else NO_STREAM,
                barriers=NOT_LEFT_OUT if streams else NO_STREAM,
                given={"some": streams},
                events=events_of_some(group),
            )
    except (psycopg.Error, HandlerFailed) as exc:
        if not is_poison(exc):
            raise
        return exc
    return None
