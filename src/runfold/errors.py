"""Every error runfold raises, under one root.

A class's docstring is its default message. Errors carry their facts as attributes and say what to do. Errors of
PostgreSQL are mapped by SQLSTATE, never by message text: the SQL functions raise class ``RF`` with the facts as a
JSON object in DETAIL (`code`, `pointer`, `limit`, `found`, and what the class adds), so that a caller of SQL and a
caller of Python read the same answer. What they say is in REFUSALS, which `runfold.refuse` reads as a table.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final, NamedTuple


class RunfoldError(Exception):
    """runfold could not do this."""

    code: str = "runfold_error"
    sqlstate: ClassVar[str | None] = None
    retryable: bool = False

    def __init__(self, message: str | None = None, *, hint: str | None = None, **facts: Any) -> None:
        self.message = message or (type(self).__doc__ or "").strip().splitlines()[0]
        self.hint = hint
        if (code := facts.pop("code", None)) is not None:
            self.code = str(code)
        if (retryable := facts.pop("retryable", None)) is not None:
            self.retryable = bool(retryable)
        self.facts: dict[str, Any] = facts
        for name, value in facts.items():
            setattr(self, name, value)
        super().__init__(self.message if hint is None else f"{self.message}: {hint}")


class InvalidInput(RunfoldError):
    """What was given can not be recorded; nothing was written."""

    code = "invalid_input"
    sqlstate = "RF001"
    pointer: str | None = None
    limit: Any = None
    found: Any = None


class VersionConflict(RunfoldError):
    """The stream is at another version than expected: reload and retry."""

    code = "version_conflict"
    sqlstate = "RF002"
    stream_id: str
    version: int
    expected_version: int


class StreamUnavailable(RunfoldError):
    """The stream can not be used by this tenant."""

    code = "stream_unavailable"
    sqlstate = "RF003"


class EventIdConflict(RunfoldError):
    """Event ids of this call are stored already, with another body or only in part."""

    code = "event_id_conflict"
    sqlstate = "RF004"


class ClaimTaken(RunfoldError):
    """Another stream holds this claim."""

    code = "claim_taken"
    sqlstate = "RF005"


class IllegalTransition(RunfoldError):
    """The command is not possible in this state; nothing was written."""

    code = "illegal_transition"
    stream_id: str
    machine: str
    state: str | None
    command: str
    allowed: tuple[str, ...]


class UnsupportedIsolation(RunfoldError):
    """The log is read under READ COMMITTED only: one snapshot for head and events would skip events."""

    code = "unsupported_isolation"
    sqlstate = "RF006"


class LogFull(RunfoldError):
    """The log has no partition for the next position: run a worker, or `runfold migrate`."""

    code = "log_full"
    sqlstate = "RF007"
    retryable = True


class LogImmutable(RunfoldError):
    """The log is append-only: events are never changed or removed."""

    code = "log_immutable"
    sqlstate = "RF008"


class LeadershipLost(RunfoldError):
    """Another worker leads: this one changed nothing."""

    code = "leadership_lost"
    sqlstate = "RF009"


class CategoryTaken(RunfoldError):
    """The category belongs to another application already."""

    code = "category_taken"
    sqlstate = "RF015"


class AlreadyTracked(RunfoldError):
    """The tracker has followed the application to that notification or beyond."""

    code = "already_tracked"
    sqlstate = "RF014"


class SchemaOutdated(RunfoldError):
    """The database is not migrated: run `runfold migrate`."""

    code = "schema_outdated"


class SchemaNewer(RunfoldError):
    """The database was migrated by a newer runfold: upgrade this one."""

    code = "schema_newer"


class MigrationFailed(RunfoldError):
    """A migration failed; what it began was rolled back."""

    code = "migration_failed"


class ServerFailed(RunfoldError):
    """The embedded PostgreSQL could not do this."""

    code = "server_failed"


class DatabaseUnavailable(RunfoldError):
    """The database can not be reached."""

    code = "database_unavailable"
    retryable = True


class PoolExhausted(RunfoldError):
    """No connection became free in time."""

    code = "pool_exhausted"
    retryable = True


class DatabaseReadOnly(RunfoldError):
    """The database is read-only, a standby for instance: write to the primary."""

    code = "database_read_only"


class DiskFull(RunfoldError):
    """The database's disk is full; nothing was written."""

    code = "disk_full"
    retryable = True


class TransactionFailed(RunfoldError):
    """A deadlock or a serialization failure, after all retries, or in a transaction that only its owner can retry."""

    code = "transaction_failed"
    retryable = True


class PermissionDenied(RunfoldError):
    """This role may not do that."""

    code = "permission_denied"


class WaitTimeout(RunfoldError):
    """The projections did not reach the position in time."""

    code = "wait_timeout"
    retryable = True


class StreamParked(RunfoldError):
    """The stream is parked: one of its events could not be folded. See `runfold status`."""

    code = "stream_parked"


class ProjectionInvalid(RunfoldError):
    """A projection file breaks its contract."""

    code = "projection_invalid"


class ProjectionReserved(ProjectionInvalid):
    """A projection of a user names a group or a table of runfold's."""

    code = "projection_reserved"


class ProjectionRoleMissing(RunfoldError):
    """Projections of your own are folded by a login of their own, and there is none."""

    code = "projection_role_missing"


class ProjectionRoleUnsafe(RunfoldError):
    """The login for projections of your own may do more than fold them."""

    code = "projection_role_unsafe"


class ProjectionEscaped(RunfoldError):
    """A projection left its transaction or changed its session."""

    code = "projection_escaped"
    sqlstate = "RF013"


class UnknownProjection(RunfoldError):
    """There is no projection of that name."""

    code = "unknown_projection"


class UnknownStream(RunfoldError):
    """There is no stream of that name."""

    code = "unknown_stream"


class ImportFailed(RunfoldError):
    """The file can not be imported."""

    code = "import_failed"


class UnknownExecution(RunfoldError):
    """There is no execution of that id."""

    code = "unknown_execution"


class UnknownInteraction(RunfoldError):
    """There is no interaction of that id."""

    code = "unknown_interaction"


class UnknownDeployment(RunfoldError):
    """The workflow never was in service in that version."""

    code = "unknown_deployment"


class GroupWaits(RunfoldError):
    """A group of projections waits for an operator."""

    code = "group_waits"


class StreamNotParked(RunfoldError):
    """The stream is not parked."""

    code = "stream_not_parked"


class CheckpointAhead(RunfoldError):
    """The read tables, or who reads the log, are further than the log: was an older log restored?"""

    code = "checkpoint_ahead"
    sqlstate = "RF016"


class RebuildFailed(RunfoldError):
    """The tables can not be built; nothing was changed."""

    code = "rebuild_failed"


class RebuildRunning(RunfoldError):
    """Another rebuild of these tables is running."""

    code = "rebuild_running"
    retryable = True


class PositionUnavailable(RunfoldError):
    """The log can not be read as of there."""

    code = "position_unavailable"


class PastReadOnly(RunfoldError):
    """The past is read-only."""

    code = "past_read_only"


class FoldFailed(RunfoldError):
    """An event can not be folded."""

    code = "fold_failed"


class UnknownTable(RunfoldError):
    """There is no read table of that name."""

    code = "unknown_table"


class UnknownRow(RunfoldError):
    """There is no row of that key."""

    code = "unknown_row"


class UnknownColumn(RunfoldError):
    """The table has no column of that name."""

    code = "unknown_column"


class DiscardFailed(RunfoldError):
    """Nothing was discarded."""

    code = "discard_failed"


class Refusal(NamedTuple):
    """What `runfold.refuse` raises: an error with its SQLSTATE, and a message in which `{name}` is a fact's value."""

    error: type[RunfoldError]
    message: str
    hint: str | None = None
    code: str | None = None  # where it is not the refusal's name


# By name, which is the code of most.
REFUSALS: Final = {
    "version_conflict": Refusal(
        VersionConflict, "{stream_id} is at version {version}, expected {expected_version}", "reload and retry"
    ),
    "snapshot_exists": Refusal(
        VersionConflict, "there is a snapshot of that version already", "use it, or delete it first"
    ),
    "stream_unavailable": Refusal(
        StreamUnavailable,
        "the stream {stream_id} can not be used by this tenant",
        "choose another stream id: each stream has one tenant",
    ),
    "command_id_conflict": Refusal(
        EventIdConflict,
        "command {command_id} was recorded with another body",
        "give another command its own command_id",
    ),
    "event_ids_mixed": Refusal(
        EventIdConflict,
        "some event ids of this call are stored already, others are new",
        "send a call again exactly as it was, and give new events new ids",
    ),
    "event_id_conflict": Refusal(
        EventIdConflict,
        "event {found} is stored already with another body, place or stream",
        "send a call again exactly as it was, and give new events new ids",
    ),
    "claim_taken": Refusal(
        ClaimTaken,
        "the claim {kind} {key} is taken",
        "release it in its own stream first, or choose another key",
    ),
    "node_paused": Refusal(
        ClaimTaken, "the node is paused already, by {found}", "close that pause first", code="claim_taken"
    ),
    "unsupported_isolation": Refusal(
        UnsupportedIsolation,
        "the safe head can not be read under {isolation}",
        "use READ COMMITTED: with one snapshot for head and events, events would be skipped",
    ),
    "log_full": Refusal(
        LogFull,
        "the log has no partition for position {position}",
        "run a worker, or SELECT runfold.ensure_partitions()",
    ),
    "log_immutable": Refusal(
        LogImmutable,
        "the log is append-only: {operation} on {table} is refused",
        "append an event that corrects what the earlier one said",
    ),
    "discard_immutable": Refusal(
        LogImmutable,
        "what was discarded is on record for ever: {operation} on runfold.discarded_events is refused",
        "append an event that says what the discarded one should have said",
        code="log_immutable",
    ),
    "batch_not_settled": Refusal(
        ProjectionEscaped,
        "a projection of the group {group_name} ended its transaction before the checkpoint moved",
        "a projection neither commits nor rolls back",
        code="projection_escaped",
    ),
    "batch_begun_already": Refusal(
        ProjectionEscaped, "this transaction has begun a batch already", code="projection_escaped"
    ),
    "batch_not_begun": Refusal(
        ProjectionEscaped,
        "this transaction has begun no batch of the group {group_name}",
        "a projection neither commits nor rolls back",
        code="projection_escaped",
    ),
    "already_tracked": Refusal(
        AlreadyTracked,
        "{tracker} has followed {application_name} to notification {notification_id} or beyond",
        "another process did this already: go on from its max_tracking_id",
    ),
    "category_taken": Refusal(
        CategoryTaken, "the category {category} belongs to {holder} already", "give the application another name"
    ),
    "checkpoint_ahead": Refusal(
        CheckpointAhead,
        "position {position} lies ahead of the log, which ends at {head}",
        "was an older log restored? read from a position that it holds, or what is appended up to there is passed by",
    ),
}
