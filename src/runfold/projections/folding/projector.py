"""The projector: moves a group along the log, one transaction a batch, and parks what can not be folded."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar, LiteralString

import psycopg
from psycopg.types.json import Jsonb

from runfold.errors import LeadershipLost
from runfold.projections.definition.catalogue import Group
from runfold.projections.folding.fold import (
    EVERY_STREAM,
    NO_STREAM,
    NOT_PARKED,
    SMALL_BATCH,
    HandlerFailed,
    ask_bounds,
    batch_bounds,
    bind,
    fold_batch,
    live_schemas,
    read_bounds,
)
from runfold.projections.folding.poison import (
    Check,
    Failure,
    check_constraints,
    fold_alone,
    fold_to_the_bad_one,
    is_poison,
    one_line,
    parking,
    sqlstate_of,
)
from runfold.projections.reconciling.replay import can_replay, replay_group
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.projections")

log = logging.getLogger(__name__)

DEFAULT_BATCH_SIZE = 20_000


class GroupStopped(Exception):
    """The group's statements fail whatever the events are; its checkpoint says why."""


class BuiltOtherwise(Exception):
    """The group's tables were built from other files than these meanwhile: they are not folded with these."""


@dataclass(frozen=True, slots=True)
class Advanced:
    """What one batch did."""

    after: int
    upto: int
    events: int


class Projector:
    """Folds for the worker that leads. The connection is its own, in autocommit, and set up by FOLD_SESSION.

    `pipelined` sends the statements of a batch at once: on a busy machine each wait for an answer is a chance to be
    kept waiting.
    """

    _PARK: ClassVar[LiteralString] = "park_stream"
    _UNPARK: ClassVar[LiteralString] = "unpark_stream"

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        *,
        epoch: int,
        batch_size: int = DEFAULT_BATCH_SIZE,
        pipelined: bool = False,
    ) -> None:
        self.connection = connection
        self.epoch = epoch
        self.batch_size = batch_size
        self.pipelined = pipelined
        # Smaller than batch_size near an event that can not be folded, so that finding it does not take long.
        self._sizes: dict[str, int] = {}
        # Where each group was seen to stand; the checkpoint decides.
        self._stands: dict[str, int] = {}

    def advance(self, group: Group, head: int) -> Advanced | None:
        """Fold the group's next batch and move its checkpoint, in one transaction; None when there is nothing to do.

        A batch that fails on data is cut smaller until one append fails alone; then the stream that fails alone is
        parked and the rest goes on. Raises LeadershipLost when another worker leads (nothing was changed),
        GroupStopped when no event is to blame and trying again is of no use, BuiltOtherwise when the tables were
        rebuilt from other files, and psycopg's OperationalError for what may pass.
        """
        while True:
            size = self._sizes.pop(group.name, self.batch_size)
            try:
                advanced = self._advance(group, head, size)
            except psycopg.OperationalError:
                raise
            except (psycopg.Error, HandlerFailed) as exc:
                if not is_poison(exc) or self._fails_without_events(group, exc):
                    self._stop(group, exc)
                    raise GroupStopped(one_line(exc)) from exc
                if size == 1:
                    return self._park(group, head)
                self._sizes[group.name] = max(1, size // 16)
            else:
                if size < self.batch_size:
                    self._sizes[group.name] = min(2 * size, self.batch_size)
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
        self._stands |= dict.fromkeys(passed, head)
        return head, passed

    def pass_by(self, groups: Iterable[Group], head: int) -> set[str]:
        """Move on, to a head that is known, the groups that have nothing to fold up to it; returns their names."""
        with self.connection.cursor() as cursor:
            self._pass_by(cursor, groups, head)
            return {name for (name,) in cursor.fetchall()}

    def _pass_by(self, cursor: psycopg.Cursor[Any], groups: Iterable[Group], head: int | None) -> None:
        known = {group.name: {"types": group.events, "versions": group.versions} for group in groups}
        cursor.execute(statement("pass_by"), {"head": head, "epoch": self.epoch, "groups": Jsonb(known)})

    def _advance(self, group: Group, head: int, size: int) -> Advanced | None:
        # A projection without statements is not SQL alone, and may do what a pipeline can not.
        pipelined = self.pipelined and all(projection.statements for projection in group.projections)
        with (
            self.connection.pipeline() if pipelined else nullcontext(),
            self.connection.transaction(),
            self.connection.cursor() as cursor,
            self.connection.cursor() as asking,
        ):
            # What lies between two settled positions never changes: it is asked for where the group stood last.
            expected = self._stands.get(group.name, head) if pipelined else head
            if expected < head:
                ask_bounds(asking, group, after=expected, head=head, size=size)
            after, parked = self._state(cursor, group)
            if after >= head:
                return None
            if after == expected:
                bounds = read_bounds(asking, group, head=head, size=size)
            else:
                bounds = batch_bounds(cursor, group, after=after, head=head, size=size)
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
            self._move(cursor, group, after, bounds.upto)
        self._stands[group.name] = bounds.upto
        return Advanced(after, bounds.upto, bounds.events)

    def _state(self, cursor: psycopg.Cursor[Any], group: Group) -> tuple[int, bool]:
        """Hold the group's checkpoint; where it stands, and whether any stream is parked.

        What is looked at beside it is looked at in a later statement: who waits for a row sees the rest as it was
        before the wait.
        """
        with cursor.connection.cursor() as holding:
            holding.execute(statement("hold_checkpoint"), {"group": group.name})
            cursor.execute(statement("group_state"), {"group": group.name})
            row = holding.fetchone()
            parked, built = cursor.fetchone() or (False, {})
        if row is None:
            raise LeadershipLost(f"the group {group.name} has no checkpoint")
        if any(group.versions.get(name) != version for name, version in built.items()):
            raise BuiltOtherwise(group.name)
        return row[0], parked

    def _parked_state(self, cursor: psycopg.Cursor[Any], group: Group, stream_id: str) -> tuple[int, int] | None:
        """Where a stream is parked in the group and where the group stands; None where it is not parked."""
        cursor.execute(statement("parked_stream"), {"group": group.name, "stream": stream_id})
        row = cursor.fetchone()
        return None if row is None else (row[0], row[1])

    def _move(self, cursor: psycopg.Cursor[Any], group: Group, after: int, upto: int) -> None:
        # A cursor of its own, and its row fetched: in a pipeline the first result of a cursor may be another
        # statement's, and nothing has been executed before something is fetched.
        with cursor.connection.cursor() as moving:
            moving.execute(
                statement("move_checkpoint"), {"group": group.name, "after": after, "upto": upto, "epoch": self.epoch}
            )
            if moving.fetchone() is None:
                raise LeadershipLost

    def _fails_without_events(self, group: Group, exc: Failure) -> bool:
        """Whether a statement is wrong in itself, and so fails over no events at all: then no event is to blame."""
        if not sqlstate_of(exc).startswith("42"):
            return False
        try:
            with self.connection.transaction(force_rollback=True), self.connection.cursor() as cursor:
                bind(cursor, live_schemas(group))
                fold_batch(cursor, group, after=0, upto=0, types=frozenset(group.events), streams=NO_STREAM)
        except psycopg.Error as exc:
            if not is_poison(exc):
                raise
            return True
        return False

    def _stop(self, group: Group, exc: Failure) -> None:
        self._note_stopped(group, sqlstate_of(exc), one_line(exc))

    def _note_stopped(self, group: Group, sqlstate: str, error: str) -> None:
        with self.connection.transaction(), self.connection.cursor() as cursor:
            cursor.execute(
                statement("stop_group"),
                {"group": group.name, "sqlstate": sqlstate, "error": error, "epoch": self.epoch},
            )
        log.error("projection group %s stopped: %s", group.name, error)

    def _park(self, group: Group, head: int) -> Advanced | None:
        """Park the streams of the next append that fail alone, and fold the others of it."""
        with self.connection.transaction(), self.connection.cursor() as cursor:
            after, _ = self._state(cursor, group)
            bounds = batch_bounds(cursor, group, after=after, head=head, size=1)
            cursor.execute(
                statement("batch_streams"),
                {"group": group.name, "after": after, "upto": bounds.upto, "types": group.events},
            )
            suspects = cursor.fetchall()
            bind(cursor, live_schemas(group))
            for (stream_id,) in suspects:
                # What comes before the bad one in its append is folded; from the bad one on the stream waits.
                bad = fold_to_the_bad_one(
                    self.connection,
                    cursor,
                    group,
                    stream_id,
                    after=after,
                    upto=bounds.upto,
                    check=self._check_of(group),
                )
                if bad is None:
                    continue
                cursor.execute(statement(self._PARK), parking(group, stream_id, bad.position, bad.error))
                log.error(
                    "stream %s is parked in group %s at position %s: %s",
                    stream_id,
                    group.name,
                    bad.position,
                    one_line(bad.error),
                )
            self._move(cursor, group, after, bounds.upto)
            return Advanced(after, bounds.upto, bounds.events)

    def _check_of(self, group: Group) -> Check:  # noqa: ARG002 - for who overrides it
        """What lets the deferred constraints of the group's tables speak."""
        return check_constraints

    def retry_parked(self, group: Group, stream_id: str) -> Failure | None:
        """Fold a parked stream in order from its beginning up to the group's checkpoint and unpark it.

        Returns its new error where it fails again; then it stays parked and nothing else was changed. Where rows of
        the group belong to no stream, only what waits is folded, over the rows that stand. Safe beside a worker: it
        holds the group's checkpoint.
        """
        with self.connection.transaction(), self.connection.cursor() as cursor:
            row = self._parked_state(cursor, group, stream_id)
            if row is None:
                return None
            first, checkpoint = row
            failure = self._retry(cursor, group, stream_id, first, checkpoint)
            if failure is not None:
                cursor.execute(statement(self._PARK), parking(group, stream_id, first, failure))
            return failure

    def _retry(
        self, cursor: psycopg.Cursor[Any], group: Group, stream_id: str, first: int, checkpoint: int
    ) -> Failure | None:
        unpark = {"group": group.name, "stream": stream_id}
        if not can_replay(group):
            bind(cursor, live_schemas(group))
            failure = fold_alone(
                self.connection,
                cursor,
                group,
                stream_id,
                after=first - 1,
                upto=checkpoint,
                types=frozenset(group.events),
                check=self._check_of(group),
            )
            if failure is None:
                cursor.execute(statement(self._UNPARK), unpark)
            return failure
        try:
            with self.connection.transaction():
                cursor.execute(statement(self._UNPARK), unpark)
                replay_group(cursor, group, stream_id, checkpoint)
                self._check_of(group)(cursor)
        except (psycopg.Error, HandlerFailed) as exc:
            if not is_poison(exc):
                raise
            return exc
        return None
