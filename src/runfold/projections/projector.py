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
from runfold.projections.catalogue import Group
from runfold.projections.fold import (
    EVERY_STREAM,
    NO_STREAM,
    NOT_PARKED,
    ONE_STREAM,
    SMALL_BATCH,
    Bounds,
    HandlerFailed,
    batch_bounds,
    bind,
    fold_batch,
    live_schemas,
)
from runfold.projections.replay import can_replay, replay_group
from runfold.projections.statements import statement

log = logging.getLogger(__name__)

DEFAULT_BATCH_SIZE = 20_000

# Data and logic errors: the event's or the fold's fault. Everything else is the world's, and is tried again.
_POISON_CLASSES = ("22", "23", "42")
_POISON_STATES = ("P0001",)


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


Failure = psycopg.Error | HandlerFailed
"""What a fold that failed raised."""


def is_poison(exc: Failure) -> bool:
    """Whether the error is the data's or the fold's."""
    if isinstance(exc, HandlerFailed):
        return True
    state = exc.sqlstate or ""
    return state[:2] in _POISON_CLASSES or state in _POISON_STATES


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
                    raise GroupStopped(_one_line(exc)) from exc
                if size == 1:
                    return self._park(group, head)
                self._sizes[group.name] = max(1, size // 16)
            else:
                if size < self.batch_size:
                    self._sizes[group.name] = min(2 * size, self.batch_size)
                return advanced

    def pass_by(self, groups: Iterable[Group], head: int) -> set[str]:
        """Move on, to a head and in one statement, the groups that have nothing to fold up to it.

        Returns their names.
        """
        rows = self.connection.execute(
            statement("pass_by"),
            {
                "head": head,
                "epoch": self.epoch,
                "groups": Jsonb({group.name: {"types": group.events, "versions": group.versions} for group in groups}),
            },
        ).fetchall()
        return {name for (name,) in rows}

    def _advance(self, group: Group, head: int, size: int) -> Advanced | None:
        # A projection without statements is not SQL alone, and may do what a pipeline can not.
        pipelined = self.pipelined and all(projection.statements for projection in group.projections)
        with (
            self.connection.pipeline() if pipelined else nullcontext(),
            self.connection.transaction(),
            self.connection.cursor() as cursor,
        ):
            after, parked = self._state(cursor, group)
            if after >= head:
                return None
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
                )
            self._move(cursor, group, after, bounds.upto)
            return Advanced(after, bounds.upto, bounds.events)

    def _state(self, cursor: psycopg.Cursor[Any], group: Group) -> tuple[int, bool]:
        """Hold the group's checkpoint; where it stands, and whether any stream is parked.

        What is looked at beside it is looked at in a later statement: who waits for a row sees the rest as it was
        before the wait.
        """
        cursor.execute(statement("hold_checkpoint"), {"group": group.name})
        row = cursor.fetchone()
        if row is None:
            raise LeadershipLost(f"the group {group.name} has no checkpoint")
        parked, built = cursor.execute(statement("group_state"), {"group": group.name}).fetchone() or (False, {})
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
        self._note_stopped(group, sqlstate_of(exc), _one_line(exc))

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
            for stream_id, first_position in suspects:
                failure = self._fold_one(cursor, group, after, bounds, stream_id)
                if failure is None:
                    continue
                self._note_parked(cursor, group, stream_id, first_position, failure)
                log.error(
                    "stream %s is parked in group %s at position %s: %s",
                    stream_id,
                    group.name,
                    first_position,
                    _one_line(failure),
                )
            self._move(cursor, group, after, bounds.upto)
            return Advanced(after, bounds.upto, bounds.events)

    def _note_parked(
        self, cursor: psycopg.Cursor[Any], group: Group, stream_id: str, position: int, failure: Failure
    ) -> None:
        cursor.execute(
            statement(self._PARK),
            {
                "group": group.name,
                "stream": stream_id,
                "position": position,
                "sqlstate": sqlstate_of(failure),
                "error": _one_line(failure),
            },
        )

    def _fold_one(
        self, cursor: psycopg.Cursor[Any], group: Group, after: int, bounds: Bounds, stream_id: str
    ) -> Failure | None:
        """Fold one stream's events of a batch; on a data error undo that and return it."""
        try:
            with self.connection.transaction():
                fold_batch(
                    cursor,
                    group,
                    after=after,
                    upto=bounds.upto,
                    types=bounds.types,
                    streams=ONE_STREAM,
                    stream=stream_id,
                )
                self._check_constraints(cursor, group)
        except (psycopg.Error, HandlerFailed) as exc:
            if not is_poison(exc):
                raise
            return exc
        return None

    def _check_constraints(self, cursor: psycopg.Cursor[Any], group: Group) -> None:  # noqa: ARG002 - for who overrides it
        """Let deferred constraints speak now, not at commit, where they would take the other streams with them."""
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")

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
                self._note_parked(cursor, group, stream_id, first, failure)
            return failure

    def _retry(
        self, cursor: psycopg.Cursor[Any], group: Group, stream_id: str, first: int, checkpoint: int
    ) -> Failure | None:
        unpark = {"group": group.name, "stream": stream_id}
        if not can_replay(group):
            bind(cursor, live_schemas(group))
            failure = self._fold_one(
                cursor, group, first - 1, Bounds(checkpoint, 1, frozenset(group.events)), stream_id
            )
            if failure is None:
                cursor.execute(statement(self._UNPARK), unpark)
            return failure
        try:
            with self.connection.transaction():
                cursor.execute(statement("unpark_stream"), unpark)
                replay_group(cursor, group, stream_id, checkpoint)
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        except psycopg.Error as exc:
            if not is_poison(exc):
                raise
            return exc
        return None


def sqlstate_of(exc: Failure) -> str:
    """The error's SQLSTATE; that of a raised exception for one of Python's."""
    return "P0001" if isinstance(exc, HandlerFailed) else exc.sqlstate or "XX000"


def _one_line(exc: Failure) -> str:
    message = exc.diag.message_primary if isinstance(exc, psycopg.Error) else None
    return " ".join(str(message or exc).split())
