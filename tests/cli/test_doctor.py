"""`runfold doctor --advise` prints statements, and runs the harmless ones when it is asked to."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.cli.running import ask, run


@pytest.fixture
def planted(connection: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    connection.execute("CREATE TABLE projections.planted (id integer PRIMARY KEY, a integer)")
    connection.execute("INSERT INTO projections.planted SELECT n, n FROM generate_series(1, 20000) AS n")
    connection.execute("SELECT pg_stat_force_next_flush()")
    return connection


def test_it_says_what_to_do_and_does_nothing(planted: psycopg.Connection[Any], database_url: str) -> None:
    for _ in range(2):
        done = run(database_url, "doctor", "--advise")
        assert done.returncode == 0
        assert "ANALYZE projections.planted;\n" in done.stdout
    (found,) = [each for each in ask(database_url, "doctor", "--advise") if each["kind"] == "statistics"]
    assert (found["object"], found["harmless"], found["applied"]) == ("projections.planted", True, False)


def test_it_does_what_is_harmless_when_it_is_asked_to(planted: psycopg.Connection[Any], database_url: str) -> None:
    planted.execute("CREATE INDEX one ON projections.planted (a)")
    planted.execute("CREATE INDEX two ON projections.planted (a)")
    shown = run(database_url, "doctor", "--advise", "--apply").stdout
    assert "ANALYZE projections.planted;  -- done" in shown
    assert "DROP INDEX CONCURRENTLY projections.two;\n" in shown
    assert planted.execute("SELECT to_regclass('projections.two') IS NOT NULL").fetchone() == (True,)
    assert [each["kind"] for each in ask(database_url, "doctor", "--advise") if each["harmless"]] == []


def test_a_database_without_a_finding_says_so(database_url: str) -> None:
    done = run(database_url, "doctor", "--advise")
    assert (done.returncode, done.stdout) == (0, "nothing to advise\n")


def test_it_wants_to_know_what_to_look_for(database_url: str) -> None:
    done = run(database_url, "doctor")
    assert done.returncode == 2
    assert "--advise" in done.stderr
