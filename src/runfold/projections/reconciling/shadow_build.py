"""The shadows of a group's rebuild: begun or resumed, folded in slices, and caught up with the checkpoint."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from runfold.database.connections import Connect
from runfold.errors import RebuildFailed, RebuildRunning
from runfold.projections.definition.catalogue import Group
from runfold.projections.definition.contract import Projection
from runfold.projections.folding.fold import batch_bounds, bind, fold_batch, unbind
from runfold.projections.folding.registry import check_checkpoint
from runfold.projections.reconciling.pair import Pair, tied_together
from runfold.projections.reconciling.shadows import NOT_LEFT_OUT, SHADOW_SCHEMA, make_shadow
from runfold.projections.reconciling.slices import (
    WHOLE,
    Plan,
    fold_across,
    fold_slices,
    leave_out_poison,
    reads_of,
    slices_for,
)
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.projections")

log = logging.getLogger(__name__)

_BATCH_SIZE = 50_000
# A rebuild that was killed leaves its lock when its server process notices.
_LOCK_SECONDS = 5.0

Progress = Callable[[str, str, int, int], None]
"""Told the group, the step, how much of it is done, and of how much."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a rebuild is to be done, as `rebuild` takes it."""

    jobs: int
    park: bool
    restored: bool
    limit: int | None
    progress: Progress


class Extent:
    """How many events of each type the log holds, counted once for all groups."""

    def __init__(self) -> None:
        self._position = -1
        self._counts: dict[str, int] = {}

    def upto(self, connection: psycopg.Connection[Any], position: int) -> dict[str, int]:
        """The types that occur up to a position, or a few positions more, and how often, about."""
        if position > self._position:
            self._counts = dict(connection.execute(statement("rebuild_extent"), {"upto": position}).fetchall())
            self._position = position
        return self._counts


@contextmanager
def alone(connection: psycopg.Connection[Any], group: str) -> Iterator[None]:
    """Be the only rebuild of a group, until the connection is closed; raises RebuildRunning."""
    deadline = time.monotonic() + _LOCK_SECONDS
    while connection.execute(statement("rebuild_lock"), {"key": f"runfold rebuild {group}"}).fetchone() != (True,):
        if time.monotonic() > deadline:
            raise RebuildRunning(hint=f"wait for the rebuild of group {group} to end")
        time.sleep(0.1)
    yield  # the lock goes with the connection


class ShadowBuild:
    """The shadows of a group's tables, all at one position: the checkpoint's, or one a little behind it."""

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        connect: Connect,
        group: Group,
        wanted: Sequence[str],
        options: Options,
        extent: Extent,
    ) -> None:
        self.connection = connection
        self.connect = connect
        self.whole_group = group
        self.options = options
        self.extent = extent
        with connection.cursor() as cursor:
            self.targets = tied_together(cursor, group, wanted)
            self.group = reads_of(group, [projection.name for projection in self.targets])
            self.pairs = {item.name: Pair(cursor, item, SHADOW_SCHEMA) for item in self.group.projections}
        what = [f"{item.name} {item.digest}" for item in self.group.projections]
        what += [item.name for item in self.targets]
        self.digest = hashlib.sha256("\n".join(what).encode()).hexdigest()
        self.position = 0

    def forget(self) -> None:
        """Drop the shadows and whatever is noted of the rebuild."""
        with self.connection.transaction(), self.connection.cursor() as cursor:
            self._forget(cursor)

    def _forget(self, cursor: psycopg.Cursor[Any]) -> None:
        cursor.execute(statement("rebuild_forget"), {"group": self.group.name})
        for projection in self.whole_group.projections:
            cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(shadow_of(projection)))

    def _begin(self) -> tuple[Plan, bool]:
        """Resume the rebuild that was begun, or begin one: where every group stands, its empty shadows, and a plan."""
        group = {"group": self.group.name}
        with self.connection.transaction(), self.connection.cursor() as cursor:
            (checkpoint,) = cursor.execute(statement("register_group"), group).fetchone() or (0,)
        upto = self._upto(checkpoint)
        state = self.connection.execute(statement("rebuild_state"), group).fetchone()
        resumes = (
            state is not None and state[0] == self.digest and state[1] <= upto and not self._parked_differ(state[1])
        )
        position, slices, folded = state[1:3] + state[4:] if state is not None and resumes else (upto, 0, False)
        counts = self.extent.upto(self.connection, position)
        types = counts.keys() & set(self.group.events)
        events, barriers = (sum(counts[name] for name in types & some) for some in (types, self.group.barriers))
        if resumes:
            log.info("the rebuild of group %s goes on from where it was", self.group.name)
        else:
            slices = slices_for(events, barriers, self.options.jobs)
            with self.connection.transaction(), self.connection.cursor() as cursor:
                self._forget(cursor)
                for projection in self.group.projections:
                    make_shadow(cursor, projection, SHADOW_SCHEMA, kind="UNLOGGED", indexed=False)
                cursor.execute(
                    statement("rebuild_begin"),
                    {**group, "digest": self.digest, "position": position, "slices": slices, "events": events},
                )
                cursor.execute(statement("rebuild_park_known"), {**group, "after": 0, "upto": position})
        self.position = position
        return Plan(self.group, self.digest, position, slices, events, barriers, frozenset(types)), folded

    def _upto(self, checkpoint: int) -> int:
        """The position to build up to: the checkpoint, or the end of the log that it lies ahead of."""
        with self.connection.cursor() as cursor:
            if self.options.restored:
                (head,) = cursor.execute(statement("log_head")).fetchone() or (0,)
                return min(checkpoint, int(head))
            check_checkpoint(cursor, self.group, checkpoint)
        return checkpoint

    def _fold(self, plan: Plan) -> None:
        done = {task for (task,) in self.connection.execute(statement("rebuild_slices"), self._named).fetchall()}
        fold_slices(
            self.connect,
            plan,
            done,
            jobs=self.options.jobs,
            park=self.options.park,
            progress=lambda events: self.options.progress(self.group.name, "fold", events, plan.events),
        )
        while True:
            try:
                with self.connection.transaction(), self.connection.cursor() as cursor:
                    for pair in self.pairs.values():
                        pair.index_shadow(cursor)
                    if WHOLE not in done:
                        fold_across(cursor, plan)
                    cursor.execute(statement("rebuild_folded"), self._named)
                return
            except psycopg.errors.UniqueViolation as exc:
                raise RebuildFailed(
                    f"two streams have a row of one key: {exc.diag.message_detail}",
                    hint="a table whose rows depend on several streams says cross_stream: true",
                ) from exc
            except psycopg.Error as exc:
                leave_out_poison(self.connection, plan, exc, park=self.options.park)

    def _catch_up(self) -> None:
        """Fold into the shadows what the live tables have folded meanwhile, until little is left."""
        began = self.position
        while True:
            (checkpoint,) = self.connection.execute(statement("checkpoint"), self._named).fetchone() or (0,)
            upto = self._upto(checkpoint)
            self.options.progress(self.group.name, "catch up", self.position - began, upto - began)
            if self.position >= upto:
                return
            with self.connection.transaction(), self.connection.cursor() as cursor:
                bounds = batch_bounds(cursor, self.group, after=self.position, head=upto, size=_BATCH_SIZE)
                self._fold_tail(cursor, bounds.upto)
            self.position = bounds.upto
            if bounds.events < _BATCH_SIZE // 10:
                return

    def _fold_tail(self, cursor: psycopg.Cursor[Any], upto: int) -> None:
        """Fold the log from where the shadows are, and note that."""
        cursor.execute(statement("rebuild_park_known"), {**self._named, "after": self.position, "upto": upto})
        bind(cursor, [SHADOW_SCHEMA])
        fold_batch(
            cursor,
            self.group,
            after=self.position,
            upto=upto,
            types=frozenset(self.group.events),
            streams=NOT_LEFT_OUT,
        )
        unbind(cursor)
        cursor.execute(statement("rebuild_moved"), {**self._named, "position": upto})

    def _parked_differ(self, position: int) -> bool:
        asked = {**self._named, "position": position}
        return self.connection.execute(statement("rebuild_parked_differ"), asked).fetchone() == (True,)

    @property
    def _named(self) -> dict[str, Any]:
        return {"group": self.group.name}


def shadow_of(projection: Projection) -> sql.Identifier:
    return sql.Identifier(SHADOW_SCHEMA, projection.table)
