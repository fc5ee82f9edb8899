"""Retry: fold a parked stream again, after the cause was repaired."""

from __future__ import annotations

from typing import Any

import psycopg

from runfold.projections.definition.catalogue import Group
from runfold.projections.folding.fold import HandlerFailed, bind, live_schemas
from runfold.projections.folding.ledger import Ledger
from runfold.projections.folding.poison import Bad, Failure, fold_to_the_bad_one, is_poison
from runfold.projections.folding.sessions import operators_ledger
from runfold.projections.folding.user_session import UserLogin
from runfold.projections.reconciling.archived import require_streams_in_log
from runfold.projections.reconciling.replay import can_replay, replay_group
from runfold.projections.reconciling.shadows import make_shadows


def retry(
    connection: psycopg.Connection[Any], group: Group, stream_id: str, *, login: UserLogin | None = None
) -> Bad | None:
    """Fold a parked stream in order from its beginning up to the group's checkpoint, and unpark it.

    Returns the event that fails now, if one does. Where it comes after the one that parked the stream, what lies before
    it is folded, and the stream is parked at it; else only the new error is noted. Where rows of the group belong to no
    stream, only the parked events are folded, over the present rows. Safe beside a worker: it holds the group's
    checkpoint. The connection is in autocommit; `login` folds a user's group. Raises ProjectionInvalid where the tables
    were built from another version of a file, and StreamArchived where the stream has to be folded from its beginning.
    """
    with operators_ledger(connection, group, login) as ledger, ledger.transaction():
        checkpoint = ledger.hold(group)
        first = ledger.parked_at(group, stream_id)
        if first is None:
            return None
        # The login of a user's group may not read which streams there are: the caller's looks.
        with ledger.connection.cursor() as cursor, connection.cursor() as looking:
            if can_replay(group):
                require_streams_in_log(looking, [stream_id])
                return _replay(ledger, cursor, group, stream_id, first, checkpoint)
            return _fold_over_live_rows(ledger, cursor, group, stream_id, first, checkpoint)


def bad_from_scratch(
    ledger: Ledger, cursor: psycopg.Cursor[Any], group: Group, stream_id: str, *, upto: int
) -> Bad | None:
    """The first event that fails when a parked stream is folded from scratch, ignoring the rows that are there."""
    with ledger.connection.transaction(force_rollback=True):
        # Else the barriers among its own parked events would be passed over.
        ledger.unpark(group, stream_id)
        make_shadows(cursor, group)
        bind(cursor, ["pg_temp"])
        return fold_to_the_bad_one(ledger, cursor, group, stream_id, after=0, upto=upto)


def fold_waiting(
    ledger: Ledger, cursor: psycopg.Cursor[Any], group: Group, stream_id: str, *, first: int, upto: int
) -> Bad | None:
    """Unpark a stream and fold its events from `first` on over the live rows; returns the first that cannot be."""
    ledger.unpark(group, stream_id)
    bind(cursor, live_schemas(group))
    return fold_to_the_bad_one(ledger, cursor, group, stream_id, after=first - 1, upto=upto)


def _fold_over_live_rows(
    ledger: Ledger, cursor: psycopg.Cursor[Any], group: Group, stream_id: str, first: int, checkpoint: int
) -> Bad | None:
    bad: Bad | None = None
    with ledger.connection.transaction():
        bad = fold_waiting(ledger, cursor, group, stream_id, first=first, upto=checkpoint)
        if bad is not None and bad.position == first:
            # It is as it was, and so is the time since when it is parked.
            raise psycopg.Rollback
    if bad is not None:
        ledger.park(group, stream_id, bad.position, sqlstate=bad.sqlstate, error=bad.message)
    return bad


def _replay(
    ledger: Ledger, cursor: psycopg.Cursor[Any], group: Group, stream_id: str, first: int, checkpoint: int
) -> Bad | None:
    failure = _replay_up_to(ledger, cursor, group, stream_id, checkpoint)
    if failure is None:
        return None
    bad = bad_from_scratch(ledger, cursor, group, stream_id, upto=checkpoint)
    if (
        bad is not None
        and bad.position > first
        and _replay_up_to(ledger, cursor, group, stream_id, checkpoint, bad=bad) is None
    ):
        return bad
    # What only the live tables refuse is noted where the stream is parked. What was folded once and fails now is noted
    # with its position: to park the stream there would take its rows away.
    where = "" if bad is None or bad.position == first else f"at position {bad.position}: "
    bad = bad or Bad(first, failure)
    ledger.park(group, stream_id, first, sqlstate=bad.sqlstate, error=where + bad.message)
    return bad


def _replay_up_to(
    ledger: Ledger,
    cursor: psycopg.Cursor[Any],
    group: Group,
    stream_id: str,
    checkpoint: int,
    *,
    bad: Bad | None = None,
) -> Failure | None:
    """Unpark a stream, or park it at another event, and make its rows so; on a data error undo that and return it."""
    try:
        with ledger.connection.transaction():
            ledger.unpark(group, stream_id)
            if bad is not None:
                ledger.park(group, stream_id, bad.position, sqlstate=bad.sqlstate, error=bad.message)
            replay_group(cursor, group, stream_id, checkpoint)
            ledger.check_constraints(group)
    except (psycopg.Error, HandlerFailed) as exc:
        if not is_poison(exc):
            raise
        return exc
    return None
