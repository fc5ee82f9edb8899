"""All tables are rebuilt while writers append, a worker folds and readers read, and nobody notices."""

from __future__ import annotations

import threading
import time
from typing import Any

import psycopg
import pytest

from runfold.projections.reconciling.group_rebuild import GroupRebuild
from tests.fixtures.evidence import Evidence
from tests.fixtures.logs import Log, event, run
from tests.fixtures.processes import assert_nothing_differs, drain, worker
from tests.model import reference
from tests.model.compare import assert_tables_equal, read_tables
from tests.projections.reconciling.rebuilding import Rebuilder, append_everything, damage
from tests.projections.reconciling.test_killed import Reading

WRITERS = 4


class Writers:
    """Threads that append whole executions and their logs, and keep the longest time of an append."""

    def __init__(self, url: str, writers: int = WRITERS) -> None:
        self.logs: list[Log] = []
        self.longest = 0.0
        self.failures: list[BaseException] = []
        self._url = url
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._write, args=(number,)) for number in range(writers)]

    def _write(self, number: int) -> None:
        try:
            with psycopg.connect(self._url, autocommit=True) as connection:
                log = Log(connection)
                self.logs.append(log)
                n = 0
                while not self._stop.is_set():
                    n += 1
                    name = f"live{number}.{n}"
                    for stream, events in ((f"execution-{name}", run(name)), (f"log-{name}", [event("LogAppended")])):
                        began = time.monotonic()
                        log.append(stream, *events)
                        self.longest = max(self.longest, time.monotonic() - began)
                        # As engines do: at full speed the two cores would be theirs alone.
                        self._stop.wait(0.03)
        except BaseException as exc:
            self.failures.append(exc)

    def __enter__(self) -> Writers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


def rebuild_beside_writers(log: Log, url: str, rebuilder: Rebuilder, evidence: Evidence) -> None:
    append_everything(log, appends=10)
    drain(url)
    damaged = damage(log.connection)
    with Reading(url) as reading, worker(url, batch_size=2_000), Writers(url) as writers:
        standing = dict(reading.least)
        time.sleep(1)
        before, before_look = writers.longest, reading.longest
        writers.longest = reading.longest = 0.0
        locked = []
        for _ in range(2):
            locked += [item.locked_seconds for item in rebuilder().values()]
        longest, longest_look = writers.longest, reading.longest
    assert writers.failures == []
    for table, count in reading.least.items():
        assert count >= standing[table] - (table == "public.workflow_status"), f"{table} had a gap"
    events = sorted((item for each in (log, *writers.logs) for item in each.events), key=lambda item: item.position)
    drain(url)
    evidence.note(
        events=len(events),
        damaged=damaged,
        looks=reading.looks,
        longest_append=round(longest, 3),
        longest_append_without=round(before, 3),
        longest_look=round(longest_look, 3),
        longest_look_without=round(before_look, 3),
        longest_lock=round(max(locked), 3),
    )
    assert_tables_equal(reference.fold(events), read_tables(log.connection))
    assert_nothing_differs(url)


def test_a_rebuild_of_everything_beside_writers_ends_equal_and_no_reader_sees_a_gap(
    log: Log, database_url: str, rebuilder: Rebuilder, evidence: Evidence
) -> None:
    rebuild_beside_writers(log, database_url, rebuilder, evidence)


def test_control_without_the_tail_under_the_lock_the_tables_differ_and_readers_see_gaps(
    log: Log, database_url: str, rebuilder: Rebuilder, evidence: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tables that are made equal to shadows of an earlier position lose the events that were folded since."""
    fold_tail = GroupRebuild._fold_tail

    def not_under_the_lock(self: GroupRebuild, cursor: Any, upto: int, *events: Any) -> None:
        if self.compared_from is None:
            fold_tail(self, cursor, upto, *events)
        else:
            self._note(cursor, upto)  # or else the checkpoint would be moved back to the shadows

    monkeypatch.setattr(GroupRebuild, "_fold_tail", not_under_the_lock)
    with pytest.raises(AssertionError, match=r"differ|gap"):
        rebuild_beside_writers(log, database_url, rebuilder, evidence)
