"""The first fold of a rebuild: slices by stream hash, each by itself from nothing, on several connections.

A slice is folded into temporary tables of its own connection, without standing rows and without indexes (with both
where barriers cut the log), and its rows are appended to the shadows in the same transaction that notes it as done.
Tables whose rows depend on several streams are not sliced. They are folded at once when the slices are done; or, where
that would not give the same, the log is folded whole into them and into what they read, as one more task.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from typing import Any, LiteralString

import psycopg

from runfold.projections.definition.catalogue import Group
from runfold.projections.folding.fold import FOLD_SESSION, HandlerFailed, bind
from runfold.projections.folding.ledger import Ledger
from runfold.projections.folding.parts import fold_in_parts
from runfold.projections.folding.poison import Failure, is_poison
from runfold.projections.reconciling.pair import Pair
from runfold.projections.reconciling.poisoned_slice import find_poison
from runfold.projections.reconciling.shadows import (
    NOT_LEFT_OUT,
    SHADOW_SCHEMA,
    fold_shadows,
    make_shadows,
    shadow_schema,
)
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.projections")

OpenLedger = Callable[[], AbstractContextManager[Ledger]]
"""Opens another session that folds the group, set up by `set_up_rebuild`."""

# A slice costs a scan of the log, so large logs have large slices: to sort on disk what does not fit into memory costs
# less.
EVENTS_A_SLICE = 300_000
MOST_SLICES = 16
# Each slice pays for each barrier, as much as for so many events.
EVENTS_A_BARRIER = 1_000

WHOLE = -1
"""The number of the task that folds the tables that cannot be sliced."""

_OF_SLICE: LiteralString = (
    f"mod(hashtextextended(e.stream_id, 0) & 2147483647, %(slices)s) = %(slice)s AND {NOT_LEFT_OUT}"
)
_SLICE_EVENTS: LiteralString = "pg_temp.slice_events"

REBUILD_SESSION: LiteralString = (
    FOLD_SESSION
    + """;
    SET work_mem = '64MB';
    SET maintenance_work_mem = '128MB';
    SET default_statistics_target = 10;
    SET max_parallel_workers_per_gather = 0;
    SET synchronous_commit = off;
    SET client_connection_check_interval = '250ms'
"""
)


def set_up_rebuild(connection: psycopg.Connection[Any]) -> None:
    """Set what a session that rebuilds needs."""
    connection.execute(REBUILD_SESSION)
    # A session that a pooler hands on has used temporary tables before, and keeps what it has.
    with suppress(psycopg.errors.InvalidParameterValue):
        connection.execute("SET temp_buffers = '64MB'")


_SEARCH = threading.Lock()


@dataclass(frozen=True, slots=True)
class Plan:
    """What the first fold has to do: the group's tables up to a position, in so many slices."""

    group: Group
    digest: str
    position: int
    slices: int
    events: int
    barriers: int
    types: frozenset[str]

    @property
    def across(self) -> Group | None:
        """The projections that cannot be sliced, if they can be folded at once when what they read is whole.

        They can be, unless a barrier lies between, or they read a table as it was before each batch.
        """
        found = tuple(item for item in self.group.projections if item.cross_stream)
        if not found or not self.group.barriers.isdisjoint(self.types) or any(item.reads_before for item in found):
            return None
        return replace(self.group, projections=found)

    @property
    def whole(self) -> Group | None:
        """The projections that can be folded neither in slices nor `across` them, and what they read."""
        if self.across is not None:
            return None
        needed = reads_of(self.group, [item.name for item in self.group.projections if item.cross_stream])
        return needed if needed.projections else None

    @property
    def sliced(self) -> list[str]:
        """The projections whose rows come from the slices."""
        whole = self.whole
        named = {item.name for item in whole.projections} if whole is not None else set()
        alone = [item.name for item in self.group.projections if item.name not in named]
        # Where something is sliced, so is what it reads; then the whole fold need not write that.
        return [item.name for item in self.group.projections if not item.cross_stream] if alone else []

    @property
    def tasks(self) -> list[int]:
        """The slices' numbers, and WHOLE; none for nothing."""
        if not self.events:
            return []
        return [*([WHOLE] if self.whole is not None else []), *(range(self.slices) if self.sliced else ())]


def can_be_sliced(group: Group) -> bool:
    """Whether the streams of the group may be folded apart from each other; other tables are folded beside the slices.

    A user's group is sliced only where all of its rows belong to one stream each, and never with a function in Python,
    which may look at what it wrote before.
    """
    return not group.of_user or all(item.handler is None and not item.cross_stream for item in group.projections)


def slices_for(events: int, barriers: int, jobs: int) -> int:
    """How many slices: as many for each connection, few enough for scans and barriers, and none for nothing."""
    wanted = max(1, min(-(-events // EVENTS_A_SLICE), MOST_SLICES))
    wanted = -(-wanted // jobs) * jobs
    return max(1, min(wanted, events // (EVENTS_A_BARRIER * barriers) if barriers else events))


def reads_of(group: Group, names: Sequence[str]) -> Group:
    """The part of a group that these projections need: themselves and what they read, directly or not."""
    by_table = {projection.table: projection for projection in group.projections}
    needed = {projection.table for projection in group.projections if projection.name in names}
    while (
        more := {read for table in needed for read in (*by_table[table].reads, *by_table[table].reads_before)} - needed
    ):
        needed |= more
    return replace(group, projections=tuple(item for item in group.projections if item.table in needed))


def fold_slices(
    open_ledger: OpenLedger, plan: Plan, done: set[int], *, jobs: int, park: bool, progress: Callable[[int], None]
) -> None:
    """Do the tasks that are not done, `jobs` at a time; `progress` is called with the events folded so far, about.

    A stream that cannot be folded raises RebuildFailed naming it, or with `park` is left out of the rebuild from its
    first bad event on. The first failure stops the others.
    """
    todo = [task for task in plan.tasks if task not in done]
    share = plan.events / max(1, plan.slices)
    stop = threading.Event()
    lock = threading.Lock()
    folded = share * len(done - {WHOLE})
    progress(int(folded))

    def work() -> None:
        nonlocal folded
        while not stop.is_set():
            with lock:
                if not todo:
                    return
                task = todo.pop(0)
            try:
                with open_ledger() as ledger:
                    _do(ledger, plan, task, park=park)
                with lock:
                    folded += share if task != WHOLE else 0
                    progress(int(folded))
            except BaseException:
                stop.set()
                raise

    with ThreadPoolExecutor(jobs, thread_name_prefix="runfold-rebuild") as threads:
        running = [threads.submit(work) for _ in range(min(jobs, len(todo)))]
        try:
            wait(running, return_when=FIRST_EXCEPTION)
        finally:
            stop.set()
        for each in running:
            each.result()


def fold_across(cursor: psycopg.Cursor[Any], plan: Plan) -> None:
    """Fold what is not sliced over the finished shadows of the slices, in the caller's transaction."""
    if plan.across is not None:
        bind(cursor, [SHADOW_SCHEMA], whole=True)
        across = plan.across
        fold_in_parts(
            cursor,
            across,
            after=0,
            upto=plan.position,
            types=plan.types,
            streams=NOT_LEFT_OUT,
            expected=plan.events,
        )
        cursor.execute("SET LOCAL search_path = DEFAULT")


def _do(ledger: Ledger, plan: Plan, task: int, *, park: bool) -> None:
    """Do one task in one transaction; when a stream cannot be folded, find it, and do it again without."""
    asked = {"group": plan.group.name, "digest": plan.digest, "slice": task}
    while True:
        left_out = _left_out(ledger, plan)
        try:
            with ledger.transaction(), ledger.connection.cursor() as cursor:
                if cursor.execute(statement("begin_slice"), asked).fetchone() == (True,):
                    _fold(cursor, plan, task)
            return
        except (psycopg.Error, HandlerFailed) as exc:
            if not is_poison(exc):
                raise
            # Two tasks may fail at one stream. While one searches it the other waits, and then begins without it.
            with _SEARCH:
                if _left_out(ledger, plan) == left_out:
                    leave_out_poison(ledger, plan, exc, park=park)


def _left_out(ledger: Ledger, plan: Plan) -> list[tuple[str, bool]]:
    """Return the streams that the rebuild leaves out by now."""
    about = {"group": plan.group.name, "upto": plan.position}
    return ledger.connection.execute(statement("rebuild_parked_streams"), about).fetchall()


def leave_out_poison(ledger: Ledger, plan: Plan, failure: Failure, *, park: bool) -> None:
    """Find the stream that a fold failed at and, with `park`, leave it out; raise what is no stream's fault."""
    if not is_poison(failure):
        raise failure
    find_poison(ledger, plan.group, plan.position, plan.types, failure, park=park)


def _fold(cursor: psycopg.Cursor[Any], plan: Plan, task: int) -> None:
    if task == WHOLE:
        assert plan.whole is not None
        group, results = plan.whole, {item.name for item in plan.whole.projections} - set(plan.sliced)
        make_shadows(cursor, group)
        fold_shadows(cursor, group, plan.position, streams=NOT_LEFT_OUT)
    else:
        group, results = plan.group, set(plan.sliced)
        if plan.barriers or group.of_user:
            # What comes after a barrier looks up the rows that are there: without indexes it would read the tables
            # whole for each of them. A user's statements have a time limit: batches keep them short.
            make_shadows(cursor, group)
            which = {"slices": plan.slices, "slice": task}
            fold_shadows(cursor, group, plan.position, streams=_OF_SLICE, barriers=NOT_LEFT_OUT, given=which)
        else:
            make_shadows(cursor, group, indexed=False)
            events = _gather(cursor, plan, task)
            bind(cursor, ["pg_temp"], whole=True)
            fold_in_parts(
                cursor,
                group,
                after=0,
                upto=plan.position,
                types=plan.types,
                expected=events,
                events=_SLICE_EVENTS,
            )
    for projection in group.projections:
        if projection.name in results:
            Pair(cursor, projection, shadow_schema(group)).copy_rows(cursor, "pg_temp")


def _gather(cursor: psycopg.Cursor[Any], plan: Plan, number: int) -> int:
    """Copy the events of a slice out of the log, which is read once so, and not once a statement; returns how many."""
    cursor.execute(
        statement("gather_slice").replace("{streams}", _OF_SLICE),
        {
            "group": plan.group.name,
            "upto": plan.position,
            "types": sorted(plan.types),
            "slices": plan.slices,
            "slice": number,
        },
    )
    return cursor.rowcount
