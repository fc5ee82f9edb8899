"""Executions as people have them, for the console's pages: claims that were paid, failed, or wait for a person."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import UUID, uuid4, uuid5

import psycopg

from runfold.projections.definition.catalogue import load_catalogue
from runfold.settings import Settings
from runfold.worker.worker import Worker

TENANT = UUID("019a0000-0000-7000-8000-000000000001")
OTHER = UUID("019a0000-0000-7000-8000-000000000002")
WORKFLOW = UUID("019a1111-0000-7000-8000-000000000001")
OTHER_WORKFLOW = UUID("019a1111-0000-7000-8000-000000000002")

_FILES = (
    ("police-report.pdf", 0.1, 2.7, 0),
    ("photo-front.jpg", 0.1, 3.2, 0),
    ("photo-left.jpg", 0.1, 3.0, 0),
    ("invoice-garage.pdf", 0.1, 6.1, 1),
    ("policy.pdf", 2.8, 3.8, 0),
    ("statement.docx", 3.1, 2.6, 0),
    ("medical-1.pdf", 3.2, 1.4, 0),
    ("medical-2.pdf", 4.6, 6.4, 1),
    ("id-card.jpg", 5.7, 1.3, 0),
    ("estimate.xlsx", 6.1, 9.1, 2),
    ("call-transcript.txt", 6.4, 3.7, 0),
    ("email-thread.eml", 7.0, 4.5, 0),
)


class Writer:
    """Collects the events of one execution and appends them."""

    def __init__(self, connection: psycopg.Connection[Any], begin: float, *, user_id: UUID = TENANT) -> None:
        self.connection = connection
        self.begin = begin
        self.user_id = user_id
        self.events: list[tuple[str, dict[str, Any]]] = []

    def add(self, stream: str, kind: str, at: float, **data: Any) -> None:
        """Add an event at so many seconds after the beginning."""
        occurred = datetime.fromtimestamp((self.begin + at * 1000) / 1000, UTC).isoformat()
        event = {"event_id": str(uuid4()), "type": kind, "data": data, "occurred_at": occurred}
        self.events.append((stream, {**event, "metadata": {"actor": "engine-2"}}))

    def ms(self, at: float) -> int:
        """Return epoch milliseconds at so many seconds after the beginning."""
        return int(self.begin + at * 1000)

    def iso(self, at: float) -> str:
        """Return the time at so many seconds after the beginning."""
        return datetime.fromtimestamp(self.ms(at) / 1000, UTC).isoformat()

    def write(self) -> None:
        """Append what was added, in its order."""
        for stream, run in groupby(self.events, key=itemgetter(0)):
            events = [event for _, event in run]
            for at in range(0, len(events), 500):
                call = {
                    "stream_id": stream,
                    "expected_version": None,
                    "user_id": str(self.user_id),
                    "events": events[at : at + 500],
                }
                self.connection.execute("SELECT runfold.append_events(%s)", (json.dumps([call], ensure_ascii=False),))
        self.events = []


def claim(
    connection: psycopg.Connection[Any],
    name: str,
    *,
    ends: str = "success",
    begin: float | None = None,
    user_id: UUID = TENANT,
    workflow: UUID = WORKFLOW,
) -> None:
    """Write a claim of twenty nodes that ends in `success`, `error`, or waits in `waiting` or `running`."""
    w = Writer(connection, time.time() * 1000 - 9_000_000 if begin is None else begin, user_id=user_id)
    stream, log = f"execution-{name}", f"log-{name}"
    w.add(
        stream,
        "ExecutionCreated",
        0,
        execution_id=name,
        workflow_id=str(workflow),
        mode="WEBHOOK",
        trigger_subtype="WEBHOOK",
        deployment_version=14,
        metadata={"customer": "Ana Ferreira", "priority": "high"},
    )
    w.add(stream, "ExecutionStarted", 0, start_time=w.ms(0))
    w.add(
        log,
        "LogAppended",
        0,
        level="INFO",
        event_type="workflow_progress",
        message=f"Claim {name} received from the portal with 12 documents",
    )
    _node(w, stream, "classify", 0.1, 2.7, name="Classify claim", kind="AI_AGENT", sub="LLM")
    if ends == "running":
        w.write()
        return
    w.add(stream, "NodeStarted", 2.8, **_started(w, "extract", "extract", 2.8, kind="FLOW", sub="MAP"))
    for file, at, took, failures in _FILES:
        _node(
            w,
            stream,
            f"extract/{file}",
            2.9 + at,
            took,
            name=file,
            kind="TOOL",
            sub="TOOL",
            node_id="extract-one",
            parent="extract",
            failures=failures,
        )
        if failures:
            w.add(
                log,
                "LogAppended",
                4 + at,
                level="WARNING",
                event_type="workflow_progress",
                message=f"{file}: 429 from ocr.internal: retry after 2 s",
                node_id="extract-one",
            )
    w.add(
        stream,
        "NodeSucceeded",
        18.2,
        activation="extract",
        node_id="extract",
        attempt=1,
        end_time=w.ms(18.2),
        output_data={"fields": 171},
    )
    _node(w, stream, "enrich", 3, 16.3, name="Enrich from CRM", kind="ACTION", sub="HTTP", failures=2)
    _node(w, stream, "summarise", 25.4, 6.2, name="Summarise for the adjuster", kind="AI_AGENT", sub="LLM")
    asked = str(uuid5(WORKFLOW, name))
    w.add(stream, "NodeStarted", 32, **_started(w, "approve", "approve", 32, kind="HUMAN_IN_THE_LOOP"))
    w.add(stream, "NodeWaiting", 32, activation="approve", node_id="approve", attempt=1, pause="approval")
    w.add(
        stream,
        "PauseOpened",
        32,
        pause="approval",
        paused_node_id="approve",
        activation="approve",
        pause_reason="human_interaction",
        paused_at=w.iso(32),
        resume_conditions={},
        interaction_id=asked,
    )
    w.add(
        f"interaction-{asked}",
        "InteractionRequested",
        32,
        workflow_id=str(workflow),
        execution_id=name,
        node_id="approve",
        interaction_type="approval",
        channel_type="slack",
        priority="high",
        request_data={
            "question": f"Pay 4,520 EUR for {name}?",
            "summary": "Parked car damaged on the left side.",
            "options": ["Approve", "Reject", "Ask more"],
        },
        timeout_at=datetime.fromtimestamp(time.time() + 2600, UTC).isoformat(),
        pause="approval",
    )
    if ends != "waiting":
        _end_claim(w, stream, log, asked, ends)
    w.write()


def _end_claim(w: Writer, stream: str, log: str, asked: str, ends: str) -> None:
    w.add(
        f"interaction-{asked}",
        "InteractionResponded",
        6765,
        response_data={"decision": "Approve"},
        responded_at=w.iso(6765),
        responder="m.costa",
    )
    w.add(stream, "PauseResumed", 6765, pause="approval", resumed_at=w.iso(6765), resume_trigger="answered on slack")
    w.add(stream, "NodeContinued", 6765, activation="approve", node_id="approve", attempt=1, pause="approval")
    w.add(
        stream,
        "NodeSucceeded",
        6765,
        activation="approve",
        node_id="approve",
        attempt=1,
        end_time=w.ms(6765),
        output_data={"decision": "Approve"},
    )
    if ends == "success":
        _node(w, stream, "payout", 6766, 2.2, name="Pay out", kind="EXTERNAL_ACTION", sub="BANK")
        w.add(stream, "ExecutionSucceeded", 6769, end_time=w.ms(6769))
        return
    error = {"code": "IBAN_REJECTED", "status": 422, "message": "bank: account PT50 0002 … 154 is closed"}
    for number, (at, took) in enumerate(((6765.9, 2.1), (6773, 1.9), (6784, 1.2)), 1):
        w.add(
            stream,
            "NodeStarted",
            at,
            **_started(
                w,
                "payout",
                "payout",
                at,
                kind="EXTERNAL_ACTION",
                sub="BANK",
                name="Pay out",
                attempt=number,
                input_data={"iban": "PT50 0002 … 154", "amount": 4520, "currency": "EUR"},
            ),
        )
        if number < 3:
            w.add(
                stream,
                "NodeAttemptFailed",
                at + took,
                activation="payout",
                node_id="payout",
                attempt=number,
                error_data={"message": "bank: gateway timeout"},
                will_retry=True,
            )
    w.add(
        log,
        "LogAppended",
        6785,
        level="ERROR",
        event_type="workflow_progress",
        message=error["message"],
        node_id="payout",
    )
    w.add(
        stream,
        "NodeFailed",
        6785.2,
        activation="payout",
        node_id="payout",
        attempt=3,
        end_time=w.ms(6785.2),
        error_data=error,
    )
    w.add(
        stream, "NodeSkipped", 6785.2, activation="notify", node_id="notify", node_type="ACTION", end_time=w.ms(6785.2)
    )
    w.add(
        stream,
        "ExecutionFailed",
        6785.3,
        end_time=w.ms(6785.3),
        error_message=f"payout: {error['message']}",
        node_id="payout",
    )


def _node(
    w: Writer,
    stream: str,
    activation: str,
    at: float,
    took: float,
    *,
    failures: int = 0,
    node_id: str | None = None,
    **about: Any,
) -> None:
    one = took / (2 * failures + 1)
    node = node_id or activation
    for number in range(1, failures + 2):
        begin = at + 2 * one * (number - 1)
        w.add(stream, "NodeStarted", begin, **_started(w, activation, node, begin, attempt=number, **about))
        if number <= failures:
            w.add(
                stream,
                "NodeAttemptFailed",
                begin + one,
                activation=activation,
                node_id=node,
                attempt=number,
                error_data={"message": "429: retry after 2 s"},
                will_retry=True,
            )
    w.add(
        stream,
        "NodeSucceeded",
        at + took,
        activation=activation,
        node_id=node,
        attempt=failures + 1,
        end_time=w.ms(at + took),
        output_data={"of": activation},
    )


def _started(
    w: Writer,
    activation: str,
    node_id: str,
    at: float,
    *,
    kind: str,
    sub: str | None = None,
    name: str | None = None,
    attempt: int = 1,
    parent: str | None = None,
    input_data: Any = None,
) -> dict[str, Any]:
    data = {
        "activation": activation,
        "node_id": node_id,
        "node_type": kind,
        "node_subtype": sub,
        "node_name": name,
        "attempt": attempt,
        "start_time": w.ms(at),
        "parent_activation": parent,
        "input_data": input_data,
    }
    return {key: value for key, value in data.items() if value is not None}


def fan_out(connection: psycopg.Connection[Any], name: str, items: int, *, failing: int = 8) -> None:
    """Write an execution whose one node has so many below it, of which some fail."""
    w = Writer(connection, time.time() * 1000 - 3_000_000)
    stream = f"execution-{name}"
    w.add(
        stream,
        "ExecutionCreated",
        0,
        execution_id=name,
        workflow_id=str(WORKFLOW),
        mode="TRIGGER",
        trigger_subtype="CRON",
    )
    w.add(stream, "ExecutionStarted", 0, start_time=w.ms(0))
    w.add(stream, "NodeStarted", 0.4, **_started(w, "embed", "embed", 0.4, kind="FLOW"))
    bad = {items * (k + 1) // failing for k in range(failing)} if failing else set()
    for number in range(1, items + 1):
        at = 0.5 + number * 400 / items
        took = 30.0 if number in bad else 1 + (number * 7919 % 1000) / 100
        activation = f"embed #{number}"
        w.add(
            stream,
            "NodeStarted",
            at,
            **_started(w, activation, "embed-one", at, kind="TOOL", sub="TOOL", parent="embed"),
        )
        end = {"activation": activation, "node_id": "embed-one", "attempt": 1, "end_time": w.ms(at + took)}
        if number in bad:
            w.add(stream, "NodeFailed", at + took, **end, error_data={"message": "timeout after 30 s"})
        else:
            w.add(stream, "NodeSucceeded", at + took, **end)
    last = 440.0
    w.add(
        stream,
        "NodeFailed",
        last,
        activation="embed",
        node_id="embed",
        attempt=1,
        end_time=w.ms(last),
        error_data={"message": f"{len(bad)} of {items:,} chunks failed"},
    )
    w.add(
        stream,
        "ExecutionFailed",
        last,
        end_time=w.ms(last),
        error_message=f"embed: {len(bad)} of {items:,} chunks failed",
    )
    w.write()


def workflows(connection: psycopg.Connection[Any]) -> None:
    """Make the tenants and their workflows."""
    for user, workflow, name in ((TENANT, WORKFLOW, "claim-intake"), (OTHER, OTHER_WORKFLOW, "other-tenant-workflow")):
        connection.execute("INSERT INTO auth.users (id) VALUES (%s) ON CONFLICT DO NOTHING", (user,))
        connection.execute(
            "INSERT INTO public.workflows (id, user_id, name, workflow_data, created_at, updated_at)"
            " VALUES (%s, %s, %s, '{}', 1, 1)",
            (workflow, user, name),
        )


def fold(url: str) -> None:
    """Fold the whole log."""
    Worker(url, Settings(), load_catalogue()).drain()


__all__ = ["OTHER", "OTHER_WORKFLOW", "TENANT", "WORKFLOW", "Writer", "claim", "fan_out", "fold", "workflows"]
