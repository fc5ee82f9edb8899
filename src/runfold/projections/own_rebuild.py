"""Rebuild of a user's group: in the session of its own login, whose temporary tables are the shadows.

The log is folded into them beside the running system; then, under the group's checkpoint, the rest of it, and only the
rows that differ are written, all at one position. Shadows go with the session: one that was killed begins anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import psycopg

from runfold.errors import RebuildFailed
from runfold.projections.catalogue import Group
from runfold.projections.fold import FOLD_SESSION, NOT_PARKED, HandlerFailed, batch_bounds, bind, fold_batch
from runfold.projections.own_session import OwnConnection
from runfold.projections.reconcile import Difference, Pair, Written, parents_first
from runfold.projections.registry import check_checkpoint
from runfold.projections.shadows import make_shadows
from runfold.projections.statements import statement

_BATCH_SIZE = 20_000
_ATTEMPTS = 6

Progress = Callable[[str, str, int, int], None]
Landed = tuple[int, float, list[str], dict[str, tuple[int, Written, list[Difference]]]]
"""The position, how long the checkpoint was held, the parked streams, and of each table: rows that differ, what was
written, and the first differences."""


def rebuild_own(
    connection: psycopg.Connection[Any],
    group: Group,
    *,
    dry_run: bool,
    restored: bool,
    limit: int | None,
    progress: Progress = lambda *_: None,
) -> Landed:
    """Make all tables of a user's group what the log says; with `dry_run` tell what would be written.

    `connection` is of a role that may note whose group it is; the folds never see it. Raises RebuildFailed where an
    event can not be folded, and CheckpointAhead.
    """
    if group.own_login is None:
        raise RebuildFailed(f"the group {group.name} is runfold's")
    if restored:
        raise RebuildFailed(
            f"the group {group.name} is a user's: a checkpoint ahead of its log is not taken back here",
            hint=f"UPDATE runfold.checkpoints SET position = 0 WHERE group_name = '{group.name}', then rebuild it",
        )
    with group.own_login.open() as own:
        own.execute(FOLD_SESSION)
        connection.execute(statement("register_group"), {"group": group.name})
        connection.execute(statement("register_own_group"), {"group": group.name, "role": own.info.user})
        for _ in range(_ATTEMPTS):
            landed = _OwnRebuild(own, group, limit, progress).run(dry_run=dry_run)
            if landed is not None:
                if not dry_run:
                    connection.execute(statement("note_waiting"), {"group": group.name, "reason": None})
                return landed
    raise RebuildFailed(f"streams of group {group.name} are parked and retried without end")


class _OwnRebuild:
    def __init__(self, own: OwnConnection, group: Group, limit: int | None, progress: Progress) -> None:
        self.own = own
        self.group = group
        self.limit = limit
        self.progress = progress
        self.named = {"group": group.name}
        self.position = 0

    def run(self, *, dry_run: bool) -> Landed | None:
        """All of it; None when other streams are parked than were at the beginning: then it has to begin anew."""
        self.own.execute("DISCARD TEMP")
        with self.own.transaction(), self.own.cursor() as cursor:
            make_shadows(cursor, self.group)
            parked = self._parked(cursor)
            row = cursor.execute(statement("checkpoint"), self.named).fetchone()
            upto = row[0] if row is not None else 0
            check_checkpoint(cursor, self.group, upto)
        while self.position < upto:
            with self.own.transaction(), self.own.cursor() as cursor:
                self._fold(cursor, upto)
            self.progress(self.group.name, "fold", self.position, upto)
        with self.own.transaction(force_rollback=dry_run), self.own.cursor() as cursor:
            (checkpoint, _, _) = cursor.execute(statement("begin_own_batch"), self.named).fetchone() or (0, False, {})
            began = time.monotonic()
            if self._parked(cursor) != parked:
                cursor.execute(statement("end_own_batch"), self.named)
                return None
            while self.position < checkpoint:
                self._fold(cursor, checkpoint)
            tables = self._reconcile(cursor, dry_run=dry_run)
            for projection in self.group.projections:
                built = {"name": projection.name, "version": projection.version, "digest": projection.digest}
                cursor.execute(statement("note_own_built"), {**self.named, **built})
            cursor.execute(statement("end_own_batch"), self.named)
        return checkpoint, time.monotonic() - began, [stream for stream, _ in parked], tables

    def _parked(self, cursor: psycopg.Cursor[Any]) -> Sequence[tuple[str, int]]:
        return cursor.execute(statement("own_left_out"), self.named).fetchall()

    def _fold(self, cursor: psycopg.Cursor[Any], upto: int) -> None:
        bounds = batch_bounds(cursor, self.group, after=self.position, head=upto, size=_BATCH_SIZE)
        bind(cursor, ["pg_temp"])
        try:
            if bounds.events:
                fold_batch(
                    cursor,
                    self.group,
                    after=self.position,
                    upto=bounds.upto,
                    types=bounds.types,
                    streams=NOT_PARKED,
                )
        except (HandlerFailed, psycopg.DataError, psycopg.IntegrityError, psycopg.ProgrammingError) as exc:
            raise RebuildFailed(
                f"the events of group {self.group.name} from {self.position + 1} to {bounds.upto} can not be folded:"
                f" {' '.join(str(exc).split())}",
                hint="mend the projection",
            ) from exc
        cursor.execute("SET LOCAL search_path = DEFAULT")
        self.position = bounds.upto

    def _reconcile(
        self, cursor: psycopg.Cursor[Any], *, dry_run: bool
    ) -> dict[str, tuple[int, Written, list[Difference]]]:
        ordered = [Pair(cursor, item, "pg_temp") for item in parents_first(cursor, self.group.projections)]
        found = {}
        for pair in ordered:
            pair.make_suspects(cursor)
            pair.suspect_all(cursor)
            differing = pair.find(cursor)
            differences = pair.differences(cursor, limit=self.limit, found=True) if dry_run else ()
            found[pair.projection.name] = (differing, [difference for difference, _ in differences])
        written: dict[str, Written] = {}
        if not dry_run:
            # Children are deleted first, parents inserted first.
            written = {pair.projection.name: pair.delete(cursor) for pair in reversed(ordered)}
            for pair in ordered:
                more, done = pair.write(cursor), written[pair.projection.name]
                done.inserted += more.inserted
                done.updated += more.updated
        return {name: (differing, written.get(name, Written()), shown) for name, (differing, shown) in found.items()}
