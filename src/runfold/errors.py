"""The errors that runfold raises, under one root class.

The docstring of a class is its default message: what is wrong, a colon, and what to do. Errors carry their facts as
attributes. Errors of PostgreSQL are mapped by SQLSTATE, never by message text: the SQL functions raise class ``RF``
with the facts as a JSON object in DETAIL (`code`, `pointer`, `limit`, `found`, and further facts of the class), so
that a caller of SQL and a caller of Python read the same error. The messages of the SQL functions are in REFUSALS,
which `runfold.refuse` reads as a table.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final, NamedTuple
from uuid import UUID


class RunfoldError(Exception):
    """The operation failed."""

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
        super().__init__(self.message if hint is None else f"{self.message.removesuffix('.')}: {hint}")


class InvalidInput(RunfoldError):
    """The input is not valid, and nothing was written: correct it and try again."""

    code = "invalid_input"
    sqlstate = "RF001"
    pointer: str | None = None
    limit: Any = None
    found: Any = None


class DefinitionInvalid(InvalidInput):
    """The definition of a workflow is not valid, and nothing was written: correct what `faults` lists."""

    code = "definition_invalid"
    sqlstate = "RF040"
    faults: list[dict[str, Any]]
    count: int


class WorkflowUnavailable(RunfoldError):
    """This tenant cannot use the workflow's id: use another one, or let the database choose it."""

    code = "workflow_unavailable"
    sqlstate = "RF041"
    workflow_id: str


class FilterMissing(InvalidInput):
    """Without a filter this would delete everything, and nothing was deleted: say what to delete."""

    code = "filter_missing"


class UnknownEntity(RunfoldError):
    """The tenant has no entity with that id: look it up by its name."""

    code = "unknown_entity"
    sqlstate = "RF033"


class UnknownNode(RunfoldError):
    """The tenant's graph has no node with that id: create the node first."""

    code = "unknown_node"


class ExtraMissing(RunfoldError):
    """This needs an optional package: install it."""

    code = "extra_missing"
    extra: str


class BlobMissing(RunfoldError):
    """The blob is not there: name the tenant that put it, and the home where it is."""

    code = "blob_missing"
    sha256: str


class BlobDamaged(RunfoldError):
    """The blob's content is not what its reference says: restore it from a backup."""

    code = "blob_damaged"
    sha256: str


class EmitterFull(RunfoldError):
    """The emitter has no room, so the event was not taken: wait, or give it a larger capacity."""

    code = "emitter_full"
    limit: int


class EmitterClosed(RunfoldError):
    """The emitter was closed, and the event was not recorded: use another emitter."""

    code = "emitter_closed"


class EmitterClosedWithUnsent(RunfoldError):
    """The emitter was closed before all events were recorded: see which by their acknowledgements."""

    code = "emitter_closed_with_unsent"
    count: int


class EmitterForked(RunfoldError):
    """The emitter belongs to the process that forked this one: make another one in the child."""

    code = "emitter_forked"


class OutOfOrder(RunfoldError):
    """The event was not recorded, as others behind it are in the log already: append it with a new id."""

    code = "out_of_order"
    stream_id: str
    event_id: str
    found: Any


class MemoryConflict(RunfoldError):
    """Another row of the tenant's memory has this name already: give it another one."""

    code = "memory_conflict"
    constraint: str


class VersionConflict(RunfoldError):
    """The stream is not at the expected version: reload it and try again."""

    code = "version_conflict"
    sqlstate = "RF002"
    stream_id: str
    version: int
    expected_version: int


class StreamUnavailable(RunfoldError):
    """This tenant cannot use the stream: use a stream of its own, or the right tenant."""

    code = "stream_unavailable"
    sqlstate = "RF003"


class EventIdConflict(RunfoldError):
    """Event ids of this call are already stored, with other data or only some of them: use new event ids."""

    code = "event_id_conflict"
    sqlstate = "RF004"


class ClaimTaken(RunfoldError):
    """Another stream holds this claim: use another key, or wait until that stream releases it."""

    code = "claim_taken"
    sqlstate = "RF005"


class IllegalTransition(RunfoldError):
    """The command is not legal in this state, and nothing was written: reload, and use an allowed command."""

    code = "illegal_transition"
    stream_id: str
    machine: str
    state: str | None
    command: str
    allowed: tuple[str, ...]


class ExecutionEnded(IllegalTransition):
    """The execution has ended, and its questions with it, so nothing was written: ask again in one that runs."""

    code = "execution_ended"
    sqlstate = "RF017"
    execution_id: str


class OldAttempt(IllegalTransition):
    """The attempt is over, a later one of its activation has begun, and nothing was written: stop this work."""

    code = "old_attempt"
    attempt: int
    reached: int


class EndedElsewhere(RunfoldError):
    """Somebody else has ended the execution: stop this work, its end stays."""

    code = "ended_elsewhere"
    execution_id: str
    status: str


class TakenOver(RunfoldError):
    """Another engine has taken the execution over, and nothing was written: stop this work."""

    code = "taken_over"
    execution_id: str
    engine: str | None
    epoch: int


class ExecutionHeld(RunfoldError):
    """An engine that lives works on the execution, and nothing was written: leave it alone, or stop that engine."""

    code = "execution_held"
    execution_id: str
    engine: str | None


class EngineGone(RunfoldError):
    """This engine was silent and given up, so it may hold nothing more: end what it runs, and begin a new engine."""

    code = "engine_gone"
    engine: str


class NotSucceeded(RunfoldError):
    """The execution ended without success, so it has no result: see its error."""

    code = "not_succeeded"
    execution_id: str
    status: str
    error_message: str | None


class UnsupportedIsolation(RunfoldError):
    """The log can only be read under READ COMMITTED, other levels would skip events: set that isolation level."""

    code = "unsupported_isolation"
    sqlstate = "RF006"


class LogFull(RunfoldError):
    """The log has no partition for the next position: run a worker, or `runfold migrate`."""

    code = "log_full"
    sqlstate = "RF007"
    retryable = True


class LogImmutable(RunfoldError):
    """The log is append-only, and events cannot be changed or removed: append a new event instead."""

    code = "log_immutable"
    sqlstate = "RF008"


class LeadershipLost(RunfoldError):
    """Another worker is the leader, and this one changed nothing: let the leader fold."""

    code = "leadership_lost"
    sqlstate = "RF009"


class CategoryTaken(RunfoldError):
    """The category belongs to another application: choose another application name."""

    code = "category_taken"
    sqlstate = "RF015"


class AlreadyTracked(RunfoldError):
    """The tracker already recorded this notification or a later one: skip the notification."""

    code = "already_tracked"
    sqlstate = "RF014"


class SchemaOutdated(RunfoldError):
    """The database lacks migrations of this runfold: run `runfold migrate`."""

    code = "schema_outdated"


class SchemaNewer(RunfoldError):
    """A newer runfold migrated the database: upgrade this one. `engines_go_on`: only folding is refused."""

    code = "schema_newer"


class MigrationFailed(RunfoldError):
    """A migration failed and was rolled back: fix the cause, and run `runfold migrate` again."""

    code = "migration_failed"


class ServerFailed(RunfoldError):
    """The embedded PostgreSQL failed: see its log, `server.log` in RUNFOLD_HOME."""

    code = "server_failed"


class DatabaseUnavailable(RunfoldError):
    """The database cannot be reached: check that it runs, and RUNFOLD_DATABASE_URL."""

    code = "database_unavailable"
    retryable = True


class InheritedConnection(RunfoldError):
    """The connection belongs to the process that forked this one: begin a transaction in this process."""

    code = "inherited_connection"


class WrongAnswer(RunfoldError):
    """The database's answer is to another call, and it is unknown what was recorded: run the same call again."""

    code = "wrong_answer"
    retryable = True


class PoolExhausted(RunfoldError):
    """No connection became free in time."""

    code = "pool_exhausted"
    retryable = True


class DatabaseReadOnly(RunfoldError):
    """The database is read-only, for example a standby: write to the primary."""

    code = "database_read_only"


class BehindPooler(RunfoldError):
    """A pooler is between runfold and PostgreSQL, and shares its sessions with others: connect directly."""

    code = "behind_pooler"


class SettingRefused(RunfoldError):
    """A setting of the role or the database takes away what runfold relies on: set it to its default."""

    code = "setting_refused"
    setting: str


class TimeLimitReached(RunfoldError):
    """A time limit of the role or the database ended the statement, and nothing was written: set a longer one."""

    code = "time_limit_reached"
    setting: str


class ReplicationUnconfirmed(RunfoldError):
    """The events are recorded here, but no standby confirmed them: run the same call again, which waits for one."""

    code = "replication_unconfirmed"
    retryable = True


class DiskFull(RunfoldError):
    """The database's disk is full, and nothing was written: free some space and try again."""

    code = "disk_full"
    retryable = True


class TransactionFailed(RunfoldError):
    """A deadlock or a serialization failure ended the transaction, and runfold cannot retry it: run it again."""

    code = "transaction_failed"
    retryable = True


class PermissionDenied(RunfoldError):
    """The database role lacks a permission: grant it, or connect as another role."""

    code = "permission_denied"


class TenantCannotAppend(PermissionDenied):
    """A tenant does not append events: append with the store of a service, and name the tenant as `user_id`."""

    code = "tenant_cannot_append"


class TransactionEnded(RunfoldError):
    """A statement ended the tenant's transaction, and with it the tenant's role: leave out COMMIT and ROLLBACK."""

    code = "transaction_ended"


class FoldDenied(PermissionDenied):
    """The role lacks a right on what is folded, and no event is at fault, so nothing is parked: grant the right."""

    code = "fold_denied"
    group: str
    by_policy: bool


class RowsHidden(RunfoldError):
    """Row security hides rows from this login, which would take them for missing: give its role a policy."""

    code = "rows_hidden"
    tables: list[str]


class WaitTimeout(RunfoldError):
    """The projections did not reach the position in time: see with `runfold status` whether a worker folds."""

    code = "wait_timeout"
    retryable = True


class StreamParked(RunfoldError):
    """The stream is parked because one of its events could not be folded: see `runfold parked list`."""

    code = "stream_parked"


class ProjectionInvalid(RunfoldError):
    """A projection file breaks its contract: correct the file."""

    code = "projection_invalid"


class ProjectionReserved(ProjectionInvalid):
    """A user projection has the name of a group or table of runfold: choose another name."""

    code = "projection_reserved"


class ProjectionRoleMissing(RunfoldError):
    """There is no login for user projections: create one and set RUNFOLD_PROJECTIONS_URL."""

    code = "projection_role_missing"


class ProjectionRoleUnsafe(RunfoldError):
    """The login for user projections has more rights than folding needs: revoke them."""

    code = "projection_role_unsafe"


class ProjectionEscaped(RunfoldError):
    """A projection left its transaction or changed its session: remove that statement from it."""

    code = "projection_escaped"
    sqlstate = "RF013"


class UnknownProjection(RunfoldError):
    """There is no projection with that name: see `runfold projection list`."""

    code = "unknown_projection"


class TableMissing(RunfoldError):
    """A read table was dropped: create it again, and rebuild it from the log."""

    code = "table_missing"
    projection: str
    table: str


class UnknownStream(RunfoldError):
    """There is no stream with that name: write its full name, for example execution-7."""

    code = "unknown_stream"


class ImportFailed(RunfoldError):
    """The file cannot be imported: check that it is of the form that the command names."""

    code = "import_failed"


class ExportFailed(RunfoldError):
    """The export cannot be written: choose another place, or free space."""

    code = "export_failed"


class UnknownId(RunfoldError):
    """Nothing of this kind has an id that begins so: give the id as a list shows it."""

    code = "unknown_id"


class AmbiguousId(RunfoldError):
    """Several ids begin so: give more characters; `candidates` has some of them."""

    code = "ambiguous_id"


class IdTooShort(RunfoldError):
    """The beginning of an id has at least four characters: give more; `candidates` has some ids that begin so."""

    code = "id_too_short"


class UnknownExecution(RunfoldError):
    """There is no execution with that id: see `runfold execution list`."""

    code = "unknown_execution"


class UnknownInteraction(RunfoldError):
    """There is no interaction with that id: see `runfold interaction list`."""

    code = "unknown_interaction"


class UnknownWorkflow(RunfoldError):
    """There is no workflow with that id: see `runfold workflow list`."""

    code = "unknown_workflow"
    sqlstate = "RF042"
    workflow_id: str


class UnknownDefinition(RunfoldError):
    """The workflow's definition never had that version: see `runfold workflow history`."""

    code = "unknown_definition"


class DefinitionErased(RunfoldError):
    """The body of this version was erased with its tenant: nothing can show it or restore it."""

    code = "definition_erased"


class UnknownDeployment(RunfoldError):
    """This version of the workflow was never deployed: see `runfold deployment list`."""

    code = "unknown_deployment"


class NotRegistered(RunfoldError):
    """The registry has no such entry: see its table, or save the entry first."""

    code = "not_registered"
    registry: str
    entry: str


class GroupWaits(RunfoldError):
    """A group of projections has stopped and needs an operator: see `runfold status`."""

    code = "group_waits"


class StreamNotParked(RunfoldError):
    """The stream is not parked: see `runfold parked list`."""

    code = "stream_not_parked"


class CheckpointAhead(RunfoldError):
    """A checkpoint or a reader is ahead of the log: if an older log was restored, rebuild with `--restored`."""

    code = "checkpoint_ahead"
    sqlstate = "RF016"


class SubscriptionTaken(RunfoldError):
    """Another consumer has this subscription: stop it, or take another name."""

    code = "subscription_taken"
    sqlstate = "RF053"
    subscription: str


class UnknownSubscription(RunfoldError):
    """There is no subscription with that name: see `runfold subscription list`."""

    code = "unknown_subscription"
    sqlstate = "RF054"
    subscription: str


class RebuildFailed(RunfoldError):
    """The tables cannot be built, and nothing was changed: fix the cause and rebuild again."""

    code = "rebuild_failed"


class RebuildRunning(RunfoldError):
    """Another rebuild of these tables is running."""

    code = "rebuild_running"
    retryable = True


class VerifyRunning(RunfoldError):
    """Another verification of these tables in slices is running: wait for it to end."""

    code = "verify_running"
    retryable = True


class PositionUnavailable(RunfoldError):
    """The log cannot be read as of that position or time: choose another one."""

    code = "position_unavailable"


class PastReadOnly(RunfoldError):
    """The past is read-only: write to the tables of the present."""

    code = "past_read_only"


class FoldFailed(RunfoldError):
    """An event cannot be folded: correct the cause, or discard the event."""

    code = "fold_failed"


class UnknownTable(RunfoldError):
    """There is no read table with that name: see `runfold projection list`."""

    code = "unknown_table"


class UnknownRow(RunfoldError):
    """There is no row with that key: check the key."""

    code = "unknown_row"


class UnknownColumn(RunfoldError):
    """The table has no column with that name: check the name."""

    code = "unknown_column"


class DiscardFailed(RunfoldError):
    """No event was discarded: fix the cause and try again."""

    code = "discard_failed"


class KeyUnavailable(RunfoldError):
    """A key is missing, so nothing was encrypted or opened: give this process the keys."""

    code = "key_unavailable"


class KeyDestroyed(KeyUnavailable):
    """The tenant was erased and its keys are destroyed, so nothing is encrypted for it: use another tenant."""

    code = "key_destroyed"
    user_id: UUID


class LedgerMissing(KeyUnavailable):
    """Keys in the database itself are opened only beside an erasure ledger: set RUNFOLD_ERASURE_LEDGER."""

    code = "ledger_missing"


class NotOpened(RunfoldError):
    """An encrypted value was changed, or moved to another tenant or column, and does not open: restore its row."""

    code = "value_not_opened"
    field: str


class UnknownCredential(RunfoldError):
    """The user has no such credential: put one first."""

    code = "unknown_credential"


class CredentialInvalid(RunfoldError):
    """The credential is not valid any more: let the user connect it again."""

    code = "credential_invalid"


class RefreshFailed(RunfoldError):
    """The provider gave no new token: try again, or let the user connect it again."""

    code = "refresh_failed"
    retryable = True


class LeaseLost(RunfoldError):
    """Another process refreshes this credential since the lease ran out: use the token of this error once."""

    code = "lease_lost"
    token: Any = None


class UnknownRetention(RunfoldError):
    """The rows of this table are kept for ever, nothing is entered for it: see `runfold retention show`."""

    code = "unknown_retention"
    sqlstate = "RF034"
    table: str


class UnknownBackfill(RunfoldError):
    """No migration has entered a backfill of this name: see `runfold backfill list`."""

    code = "unknown_backfill"
    sqlstate = "RF080"
    backfill: str


class BackfillPending(RunfoldError):
    """A migration needs a backfill that has not ended: run `runfold backfill run`, then migrate again."""

    code = "backfill_pending"
    sqlstate = "RF081"
    backfill: str


class TenantErased(RunfoldError):
    """The tenant was erased, and its streams take no more events: use another tenant."""

    code = "tenant_erased"
    sqlstate = "RF035"
    stream_id: str
    user_id: str


class ErasureWaits(RunfoldError):
    """The erasure waits for an open append or a worker: run it again, what is done stays done."""

    code = "erasure_waits"
    retryable = True


class UserNotDeleted(RunfoldError):
    """The user still exists in the platform, and nothing was erased: delete it there first."""

    code = "user_not_deleted"
    sqlstate = "RF036"
    user_id: str


class StreamArchived(RunfoldError):
    """The stream's events are in the archive: restore the stream with `runfold archive restore --stream`."""

    code = "stream_archived"
    sqlstate = "RF070"
    stream_id: str
    archived_version: int
    file: str


class LogArchived(RunfoldError):
    """A part of the log is in the archive: start behind it, or say that what is archived may be left out."""

    code = "log_archived"
    sqlstate = "RF071"
    position: int
    archived_head: int
    file: str


class ArchiveDiffers(RunfoldError):
    """What was to be restored is not what left the log, and nothing was restored: take the file from a backup."""

    code = "archive_differs"
    sqlstate = "RF072"
    stream_id: str


class ArchiveMissing(RunfoldError):
    """A file of the archive is not in its folder: name the folder that has it, or restore it from a backup."""

    code = "archive_missing"
    file: str


class ArchiveDamaged(RunfoldError):
    """A file of the archive is not as its manifest says: restore it from a backup."""

    code = "archive_damaged"
    file: str


class ArchiveWaits(RunfoldError):
    """Something holds the log's lock, and nothing left the log: run it again, what is written stays written."""

    code = "archive_waits"
    retryable = True


class VectorsUnavailable(RunfoldError):
    """This database has no vectors: install pgvector on its server, and run `runfold migrate`."""

    code = "vectors_unavailable"


class VectorIndexFailed(RunfoldError):
    """The index was not built, and nothing was left behind: fix the cause and try again."""

    code = "vector_index_failed"


class SpoolTaken(RunfoldError):
    """Another emitter uses this spool: give each emitter a folder of its own, or stop the other one first."""

    code = "spool_taken"
    folder: str
    pid: int | None


class SpoolBelongsElsewhere(RunfoldError):
    """The spool holds events for another log: connect to that log, or run `runfold spool send DIR --to-this-log`."""

    code = "spool_belongs_elsewhere"
    folder: str
    log: str
    found: str


class SpoolFull(RunfoldError):
    """The spool has no room, and this was not written: wait until the database answers, or free some space."""

    code = "spool_full"
    retryable = True
    limit: int | None
    bytes: int


class SpoolDamaged(RunfoldError):
    """A file of the spool is damaged: restore it, or move it away to continue without its events."""

    code = "spool_damaged"
    file: str
    offset: int


class SealsBroken(RunfoldError):
    """A seal does not follow from the one before, and nothing was sealed: run `runfold log verify`."""

    code = "seals_broken"
    sqlstate = "RF076"
    first_position: int
    last_position: int


class SealExportBelongsElsewhere(RunfoldError):
    """The export is of another log: connect to the log that it was made of."""

    code = "seal_export_belongs_elsewhere"
    file: str
    log: str
    found: str


class Refusal(NamedTuple):
    """A refusal of `runfold.refuse`: an error with its SQLSTATE, and a message in which `{name}` is a fact's value."""

    error: type[RunfoldError]
    message: str
    hint: str | None = None
    code: str | None = None  # None: the refusal's name


# By name, which is also the code of most.
REFUSALS: Final = {
    "seals_broken": Refusal(
        SealsBroken,
        "the seal of the positions {first_position} to {last_position} does not follow from the one before,"
        " and nothing was sealed",
        "run `runfold log verify`, and compare the seals with an export by `runfold log seal check`",
    ),
    "version_conflict": Refusal(
        VersionConflict, "{stream_id} is at version {version}, expected {expected_version}", "reload and retry"
    ),
    "definition_invalid": Refusal(
        DefinitionInvalid,
        "the definition is not valid; faults: {count}, the first: {first}",
        "correct what `faults` lists",
    ),
    "definition_changed": Refusal(
        VersionConflict,
        "the definition is at version {version}, expected {expected_version}",
        "reload it, and make your change again",
        code="version_conflict",
    ),
    "workflow_unavailable": Refusal(
        WorkflowUnavailable,
        "this tenant cannot use the workflow {workflow_id}",
        "choose another id, or give none",
    ),
    "snapshot_exists": Refusal(
        VersionConflict, "there is a snapshot of that version already", "use it, or delete it first"
    ),
    "stream_unavailable": Refusal(
        StreamUnavailable,
        "this tenant cannot use the stream {stream_id}",
        "choose another stream id, because each stream has one tenant",
    ),
    "command_id_conflict": Refusal(
        EventIdConflict,
        "command {command_id} was recorded with another body",
        "use a new command_id for another command",
    ),
    "repeats_not_allowed": Refusal(
        InvalidInput,
        "repeats cannot be 'skip' in a call with {what}",
        "leave out repeats, and append these events in a call of their own",
        code="repeats_not_allowed",
    ),
    "event_ids_mixed": Refusal(
        EventIdConflict,
        "some event ids of this call are already stored, others are new",
        "repeat a call exactly as it was, and give new events new ids",
    ),
    "event_id_conflict": Refusal(
        EventIdConflict,
        "event {found} is already stored with another body, place or stream",
        "repeat a call exactly as it was, and give new events new ids",
    ),
    "invalid_schema": Refusal(
        InvalidInput, "{pointer} is not a JSON Schema: {reason}", "correct it there and write it again"
    ),
    "invalid_version": Refusal(
        InvalidInput, "{pointer} has no order: {found}", "write a semantic version, for example 1.2.0"
    ),
    "claim_taken": Refusal(
        ClaimTaken,
        "the claim {kind} {key} is taken",
        "release it in the stream that holds it, or choose another key",
    ),
    "node_paused": Refusal(
        ClaimTaken, "the node is paused already, by {found}", "close that pause first", code="claim_taken"
    ),
    "execution_ended": Refusal(
        ExecutionEnded,
        "{stream_id} cannot be answered, because execution {execution_id} has ended: it is {state}",
        "ask again in an execution that runs",
    ),
    "unsupported_isolation": Refusal(
        UnsupportedIsolation,
        "the safe head cannot be read under {isolation}",
        "use READ COMMITTED, because one snapshot for head and events would skip events",
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
        "discarded events are recorded for ever: {operation} on runfold.discarded_events is refused",
        "append an event that says what the discarded one should have said",
        code="log_immutable",
    ),
    "batch_not_settled": Refusal(
        ProjectionEscaped,
        "a projection of the group {group_name} ended its transaction before the checkpoint moved",
        "remove COMMIT and ROLLBACK from the projection",
        code="projection_escaped",
    ),
    "batch_begun_already": Refusal(
        ProjectionEscaped,
        "this transaction has already begun a batch",
        "begin only one batch in a transaction",
        code="projection_escaped",
    ),
    "batch_not_begun": Refusal(
        ProjectionEscaped,
        "this transaction has not begun a batch of the group {group_name}",
        "remove COMMIT and ROLLBACK from the projection",
        code="projection_escaped",
    ),
    "already_tracked": Refusal(
        AlreadyTracked,
        "{tracker} has followed {application_name} to notification {notification_id} or beyond",
        "another process did this already: continue after its max_tracking_id",
    ),
    "not_between": Refusal(
        InvalidInput, "{pointer} is {found}, which is not between {least} and {limit}", "give a number between them"
    ),
    "summary_ahead": Refusal(
        InvalidInput,
        "a summary up to message {found} is ahead of the conversation, which ends at message {limit}",
        "summarize up to a message that is there",
    ),
    "ends_before_it_begins": Refusal(
        InvalidInput, "the fact ends at {found}, but it begins at {limit}", "give a later end, or an earlier beginning"
    ),
    "merged_with_itself": Refusal(InvalidInput, "the entity {found} cannot be merged with itself", "name two entities"),
    "unknown_entity": Refusal(UnknownEntity, "the tenant has no entity {found}", "look it up by its name"),
    "graph_too_large": Refusal(
        InvalidInput,
        "the search visits more than {limit} nodes",
        "search less deep, or by types of relationships",
    ),
    "category_taken": Refusal(
        CategoryTaken, "the category {category} already belongs to {holder}", "give the application another name"
    ),
    "checkpoint_ahead": Refusal(
        CheckpointAhead,
        "position {position} lies ahead of the log, which ends at {head}",
        "if an older log was restored, read from a position that it has: a reader ahead of the log skips new events",
    ),
    "log_differs": Refusal(
        CheckpointAhead,
        "the event at position {position} is not the one that was read there: this log is another one",
        "if an older log was restored, begin at a position from before the restore: what came later is new",
    ),
    "subscription_moved": Refusal(
        SubscriptionTaken,
        "the subscription {subscription} is at position {found}, and not at {position}, where this consumer left it",
        "let one consumer at a time have a name; open the subscription again, and it goes on from where it is",
        code="subscription_moved",
    ),
    "unknown_subscription": Refusal(
        UnknownSubscription, "there is no subscription {subscription}", "see `runfold subscription list`"
    ),
    "unknown_retention": Refusal(
        UnknownRetention,
        "there is no retention for {table}",
        "see `runfold retention show` for the tables that have one",
    ),
    "retention_too_short": Refusal(
        InvalidInput,
        "{table} cannot keep its rows for {keep} only",
        "set a day or more for a read table, and no negative time for another one",
        code="retention_too_short",
    ),
    "stream_archived": Refusal(
        StreamArchived,
        "{stream_id} is archived up to version {archived_version}, in {file}",
        "restore it with `runfold archive restore --stream`; an append to it needs the right expected_version",
    ),
    "log_archived": Refusal(
        LogArchived,
        "events between {position} and {archived_head} are archived, in {file}",
        'start behind them, say archived="skip" to leave them out, or run `runfold archive restore`',
    ),
    "tenant_not_erased": Refusal(
        InvalidInput,
        "the tenant {user_id} is not erased",
        "erase it with `runfold tenant erase` first",
        code="tenant_not_erased",
    ),
    "never_archived": Refusal(
        InvalidInput,
        "streams of the category {category} are never archived",
        "name a category of executions, of an application, or of your own",
        code="never_archived",
    ),
    "archive_differs": Refusal(
        ArchiveDiffers,
        "what was to be restored of {stream_id} is not what left the log",
        "take the file from a backup, and check it with `runfold archive verify`",
    ),
    "unknown_backfill": Refusal(
        UnknownBackfill,
        "there is no backfill {backfill}",
        "see `runfold backfill list` for those that there are",
    ),
    "backfill_pending": Refusal(
        BackfillPending,
        "the backfill {backfill} has not ended",
        "run `runfold backfill run`, then migrate again",
    ),
    "backfill_step_size": Refusal(
        InvalidInput,
        "a step of a backfill takes 1 to {limit} rows, not {found}",
        "give a number in between",
        code="backfill_step_size",
    ),
    "tenant_erased": Refusal(
        TenantErased, "the tenant of {stream_id} was erased", "use another tenant, because this one is erased for good"
    ),
    "user_not_deleted": Refusal(
        UserNotDeleted,
        "user {user_id} still exists in auth.users",
        "delete the user in the platform, then erase the tenant",
    ),
    "no_user": Refusal(
        InvalidInput,
        "the search names no user, and the request has none",
        "give user_id_param, or set the claims of the request",
    ),
    "invalid_search": Refusal(
        InvalidInput, "{pointer} of the search is {found}, and must be {limit}", "correct it and search again"
    ),
    "other_dimensions": Refusal(
        InvalidInput,
        "the vector has {found} dimensions, and those of the collection {collection} have {limit}",
        "use the model of the collection to make it",
    ),
}
