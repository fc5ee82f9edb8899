"""The rebuild of one group: fold the log into shadows beside the running system, then make the live tables the same.

    slices ──▶ keys ──▶ catch up ──▶ compare, unlocked ──▶ catch up ──▶ lock, tail, recheck, write what differs
                                          │ much is missing: fill, in parts, and compare again

Readers and appends go on throughout. Each step commits its progress together with what it did, so a rebuild that was
killed goes on where it was when it is called again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from runfold.projections.definition.contract import Projection
from runfold.projections.folding.registry import note_ready
from runfold.projections.reconciling.pair import (
    Pair,
    Reconciled,
    parents_first,
    repair_copies,
    repair_counts,
    stream_values,
    write_differences,
)
from runfold.projections.reconciling.shadow_build import ShadowBuild
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.projections")

log = logging.getLogger(__name__)

# What may be left to fold under the lock: two of the worker's batches, as it holds the lock while it folds one.
_LONGEST_TAIL = 50_000
_ATTEMPTS = 6
# As many missing rows are inserted when the rebuild lands; more of them before that, in parts.
_FILL_FROM = 20_000
_FIRST_PART = 5_000
# How long a part shall hold the lock. The next part is as large as that allows, by how long the last one took.
_PART_SECONDS = 0.25
_SMALLEST_PART, _LARGEST_PART = 500, 50_000


@dataclass(slots=True)
class Rebuilt(Reconciled):
    """What a rebuild did to one table, or with `dry_run` would do; `differences` are the first of them, in full."""

    parked_streams: list[str] = field(default_factory=list)
    newly_parked: list[str] = field(default_factory=list)
    archived: bool = False
    """It was left as it is, because its rows depend on events that are archived."""
    archived_rows: int = 0
    """How many rows of archived streams were left as they are."""
    locked_seconds: float = 0.0
    """How long the group's checkpoint was held at a time, at most, for all of its tables together."""


class BeginAgain(Exception):
    """Other streams are parked than the shadows were folded without."""


class GroupRebuild(ShadowBuild):
    """The rebuild of a group's tables: builds their shadows, and makes the tables the same, all at one position."""

    compared_from: int | None = None
    """From where on the worker may have touched rows that were compared; None before the comparison."""
    xmin = 0
    locked_seconds = 0.0

    def run(self, *, dry_run: bool) -> list[Rebuilt]:
        """All steps, from where an earlier run got to."""
        self.filled: dict[str, int] = {}
        plan, folded = self._begin()
        if not folded:
            self._fold(plan)
        with self.ledger.connection.cursor() as cursor:
            for projection in self.targets:  # the shadows of an earlier run may be watched already
                self.pairs[projection.name].make_suspects(cursor)
        for attempt in range(_ATTEMPTS):
            self._catch_up()
            if attempt == 0:
                self._compare()
                if not dry_run and self._fill():
                    self._compare()
                self._catch_up()
            landed = self._land(dry_run=dry_run, at_any_rate=attempt == _ATTEMPTS - 1)
            if landed is not None:
                # Not under the lock: it takes as long as the shadows are large.
                self.forget()
                return landed
        raise AssertionError("the last attempt lands with any tail")

    def _compare(self) -> None:
        """Note the keys that differ now, nothing being locked; from here on the shadows note what folds touch."""
        with self.ledger.transaction(), self.ledger.connection.cursor() as cursor:
            for projection in self.targets:
                self.pairs[projection.name].make_suspects(cursor)
        with self.connection.transaction(), self.connection.cursor() as cursor:
            for projection in self.targets:
                self._watch(cursor, projection)
        self.compared_from = self.position
        (self.xmin,) = self.connection.execute(statement("oldest_writer")).fetchone() or (0,)
        for number, projection in enumerate(self.targets):
            self.options.progress(self.group.name, "compare", number, len(self.targets))
            with self.ledger.transaction(), self.ledger.connection.cursor() as cursor:
                self.pairs[projection.name].suspect_all(cursor)
        self.options.progress(self.group.name, "compare", len(self.targets), len(self.targets))

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
                    self.shadow_of(projection),
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
        versions = dict(self.connection.execute(statement("built_versions"), self._named).fetchall())
        if any(versions.get(item.name) != item.version for item in self.targets):
            return False
        with self.ledger.transaction(), self.ledger.connection.cursor() as cursor:
            pairs = [self.pairs[item.name] for item in parents_first(cursor, self.targets)]
            missing = [pair.number_missing(cursor) for pair in pairs]
        if max(missing, default=0) < _FILL_FROM:
            return False
        try:
            for pair, rows in zip(pairs, missing, strict=True):
                if not self._fill_table(pair, rows):
                    break
        except psycopg.errors.ForeignKeyViolation as exc:
            # A parent could not be inserted, because another row has its place. The landing writes it.
            log.info("what is missing of group %s is inserted when its rebuild lands: %s", self.group.name, exc)
        return any(self.filled.values())

    def _fill_table(self, pair: Pair, missing: int) -> bool:
        """Insert what was found missing of one table; False where the checkpoint is not the end to build up to."""
        done, part = 0, _FIRST_PART
        while done < missing:
            self.options.progress(self.group.name, f"fill {pair.projection.name}", done, missing)
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
        if missing:
            self.options.progress(self.group.name, f"fill {pair.projection.name}", missing, missing)
        return True

    @contextmanager
    def _at_checkpoint(
        self, *, undo: bool = False, at_any_rate: bool = False
    ) -> Iterator[tuple[psycopg.Cursor[Any], int, int] | None]:
        """A transaction that holds the group's checkpoint, and has the shadows folded up to it.

        Yields the cursor, the checkpoint, and the position of the shadows; None when the tail is too long to fold it
        under the lock, unless `at_any_rate` is given. With `undo` everything is rolled back.
        """
        with self.ledger.transaction(force_rollback=undo), self.ledger.connection.cursor() as cursor:
            checkpoint = self.ledger.begin(self.group).position
            began = time.monotonic()
            upto = self._upto(checkpoint)
            between = {"after": self.position, "upto": upto, "types": self.group.events}
            (tail,) = cursor.execute(statement("events_between"), {**between, "most": _LONGEST_TAIL}).fetchone() or (0,)
            if tail >= _LONGEST_TAIL and not at_any_rate:
                yield None
                self.ledger.end(self.group)
                return
            if self._parked_differ(self.position) or self._archive_state() != self.archive_state:
                raise BeginAgain
            if upto > self.position:
                self._fold_tail(cursor, upto)
            yield cursor, checkpoint, upto
            self.ledger.end(self.group)
        self.locked_seconds = max(self.locked_seconds, time.monotonic() - began)

    def _land(self, *, dry_run: bool, at_any_rate: bool) -> list[Rebuilt] | None:
        """Under the group's lock: fold the tail, recheck, and write what differs; None when the tail is too long."""
        with self._at_checkpoint(undo=dry_run, at_any_rate=at_any_rate) as held:
            if held is None:
                return None
            cursor, _, upto = held
            self.options.progress(self.group.name, "land", 0, 1)
            self._suspect_touched(cursor, upto)
            result = self._reconcile(cursor, upto, dry_run=dry_run)
            if not dry_run:
                self.ledger.note_built(self.whole_group, self.targets)
                cursor.execute(statement("land_rebuild"), self._named)
        if not dry_run:
            with self.connection.transaction(), self.connection.cursor() as cursor:
                note_ready(cursor, self.whole_group, upto)
                repair_counts(cursor, self.targets)
        for each in result:
            each.locked_seconds = self.locked_seconds
            each.inserted += self.filled.get(each.projection, 0)
            each.differing += self.filled.get(each.projection, 0)
        self.options.progress(self.group.name, "land", 1, 1)
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
        cursor.execute(statement("rebuild_parked_streams"), {**self._named, "upto": upto})
        left_out = cursor.fetchall()
        ordered = parents_first(cursor, self.targets)
        found = {item.name: self.pairs[item.name].find(cursor) for item in ordered}
        result = []
        for projection in self.targets:
            rebuilt = Rebuilt(projection.name, projection.group, upto, differing=found[projection.name])
            rebuilt.parked_streams = [row[0] for row in left_out]
            rebuilt.archived_rows = self.pairs[projection.name].count_archived(cursor)
            rebuilt.newly_parked = [row[0] for row in left_out if row[1]]
            if dry_run:
                differences = self.pairs[projection.name].differences(cursor, limit=self.options.limit, found=True)
                rebuilt.differences = [difference for difference, _ in differences]
            result.append(rebuilt)
        if not dry_run:
            written = write_differences(cursor, [self.pairs[item.name] for item in ordered])
            for rebuilt in result:
                done = written[rebuilt.projection]
                rebuilt.inserted, rebuilt.updated, rebuilt.deleted = done.inserted, done.updated, done.deleted
            repair_copies(cursor, self.targets)
        result += [Rebuilt(item.name, item.group, upto, archived=True) for item in self.left_out]
        return result
