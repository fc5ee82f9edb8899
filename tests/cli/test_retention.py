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


def test_a_partition_in_use_is_said(runfold: Runfold, aged: Log) -> None:
    aged.connection.execute("UPDATE runfold.retention SET blocked_since = now() WHERE table_name = %s", (LOGS,))
    assert f"{LOGS}: a partition cannot be dropped since" in runfold("retention", "show").out


def test_less_than_a_day_is_refused(runfold: Runfold, aged: Log) -> None:
    refused = runfold("retention", "set", LOGS, "--days", "0")
    assert refused.code == 1
    assert refused.err.startswith("error: ")
    assert "a day" in refused.err
