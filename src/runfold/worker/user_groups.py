"""Users' groups are folded beside runfold's own, by a thread with connections of its own.

Whether a user's projection fails, waits or takes its time, runfold's groups go on: they share neither a connection nor
a transaction with it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any

import psycopg

from runfold.errors import DatabaseUnavailable, LeadershipLost, RunfoldError
from runfold.projections.definition.catalogue import Group
from runfold.projections.folding.fold import FOLD_SESSION
from runfold.projections.folding.ledger import Ledger, note_stopped
from runfold.projections.folding.projector import Projector
from runfold.projections.folding.registry import register_user_group
from runfold.projections.folding.user_session import UserLedger, UserLogin
from runfold.runtime_sql import runtime_sql
from runfold.worker.group_runner import LONGEST_BACK_OFF, GroupRunner
from runfold.worker.numbers import Numbers

statement = runtime_sql("runfold.projections")

log = logging.getLogger(__name__)

# A lost connection is opened again, ever later; from this number of losses on the groups that wait for it say so.
_SAID_AFTER = 3
_TIME_TO_FINISH = 1.0
# How often a fold that goes on is examined for advisory locks, which appends may wait for.
_WATCHED_EVERY = 0.25
_PASSING = (DatabaseUnavailable, psycopg.OperationalError)
_EXPECTED = (RunfoldError, psycopg.Error)


class UserGroups:
    """Folds users' groups up to the head that `tell` gives, until it is closed; all under one leader's epoch.

    `connect` opens a session of the worker's own role, which notes why a group waits. Use it in `with`.
    """

    def __init__(
        self,
        groups: Iterable[Group],
        login: UserLogin,
        connect: Callable[[], psycopg.Connection[Any]],
        *,
        epoch: int,
        batch_size: int,
        numbers: Numbers | None = None,
    ) -> None:
        self._groups = list(groups)
        self._login = login
        self._connect = connect
        self._epoch = epoch
        self._batch_size = batch_size
        self._numbers = numbers
        self._called = threading.Event()
        self._closed = threading.Event()
        self._head = 0
        self._done = 0
        self._losses: dict[str, int] = {}
        self._ledger: UserLedger | None = None
        # Since when a batch is being folded.
        self._busy_since: float | None = None
        self._failures = 0
        self._thread = threading.Thread(target=self._run, name="runfold-user-projections", daemon=True)
        self._watcher = threading.Thread(target=self._watch, name="runfold-user-projections-watch", daemon=True)

    def __enter__(self) -> UserGroups:
        if self._groups:
            self._thread.start()
            self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Finish the batch at hand; a statement that takes too long is cancelled, and its batch rolled back.

        A function in Python that does not return is left to the end of the process: its leader is gone by then.
        """
        self._closed.set()
        self._called.set()
        if not self._groups:
            return
        self._thread.join(_TIME_TO_FINISH)
        if self._thread.is_alive() and self._ledger is not None:
            self._ledger.cancel(within=_TIME_TO_FINISH)
            self._thread.join(_TIME_TO_FINISH)

    def tell(self, head: int) -> None:
        """Fold on: the log is settled up to here."""
        if head > self._head:
            self._head = head
            self._called.set()

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
                return  # the worker notices by itself, and leads again under another epoch
            except Exception as exc:
                # Runfold's groups go on with any error here, and these say why they do not.
                self._failures += 1
                log.warning("your projections are not folded: %s", exc, exc_info=not isinstance(exc, _EXPECTED))
                if self._failures >= _SAID_AFTER or not isinstance(exc, _PASSING):
                    self._say_why(str(exc))
                self._closed.wait(min(0.1 * 2**self._failures, LONGEST_BACK_OFF))

    def _watch(self) -> None:
        """Cancel a fold that holds or waits for an advisory lock: runfold's appends and leaders wait for such locks."""
        while not self._closed.wait(_WATCHED_EVERY):
            try:
                with self._connect() as looking:
                    while not self._closed.wait(_WATCHED_EVERY):
                        began, ledger = self._busy_since, self._ledger
                        if began is None or ledger is None or time.monotonic() - began < _WATCHED_EVERY:
                            continue
                        if ledger.is_locking(looking) and self._busy_since == began:
                            ledger.cancel_for_lock(within=_TIME_TO_FINISH)
            except _EXPECTED as exc:
                log.warning("your projections are not watched for locks just now: %s", exc)

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
        projector = Projector(self._log_in(opened, notes), batch_size=self._batch_size)
        passing = Projector(Ledger(notes, epoch=self._epoch))
        for group in self._groups:
            register_user_group(notes, group, projector.connection.info.user)
        runner = GroupRunner(self._groups, projector, notes, lost=self._note_loss, numbers=self._numbers)
        runner.register()
        self._failures = 0
        while not self._closed.is_set():
            self._called.clear()
            head = self._head
            passed = passing.pass_by(runner.free, head)
            moved = False
            for group in self._groups:
                if group.name not in passed:
                    moved |= self._advance(runner, group, head)
                    if projector.connection.closed:
                        projector.ledger = self._log_in(opened, notes)
            if not moved:
                self._done = head
                if not self._called.is_set():
                    self._called.wait(runner.seconds_to_wait)

    def _log_in(self, opened: ExitStack, notes: psycopg.Connection[Any]) -> UserLedger:
        own = opened.enter_context(self._login.open())
        own.execute(FOLD_SESSION)

        def note(group: str, sqlstate: str, error: str) -> None:
            note_stopped(notes, group, sqlstate, error, epoch=self._epoch)

        self._ledger = UserLedger(own, epoch=self._epoch, note=note)
        return self._ledger

    def _advance(self, runner: GroupRunner, group: Group, head: int) -> bool:
        self._busy_since = time.monotonic()
        try:
            moved = runner.advance(group, head)
        finally:
            self._busy_since = None
        if moved:
            self._losses.pop(group.name, None)
        return moved

    def _note_loss(self, group: Group, exc: psycopg.Error) -> None:
        """The group's fold lost the connection: when that happens again and again, note that it is stopped."""
        self._losses[group.name] = losses = self._losses.get(group.name, 0) + 1
        if losses >= _SAID_AFTER and self._ledger is not None:
            self._ledger.note_stopped(group, exc.sqlstate or "08006", str(exc))
