"""`runfold doctor` says what is wrong, and with `--advise` what would be faster; `runfold backup` notes backups."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from runfold.emitter.spool import Spool
from runfold.health.doctor_list import checks
from tests.cli.running import ask, run
from tests.factories import append, call
from tests.fixtures.logs import Log
from tests.fixtures.logs import run as events_of

# The tests' server does not wait for its disk, and no worker leads.
OF_THE_TESTS = ("fsync-off", "full-page-writes-off", "no-leader")
WITHOUT_THEM = [word for name in (*OF_THE_TESTS, "group-behind") for word in ("--skip", name)]


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


def test_a_finding_names_place_remedy_and_page_and_the_exit_code_is_1(
    connection: psycopg.Connection[Any], database_url: str
) -> None:
    connection.execute("ALTER SEQUENCE runfold.events_position CACHE 10")
    done = run(database_url, "doctor", *WITHOUT_THEM)
    assert done.returncode == 1
    assert done.stdout.startswith("error: sequence-cache: runfold.events_position\n")
    assert "  do: ALTER SEQUENCE runfold.events_position CACHE 1\n" in done.stdout
    assert "  see: docs/reference/doctor.md#sequence-cache\n" in done.stdout
    assert "1 error" in done.stdout.splitlines()[-1]
    said = json.loads(run(database_url, "doctor", "--json", *WITHOUT_THEM).stdout)
    assert said["healthy"] is False
    (found,) = [each for each in said["findings"] if each["severity"] != "advice"]
    assert (found["check"], found["severity"]) == ("sequence-cache", "error")


def test_a_store_that_is_well_ends_with_0_and_advice_does_not_change_that(
    connection: psycopg.Connection[Any], database_url: str
) -> None:
    done = run(database_url, "doctor", *WITHOUT_THEM)
    assert (done.returncode, "warning" in done.stdout) == (0, False), done.stdout
    assert "checks made: " in done.stdout.splitlines()[-1]
    assert run(database_url, "doctor", "--check", "jit-on").returncode == 0


def test_what_could_not_be_checked_ends_with_3_and_is_named(
    connection: psycopg.Connection[Any], database_url: str
) -> None:
    connection.execute("DROP TABLE runfold.subscriptions CASCADE")
    done = run(database_url, "doctor", *WITHOUT_THEM)
    assert done.returncode == 3
    assert "not checked: bookmark-unmoved: " in done.stdout
    assert "3 could not be made" in done.stdout.splitlines()[-1]
    skipped = ["bookmark-unmoved", "subscription-behind", "subscription-fails"]
    left_out = [word for name in skipped for word in ("--skip", name)]
    assert run(database_url, "doctor", *WITHOUT_THEM, *left_out).returncode == 0


def test_a_database_that_is_not_migrated_is_a_finding(empty_database_url: str) -> None:
    done = run(empty_database_url, "doctor", "--check", "schema-outdated")
    assert done.returncode == 1
    assert (
        "error: schema-outdated: database\n  the database is not migrated\n  do: run `runfold migrate`" in done.stdout
    )


def test_after_a_restore_the_exit_code_is_0_where_there_is_advice_only(
    connection: psycopg.Connection[Any], database_url: str, tmp_path: Path
) -> None:
    done = run(database_url, "doctor", "--after-restore")
    assert done.returncode == 0
    assert "advice: restored-log: log\n" in done.stdout
    with Spool.open(tmp_path / "spool", None) as spool:
        spool.append(call(append(events=1)).encode())
    named = run(database_url, "doctor", "--after-restore", "--spool", str(tmp_path / "spool"))
    assert named.returncode == 1
    assert f"warning: restored-spools: spool {tmp_path / 'spool'}" in named.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--check", "fsync"], "do you mean fsync-off?"),
        (["--skip", "xyz"], "docs/reference/doctor.md lists them"),
        (["--advise", "--check", "fsync-off"], "without the options of checks"),
        (["--spool", "/nowhere"], "is not a spool"),
    ],
)
def test_a_mistake_is_named(database_url: str, words: list[str], said: str) -> None:
    done = run(database_url, "doctor", *words)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.replace("│", " ").split())


def test_every_check_has_its_section_in_the_reference() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "doctor.md").read_text()
    assert {each.name for each in checks()} == {
        line.removeprefix("## ") for line in page.splitlines() if line.startswith("## ")
    } - {"Checks", "After a restore"}


def test_a_backup_is_noted_listed_and_looked_at(connection: psycopg.Connection[Any], database_url: str) -> None:
    Log(connection).append("execution-e", *events_of("e"))
    old = (datetime.now(UTC) - timedelta(days=8)).isoformat(timespec="seconds")
    done = run(database_url, "backup", "noted", "--at", old, "--label", "s3://b/1")
    assert (done.returncode, done.stdout.startswith("noted: a base backup of ")) == (0, True)
    late = run(database_url, "doctor", "--check", "backup-old")
    assert (late.returncode, "warning: backup-old: backup" in late.stdout) == (1, True)
    assert ask(database_url, "backup", "noted")["label"] == ""
    assert run(database_url, "doctor", "--check", "backup-old").returncode == 0
    assert [each["label"] for each in ask(database_url, "backup", "list")] == ["", "s3://b/1"]
    again = ask(database_url, "backup", "noted", "--at", old, "--label", "moved")
    assert again["label"] == "moved"
    assert len(ask(database_url, "backup", "list")) == 2


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--at", "yesterday"], 2, "is not a time"),
        (["--at", "2026-01-01T00:00:00"], 2, "has no time zone"),
        (["--at", "2999-01-01T00:00:00Z"], 1, "is in the future"),
        (["--label", "x" * 201], 1, "at most 200 characters"),
    ],
)
def test_a_wrong_mark_is_refused(database_url: str, words: list[str], code: int, said: str) -> None:
    done = run(database_url, "backup", "noted", *words)
    assert done.returncode == code
    assert said in " ".join(done.stderr.replace("│", " ").split())
    assert ask(database_url, "backup", "list") == []


def test_a_label_of_200_characters_is_taken(database_url: str) -> None:
    assert run(database_url, "backup", "noted", "--label", "x" * 200).returncode == 0
