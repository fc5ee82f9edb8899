"""Minutes of everything at once: writers, workers, retention, seals and archives where there are any, and kills.

Writers append executions and log lines that have expired long ago, each at its own pace, and are killed and started
again; so are the two workers. The log's first partitions are small, so that they are closed, frozen and archived
meanwhile. At the end all that was acknowledged must be there, once, each read table must be what the log says, and the
worker's memory must be what it was in the beginning.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any
from uuid import uuid4

import psycopg

from bench.growth import event
from bench.rounds import Ratio, report
from bench.servers import REPOSITORY, command, number, options, server

PARTITIONS, PARTITION_SIZE = 200, 5_000
# The worker's memory may grow by a quarter, and by so much whatever it is: caches fill.
MOST_GROWTH, SLACK_MB = 1.25, 16.0


def main() -> None:
    if len(sys.argv) > 2 and sys.argv[1] == "--write":
        write(sys.argv[2], Path(sys.argv[3]), float(sys.argv[4]))
        return
    parser = options(__doc__, rounds=1)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--writers", type=int, default=3)
    parser.add_argument("--seed", type=int, default=None)
    arguments = parser.parse_args()
    minutes = 0.5 if arguments.quick else arguments.minutes
    seed = arguments.seed if arguments.seed is not None else random.randrange(10**6)
    with server(arguments.url) as on, tempfile.TemporaryDirectory(prefix="runfold-soak-") as folder:
        url = on.create(migrated=True)
        soak = Soak(url, Path(folder), random.Random(seed), arguments.writers)
        soak.run(minutes * 60)
        figures = soak.checked()
    ratio = soak.memory_ratio()
    report(
        "soak",
        [
            Ratio("lost", figures["lost"], figures["lost"], figures["lost"], 0, at_most=True),
            Ratio("doubled", figures["doubled"], figures["doubled"], figures["doubled"], 0, at_most=True),
            Ratio("differing", figures["differing"], figures["differing"], figures["differing"], 0, at_most=True),
            Ratio("the worker's memory, last quarter over first", ratio, ratio, ratio, MOST_GROWTH, at_most=True),
        ],
        {"minutes": minutes, "seed": seed, **figures},
    )


def write(url: str, acknowledged: Path, pace: float) -> None:
    """Append until killed; each acknowledged stream and version is a line of the file."""
    long_ago = (datetime.now(UTC) - timedelta(days=60)).isoformat()
    with psycopg.connect(url, autocommit=True) as connection, acknowledged.open("a") as file:
        while True:
            execution = str(uuid4())
            nodes = [
                made
                for node in ("a", "b", "c", "d")
                for made in (
                    event(
                        "NodeStarted", activation=f"n{node}", node_id=f"n{node}", node_type="t", attempt=1, start_time=1
                    ),
                    event("NodeSucceeded", activation=f"n{node}", node_id=f"n{node}", end_time=2),
                )
            ]
            lines = [event("LogAppended", level="INFO", event_type="workflow_progress", message="m" * 100)]
            lines[0] = {**lines[0], "occurred_at": long_ago}
            call = [
                {
                    "stream_id": f"execution-{execution}",
                    "events": [
                        event("ExecutionCreated", execution_id=execution, workflow_id=str(uuid4()), mode="MANUAL"),
                        event("ExecutionStarted", start_time=1),
                        *nodes,
                        event("ExecutionSucceeded", end_time=3),
                    ],
                },
                {"stream_id": f"log-{execution}", "events": lines},
            ]
            rows = connection.execute("SELECT stream_id, version FROM runfold.append_events(%s)", (json.dumps(call),))
            for stream, version in rows.fetchall():
                print(stream, version, file=file, flush=True)
            time.sleep(pace)


class Soak:
    """The processes of a soak, and what they came to."""

    def __init__(self, url: str, folder: Path, chance: random.Random, writers: int) -> None:
        self.url = url
        self.folder = folder
        self._chance = chance
        self._writers = writers
        self._memory: list[tuple[float, float]] = []
        self._kills = {"worker": 0, "writer": 0}
        self._retentions = 0
        self._said: dict[str, int] = {}

    def run(self, seconds: float) -> None:
        """Let everything run for so long; then let the writers stop and the worker end its work."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            small_partitions(connection)
            with self._processes() as (workers, writers):
                ends = time.monotonic() + seconds
                turn = 0
                while time.monotonic() < ends:
                    time.sleep(1.0)
                    turn += 1
                    self._look(workers, seconds - (ends - time.monotonic()))
                    if turn % 13 == 0:
                        self._kill(workers, "worker")
                    if turn % 7 == 0:
                        self._kill(writers, "writer")
                    if turn % 11 == 0:
                        connection.execute("UPDATE runfold.retention SET ran_at = ran_at - interval '2 days'")
                        self._retentions += 1
                    if turn % 30 == 0:
                        self._archive(connection)
        self._command("worker", "--once")

    @contextmanager
    def _processes(self) -> Iterator[tuple[list[subprocess.Popen[bytes]], list[subprocess.Popen[bytes]]]]:
        workers = [self._start("worker", n) for n in range(2)]
        writers = [self._start("writer", n) for n in range(self._writers)]
        try:
            yield workers, writers
        finally:
            for process in (*writers, *workers):
                process.kill()
                process.wait()

    def _start(self, kind: str, n: int) -> subprocess.Popen[bytes]:
        words = command(self.url, "worker")
        if kind == "writer":
            pace = str(0.01 * (n + 1))
            words = [sys.executable, "-m", "bench.soak", "--write", self.url, str(self.folder / f"{n}"), pace]
        with (self.folder / f"{kind}-{n}.log").open("ab") as log:
            return subprocess.Popen(words, cwd=REPOSITORY, stdout=log, stderr=log)

    def _kill(self, processes: list[subprocess.Popen[bytes]], kind: str) -> None:
        n = self._chance.randrange(len(processes))
        processes[n].kill()
        processes[n].wait()
        processes[n] = self._start(kind, n)
        self._kills[kind] += 1

    def _look(self, workers: list[subprocess.Popen[bytes]], at: float) -> None:
        """Note the memory of the workers that have been up for a moment."""
        for process in workers:
            if process.poll() is None and (megabytes := private_megabytes(process.pid)):
                self._memory.append((at, megabytes))

    def _archive(self, connection: psycopg.Connection[Any]) -> None:
        """Archive what may leave, where the product has archives."""
        if connection.execute("SELECT to_regclass('runfold.archives') IS NOT NULL").fetchone() == (True,):
            self._command(
                "archive", "write", "--archive", str(self.folder / "archive"), "--older-than", "0s", may_fail=True
            )

    def _command(self, *words: str, may_fail: bool = False) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command(self.url, *words), check=False, cwd=REPOSITORY, capture_output=True, text=True, env=os.environ
        )
        said = f"{' '.join(words[:2])}: {done.returncode}"
        self._said[said] = self._said.get(said, 0) + 1
        if done.returncode not in (0, 1) and not may_fail:
            sys.exit(f"runfold {' '.join(words)}: {done.stderr.strip() or done.stdout.strip()}")
        return done

    def checked(self) -> dict[str, Any]:
        """Return what was lost, doubled and differs, and what the soak consisted of."""
        acknowledged: dict[str, int] = {}
        for n in range(self._writers):
            for line in (self.folder / f"{n}").read_text().splitlines():
                stream, _, version = line.partition(" ")
                if version:
                    acknowledged[stream] = max(int(version), acknowledged.get(stream, 0))
        verified = json.loads(self._command("projection", "verify", "--slice-events", "50000", "--json").stdout)
        with psycopg.connect(self.url, autocommit=True) as connection:
            archived = has_archives(connection)
            present: dict[str, int] = dict(connection.execute(PRESENT).fetchall())
            left = left_streams(connection) if archived else set[str]()
            lost = sum(
                max(0, version - present.get(stream, 0))
                for stream, version in acknowledged.items()
                if stream not in left
            )
            figures: dict[str, Any] = {
                "acknowledged streams": len(acknowledged),
                "lost": float(lost),
                "doubled": float(number(connection, "SELECT count(*) - count(DISTINCT event_id) FROM runfold.events")),
                "differing": float(sum(item["differing"] for item in verified)),
                "events in the log": number(connection, "SELECT count(*) FROM runfold.events"),
                "streams archived": len(left),
                "partitions frozen": number(connection, "SELECT count(*) FROM runfold.frozen_partitions"),
                "expired log lines that stand": number(
                    connection,
                    "SELECT count(*) FROM workflow_execution_logs WHERE created_at < now() - interval '40 days'",
                ),
                "leader's epochs": number(connection, "SELECT epoch FROM runfold.leader"),
                "retention runs asked for": self._retentions,
                "kills": self._kills,
            }
            if connection.execute("SELECT to_regclass('runfold.seals') IS NOT NULL").fetchone() == (True,):
                figures["seals"] = number(connection, "SELECT count(*) FROM runfold.seals")
                figures["log verify, exit code"] = self._command("log", "verify", may_fail=True).returncode
        first, last = self._quarters()
        return {**figures, "worker MB, first and last quarter": f"{first:.0f}, {last:.0f}", "commands": self._said}

    def _quarters(self) -> tuple[float, float]:
        until = max((at for at, _ in self._memory), default=0.0)
        first = [megabytes for at, megabytes in self._memory if until / 8 <= at <= until * 3 / 8]
        last = [megabytes for at, megabytes in self._memory if at >= until * 3 / 4]
        return median(first or [0.0]), median(last or [0.0])

    def memory_ratio(self) -> float:
        """Return the worker's memory in the last quarter over that in the first, the slack left out."""
        first, last = self._quarters()
        return max(0.0, last - SLACK_MB) / max(first, 1.0) if first else 0.0


EXPIRED = "SELECT count(*) FROM workflow_execution_logs WHERE created_at < now() - interval '40 days'"
PRESENT = b"SELECT stream_id, count(*) FROM runfold.events GROUP BY stream_id"


def has_archives(connection: psycopg.Connection[Any]) -> bool:
    """Whether this schema has archived streams."""
    asked = "SELECT FROM pg_attribute WHERE attrelid = 'runfold.streams'::regclass AND attname = 'archived_at'"
    return connection.execute(asked.encode()).fetchone() is not None


def left_streams(connection: psycopg.Connection[Any]) -> set[str]:
    """Return the streams that are archived."""
    rows = connection.execute(b"SELECT stream_id FROM runfold.streams WHERE archived_at IS NOT NULL").fetchall()
    return {stream for (stream,) in rows}


def small_partitions(connection: psycopg.Connection[Any]) -> None:
    """Put small partitions in place of the empty ones, so that some are closed in minutes."""
    rows = connection.execute(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'runfold.events'::regclass"
    ).fetchall()
    for (partition,) in rows:
        connection.execute(f"DROP TABLE {partition}".encode())
    connection.execute("SELECT runfold.ensure_partitions(%s, %s)", (PARTITIONS, PARTITION_SIZE))


def private_megabytes(pid: int) -> float | None:
    """Return the memory that a process shares with nobody; None where it cannot be read."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return None
    kilobytes = [int(line.split()[1]) for line in text.splitlines() if line.startswith("Private_Dirty:")]
    return sum(kilobytes) / 1024


if __name__ == "__main__":
    main()
