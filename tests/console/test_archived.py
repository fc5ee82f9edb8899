"""The page of an execution whose events are archived shows its rows, and says what is not there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg

from tests.console.conftest import opened
from tests.fixtures.archiving import archive_streams
from tests.fixtures.logs import Log, run
from tests.fixtures.processes import drain


def test_an_archived_execution_says_so_and_one_that_is_not_does_not(
    connection: psycopg.Connection[Any], database_url: str, tmp_path: Path
) -> None:
    log = Log(connection)
    log.append("execution-gone", *run("gone"))
    log.append("execution-here", *run("here"))
    drain(database_url)
    archive_streams(database_url, tmp_path, ["execution-gone"])
    with opened(database_url) as client:
        gone, here = (client.get(f"/executions/{name}").text for name in ("gone", "here"))
        assert client.get("/executions/gone?event=2").status_code == 404
    assert "runfold archive restore --stream execution-gone" in gone
    assert 'id="slide"' not in gone
    assert "runfold archive restore" not in here
    assert 'id="slide"' in here


def test_growth_names_the_streams_of_an_archive_policy(database_url: str) -> None:
    with opened(database_url) as client:
        page = client.get("/growth").text
    assert "streams of execution" in page
    assert ">None<" not in page
