"""A schema of the next release takes engines of this one where its migration says so, and nothing of this one folds."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

import runfold
from runfold.database import migrations as migrating
from runfold.database.compatibility import Stamp, check_fit
from runfold.database.migrations import check, ensure_migrated, migrate, migrations, write_checksums
from runfold.errors import MigrationFailed, SchemaNewer, SchemaOutdated
from tests.cli.conftest import run_console_script
from tests.factories import a_stream, line
from tests.fixtures.evidence import Evidence
from tests.fixtures.logs import Log, run
from tests.fixtures.processes import checkpoint, eventually, folded, worker
from tests.fixtures.releases import NEXT, next_release

Connection = psycopg.Connection[Any]

V1, V2, V3 = "20270101000000", "20270201000000", "20270301000000"


@pytest.fixture
def log(connection: Connection) -> Log:
    """The log of `database_url`."""
    return Log(connection)


@pytest.fixture
def additive(schema_copy: Path, tmp_path: Path) -> Path:
    """The next release's migrations; engines of this one go on."""
    return next_release(schema_copy, tmp_path / "additive")


@pytest.fixture
def breaking(schema_copy: Path, tmp_path: Path) -> Path:
    """The next release's migrations, which take nothing of this one."""
    return next_release(schema_copy, tmp_path / "breaking", compatible=False)


@pytest.mark.parametrize(
    ("stamp", "ours", "appends", "folds"),
    [
        (None, V2, SchemaOutdated, SchemaOutdated),
        (Stamp(V1, V1), V2, SchemaOutdated, SchemaOutdated),
        (Stamp(V2, V1), V2, None, None),
        (Stamp(V3, V2), V2, None, SchemaNewer),
        (Stamp(V3, V1), V2, None, SchemaNewer),
        (Stamp(V3, V3), V2, SchemaNewer, SchemaNewer),
        (Stamp(V3, V2), V1, SchemaNewer, SchemaNewer),
    ],
)
def test_who_may_use_which_schema(stamp: Stamp | None, ours: str, appends: Any, folds: Any) -> None:
    for expected, folding in ((appends, False), (folds, True)):
        if expected is None:
            check_fit(stamp, ours, folds=folding)
        else:
            with pytest.raises(expected):
                check_fit(stamp, ours, folds=folding)


def test_a_stamp_is_read_as_it_was_written_and_an_older_one_is_of_its_own_version() -> None:
    written = Stamp(V3, V1)
    assert Stamp.of(written.statement()) == written
    assert Stamp.of(f"runfold schema {V1}") == Stamp(V1, V1)
    assert Stamp.of("a remark") is None
    assert Stamp.of(None) is None


def test_an_engine_of_this_release_appends_to_the_next_ones_schema(database_url: str, additive: Path) -> None:
    with runfold.connect(database_url) as before:
        assert migrate(database_url, folder=additive).current
        assert before.append(a_stream(), [line()]).version == 1  # it was connected already
    with runfold.connect(database_url) as after:
        assert after.append(a_stream(), [line()]).version == 1
        assert len(after.read_all()) == 2


def test_an_engine_that_the_next_release_does_not_take_is_refused(database_url: str, breaking: Path) -> None:
    ours = migrations()[-1].version
    migrate(database_url, folder=breaking)
    with pytest.raises(SchemaNewer, match="upgrade runfold") as refused, runfold.connect(database_url):
        pass
    assert refused.value.facts == {"found": NEXT, "expected": ours, "compatible_from": NEXT, "engines_go_on": False}


def test_what_folds_is_refused_on_the_next_releases_schema(database_url: str, additive: Path) -> None:
    migrate(database_url, folder=additive)
    for words in (["worker", "--once"], ["projection", "rebuild", "--all"], ["projection", "verify"]):
        refused = run_console_script("--url", database_url, *words)
        assert refused.code == 1, words
        assert "does not fold it, although its engines may go on" in refused.err, words
    assert run_console_script("--url", database_url, "execution", "list").code == 0


def test_migrate_of_this_release_leaves_the_next_ones_schema_as_it_is(
    database_url: str, schema_copy: Path, additive: Path
) -> None:
    migrate(database_url, folder=additive)
    state = migrate(database_url, folder=schema_copy)
    assert (state.newer, state.engines_go_on, state.pending) == ([NEXT], True, [])
    said = run_console_script("--url", database_url, "migrate")
    assert (said.code, "its engines go on, its workers wait" in said.out) == (0, True)
    assert run_console_script("--url", database_url, "migrate", "--check").code == 1


def test_the_next_release_on_this_ones_schema_says_to_migrate(
    database_url: str, additive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrating, "migrations_dir", lambda: additive)
    with pytest.raises(SchemaOutdated, match="run `runfold migrate`"), runfold.connect(database_url):
        pass


def test_a_file_that_is_compatible_from_no_migration_is_refused(additive: Path) -> None:
    newest = migrations(additive)[-1].path
    newest.write_text(newest.read_text().replace("compatible from: 2", "compatible from: 1"))
    with pytest.raises(MigrationFailed, match="has no such migration before it"):
        write_checksums(additive)


def test_a_file_that_says_nothing_takes_nobody_older(schema_copy: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(schema_copy, tmp_path / "silent"))
    (folder / f"{NEXT}_add_x.sql").write_text("-- migrate:up\n\nSELECT 1;\n\n-- migrate:down\n")
    write_checksums(folder)
    text = (folder / f"{NEXT}_add_x.sql").read_text()
    assert Stamp.of(text.partition("COMMENT")[2]) == Stamp(NEXT, NEXT)
    write_checksums(folder)
    assert (folder / f"{NEXT}_add_x.sql").read_text() == text


# -- workers ----------------------------------------------------------------------------------------------------------


def leader(connection: Connection) -> tuple[Any, ...]:
    return connection.execute("SELECT epoch, beat FROM runfold.leader").fetchone() or ()


def test_a_worker_that_leads_stops_with_the_migration_and_waits(log: Log, database_url: str, additive: Path) -> None:
    with worker(database_url) as former:
        eventually(lambda: folded(log.connection, log.append("execution-1", *run("1"))))
        (epoch, _) = leader(log.connection)
        migrate(database_url, folder=additive)
        eventually(lambda: "waiting: " in former.output)
        assert leader(log.connection)[0] == epoch + 1, "nobody has led since"
        last = log.append("execution-2", *run("2"))
        assert former.alive
        assert checkpoint(log.connection) < last
        assert former.output.count("waiting: the database is at version") == 1


def test_control_without_the_new_epoch_the_former_worker_would_go_on(
    log: Log, database_url: str, additive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = migrations(additive)[-1].path
    monkeypatch.setattr(migrating, "END_LEAD", "")
    write_checksums(additive)
    assert "leader" not in newest.read_text()
    with worker(database_url) as former:
        eventually(lambda: folded(log.connection, log.append("execution-1", *run("1"))))
        migrate(database_url, folder=additive)
        last = log.append("execution-2", *run("2"))
        eventually(lambda: folded(log.connection, last))
        assert "waiting: " not in former.output


def test_a_worker_started_on_the_next_releases_schema_waits(database_url: str, additive: Path) -> None:
    migrate(database_url, folder=additive)
    with psycopg.connect(database_url, autocommit=True) as connection, worker(database_url) as former:
        eventually(lambda: "waiting: " in former.output)
        assert former.alive
        assert leader(connection) == (1, 0)


def test_a_worker_that_the_next_release_does_not_take_ends_with_the_reason(
    log: Log, database_url: str, breaking: Path
) -> None:
    with worker(database_url) as former:
        eventually(lambda: folded(log.connection, log.append("execution-1", *run("1"))))
        migrate(database_url, folder=breaking)
        assert former.wait() != 0
        assert "upgrade runfold" in former.output


# -- locks ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def held(database_url: str) -> Iterator[Connection]:
    """A reader's open transaction, which an ALTER TABLE of the next release waits for."""
    with closing(psycopg.connect(database_url)) as reader:
        reader.execute("SELECT FROM public.workflow_executions")
        yield reader


def test_a_migration_that_waits_for_a_lock_lets_everybody_pass_and_is_tried_again(
    database_url: str, additive: Path, held: Connection, evidence: Evidence, caplog: pytest.LogCaptureFixture
) -> None:
    waits: list[float] = []
    done = threading.Event()

    def read() -> None:
        with psycopg.connect(database_url, autocommit=True) as connection:
            while not done.is_set():
                began = time.monotonic()
                connection.execute("SELECT FROM public.workflow_executions")
                waits.append(time.monotonic() - began)

    with ThreadPoolExecutor(2) as threads:
        reading, migration = threads.submit(read), threads.submit(migrate, database_url, folder=additive)
        eventually(lambda: caplog.text.count("it is tried again") >= 2)
        assert not migration.done()
        held.rollback()
        assert migration.result().current
        done.set()
        reading.result()
    evidence.note(reads=len(waits), longest=round(max(waits), 2), tries=caplog.text.count("it is tried again") + 1)
    # Behind the ALTER TABLE a reader waits for its lock_timeout of two seconds, and no longer.
    assert 1 < max(waits) < 3.5


def test_a_lock_that_is_never_free_ends_the_migration_with_the_reason(
    database_url: str, additive: Path, held: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrating, "_PAUSES", (0.01,))
    with pytest.raises(MigrationFailed, match=r"after 2 tries.*end the transaction that holds the table") as refused:
        migrate(database_url, folder=additive)
    assert refused.value.facts["sqlstate"] == "55P03"
    held.rollback()
    assert check(database_url, folder=additive).pending == [NEXT]
    assert migrate(database_url, folder=additive).current
    with psycopg.connect(database_url) as connection, pytest.raises(SchemaNewer):
        ensure_migrated(connection, folds=True)
