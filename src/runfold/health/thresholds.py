"""Every threshold of alert rules and of `runfold doctor`: one truth for both.

from runfold.health.thresholds import BEAT_AGE, values
BEAT_AGE.value                       # 5.0
connection.execute(sql, values())    # each by its name, as a parameter of a statement
"""

from __future__ import annotations

from dataclasses import dataclass

MINUTE = 60.0
HOUR = 60 * MINUTE
DAY = 24 * HOUR


@dataclass(frozen=True, slots=True)
class Threshold:
    """A bound on a quantity: `value` in `unit`, beyond which something is wrong, if it lasts for `lasting` seconds.

    `lasting` is for alert rules, which look all the time; who looks once compares with `value` alone.
    """

    name: str
    value: float
    unit: str
    about: str
    lasting: float = 0.0


_ALL: dict[str, Threshold] = {}


def _threshold(name: str, value: float, unit: str, about: str, *, lasting: float = 0.0) -> Threshold:
    if name in _ALL:
        raise ValueError(f"two thresholds have the name {name}")
    _ALL[name] = made = Threshold(name, value, unit, about, lasting)
    return made


def thresholds() -> tuple[Threshold, ...]:
    """Return every threshold, in the order of this file."""
    return tuple(_ALL.values())


def values() -> dict[str, float]:
    """Return the value of every threshold by its name, as a statement's parameters."""
    return {each.name: each.value for each in _ALL.values()}


# The worker and its process.
LOOP_AGE = _threshold("loop_age_seconds", 30, "seconds", "the worker's loop has not moved for so long")
WORKER_GONE = _threshold("worker_gone_seconds", 2 * MINUTE, "seconds", "no worker is scraped for so long")
BATCH_AGE = _threshold("batch_seconds", 10 * MINUTE, "seconds", "one batch takes so long")
BEAT_AGE = _threshold("beat_age_seconds", 5, "seconds", "no leader has beaten for so long")
DATABASE_AWAY = _threshold("database_away_seconds", MINUTE, "seconds", "the worker has not reached it for so long")
STATEMENT = _threshold("statement_seconds", 1, "seconds", "statements take so long on average", lasting=5 * MINUTE)
POOL_USED = _threshold("pool_used", 0.8, "ratio", "so much of a pool is in use", lasting=5 * MINUTE)
CONNECTIONS_USED = _threshold(
    "connections_used", 0.8, "ratio", "so many of the server's connections are used", lasting=5 * MINUTE
)

# The log and its folds.
SAFE_HEAD_AGE = _threshold("safe_head_age_seconds", 30, "seconds", "an open append holds the safe head for so long")
HEAD_HOLDER_AGE = _threshold("head_holder_seconds", MINUTE, "seconds", "one append is open for so long")
SPARE_PARTITIONS = _threshold("spare_partitions", 2, "partitions", "fewer lie ahead of the head", lasting=2 * MINUTE)
GROUP_LAG = _threshold("group_lag_seconds", MINUTE, "seconds", "a group's next event was recorded so long ago")
GROUPS_STOPPED = _threshold("groups_stopped", 0, "groups", "more wait for an operator")
PARKED_STREAMS = _threshold("parked_streams", 0, "streams", "more are parked")
DISCARDED_EVENTS = _threshold("discarded_events", 0, "events", "more were discarded within the last hour")
VERIFIED_AGE = _threshold("verified_age_seconds", 30 * DAY, "seconds", "a table was not verified for so long")
VERIFIED_DIFFERENCES = _threshold("verified_differences", 0, "differences", "the last verification found more")
SEAL_AGE = _threshold("seal_age_seconds", 10 * MINUTE, "seconds", "settled events are not sealed for so long")
EVENT_BYTES = _threshold("event_bytes", 1_000_000, "bytes", "an event is larger")
RANDOM_IDS = _threshold("random_ids", 0.5, "ratio", "so many of the last events' ids are random")
CLOCK_AHEAD = _threshold("clock_ahead_seconds", 1, "seconds", "the last event was recorded so far in the future")

# Engines and consumers.
ENGINES_SILENT = _threshold("engines_silent", 0, "engines", "more are silent", lasting=MINUTE)
REFUSED_EVENTS = _threshold("refused_events", 0, "events", "more lie in refused.jsonl")
SPOOL_AGE = _threshold("spool_oldest_seconds", 5 * MINUTE, "seconds", "a spooled event waits for so long")
SUBSCRIPTION_LAG = _threshold("subscription_lag_seconds", HOUR, "seconds", "a consumer's next event is so old")
BOOKMARK_AGE = _threshold("bookmark_age_seconds", 30 * DAY, "seconds", "a bookmark was not moved for so long")

# The server.
REPLICATION_LAG = _threshold("replication_lag_seconds", 10, "seconds", "a standby is so far behind", lasting=MINUTE)
SLOTS_INACTIVE = _threshold("slots_inactive", 0, "slots", "more have no reader", lasting=5 * MINUTE)
TRANSACTION_AGE = _threshold(
    "transaction_seconds", 5 * MINUTE, "seconds", "a transaction is prepared, or idle, for so long"
)
TRANSACTION_IDS_AGE = _threshold(
    "transaction_ids_age", 1_000_000_000, "transactions", "the oldest unfrozen transaction is so far back"
)
DEAD_ROWS = _threshold("dead_rows", 100_000, "rows", "a table has more dead rows, and more of them than live ones")
DAYS_LEFT = _threshold("days_left", 14, "days", "the disk is full in fewer, at the growth of the last week")
WAL_ARCHIVE_FAILING = _threshold(
    "wal_archive_failing", 0, "segments", "the newest segment of WAL could not be archived", lasting=5 * MINUTE
)
WAL_ARCHIVE_AGE = _threshold("wal_archive_age_seconds", HOUR, "seconds", "WAL waits to be archived for so long")
BACKUP_AGE = _threshold("backup_age_seconds", 7 * DAY, "seconds", "the last backup that was noted is so old")

# What is to be done by operators.
MIGRATIONS_FAILED = _threshold("migrations_failed", 0, "migrations", "more have failed")
MIGRATIONS_PENDING = _threshold("migrations_pending", 0, "migrations", "more are pending", lasting=HOUR)
BACKFILL_AGE = _threshold("backfill_seconds", DAY, "seconds", "a step of `runfold backfill` is pending for so long")
RETENTION_AGE = _threshold("retention_age_seconds", 2 * DAY, "seconds", "what expired was not removed for so long")
PARTITION_BLOCKED = _threshold(
    "partition_blocked_seconds", DAY, "seconds", "a partition that expired cannot be locked for so long"
)
LEDGER_KEYS = _threshold("ledger_ahead", 0, "keys", "the erasure ledger names more that still open")
