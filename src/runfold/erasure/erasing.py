"""Erase a tenant, in steps that can each be done again, and say what stays readable."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import psycopg

from runfold.errors import ErasureWaits, GroupWaits, KeyUnavailable
from runfold.projections.definition.catalogue import Catalogue
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.erasure")

BARRIER = "TenantErased"
_PAUSE = 0.1

Progress = Callable[[str], None]
"""Is called with what is waited for, each time that changes."""


class Keys(Protocol):
    """Where tenants' keys are: what an erasure needs of it."""

    def has_keys(self, user_id: UUID, /) -> bool:
        """Return whether the tenant has a key, or had one."""

    def destroy(self, user_id: UUID, /) -> list[Any]:
        """Destroy the tenant's keys for good, note that in the ledger, and return them; again it changes nothing."""


class Blobs(Protocol):
    """Where blobs are that are not in the database: what an erasure needs of it."""

    def delete_all(self, user_id: UUID, /) -> int:
        """Delete all blobs of the tenant, and return how many there were; again it returns 0."""


@dataclass(slots=True)
class Report:
    """What an erasure did, or would do, and what it leaves.

    `rows` are the tenant's rows by table before it began; `left` those that remain, which is empty after an erasure
    unless `unaware` lists the tables of users' projections whose files do not name the barrier. `keys_destroyed` is
    None where nobody encrypts, `blobs_deleted` where blobs are in the database alone, which are rows. `readable`
    counts the events by type and field whose value is not encrypted.
    """

    user_id: UUID
    dry_run: bool
    rows: dict[str, int] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)
    unaware: list[str] = field(default_factory=list)
    streams: int = 0
    events: int = 0
    position: int | None = None
    unparked: int = 0
    keys_destroyed: int | None = None
    blobs_deleted: int | None = None
    readable: list[dict[str, Any]] = field(default_factory=list)
    quoting_errors: int = 0
    begun_at: datetime | None = None
    erased_at: datetime | None = None

    @property
    def is_erased(self) -> bool:
        """Whether everything was done."""
        return self.erased_at is not None


def erase_tenant(
    connection: psycopg.Connection[Any],
    catalogue: Catalogue,
    user_id: UUID,
    *,
    keys: Keys | None = None,
    blobs: Blobs | None = None,
    dry_run: bool = False,
    timeout: float | None = None,
    progress: Progress = lambda _: None,
) -> Report:
    """Erase a tenant for good, and return what was done and what stays readable; with `dry_run` only what would be.

    In this order, each step done again without harm: the user is deleted, and with it what people edit; appends to the
    tenant's streams are refused; open appends end; TenantErased is appended; the keys are destroyed and the ledger
    written; the groups fold it, users' groups too; parked streams of the tenant are given up. The connection is in
    autocommit and of an operator or the owner. Raises UserNotDeleted where users are a platform's, ErasureWaits when an
    open append or a group takes longer than `timeout` seconds, GroupWaits when a group has stopped: run it again.
    """
    report = Report(user_id, dry_run)
    _look_before(connection, catalogue, report)
    if not dry_run:
        waiting = _Waiting(timeout, progress)
        report.position = _append_barrier(connection, user_id, waiting)
        if keys is not None:
            progress("destroying the keys")
            report.keys_destroyed = len(keys.destroy(user_id)) if keys.has_keys(user_id) else 0
        if blobs is not None:
            report.blobs_deleted = blobs.delete_all(user_id)
        _wait_for_folds(connection, list(catalogue.groups), report.position, waiting)
        (report.unparked,) = _one(connection, "unpark_erased", user_id)
        report.left = dict(_all(connection, "rows", user_id))
        if not {*report.left} - {*report.unaware}:
            (report.erased_at,) = _one(connection, "end_erasure", user_id)
    report.readable = [
        {"type": kind, "field": name, "events": events} for kind, name, events in _all(connection, "readable", user_id)
    ]
    (report.quoting_errors,) = _one(connection, "quoting_errors", user_id)
    return report


def require_keys(connection: psycopg.Connection[Any], user_id: UUID) -> None:
    """Raise KeyUnavailable where the tenant may have keys, for a process that is not told where keys are."""
    if _one(connection, "needs_keys", user_id) == (True,):
        raise KeyUnavailable(
            "the store encrypts, and this process is not told where the keys are that an erasure destroys",
            hint="set RUNFOLD_KEY_HOME, RUNFOLD_MASTER_KEYS and RUNFOLD_ERASURE_LEDGER as engines have them",
        )


def unaware_tables(connection: psycopg.Connection[Any], catalogue: Catalogue) -> list[str]:
    """Return the tables of users' projections that have a column user_id and whose file does not name the barrier."""
    tables = [
        f"{projection.schema}.{projection.table}"
        for projection in catalogue.projections
        if BARRIER not in projection.barriers
    ]
    rows = connection.execute(statement("user_tables"), {"tables": tables}).fetchall()
    return [name for (name,) in rows]


def _look_before(connection: psycopg.Connection[Any], catalogue: Catalogue, report: Report) -> None:
    report.rows = dict(_all(connection, "rows", report.user_id))
    report.streams, report.events = _one(connection, "streams", report.user_id)
    report.unaware = unaware_tables(connection, catalogue)
    noted = _all(connection, "erased_tenant", report.user_id)
    if noted:
        report.begun_at, report.position, report.erased_at = noted[0]


def _append_barrier(connection: psycopg.Connection[Any], user_id: UUID, waiting: _Waiting) -> int:
    """Do the steps up to TenantErased, each in a transaction of its own; returns its position."""
    while True:
        state, position = _one(connection, "erase_tenant", user_id)
        if state == "erased":
            return int(position)
        if state == "waiting":
            held = connection.execute(statement("holders")).fetchone()
            who = "" if held is None else f", process {held[1]} ({held[2]}, {held[3]}) among them"
            waiting.wait(f"open appends to end{who}")


def _wait_for_folds(connection: psycopg.Connection[Any], groups: list[str], position: int, waiting: _Waiting) -> None:
    asked = {"position": position, "groups": groups}
    while behind := connection.execute(statement("checkpoints_behind"), asked).fetchall():
        stopped = [(name, why) for name, _, why in behind if why is not None]
        if stopped:
            name, why = stopped[0]
            raise GroupWaits(
                f"group {name} has stopped before position {position}, and keeps rows of the tenant: {why}",
                hint="repair it (`runfold status`), then erase the tenant again: what is done stays done",
            )
        names = ", ".join(name for name, _, _ in behind)
        waiting.wait(f"a worker to fold up to position {position:,} in {names}")


class _Waiting:
    """Waits in small steps, says for what, and not for ever."""

    def __init__(self, timeout: float | None, progress: Progress) -> None:
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._timeout = timeout
        self._progress = progress
        self._said = ""

    def wait(self, reason: str) -> None:
        """Wait a moment; raises ErasureWaits when the time is over."""
        if reason != self._said:
            self._progress(f"waiting for {reason}")
            self._said = reason
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise ErasureWaits(
                f"the erasure waited {self._timeout:g} seconds for {reason}",
                hint="run it again: what is done stays done, and the tenant's streams take no more events",
            )
        time.sleep(_PAUSE)


def _one(connection: psycopg.Connection[Any], name: str, user_id: UUID) -> tuple[Any, ...]:
    return _all(connection, name, user_id)[0]


def _all(connection: psycopg.Connection[Any], name: str, user_id: UUID) -> list[tuple[Any, ...]]:
    return connection.execute(statement(name), {"tenant": user_id}).fetchall()
