"""Data of generated events: values for every field of the vocabulary that this model reads.

Pools are small, so that events meet on the same rows and times are equal. They have values that are easily folded
wrongly: names that sort differently by collation, numbers whose jsonb image differs from Python's, extreme instants.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

Value = Callable[[Random], Any]
"""How to choose a field's value."""


def one_of(*values: Any) -> Value:
    """Draw one of these; the first is the plain one."""

    def choose(random: Random) -> Any:
        return values[0] if random is PLAIN else random.choice(values)

    return choose


PLAIN = Random()
"""Asks a Value for its plainest."""

TENANTS = (UUID("00000000-0000-4000-8000-00000000000a"), None, UUID("f0000000-0000-4000-8000-00000000000b"))
WORKFLOWS = ("11111111-1111-4111-8111-111111111111", "EEEEEEEE-eeee-4eee-8eee-eeeeeeeeeeee")

# A UUID may be written in either case, but not in a stream's name. Of the deployments two are one, spelled differently.
INTERACTIONS = ("22222222-2222-4222-8222-222222222222", "AAAAAAAA-2222-4222-8222-AAAAAAAAAAAA")
RESPONSES = ("33333333-3333-4333-8333-333333333333", "bbbbbbbb-3333-4333-8333-bbbbbbbbbbbb")
DEPLOYMENTS = (
    "44444444-4444-4444-8444-444444444444",
    "CCCCCCCC-4444-4444-8444-CCCCCCCCCCCC",
    "cccccccc-4444-4444-8444-cccccccccccc",
    "dddddddd-4444-4444-8444-dddddddddddd",
)
PEOPLE = ("55555555-5555-4555-8555-555555555555", "EEEEEEEE-5555-4555-8555-EEEEEEEEEEEE")

# Orders that differ between COLLATE "C" and most others: case, punctuation, accents, and one letter spelled two ways.
EXECUTION_IDS = ("a", "B", "_", "\u00e9", "e\u0301", "a-b", "Z 1", "\U0001f680")
PAUSES = ("p1", "P2", "_p", "\u00e9", "e\u0301")
TRIGGERS = ("t1", "T1", "\u00e9", "e\u0301")
ACTIVATIONS = ("n1#1", "n1#2", "N2", "\u7bc0\u70b9#1")

BASE = datetime(2026, 3, 1, 12, tzinfo=UTC)
BASE_MS = 1_772_366_400_000
LATEST_MS = 253_402_214_399_999
"""The last that a session of any zone can show: workflow_status shows a start time as a timestamp."""

OCCURRED = (
    BASE,
    BASE,
    BASE + timedelta(microseconds=1),
    BASE + timedelta(milliseconds=1),
    BASE - timedelta(seconds=1),
    datetime(2026, 10, 25, 0, 30, tzinfo=UTC),  # with the next: one wall clock time in Berlin
    datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(1, 1, 2, tzinfo=UTC),
    datetime(9999, 12, 30, 23, 59, 59, 999_999, tzinfo=UTC),
)

NUMBERS = (1, 1.0, 0, -1, 0.1, 1e-7, 1.5e10, 1e17, -0.0, 2**53 + 1, -(2**63), 2**63 - 1)
TEXTS = ("x", "1", "null", "\u00dcber", "line\nbreak\ttab", "quote ' \" \\ $1 %s {}", "\U0001f600", "\u2028", "y" * 300)
SCALARS = (None, True, False, "", *NUMBERS, *TEXTS)
OBJECTS: tuple[dict[str, Any], ...] = ({"a": 1}, {}, {"a": 1.0}, {"a": None}, {"b": {"c": [1, "x", None]}}, {"": []})


def json_object(random: Random) -> dict[str, Any]:
    if random is PLAIN or random.random() < 0.5:
        return OBJECTS[0] if random is PLAIN else random.choice(OBJECTS)
    return {random.choice(("a", "b", "A", "code", "\u00e9")): _json(random, 3) for _ in range(random.randint(1, 3))}


def json_value(random: Random) -> Any:
    """Draw any JSON but null, which means that nothing was given."""
    if random is PLAIN or random.random() < 0.7:
        return json_object(random)
    value = _json(random, 2)
    return False if value is None else value


def _json(random: Random, depth: int) -> Any:
    kind = random.random() if depth else 0.0
    if kind < 0.6:
        return random.choice(SCALARS) if kind < 0.5 else random.uniform(-1e6, 1e6)
    if kind < 0.8:
        return [_json(random, depth - 1) for _ in range(random.randint(0, 2))]
    return {random.choice(("a", "b", "A")): _json(random, depth - 1) for _ in range(random.randint(0, 2))}


def milliseconds(random: Random) -> int:
    if random is not PLAIN and random.random() < 0.2:
        return random.randint(0, LATEST_MS)
    return _milliseconds(random)  # type: ignore[no-any-return]


_milliseconds = one_of(BASE_MS, BASE_MS + 1, BASE_MS + 1_500, BASE_MS - 1, 0, 1, LATEST_MS)

flag = one_of(False, True)
named = one_of("n", "N 1", "\u00e9", "x" * 255)
label = one_of("n", "", "N 1", "\u00e9t\u00e9", "x" * 100)
text = one_of(*TEXTS, "")
count = one_of(1, 0, 2, 2**31 - 1)
attempt = one_of(1, 2, 3)
node_id = one_of("n1", "N2", "\u7bc0\u70b9")
instant = one_of(
    "2026-03-01T12:00:00Z",
    "2026-03-01T12:00:00.123456+05:30",
    "2026-10-25T02:30:00+01:00",
    "2026-10-25T02:30:00+02:00",
    "2024-02-29T23:59:59.5-08:00",
    "1970-01-01T00:00:00Z",
    "0001-01-02T14:00:00+14:00",
    "9999-12-30T23:59:59.999999Z",
)
workflow = one_of(WORKFLOWS[0], *WORKFLOWS)
score = one_of(0.5, 0, 1, 0.005, 0.015, 0.125, 0.285, 0.994, 0.995, 1e-7)
tags = one_of(["a"], [], ["b", "a", "a"], ["", "NULL", "null", '"', "\\", ",", "{}", "{a,b}", " x "], [*TEXTS])
deployment_status = one_of("DEPLOYING", "DEPLOYED", "DEPLOYMENT_FAILED", "UNDEPLOYING", "UNDEPLOYED", "IDLE")

_node_context: dict[str, Value] = {
    "node_name": label,
    "node_subtype": label,
    "max_retries": count,
    "iteration": count,
    "parent_activation": one_of(*ACTIVATIONS),
}
_who_and_why: dict[str, Value] = {"by": label, "reason": label}
_deployed: dict[str, Value] = {
    "deployment_action": one_of("DEPLOY", "UPDATE", "ROLLBACK", "UNDEPLOY"),
    "to_status": deployment_status,
    "deployment_version": count,
    "deployment_config": json_object,
}
_judged: dict[str, Value] = {"ai_relevance_score": score, "ai_reasoning": text, "processed_at": instant}

# type -> (fields that must be there, fields that may be absent or null); the row's own name is put in by the walk.
FIELDS: dict[str, tuple[dict[str, Value], dict[str, Value]]] = {
    "ExecutionCreated": (
        {"workflow_id": workflow, "mode": one_of("MANUAL", "TRIGGER", "WEBHOOK", "RETRY")},
        {
            "workflow_version": one_of("1.0.0", "2", "\u00e9", ""),
            "deployment_version": count,
            "trigger_subtype": label,
            "trigger_data": json_object,
            "triggered_by": label,
            "parent_execution_id": one_of(*EXECUTION_IDS),
            "retry_of": one_of(*EXECUTION_IDS),
            "metadata": json_object,
        },
    ),
    "ExecutionStarted": ({"start_time": milliseconds}, {}),
    "ExecutionPaused": ({}, _who_and_why),
    "ExecutionResumed": ({}, _who_and_why),
    "ExecutionSucceeded": ({"end_time": milliseconds}, {"run_data": json_value}),
    "ExecutionFailed": (
        {"end_time": milliseconds, "error_message": text},
        {"error_details": json_value, "node_id": node_id},
    ),
    "ExecutionCanceled": ({"end_time": milliseconds}, _who_and_why),
    "ExecutionTimedOut": ({"end_time": milliseconds}, {}),
    "ExecutionDeclaredLost": ({"end_time": milliseconds, "detector": label, "last_seen": instant}, {}),
    "ExecutionMetadataSet": ({"metadata": json_object}, {}),
    "ExecutionTakenOver": ({"engine": named, "epoch": one_of(1, 2, 2**31 - 1)}, {"from_engine": named}),
    "ExecutionSignaled": ({"signal": named}, {"data": json_value, "by": label}),
    "SignalTaken": ({"signal": named, "version": one_of(1, 2, 2**31 - 1)}, {"key": named}),
    "ModelCalled": (
        {
            "provider": one_of("openai", "\u00e9", "x" * 50),
            "model_id": one_of("gpt-5", "gpt-5 ", "m" * 100),
            "input_tokens": count,
            "cached_tokens": count,
            "output_tokens": count,
        },
        {"activation": one_of(*ACTIVATIONS), "version": one_of("1", "\u00e9", "v" * 50), "latency_ms": count},
    ),
    "NodeScheduled": ({"node_id": node_id, "node_type": label}, _node_context),
    "NodeStarted": (
        {"node_id": node_id, "node_type": label, "attempt": one_of(1, 2, 3, 2**31 - 1), "start_time": milliseconds},
        {**_node_context, "input_data": json_value},
    ),
    "NodeAttemptFailed": (
        {"node_id": node_id, "attempt": attempt, "error_data": json_value, "will_retry": flag},
        {"next_retry_at": instant},
    ),
    "NodeWaiting": ({"node_id": node_id}, {"attempt": attempt, "pause": one_of(*PAUSES)}),
    "NodeContinued": ({"node_id": node_id}, {"attempt": attempt, "pause": one_of(*PAUSES)}),
    "NodeSucceeded": (
        {"node_id": node_id, "end_time": milliseconds},
        {"attempt": attempt, "node_type": label, "output_data": json_value},
    ),
    "NodeFailed": ({"node_id": node_id, "end_time": milliseconds, "error_data": json_value}, {"attempt": attempt}),
    "NodeSkipped": ({"node_id": node_id, "end_time": milliseconds}, {"node_type": label, "reason": label}),
    "NodeCanceled": ({"node_id": node_id, "end_time": milliseconds}, {"node_type": label, "reason": label}),
    "PauseOpened": (
        {
            "paused_node_id": node_id,
            "pause_reason": one_of("human_interaction", "human_interaction", "timer", "timeout", "error", "manual"),
            "paused_at": instant,
            "resume_conditions": json_object,
        },
        {"activation": one_of(*ACTIVATIONS), "interaction_id": one_of(*INTERACTIONS), "timeout_at": instant},
    ),
    "PauseResumed": ({"resumed_at": instant, "resume_trigger": label}, {"data": json_value}),
    "PauseTimedOut": ({"at": instant, "action": label}, {}),
    "PauseCanceled": ({"at": instant}, {}),
    "LogAppended": (
        {
            "level": one_of("INFO", "DEBUG", "WARNING", "ERROR"),
            "event_type": one_of("workflow_started", "workflow_progress", "step_output", "step_error", "separator"),
            "message": text,
        },
        {
            "log_category": one_of("TECHNICAL", "BUSINESS"),
            "data": json_object,
            "node_id": node_id,
            "node_name": label,
            "node_type": label,
            "step_number": count,
            "total_steps": count,
            "progress_percentage": one_of(0, 50, 100, 12.5, 33.333, 0.005, 0.015, 1.005, 2.675, 99.994, 99.995, 1e-7),
            "duration_seconds": count,
            "user_friendly_message": text,
            "display_priority": one_of(5, 1, 10),
            "is_milestone": flag,
            "technical_details": json_object,
            "stack_trace": text,
            "performance_metrics": json_object,
        },
    ),
    "InteractionRequested": (
        {
            "workflow_id": workflow,
            # Of no history's own executions: an answer that comes after their end is refused.
            "execution_id": one_of(*(f"asks {name}" for name in EXECUTION_IDS)),
            "node_id": node_id,
            "interaction_type": one_of("approval", "input", "selection", "review"),
            "channel_type": one_of("slack", "email", "webhook", "in_app"),
            "priority": one_of("normal", "low", "high", "critical"),
            "request_data": json_object,
        },
        {"timeout_at": instant, "correlation_id": label, "tags": tags, "pause": one_of(*PAUSES)},
    ),
    "InteractionNotified": ({"at": instant}, {}),
    "InteractionReminderSent": ({"at": instant}, {}),
    "InteractionResponded": (
        {"response_data": json_value, "responded_at": instant},
        {"response_id": one_of(*RESPONSES), "responder": text},
    ),
    "InteractionTimedOut": ({"at": instant, "action": text}, {}),
    "InteractionFailed": ({"at": instant, "error": text}, {}),
    "InteractionReopened": ({"at": instant, "by": text}, {}),
    "InteractionCanceled": ({"at": instant}, {"by": text, "reason": text}),
    "ResponseReceived": (
        {
            "workflow_id": workflow,
            "source_channel": one_of("slack", "email", "webhook", "in_app"),
            "raw_payload": json_value,
            "received_at": instant,
        },
        {"headers": json_object},
    ),
    "ResponseMatched": ({"interaction_id": one_of(*INTERACTIONS), **_judged}, {"classifier": text}),
    "ResponseFilteredOut": (_judged, {}),
    "ResponseErrored": ({"error": text, "processed_at": instant}, {}),
    "ResponseReopened": ({"by": text, "at": instant}, {}),
    "DeploymentStarted": (
        {**_deployed, "from_status": deployment_status, "started_at": instant},
        {"definition": json_object, "definition_digest": label, "triggered_by": one_of(*PEOPLE)},
    ),
    "DeploymentLogAppended": (
        {"level": one_of("INFO", "DEBUG", "WARNING", "ERROR"), "message": text, "at": instant},
        {},
    ),
    "DeploymentCompleted": ({**_deployed, "completed_at": instant}, {"triggered_by": one_of(*PEOPLE)}),
    "DeploymentFailed": (
        {**_deployed, "completed_at": instant, "error_message": text},
        {"triggered_by": one_of(*PEOPLE)},
    ),
    "TriggerRegistered": (
        {
            "trigger_subtype": one_of("CRON", "MANUAL", "WEBHOOK", "EMAIL", "GITHUB", "SLACK"),
            "trigger_config": json_object,
            "index_key": one_of("* * * * *", "", "/Path", "\u00e9" * 255),
        },
        {"node_id": node_id},
    ),
    "TriggerActivated": ({}, {}),
    "TriggerDeactivated": ({}, {}),
    "TriggerFailed": ({}, {}),
    "TriggerRemoved": ({}, {}),
    "WorkflowDeleted": ({"at": instant}, {"by": text}),
    "TenantErased": ({"at": instant}, {"by": text}),
}


def _kinds(prefix: str) -> tuple[str, ...]:
    return tuple(kind for kind in FIELDS if kind.startswith(prefix))


MOVES = _kinds("Execution")
NODES = _kinds("Node")
PAUSE_EVENTS = _kinds("Pause")
INTERACTION_EVENTS = _kinds("Interaction")
RESPONSE_EVENTS = _kinds("Response")
DEPLOYMENT_EVENTS = _kinds("Deployment")
TRIGGER_EVENTS = _kinds("Trigger")

NAMED_BY = {
    "ExecutionCreated": "execution_id",
    **dict.fromkeys(NODES, "activation"),
    **dict.fromkeys(PAUSE_EVENTS, "pause"),
    **dict.fromkeys(DEPLOYMENT_EVENTS, "deployment_id"),
    **dict.fromkeys(TRIGGER_EVENTS, "trigger"),
}
"""The field that names the row, of the types that say it."""


def payload(event_type: str, random: Random) -> dict[str, Any]:
    """Draw the event's data without its row's name: optional fields absent, null or given. PLAIN draws the fewest."""
    must, may = FIELDS[event_type]
    data = {field: value(random) for field, value in must.items()}
    if random is not PLAIN:
        presence = random.random()
        for field, value in may.items():
            if random.random() < presence:
                data[field] = value(random) if random.random() < 0.8 else None
    return data
