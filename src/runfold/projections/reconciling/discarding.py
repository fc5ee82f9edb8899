"""The steps of a discard, in the session that folds the group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg

from runfold.errors import DiscardFailed, StreamNotParked
from runfold.projections.definition.catalogue import Group
from runfold.projections.folding.fold import NO_STREAM, bind, fold_batch, live_schemas
from runfold.projections.folding.poison import (
    Bad,
    check_constraints,
    fold_to_the_bad_one,
    one_line,
    parking,
    refusing,
    sqlstate_of,
)
from runfold.projections.reconciling.replay import can_replay, replay_group
from runfold.projections.reconciling.shadows import make_shadows
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.projections")


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


class Discarding:
    """One discard: of the event that parks a stream in a group."""

    def __init__(
        self, connection: psycopg.Connection[Any], group: Group, stream_id: str, *, reason: str, by: str
    ) -> None:
        self.connection = connection
        self.group = group
        self.stream_id = stream_id
        self.reason = reason
        self.by = by

    def run(self, *, dry_run: bool) -> Discarded:
        """All of it, in one transaction; raises StreamNotParked and DiscardFailed."""
        stream_id, group = self.stream_id, self.group
        with self.connection.transaction(force_rollback=dry_run), self.connection.cursor() as cursor:
            row = self._parked(cursor)
            if row is None:
                raise StreamNotParked(
                    f"{stream_id} is not parked in group {group.name}", hint="see `runfold parked list`"
                )
            first, checkpoint = row
            self._require_sound_statements(cursor)
            bad = self._first_bad(cursor, checkpoint)
            if bad is None:
                # What only the live tables refuse: a foreign key, or a sum over many streams.
                with self.connection.transaction(force_rollback=True):
                    bad = self._fold_what_stands(cursor, after=first - 1, upto=checkpoint)
            if bad is None:
                raise DiscardFailed(
                    f"the events of {stream_id} can be folded now", hint=f"run `runfold parked retry {stream_id}`"
                )
            version, kind = self._record(cursor, bad)
            again = self._first_bad(cursor, checkpoint)
            self._leave_parked(cursor, again)
            if can_replay(group):
                self._replay(cursor, checkpoint)
            elif (other := self._fold_what_stands(cursor, bad.position, checkpoint)) is not None:
                again = other
                self._leave_parked(cursor, again)
        return Discarded(
            group=group.name,
            stream_id=stream_id,
            position=bad.position,
            stream_version=version,
            type=kind,
            error=one_line(bad.error),
            reason=self.reason,
            discarded_by=self.by,
            parked_again_at=None if again is None else again.position,
            parked_again_error=None if again is None else one_line(again.error),
        )

    def _parked(self, cursor: psycopg.Cursor[Any]) -> tuple[int, int] | None:
        """Hold the group's checkpoint: where the stream is parked and where the group stands; None: it is not."""
        row = cursor.execute(
            statement("parked_stream"), {"group": self.group.name, "stream": self.stream_id}
        ).fetchone()
        return None if row is None else (row[0], row[1])

    def _record(self, cursor: psycopg.Cursor[Any], bad: Bad) -> tuple[int, str]:
        """Put the event on record as given up; returns its version in the stream and its type."""
        cursor.execute(
            statement("discard_event"),
            {
                "group": self.group.name,
                "position": bad.position,
                "sqlstate": sqlstate_of(bad.error),
                "error": one_line(bad.error),
                "reason": self.reason,
                "by": self.by,
            },
        )
        return cursor.fetchone() or (0, "")

    def _leave_parked(self, cursor: psycopg.Cursor[Any], bad: Bad | None) -> None:
        """Park the stream at another event, or no more."""
        cursor.execute(statement("unpark_stream"), {"group": self.group.name, "stream": self.stream_id})
        if bad is not None:
            cursor.execute(statement("park_stream"), parking(self.group, self.stream_id, bad.position, bad.error))

    def _check(self, cursor: psycopg.Cursor[Any]) -> None:
        """Let deferred constraints speak."""
        check_constraints(cursor)

    def _first_bad(self, cursor: psycopg.Cursor[Any], upto: int) -> Bad | None:
        """The stream's first event that can not be folded, from its beginning and at its own time, whatever stands."""
        with self.connection.transaction(force_rollback=True):
            make_shadows(cursor, self.group)
            bind(cursor, ["pg_temp"])
            return fold_to_the_bad_one(
                self.connection, cursor, self.group, self.stream_id, after=0, upto=upto, check=self._check
            )

    def _fold_what_stands(self, cursor: psycopg.Cursor[Any], after: int, upto: int) -> Bad | None:
        """Fold the stream's events after a position over the rows that stand, to the first that can not be folded."""
        bind(cursor, live_schemas(self.group))
        return fold_to_the_bad_one(
            self.connection, cursor, self.group, self.stream_id, after=after, upto=upto, check=self._check
        )

    def _replay(self, cursor: psycopg.Cursor[Any], upto: int) -> None:
        with (
            refusing(
                lambda why: DiscardFailed(
                    f"what waits in {self.stream_id} can not be folded: {why}", hint="mend the table that refuses it"
                )
            ),
            self.connection.transaction(),
        ):
            replay_group(cursor, self.group, self.stream_id, upto)
            self._check(cursor)

    def _require_sound_statements(self, cursor: psycopg.Cursor[Any]) -> None:
        """Where a statement fails over no events at all, no event is to blame."""
        bind(cursor, live_schemas(self.group))
        with (
            refusing(
                lambda why: DiscardFailed(
                    f"no event of the group {self.group.name} is to blame: {why}", hint="mend the projection's file"
                )
            ),
            self.connection.transaction(force_rollback=True),
        ):
            fold_batch(cursor, self.group, after=0, upto=0, types=frozenset(self.group.events), streams=NO_STREAM)
