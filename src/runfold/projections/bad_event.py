"""An event that can not be folded: how its error is told from what may pass, and how it is found in its stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg

from runfold.projections.catalogue import Group
from runfold.projections.fold import ONE_STREAM, fold_batch
from runfold.projections.statements import statement

# Data and logic errors: the event's or the fold's fault. Everything else is the world's, and is tried again.
_POISON_CLASSES = ("22", "23", "42")
_POISON_STATES = ("P0001",)


@dataclass(frozen=True, slots=True)
class Bad:
    """The event that can not be folded, by its position, and the error."""

    position: int
    error: psycopg.Error


def is_poison(exc: psycopg.Error) -> bool:
    """Whether the error is the data's or the fold's."""
    state = exc.sqlstate or ""
    return state[:2] in _POISON_CLASSES or state in _POISON_STATES


def one_line(exc: psycopg.Error) -> str:
    """What went wrong, in a line."""
    return " ".join(str(exc.diag.message_primary or exc).split())


def fold_alone(
    connection: psycopg.Connection[Any],
    cursor: psycopg.Cursor[Any],
    group: Group,
    stream_id: str,
    *,
    after: int,
    upto: int,
    types: frozenset[str],
) -> psycopg.Error | None:
    """Fold one stream's events between two positions into what is bound; on a data error undo that and return it."""
    try:
        with connection.transaction():
            fold_batch(cursor, group, after=after, upto=upto, types=types, streams=ONE_STREAM, stream=stream_id)
            # Deferred constraints speak now, not at commit, where they would take the others with them.
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    except psycopg.Error as exc:
        if not is_poison(exc):
            raise
        return exc
    return None


def fold_to_the_bad_one(
    connection: psycopg.Connection[Any],
    cursor: psycopg.Cursor[Any],
    group: Group,
    stream_id: str,
    *,
    after: int,
    upto: int,
) -> Bad | None:
    """Fold one stream's events as far as they can be folded, in order; returns the first that can not be, or None."""
    parameters = {"group": group.name, "stream": stream_id, "after": after, "upto": upto, "types": group.events}
    cursor.execute(statement("stream_positions"), parameters)
    return _halve(connection, cursor, group, stream_id, after, upto, [position for (position,) in cursor.fetchall()])


def _halve(
    connection: psycopg.Connection[Any],
    cursor: psycopg.Cursor[Any],
    group: Group,
    stream_id: str,
    after: int,
    upto: int,
    positions: list[int],
) -> Bad | None:
    failure = fold_alone(connection, cursor, group, stream_id, after=after, upto=upto, types=frozenset(group.events))
    if failure is None:
        return None
    if not positions:
        raise failure
    if len(positions) == 1:
        return Bad(positions[0], failure)
    middle = len(positions) // 2
    cut = positions[middle] - 1
    return _halve(connection, cursor, group, stream_id, after, cut, positions[:middle]) or _halve(
        connection, cursor, group, stream_id, cut, upto, positions[middle:]
    )
