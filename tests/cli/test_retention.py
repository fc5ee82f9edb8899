"""`runfold retention`: how long rows are kept, and what has expired, for people and for scripts."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Runfold
from tests.fixtures.logs import Log
from tests.fixtures.processes import drain
from tests.worker.test_retention import LOGS, ages, lines


@pytest.fixture
def aged(log: Log, database_url: str) -> Log:
    lines(log.connection, "a", 40, 41, 2)
    drain(database_url)
    return log


def entry(runfold: Runfold) -> dict[str, object]:
    (found,) = (row for row in runfold("retention", "show", "--json").json() if row["table"] == LOGS)
    return dict(found)


@pytest.mark.parametrize("columns", [80, 200])
def test_it_is_shown(runfold: Runfold, aged: Log, columns: int) -> None:
    shown = runfold("retention", "show", columns=columns)
    assert shown.code == 0, shown.err
    assert "execution_logs" in shown.out
    assert "30 days" in shown.out
    found = entry(runfold)
    assert (found["keep_days"], found["expired"], found["cutoff"], found["group"]) == (30, 2, None, "log")


def test_it_is_set_and_run(runfold: Runfold, aged: Log) -> None:
    assert runfold("retention", "run", "workflow_execution_logs", "--dry-run").out == f"{LOGS}: 2 rows have expired\n"
    assert len(ages(aged.connection)) == 3
    said = runfold("retention", "set", "workflow_execution_logs", "--days", "41")
    assert said.out == f"{LOGS} keeps its rows 41 days; a worker removes older ones once a day\n"
    assert entry(runfold)["expired"] in (0, 1)
    runfold("retention", "set", LOGS, "--days", "1")
    assert runfold("retention", "run", LOGS, "--json").json() == [{"table": LOGS, "rows": 3, "blocked_since": None}]
    assert ages(aged.connection) == []
    assert entry(runfold)["cutoff"] is not None
    assert "for ever" in runfold("retention", "set", LOGS, "--forever").out
    assert entry(runfold)["keep_days"] is None


def test_a_dry_run_counts_what_would_go_and_sets_nothing(runfold: Runfold, aged: Log) -> None:
    said = runfold("retention", "set", "workflow_execution_logs", "--days", "1", "--dry-run", "--json").json()
    assert (said["table"], said["keep_days"], said["rows"]) == (LOGS, 1, 3)
    aged.connection.execute("ANALYZE public.workflow_execution_logs")
    assert "3 rows would go, about " in runfold("retention", "set", LOGS, "--days", "1", "--dry-run").out
    assert "0 rows would go" in runfold("retention", "set", LOGS, "--forever", "--dry-run").out
    assert runfold("retention", "set", LOGS, "--days", "0", "--dry-run").code == 1
    assert entry(runfold)["keep_days"] == 30
    assert len(ages(aged.connection)) == 3


def test_policies_of_the_archive_are_shown_and_set(runfold: Runfold, aged: Log) -> None:
    def policies() -> dict[str, object]:
        rows = runfold("retention", "show", "--json").json()
        return {row["category"]: row["keep_days"] for row in rows if row["kind"] == "archive"}

    assert policies()["execution"] is None
    said = runfold("retention", "set", "archive", "execution", "--days", "365").out
    assert said == "streams of execution stay in the log 365 days after their last event\n"
    assert policies()["execution"] == 365
    assert "365 days" in runfold("retention", "show").out
    runfold("retention", "set", "archive", "execution", "--forever")
    assert policies()["execution"] is None
    counted = runfold("retention", "set", "archive", "execution", "--days", "1", "--dry-run", "--json").json()
    assert (counted["streams"], counted["events"], policies()["execution"]) == (0, 0, None)


REFUSED = {
    "no category": (["archive", "--days", "9"], 2),
    "a table with a category": ([LOGS, "execution", "--days", "9"], 2),
    "a category that no stream has": (["archive", "nothing", "--days", "9"], 1),
    "a category that never leaves": (["archive", "deployment", "--days", "9"], 1),
    "less than a day": (["archive", "execution", "--days", "0"], 1),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_policy_that_cannot_be_is_refused(runfold: Runfold, aged: Log, what: str) -> None:
    words, code = REFUSED[what]
    for more in ([], ["--dry-run"]):
        refused = runfold("retention", "set", *words, *more)
        assert refused.code == code, (refused.out, refused.err)
        assert "error" in refused.err.lower()


def test_a_partition_in_use_is_said(runfold: Runfold, aged: Log) -> None:
    aged.connection.execute("UPDATE runfold.retention SET blocked_since = now() WHERE table_name = %s", (LOGS,))
    assert f"{LOGS}: a partition cannot be dropped since" in runfold("retention", "show").out


def test_less_than_a_day_is_refused(runfold: Runfold, aged: Log) -> None:
    refused = runfold("retention", "set", LOGS, "--days", "0")
    assert refused.code == 1
    assert refused.err.startswith("error: ")
    assert "a day" in refused.err
