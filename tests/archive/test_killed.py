"""Who archives or restores may be killed at any step: the next run ends it, and nothing is lost or doubled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from runfold.archive import files, restoring, writing
from runfold.archive.listing import read_archives
from runfold.archive.restoring import restore_range
from tests.archive.segments import NOW, Segmented
from tests.fixtures.logs import created, event
from tests.fixtures.processes import forked
from tests.worker.dying_worker import after, before

STEPS: dict[str, tuple[Any, str, Any]] = {
    "before a file has its name": (files, "_sha256", before(1)),
    "before the manifest": (files, "write_manifest", before(1)),
    "before the file is entered": (writing, "_note", before(1)),
    "after the file is entered": (writing, "_note", after(1)),
    "before the second file": (writing, "_build", before(2)),
    "before the swap": (writing, "_swap", before(1)),
    "after the swap": (writing, "_swap", after(1)),
    "when some ids are forgotten": (writing, "forget", after(1)),
    "when one table is dropped": (writing, "forget", after(2)),
    "before the end": (writing, "finish", after(2)),
}


def dying(database_url: str, step: tuple[Any, str, Any], body: Any) -> None:
    def run() -> None:
        owner, name, wrap = step
        setattr(owner, name, wrap(getattr(owner, name)))
        with psycopg.connect(database_url, autocommit=True) as connection:
            body(connection)

    with forked(run) as process:
        process.wait()


@pytest.fixture
def full(log: Segmented) -> Segmented:
    log.append("execution-long", created("long"), event("ExecutionStarted"))
    log.runs(3, "a")
    log.fill()
    log.append("execution-long", event("ExecutionSucceeded"))
    log.runs(3, "b")
    log.fill()
    log.folded()
    return log


@pytest.mark.parametrize("step", STEPS)
def test_a_killed_run_is_ended_by_the_next_one(full: Segmented, database_url: str, folder: Path, step: str) -> None:
    before_it = full.whole()
    ids = len(full.ids())
    dying(
        database_url,
        STEPS[step],
        lambda connection: writing.write_archives(connection, folder, older_than=NOW, tries=1),
    )
    assert full.whole(folder) == before_it
    full.archive(folder)
    assert full.whole(folder) == before_it
    assert len(full.archived()) == 13
    archives = read_archives(full.connection)
    assert sum(each.left_events for each in archives) + len(full.rows()) == before_it[0] == ids
    assert len(full.ids()) == len(full.rows())
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        name for each in archives for name in (each.file, each.file.replace(".parquet", ".json"))
    )
    names = full.connection.execute(
        "SELECT count(*) FROM pg_class WHERE relnamespace = 'runfold_partitions'::regnamespace"
        " AND relkind = 'r' AND relname ~ '^(remains|left)_'"
    ).fetchone()
    assert names == (0,)


@pytest.mark.parametrize("step", ["when some is copied", "before it lands", "after it has landed"])
def test_a_killed_restore_is_run_again(full: Segmented, database_url: str, folder: Path, step: str) -> None:
    before_it = full.whole()
    rows = full.rows()
    full.archive(folder)
    steps = {
        "when some is copied": (restoring, "_copy", after(1)),
        "before it lands": (restoring, "_copy", after(2)),
        "after it has landed": (restoring, "_restore", after(1)),
    }
    dying(database_url, steps[step], lambda connection: restore_range(connection, folder, 1, 10**9))
    assert full.whole(folder) == before_it
    restore_range(full.connection, folder, 1, 10**9)
    assert full.rows() == rows


def test_control_a_kill_is_noticed(full: Segmented, database_url: str, folder: Path) -> None:
    """The steps are reached: a run that is to die there does not end."""
    dying(
        database_url,
        STEPS["before the swap"],
        lambda connection: writing.write_archives(connection, folder, older_than=NOW, tries=1),
    )
    assert full.archived() == set()
    assert full.connection.execute("SELECT count(*) FROM runfold.swaps WHERE state = 'built'").fetchone() == (2,)
