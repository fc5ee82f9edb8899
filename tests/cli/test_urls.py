"""Wrong URLs, psql, and databases that no reading command makes."""

from __future__ import annotations

import os
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

import runfold
from runfold.cli.app import build
from runfold.cli.invocation import Invocation, set_current
from tests.cli.conftest import run_console_script

COMMANDS = [
    ("status",),
    ("execution", "list"),
    ("projection", "verify"),
    ("projection", "rebuild", "--all"),
    ("interaction", "respond", "00000000-0000-4000-8000-000000000000", "--data", "{}"),
    ("worker",),
    ("worker", "--once"),
    ("migrate",),
    ("up",),
    ("db", "url"),
    ("db", "psql"),
]
WRONG = [
    "http://me:geheim@h/d",
    "me:geheim@h",
    "postgresql://me:ge/geheim@h/d",
    "postgresql://me:geheim@h/d?sslmod=require",
    "host=h password=ge geheim",
]


def error_of(words: tuple[str, ...], **environment: str) -> runfold.RunfoldError:
    """Run a command in this process, and return the error that the command line prints in one line."""
    ended = CliRunner().invoke(build(), words, env=environment)
    set_current(Invocation())
    assert isinstance(ended.exception, runfold.RunfoldError), (words, ended.exception)
    assert ended.output == ""
    return ended.exception


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_wrong_url_is_one_line_everywhere(words: tuple[str, ...], tmp_path: Path) -> None:
    for url in WRONG:
        said = error_of(words, RUNFOLD_DATABASE_URL=url, RUNFOLD_HOME=str(tmp_path / "home"))
        assert said.code == "invalid_url"
        assert str(said).startswith("RUNFOLD_DATABASE_URL ")
        assert "geheim" not in str(said)
    assert not (tmp_path / "home").exists()


@pytest.mark.process
def test_a_wrong_url_is_no_traceback() -> None:
    said = run_console_script("status", RUNFOLD_DATABASE_URL="postgresql://me:geheim@h/d?sslmod=require")
    assert (said.code, said.out) == (1, "")
    (line,) = said.err.splitlines()
    assert line.startswith("error: RUNFOLD_DATABASE_URL has the parameter 'sslmod'")


def test_sqlalchemy_s_url_and_an_at_sign_in_a_password_work(
    server_url: str, database_url: str, connection: psycopg.Connection[tuple[object, ...]]
) -> None:
    login = "login_with_an_at"
    connection.execute(f"DROP ROLE IF EXISTS {login}")
    connection.execute(f"CREATE ROLE {login} LOGIN PASSWORD 'ge@heim' IN ROLE runfold_engine")
    try:
        place = database_url.rpartition("@")[2]
        said = run_console_script("status", RUNFOLD_DATABASE_URL=f"postgresql+psycopg://{login}:ge@heim@{place}")
        assert (said.code, said.err) == (0, "")
    finally:
        connection.execute(f"DROP ROLE {login}")


def _fake_psql(folder: Path) -> Path:
    """A psql that says what it was given."""
    program = folder / "psql"
    program.write_text('#!/bin/sh\necho "$PGPASSWORD" "$PGSSLROOTCERT" "$@"\n')
    program.chmod(0o755)
    return folder


@pytest.mark.process
def test_psql_is_the_one_on_the_path_with_the_user_s_own_settings(tmp_path: Path) -> None:
    said = run_console_script(
        "db", "psql", "--", "-c", "SELECT 1",
        PATH=f"{_fake_psql(tmp_path)}:{os.environ['PATH']}",
        PGSSLROOTCERT="/a/certificate",
        RUNFOLD_POSTGRES_BIN="",
        RUNFOLD_DATABASE_URL="postgresql://me:geheim@h:1/d?sslmode=verify-full",
    )  # fmt: skip
    assert said.code == 0, said.err
    password, certificate, *arguments = said.out.split()
    assert (password, certificate) == ("geheim", "/a/certificate")
    assert "sslmode=verify-full" in arguments
    assert arguments[-3:] == ["-c", "SELECT", "1"]
    assert "geheim" not in arguments


@pytest.mark.process
def test_without_a_psql_that_encrypts_the_reader_is_told_to_install_one(tmp_path: Path) -> None:
    said = run_console_script(
        "db", "psql",
        PATH=str(tmp_path),
        RUNFOLD_POSTGRES_BIN="",
        RUNFOLD_DATABASE_URL="postgresql://me:geheim@h:1/d?sslmode=require",
    )  # fmt: skip
    assert said.code == 1
    assert "the bundled psql cannot encrypt: install psql" in said.err


READING = [
    ("status",),
    ("execution", "list"),
    ("execution", "show", "e"),
    ("execution", "at", "e", "--event", "1"),
    ("execution", "tail", "e"),
    ("execution", "stuck"),
    ("interaction", "list"),
    ("response", "list"),
    ("response", "sweep"),
    ("deployment", "list"),
    ("trigger", "list"),
    ("anomalies", "list"),
    ("parked", "list"),
    ("projection", "list"),
    ("projection", "verify"),
    ("projection", "rebuild", "--all"),
    ("why", "workflow_executions", "e", "status"),
    ("worker", "--once"),
    ("migrate", "--check"),
    ("db", "url"),
    ("db", "psql"),
]


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_a_reading_command_makes_no_database(words: tuple[str, ...], tmp_path: Path) -> None:
    home = tmp_path / "empty"
    said = error_of(words, RUNFOLD_HOME=str(home), RUNFOLD_DATABASE_URL="")
    assert str(said).startswith(f"there is no database in {home} yet: make one with `runfold up`")
    assert not home.exists()
