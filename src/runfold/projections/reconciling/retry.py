"""Retry: fold a parked stream again, after the cause was repaired."""

from __future__ import annotations

from typing import Any

import psycopg

from runfold.projections.definition.catalogue import Group
from runfold.projections.folding.fold import HandlerFailed, bind, live_schemas
from runfold.projections.folding.ledger import Ledger
from runfold.projections.folding.poison import Failure, fold_alone, is_poison, one_line, sqlstate_of
from runfold.projections.folding.sessions import operators_ledger
from runfold.projections.folding.user_session import UserLogin
from runfold.projections.reconciling.replay import can_replay, replay_group


def retry(
    connection: psycopg.Connection[Any], group: Group, stream_id: str, *, login: UserLogin | None = None
) -> Failure | None:
    """Fold a parked stream in order from its beginning up to the group's checkpoint, and unpark it.

    Returns its new error where it fails again; then it stays parked and nothing else was changed. Where rows of the
    group belong to no stream, only the parked events are folded, over the present rows. Safe beside a worker: it holds
    the group's checkpoint. The connection is in autocommit; `login` folds a user's group. Raises ProjectionInvalid
    where the tables were built from another version of a file.
    """
    with operators_ledger(connection, group, login) as ledger, ledger.transaction():
        checkpoint = ledger.hold(group)
        first = ledger.parked_at(group, stream_id)
        if first is None:
            return None
        failure = _retry(ledger, group, stream_id, first, checkpoint)
        if failure is not None:
            ledger.park(group, stream_id, first, sqlstate=sqlstate_of(failure), error=one_line(failure))
        return failure


def _retry(ledger: Ledger, group: Group, stream_id: str, first: int, checkpoint: int) -> Failure | None:
    with ledger.connection.cursor() as cursor:
        if not can_replay(group):
            bind(cursor, live_schemas(group))
            types = frozenset(group.events)
            failure = fold_alone(ledger, cursor, group, stream_id, after=first - 1, upto=checkpoint, types=types)
            if failure is None:
                ledger.unpark(group, stream_id)
            return failure
        try:
            with ledger.connection.transaction():
                ledger.unpark(group, stream_id)
                replay_group(cursor, group, stream_id, checkpoint)
                ledger.check_constraints(group)
        except (psycopg.Error, HandlerFailed) as exc:
            if not is_poison(exc):
                raise
            return exc
    return None
