"""The alert rules for Prometheus, made from the thresholds: what is wrong, and the page that mends it.

Stores are told apart by the labels that the scrape gives them (`instance`, `job`), so no rule sums over them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from runfold.health import thresholds as t
from runfold.health.metrics import PREFIX
from runfold.health.thresholds import Threshold

Severity = Literal["critical", "warning"]

MENDS = "docs/how-to/watch-in-production.md"


@dataclass(frozen=True, slots=True)
class Alert:
    """One rule. `expression` has the names of metrics without their prefix, as `{metric}`, and `{bound}`."""

    name: str
    severity: Severity
    expression: str
    threshold: Threshold
    says: str
    page: str
    """The page that mends it, in the documentation, with an anchor where there is one."""
    lasting: float | None = None
    """How many seconds it has to be so; the threshold's own time where it is None."""

    @property
    def expr(self) -> str:
        """The expression, as Prometheus takes it."""
        return self.expression.replace("{bound}", _number(self.threshold.value)).replace("~", PREFIX)

    @property
    def seconds(self) -> float:
        """How many seconds it has to be so."""
        return self.threshold.lasting if self.lasting is None else self.lasting

    @property
    def description(self) -> str:
        """What is wrong, and where to read on."""
        return f"{self.says}. What to do: {self.page}"


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


_WORKER = "docs/how-to/run-the-worker.md"
_SERVER = "docs/how-to/use-your-own-postgresql.md"

# `~` stands for the prefix of every metric.
ALERTS: tuple[Alert, ...] = (
    Alert(
        "RunfoldWorkerGone",
        "critical",
        "absent(~up)",
        t.WORKER_GONE,
        "No worker is scraped: either none runs, or Prometheus does not reach it",
        f"{MENDS}#the-worker-does-not-lead",
        lasting=t.WORKER_GONE.value,
    ),
    Alert(
        "RunfoldDatabaseAway",
        "critical",
        "~up == 0",
        t.DATABASE_AWAY,
        "The worker at {{ $labels.instance }} does not reach the database",
        f"{MENDS}#the-worker-does-not-lead",
        lasting=t.DATABASE_AWAY.value,
    ),
    Alert(
        "RunfoldLoopStuck",
        "critical",
        "~loop_age_seconds > {bound}",
        t.BATCH_AGE,
        "The loop of the worker at {{ $labels.instance }} has not moved for {{ $value | humanizeDuration }}",
        f"{MENDS}#the-worker-does-not-lead",
    ),
    Alert(
        "RunfoldNoLeader",
        "critical",
        "~leader_beat_age_seconds > {bound} and ~up == 1",
        t.BEAT_AGE,
        "No worker has led for {{ $value | humanizeDuration }}: rows do not follow the log",
        f"{MENDS}#the-worker-does-not-lead",
    ),
    Alert(
        "RunfoldSafeHeadHeld",
        "critical",
        "~safe_head_age_seconds > {bound}",
        t.SAFE_HEAD_AGE,
        "An append is open for {{ $value | humanizeDuration }} and keeps everybody from reading on",
        f"{_WORKER}#see-how-it-is",
    ),
    Alert(
        "RunfoldGroupBehind",
        "warning",
        "~group_lag_seconds > {bound}",
        t.GROUP_LAG,
        "Group {{ $labels.group }} is {{ $value | humanizeDuration }} behind the log",
        f"{_WORKER}#see-how-it-is",
        lasting=t.MINUTE,
    ),
    Alert(
        "RunfoldGroupStopped",
        "critical",
        "~group_stopped > {bound}",
        t.GROUPS_STOPPED,
        "Group {{ $labels.group }} waits for an operator",
        f"{_WORKER}#a-group-waits",
    ),
    Alert(
        "RunfoldStreamParked",
        "warning",
        "~parked_streams > {bound}",
        t.PARKED_STREAMS,
        "{{ $value }} streams are parked in group {{ $labels.group }}: their events wait",
        f"{_WORKER}#a-stream-is-parked",
    ),
    Alert(
        "RunfoldEventsDiscarded",
        "warning",
        "delta(~discarded_events[1h]) > {bound}",
        t.DISCARDED_EVENTS,
        "{{ $value }} events were given up within an hour",
        f"{_WORKER}#a-stream-is-parked",
    ),
    Alert(
        "RunfoldFewPartitions",
        "critical",
        "~spare_partitions < {bound}",
        t.SPARE_PARTITIONS,
        "The log has {{ $value }} partitions ahead of its head: appends end where the last one does",
        f"{_WORKER}#the-log-needs-room",
    ),
    Alert(
        "RunfoldPoolFull",
        "warning",
        "~pool_in_use / ~pool_limit > {bound}",
        t.POOL_USED,
        "{{ $value | humanizePercentage }} of the connections of the pool at {{ $labels.instance }} are in use",
        f"{MENDS}#the-database-is-slow",
    ),
    Alert(
        "RunfoldConnectionsFull",
        "warning",
        "~connections / ~connections_limit > {bound}",
        t.CONNECTIONS_USED,
        "{{ $value | humanizePercentage }} of the server's connections are used",
        f"{MENDS}#the-database-is-slow",
    ),
    Alert(
        "RunfoldStatementsSlow",
        "warning",
        "rate(~statement_seconds_sum[5m]) / rate(~statement_seconds_count[5m]) > {bound}",
        t.STATEMENT,
        "The worker's statement {{ $labels.statement }} takes {{ $value | humanizeDuration }} on average",
        f"{MENDS}#the-database-is-slow",
    ),
    Alert(
        "RunfoldEnginesSlow",
        "warning",
        "min_over_time(~longest_statement_seconds[5m]) > {bound}",
        t.STATEMENT,
        "For five minutes a statement of an engine has run {{ $value | humanizeDuration }} or longer",
        f"{MENDS}#the-database-is-slow",
    ),
    Alert(
        "RunfoldEnginesSilent",
        "warning",
        "~engines_silent > {bound}",
        t.ENGINES_SILENT,
        "{{ $value }} engines do not beat: others may take their executions over",
        "docs/how-to/run-an-engine.md#take-over",
    ),
    Alert(
        "RunfoldSpoolWaits",
        "warning",
        "~spool_oldest_seconds > {bound}",
        t.SPOOL_AGE,
        "A spooled event waits for {{ $value | humanizeDuration }}: it is on one machine alone",
        "docs/how-to/survive-crashes.md#look-into-a-spool-and-send-it-without-the-engine",
    ),
    Alert(
        "RunfoldEventsRefused",
        "warning",
        "~spool_refused_events > {bound}",
        t.REFUSED_EVENTS,
        "{{ $value }} events were refused for good, and lie in refused.jsonl",
        "docs/how-to/survive-crashes.md#when-something-is-wrong",
    ),
    Alert(
        "RunfoldSubscriptionBehind",
        "warning",
        "~subscription_lag_seconds > {bound}",
        t.SUBSCRIPTION_LAG,
        "The consumer {{ $labels.subscription }} is {{ $value | humanizeDuration }} behind",
        "docs/how-to/subscribe.md#operate-subscriptions",
    ),
    Alert(
        "RunfoldNotVerified",
        "warning",
        "~verified_age_seconds > {bound}",
        t.VERIFIED_AGE,
        "Table {{ $labels.table }} was verified {{ $value | humanizeDuration }} ago",
        "docs/how-to/rebuild-and-verify.md#prove-it",
    ),
    Alert(
        "RunfoldTableDiffers",
        "critical",
        "~verified_differences > {bound}",
        t.VERIFIED_DIFFERENCES,
        "Table {{ $labels.table }} differs from the log in {{ $value }} rows",
        "docs/how-to/rebuild-and-verify.md#make-it-right",
    ),
    Alert(
        "RunfoldRetentionLate",
        "warning",
        "~retention_age_seconds > {bound}",
        t.RETENTION_AGE,
        "What expired in {{ $labels.table }} was not removed for {{ $value | humanizeDuration }}",
        "docs/how-to/keep-and-expire.md#nobody-waits",
    ),
    Alert(
        "RunfoldSealsLate",
        "warning",
        "~seal_age_seconds > {bound}",
        t.SEAL_AGE,
        "A settled event is not sealed for {{ $value | humanizeDuration }}",
        f"{MENDS}#seals-backfills-or-backups-are-late",
    ),
    Alert(
        "RunfoldBackfillPending",
        "warning",
        "~backfill_age_seconds > {bound}",
        t.BACKFILL_AGE,
        "A step behind a migration is pending for {{ $value | humanizeDuration }}",
        f"{MENDS}#seals-backfills-or-backups-are-late",
    ),
    Alert(
        "RunfoldBackupOld",
        "warning",
        "~backup_age_seconds > {bound}",
        t.BACKUP_AGE,
        "The last backup that was noted is {{ $value | humanizeDuration }} old",
        f"{MENDS}#seals-backfills-or-backups-are-late",
    ),
    Alert(
        "RunfoldMigrationsFailed",
        "critical",
        "~migrations_failed > {bound}",
        t.MIGRATIONS_FAILED,
        "{{ $value }} migrations were begun and have not ended",
        f"{MENDS}#the-schema-does-not-fit",
    ),
    Alert(
        "RunfoldMigrationsPending",
        "warning",
        "~migrations_pending > {bound}",
        t.MIGRATIONS_PENDING,
        "The database lacks {{ $value }} migrations of this worker's version",
        f"{MENDS}#the-schema-does-not-fit",
    ),
    Alert(
        "RunfoldStandbyBehind",
        "warning",
        "~replication_lag_seconds > {bound}",
        t.REPLICATION_LAG,
        "The standby {{ $labels.standby }} is {{ $value | humanizeDuration }} behind",
        f"{MENDS}#a-standby-or-the-archive-is-behind",
    ),
    Alert(
        "RunfoldSlotInactive",
        "warning",
        "~replication_slots_inactive > {bound}",
        t.SLOTS_INACTIVE,
        "{{ $value }} replication slots are read by nobody, and keep WAL until the disk is full",
        f"{MENDS}#a-standby-or-the-archive-is-behind",
    ),
    Alert(
        "RunfoldWalArchiveFails",
        "critical",
        "~wal_archive_failing > {bound}",
        t.WAL_ARCHIVE_FAILING,
        "The newest segment of WAL could not be archived",
        f"{MENDS}#a-standby-or-the-archive-is-behind",
    ),
    Alert(
        "RunfoldWalArchiveLate",
        "warning",
        "~wal_archive_age_seconds > {bound}",
        t.WAL_ARCHIVE_AGE,
        "A segment of WAL waits to be archived for {{ $value | humanizeDuration }}",
        f"{MENDS}#a-standby-or-the-archive-is-behind",
    ),
    Alert(
        "RunfoldDiskFills",
        "warning",
        "~disk_days_left < {bound}",
        t.DAYS_LEFT,
        "The disk of the database is full in {{ $value }} days, if it grows as in the last week",
        f"{MENDS}#the-disk-fills",
    ),
)


def rules_text() -> str:
    """Return the rule file: YAML, whose texts are written as JSON strings."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# Alert rules of runfold, made by `runfold health rules` from the thresholds of `runfold doctor`."
    yield "groups:"
    yield "  - name: runfold"
    yield "    rules:"
    for alert in ALERTS:
        yield f"      - alert: {alert.name}"
        yield f"        expr: {_quoted(alert.expr)}"
        if alert.seconds:
            yield f"        for: {alert.seconds:.0f}s"
        yield "        labels:"
        yield f"          severity: {alert.severity}"
        yield "        annotations:"
        yield f"          summary: {_quoted(alert.says)}"
        yield f"          description: {_quoted(alert.description)}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
