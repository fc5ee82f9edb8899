"""The shadows of a group's rebuild: begun or resumed, folded, and caught up with the checkpoint."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from runfold.errors import RebuildFailed, RebuildRunning
from runfold.projections.definition.catalogue import Group
from runfold.projections.definition.contract import Projection
from runfold.projections.folding.fold import THE_LOG, HandlerFailed, batch_bounds, bind, unbind
from runfold.projections.folding.ledger import Ledger
from runfold.projections.folding.parts import fold_in_parts
from runfold.projections.folding.poison import Bad, Failure, fold_to_the_bad_one, is_poison, one_line
from runfold.projections.folding.registry import check_checkpoint
from runfold.projections.reconciling.archived import archived_head, refuse_across, require_whole_log
from runfold.projections.reconciling.archived_events import ArchivedEvents
from runfold.projections.reconciling.pair import Pair, tied_together
from runfold.projections.reconciling.poisoned_slice import leave_out, require_sound_statements
from runfold.projections.reconciling.shadows import NOT_LEFT_OUT, make_shadow, shadow_schema
from runfold.projections.reconciling.slices import (
    WHOLE,
    OpenLedger,
    Plan,
    can_be_sliced,
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

RebuildProgress = Callable[[str, str, int, int], None]
"""Is called with the group, the step, how much of it is done, and of how much."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a rebuild is to be done, as `rebuild` takes it."""

    jobs: int
    park: bool
    restored: bool
    limit: int | None
    progress: RebuildProgress
    named: frozenset[str] = frozenset()
    """The projections that were asked for by name; none: all."""
    archive: Path | None = None
    """The folder of the archive, where what is archived is folded as well."""


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


class FoldedElsewhere(Exception):
    """The shadows are not where they were left: the session of a killed rebuild has ended only now, further on."""


class ShadowBuild:
    """The shadows of a group's tables, all at one position: the checkpoint's, or one a little behind it.

    `connection` is the operator's: it makes and drops the shadows, their keys and triggers, and notes what begins.
    `ledger` is the session that folds the group, a user's in a session of the users' login: it folds into the shadows,
    compares, and writes. `open_ledger` opens more of its kind, for slices.
    """

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        ledger: Ledger,
        open_ledger: OpenLedger,
        group: Group,
        wanted: Sequence[str],
        options: Options,
        extent: Extent,
    ) -> None:
        self.connection = connection
        self.ledger = ledger
        self.open_ledger = open_ledger
        self.whole_group = group
        self.options = options
        self.extent = extent
        self.schema = shadow_schema(group)
        self.archived = None if options.archive is None else ArchivedEvents(options.archive)
        with connection.cursor() as cursor:
            self.archive_state = self._archive_state()
            self.targets = tied_together(cursor, group, wanted)
            self.left_out: list[Projection] = []
            if self.archived is None and archived_head(cursor):
                self._leave_out_archived(cursor)
            self.group = reads_of(group, [projection.name for projection in self.targets])
            self.pairs = {
                item.name: Pair(cursor, item, self.schema, archived=self.archived is not None)
                for item in self.group.projections
            }
        self.is_sliced = can_be_sliced(self.group) and self.archived is None
        self.digest = self._digest()
        self.position = 0

    def _leave_out_archived(self, cursor: psycopg.Cursor[Any]) -> None:
        """Leave out the tables that cannot be had from what is in the log; raises LogArchived for those that are named.

        Also where a table was built from another version of its file: rows of archived streams would stay as that
        version made them.
        """
        refuse_across(cursor, (item for item in self.targets if item.name in self.options.named), "rebuild")
        self.left_out = [item for item in self.targets if item.cross_stream]
        self.targets = [item for item in self.targets if not item.cross_stream]
        built = dict(cursor.execute(statement("built_versions"), self._named).fetchall())
        for item in self.targets:
            if built.get(item.name, item.version) != item.version:
                require_whole_log(
                    cursor,
                    f"{item.name} was built with version {built[item.name]} of its file, and this is {item.version}",
                    f"run `runfold projection rebuild {item.name} --archived`",
                )

    def _archive_state(self) -> str:
        (state,) = self.connection.execute(statement("archive_state")).fetchone() or ("",)
        return str(state)

    def forget(self) -> None:
        """Drop the shadows and everything that is noted of the rebuild."""
        with self.connection.transaction(), self.connection.cursor() as cursor:
            self._forget(cursor)

    def _forget(self, cursor: psycopg.Cursor[Any]) -> None:
        cursor.execute(statement("rebuild_forget"), self._named)
        for projection in self.whole_group.projections:
            cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(self.shadow_of(projection)))

    def shadow_of(self, projection: Projection) -> sql.Identifier:
        """The name of a projection's shadow."""
        return sql.Identifier(self.schema, projection.table)

    def _digest(self) -> str:
        """What is built, from which files, into tables of which shape: another rebuild begins again."""
        what = [item.name for item in self.targets]
        what.append(f"archived {self.archive_state} {self.archived is not None}")
        if self.group.of_user:
            # The shadows are granted to this login.
            what.append(self.ledger.connection.info.user)
        for projection in self.group.projections:
            live = sql.Identifier(projection.schema, projection.table).as_string(self.connection)
            (shape,) = self.connection.execute(statement("table_shape"), {"table": live}).fetchone() or ("",)
            what += [projection.name, projection.digest, live, shape]
        return hashlib.sha256("\n".join(what).encode()).hexdigest()

    def _begin(self) -> tuple[Plan, bool]:
        """Resume this group's rebuild or begin one: note the position, make empty shadows, and plan the slices.

        What cannot be sliced is folded from the log's beginning, as if all of it were to be caught up with.
        """
        with self.connection.transaction(), self.connection.cursor() as cursor:
            (checkpoint,) = cursor.execute(statement("register_group"), self._named).fetchone() or (0,)
        upto = self._upto(checkpoint)
        state = self.connection.execute(statement("rebuild_state"), self._named).fetchone()
        resumes = (
            state is not None and state[0] == self.digest and state[1] <= upto and not self._parked_differ(state[1])
        )
        position, slices, folded = upto if self.is_sliced else 0, 0, not self.is_sliced
        if resumes and state is not None:
            position, slices, folded = state[1:3] + state[4:]
        counts = self.extent.upto(self.connection, position) if position else {}
        types = counts.keys() & set(self.group.events)
        events, barriers = (sum(counts[name] for name in types & some) for some in (types, self.group.barriers))
        if resumes:
            log.info("the rebuild of group %s continues from position %s", self.group.name, position)
        else:
            slices = slices_for(events, barriers, self.options.jobs) if self.is_sliced else 0
            self._make_shadows(position, slices, events)
        self.position = position
        return Plan(self.group, self.digest, position, slices, events, barriers, frozenset(types)), folded

    def _make_shadows(self, position: int, slices: int, events: int) -> None:
        tables = [projection.table for projection in self.whole_group.projections]
        if self.group.of_user:
            asked = {**self._named, "tables": tables}
            if (taken := self.connection.execute(statement("rebuild_taken"), asked).fetchone()) is not None:
                raise RebuildRunning(
                    f"the rebuild of the group {taken[0]} has a table of the same name",
                    hint=f"rebuild {taken[0]} first, to its end",
                )
        begun = {"digest": self.digest, "position": position, "slices": slices, "events": events, "tables": tables}
        with self.connection.transaction(), self.connection.cursor() as cursor:
            self._forget(cursor)
            for projection in self.group.projections:
                self._make(cursor, projection)
            cursor.execute(statement("rebuild_begin"), {**self._named, **begun, "folded": not self.is_sliced})
            cursor.execute(statement("rebuild_park_known"), {**self._named, "after": 0, "upto": position})

    def _make(self, cursor: psycopg.Cursor[Any], projection: Projection) -> None:
        try:
            make_shadow(cursor, projection, self.schema, kind="UNLOGGED", indexed=not self.is_sliced)
        except psycopg.errors.InsufficientPrivilege as exc:
            user = self.connection.info.user
            raise RebuildFailed(
                f"{one_line(exc)}: {user} makes the tables that the log is folded into",
                hint=f"GRANT SELECT ON {projection.schema}.{projection.table} TO {user}, and USAGE"
                f" ON SCHEMA {projection.schema}",
            ) from exc
        if self.group.of_user:
            cursor.execute(
                sql.SQL("GRANT SELECT, INSERT, UPDATE, DELETE ON {} TO {}").format(
                    self.shadow_of(projection), sql.Identifier(self.ledger.connection.info.user)
                )
            )

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
            self.open_ledger,
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
                    hint="write cross_stream: true in the file of a table whose rows depend on several streams",
                ) from exc
            except psycopg.Error as exc:
                leave_out_poison(self.ledger, plan, exc, park=self.options.park)

    def _catch_up(self) -> None:
        """Fold into the shadows what the live tables have folded meanwhile, until little is left.

        A batch that cannot be folded is cut smaller until one append is left; then the streams of it that fail alone
        are left out, or refused.
        """
        began, size, step = self.position, _BATCH_SIZE, "catch up" if self.is_sliced else "fold"
        while True:
            (checkpoint,) = self.connection.execute(statement("checkpoint"), self._named).fetchone() or (0,)
            upto = self._upto(checkpoint)
            self.options.progress(self.group.name, step, self.position - began, upto - began)
            if self.position >= upto:
                return
            try:
                with self.ledger.transaction(), self.ledger.connection.cursor() as cursor:
                    end, events = upto, THE_LOG
                    if self.archived is not None:
                        end, events = self.archived.behind(cursor, self.position, upto)
                    bounds = batch_bounds(cursor, self.group, after=self.position, head=end, size=size, events=events)
                    self._fold_tail(cursor, bounds.upto, events)
            except psycopg.errors.QueryCanceled:
                if not self.ledger.has_time_limit or size == 1:
                    raise
                size = max(1, size // 16)
                continue
            except (psycopg.Error, HandlerFailed) as exc:
                if not is_poison(exc):
                    raise
                if size == 1:
                    if self.archived is not None and self.position < self._archived_head():
                        raise RebuildFailed(
                            f"group {self.group.name} cannot be folded behind {self.position}: {one_line(exc)}",
                            hint="run `runfold archive restore` for that segment, and rebuild without --archived",
                        ) from exc
                    self._leave_out(upto, exc)
                size = max(1, size // 16)
                continue
            self.position = bounds.upto
            if self.is_sliced and bounds.upto >= upto and bounds.events < _BATCH_SIZE // 10:
                return
            size = min(2 * size, _BATCH_SIZE)

    def _leave_out(self, head: int, failure: Failure) -> None:
        """Leave out the streams of the next append that fail alone; raises RebuildFailed unless that is wanted."""
        types = frozenset(self.group.events)
        require_sound_statements(self.ledger, self.group, types, failure)
        found: list[tuple[str, Bad]] = []
        with self.ledger.transaction(force_rollback=True), self.ledger.connection.cursor() as cursor:
            upto = batch_bounds(cursor, self.group, after=self.position, head=head, size=1).upto
            between = {**self._named, "after": self.position, "upto": upto, "types": self.group.events}
            streams = cursor.execute(statement("batch_streams"), between).fetchall()
            bind(cursor, [self.schema])
            for (stream,) in streams:
                bad = fold_to_the_bad_one(self.ledger, cursor, self.group, stream, after=self.position, upto=upto)
                if bad is not None:
                    found.append((stream, bad))
        if not found:
            raise RebuildFailed(
                f"group {self.group.name} cannot be folded, and no single stream is to blame: {one_line(failure)}",
                hint="repair the file or the table",
            ) from failure
        for stream, bad in found:
            if not self.options.park:
                raise RebuildFailed(
                    f"stream {stream} cannot be folded from position {bad.position} on: {bad.message}",
                    hint="repair the file or the table, or use --park to park such streams",
                    stream_id=stream,
                    position=bad.position,
                ) from bad.error
            leave_out(self.ledger, self.group, stream, bad)

    def _archived_head(self) -> int:
        with self.connection.cursor() as cursor:
            return archived_head(cursor)

    def _fold_tail(self, cursor: psycopg.Cursor[Any], upto: int, events: LiteralString = THE_LOG) -> None:
        """Fold the log into the shadows from where they are, and note that in the same transaction."""
        if not self._note(cursor, self.position):
            raise FoldedElsewhere
        bind(cursor, [self.schema])
        fold_in_parts(
            cursor,
            self.group,
            after=self.position,
            upto=upto,
            types=frozenset(self.group.events),
            streams=NOT_LEFT_OUT,
            events=events,
        )
        unbind(cursor)
        if not self._note(cursor, upto):
            raise RebuildFailed(f"a projection of the group {self.group.name} moved its rebuild itself")

    def _note(self, cursor: psycopg.Cursor[Any], upto: int) -> bool:
        """Note how far the shadows are folded, and hold that; False where they are not where they were left."""
        moved = {**self._named, "after": self.position, "upto": upto}
        return cursor.execute(statement("note_folded"), moved).fetchone() == (True,)

    def _parked_differ(self, position: int) -> bool:
        asked = {**self._named, "position": position}
        return self.connection.execute(statement("rebuild_parked_differ"), asked).fetchone() == (True,)

    @property
    def _named(self) -> dict[str, Any]:
        return {"group": self.whole_group.name}
