"""Rebuild of a user's group: in the session of its own login, which folds into shadows that an operator has made.

The log is folded into them batch by batch beside the running system, each batch noted in the transaction that folds it:
a rebuild that was killed goes on where it was. Then, under the group's checkpoint, the rest of the log is folded, and
only the rows that differ are written, all at one position.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import sql

from runfold.errors import RebuildFailed, RebuildRunning
from runfold.projections.definition.catalogue import Group
from runfold.projections.definition.contract import Projection
from runfold.projections.folding.fold import NOT_PARKED, HandlerFailed, batch_bounds, bind, fold_batch, unbind
from runfold.projections.folding.own_checkpoint import open_own
from runfold.projections.folding.poison import one_line
from runfold.projections.folding.registry import check_checkpoint
from runfold.projections.folding.user_session import OwnConnection, one_transaction
from runfold.projections.reconciling.pair import Difference, Pair, Written, parents_first
from runfold.projections.reconciling.shadow_build import Progress, alone
from runfold.projections.reconciling.shadows import make_shadow
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.projections")

log = logging.getLogger(__name__)

_SHADOW_SCHEMA = "runfold_own_shadow"
_BATCH_SIZE = 20_000
_ATTEMPTS = 6

LeftOut = Sequence[tuple[str, int]]
"""The streams that are parked and the events that were discarded, each with its position."""
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
    event can not be folded, RebuildRunning and CheckpointAhead.
    """
    if group.own_login is None:
        raise RebuildFailed(f"the group {group.name} is runfold's")
    if restored:
        raise RebuildFailed(
            f"the group {group.name} is a user's: a checkpoint ahead of its log is not taken back here",
            hint=f"UPDATE runfold.checkpoints SET position = 0 WHERE group_name = '{group.name}', then rebuild it",
        )
    with alone(connection, group.name), open_own(connection, group) as own:
        for _ in range(_ATTEMPTS):
            shadows = _Shadows(connection, group, own.info.user)
            position, left_out = shadows.begin()
            one = _OwnRebuild(own, group, position, left_out, limit, progress)
            try:
                with one_transaction(own):
                    landed = one.run(dry_run=dry_run)
            except _FoldedElsewhere:
                continue
            except RebuildFailed:
                # What has to be mended, the file or what is parked, makes it another rebuild.
                shadows.forget()
                raise
            if landed is not None:
                shadows.forget()
                if not dry_run:
                    connection.execute(statement("note_waiting"), {"group": group.name, "reason": None})
                return landed
    raise RebuildFailed(f"streams of group {group.name} are parked and retried without end")


class _FoldedElsewhere(Exception):
    """The session of a rebuild that was killed has ended only now, and got further than it had when this one began."""


class _Shadows:
    """The shadows of a user's group, which an operator's connection makes and drops, and what is noted of them."""

    def __init__(self, connection: psycopg.Connection[Any], group: Group, role: str) -> None:
        self.connection = connection
        self.group = group
        self.role = role
        self.named = {"group": group.name}

    def begin(self) -> tuple[int, LeftOut]:
        """Resume the rebuild that was begun, or begin one.

        Returns the position that its shadows are folded up to, and what no fold meets in them.
        """
        tables = [projection.table for projection in self.group.projections]
        taken = self.connection.execute(statement("own_rebuild_taken"), {**self.named, "tables": tables}).fetchone()
        if taken is not None:
            raise RebuildRunning(
                f"the rebuild of the group {taken[0]} has a table of the same name",
                hint=f"rebuild {taken[0]} first, to its end",
            )
        left_out = self.connection.execute(statement("own_left_out"), self.named).fetchall()
        digest = self._digest(left_out)
        state = self.connection.execute(statement("own_rebuild_state"), self.named).fetchone()
        (checkpoint,) = self.connection.execute(statement("checkpoint"), self.named).fetchone() or (0,)
        if state is not None and state[0] == digest and state[1] <= checkpoint:
            log.info("the rebuild of group %s goes on from position %s", self.group.name, state[1])
            return int(state[1]), left_out
        with self.connection.transaction(), self.connection.cursor() as cursor:
            self._forget(cursor)
            for projection in self.group.projections:
                self._make(cursor, projection)
            cursor.execute(statement("own_rebuild_begin"), {**self.named, "digest": digest, "tables": tables})
        return 0, left_out

    def forget(self) -> None:
        """Drop the shadows and whatever is noted of the rebuild."""
        with self.connection.transaction(), self.connection.cursor() as cursor:
            self._forget(cursor)

    def _forget(self, cursor: psycopg.Cursor[Any]) -> None:
        cursor.execute(statement("own_rebuild_forget"), self.named)
        for projection in self.group.projections:
            cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(_shadow_of(projection)))

    def _make(self, cursor: psycopg.Cursor[Any], projection: Projection) -> None:
        try:
            make_shadow(cursor, projection, _SHADOW_SCHEMA, kind="UNLOGGED", indexed=True)
        except psycopg.errors.InsufficientPrivilege as exc:
            raise RebuildFailed(
                f"{one_line(exc)}: {self.connection.info.user} makes the tables that the log is folded into",
                hint=f"GRANT SELECT ON {projection.schema}.{projection.table} TO {self.connection.info.user}, and USAGE"
                f" ON SCHEMA {projection.schema}",
            ) from exc
        cursor.execute(
            sql.SQL("GRANT SELECT, INSERT, UPDATE, DELETE ON {} TO {}").format(
                _shadow_of(projection), sql.Identifier(self.role)
            )
        )

    def _digest(self, left_out: LeftOut) -> str:
        what = [self.role]
        for projection in self.group.projections:
            live = sql.Identifier(projection.schema, projection.table).as_string(self.connection)
            (shape,) = self.connection.execute(statement("table_shape"), {"table": live}).fetchone() or ("",)
            what += [projection.name, projection.digest, live, shape]
        what += [f"{stream} {position}" for stream, position in left_out]
        return hashlib.sha256("\n".join(what).encode()).hexdigest()


def _shadow_of(projection: Projection) -> sql.Identifier:
    return sql.Identifier(_SHADOW_SCHEMA, projection.table)


class _OwnRebuild:
    def __init__(
        self,
        own: OwnConnection,
        group: Group,
        position: int,
        left_out: LeftOut,
        limit: int | None,
        progress: Progress,
    ) -> None:
        self.own = own
        self.group = group
        self.left_out = left_out
        self.limit = limit
        self.progress = progress
        self.named = {"group": group.name}
        self.position = position

    def run(self, *, dry_run: bool) -> Landed | None:
        """All of it; None when other streams are parked than were at the beginning: then it has to begin anew."""
        with self.own.transaction(), self.own.cursor() as cursor:
            row = cursor.execute(statement("checkpoint"), self.named).fetchone()
            upto = row[0] if row is not None else 0
            check_checkpoint(cursor, self.group, upto)
        while self.position < upto:
            with self.own.transaction(), self.own.cursor() as cursor:
                done = self._fold(cursor, upto)
            self.position = done
            self.progress(self.group.name, "fold", self.position, upto)
        with self.own.transaction(force_rollback=dry_run), self.own.cursor() as cursor:
            (checkpoint, _, _) = cursor.execute(statement("begin_own_batch"), self.named).fetchone() or (0, False, {})
            began = time.monotonic()
            # Parked or retried, discarded, or sent back meanwhile: the shadows are of another group, so to speak.
            left_out = cursor.execute(statement("own_left_out"), self.named).fetchall()
            if left_out != self.left_out or self.position > checkpoint:
                cursor.execute(statement("end_own_batch"), self.named)
                return None
            while self.position < checkpoint:
                self.position = self._fold(cursor, checkpoint)
            tables = self._reconcile(cursor, dry_run=dry_run)
            for projection in self.group.projections:
                built = {"name": projection.name, "version": projection.version, "digest": projection.digest}
                cursor.execute(statement("note_own_built"), {**self.named, **built})
            cursor.execute(statement("end_own_batch"), self.named)
        return checkpoint, time.monotonic() - began, [stream for stream, _ in left_out], tables

    def _fold(self, cursor: psycopg.Cursor[Any], upto: int) -> int:
        """Fold one batch into the shadows, and note that in the same transaction; returns how far they are now."""
        if not self._note(cursor, self.position):
            raise _FoldedElsewhere
        bounds = batch_bounds(cursor, self.group, after=self.position, head=upto, size=_BATCH_SIZE)
        bind(cursor, [_SHADOW_SCHEMA])
        try:
            if bounds.events:
                fold_batch(
                    cursor,
                    self.group,
                    after=self.position,
                    upto=bounds.upto,
                    types=bounds.types,
                    streams=NOT_PARKED,
                    expected=bounds.events,
                )
        except (HandlerFailed, psycopg.DataError, psycopg.IntegrityError, psycopg.ProgrammingError) as exc:
            raise RebuildFailed(
                f"the events of group {self.group.name} from {self.position + 1} to {bounds.upto} can not be folded:"
                f" {' '.join(str(exc).split())}",
                hint="mend the projection",
            ) from exc
        unbind(cursor)
        if not self._note(cursor, bounds.upto):
            raise RebuildFailed(f"a projection of the group {self.group.name} moved its rebuild itself")
        return bounds.upto

    def _note(self, cursor: psycopg.Cursor[Any], upto: int) -> bool:
        """Note how far the shadows are, and hold that; False where they are not where they were left."""
        moved = {**self.named, "after": self.position, "upto": upto}
        return cursor.execute(statement("note_own_folded"), moved).fetchone() == (True,)

    def _reconcile(
        self, cursor: psycopg.Cursor[Any], *, dry_run: bool
    ) -> dict[str, tuple[int, Written, list[Difference]]]:
        ordered = [Pair(cursor, item, _SHADOW_SCHEMA) for item in parents_first(cursor, self.group.projections)]
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
