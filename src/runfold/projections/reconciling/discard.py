"""Discard: give up the event that parks a stream, on record for ever, and fold the events behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg

from runfold.errors import DiscardFailed, InvalidInput, StreamNotParked
from runfold.projections.definition.catalogue import Group
from runfold.projections.folding.fold import NO_STREAM, bind, fold_batch, live_schemas
from runfold.projections.folding.ledger import Ledger
from runfold.projections.folding.poison import Bad, refusing
from runfold.projections.folding.sessions import operators_ledger
from runfold.projections.folding.user_session import UserLogin
from runfold.projections.reconciling.replay import can_replay, replay_group
from runfold.projections.reconciling.retry import bad_from_scratch, fold_waiting
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


def discard(
    connection: psycopg.Connection[Any],
    group: Group,
    stream_id: str,
    *,
    reason: str,
    by: str,
    dry_run: bool = False,
    login: UserLogin | None = None,
) -> Discarded:
    """Give up the event that parks a stream in a group, that one only, and fold the events behind it.

    If a later one fails as well, the stream is parked again at that one. All in one transaction, and safe beside a
    worker: it holds the group's checkpoint. `by` says who; `dry_run` changes nothing. The connection is in autocommit
    and of an operator, who allows the session that folds to write the record; `login` folds a user's group. Raises
    InvalidInput without a reason, StreamNotParked, and DiscardFailed when no event is to blame any more.
    """
    for name, value in (("reason", reason), ("by", by)):
        if not value.strip():
            raise InvalidInput(
                f"{name} is blank",
                hint="give one, because it is on record for ever",
                code="blank",
                pointer=f"/{name}",
                found=value,
            )
        if "\0" in value:
            raise InvalidInput(f"{name} holds a NUL", code="nul_character", pointer=f"/{name}")
    with operators_ledger(connection, group, login) as ledger:
        allowed = {"group": group.name, "pid": ledger.connection.info.backend_pid}
        connection.execute(statement("allow_discard"), {**allowed, "stream": stream_id, "reason": reason, "by": by})
        try:
            with ledger.transaction(force_rollback=dry_run):
                return _Discard(ledger, group, stream_id, reason, by).run()
        finally:
            if not connection.closed:
                connection.execute(statement("forbid_discard"), allowed)


@dataclass(frozen=True, slots=True)
class _Discard:
    """The steps of one discard, in the caller's transaction."""

    ledger: Ledger
    group: Group
    stream_id: str
    reason: str
    by: str

    def run(self) -> Discarded:
        """All of it; raises StreamNotParked and DiscardFailed."""
        stream_id, group, ledger = self.stream_id, self.group, self.ledger
        checkpoint = ledger.hold(group)
        if (first := ledger.parked_at(group, stream_id)) is None:
            raise StreamNotParked(f"{stream_id} is not parked in group {group.name}", hint="see `runfold parked list`")
        with ledger.connection.cursor() as cursor:
            self._require_sound_statements(cursor)
            bad = self._first_bad(cursor, first, checkpoint)
            if bad is None:
                raise DiscardFailed(
                    f"the events of {stream_id} can be folded now", hint=f"run `runfold parked retry {stream_id}`"
                )
            version, kind = ledger.record_discard(group, bad.position, sqlstate=bad.sqlstate, error=bad.message)
            if can_replay(group):
                again = bad_from_scratch(ledger, cursor, group, stream_id, upto=checkpoint)
                self._leave_parked(again)
                self._replay(cursor, checkpoint)
            else:
                # From where the stream was parked: what lies before the bad event may be in no row either.
                again = fold_waiting(ledger, cursor, group, stream_id, first=first, upto=checkpoint)
                self._leave_parked(again)
        return Discarded(
            group=group.name,
            stream_id=stream_id,
            position=bad.position,
            stream_version=version,
            type=kind,
            error=bad.message,
            reason=self.reason,
            discarded_by=self.by,
            parked_again_at=None if again is None else again.position,
            parked_again_error=None if again is None else again.message,
        )

    def _first_bad(self, cursor: psycopg.Cursor[Any], first: int, upto: int) -> Bad | None:
        """The event to give up, as `first` parks the stream; what is there stays as it is."""
        ledger, group = self.ledger, self.group
        scratch = bad_from_scratch(ledger, cursor, group, self.stream_id, upto=upto)
        replayed = can_replay(group)
        if scratch is not None and replayed:
            return scratch
        # What only the live tables refuse: a foreign key, or a sum over many streams.
        with ledger.connection.transaction(force_rollback=True):
            live = fold_waiting(ledger, cursor, group, self.stream_id, first=first, upto=upto)
        if replayed or scratch is None or scratch.position < first:
            # What comes before `first` is in rows of many streams already, and cannot be taken out of them.
            return live
        return scratch if live is None or scratch.position < live.position else live

    def _leave_parked(self, bad: Bad | None) -> None:
        """Park the stream at another event, or no more."""
        self.ledger.unpark(self.group, self.stream_id)
        if bad is not None:
            self.ledger.park(self.group, self.stream_id, bad.position, sqlstate=bad.sqlstate, error=bad.message)

    def _replay(self, cursor: psycopg.Cursor[Any], upto: int) -> None:
        with (
            refusing(
                lambda why: DiscardFailed(
                    f"the events behind it in {self.stream_id} cannot be folded: {why}",
                    hint="repair the table that refuses them",
                )
            ),
            self.ledger.connection.transaction(),
        ):
            replay_group(cursor, self.group, self.stream_id, upto)
            self.ledger.check_constraints(self.group)

    def _require_sound_statements(self, cursor: psycopg.Cursor[Any]) -> None:
        """Raise DiscardFailed where a statement fails over no events at all."""
        bind(cursor, live_schemas(self.group))
        with (
            refusing(
                lambda why: DiscardFailed(
                    f"no event of the group {self.group.name} is to blame: {why}", hint="repair the projection's file"
                )
            ),
            self.ledger.connection.transaction(force_rollback=True),
        ):
            fold_batch(cursor, self.group, after=0, upto=0, types=frozenset(self.group.events), streams=NO_STREAM)
