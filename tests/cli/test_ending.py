"""A command that is interrupted, or whose output takes no more, says so in one line; nothing ends in a traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

import runfold
from runfold import events
from runfold.cli.ending import _SAID, ENDLESS, command_of
from tests.cli.running import NOON, execution, ms
from tests.cli.test_command_line import commands
from tests.fixtures.processes import drain, eventually

pytest_plugins = ["tests.fixtures.stores"]

READS = {
    "anomalies list", "deployment list", "execution at", "execution diff", "execution list", "execution show",
    "interaction list", "interaction show", "parked list", "parked show", "projection list", "projection verify",
    "keys status", "retention show", "workflow diff", "workflow history", "workflow list", "workflow show",
    "response list", "response show", "export", "spool show", "status", "trigger list", "vector list", "why", "db url",
    "engine list", "subscription list", "subscription show", "backup list", "archive list", "archive verify",
    "backfill list", "log verify", "log seal export", "log seal check", "health rules", "health dashboard",
}  # fmt: skip


FULL = "error: the output cannot be written: No space left on device: free space, or write it elsewhere\n"

STOPPED = """
import sys
import runfold.cli.app
from runfold.cli import main

def build():
    raise KeyboardInterrupt

runfold.cli.app.build = build
sys.argv = ["runfold", "status"]
main()
"""


def test_every_command_says_whether_to_run_it_again() -> None:
    named = {name.removeprefix("runfold ") for name, _ in commands()}
    assert named == READS | set(_SAID) | ENDLESS, "say it in _SAID of cli/ending.py, or put it into READS here"
    assert not READS & set(_SAID)
    assert all(command_of(["--url", "x", *name.split(), "--json"]) == name for name in named)


@pytest.mark.database
@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["projection", "verify"], 130, "interrupted: nothing was changed; run it again if you need its result\n"),
        (["execution", "tail"], 0, ""),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, list) else "",
)
def test_ctrl_c_ends_a_command_with_a_line_and_its_code(
    words: list[str], code: int, said: str, database_url: str, connection: psycopg.Connection[object]
) -> None:
    with connection.transaction():
        # What the command waits for, until it is interrupted.
        connection.execute(
            "LOCK TABLE runfold.checkpoints, runfold.events, runfold.published_head,"
            " supabase_migrations.schema_migrations"
        )
        process = subprocess.Popen(
            [sys.executable, "-m", "runfold", "--url", database_url, *words],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        # Not in pg_stat_activity, which a transaction sees as it was at first.
        waiting = (
            "SELECT FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = %s)"
        )
        eventually(lambda: connection.execute(waiting, [connection.info.dbname]).rowcount)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (code, said)


DRAINING = """
import os, signal, sys
from runfold.cli import main
from runfold.worker.worker import Worker

def drain(self, progress):
    os.kill(os.getpid(), signal.SIGINT)
    self._stop.wait()
    return {}

Worker.drain = drain
sys.argv = ["runfold", "--url", sys.argv[1], "worker", "--once"]
main()
"""


def test_a_worker_that_did_not_come_to_the_end_says_so(database_url: str) -> None:
    done = subprocess.run([sys.executable, "-c", DRAINING, database_url], capture_output=True, text=True, timeout=60)
    said = "interrupted: what was folded stays; run it again, it goes on from there\n"
    assert (done.returncode, done.stdout, done.stderr) == (130, "", said)


@pytest.mark.process
def test_ctrl_c_while_a_command_starts_is_no_other_end() -> None:
    done = subprocess.run([sys.executable, "-c", STOPPED], capture_output=True, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (130, 1), done.stderr
    assert done.stderr.startswith("interrupted: ")


@pytest.fixture
def named(store: runfold.Store, database_url: str) -> str:
    name = f"é-{uuid4()}"
    failed = events.ExecutionFailed(end_time=ms(NOON), error_message="der Prüfer ‖ 結果")
    started = events.NodeStarted(activation="ü#1", node_id="ü", node_type="ACTION", attempt=1, start_time=ms(NOON))
    store.append_many([execution(name, started, failed)])
    drain(database_url)
    return name


def verbs(name: str) -> list[list[str]]:
    return [
        ["execution", "show", name], ["execution", "show", name, "--full"], ["execution", "list"],
        ["execution", "list", "--json"], ["execution", "tail", name, "--no-follow"], ["status"], ["projection", "list"],
        ["execution", "at", name, "--event", "2"], ["why", "workflow_executions", name, "status"],
        ["projection", "verify"], ["anomalies", "list"], ["parked", "list"], ["--help"], ["execution", "--help"],
    ]  # fmt: skip


def run(url: str, words: list[str], *, stdout: int = subprocess.PIPE, **more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "runfold", "--url", url, *words]
    return subprocess.run(
        command, env={**os.environ, **more}, stdout=stdout, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    )


def test_ascii_takes_every_command(named: str, database_url: str) -> None:
    for words in verbs(named):
        done = run(database_url, words, PYTHONIOENCODING="ascii", PYTHONUTF8="0", LC_ALL="C")
        assert done.returncode == 0, (words, done.stderr)
        assert done.stdout.isascii()
        assert "Traceback" not in done.stderr
    shown = run(database_url, ["execution", "list", "--json"], PYTHONIOENCODING="ascii")
    assert shown.stdout.encode().decode("unicode_escape").count(named) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_one_line_for_every_command(named: str, database_url: str) -> None:
    for words in verbs(named):
        with Path("/dev/full").open("w") as full:
            done = run(database_url, words, stdout=full.fileno())
        assert done.returncode == 1, words
        assert (
            done.stderr
            == "error: the output cannot be written: No space left on device: free space, or write it elsewhere\n"
        ), words


def test_a_reader_that_went_away_ends_every_command_quietly(named: str, database_url: str) -> None:
    for words in verbs(named):
        reader, writer = os.pipe()
        os.close(reader)
        done = run(database_url, words, stdout=writer)
        os.close(writer)
        assert (done.returncode, done.stderr) == (1, ""), words
