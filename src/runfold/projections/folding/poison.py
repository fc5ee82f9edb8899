"""An event that can not be folded: how its error is told from what may pass, and how it is found in its stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from runfold.errors import RunfoldError
from runfold.projections.definition.catalogue import Group
from runfold.projections.folding.fold import EVENTS_OF_ONE, ONE_STREAM, THE_LOG, HandlerFailed, fold_batch
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.projections")

# Data and logic errors: the event's or the fold's fault. Everything else is the world's, and is tried again.
_POISON_CLASSES = ("22", "23", "42")
_POISON_STATES = ("P0001",)

_SHORT_RANGE = 10_000

Failure = psycopg.Error | HandlerFailed
"""What a fold that failed raised."""

Check = Callable[[psycopg.Cursor[Any]], None]
"""Lets deferred constraints speak."""


@dataclass(frozen=True, slots=True)
class Bad:
    """The event that can not be folded, by its position, and the error."""

    position: int
    error: Failure


def is_poison(exc: Failure) -> bool:
    """Whether the error is the data's or the fold's."""
    if isinstance(exc, HandlerFailed):
        return True
    state = exc.sqlstate or ""
    return state[:2] in _POISON_CLASSES or state in _POISON_STATES


@contextmanager
def refusing(refusal: Callable[[str], RunfoldError]) -> Iterator[None]:
    """Raise this refusal, told in a line what went wrong, for what is the data's or the fold's fault in the block."""
    try:
        yield
    except (psycopg.Error, HandlerFailed) as exc:
        if not is_poison(exc):
            raise
        raise refusal(one_line(exc)) from exc


def sqlstate_of(exc: Failure) -> str:
    """The error's SQLSTATE; that of a raised exception for one of Python's."""
    return "P0001" if isinstance(exc, HandlerFailed) else exc.sqlstate or "XX000"


def one_line(exc: Failure) -> str:
    """What went wrong, in a line."""
    message = exc.diag.message_primary if isinstance(exc, psycopg.Error) else None
    return " ".join(str(message or exc).split())


def parking(group: Group, stream_id: str, position: int, error: Failure) -> dict[str, Any]:
    """The parameters of every statement that parks a stream."""
    return {
        "group": group.name,
        "stream": stream_id,
        "position": position,
        "sqlstate": sqlstate_of(error),
        "error": one_line(error),
    }


def check_constraints(cursor: psycopg.Cursor[Any]) -> None:
    """Let deferred constraints speak now, not at commit, where they would take other streams with them."""
    cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def check_constraints_of(cursor: psycopg.Cursor[Any], group: Group) -> None:
    """Let the deferred constraints of the group's tables speak, and of no others."""
    tables = [f"{projection.schema}.{projection.table}" for projection in group.projections]
    cursor.execute(statement("deferrable_constraints"), {"tables": tables})
    names = [sql.Identifier(schema, name) for schema, name in cursor.fetchall()]
    if names:
        cursor.execute(sql.SQL("SET CONSTRAINTS {} IMMEDIATE").format(sql.SQL(", ").join(names)))


def fold_alone(
    connection: psycopg.Connection[Any],
    cursor: psycopg.Cursor[Any],
    group: Group,
    stream_id: str,
    *,
    after: int,
    upto: int,
    types: frozenset[str],
    check: Check = check_constraints,
) -> Failure | None:
    """Fold one stream's events between two positions into what is bound; on a data error undo that and return it."""
    try:
        with connection.transaction():
            fold_batch(
                cursor,
                group,
                after=after,
                upto=upto,
                types=types,
                streams=ONE_STREAM,
                stream=stream_id,
                # A short range is read by position, however long the stream is.
                events=EVENTS_OF_ONE if upto - after > _SHORT_RANGE else THE_LOG,
            )
            check(cursor)
    except (psycopg.Error, HandlerFailed) as exc:
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
    check: Check = check_constraints,
) -> Bad | None:
    """Fold one stream's events as far as they can be folded, in order; returns the first that can not be, or None."""
    parameters = {"group": group.name, "stream": stream_id, "after": after, "upto": upto, "types": group.events}
    cursor.execute(statement("stream_positions"), parameters)
    positions = [position for (position,) in cursor.fetchall()]
    return _halve(connection, cursor, group, stream_id, after, upto, positions, check)


def _halve(
    connection: psycopg.Connection[Any],
    cursor: psycopg.Cursor[Any],
    group: Group,
    stream_id: str,
    after: int,
    upto: int,
    positions: list[int],
    check: Check,
) -> Bad | None:
    types = frozenset(group.events)
    failure = fold_alone(connection, cursor, group, stream_id, after=after, upto=upto, types=types, check=check)
    if failure is None:
        return None
    if not positions:
        raise failure
    if len(positions) == 1:
        return Bad(positions[0], failure)
    middle = len(positions) // 2
    cut = positions[middle] - 1
    return _halve(connection, cursor, group, stream_id, after, cut, positions[:middle], check) or _halve(
        connection, cursor, group, stream_id, cut, upto, positions[middle:], check
    )
