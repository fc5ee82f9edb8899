"""A new file, or a new version, is built before it is used; two definitions are never mixed in one table."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest

from runfold.projections.definition import catalogue
from runfold.projections.folding.ledger import Ledger
from runfold.projections.reconciling.rebuild import Rebuilt
from runfold.runtime_sql import runtime_sql
from runfold.settings import projections_dir
from tests.fixtures import processes
from tests.fixtures.logs import Log, run
from tests.fixtures.processes import Process, checkpoint, eventually, folded
from tests.projections.reconciling.rebuilding import Rebuilder

statement = runtime_sql("runfold.projections")

TABLE = "CREATE TABLE public.executions_seen (id text PRIMARY KEY, mode text NOT NULL, seen integer NOT NULL)"
FILE = """\
-- name: executions_seen
-- version: 1
-- group: execution
-- table: public.executions_seen
-- key: id
-- stream_key: id
-- events: ExecutionCreated
INSERT INTO executions_seen (id, mode, seen) SELECT substr(b.stream_id, 11), b.data ->> 'mode', 1 FROM batch b;
"""
SECOND = FILE.replace("version: 1", "version: 2").replace("'mode', 1", "'mode', 2")


@pytest.fixture
def folder(tmp_path: Path, log: Log) -> Path:
    """The product's files with one more group, as in a next release, and its table."""
    log.connection.execute(TABLE)
    files = tmp_path / "projections"
    shutil.copytree(projections_dir(), files)
    (files / "executions_seen.sql").write_text(FILE)
    return files


@contextmanager
def release(folder: Path | None) -> Iterator[None]:
    """Use the files of this folder as the product's in the block."""
    with pytest.MonkeyPatch.context() as patch:
        if folder is not None:
            patch.setattr(catalogue, "projections_dir", lambda: folder)
            # A process reads its release once; these files change.
            catalogue._product_projections.cache_clear()
        yield


@contextmanager
def worker(url: str, folder: Path | None = None) -> Iterator[Process]:
    with ExitStack() as running:
        with release(folder):
            started = running.enter_context(processes.worker(url))
            eventually(lambda: leading(url, started))
        yield started


def leading(url: str, process: Process) -> bool:
    """Return whether it has read its files, which only the leader does."""
    with psycopg.connect(url, autocommit=True) as connection:
        return processes.leader(connection)[1] == process.pid


def drain(url: str, folder: Path | None = None) -> dict[str, str]:
    with release(folder):
        return processes.drain(url)


def rebuilt(rebuilder: Rebuilder, folder: Path) -> Rebuilt:
    with release(folder):
        return rebuilder("executions_seen")["executions_seen"]


def seen(connection: psycopg.Connection[tuple[object, ...]]) -> dict[str, int]:
    return dict(connection.execute("SELECT id, seen FROM public.executions_seen ORDER BY 1").fetchall())  # type: ignore[arg-type]


def test_a_new_file_waits_for_its_rebuild_and_then_goes_on_by_itself(
    log: Log, database_url: str, folder: Path, rebuilder: Rebuilder
) -> None:
    log.append("execution-a", *run("a"))
    drain(database_url)
    with worker(database_url, folder) as running:
        eventually(lambda: "executions_seen is new" in running.output)
        last = log.append("execution-b", *run("b"))
        assert list(drain(database_url, folder)) == ["execution"]
        done = rebuilt(rebuilder, folder)
        assert done.inserted == 1
        eventually(lambda: folded(log.connection, last))
    assert seen(log.connection) == {"a": 1, "b": 1}
    log.assert_folded()


def test_a_new_version_waits_for_its_rebuild_and_then_goes_on(
    log: Log, database_url: str, folder: Path, rebuilder: Rebuilder
) -> None:
    drain(database_url, folder)
    log.append("execution-a", *run("a"))
    drain(database_url, folder)
    (folder / "executions_seen.sql").write_text(SECOND)
    reason = drain(database_url, folder)["execution"]
    assert reason == "executions_seen was built with version 1, its file is version 2: rebuild it"
    done = rebuilt(rebuilder, folder)
    assert (done.updated, done.inserted) == (1, 0)
    log.append("execution-b", *run("b"))
    assert drain(database_url, folder) == {}
    assert seen(log.connection) == {"a": 2, "b": 2}


def rebuild_beside_an_old_worker(log: Log, url: str, folder: Path, rebuilder: Rebuilder) -> str:
    """Build the second version while a worker of the first runs, then append more; return the worker's output."""
    drain(url, folder)
    log.append("execution-a", *run("a"))
    with worker(url, folder) as running:
        eventually(lambda: folded(log.connection, log.events[-1].position))
        (folder / "executions_seen.sql").write_text(SECOND)
        rebuilt(rebuilder, folder)
        log.append("log-b", ("LogAppended", log_line()))
        last = log.append("execution-b", *run("b"))
        eventually(lambda: checkpoint(log.connection, "log") >= last)
        eventually(lambda: "waits" in running.output or checkpoint(log.connection) >= last)
        said = running.output
    assert drain(url, folder) == {}
    return said


def log_line() -> dict[str, object]:
    return {"level": "INFO", "event_type": "step_started", "message": "m"}


def test_a_worker_of_an_older_version_stops_when_the_rebuild_lands(
    log: Log, database_url: str, folder: Path, rebuilder: Rebuilder
) -> None:
    said = rebuild_beside_an_old_worker(log, database_url, folder, rebuilder)
    assert "executions_seen was built with version 2, its file is version 1" in said
    assert seen(log.connection) == {"a": 2, "b": 2}


def test_control_an_older_worker_that_does_not_look_mixes_two_definitions(
    log: Log, database_url: str, folder: Path, rebuilder: Rebuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def careless(name: str) -> str:
        return statement(name).replace("IS DISTINCT FROM to_jsonb(b.version)", "IS NULL AND false")

    begin = Ledger.begin
    monkeypatch.setattr(Ledger, "begin", lambda *given: begin(*given)._replace(built={}))
    monkeypatch.setattr("runfold.projections.folding.projector.statement", careless)
    rebuild_beside_an_old_worker(log, database_url, folder, rebuilder)
    assert seen(log.connection) == {"a": 2, "b": 1}


def test_a_table_that_is_built_while_a_worker_without_its_file_leads_is_not_left_behind(
    log: Log, database_url: str, folder: Path, rebuilder: Rebuilder
) -> None:
    log.append("execution-a", *run("a"))
    with worker(database_url) as running:
        eventually(lambda: folded(log.connection, log.events[-1].position))
        rebuilt(rebuilder, folder)
        log.append("execution-b", *run("b"))
        eventually(lambda: "this worker has no file of it" in running.output)
    assert drain(database_url, folder) == {}
    assert seen(log.connection) == {"a": 1, "b": 1}
    log.assert_folded()


def test_a_file_that_was_away_has_to_be_rebuilt(
    log: Log, database_url: str, folder: Path, rebuilder: Rebuilder
) -> None:
    drain(database_url, folder)
    log.append("execution-a", *run("a"))
    drain(database_url)  # without the file
    assert "executions_seen is new" in drain(database_url, folder)["execution"]
    rebuilt(rebuilder, folder)
    assert drain(database_url, folder) == {}
    assert seen(log.connection) == {"a": 1}
