"""Users' groups are folded beside runfold's own, by a thread with connections of its own.

Whatever a user's projection does (fails, waits, takes its time), the product's groups go on: they share neither a
connection nor a transaction with it.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from typing import Any

import psycopg

from runfold.errors import DatabaseUnavailable, LeadershipLost, ProjectionRoleMissing, RunfoldError
from runfold.projections.definition.catalogue import Group
from runfold.projections.folding.fold import FOLD_SESSION
from runfold.projections.folding.own_projector import OwnProjector
from runfold.projections.folding.projector import BuiltOtherwise, GroupStopped, Projector
from runfold.projections.folding.registry import register_group
from runfold.projections.folding.user_session import OwnConnection
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.projections")

log = logging.getLogger(__name__)

LONGEST_BACK_OFF = 30.0
# A lost connection is opened again, ever later; from this number of losses on the groups that wait for it say so.
_SAID_AFTER = 3
_TIME_TO_FINISH = 1.0
_LOOKED_AT_AGAIN = 1.0
# How often it is looked whether a fold that goes on holds an advisory lock, which appends may wait for.
_WATCHED_EVERY = 0.25
_PASSING = (DatabaseUnavailable, psycopg.OperationalError)
_EXPECTED = (RunfoldError, psycopg.Error)


class OwnGroups:
    """Folds users' groups up to the head that it is told, until it is closed; all of them under one leader's epoch.

    `connect` opens a session of the worker's own role, which notes why a group waits. Use it in `with`.
    """

    def __init__(
        self, groups: Iterable[Group], connect: Callable[[], psycopg.Connection[Any]], *, epoch: int, batch_size: int
    ) -> None:
        self._groups = list(groups)
        self._connect = connect
        self._epoch = epoch
        self._batch_size = batch_size
        self._told = threading.Event()
        self._closed = threading.Event()
        self._head = 0
        self._done = 0
        self._until: dict[str, float] = {}
        self._pauses: dict[str, float] = {}
        self._losses: dict[str, int] = {}
        self._folding: OwnProjector | None = None
        # Since when a batch is being folded.
        self._busy_since: float | None = None
        # Groups that wait for a rebuild: when to look again.
        self._rebuilding: dict[str, float] = {}
        self._failures = 0
        self._thread = threading.Thread(target=self._run, name="runfold-own-projections", daemon=True)
        self._watcher = threading.Thread(target=self._watch, name="runfold-own-projections-watch", daemon=True)

    def __enter__(self) -> OwnGroups:
        if self._groups:
            self._thread.start()
            self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Finish the batch at hand; a statement that takes too long is cancelled, and its batch rolled back.

        A function in Python that does not return is left to the end of the process: its leader is gone by then.
        """
        self._closed.set()
        self._told.set()
        if not self._groups:
            return
        self._thread.join(_TIME_TO_FINISH)
        if self._thread.is_alive() and self._folding is not None:
            self._folding.ending.set()
            with suppress(psycopg.Error):
                self._folding.connection.cancel_safe(timeout=_TIME_TO_FINISH)
            self._thread.join(_TIME_TO_FINISH)

    def tell(self, head: int) -> None:
        """The log is settled up to here."""
        if head > self._head:
            self._head = head
            self._told.set()

    @property
    def behind(self) -> bool:
        """Whether a group that does not wait has something left to fold."""
        return bool(self._groups) and self._done < self._head

    def _run(self) -> None:
        while not self._closed.is_set():
            try:
                with ExitStack() as opened:
                    self._fold(opened)
            except LeadershipLost:
                return  # the worker notices by itself, and begins anew
            except Exception as exc:
                # Whatever it is: the product's groups go on, and these say why they do not.
                self._failures += 1
                log.warning("projections of your own are not folded: %s", exc, exc_info=not isinstance(exc, _EXPECTED))
                if self._failures >= _SAID_AFTER or not isinstance(exc, _PASSING):
                    self._say_why(str(exc))
                self._closed.wait(min(0.1 * 2**self._failures, LONGEST_BACK_OFF))

    def _watch(self) -> None:
        """Cancel a fold that holds or waits for an advisory lock: runfold's appends and leaders wait for such locks."""
        while not self._closed.wait(_WATCHED_EVERY):
            try:
                with self._connect() as looking:
                    while not self._closed.wait(_WATCHED_EVERY):
                        began, folding = self._busy_since, self._folding
                        if began is None or folding is None or time.monotonic() - began < _WATCHED_EVERY:
                            continue
                        pid = folding.connection.info.backend_pid
                        if looking.execute(statement("own_advisory_locks"), {"pid": pid}).fetchone() is None:
                            continue
                        if self._busy_since == began:
                            folding.took_lock.set()
                            folding.connection.cancel_safe(timeout=_TIME_TO_FINISH)
            except _EXPECTED as exc:
                log.warning("projections of your own are not watched for locks just now: %s", exc)

    def _say_why(self, reason: str) -> None:
        """Note at each group that it waits, so that nobody waits for it without knowing."""
        try:
            with self._connect() as notes:
                for group in self._groups:
                    notes.execute(statement("register_group"), {"group": group.name})
                    notes.execute(statement("note_waiting"), {"group": group.name, "reason": reason})
            self._done = self._head
        except (RunfoldError, psycopg.Error) as exc:
            log.warning("and that could not be noted: %s", exc)

    def _fold(self, opened: ExitStack) -> None:
        notes = opened.enter_context(self._connect())
        own = self._log_in(opened)
        self._rebuilding.clear()
        for group in self._groups:
            notes.execute(statement("register_own_group"), {"group": group.name, "role": own.info.user})
            self._register(notes, group, leading=False)
        passing = Projector(notes, epoch=self._epoch, batch_size=self._batch_size)
        note = _noting(notes, self._epoch)
        projector = OwnProjector(own, epoch=self._epoch, note_stopped=note, batch_size=self._batch_size)
        self._folding = projector
        self._failures = 0
        while not self._closed.is_set():
            self._told.clear()
            head = self._head
            for group in self._groups:
                if self._rebuilding.get(group.name, math.inf) < time.monotonic():
                    self._register(notes, group, leading=True)
            groups = [group for group in self._groups if group.name not in self._rebuilding]
            passed = passing.pass_by(groups, head)
            moved = False
            for group in groups:
                if group.name not in passed:
                    try:
                        moved |= self._advance(projector, group, head)
                    except BuiltOtherwise:
                        self._register(notes, group, leading=True)
                    if projector.connection.closed:
                        projector.connection = self._log_in(opened)
            if not moved:
                self._done = head
                if not self._told.is_set():
                    self._told.wait(self._pause())

    def _register(self, notes: psycopg.Connection[Any], group: Group, *, leading: bool) -> None:
        """Note the group's projections; one that has to wait for a rebuild is looked at again a second later."""
        before = self._rebuilding.pop(group.name, None)
        if (reason := register_group(notes, group, leading=leading)) is not None:
            self._rebuilding[group.name] = time.monotonic() + _LOOKED_AT_AGAIN
            if before is None:
                log.error("projection group %s waits: %s", group.name, reason)

    def _log_in(self, opened: ExitStack) -> OwnConnection:
        login = self._groups[0].own_login
        if login is None:
            raise ProjectionRoleMissing
        own = opened.enter_context(login.open())
        own.execute(FOLD_SESSION)
        return own

    def _pause(self) -> float | None:
        """Seconds until a group that failed is tried again; None where none failed."""
        again = [*self._until.values(), *self._rebuilding.values()]
        return max(0.01, min(again) - time.monotonic()) if again else None

    def _advance(self, projector: OwnProjector, group: Group, head: int) -> bool:
        """Fold one batch of a group; False when there was none, or it waits."""
        if self._until.get(group.name, 0) > time.monotonic():
            return False
        projector.took_lock.clear()
        self._busy_since = time.monotonic()
        try:
            advanced = projector.advance(group, head)
        except GroupStopped as exc:
            self._back_off(group, str(exc))
            return False
        except psycopg.OperationalError as exc:
            if projector.connection.closed:
                self._losses[group.name] = losses = self._losses.get(group.name, 0) + 1
                if losses >= _SAID_AFTER:
                    projector.note_stopped(group.name, exc.sqlstate or "08006", str(exc))
            self._back_off(group, str(exc))
            return False
        finally:
            self._busy_since = None
        self._until.pop(group.name, None)
        self._pauses.pop(group.name, None)
        self._losses.pop(group.name, None)
        return advanced is not None

    def _back_off(self, group: Group, reason: str) -> None:
        pause = min(2 * self._pauses.get(group.name, 0.05), LONGEST_BACK_OFF)
        log.warning("projection group %s is tried again in %.1f s: %s", group.name, pause, reason)
        self._pauses[group.name] = pause
        self._until[group.name] = time.monotonic() + pause


def _noting(notes: psycopg.Connection[Any], epoch: int) -> Callable[[str, str, str], None]:
    def note(group: str, sqlstate: str, error: str) -> None:
        notes.execute(statement("stop_group"), {"group": group, "sqlstate": sqlstate, "error": error, "epoch": epoch})

    return note
