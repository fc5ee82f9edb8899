"""A log in small segments, and what the tests of the archive ask of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg

from runfold.archive.files import read_manifest, read_segment
from runfold.archive.writing import Written, write_archives
from tests.fixtures.logs import Log, NewEvent, event, run

NOW = timedelta(0)


def make_segments(connection: psycopg.Connection[Any], size: int, spare: int = 12) -> None:
    """Put small partitions in the place of those of an empty log."""
    for (partition,) in connection.execute("SELECT partition FROM runfold.segments()").fetchall():
        connection.execute(f"DROP TABLE {partition}".encode())
    connection.execute("SELECT runfold.ensure_partitions(%s, %s)", (spare, size))


@dataclass
class Segmented:
    """A log in segments of `size` positions."""

    log: Log
    size: int

    def __post_init__(self) -> None:
        make_segments(self.connection, self.size)

    @property
    def connection(self) -> psycopg.Connection[Any]:
        return self.log.connection

    def append(self, stream_id: str, *events: NewEvent) -> int:
        return self.log.append(stream_id, *events)

    def runs(self, count: int, prefix: str = "r") -> list[str]:
        """Append whole executions with a line of log each; return their names."""
        names = [f"{prefix}{n}" for n in range(count)]
        for name in names:
            self.append(f"execution-{name}", *run(name))
            self.append(f"log-{name}", event("LogAppended"))
        return names

    def fill(self) -> None:
        """Append to a stream that never ends until the present segment is closed."""
        head = self.head()
        for _ in range(self.size - head % self.size + 1):
            self.append("execution-open", event("ExecutionMetadataSet"))

    def head(self) -> int:
        (head,) = self.connection.execute("SELECT runfold.safe_head()").fetchone() or (0,)
        return int(head)

    def folded(self) -> None:
        """Say that every group has folded all of it."""
        self.connection.execute(
            "INSERT INTO runfold.checkpoints (group_name, position)"
            " SELECT g, %(head)s FROM unnest(%(groups)s::text[]) AS g"
            " ON CONFLICT (group_name) DO UPDATE SET position = %(head)s",
            {"head": self.head(), "groups": ["execution", "log", "interaction", "response"]},
        )

    def archive(self, folder: Path, **options: Any) -> Written:
        return write_archives(self.connection, folder, **{"older_than": NOW, "tries": 1} | options)

    def rows(self, where: str = "true") -> list[tuple[Any, ...]]:
        return self.connection.execute(
            f"SELECT * FROM runfold.events WHERE {where} ORDER BY position".encode()
        ).fetchall()

    def streams(self) -> set[str]:
        return {row[0] for row in self.connection.execute("SELECT DISTINCT stream_id FROM runfold.events").fetchall()}

    def archived(self) -> set[str]:
        rows = self.connection.execute("SELECT stream_id FROM runfold.streams WHERE archived_at IS NOT NULL").fetchall()
        return {row[0] for row in rows}

    def ids(self) -> set[Any]:
        return {row[0] for row in self.connection.execute("SELECT event_id FROM runfold.event_ids").fetchall()}

    def whole(self, folder: Path | None = None) -> tuple[int, str]:
        """Return count and digest of all events, in the log or in the archive's files."""
        leaves = {
            row[0]: row[1]
            for row in self.connection.execute(
                "SELECT position, runfold.event_leaf(position, append_end, stream_id, stream_version, event_id, type,"
                " schema_version, user_id, data, payload, metadata, occurred_at, recorded_at) FROM runfold.events"
            ).fetchall()
        }
        gone = self.archived()
        for path in sorted((folder or Path("/nowhere")).glob("events-*.parquet")):
            assert read_manifest(path).file == path.name
            for group in read_segment(path):
                for item in group:
                    if item.stream_id in gone:
                        assert item.position not in leaves, "an event is in the log and has left it"
                        leaves[item.position] = item.hash()
        return len(leaves), hashlib.sha256(b"".join(leaves[at] for at in sorted(leaves))).hexdigest()
