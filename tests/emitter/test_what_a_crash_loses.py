"""What a crash can lose, to the event: each row of the page's table, by SIGKILL of the engine and of the server."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import runfold
from runfold.database.migrations import migrate
from tests.docs.pages import DOCS
from tests.emitter.outages import Database, database, line, messages
from tests.faults.kills import kill_whole_server
from tests.fixtures.servers import PrivateServerFactory

PATIENCE = 60
ROWS: dict[str, dict[str, Any]] = {
    "no spool": {},
    "a folder": {"spool": "spool", "spool_after": 0.05},
    'a folder, `mode="always"`': {"spool": "spool", "mode": "always"},
}

ENGINE = """
    import sys, threading, runfold
    from runfold.emitter.spool import Spool
    from tests.emitter.outages import line

    options, unwritten = {options!r}, {unwritten!r}
    emit = runfold.Emitter(runfold.connect({url!r}), linger=0, **options)

    def say(what):
        print(what, flush=True)
        sys.stdin.readline()

    for ack in [emit("log-a", line(n)) for n in range(50)]:
        ack.result({patience})
    say("recorded")
    acks = [emit("log-a", line(n)) for n in range(50, 100)]
    if "spool" in options:
        emit.wait(acks, level="spooled", timeout={patience})
    say("spooled")
    if unwritten:
        Spool.append = lambda *_: threading.Event().wait()
    acks = [emit("log-a", line(n)) for n in range(100, 150)]
    assert not any(ack.done or ack.spooled for ack in acks)
    say("emitted")
"""


@pytest.fixture
def away(database_url: str) -> Iterator[tuple[Database, runfold.Store]]:
    with database(database_url) as both:
        yield both


def killed(url: str, folder: Path, behind: Database, options: dict[str, Any]) -> None:
    """Run an engine that emits 50 events, 50 while the database is away, 50 that reach no disk; kill it."""
    given = {**options, **({"spool": str(folder / "spool")} if "spool" in options else {})}
    program = textwrap.dedent(ENGINE).format(url=url, options=given, unwritten="spool" in options, patience=PATIENCE)
    engine = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert engine.stdout is not None
    assert engine.stdin is not None
    for expected in ("recorded", "spooled", "emitted"):
        assert engine.stdout.readline() == f"{expected}\n"
        if expected == "recorded":
            behind.go_away()
        if expected != "emitted":
            engine.stdin.write("\n")
            engine.stdin.flush()
    engine.send_signal(signal.SIGKILL)
    assert engine.wait(PATIENCE) == -signal.SIGKILL
    engine.stdin.close()
    engine.stdout.close()


@pytest.mark.parametrize("row", ROWS)
def test_a_killed_engine_loses_what_the_page_says(
    away: tuple[Database, runfold.Store], tmp_path: Path, row: str
) -> None:
    behind, store = away
    killed(behind.url, tmp_path, behind, ROWS[row])
    behind.come_back()
    if "spool" in ROWS[row]:
        assert messages(store, "log-a") == [str(n) for n in range(50)]
        with runfold.Emitter(store, spool=tmp_path / "spool") as emit:
            emit.flush(PATIENCE)
    kept = 100 if "spool" in ROWS[row] else 50
    assert messages(store, "log-a") == [str(n) for n in range(kept)]


@pytest.mark.parametrize("row", ROWS)
def test_a_killed_server_loses_nothing(private_server: PrivateServerFactory, tmp_path: Path, row: str) -> None:
    server = private_server(settings={"fsync": "on"})
    url = server.url
    migrate(url)
    options: dict[str, Any] = {**ROWS[row], **({"spool": tmp_path / "spool"} if "spool" in ROWS[row] else {})}
    with runfold.connect(url) as store:
        with runfold.Emitter(store, linger=0, close_timeout=PATIENCE, **options) as emit:
            acks = [emit(f"log-{n % 3}", line(n)) for n in range(300)]
            acks[0].result(PATIENCE)
            kill_whole_server(server)
            acks += [emit(f"log-{n % 3}", line(n)) for n in range(300, 600)]
            server.start()
            emit.wait(acks, timeout=PATIENCE)
        for n in range(3):
            assert messages(store, f"log-{n}") == [str(m) for m in range(n, 600, 3)]


def test_the_page_has_these_rows() -> None:
    page = (DOCS / "how-to" / "emit-events.md").read_text(encoding="utf-8")
    (table,) = re.findall(r"\| `spool=` \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", page)
    assert [row.split("|")[1].strip() for row in table.splitlines()] == list(ROWS)
