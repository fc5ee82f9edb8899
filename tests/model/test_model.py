"""The reference model, against examples computed by hand from the vocabulary and decision 002."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest

from runfold.events.row_id import row_id as production_row_id
from tests.model import executions, interactions, nodes, pauses, reference, responses, triggers, workflow_status
from tests.model.payloads import BASE, BASE_MS, FIELDS, WORKFLOWS
from tests.model.tables import COLUMNS, Recorded, row_id
from tests.model.writing import STREAM, TENANT, Log

# Row ids


def test_a_row_id_is_sha256_of_three_texts_with_version_8() -> None:
    digest = sha256(b"execution-1\x1fnode\x1fn1#2").hexdigest()
    made = production_row_id("execution-1", "node", "n1#2")
    assert made.hex[:12] == digest[:12]
    assert made.hex[13:16] == digest[13:16]
    assert made.hex[17:] == digest[17:32]
    assert made.version == 8
    assert made.variant == "specified in RFC 4122"


@pytest.mark.parametrize("name", ["", "n", "é", "e\u0301", "\U0001f680" * 100, *map(str, range(100))])
def test_both_row_ids_are_the_same(name: str) -> None:
    assert production_row_id("execution-é", "pause", name) == row_id("execution-é", "pause", name)


def test_a_row_id_names_one_thing_only() -> None:
    made = {production_row_id(*names) for names in (("a", "b", "c"), ("a", "bc", ""), ("ab", "", "c"), ("a", "b", "C"))}
    assert len(made) == 4


# Executions


def test_a_created_execution_is_new(log: Log) -> None:
    row = log("ExecutionCreated", mode="WEBHOOK", metadata={"a": 1}).execution()
    assert (row["status"], row["mode"], row["metadata"]) == ("NEW", "WEBHOOK", {"a": 1})
    assert row["workflow_id"] == UUID(WORKFLOWS[0])
    assert row["user_id"] == TENANT
    assert row["created_at"] == row["updated_at"] == BASE + timedelta(seconds=1)
    assert (row["first_event_position"], row["end_position"], row["last_event_position"]) == (1, None, 1)


def test_a_run_from_creation_to_success(log: Log) -> None:
    log("ExecutionCreated")("ExecutionStarted", start_time=BASE_MS)
    row = log("ExecutionSucceeded", end_time=BASE_MS + 70, run_data={"out": 1}).execution()
    assert (row["status"], row["start_time"], row["end_time"], row["duration_ms"]) == (
        "SUCCESS",
        BASE_MS,
        BASE_MS + 70,
        70,
    )
    assert row["run_data"] == {"out": 1}
    assert (row["end_position"], row["last_event_position"]) == (3, 3)
    assert log.anomalies() == []


def test_the_first_start_time_stays(log: Log) -> None:
    log("ExecutionCreated")("ExecutionStarted", start_time=7)("ExecutionStarted", start_time=5)
    assert log.execution()["start_time"] == 7
    assert log.anomalies() == [
        (3, "workflow_executions", "illegal_transition", {"from": "RUNNING", "to": "RUNNING"}),
    ]


@pytest.mark.parametrize(
    ("event_type", "status"),
    [
        ("ExecutionSucceeded", "SUCCESS"),
        ("ExecutionFailed", "ERROR"),
        ("ExecutionCanceled", "CANCELED"),
        ("ExecutionTimedOut", "TIMEOUT"),
        ("ExecutionDeclaredLost", "ERROR"),
    ],
)
def test_an_end_is_final(log: Log, event_type: str, status: str) -> None:
    ended = log.started()(event_type).execution()
    assert ended["status"] == status
    log("ExecutionStarted")("ExecutionPaused")("ExecutionResumed")("ExecutionSucceeded", run_data={"late": 1})
    assert log.execution() == ended
    assert log.anomalies() == [
        (position, "workflow_executions", "after_end", {"status": status}) for position in (4, 5, 6, 7)
    ]


def test_metadata_is_merged_shallowly_at_any_time(log: Log) -> None:
    log.started(metadata={"a": {"deep": 1}, "b": 2})("ExecutionSucceeded")
    row = log("ExecutionMetadataSet", metadata={"a": {}, "c": None}).execution()
    assert row["metadata"] == {"a": {}, "b": 2, "c": None}
    assert (row["status"], row["end_position"], row["last_event_position"]) == ("SUCCESS", 3, 4)
    assert row["updated_at"] == BASE + timedelta(seconds=4)
    assert log.anomalies() == []


def test_a_failure_keeps_its_error_and_a_loss_says_who_found_it(log: Log) -> None:
    failed = log.started()("ExecutionFailed", error_message="broke", error_details={"code": 7}).execution()
    assert (failed["error_message"], failed["error_details"]) == ("broke", {"code": 7})
    lost = Log().started()("ExecutionDeclaredLost", detector="d", last_seen="2026-03-01T12:00:00Z").execution()
    assert (lost["error_message"], lost["status"]) == (None, "ERROR")
    assert lost["error_details"] == {"code": "LOST", "detector": "d", "last_seen": "2026-03-01T12:00:00Z"}


def test_an_end_without_a_start_has_no_duration(log: Log) -> None:
    assert log("ExecutionCreated")("ExecutionCanceled", end_time=5).execution()["duration_ms"] is None


def test_events_before_creation_change_nothing(log: Log) -> None:
    log("ExecutionStarted")("ExecutionMetadataSet")("NodeStarted", activation="a")("PauseOpened", pause="p")
    row = log("ExecutionCreated").execution()
    assert (row["status"], row["start_time"], row["first_event_position"]) == ("NEW", None, 5)
    assert log.anomalies() == [
        (1, "workflow_executions", "missing_row", {}),
        (2, "workflow_executions", "missing_row", {}),
        (3, "node_executions", "missing_row", {}),
        (4, "workflow_execution_pauses", "missing_row", {}),
    ]
    assert log.tables()["node_executions"] == {}


def test_a_second_creation_changes_nothing_ended_or_not(log: Log) -> None:
    log("ExecutionCreated", mode="MANUAL")("ExecutionCreated", mode="RETRY")("ExecutionCanceled")("ExecutionCreated")
    assert log.execution()["mode"] == "MANUAL"
    assert log.execution()["last_event_position"] == 3
    assert log.anomalies() == [
        (2, "workflow_executions", "already_exists", {}),
        (4, "workflow_executions", "already_exists", {}),
    ]


def test_an_illegal_move_still_applies_before_the_end(log: Log) -> None:
    assert log("ExecutionCreated")("ExecutionSucceeded").execution()["status"] == "SUCCESS"
    assert log.anomalies() == [(2, "workflow_executions", "illegal_transition", {"from": "NEW", "to": "SUCCESS"})]


# Executions and their pauses


def test_a_human_pause_outranks_the_others(log: Log) -> None:
    seen = []
    log.started()
    steps: list[tuple[str, dict[str, Any]]] = [
        ("PauseOpened", {"pause": "t", "pause_reason": "timer"}),
        ("PauseOpened", {"pause": "h", "pause_reason": "human_interaction"}),
        ("ExecutionPaused", {}),
        ("PauseResumed", {"pause": "h"}),
        ("ExecutionResumed", {}),
        ("PauseCanceled", {"pause": "t"}),
    ]
    for event_type, data in steps:
        seen.append(log(event_type, **data).execution()["status"])
    assert seen == ["PAUSED", "WAITING_FOR_HUMAN", "WAITING_FOR_HUMAN", "PAUSED", "PAUSED", "RUNNING"]
    row = log.execution()
    assert (row["open_pauses"], row["paused"]) == ({}, False)
    assert row["closed_pauses"] == {"h": "resumed", "t": "cancelled"}
    assert log.anomalies() == []


def test_a_pause_event_without_a_change_of_status_is_no_move(log: Log) -> None:
    log.started()("PauseOpened", pause="p")("PauseOpened", pause="q")("PauseTimedOut", pause="p")
    assert log.execution()["status"] == "WAITING_FOR_HUMAN"
    assert log.execution()["last_event_position"] == 5
    assert log.anomalies() == []


def test_resuming_while_a_human_is_awaited_is_legal_and_keeps_waiting(log: Log) -> None:
    log.started()("PauseOpened", pause="p")("ExecutionResumed")
    assert log.execution()["status"] == "WAITING_FOR_HUMAN"
    assert log.anomalies() == []


def test_a_pause_of_an_execution_that_never_started_applies_and_is_reported(log: Log) -> None:
    log("ExecutionCreated")("PauseOpened", pause="p")
    assert log.execution()["status"] == "WAITING_FOR_HUMAN"
    assert log.anomalies() == [
        (2, "workflow_executions", "illegal_transition", {"from": "NEW", "to": "WAITING_FOR_HUMAN"}),
    ]


def test_the_end_cancels_the_open_pauses(log: Log) -> None:
    log.started()
    for name in ("a", "b", "closed", "late"):
        log("PauseOpened", pause=name)
    row = log("PauseResumed", pause="closed")("PauseTimedOut", pause="late")("ExecutionTimedOut").execution()
    assert row["closed_pauses"] == {"closed": "resumed", "late": "timeout", "a": "cancelled", "b": "cancelled"}
    assert row["open_pauses"] == {}
    cancelled = log.pause("b")
    assert (cancelled["status"], cancelled["resumed_at"]) == ("cancelled", None)
    assert (cancelled["last_event_position"], cancelled["updated_at"]) == (9, BASE + timedelta(seconds=9))
    assert (log.pause("closed")["status"], log.pause("closed")["last_event_position"]) == ("resumed", 7)


# Pauses


def test_a_pause_is_resumed_once(log: Log) -> None:
    log.started()("PauseOpened", pause="p", paused_at="2026-03-01T12:00:00+05:30", interaction_id=WORKFLOWS[1])
    opened = log.pause()
    assert opened["status"] == "active"
    assert opened["paused_at"] == datetime(2026, 3, 1, 6, 30, tzinfo=UTC)
    assert opened["interaction_id"] == UUID(WORKFLOWS[1])
    assert opened["execution_id"] == row_id(STREAM, "execution", "1")
    log("PauseResumed", pause="p", resumed_at="2026-03-01T12:00:00Z", resume_trigger="webhook")
    resumed = log.pause()
    assert (resumed["status"], resumed["resume_trigger"]) == ("resumed", "webhook")
    assert resumed["resumed_at"] == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert log("PauseTimedOut", pause="p").pause() == resumed
    assert log.anomalies() == [(5, "workflow_execution_pauses", "after_end", {"status": "resumed"})]


@pytest.mark.parametrize(("event_type", "status"), [("PauseTimedOut", "timeout"), ("PauseCanceled", "cancelled")])
def test_a_pause_that_was_not_resumed_has_no_time_of_resuming(log: Log, event_type: str, status: str) -> None:
    row = log.started()("PauseOpened", pause="p")(event_type, pause="p").pause()
    assert (row["status"], row["resumed_at"], row["resume_trigger"]) == (status, None, None)


def test_pause_events_that_do_not_apply_leave_the_execution_alone(log: Log) -> None:
    log.started()("PauseOpened", pause="p")("PauseResumed", pause="p")
    standing = log.execution()
    log("PauseResumed", pause="unknown")("PauseResumed", pause="p")("PauseOpened", pause="p")
    assert log.execution() == standing
    assert log.anomalies() == [
        (5, "workflow_execution_pauses", "missing_row", {}),
        (6, "workflow_execution_pauses", "after_end", {"status": "resumed"}),
        (7, "workflow_execution_pauses", "already_exists", {}),
    ]


def test_no_pause_opens_after_the_end(log: Log) -> None:
    log.started()("PauseOpened", pause="p")("ExecutionCanceled")("PauseOpened", pause="p")("PauseOpened", pause="q")
    log("PauseResumed", pause="p")("PauseResumed", pause="q")
    assert log.anomalies() == [
        (5, "workflow_execution_pauses", "execution_ended", {}),
        (6, "workflow_execution_pauses", "execution_ended", {}),
        (7, "workflow_execution_pauses", "after_end", {"status": "cancelled"}),
        (8, "workflow_execution_pauses", "missing_row", {}),
    ]


# Nodes


def test_a_node_that_was_retried(log: Log) -> None:
    log("ExecutionCreated")("NodeScheduled", activation="a", node_id="n", max_retries=5, node_name="first")
    log("NodeStarted", activation="a", node_id="n", attempt=1, start_time=100, input_data={"try": 1})
    log("NodeAttemptFailed", activation="a", node_id="n", attempt=1, error_data={"code": 1})
    assert log.node()["status"] == "RETRYING"
    log("NodeStarted", activation="a", node_id="n", attempt=2, start_time=200, input_data={"try": 2}, node_name=None)
    row = log("NodeSucceeded", activation="a", node_id="n", end_time=250, output_data={"out": 1}).node()
    assert (row["status"], row["attempt"], row["retry_count"], row["max_retries"]) == ("SUCCESS", 2, 1, 5)
    assert (row["start_time"], row["end_time"], row["duration_ms"]) == (100, 250, 150)
    assert (row["input_data"], row["output_data"], row["error_data"]) == ({"try": 2}, {"out": 1}, {"code": 1})
    assert (row["node_name"], row["created_at"]) == ("first", BASE + timedelta(seconds=2))
    assert log.anomalies() == []


def test_each_activation_of_a_node_has_a_row(log: Log) -> None:
    log("ExecutionCreated")("NodeSucceeded", activation="a", node_id="n")("NodeSkipped", activation="b", node_id="n")
    log("NodeStarted", activation="c", node_id="n", iteration=2, parent_activation="a")
    assert [log.node(name)["status"] for name in "abc"] == ["SUCCESS", "SKIPPED", "RUNNING"]
    assert log.node("c")["parent_id"] == row_id(STREAM, "node", "a")
    assert log.anomalies() == []


@pytest.mark.parametrize("event_type", ["NodeFailed", "NodeCanceled", "NodeAttemptFailed", "NodeWaiting"])
def test_whatever_comes_first_makes_the_node(log: Log, event_type: str) -> None:
    row = log("ExecutionCreated")(event_type, activation="a").node()
    assert row["status"] == nodes.TARGETS[event_type]
    assert (row["node_type"], row["attempt"], row["retry_count"], row["max_retries"]) == ("UNKNOWN", None, 0, 3)
    assert (row["start_time"], row["duration_ms"]) == (None, None)
    assert log.anomalies() == [(2, "node_executions", "illegal_transition", {"from": None, "to": row["status"]})]


def test_an_ended_node_stays_as_it_is(log: Log) -> None:
    ended = log("ExecutionCreated")("NodeSucceeded", activation="a").node()
    assert log("NodeStarted", activation="a")("NodeFailed", activation="a").node() == ended
    assert log.anomalies() == [
        (3, "node_executions", "after_end", {"status": "SUCCESS"}),
        (4, "node_executions", "after_end", {"status": "SUCCESS"}),
    ]


def test_of_an_ended_execution_a_node_s_own_end_counts_and_nothing_else_of_it(log: Log) -> None:
    log.started()("ExecutionCanceled")("NodeStarted", activation="a")("NodeCanceled", activation="a")
    assert log.node()["status"] == "CANCELED"
    assert log.execution()["last_event_position"] == 3
    assert log.anomalies() == [(4, "node_executions", "execution_ended", {})]


def test_the_first_node_id_stays_and_the_last_node_type_counts(log: Log) -> None:
    log("ExecutionCreated")("NodeScheduled", activation="a", node_id="n", node_type="t")
    row = log("NodeStarted", activation="a", node_id="other", node_type="u").node()
    assert (row["node_id"], row["node_type"]) == ("n", "u")


# Logs


def test_a_log_line_has_the_defaults_of_the_table(log: Log) -> None:
    log("LogAppended", "log-1", message="m", event_type="separator", level="DEBUG", display_priority=None)
    (row,) = log.tables()["workflow_execution_logs"].values()
    assert row["id"] == row_id("log-1", "log", "00000000-0000-0000-0000-000000000001")
    assert (row["execution_id"], row["log_category"], row["level"]) == ("1", "TECHNICAL", "DEBUG")
    assert (row["display_priority"], row["is_milestone"], row["data"]) == (5, False, {})
    assert (row["created_at"], row["last_event_position"]) == (BASE + timedelta(seconds=1), 1)


@pytest.mark.parametrize(
    ("progress", "kept"),
    [
        (0, "0.00"),
        (33.333, "33.33"),
        (0.005, "0.01"),
        (1.005, "1.01"),
        (2.675, "2.68"),
        (99.995, "100.00"),
        (1e-7, "0.00"),
    ],
)
def test_progress_keeps_two_places_rounded_half_away_from_zero(log: Log, progress: float, kept: str) -> None:
    log("LogAppended", "log-1", progress_percentage=progress)
    (row,) = log.tables()["workflow_execution_logs"].values()
    assert str(row["progress_percentage"]) == str(Decimal(kept))


# workflow_status


def test_an_old_run_that_ends_late_does_not_hide_a_newer_one(log: Log) -> None:
    log("ExecutionCreated", "execution-new")("ExecutionStarted", "execution-new", start_time=BASE_MS + 5)
    log("ExecutionCreated", "execution-old")("ExecutionStarted", "execution-old", start_time=BASE_MS)
    log("ExecutionSucceeded", "execution-old")
    row = log.workflow()
    assert (row["latest_execution_id"], row["latest_execution_status"]) == ("new", "RUNNING")
    assert row["latest_execution_time"] == BASE + timedelta(milliseconds=5)
    assert row["last_event_position"] == 2


def test_an_execution_that_starts_earlier_than_it_was_created_gives_way(log: Log) -> None:
    log("ExecutionCreated", "execution-a", at=BASE)(
        "ExecutionCreated", "execution-b", at=BASE + timedelta(microseconds=1)
    )
    assert log.workflow()["latest_execution_id"] == "b"
    log("ExecutionStarted", "execution-b", start_time=BASE_MS - 1)
    assert log.workflow()["latest_execution_id"] == "a"


def test_executions_of_one_time_are_told_apart_by_the_bytes_of_their_ids(log: Log) -> None:
    for name in ("b", "_", "B", "é", "e\u0301"):
        log("ExecutionCreated", f"execution-{name}")("ExecutionStarted", f"execution-{name}")
    assert log.workflow()["latest_execution_id"] == "é"


# The tables of transitions, as the vocabulary writes them


LEGAL_MOVES = {
    "execution": """
        NEW -> RUNNING, CANCELED, ERROR, TIMEOUT;
        RUNNING -> SUCCESS, ERROR, CANCELED, TIMEOUT, PAUSED, WAITING_FOR_HUMAN;
        PAUSED -> RUNNING, WAITING_FOR_HUMAN, CANCELED, TIMEOUT, ERROR;
        WAITING_FOR_HUMAN -> RUNNING, PAUSED, CANCELED, TIMEOUT, ERROR""",
    "node": """
        none -> PENDING, RUNNING, SUCCESS, SKIPPED; PENDING -> RUNNING, SKIPPED, CANCELED, SUCCESS, ERROR;
        RUNNING -> RUNNING, SUCCESS, ERROR, RETRYING, WAITING_INPUT, SKIPPED, CANCELED;
        RETRYING -> RUNNING, SUCCESS, ERROR, CANCELED;
        WAITING_INPUT -> RUNNING, SUCCESS, ERROR, RETRYING, CANCELED""",
    "interaction": "pending -> responded, timeout, error, cancelled; error -> pending",
    "response": "unprocessed -> matched, filtered_out, error; error, filtered_out -> unprocessed",
    "workflow": """
        IDLE, UNDEPLOYED, DEPLOYMENT_FAILED -> DEPLOYING; DEPLOYING -> DEPLOYED, DEPLOYMENT_FAILED;
        DEPLOYED -> DEPLOYING, UNDEPLOYING; DEPLOYMENT_FAILED -> UNDEPLOYING;
        UNDEPLOYING -> UNDEPLOYED, DEPLOYMENT_FAILED""",
    "trigger": """
        none -> pending; pending -> active, failed; active -> inactive; inactive -> active; failed -> pending""",
}


@pytest.mark.parametrize(
    ("machine", "legal"),
    [
        ("execution", executions.LEGAL),
        ("node", nodes.LEGAL),
        ("interaction", interactions.LEGAL),
        ("response", responses.LEGAL),
        ("workflow", workflow_status.LEGAL),
        ("trigger", triggers.LEGAL),
    ],
)
def test_the_legal_moves_are_the_vocabulary_s(machine: str, legal: dict[str | None, set[str]]) -> None:
    written: dict[str | None, set[str]] = {}
    for line in LEGAL_MOVES[machine].split(";"):
        befores, afters = ([status.strip() for status in side.split(",")] for side in line.split("->"))
        for before in befores:
            written.setdefault(None if before == "none" else before, set()).update(afters)
    assert written == legal


def test_every_target_has_moves_or_is_an_end() -> None:
    assert set(executions.TARGETS.values()) <= set(executions.LEGAL) | executions.ENDED
    assert set(nodes.TARGETS.values()) == {status for status in nodes.LEGAL if status} | nodes.ENDED
    assert executions.ENDED.isdisjoint(executions.LEGAL)
    assert nodes.ENDED.isdisjoint(nodes.LEGAL)
    assert set(pauses.TARGETS.values()) == {"active", "resumed", "timeout", "cancelled"}
    assert set(interactions.TARGETS.values()) == set(interactions.LEGAL) | interactions.ENDED
    assert interactions.ENDED.isdisjoint(interactions.LEGAL)
    assert set(responses.TARGETS.values()) == set(responses.LEGAL) | responses.ENDED
    assert responses.ENDED.isdisjoint(responses.LEGAL)
    assert set(triggers.TARGETS.values()) == {status for status in triggers.LEGAL if status}


@pytest.mark.parametrize("target", list(executions.TARGETS))
@pytest.mark.parametrize("status", list(executions.LEGAL))
def test_an_execution_s_move_is_reported_exactly_when_the_vocabulary_lacks_it(
    log: Log, status: str, target: str
) -> None:
    log("ExecutionCreated")
    if status != "NEW":
        log("ExecutionStarted")
    if status == "PAUSED":
        log("ExecutionPaused")
    if status == "WAITING_FOR_HUMAN":
        log("PauseOpened", pause="p")
    assert log.execution()["status"] == status
    log(target)
    means = executions.TARGETS[target]
    reported = [] if means in executions.LEGAL[status] else [{"from": status, "to": means}]
    assert [detail for _, _, _, detail in log.anomalies()] == reported


# The model itself


def test_the_model_knows_every_event_type_it_is_asked_about() -> None:
    assert set(FIELDS) == reference.EVENTS


def test_the_model_s_rows_have_exactly_the_columns_of_the_tables(log: Log) -> None:
    log.started()("NodeStarted", activation="a")("PauseOpened", pause="p")("LogAppended", "log-1")("ExecutionCreated")
    log("ModelCalled")
    log.asked("InteractionRequested").answered("ResponseReceived").deployed("TriggerRegistered", trigger="t")
    log("ExecutionCreated", "execution-2", workflow_id=WORKFLOWS[1]).deployed("DeploymentStarted")
    log.deployed("DeploymentStarted", "deployment-99999999-9999-4999-8999-999999999999")
    tables = log.tables()
    assert set(tables) == set(COLUMNS)
    for name, table in tables.items():
        assert table, name
        for row in table.values():
            assert sorted(row) == sorted(COLUMNS[name])


def test_events_of_other_streams_change_nothing(log: Log) -> None:
    log.started()
    before = reference.fold(log.events)
    other = Recorded(
        position=9,
        stream_id="order-1",
        stream_version=1,
        event_id=UUID(int=9),
        type="OrderPlaced",
        data={},
        occurred_at=BASE,
    )
    assert reference.fold([*log.events, other]) == before
