"""The flows of a platform, step by step: after each step the read tables have the rows that the step is about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.rows import dict_row

import runfold
from runfold.domain.matching.classifier import Answer, Match, Question, Verdict
from runfold.domain.trigger import Trigger
from tests.fixtures.processes import assert_nothing_differs, drain

Rows = Callable[..., list[dict[str, Any]]]
TENANT = UUID("00000000-0000-4000-8000-00000000000a")


@pytest.fixture
def rows(database_url: str) -> Rows:
    """Fold what was appended, and return the rows of a query."""

    def read(query: str, *parameters: object) -> list[dict[str, Any]]:
        drain(database_url)
        with psycopg.connect(database_url, row_factory=dict_row) as connection:
            return connection.execute(query, parameters).fetchall()  # type: ignore[call-overload, no-any-return]

    return read


def test_an_execution_from_its_trigger_to_its_end(database_url: str, rows: Rows) -> None:
    workflow = uuid4()
    with runfold.connect(database_url, user_id=TENANT) as store:
        # 1. Trigger detection: the index names the workflow of a webhook's path.
        store.deployments.deploy(
            workflow, definition={"nodes": []}, triggers=[Trigger.webhook("/orders", node_id="in")]
        )
        assert rows("SELECT index_key, is_active FROM trigger_index") == [{"index_key": "/orders", "is_active": True}]
        (found,) = store.triggers.by_webhook("/orders")
        assert found.workflow_id == workflow

        # 2. The execution's record, NEW.
        run = store.executions.create(
            workflow_id=found.workflow_id, mode="WEBHOOK", trigger_data={"order": 7}, trigger_subtype="WEBHOOK"
        )
        one = "SELECT status, mode, trigger_data, user_id FROM workflow_executions WHERE execution_id = %s"
        about = {"mode": "WEBHOOK", "trigger_data": {"order": 7}, "user_id": TENANT}
        assert rows(one, run.execution_id) == [{"status": "NEW", **about}]

        # 3. The start: RUNNING.
        run.start()
        assert rows(one, run.execution_id) == [{"status": "RUNNING", **about}]

        # 4. Each node: its record, its log lines, its results.
        nodes = "SELECT node_id, status, output_data FROM node_executions ORDER BY created_at, node_id"
        node = run.node("fetch", node_type="ACTION", input={"order": 7})
        node.start()
        node.log("read the order", level="INFO")
        assert rows(nodes) == [{"node_id": "fetch", "status": "RUNNING", "output_data": None}]
        node.succeed({"amount": 700})
        assert rows(nodes) == [{"node_id": "fetch", "status": "SUCCESS", "output_data": {"amount": 700}}]
        assert {"node_id": "fetch", "message": "read the order"} in rows(
            "SELECT node_id, message FROM workflow_execution_logs WHERE message IS NOT NULL"
        )

        # 5. A person is asked, and answers: the interaction, the pause, WAITING_FOR_HUMAN, and on.
        approve = run.node("approve", node_type="HUMAN_IN_THE_LOOP")
        approve.start()
        asked = run.pause_for_human(
            "approve",
            activation=approve.activation,
            interaction_type="approval",
            channel_type="in_app",
            request_data={"question": "Pay?"},
        )
        pauses = "SELECT status, pause_reason FROM workflow_execution_pauses"
        assert rows("SELECT status FROM human_interactions") == [{"status": "pending"}]
        assert rows(pauses) == [{"status": "active", "pause_reason": "human_interaction"}]
        assert rows(one, run.execution_id) == [{"status": "WAITING_FOR_HUMAN", **about}]
        store.interactions.answer(asked.interaction_id, response_data={"approved": True})
        run.refresh()
        assert rows(pauses) == [{"status": "resumed", "pause_reason": "human_interaction"}]
        assert rows(one, run.execution_id) == [{"status": "RUNNING", **about}]
        run.node("approve").succeed({"approved": True})

        # 6. The end.
        run.succeed({"paid": True})
        assert rows(one, run.execution_id) == [{"status": "SUCCESS", **about}]
    assert_nothing_differs(database_url)


def by_a_model(answer: Answer, questions: Sequence[Question]) -> Verdict:
    """A classifier of a user's own, in the place of a language model."""
    (question,) = questions
    return Match(question.interaction_id, score=0.97, reasoning="it says go on", response_data={"approved": True})


def test_a_question_from_its_node_to_the_node_that_continues(database_url: str, rows: Rows) -> None:
    workflow = uuid4()
    with runfold.connect(database_url) as store:
        run = store.executions.create(workflow_id=workflow, mode="MANUAL", start=True)
        node = run.node("approve", node_type="HUMAN_IN_THE_LOOP")
        node.start()
        # 1., 2. The node asks: an interaction that is pending, and an active pause.
        asked = run.pause_for_human(
            "approve",
            activation=node.activation,
            interaction_type="approval",
            channel_type="slack",
            request_data={"question": "Pay?"},
            timeout_at=datetime.now(UTC) + timedelta(hours=1),
        )
        interactions = "SELECT id, status, response_data FROM human_interactions"
        assert rows(interactions) == [{"id": asked.interaction_id, "status": "pending", "response_data": None}]
        assert rows("SELECT status FROM workflow_execution_pauses") == [{"status": "active"}]
        # 3. The channel's message.
        store.interactions.notified(asked.interaction_id, message_id="1.1")
        # 4. What the channel's webhook received.
        payload = {"event": {"type": "message", "channel": "C", "user": "U", "ts": "2.2", "text": "go on"}}
        received = store.responses.receive(channel="slack", raw_payload=payload, workflow_id=workflow)
        responses = "SELECT status, ai_relevance_score::float, matched_interaction_id FROM hil_responses"
        assert [row["status"] for row in rows(responses)] == ["unprocessed"]
        # 5., 6. Classified, scored and matched; the interaction has the answer.
        store.responses.classify(received.response_id, classifier=by_a_model)
        assert rows(responses) == [
            {"status": "matched", "ai_relevance_score": 0.97, "matched_interaction_id": asked.interaction_id}
        ]
        assert rows(interactions) == [
            {"id": asked.interaction_id, "status": "responded", "response_data": {"approved": True}}
        ]
        # 7. The pause is resumed, the execution runs.
        assert rows("SELECT status FROM workflow_execution_pauses") == [{"status": "resumed"}]
        assert [row["status"] for row in rows("SELECT status FROM workflow_executions")] == ["RUNNING"]
        # 8. The paused node goes on and ends.
        run.refresh()
        run.node("approve").succeed({"approved": True})
        run.succeed()
        assert [row["status"] for row in rows("SELECT status FROM node_executions")] == ["SUCCESS"]
    assert_nothing_differs(database_url)
