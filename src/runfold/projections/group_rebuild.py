"""The rebuild of one group: fold the log into shadows beside the running system, then make the live tables the same.

    slices ──▶ keys ──▶ catch up ──▶ compare, unlocked ──▶ catch up ──▶ lock, tail, recheck, write what differs
                                          │ much is missing: fill, in parts, and compare again

Readers and appends go on throughout. Each step commits its progress together with what it did, so a rebuild that was
killed goes on where it was when it is called again.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from runfold.errors import RebuildFailed, RebuildRunning
from runfold.projections.catalogue import Group
from runfold.projections.contract import Projection
from runfold.projections.fold import batch_bounds, bind, fold_batch
from runfold.projections.reconcile import (
    Pair,
    Reconciled,
    mend_copies,
    parents_first,
    stream_values,
    tied_together,
    write_differences,
)
from runfold.projections.registry import check_checkpoint, note_built
from runfold.projections.shadows import NOT_LEFT_OUT, SHADOW_SCHEMA
from runfold.projections.slices import (
    WHOLE,
    Connect,
    Plan,
    fold_across,
    fold_slices,
    leave_out_poison,
    reads_of,
    slices_for,
)
from runfold.projections.statements import statement

log = logging.getLogger(__name__)

_BATCH_SIZE = 50_000
# What may be left to fold under the lock: two of the worker's batches, as it holds the lock while it folds one.
_LONGEST_TAIL = 50_000
_ATTEMPTS = 6
# A rebuild that was killed leaves its lock when its server process notices.
_LOCK_SECONDS = 5.0
# As many missing rows are inserted when the rebuild lands; more of them before that, in parts.
_FILL_FROM = 20_000
_FIRST_PART = 5_000
# How long a part shall hold the lock. The next part is as large as that allows, by how long the last one took.
_PART_SECONDS = 0.25
_SMALLEST_PART, _LARGEST_PART = 500, 50_000

Progress = Callable[[str, str, int, int], None]
"""Told the group, the step, how much of it is done, and of how much."""


@dataclass(slots=True)
class Rebuilt(Reconciled):
    """What a rebuild did to one table, or with `dry_run` would do; `differences` are the first of them, in full."""

    parked_streams: list[str] = field(default_factory=list)
    newly_parked: list[str] = field(default_factory=list)
    locked_seconds: float = 0.0
    """How long the group's checkpoint was held at a time, at most, for all of its tables together."""


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


class BeginAnew(Exception):
    """What the shadows were folded from is no more: other streams are parked."""


class GroupRebuild:
    """The rebuild of a group's tables, all at one position."""

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        connect: Connect,
        group: Group,
        wanted: Sequence[str],
        jobs: int,
        park: bool,
        restored: bool,
        limit: int | None,
        progress: Progress,
        extent: Extent,
    ) -> None:
        self.connection = connection
        self.extent = extent
        self.connect = connect
        self.whole_group = group
        self.jobs = jobs
        self.park = park
        self.restored = restored
        self.limit = limit
        self.progress = progress
        with connection.cursor() as cursor:
            self.targets = tied_together(cursor, group, wanted)
            self.group = reads_of(group, [projection.name for projection in self.targets])
            self.pairs = {item.name: Pair(cursor, item, SHADOW_SCHEMA) for item in self.group.projections}
        what = [f"{item.name} {item.digest}" for item in self.group.projections]
        what += [item.name for item in self.targets]
        self.digest = hashlib.sha256("\n".join(what).encode()).hexdigest()
        self.position = 0
        self.compared_from: int | None = None
        self.filled: dict[str, int] = {}
        self.locked_seconds = 0.0
        self.xmin = 0

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Be the only rebuild of the group; raises RebuildRunning."""
        deadline = time.monotonic() + _LOCK_SECONDS
        key = {"key": f"runfold rebuild {self.group.name}"}
        while not self._one(statement("rebuild_lock"), key):
            if time.monotonic() > deadline:
                raise RebuildRunning(hint=f"wait for the rebuild of group {self.group.name} to end")
            time.sleep(0.1)
        yield  # the lock goes with the connection

    def run(self, *, dry_run: bool) -> list[Rebuilt]:
        """All steps, from wherever an earlier run got to."""
        plan, folded = self._begin()
        if not folded:
            self._fold(plan)
        with self.connection.cursor() as cursor:
            for projection in self.targets:  # the shadows of an earlier run may be watched already
                self.pairs[projection.name].make_suspects(cursor)
        for attempt in range(_ATTEMPTS):
            self._catch_up()
            if attempt == 0:
                self._compare()
                if not dry_run and self._fill():
                    self._compare()
                self._catch_up()
            landed = self._land(dry_run=dry_run, whatever=attempt == _ATTEMPTS - 1)
            if landed is not None:
                # Not under the lock: it takes as long as the shadows are large.
                self.forget()
                return landed
        raise AssertionError("the last attempt lands whatever the tail")

    def forget(self) -> None:
        """Drop the shadows and whatever is noted of the rebuild."""
        with self.connection.transaction(), self.connection.cursor() as cursor:
            self._forget(cursor)

    def _forget(self, cursor: psycopg.Cursor[Any]) -> None:
        cursor.execute(statement("rebuild_forget"), {"group": self.group.name})
        for projection in self.whole_group.projections:
            cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(_shadow(projection)))

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
            slices = slices_for(events, barriers, self.jobs)
            with self.connection.transaction(), self.connection.cursor() as cursor:
                self._forget(cursor)
                for projection in self.group.projections:
                    cursor.execute(
                        sql.SQL(
                            "CREATE UNLOGGED TABLE {} (LIKE {} INCLUDING DEFAULTS INCLUDING GENERATED"
                            " INCLUDING CONSTRAINTS)"
                        ).format(_shadow(projection), sql.Identifier(projection.schema, projection.table))
                    )
                cursor.execute(
                    statement("rebuild_begin"),
                    {**group, "digest": self.digest, "position": position, "slices": slices, "events": events},
                )
                cursor.execute(statement("rebuild_park_known"), {**group, "after": 0, "upto": position})
        self.position = position
        return Plan(self.group, self.digest, position, slices, events, frozenset(types)), folded

    def _upto(self, checkpoint: int) -> int:
        """The position to build up to: the checkpoint, or the end of the log that it lies ahead of."""
        with self.connection.cursor() as cursor:
            if self.restored:
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
            jobs=self.jobs,
            park=self.park,
            progress=lambda events: self.progress(self.group.name, "fold", events, plan.events),
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
                leave_out_poison(self.connection, plan, exc, park=self.park)

    def _catch_up(self) -> None:
        """Fold into the shadows what the live tables have folded meanwhile, until little is left."""
        began = self.position
        while True:
            (checkpoint,) = self.connection.execute(statement("checkpoint"), self._named).fetchone() or (0,)
            upto = self._upto(checkpoint)
            self.progress(self.group.name, "catch up", self.position - began, upto - began)
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
        cursor.execute("SET LOCAL search_path = DEFAULT")
        cursor.execute(statement("rebuild_moved"), {**self._named, "position": upto})

    def _compare(self) -> None:
        """Note the keys that differ now, nothing being locked; from here on the shadows note what folds touch."""
        with self.connection.transaction(), self.connection.cursor() as cursor:
            for projection in self.targets:
                self.pairs[projection.name].make_suspects(cursor)
                self._watch(cursor, projection)
        self.compared_from = self.position
        (self.xmin,) = self.connection.execute(statement("oldest_writer")).fetchone() or (0,)
        for number, projection in enumerate(self.targets):
            self.progress(self.group.name, "compare", number, len(self.targets))
            with self.connection.transaction(), self.connection.cursor() as cursor:
                self.pairs[projection.name].suspect_all(cursor)

    def _watch(self, cursor: psycopg.Cursor[Any], projection: Projection) -> None:
        pair = self.pairs[projection.name]
        for event, relation in (("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD")):
            cursor.execute(
                sql.SQL(
                    "CREATE OR REPLACE TRIGGER {} AFTER {} ON {} REFERENCING {} TABLE AS changed"
                    " FOR EACH STATEMENT EXECUTE FUNCTION runfold.note_touched({}, {})"
                ).format(
                    sql.Identifier(f"touched_by_{event.lower()}"),
                    sql.SQL(event),
                    _shadow(projection),
                    sql.SQL(relation),
                    sql.Literal(pair.suspects),
                    sql.Literal(pair.key_list),
                )
            )

    def _fill(self) -> bool:
        """Where much is missing, insert it in parts, each at the checkpoint and holding it for a moment only.

        The worker folds on from what is inserted. Tables that are new, or of another version, are not filled: they
        appear at once when the rebuild lands, and until then the worker waits anyway. Says whether rows were inserted.
        """
        with self.connection.transaction(), self.connection.cursor() as cursor:
            versions = dict(cursor.execute(statement("built_versions"), self._named).fetchall())
            if any(versions.get(item.name) != item.version for item in self.targets):
                return False
            pairs = [self.pairs[item.name] for item in parents_first(cursor, self.targets)]
            missing = [pair.number_missing(cursor) for pair in pairs]
        if max(missing, default=0) < _FILL_FROM:
            return False
        try:
            for pair, rows in zip(pairs, missing, strict=True):
                if not self._fill_table(pair, rows):
                    break
        except psycopg.errors.ForeignKeyViolation as exc:
            # A parent could not be inserted, for another row stands in its place. Landing sorts that out.
            log.info("what is missing of group %s is inserted when its rebuild lands: %s", self.group.name, exc)
        return any(self.filled.values())

    def _fill_table(self, pair: Pair, missing: int) -> bool:
        """Insert what was found missing of one table; False where the checkpoint is not the end to build up to."""
        done, part = 0, _FIRST_PART
        while done < missing:
            self.progress(self.group.name, f"fill {pair.projection.name}", done, missing)
            began = time.monotonic()
            with self._at_checkpoint() as held:
                if held is None:
                    self._catch_up()
                    continue
                cursor, checkpoint, upto = held
                if upto < checkpoint:
                    return False
                inserted = pair.insert_numbered(cursor, done, done + part)
            self.position = upto
            self.filled[pair.projection.name] = self.filled.get(pair.projection.name, 0) + inserted
            done += part
            wanted = int(part * _PART_SECONDS / max(time.monotonic() - began, 0.001))
            part = max(_SMALLEST_PART, min(wanted, 2 * part, _LARGEST_PART))
        return True

    @contextmanager
    def _at_checkpoint(
        self, *, undo: bool = False, whatever: bool = False
    ) -> Iterator[tuple[psycopg.Cursor[Any], int, int] | None]:
        """A transaction that holds the group's checkpoint, and has the shadows folded up to it.

        Yields the cursor, the checkpoint, and the position of the shadows; None when the tail is too long to fold it
        under the lock, unless `whatever` it is. With `undo` everything is rolled back.
        """
        with self.connection.transaction(force_rollback=undo), self.connection.cursor() as cursor:
            (checkpoint,) = cursor.execute(statement("lock_checkpoint"), self._named).fetchone() or (0,)
            began = time.monotonic()
            upto = self._upto(checkpoint)
            between = {"after": self.position, "upto": upto, "types": self.group.events}
            (tail,) = cursor.execute(statement("events_between"), {**between, "most": _LONGEST_TAIL}).fetchone() or (0,)
            if tail >= _LONGEST_TAIL and not whatever:
                yield None
                return
            if self._parked_differ(self.position):
                raise BeginAnew
            if upto > self.position:
                self._fold_tail(cursor, upto)
            yield cursor, checkpoint, upto
        self.locked_seconds = max(self.locked_seconds, time.monotonic() - began)

    def _land(self, *, dry_run: bool, whatever: bool) -> list[Rebuilt] | None:
        """Under the group's lock: fold the tail, recheck, and write what differs; None when the tail is too long."""
        with self._at_checkpoint(undo=dry_run, whatever=whatever) as held:
            if held is None:
                return None
            cursor, checkpoint, upto = held
            self.progress(self.group.name, "land", 0, 1)
            self._suspect_touched(cursor, upto)
            result = self._reconcile(cursor, upto, dry_run=dry_run)
            if not dry_run:
                if upto < checkpoint:
                    cursor.execute(statement("restore_checkpoint"), {**self._named, "position": upto})
                cursor.execute(statement("park_found"), self._named)
                note_built(cursor, self.whole_group, self.targets, upto)
                cursor.execute(statement("rebuild_landed"), self._named)
                cursor.execute(statement("rebuild_forget"), self._named)
        for each in result:
            each.locked_seconds = self.locked_seconds
            each.inserted += self.filled.get(each.projection, 0)
            each.differing += self.filled.get(each.projection, 0)
        self.progress(self.group.name, "land", 1, 1)
        return result

    def _suspect_touched(self, cursor: psycopg.Cursor[Any], upto: int) -> None:
        """Suspect what the live folds may have touched since the comparison; what ours touch is noted by triggers."""
        cursor.execute(
            statement("streams_between"), {"after": self.compared_from, "upto": upto, "types": self.group.events}
        )
        values = stream_values(stream for (stream,) in cursor.fetchall())
        for projection in self.targets:
            pair = self.pairs[projection.name]
            if projection.stream_key is not None:
                pair.suspect_streams(cursor, projection.stream_key, values, sides=["live"])
            else:
                pair.suspect_written(cursor, self.xmin)

    def _reconcile(self, cursor: psycopg.Cursor[Any], upto: int, *, dry_run: bool) -> list[Rebuilt]:
        cursor.execute(statement("rebuild_parked_streams"), self._named)
        left_out = cursor.fetchall()
        ordered = parents_first(cursor, self.targets)
        found = {item.name: self.pairs[item.name].find(cursor) for item in ordered}
        result = []
        for projection in self.targets:
            rebuilt = Rebuilt(projection.name, projection.group, upto, differing=found[projection.name])
            rebuilt.parked_streams = [row[0] for row in left_out]
            rebuilt.newly_parked = [row[0] for row in left_out if row[4]]
            if dry_run:
                differences = self.pairs[projection.name].differences(cursor, limit=self.limit, found=True)
                rebuilt.differences = [difference for difference, _ in differences]
            result.append(rebuilt)
        if not dry_run:
            written = write_differences(cursor, [self.pairs[item.name] for item in ordered])
            for rebuilt in result:
                done = written[rebuilt.projection]
                rebuilt.inserted, rebuilt.updated, rebuilt.deleted = done.inserted, done.updated, done.deleted
            mend_copies(cursor, self.targets)
        return result

    def _parked_differ(self, position: int) -> bool:
        return bool(self._one(statement("rebuild_parked_differ"), {**self._named, "position": position}))

    @property
    def _named(self) -> dict[str, Any]:
        return {"group": self.group.name}

    def _one(self, query: Any, parameters: dict[str, Any]) -> Any:
        row = self.connection.execute(query, parameters).fetchone()
        return row[0] if row is not None else None


def _shadow(projection: Projection) -> sql.Identifier:
    return sql.Identifier(SHADOW_SCHEMA, projection.table)
