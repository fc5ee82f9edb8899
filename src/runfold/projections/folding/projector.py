"""The projector: moves a group along the log, one transaction a batch, and parks what cannot be folded."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from runfold.errors import ProjectionEscaped, RowsHidden
from runfold.projections.definition.catalogue import Group
from runfold.projections.folding.fold import (
    EVERY_STREAM,
    NO_STREAM,
    NOT_PARKED,
    SMALL_BATCH,
    SPAN,
    HandlerFailed,
    ask_bounds,
    batch_bounds,
    bind,
    fold_batch,
    live_schemas,
    read_bounds,
)
from runfold.projections.folding.hidden import require_visible
from runfold.projections.folding.ledger import Ledger
from runfold.projections.folding.poison import (
    PERMISSION_DENIED,
    Failure,
    fold_alone,
    fold_to_the_bad_one,
    is_poison,
    is_too_large,
    may_pass,
    sqlstate_of,
    why_stopped,
)
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.projections")

log = logging.getLogger(__name__)

DEFAULT_BATCH_SIZE = 20_000
# How many other streams are tried, before a projection in Python that never succeeded is said to be broken.
_TRIED = 8
_LOOKED_AT = 1_000
# Classes of errors that a statement can fail with whether or not there is an event: rules of SQL, and program limits.
_OF_STATEMENTS = ("42", "54")


class GroupStopped(Exception):
    """The group's statements fail for any events; its checkpoint says why."""


class BuiltOtherwise(Exception):
    """The group's tables were rebuilt from other files than these meanwhile: they are not folded with these."""


@dataclass(frozen=True, slots=True)
class Advanced:
    """What one batch did."""

    after: int
    upto: int
    events: int


class Projector:
    """Folds for the worker that leads, in the session of a ledger, which FOLD_SESSION has set up.

    `pipelined` sends the statements of a batch at once: on a busy machine each wait for an answer is a chance to be
    kept waiting. Users' groups are not pipelined: their session is examined between two statements.
    """

    def __init__(self, ledger: Ledger, *, batch_size: int = DEFAULT_BATCH_SIZE, pipelined: bool = False) -> None:
        self.ledger = ledger
        self.batch_size = batch_size
        self.pipelined = pipelined
        # Smaller than batch_size near an event that cannot be folded, so that finding it does not take long.
        self._sizes: dict[str, int] = {}
        # The position at which each group was seen last; the checkpoint decides.
        self._seen: dict[str, int] = {}
        # How many events the batch at hand holds, at most.
        self._tried = batch_size
        # Groups whose folds have succeeded under this projector.
        self._proven: set[str] = set()

    @property
    def connection(self) -> psycopg.Connection[Any]:
        """The session that folds."""
        return self.ledger.connection

    def advance(self, group: Group, head: int) -> Advanced | None:
        """Fold the group's next batch and move its checkpoint, in one transaction; None when there is nothing to do.

        A batch that fails on data, or on a limit of PostgreSQL, is cut smaller until one append fails alone; then the
        stream that fails alone is parked and the rest goes on. A batch that exceeds a time limit, or what there is of
        memory or disk, is cut smaller, too. Raises LeadershipLost when another worker leads (nothing was changed),
        GroupStopped when no event is to blame and trying again is of no use, BuiltOtherwise when the tables were
        rebuilt from other files, and psycopg's error for what may pass. After GroupStopped a user's connection may be
        closed.
        """
        while True:
            self._tried = size = self._sizes.pop(group.name, self.batch_size)
            try:
                advanced = self._advance(group, head, size)
            except ProjectionEscaped as exc:
                raise self._stopped(group, exc) from exc
            except (psycopg.Error, HandlerFailed) as exc:
                if not self._cut(group, head, size, exc):
                    return self._park(group, head)
            else:
                if size < self.batch_size:
                    self._sizes[group.name] = min(2 * size, self.batch_size)
                if advanced is not None and advanced.events:
                    self._proven.add(group.name)
                return advanced

    def look(self, groups: Iterable[Group], *, least: int) -> tuple[int, set[str]]:
        """Read the safe head, and move the groups there that have nothing to fold up to it; returns it and their names.

        The head may go back when an append that began earlier is seen later; what was settled stays settled: it is
        `least` or more.
        """
        with (
            self.connection.pipeline(),
            self.connection.cursor() as reading,
            self.connection.cursor() as passing,
        ):
            reading.execute(statement("settle_head"), {"least": least})
            self._pass_by(passing, groups, None)
            (head,) = reading.fetchone() or (least,)
            passed = {name for (name,) in passing.fetchall()}
        self._seen |= dict.fromkeys(passed, head)
        return head, passed

    def pass_by(self, groups: Iterable[Group], head: int) -> set[str]:
        """Move on, to a head that is known, the groups that have nothing to fold up to it; returns their names."""
        with self.connection.cursor() as cursor:
            self._pass_by(cursor, groups, head)
            return {name for (name,) in cursor.fetchall()}

    def _pass_by(self, cursor: psycopg.Cursor[Any], groups: Iterable[Group], head: int | None) -> None:
        known = {group.name: {"types": group.events, "versions": group.versions} for group in groups}
        asked = {"head": head, "epoch": self.ledger.epoch, "groups": Jsonb(known), "span": SPAN}
        cursor.execute(statement("pass_by"), asked)

    def _advance(self, group: Group, head: int, size: int) -> Advanced | None:
        # A projection without statements is not SQL alone, and may do what a pipeline cannot.
        pipelined = self.pipelined and all(projection.statements for projection in group.projections)
        with (
            self.connection.pipeline() if pipelined else nullcontext(),
            self.ledger.transaction(),
            self.connection.cursor() as cursor,
            self.connection.cursor() as asking,
        ):
            # What lies between two settled positions never changes: it is asked for from the position seen last.
            expected = self._seen.get(group.name, head) if pipelined else head
            asked = head
            if expected < head:
                asked = ask_bounds(asking, group, after=expected, head=head, size=size)
            after, parked = self._begin(group)
            if after >= head:
                self.ledger.end(group)
                return None
            if after == expected:
                bounds = read_bounds(asking, group, upto=asked, size=size)
            else:
                bounds = batch_bounds(cursor, group, after=after, head=head, size=size)
            self._tried = min(bounds.events, size)
            if bounds.events:
                small = bounds.events <= min(size - 1, SMALL_BATCH)
                bind(cursor, live_schemas(group), small=small)
                fold_batch(
                    cursor,
                    group,
                    after=after,
                    upto=bounds.upto,
                    types=bounds.types,
                    streams=NOT_PARKED if parked else EVERY_STREAM,
                    small=small,
                    expected=bounds.events,
                )
            self.ledger.move(group, after, bounds.upto)
        self._seen[group.name] = bounds.upto
        return Advanced(after, bounds.upto, bounds.events)

    def _cut(self, group: Group, head: int, size: int, exc: Failure) -> bool:
        """Have the batch that failed tried again with fewer events; False when one append fails alone on its data.

        Raises the error where it may pass, and GroupStopped where the same would fail again.
        """
        if isinstance(exc, psycopg.errors.QueryCanceled) and self.ledger.has_time_limit:
            events = self._events_ahead(group, head, size)
            if events <= 1:
                raise self._stopped(group, exc) from exc
            self._sizes[group.name] = max(1, events // 16)
            return True
        if may_pass(exc):
            if not is_too_large(exc) or self.connection.closed:
                raise exc
            # The next try begins where this one got to: large batches would fail for as long as there is no room.
            self._sizes[group.name] = max(1, self._tried // 16)
            if size == 1:
                raise exc
            return True
        if not is_poison(exc) or self._fails_without_events(group, exc):
            raise self._stopped(group, exc) from exc
        if size == 1:
            return False
        self._sizes[group.name] = max(1, self._tried // 16)
        return True

    def _begin(self, group: Group) -> tuple[int, bool]:
        begun = self.ledger.begin(group)
        if any(group.versions.get(name) != version for name, version in begun.built.items()):
            raise BuiltOtherwise(group.name)
        return begun.position, begun.parked

    def _events_ahead(self, group: Group, head: int, size: int) -> int:
        """How many events the batch of this size held that was just given up."""
        with self.connection.transaction(), self.connection.cursor() as cursor:
            return batch_bounds(cursor, group, after=self._position(group), head=head, size=size).events

    def _position(self, group: Group) -> int:
        row = self.connection.execute(statement("checkpoint"), {"group": group.name}).fetchone()
        return row[0] if row is not None else 0

    def _fails_without_events(self, group: Group, exc: Failure) -> bool:
        """Whether a statement is wrong in itself, and so fails over no events at all: then no event is to blame."""
        if sqlstate_of(exc)[:2] not in _OF_STATEMENTS:
            return False
        try:
            with self.ledger.transaction(force_rollback=True), self.connection.cursor() as cursor:
                bind(cursor, live_schemas(group))
                fold_batch(cursor, group, after=0, upto=0, types=frozenset(group.events), streams=NO_STREAM)
        except psycopg.Error as exc:
            if not is_poison(exc):
                raise
            return True
        return False

    def _stopped(self, group: Group, exc: Failure | ProjectionEscaped) -> GroupStopped:
        """Note why the group cannot be folded; returns what is to be raised."""
        # After an escape the connection is closed, and has no user.
        said = str(exc) if isinstance(exc, ProjectionEscaped) else why_stopped(exc, self.connection.info.user)
        state = (exc.sqlstate or "") if isinstance(exc, ProjectionEscaped) else sqlstate_of(exc)
        self.ledger.note_stopped(group, state, said)
        return GroupStopped(said)

    def _park(self, group: Group, head: int) -> Advanced | None:
        """Park the streams of the next append that fail alone, and fold the others of it."""
        try:
            # A row that is hidden is inserted again, and its key is there: that is no event's fault.
            require_visible(self.connection, group)
        except RowsHidden as exc:
            self.ledger.note_stopped(group, PERMISSION_DENIED, str(exc))
            raise GroupStopped(str(exc)) from exc
        if any(projection.handler is not None for projection in group.projections) and group.name not in self._proven:
            self._refuse_broken(group, head)
        with self.ledger.transaction(), self.connection.cursor() as cursor:
            after, _ = self._begin(group)
            bounds = batch_bounds(cursor, group, after=after, head=head, size=1)
            suspects = self._streams(cursor, group, after, bounds.upto)
            bind(cursor, live_schemas(group))
            for stream_id in suspects:
                # What comes before the bad one in its append is folded; from the bad one on the stream waits.
                bad = fold_to_the_bad_one(self.ledger, cursor, group, stream_id, after=after, upto=bounds.upto)
                if bad is None:
                    continue
                self.ledger.park(group, stream_id, bad.position, sqlstate=bad.sqlstate, error=bad.message)
                log.error(
                    "stream %s is parked in group %s at position %s: %s",
                    stream_id,
                    group.name,
                    bad.position,
                    bad.message,
                    extra={
                        "event": "parked",
                        "group": group.name,
                        "stream": stream_id,
                        "position": bad.position,
                        "sqlstate": bad.sqlstate,
                        "epoch": self.ledger.epoch,
                    },
                )
            self.ledger.move(group, after, bounds.upto)
            return Advanced(after, bounds.upto, bounds.events)

    def _streams(self, cursor: psycopg.Cursor[Any], group: Group, after: int, upto: int) -> list[str]:
        asked = {"group": group.name, "after": after, "upto": upto, "types": group.events}
        return [stream for (stream,) in cursor.execute(statement("batch_streams"), asked).fetchall()]

    def _refuse_broken(self, group: Group, head: int) -> None:
        """Raise GroupStopped when a projection in Python that never succeeded fails on each of the next streams.

        A statement can be tried over no events; a function cannot. So it is tried on the next streams, each alone, and
        all of it is rolled back.
        """
        failure: Failure | None = None
        after = self._position(group)
        with self.ledger.transaction(force_rollback=True), self.connection.cursor() as cursor:
            bounds = batch_bounds(cursor, group, after=after, head=head, size=_LOOKED_AT)
            for stream_id in self._streams(cursor, group, after, bounds.upto)[:_TRIED]:
                with self.connection.transaction(force_rollback=True):
                    bind(cursor, live_schemas(group))
                    failure = fold_alone(
                        self.ledger,
                        cursor,
                        group,
                        stream_id,
                        after=after,
                        upto=bounds.upto,
                        types=bounds.types,
                        checked=False,
                    )
                if failure is None:
                    return
        if failure is not None:
            raise self._stopped(group, failure)
