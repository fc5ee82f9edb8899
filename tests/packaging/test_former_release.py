"""Upgrades stop nobody: the wheel of the former release appends while the next one migrates, and its worker waits.

The former release is this source tree's wheel, installed as a user has it. The next one is the same wheel with one more
migration, which adds a column to a table that the former one folds.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from runfold.database.migrations import migrations, write_checksums
from tests.fixtures.evidence import Evidence
from tests.fixtures.processes import eventually
from tests.fixtures.releases import NEXT, next_release
from tests.packaging.test_wheel import Installed

pytestmark = [pytest.mark.process, pytest.mark.large]

Connection = psycopg.Connection[Any]

# Appends until its input ends; prints how many, and the longest append in seconds. Any error ends it with a traceback.
ENGINE = """
import json, sys, threading, time, uuid
import runfold

ended = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
count, longest = 0, 0.0
with runfold.connect(sys.argv[1]) as store:
    print("began", flush=True)
    while not ended.is_set():
        began = time.monotonic()
        execution = store.executions.create(workflow_id=uuid.uuid4(), mode="MANUAL")
        longest = max(longest, time.monotonic() - began)
        count += 1
print(json.dumps([count, longest]), flush=True)
"""


@pytest.fixture
def next_installed(installed: Installed, schema_copy: Path, tmp_path: Path) -> Callable[..., Installed]:
    """A function that makes an installation of the next release."""

    def made(**choice: Any) -> Installed:
        environment = tmp_path / "next"
        shutil.copytree(installed.environment, environment, symlinks=True)
        one = replace(installed, environment=environment)
        where = one.python("-c", "from runfold.settings import migrations_dir; print(migrations_dir())", cwd=tmp_path)
        folder = Path(where.stdout.strip())
        assert folder.is_relative_to(environment), where.stderr
        files = next_release(schema_copy, tmp_path / "files", **choice)
        shutil.copy(files / f"{NEXT}_add_region.sql", folder)
        write_checksums(folder)
        assert migrations(folder)[-1].version == NEXT
        return one

    return made


@contextmanager
def running(at: Installed, *words: str, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """Run a program of an installation during the block; what it prints on stderr goes to its stdout."""
    process = subprocess.Popen(
        [at.environment / "bin" / words[0], *words[1:]],
        cwd=at.home,
        env={"HOME": str(at.home), "PATH": "/usr/bin:/bin"},
        stdout=options.pop("stdout", subprocess.PIPE),
        stderr=subprocess.STDOUT,
        text=True,
        **options,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def leader_is(connection: Connection, process: subprocess.Popen[str]) -> bool:
    row = connection.execute("SELECT worker FROM runfold.leader").fetchone()
    return row is not None and str(row[0]).endswith(f":{process.pid}")


def all_folded(connection: Connection) -> bool:
    return connection.execute(
        "SELECT (SELECT count(*) FROM public.workflow_executions) = (SELECT count(*) FROM runfold.events)"
    ).fetchone() == (True,)


def test_the_former_release_appends_and_waits_while_the_next_one_migrates(
    installed: Installed,
    next_installed: Callable[..., Installed],
    database_url: str,
    connection: Connection,
    tmp_path: Path,
    evidence: Evidence,
) -> None:
    newer = next_installed()
    url = ("--url", database_url)
    with (
        (tmp_path / "former").open("w") as output,
        running(installed, "python", "-m", "runfold", *url, "worker", stdout=output) as former,
        running(installed, "python", "-c", ENGINE, database_url, stdin=subprocess.PIPE) as engine,
    ):
        assert engine.stdout is not None
        assert engine.stdout.readline() == "began\n"
        eventually(lambda: leader_is(connection, former))
        early = newer.python("-m", "runfold", *url, "worker", "--once")
        assert (early.returncode, "run `runfold migrate`" in early.stderr) == (1, True)
        migrated = newer.python("-m", "runfold", *url, "migrate")
        assert migrated.returncode == 0, migrated.stderr
        eventually(lambda: "waiting: the database is at version" in (tmp_path / "former").read_text())
        with running(newer, "python", "-m", "runfold", *url, "worker", stdout=subprocess.DEVNULL) as latter:
            eventually(lambda: leader_is(connection, latter))
            again = installed.python("-m", "runfold", *url, "migrate")  # an older container that starts meanwhile
            assert (again.returncode, "its engines go on" in again.stdout) == (0, True), again.stderr
            with running(installed, "python", "-c", ENGINE, database_url, stdin=subprocess.PIPE) as late:
                assert late.stdout is not None
                assert late.stdout.readline() == "began\n"
                late.communicate(timeout=30)
                assert late.returncode == 0
            said, _ = engine.communicate(timeout=30)
            assert engine.returncode == 0, said
            eventually(lambda: all_folded(connection))
            assert former.poll() is None
            former.send_signal(signal.SIGTERM)
            assert former.wait(30) == 0
            verified = newer.python("-m", "runfold", *url, "projection", "verify")
            assert verified.returncode == 0, verified.stdout
    count, longest = json.loads(said.strip().splitlines()[-1])
    evidence.note(appends=count, longest=round(longest, 3))
    assert count > 20
    assert longest < 2.5  # the lock_timeout of a migration, and a little


def test_control_a_migration_that_takes_nobody_older_ends_the_former_release(
    installed: Installed, next_installed: Callable[..., Installed], database_url: str, tmp_path: Path
) -> None:
    newer = next_installed(compatible=False)
    with (
        (tmp_path / "former").open("w") as output,
        running(installed, "python", "-m", "runfold", "--url", database_url, "worker", stdout=output) as former,
        psycopg.connect(database_url, autocommit=True) as connection,
    ):
        eventually(lambda: leader_is(connection, former))
        assert newer.python("-m", "runfold", "--url", database_url, "migrate").returncode == 0
        assert former.wait(30) == 1
        assert "upgrade runfold" in (tmp_path / "former").read_text()
    with running(installed, "python", "-c", ENGINE, database_url, stdin=subprocess.PIPE) as engine:
        said, _ = engine.communicate(timeout=30)
        assert engine.returncode == 1
        assert "SchemaNewer" in said
