"""A test is marked by the fixtures that it asks for, and one without the mark `database` cannot reach PostgreSQL."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

PLUGINS = ("tests.fixtures.marks", "tests.fixtures.memory", "tests.fixtures.servers", "tests.fixtures.databases")
OUTSIDE = """
import os, subprocess, sys
from contextlib import suppress
from pathlib import Path
import psycopg, pytest
from runfold.database.server import EmbeddedServer

AWAY = "postgresql://u@127.0.0.1:1/x"
CONNECTS = "import psycopg; psycopg.connect('postgresql://u@127.0.0.1:1/x')"
STARTS = "from runfold.settings import load_settings; print(load_settings().binaries)"
"""


def outcome(pytester: pytest.Pytester, test: str, *options: str) -> pytest.RunResult:
    """Run pytest over this one file."""
    pytester.makepyfile(OUTSIDE + test)
    plugins = [word for plugin in PLUGINS for word in ("-p", plugin)]
    return pytester.runpytest_inprocess(
        "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:hypothesispytest", *plugins, *options
    )


@pytest.mark.parametrize(
    ("body", "why"),
    [
        pytest.param("psycopg.connect(AWAY)", "connects to PostgreSQL", id="connects"),
        pytest.param(
            "with suppress(BaseException): psycopg.connect(AWAY)", "connects to PostgreSQL", id="connects and hides it"
        ),
        pytest.param("EmbeddedServer(Path('home')).start()", "starts PostgreSQL", id="starts a server"),
        pytest.param("subprocess.run(['true'])", "starts a process", id="starts a process"),
        pytest.param("os.fork() or os._exit(0)", "starts a process", id="forks"),
    ],
)
def test_a_test_without_marks_cannot_reach_postgresql(pytester: pytest.Pytester, body: str, why: str) -> None:
    result = outcome(pytester, f"def test_it():\n    {body}\n")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"*Failed: this test {why}*"])


@pytest.mark.process
@pytest.mark.parametrize(
    ("program", "why"),
    [("CONNECTS", "not_for_a_test_without_the_mark_database"), ("STARTS", "/not-for-a-test-without-the-mark-database")],
)
def test_neither_can_the_processes_that_it_starts(pytester: pytest.Pytester, program: str, why: str) -> None:
    test = f"""
@pytest.mark.process
def test_it():
    done = subprocess.run([sys.executable, "-c", {program}], capture_output=True, text=True)
    print(done.stdout + done.stderr)
    raise AssertionError
"""
    result = outcome(pytester, test)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"*{why}*"])


def test_a_fixture_without_the_mark_cannot_either(pytester: pytest.Pytester) -> None:
    test = "@pytest.fixture\ndef mine():\n    psycopg.connect(AWAY)\ndef test_it(mine): pass\n"
    result = outcome(pytester, test)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*Failed: this test connects to PostgreSQL*"])


@pytest.mark.parametrize(("wanted", "name"), [("database", "test_one"), ("not database", "test_two")])
def test_a_fixture_gives_the_mark_also_through_another(pytester: pytest.Pytester, wanted: str, name: str) -> None:
    test = "@pytest.fixture\ndef mine(connection): pass\ndef test_one(mine): pass\ndef test_two(): pass\n"
    result = outcome(pytester, test, "--collect-only", "-q", "-m", wanted)
    assert [line.partition("::")[2] for line in result.outlines if "::" in line] == [name]


@pytest.mark.database
def test_control_with_its_mark_a_test_may(pytester: pytest.Pytester) -> None:
    test = """
@pytest.mark.database
def test_it():
    with pytest.raises(psycopg.OperationalError, match="refused"): psycopg.connect(AWAY)
@pytest.mark.process
def test_another():
    subprocess.run(["true"], check=True)
"""
    outcome(pytester, test).assert_outcomes(passed=2)
