"""Fixtures: an emitter on the test's database, and what its log and its read tables hold afterwards."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

import runfold
from tests.fixtures.commands import run_command
from tests.fixtures.processes import assert_nothing_differs, drain
from tests.fixtures.stores import store

__all__ = ["store"]


class Recorded:
    """The database with what was recorded, folded when it is looked at."""

    def __init__(self, url: str, emitter: runfold.Emitter) -> None:
        self.url = url
        self.emitter = emitter

    def fold(self) -> None:
        """Wait for every acknowledgement, fold, and fail if an anomaly arose or a table differs from the log."""
        self.emitter.flush(30)
        assert not self.emitter.refused
        drain(self.url)
        assert self.rows("SELECT code, detail FROM runfold.anomalies") == []
        assert_nothing_differs(self.url)

    def rows(self, statement: str, *parameters: Any) -> list[dict[str, Any]]:
        with psycopg.connect(self.url, row_factory=dict_row) as connection:
            return connection.execute(statement, parameters).fetchall()  # type: ignore[arg-type]

    def executions(self) -> list[dict[str, Any]]:
        return self.rows("SELECT * FROM public.workflow_executions ORDER BY start_time, execution_id")

    def nodes(self) -> dict[str, dict[str, Any]]:
        """Return the activations by name."""
        found = self.rows("SELECT * FROM public.node_executions ORDER BY start_time, activation")
        return {row["activation"]: row for row in found}

    def calls(self) -> list[dict[str, Any]]:
        return self.rows("SELECT * FROM public.model_calls ORDER BY last_event_position")

    def lines(self) -> list[dict[str, Any]]:
        return self.rows("SELECT * FROM public.workflow_execution_logs ORDER BY last_event_position")

    def positions(self) -> int:
        """Return how many events the log holds."""
        self.emitter.flush(30)
        return int(self.rows("SELECT count(*) AS n FROM runfold.events")[0]["n"])

    def tree(self, execution_id: str) -> list[list[str]]:
        """Return the lines of `execution show`, without bars and durations: the marks of the tree, sign and label."""
        done = run_command(
            "--url", self.url, "execution", "show", execution_id, environment={**os.environ, "COLUMNS": "100"}
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()


@pytest.fixture
def emitter(store: runfold.Store) -> Iterator[runfold.Emitter]:
    """An emitter on the test's database."""
    with runfold.Emitter(store) as made:
        yield made


@pytest.fixture
def recorded(database_url: str, emitter: runfold.Emitter) -> Recorded:
    return Recorded(database_url, emitter)
