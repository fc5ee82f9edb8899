"""The projector of users' groups: the same steps in the session of their own login, by functions that it may call."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, LiteralString

import psycopg

from runfold.errors import LeadershipLost, ProjectionEscaped
from runfold.projections.definition.catalogue import Group
from runfold.projections.folding.fold import (
    FOLD_SESSION,
    batch_bounds,
    bind,
    live_schemas,
)
from runfold.projections.folding.own_checkpoint import hold_own
from runfold.projections.folding.poison import Check, Failure, check_constraints_of, fold_alone, sqlstate_of
from runfold.projections.folding.projector import (
    DEFAULT_BATCH_SIZE,
    Advanced,
    BuiltOtherwise,
    GroupStopped,
    Projector,
)
from runfold.projections.folding.user_session import OwnConnection, one_transaction
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.projections")

log = logging.getLogger(__name__)

# How many other streams are tried, before a projection in Python that never succeeded is said to be broken.
_TRIED = 8
_LOOKED_AT = 1_000


class OwnProjector(Projector):
    """Folds users' groups for the worker that leads, on a connection that `OwnLogin.open` made and FOLD_SESSION set up.

    `note_stopped` is told the group, an SQLSTATE and the error of a group that can not be folded: the login itself may
    not write that down. After GroupStopped the connection may be closed.
    """

    _PARK: ClassVar[LiteralString] = "park_own_stream"
    _UNPARK: ClassVar[LiteralString] = "unpark_own_stream"

    def __init__(
        self,
        connection: OwnConnection,
        *,
        epoch: int,
        note_stopped: Callable[[str, str, str], None],
        batch_size: int = DEFAULT_BATCH_SIZE,
    ) -> None:
        super().__init__(connection, epoch=epoch, batch_size=batch_size)
        self.note_stopped = note_stopped
        self._given_up = batch_size
        # Set, a statement that was cancelled is not tried again.
        self.ending = threading.Event()
        # Set by who cancelled the fold, for it had taken an advisory lock.
        self.took_lock = threading.Event()
        # Groups whose folds have succeeded under this projector.
        self._proven: set[str] = set()

    def advance(self, group: Group, head: int) -> Advanced | None:
        """As Projector.advance. A batch whose statements take too long is cut smaller, and at last stops the group."""
        while True:
            try:
                advanced = super().advance(group, head)
            except ProjectionEscaped as exc:
                # What the session is now, nobody knows.
                self.connection.close()
                self._note_stopped(group, ProjectionEscaped.sqlstate or "", str(exc))
                raise GroupStopped(str(exc)) from exc
            except psycopg.errors.QueryCanceled as exc:
                if self.ending.is_set():
                    raise
                if self.took_lock.is_set():
                    self.connection.close()
                    said = f"a projection of the group {group.name} took an advisory lock"
                    self._note_stopped(group, ProjectionEscaped.sqlstate or "", said)
                    raise GroupStopped(said) from exc
                events = self._events_ahead(group, head)
                if events <= 1:
                    self._stop(group, exc)
                    raise GroupStopped(str(exc)) from exc
                self._sizes[group.name] = max(1, events // 16)
            else:
                if advanced is not None and advanced.events:
                    self._proven.add(group.name)
                return advanced

    def _events_ahead(self, group: Group, head: int) -> int:
        """How many events the batch held that was just given up."""
        with self.connection.transaction(), self.connection.cursor() as cursor:
            row = cursor.execute(statement("checkpoint"), {"group": group.name}).fetchone()
            size = self._given_up
            return batch_bounds(cursor, group, after=row[0] if row is not None else 0, head=head, size=size).events

    def _advance(self, group: Group, head: int, size: int) -> Advanced | None:
        self._given_up = size
        row = self.connection.execute(statement("checkpoint"), {"group": group.name}).fetchone()
        if row is not None and row[0] >= head:
            return None
        with one_transaction(self.connection):
            return super()._advance(group, head, size)

    def _park(self, group: Group, head: int) -> Advanced | None:
        if any(projection.handler is not None for projection in group.projections) and group.name not in self._proven:
            self._refuse_broken(group, head)
        with one_transaction(self.connection):
            return super()._park(group, head)

    def retry_parked(self, group: Group, stream_id: str) -> Failure | None:
        """As Projector.retry_parked."""
        with one_transaction(self.connection):
            return super().retry_parked(group, stream_id)

    def _state(self, cursor: psycopg.Cursor[Any], group: Group) -> tuple[int, bool]:
        cursor.execute(statement("begin_own_batch"), {"group": group.name})
        position, parked, built = cursor.fetchone() or (None, False, {})
        if position is None:
            raise LeadershipLost(f"the group {group.name} has no checkpoint")
        if any(group.versions.get(name) != version for name, version in built.items()):
            raise BuiltOtherwise(group.name)
        return position, parked

    def _parked_state(self, cursor: psycopg.Cursor[Any], group: Group, stream_id: str) -> tuple[int, int] | None:
        checkpoint = hold_own(cursor, group)
        cursor.execute(statement("own_parked_position"), {"group": group.name, "stream": stream_id})
        (first,) = cursor.fetchone() or (None,)
        return None if first is None else (first, checkpoint)

    def _move(self, cursor: psycopg.Cursor[Any], group: Group, after: int, upto: int) -> None:
        cursor.execute(
            statement("move_own_checkpoint"), {"group": group.name, "after": after, "upto": upto, "epoch": self.epoch}
        )
        if cursor.fetchone() != (True,):
            cursor.execute(statement("checkpoint"), {"group": group.name})
            if cursor.fetchone() != (after,):
                # This transaction has held it since the batch began: nobody else moved it.
                raise ProjectionEscaped(f"a projection of the group {group.name} moved its checkpoint itself")
            raise LeadershipLost

    def _note_stopped(self, group: Group, sqlstate: str, error: str) -> None:
        self.note_stopped(group.name, sqlstate, error)
        log.error("projection group %s stopped: %s", group.name, error)

    def _fails_without_events(self, group: Group, exc: Failure) -> bool:
        # What the login may not do is no event's fault.
        if sqlstate_of(exc) == "42501":
            return True
        with one_transaction(self.connection):
            return super()._fails_without_events(group, exc)

    def _check_of(self, group: Group) -> Check:
        """Those of the group's tables only: the one that holds the batch together is to speak at commit."""
        return lambda cursor: check_constraints_of(cursor, group)

    def _refuse_broken(self, group: Group, head: int) -> None:
        """Raise GroupStopped when a projection in Python fails on whatever stream comes next, and never succeeded.

        A statement can be tried over no events; a function can not. So it is tried on the next streams, each alone, and
        all of it is rolled back.
        """
        failure: Failure | None = None
        row = self.connection.execute(statement("checkpoint"), {"group": group.name}).fetchone()
        after = row[0] if row is not None else 0
        with one_transaction(self.connection), self.connection.cursor() as cursor:
            bounds = batch_bounds(cursor, group, after=after, head=head, size=_LOOKED_AT)
            cursor.execute(
                statement("batch_streams"),
                {"group": group.name, "after": after, "upto": bounds.upto, "types": group.events},
            )
            for (stream_id,) in cursor.fetchall()[:_TRIED]:
                with self.connection.transaction(force_rollback=True):
                    bind(cursor, live_schemas(group))
                    failure = fold_alone(
                        self.connection,
                        cursor,
                        group,
                        stream_id,
                        after=after,
                        upto=bounds.upto,
                        types=bounds.types,
                        check=lambda _: None,
                    )
                if failure is None:
                    return
        if failure is not None:
            self._stop(group, failure)
            raise GroupStopped(str(failure))


@contextmanager
def retrying_projector(connection: psycopg.Connection[Any], group: Group) -> Iterator[Projector]:
    """A projector that may retry a group's parked streams: on this connection, or in a session of the group's login."""
    if group.own_login is None:
        connection.execute(FOLD_SESSION)
        yield Projector(connection, epoch=0)
        return
    with group.own_login.open() as own:
        own.execute(FOLD_SESSION)
        yield OwnProjector(own, epoch=0, note_stopped=lambda *_: None)
