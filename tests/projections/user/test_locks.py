"""A file that takes the advisory lock for which appends wait blocks nobody for long."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from runfold.worker import user_groups
from tests.fixtures.logs import Log
from tests.fixtures.processes import eventually, forked, fresh_worker
from tests.projections.user.costs import PYTHON_FORM, SQL_FORM, TABLE, actual, spend, write_form

BOTH = pytest.mark.parametrize("form", ["sql", "py"])

# The lock that decides whether appends go on, then a wait of as long as the time limit allows.
STALLING = """
    CREATE FUNCTION projections.stalling() RETURNS numeric LANGUAGE plpgsql VOLATILE AS $$
    BEGIN
        PERFORM pg_advisory_xact_lock('runfold.events'::regclass::oid::bigint::bit(32)::integer, 0);
        PERFORM pg_advisory_lock(77);
        PERFORM pg_sleep(30);
        RETURN 0;
    END $$
"""
HELD = (
    "SELECT l.pid FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
    " WHERE l.locktype = 'advisory' AND l.objid = 77 AND a.application_name ~ 'projections'"
)


def stall(log: Log, url: str, folder: Path, form: str, *, watched: bool) -> tuple[float, str | None]:
    """Return how long (seconds, at most 4) the file held the lock, and why its group stopped then."""
    log.connection.execute(TABLE)
    log.connection.execute(STALLING)
    spend(log, "a", [1])
    text = (
        SQL_FORM.replace("sum((b", "stalling() + sum((b")
        if form == "sql"
        else PYTHON_FORM + '    connection.execute("SELECT stalling()")\n'
    )
    write_form(folder, form, text=text)

    def body() -> None:
        if not watched:
            user_groups._WATCHED_EVERY = 1000.0
        running = fresh_worker(url, folder, projections_timeout=20.0)
        running.stop_on_signals()
        running.run()

    with forked(body):
        (pid,) = eventually(lambda: log.connection.execute(HELD).fetchone())
        began = time.monotonic()
        while time.monotonic() - began < 4 and (log.connection.execute(HELD).fetchone() or (0,))[0] == pid:
            time.sleep(0.02)
        held = time.monotonic() - began
        reason = "SELECT stopped_error FROM runfold.checkpoints WHERE group_name = 'costs'"
        if watched:
            eventually(lambda: (log.connection.execute(reason).fetchone() or (None,))[0])
        (said,) = log.connection.execute(reason).fetchone() or (None,)
    return held, said


@BOTH
def test_a_fold_that_takes_an_advisory_lock_is_ended(log: Log, database_url: str, tmp_path: Path, form: str) -> None:
    held, said = stall(log, database_url, tmp_path / "own", form, watched=True)
    assert held < 3, "runfold's appends would have waited for it"
    assert said == "a projection of the group costs took an advisory lock"
    assert actual(log.connection) == {}


def test_control_unwatched_it_holds_the_lock_until_its_time_is_over(
    log: Log, database_url: str, tmp_path: Path
) -> None:
    held, said = stall(log, database_url, tmp_path / "own", "sql", watched=False)
    assert held >= 4
    assert said is None
