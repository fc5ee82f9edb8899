"""Discarding: the event that parks a stream is given up, on record for ever, and what waits behind it is folded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg

from runfold.errors import DiscardFailed, InvalidInput, StreamNotParked
from runfold.projections.bad_event import (
    Bad,
    check_constraints,
    fold_to_the_bad_one,
    is_poison,
    one_line,
    parking,
    sqlstate_of,
)
from runfold.projections.catalogue import Group
from runfold.projections.fold import NO_STREAM, bind, fold_batch, live_schemas
from runfold.projections.replay import can_replay, replay_group
from runfold.projections.shadows import make_shadows
from runfold.projections.statements import statement


@dataclass(frozen=True, slots=True)
class Discarded:
    """What was given up in a group, and what became of the rest: folded, or parked again at a later event."""

    group: str
    stream_id: str
    position: int
    stream_version: int
    type: str
    error: str
    reason: str
    discarded_by: str
    parked_again_at: int | None
    parked_again_error: str | None


def discard(
    connection: psycopg.Connection[Any],
    group: Group,
    stream_id: str,
    *,
    reason: str,
    by: str,
    dry_run: bool = False,
) -> Discarded:
    """Give up the event that parks a stream in a group, that one only, and fold what waits behind it.

    If a later one fails as well, the stream is parked again at that one. All in one transaction, and safe beside a
    worker: it holds the group's checkpoint. `by` says who; `dry_run` changes nothing. The connection is in autocommit
    and set up by FOLD_SESSION. Raises InvalidInput without a reason, StreamNotParked, DiscardFailed when
    no event is to blame any more, or the group is a user's.
    """
    for name, value in (("reason", reason), ("by", by)):
        if not value.strip():
            raise InvalidInput(
                f"{name} is blank", hint="it is on record for ever", code="blank", pointer=f"/{name}", found=value
            )
        if "\0" in value:
            raise InvalidInput(f"{name} holds a NUL", code="nul_character", pointer=f"/{name}")
    if group.own_login is not None:
        raise DiscardFailed(
            f"the group {group.name} is a user's",
            hint=f"let its projection pass the event over, then run `runfold parked retry {stream_id}`",
        )
    with connection.transaction(force_rollback=dry_run), connection.cursor() as cursor:
        row = cursor.execute(statement("parked_stream"), {"group": group.name, "stream": stream_id}).fetchone()
        if row is None:
            raise StreamNotParked(f"{stream_id} is not parked in group {group.name}", hint="see `runfold parked list`")
        first, checkpoint = row
        _require_sound_statements(connection, cursor, group)
        bad = _first_bad(connection, cursor, group, stream_id, checkpoint)
        if bad is None:
            # What only the live tables refuse: a foreign key, or a sum over many streams.
            with connection.transaction(force_rollback=True):
                bad = _fold_what_stands(connection, cursor, group, stream_id, after=first - 1, upto=checkpoint)
        if bad is None:
            raise DiscardFailed(
                f"the events of {stream_id} can be folded now", hint=f"run `runfold parked retry {stream_id}`"
            )
        cursor.execute(
            statement("discard_event"),
            {
                "group": group.name,
                "position": bad.position,
                "sqlstate": sqlstate_of(bad.error),
                "error": one_line(bad.error),
                "reason": reason,
                "by": by,
            },
        )
        version, kind = cursor.fetchone() or (0, "")
        again = _first_bad(connection, cursor, group, stream_id, checkpoint)
        _leave_parked(cursor, group, stream_id, again)
        if can_replay(group):
            _replay(connection, cursor, group, stream_id, checkpoint)
        elif (other := _fold_what_stands(connection, cursor, group, stream_id, bad.position, checkpoint)) is not None:
            again = other
            _leave_parked(cursor, group, stream_id, again)
    return Discarded(
        group=group.name,
        stream_id=stream_id,
        position=bad.position,
        stream_version=version,
        type=kind,
        error=one_line(bad.error),
        reason=reason,
        discarded_by=by,
        parked_again_at=None if again is None else again.position,
        parked_again_error=None if again is None else one_line(again.error),
    )


def _first_bad(
    connection: psycopg.Connection[Any], cursor: psycopg.Cursor[Any], group: Group, stream_id: str, upto: int
) -> Bad | None:
    """The stream's first event that can not be folded, from its beginning and at its own time, whatever stands now."""
    with connection.transaction(force_rollback=True):
        make_shadows(cursor, group)
        bind(cursor, ["pg_temp"])
        return fold_to_the_bad_one(connection, cursor, group, stream_id, after=0, upto=upto)


def _fold_what_stands(
    connection: psycopg.Connection[Any],
    cursor: psycopg.Cursor[Any],
    group: Group,
    stream_id: str,
    after: int,
    upto: int,
) -> Bad | None:
    """Fold the stream's events after a position over the rows that stand, to the first that can not be folded."""
    bind(cursor, live_schemas(group))
    return fold_to_the_bad_one(connection, cursor, group, stream_id, after=after, upto=upto)


def _leave_parked(cursor: psycopg.Cursor[Any], group: Group, stream_id: str, bad: Bad | None) -> None:
    """Park the stream at another event, or no more."""
    cursor.execute(statement("unpark_stream"), {"group": group.name, "stream": stream_id})
    if bad is not None:
        cursor.execute(statement("park_stream"), parking(group, stream_id, bad.position, bad.error))


def _replay(
    connection: psycopg.Connection[Any], cursor: psycopg.Cursor[Any], group: Group, stream_id: str, upto: int
) -> None:
    try:
        with connection.transaction():
            replay_group(cursor, group, stream_id, upto)
            check_constraints(cursor)
    except psycopg.Error as exc:
        if not is_poison(exc):
            raise
        raise DiscardFailed(
            f"what waits in {stream_id} can not be folded: {one_line(exc)}", hint="mend the table that refuses it"
        ) from exc


def _require_sound_statements(connection: psycopg.Connection[Any], cursor: psycopg.Cursor[Any], group: Group) -> None:
    """Where a statement fails over no events at all, no event is to blame."""
    bind(cursor, live_schemas(group))
    try:
        with connection.transaction(force_rollback=True):
            fold_batch(cursor, group, after=0, upto=0, types=frozenset(group.events), streams=NO_STREAM)
    except psycopg.Error as exc:
        if not is_poison(exc):
            raise
        raise DiscardFailed(
            f"no event of the group {group.name} is to blame: {one_line(exc)}", hint="mend the projection's file"
        ) from exc
