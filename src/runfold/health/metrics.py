"""Every metric: its name, kind, labels and what it says. The collectors, the reference and the tests read this list.

Names follow Prometheus: base units, `_total` for counters, one prefix.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PREFIX = "runfold_"

Kind = Literal["gauge", "counter", "histogram"]
Source = Literal["worker", "database", "engine"]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric; `label` is the name of its only label."""

    short: str
    kind: Kind
    source: Source
    about: str
    label: str | None = None

    @property
    def name(self) -> str:
        """The full name, as it is scraped."""
        return PREFIX + self.short


def _of(source: Source, kind: Kind, label: str | None = None, **about: str) -> list[Metric]:
    return [Metric(short, kind, source, said, label) for short, said in about.items()]


METRICS: dict[str, Metric] = {
    metric.short: metric
    for metric in [
        # What the worker counts itself: it is known while the database is away.
        *_of(
            "worker",
            "gauge",
            up="1 while the database answers this worker's looks; the values of the database are old at 0",
            leading="1 while this worker leads",
            loop_age_seconds="the time since the worker's loop moved",
            sample_age_seconds="the time since the database was last asked for its values, with success",
            migrations_pending="migrations of this version that the database lacks",
            migrations_failed="migrations that were begun and did not end",
            disk_free_bytes="what is free where the data is, if that is this machine",
            disk_days_left="after so many days the disk is full, at the growth of the last week",
        ),
        *_of("worker", "gauge", "state", worker_state="1 at what the worker is doing, 0 at the others"),
        *_of("worker", "gauge", "version", build_info="1; the version of runfold"),
        *_of(
            "worker",
            "counter",
            leads_total="how often this worker began to lead",
            losses_total="how often it lost the database or the leadership",
            wake_ups_total="how often an append woke it",
            samples_failed_total="how often the database did not answer for its values",
        ),
        *_of(
            "worker",
            "counter",
            "group",
            events_folded_total="events that this worker folded",
            batch_failures_total="batches that failed here, to be tried again",
        ),
        *_of(
            "worker",
            "histogram",
            "group",
            batch_seconds="how long a batch took",
            batch_events="how many events a batch had",
        ),
        *_of(
            "worker",
            "histogram",
            "statement",
            statement_seconds="the worker's own small statements: look (the safe head), beat, sample (these values)",
        ),
        # What one query reads.
        *_of(
            "database",
            "gauge",
            log_head_position="the last position that was given out",
            safe_head_position="the last position that is settled",
            safe_head_age_seconds="how long the oldest open append holds the safe head back",
            spare_partitions="partitions of the log that lie ahead of its head",
            in_recovery="1 on a standby",
            discarded_events="events that operators gave up, counted to 10,000",
            anomalies="events that did not apply at their place, counted to 10,000",
            leader_epoch="the epoch of the present leader, or of the last",
            leader_beat_age_seconds="the time since a leader beat last",
            engines="engines that are entered",
            engines_silent="engines that do not beat",
            tables_never_verified="read tables that nobody has verified yet",
            connections="connections that the server has",
            connections_limit="connections that it may have",
            longest_statement_seconds="the longest statement of engines that runs now",
            replication_slots_inactive="replication slots that nobody reads",
            wal_archive_failing="1 while the newest try to archive WAL has failed",
            wal_archive_age_seconds="how long a segment of WAL waits to be archived",
            sealed_position="the last position that is sealed",
            seal_age_seconds="the age of the first settled event that is not sealed",
            archived_position="the last position of the newest segment of which streams are archived",
            archived_events="events that are in archives only",
            backfills_pending="steps behind a migration that have not ended",
            backfill_age_seconds="how long the first of them is pending",
            backup_age_seconds="the time since the last backup that was noted",
            database_bytes="the size of this database",
            wal_bytes="the size of the WAL that the server keeps, where this role may ask",
            growth_bytes_per_day="how much the tables grew a day, in the last week",
        ),
        *_of(
            "database",
            "counter",
            events_appended_total="events that were recorded since PostgreSQL's statistics were reset",
            wal_archive_failures_total="segments of WAL that could not be archived",
        ),
        *_of(
            "database",
            "gauge",
            "group",
            group_checkpoint_position="up to where the group has folded",
            group_lag_events="events that it has still to fold, counted to 10,000 within 200,000 positions",
            group_lag_seconds="the age of the first of them",
            group_stopped="1 while it waits for an operator",
            group_retried="1 while its next batch fails and is tried again",
            parked_streams="its streams that are parked, counted to 10,000",
        ),
        *_of(
            "database",
            "gauge",
            "subscription",
            subscription_lag_positions="the positions between its bookmark and the safe head",
            subscription_lag_seconds="the age of the first event behind its bookmark",
        ),
        *_of(
            "database",
            "gauge",
            "table",
            verified_age_seconds="the time since the table was verified",
            verified_differences="the differences that were found then",
            retention_age_seconds="the time since what expired in it was last removed",
        ),
        *_of("database", "gauge", "standby", replication_lag_seconds="how far the standby is behind"),
        # What an engine's process counts: `runfold.health.engine.EngineCollector`.
        *_of(
            "engine",
            "gauge",
            pool_size="connections that the store's pool has",
            pool_limit="connections that it may have",
            pool_in_use="those of them that are in use",
            pool_waiting="calls that wait for one",
        ),
        *_of("engine", "counter", pool_errors_total="connections of the pool that could not be opened"),
        *_of(
            "engine",
            "gauge",
            "emitter",
            emitter_queued_events="events that wait to be sent",
            emitter_queued_bytes="their size",
            emitter_oldest_seconds="how long the first of them waits",
            spool_bytes="the size of what is spooled and not in the log yet",
            spool_oldest_seconds="how long the first of it waits",
            spool_refused_events="events in refused.jsonl",
        ),
        *_of(
            "engine",
            "counter",
            "emitter",
            emitter_acknowledged_total="events that are in the log",
            emitter_refused_total="events that were refused for good",
            emitter_calls_total="calls that were made",
            emitter_retries_total="calls that were made again",
        ),
    ]
}
