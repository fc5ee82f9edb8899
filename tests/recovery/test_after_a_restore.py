"""The page on what is ahead of a restored log, typed by a test with a bookmark, a subscription and a spool ahead."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

import runfold
from runfold.database.connections import mapped_errors
from runfold.errors import CheckpointAhead
from tests.docs.pages import DOCS, blocks
from tests.docs.running import Runner
from tests.emitter.outages import Database, line
from tests.factories import a_stream, append, call, lines
from tests.fixtures.databases import create_database, drop_database
from tests.fixtures.processes import assert_nothing_differs, drain

PAGE = DOCS / "how-to" / "after-a-restore.md"
BACKUP, READ = 20, 30


def write(url: str, count: int) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for _ in range(count):
            connection.execute("SELECT FROM runfold.append_events(%s)", (call(append(events=1)),))


@pytest.fixture
def restored(server_url: str, database_url: str, tmp_path: Path) -> Iterator[str]:
    """The URL of a log that was restored to an earlier moment; in the folder is what was ahead of it."""
    write(database_url, BACKUP - 4)
    with runfold.connect(database_url) as store:
        store.append(a_stream(), lines(4))
        with store.subscribe(subscription="billing") as subscription:
            subscription.done(list(islice(subscription, 10))[-1])
    backup = create_database(server_url, template=urlsplit(database_url).path.lstrip("/"))
    try:
        write(database_url, READ - BACKUP)
        with runfold.connect(database_url) as store:
            kept = [store.read_all(limit=limit).bookmark for limit in (5, BACKUP, READ)]
        (tmp_path / "bookmarks").write_text("\n".join(map(str, kept)))
        spool(database_url, tmp_path / "engine-spool")
        yield backup
    finally:
        drop_database(server_url, backup)


def spool(url: str, folder: Path) -> None:
    """Let an emitter's calls stay in its spool, because the database went away."""
    with Database(url) as behind, runfold.connect(behind.url) as store:
        emit = runfold.Emitter(store, spool=folder, spool_after=0.1)
        emit.wait([emit("log-sent", line("sent"))])
        behind.go_away()
        emit.wait([emit("log-spooled", line("spooled"))], level="spooled", timeout=30)
        emit.close(0.1)


def test_what_is_ahead_is_refused_and_each_step_of_the_page_works(
    restored: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUNFOLD_DATABASE_URL", restored)
    write(restored, 3)  # the restored log goes on before anybody looks
    names: dict[str, Any]
    with ExitStack() as ended:
        runner = Runner(restored, tmp_path, ended)
        for block in blocks(PAGE, "python", "console"):
            runner.run(block)
        names = dict(vars(runner._module))
    assert names["begin"] == names["kept"][1], "the newest bookmark that both logs have"
    assert names["first"].position == BACKUP + 1
    with psycopg.connect(restored) as connection:
        spooled = "SELECT count(*) FROM runfold.events WHERE stream_id = 'log-spooled'"
        assert connection.execute(spooled).fetchone() == (1,)
    assert drain(restored) == {}
    assert_nothing_differs(restored)


@pytest.mark.parametrize("grown", [0, READ])
def test_a_bookmark_ahead_is_refused_in_sql_too(restored: str, tmp_path: Path, grown: int) -> None:
    write(restored, grown)
    bookmark = runfold.Bookmark.parse((tmp_path / "bookmarks").read_text().split()[-1])
    with psycopg.connect(restored) as connection, pytest.raises(CheckpointAhead) as refused, mapped_errors():
        connection.execute(
            "SELECT FROM runfold.read_all(after => %s, after_event_id => %s)", (bookmark.position, bookmark.event_id)
        )
    assert (refused.value.code, refused.value.sqlstate) == ("log_differs", "RF016")
