"""Asks the database for what the metrics say of it: one query now and then, with a time limit, in a thread of its own.

Who scrapes reads what was found last. So no number of scrapes asks the database for anything, and none waits for it.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from psycopg.types.json import Jsonb

from runfold.database.beside import Beside
from runfold.database.connections import Connect
from runfold.database.migrations import check_stamp, migrations
from runfold.errors import RunfoldError
from runfold.projections.definition.catalogue import Catalogue
from runfold.reading.status import LAG_COUNTED_TO, LAG_LOOKED_AT
from runfold.runtime_sql import runtime_sql
from runfold.settings import LOOPBACK
from runfold.worker.numbers import SECONDS, Histogram, timed

statement = runtime_sql("runfold.health")

log = logging.getLogger(__name__)

EVERY_SECONDS = 15.0
MILLISECONDS = 5_000
"""How long the query may take. It looks at bounded parts of the log, so a busy server alone makes it slow."""
MOST_LABELS = 200
"""The most subscriptions, tables or standbys that have a metric of their own, those that are furthest behind first."""

PARTS: Mapping[str, LiteralString] = {
    "archives": statement("part_archives"),
    "backfills": statement("part_backfills"),
    "backups": statement("part_backups"),
    "seals": statement("part_seals"),
}
"""The parts of the query by the table that they read: while a store is upgraded, its schema may be an older one."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What the database said: numbers by metric and label."""

    values: Mapping[str, Mapping[str | None, float]]
    stamp: str | None
    applied: frozenset[str]
    leader: str | None
    disk_free: float | None
    at: float = field(default_factory=time.monotonic)

    def value(self, metric: str) -> float | None:
        """The value of a metric without a label."""
        return self.values.get(metric, {}).get(None)

    @property
    def age(self) -> float:
        """The seconds since the database said it."""
        return time.monotonic() - self.at

    @property
    def wrong_schema(self) -> str | None:
        """Why this runfold does not work with the schema; None where it does."""
        try:
            check_stamp(self.stamp)
        except RunfoldError as exc:
            return str(exc)
        return None

    @property
    def migrations(self) -> tuple[int, int]:
        """How many of our migrations are pending, and how many were begun and are not noted in the schema's stamp."""
        ours = [each.version for each in migrations()]
        stamp = self.stamp or ""
        pending = [version for version in ours if version not in stamp and version > stamp[-14:]]
        return len(pending), len(self.applied.intersection(pending))

    @property
    def days_left(self) -> float | None:
        """After how many days the disk is full; None where its room or the growth is not known."""
        growth = self.value("growth_bytes_per_day")
        if self.disk_free is None or growth is None:
            return None
        return self.disk_free / growth if growth > 0 else float("inf")


class Sampler(Beside):
    """Keeps the newest sample, and says whether the database answers. Use it in `with`."""

    _patience = 1.0
    """It may be waiting for a server that does not answer."""

    def __init__(self, connect: Connect, catalogue: Catalogue, *, every: float = EVERY_SECONDS) -> None:
        super().__init__("health-sampler", connect)
        self._every = every
        self._asked = {
            "groups": Jsonb({group.name: list(group.events) for group in catalogue.groups.values()}),
            "span": LAG_LOOKED_AT,
            "most": LAG_COUNTED_TO,
            "limit": MOST_LABELS,
        }
        self._connection: psycopg.Connection[Any] | None = None
        self._query: LiteralString = ""
        self._data: Path | None = None
        self.newest: Sample | None = None
        self.error: str | None = "the database was not asked yet"
        self.failures = 0
        self.asked = 0
        self.seconds = Histogram(SECONDS)

    @property
    def up(self) -> bool:
        """Whether the database answered the last time, and not too long ago."""
        newest, longest = self.newest, 2 * self._every + MILLISECONDS / 1000
        return self.error is None and newest is not None and newest.age < longest

    def _run(self) -> None:
        while not self._stop.is_set():
            self.sample()
            self._stop.wait(self._every)
        self._close()

    def sample(self) -> None:
        """Ask once. A failure is noted, and what was found before is kept."""
        self.asked += 1
        try:
            with timed(self.seconds):
                self.newest = self._ask()
            self.error = None
        except (psycopg.Error, RunfoldError) as exc:
            self.failures += 1
            self.error = " ".join(str(exc).split())
            log.debug("the database was not asked: %s", exc)
            self._close()

    def _ask(self) -> Sample:
        if self._connection is None or self._connection.closed:
            self._connection = self._connect()
            self._look_around(self._connection)
        connection = self._connection
        with connection.transaction():
            connection.execute(statement("limit_time"), {"milliseconds": MILLISECONDS})
            rows = connection.execute(self._query, self._asked).fetchall()
        return _sample(rows, self._free())

    def _look_around(self, connection: psycopg.Connection[Any]) -> None:
        may_ask, data = connection.execute(statement("sampling_rights")).fetchone() or (False, None)
        parts = connection.execute(statement("parts"), {"names": list(PARTS)}).fetchall()
        whole: LiteralString = statement("sample")
        for name, is_there in parts:
            if is_there:
                whole += "\n" + PARTS[name]
        self._query = whole.replace("{wal_bytes}", statement("wal_bytes") if may_ask else "NULL::bigint")
        host = connection.info.host
        is_local = host.startswith("/") or host in LOOPBACK
        self._data = Path(data) if data is not None and is_local and Path(data).is_dir() else None

    def _free(self) -> float | None:
        try:
            return None if self._data is None else float(shutil.disk_usage(self._data).free)
        except OSError:
            return None

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _sample(rows: Iterable[tuple[str, str | None, float | None]], free: float | None) -> Sample:
    values: dict[str, dict[str | None, float]] = {}
    texts: dict[str, list[str]] = {}
    for metric, label, value in rows:
        if metric.startswith(":"):
            texts.setdefault(metric, []).extend([label] if label is not None else [])
        elif value is not None:
            values.setdefault(metric, {})[label] = value
    stamps, leaders = texts.get(":stamp", []), texts.get(":leader", [])
    return Sample(
        values=values,
        stamp=stamps[0] if stamps else None,
        applied=frozenset(texts.get(":applied", [])),
        leader=leaders[0] if leaders else None,
        disk_free=free,
    )
