"""The worker: leads or waits to, folds every group along the log, sleeps when there is nothing to fold."""

from __future__ import annotations

import logging
import math
import signal
import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import psycopg
from tenacity import Retrying, retry_if_exception_type, wait_random_exponential

from runfold.database.connections import connect
from runfold.database.safe_head import safe_head
from runfold.database.sessions import backend_pid, refuse_read_only
from runfold.errors import DatabaseReadOnly, DatabaseUnavailable, LeadershipLost
from runfold.projections.definition.catalogue import Catalogue, Group
from runfold.projections.folding.copies import Copies
from runfold.projections.folding.fold import FOLD_SESSION
from runfold.projections.folding.ledger import Ledger, require_folding_role
from runfold.projections.folding.projector import DEFAULT_BATCH_SIZE, Projector
from runfold.projections.folding.user_session import UserLogin
from runfold.runtime_sql import runtime_sql
from runfold.seals.sealing import Sealing
from runfold.settings import Settings
from runfold.worker.archiving import Archiving
from runfold.worker.closing import Closing
from runfold.worker.expiry import Expiry
from runfold.worker.group_runner import GroupRunner
from runfold.worker.leadership import Lead, acquire_lead
from runfold.worker.maintenance import Maintenance
from runfold.worker.numbers import MinuteLine, Numbers, State, timed
from runfold.worker.sampling import Sampling
from runfold.worker.timeouts import Timeouts
from runfold.worker.user_groups import UserGroups
from runfold.worker.vector_indexes import VectorIndexes
from runfold.worker.wake_up import Bell

statement = runtime_sql("runfold.worker")

log = logging.getLogger(__name__)

# A lost notification heals after this long; so does a workflow's row that a user had locked.
IDLE_SECONDS = 0.5
# Between looks at the log while appenders keep the worker from sleeping.
SHORTEST_PAUSE = 0.002
LONGEST_PAUSE = 0.05

# A worker that died in the middle of a statement is noticed by the server within this time, its lock freed; one that
# froze in a transaction does not hold its rows for ever. A lost commit is folded again, so none waits for the disk.
_WORKER_SESSION = """
    SET client_connection_check_interval = '250ms';
    SET idle_in_transaction_session_timeout = '10s';
    SET synchronous_commit = off
"""

# What passes: another worker leads, the database is away, or it is read-only until a fail-over has ended.
_PASSING = (
    LeadershipLost,
    DatabaseUnavailable,
    DatabaseReadOnly,
    psycopg.OperationalError,
    psycopg.errors.ReadOnlySqlTransaction,
)


# A lock that somebody holds on a table of one group keeps that group waiting, and not the others behind it.
_FOLD_LOCKS = "SET lock_timeout = '5s'"


class Worker:
    """Folds the log into the read tables, exactly once, while it leads; any number may run."""

    def __init__(
        self, url: str, settings: Settings, catalogue: Catalogue, *, batch_size: int = DEFAULT_BATCH_SIZE
    ) -> None:
        self._url = url
        self._settings = settings
        self._catalogue = catalogue
        self._batch_size = batch_size
        groups = list(catalogue.groups.values())
        self._groups = [group for group in groups if not group.of_user]
        self._user_groups = [group for group in groups if group.of_user]
        self._stop = threading.Event()
        self._draining = False
        self.numbers = Numbers()

    def stop(self) -> None:
        """Finish the batch at hand and return from `run`."""
        self._stop.set()

    @property
    def was_stopped(self) -> bool:
        """Whether it was told to stop."""
        return self._stop.is_set()

    def stop_on_signals(self) -> None:
        """Let SIGTERM and SIGINT stop this worker after its batch."""
        # From a thread: a handler interrupts the main thread, which may hold the event's lock.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: threading.Thread(target=self.stop).start())

    def run(self) -> None:
        """Lead, or wait to lead, until stopped. A lost database or leadership is waited for, never given up."""
        while not self._stop.is_set():
            self._retrying()(self._lead, lambda: False, Timeouts(self._settings))
        self.numbers.state = State.STOPPED

    def drain(self, progress: Callable[[int, int], None] = lambda *_: None) -> dict[str, str]:
        """Fold everything up to the safe head of now, or wait while another worker does; returns what could not be.

        `progress` is called with the position of the group that is furthest behind, and the head. The result maps each
        group that waits for an operator to its reason; empty when all is folded. A lost database is waited for.
        """
        self._draining = True
        looking = _Looking(lambda: self._session("drain"), list(self._catalogue.groups))
        with closing(looking):

            def settled() -> bool:
                progress(looking.least_position(), looking.head)
                return looking.settled()

            def fold_all() -> bool:
                looking.look()
                self._lead(settled)
                return settled()

            while not self._stop.is_set() and not self._retrying()(fold_all):
                pass
            Sealing(lambda: self._session("seal")).finish(self._stop)
            return looking.stopped()

    def _retrying(self) -> Retrying:
        return Retrying(
            retry=retry_if_exception_type(_PASSING),
            stop=lambda _: self._stop.is_set(),
            # Told to stop while the database was away: that is no failure.
            retry_error_callback=lambda _: None,
            wait=wait_random_exponential(multiplier=0.1, max=5),
            sleep=self._pause,
            before_sleep=lambda state: self._note_loss(state.outcome.exception() if state.outcome else None),
        )

    def _note_loss(self, why: BaseException | None) -> None:
        self.numbers.lost(str(why))
        log.warning("not leading: %s", why, extra={"event": "not_leading", "sqlstate": getattr(why, "sqlstate", None)})

    def _pause(self, seconds: float) -> None:
        self._stop.wait(seconds)

    def _lead(self, done: Callable[[], bool], timeouts: Timeouts | None = None) -> None:
        """Lead once: fold until stopped or done. Raises when the leadership or the database is lost."""
        with self._session("fold") as connection, closing(self._bell()) as bell:
            refuse_read_only(connection, "a worker")
            require_folding_role(connection)
            lead = acquire_lead(
                lambda: self._session("lead"),
                [backend_pid(connection), bell.pid],
                self._stop,
                give_up=done,
                numbers=self.numbers,
            )
            if lead is None:
                return
            log.info("leading, epoch %s", lead.epoch, extra={"event": "leading", "epoch": lead.epoch})
            try:
                connection.execute(FOLD_SESSION)
                connection.execute(_FOLD_LOCKS)
                ledger = Ledger(connection, epoch=lead.epoch)
                projector = Projector(ledger, batch_size=self._batch_size, pipelined=True)
                runner = GroupRunner(self._groups, projector, connection, numbers=self.numbers)
                runner.register()
                with (
                    UserGroups(
                        self._user_groups,
                        UserLogin.of(self._catalogue, self._settings),
                        lambda: self._session("user projections"),
                        epoch=lead.epoch,
                        batch_size=self._batch_size,
                        numbers=self.numbers,
                    ) as users,
                    Sampling(
                        lambda: self._session("verify"), self._catalogue, self._settings.verify_streams
                    ) as sampling,
                    Sealing(lambda: self._session("seal")) as sealing,
                    VectorIndexes(lambda: self._session("vectors"), self._settings.vector_index_interval),
                    # As with what expires: not while a drain waits.
                    Archiving(lambda: self._session("archive"), self._settings.archive if timeouts else None),
                    Closing(lambda: self._session("freeze")) as closer,
                ):
                    self._fold_until(done, lead, runner, bell, users, (sampling, sealing), closer, timeouts)
            finally:
                lead.release()

    def _fold_until(
        self,
        done: Callable[[], bool],
        lead: Lead,
        runner: GroupRunner,
        bell: Bell,
        users: UserGroups,
        idling: tuple[Sampling | Sealing, ...],
        closer: Closing,
        timeouts: Timeouts | None,
    ) -> None:
        projector, connection = runner.projector, runner.projector.connection
        maintenance, expiry, copying, copies = Maintenance(), Expiry(), _Every(IDLE_SECONDS), Copies()
        pause = SHORTEST_PAUSE
        minute = MinuteLine(self.numbers)
        while not self._stop.is_set() and not done():
            self.numbers.moved()
            minute.say()
            lead.check()
            maintenance.make_partitions(connection)
            # Not while a drain waits for it: what a person starts to fold the log does nothing else.
            if timeouts is not None:
                expiry.step(connection)
                timeouts.append_due(connection)
            with timed(self.numbers.looks):
                lead.head, passed = projector.look(runner.free, least=lead.head)
            self.numbers.head = head = lead.head
            users.tell(head)
            moved = [self._advance(runner, group, head) for group in runner.groups if group.name not in passed]
            for one in idling:
                one.tell(idle=not any(moved))
            closer.tell(idle=not any(moved), head=head)
            # Also while the log never rests: a row that a user had locked must not stay behind.
            if any(moved) or copying.is_due():
                copies.make(connection)
            if any(moved):
                self._ring(bell.disarm)
                pause = SHORTEST_PAUSE
            elif users.behind and self._draining:
                self._stop.wait(LONGEST_PAUSE)
            elif bell.armed:
                self._ring(lambda: bell.wait(IDLE_SECONDS))
            elif not self._ring(bell.arm):
                self._stop.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
        if self._draining:
            copies.finish(connection)

    def _advance(self, runner: GroupRunner, group: Group, head: int) -> bool:
        with self.numbers.in_batch():
            return runner.advance(group, head)

    def _ring(self, action: Callable[[], object]) -> object:
        """Do something with the bell.

        A bell that is lost is opened again the next time, and the log is polled meanwhile.
        """
        try:
            return action()
        except psycopg.OperationalError as exc:
            log.warning("the listening connection was lost: %s", exc)
            return None

    def _bell(self) -> Bell:
        return Bell(lambda: self._session("bell"), self.numbers.woken)

    def _session(self, role: str) -> psycopg.Connection[Any]:
        connection = connect(self._url, self._settings, application=f"runfold worker {role}", autocommit=True)
        connection.execute(_WORKER_SESSION)
        return connection


class _Looking:
    """How far the groups are, seen on a connection of its own: another worker may be the one that folds."""

    def __init__(self, connect: Callable[[], psycopg.Connection[Any]], groups: list[str]) -> None:
        self._connect = connect
        self._groups = groups
        self._connection: psycopg.Connection[Any] | None = None
        self._found: list[tuple[str, int, str | None]] = []
        self.head = 0

    def look(self) -> None:
        """Look at the log, the first time, and at the groups; with a new connection where the last was lost."""
        if self._connection is None or self._connection.closed:
            self._connection = self._connect()
        self.head = self.head or safe_head(self._connection)
        self._found = self._connection.execute(statement("group_positions"), {"groups": self._groups}).fetchall()

    def least_position(self) -> int:
        """The position of the group that is furthest behind."""
        self.look()
        return min((position for _, position, _ in self._found), default=self.head)

    def settled(self) -> bool:
        """Whether every group is at the head, or waits for an operator."""
        return all(position >= self.head or reason is not None for _, position, reason in self._found)

    def stopped(self) -> dict[str, str]:
        """The groups that wait for an operator, and why."""
        return {name: reason for name, _, reason in self._found if reason is not None}

    def close(self) -> None:
        """Stop looking."""
        if self._connection is not None:
            self._connection.close()


class _Every:
    """Something that is due at once, and again after so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._last = -math.inf

    def is_due(self) -> bool:
        """Whether it is time; then it is done."""
        now = time.monotonic()
        if now - self._last < self._seconds:
            return False
        self._last = now
        return True
