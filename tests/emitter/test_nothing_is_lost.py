"""What an emitter acknowledged is in the log once and in order, when servers and engines are killed in turns."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import psycopg
import pytest

import runfold
from runfold.database.server import EmbeddedServer
from runfold.emitter.contents import read_contents
from runfold.emitter.replay import Sent, send
from runfold.emitter.spool import Spool
from tests.emitter import spooling_engine
from tests.fixtures.evidence import Evidence
from tests.fixtures.servers import PrivateServerFactory, sigkill

pytestmark = pytest.mark.database
STREAMS = 7


class Engine:
    """A process that emits, and what it said of it."""

    def __init__(self, url: str, folder: Path, first: int) -> None:
        self.first = first
        self.acknowledged: list[int] = []
        self.by_disk = 0
        command = [sys.executable, "-m", spooling_engine.__name__, url, str(folder), str(first), str(STREAMS)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def emit(self, groups: int) -> None:
        """Wait until so many more groups are acknowledged."""
        for _ in range(groups):
            assert self._process.stdout is not None
            line = self._process.stdout.readline()
            assert line, "the engine ended"
            self._heard(line)

    def kill(self) -> None:
        """Kill it by SIGKILL, and hear what it had said."""
        self._process.kill()
        rest, _ = self._process.communicate()
        for line in rest.splitlines(keepends=True):
            if line.endswith("\n"):
                self._heard(line)

    def _heard(self, line: str) -> None:
        first, last, by_disk = map(int, line.split())
        self.acknowledged += range(first, last + 1)
        self.by_disk += by_disk


class Run:
    """Engines and a server that are killed in turns, and what was acknowledged."""

    def __init__(self, server: EmbeddedServer, folder: Path, evidence: Evidence, *, keeps_folder: bool) -> None:
        self._server = server
        self._folder = folder
        self._evidence = evidence
        self._keeps_folder = keeps_folder
        self.acknowledged: list[int] = []
        self._by_disk = 0
        self._next = 0
        self._kills: Counter[str] = Counter()

    def cycle(self, groups: int) -> None:
        """One engine's life: the server is killed under it, perhaps started again, and then the engine is killed."""
        engine = Engine(self._server.url, self._folder, self._next)
        engine.emit(self._some(groups))
        sigkill(self._server)
        self._kills["server"] += 1
        engine.emit(self._some(groups))
        if self._evidence.rng.random() < 0.5:
            self._server.start()
            engine.emit(self._some(groups))
        engine.kill()
        self._kills["engine"] += 1
        self._server.start()
        self.acknowledged += engine.acknowledged
        self._by_disk += engine.by_disk
        # Numbers beyond all that it may have emitted: those were not acknowledged, and may be there or not.
        self._next += 10_000_000
        if not self._keeps_folder:
            shutil.rmtree(self._folder)

    def judge(self) -> tuple[int, int, int]:
        """Send what the last engine left, and return how many are missing, doubled and out of order."""
        left = read_contents(self._folder).events if self._folder.exists() else 0
        with Spool.open(self._folder) as spool, runfold.connect(self._server.url) as store:
            *_, sent = Sent(), *send(spool, store)
        with psycopg.connect(self._server.url) as connection:
            rows = connection.execute(
                "SELECT stream_id, (data->>'message')::bigint FROM runfold.events WHERE stream_id LIKE 'log-e1-%'"
                " ORDER BY position"
            ).fetchall()
        there = Counter(number for _, number in rows)
        last: dict[str, int] = {}
        out_of_order = 0
        for stream, number in rows:
            out_of_order += number <= last.get(stream, -1)
            last[stream] = number
        missing = len(set(self.acknowledged) - there.keys())
        doubled = sum(count - 1 for count in there.values())
        self._evidence.note(
            acknowledged=len(self.acknowledged), by_disk=self._by_disk, left_at_the_end=left, refused=sent.refused,
            in_the_log=len(rows), missing=missing, doubled=doubled, out_of_order=out_of_order,
            killed=dict(self._kills),
        )  # fmt: skip
        return missing, doubled, out_of_order

    def _some(self, groups: int) -> int:
        return self._evidence.rng.randint(1, groups)


def _run(make: PrivateServerFactory, folder: Path, evidence: Evidence, *, keeps_folder: bool = True) -> Run:
    from runfold.database import migrations

    server = make()
    migrations.migrate(server.url)
    return Run(server, folder, evidence, keeps_folder=keeps_folder)


def test_what_was_acknowledged_is_in_the_log_once_and_in_order(
    private_server: PrivateServerFactory, tmp_path: Path, evidence: Evidence
) -> None:
    run = _run(private_server, tmp_path / "spool", evidence)
    for _ in range(evidence.scaled(2)):
        run.cycle(4)
    assert run.judge() == (0, 0, 0)


def test_control_a_folder_that_is_lost_is_noticed(
    private_server: PrivateServerFactory, tmp_path: Path, evidence: Evidence
) -> None:
    run = _run(private_server, tmp_path / "spool", evidence, keeps_folder=False)
    evidence.rng.random = lambda: 1.0  # type: ignore[method-assign]  # the server stays away until the engine is dead
    for _ in range(5):
        run.cycle(4)
        if run._by_disk:  # on a busy machine the engine is dead before its first event is on the disk
            break
    missing, doubled, out_of_order = run.judge()
    assert missing > 0
    assert (doubled, out_of_order) == (0, 0)


@pytest.mark.large
def test_a_hundred_thousand_acknowledged_events_are_in_the_log_once_and_in_order(
    private_server: PrivateServerFactory, tmp_path: Path, evidence: Evidence
) -> None:
    run = _run(private_server, tmp_path / "spool", evidence)
    while len(run.acknowledged) < evidence.scaled(100_000):
        run.cycle(20)
    assert run.judge() == (0, 0, 0)
