"""The commands for interactions, responses and deployments, as an operator uses them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import psycopg

import runfold
from runfold.domain.trigger import Trigger
from runfold.reading.responses import list_responses
from tests.cli.running import ask as answer_of
from tests.cli.running import run
from tests.client.human.asking import WORKFLOW
from tests.client.human.test_answers import all_is_well, ask, ended, receive, slack
from tests.fixtures.processes import drain

Connection = psycopg.Connection[Any]


def test_responses_are_listed_the_unmatched_first_page_by_page(
    store: runfold.Store, connection: Connection, database_url: str
) -> None:
    assert run(database_url, "response", "list").stdout == "no responses\n"
    for n in range(7):
        at = datetime(2026, 1, 1, n // 2, tzinfo=UTC)
        response = receive(store, {"text": f"word {n}"}, "webhook", workflow_id=WORKFLOW, received_at=at)
        if n % 2:
            store.responses.filter_out(response, by="me", reason="noise")
    drain(database_url)
    rows = answer_of(database_url, "response", "list")
    assert [row["status"] for row in rows] == ["unprocessed"] * 4 + ["filtered_out"] * 3
    assert [row["received_at"] for row in rows[:4]] == sorted((row["received_at"] for row in rows[:4]), reverse=True)
    everything = list_responses(connection)
    for size in (1, 2, 3):
        walked: list[dict[str, Any]] = []
        while page := list_responses(connection, after=walked[-1]["page_token"] if walked else None, limit=size):
            walked += page
        assert walked == everything
    assert len(list_responses(connection, status="filtered_out")) == 3
    assert list_responses(connection, workflow_id=uuid4()) == []
    (second,) = answer_of(database_url, "response", "list", "--limit", "1", "--after", rows[0]["page_token"])
    assert second["id"] == rows[1]["id"]
    shown = run(database_url, "response", "list", columns=160)
    assert "word 6" in shown.stdout
    assert "filtered out by me: noise" in shown.stdout
    assert run(database_url, "response", "list", "--status", "odd").returncode == 2


def test_an_operator_answers_withdraws_matches_and_sweeps(
    store: runfold.Store, connection: Connection, database_url: str
) -> None:
    first, second, third, fourth = (ask(store, correlation_id=f"c{n}") for n in range(4))
    done = run(database_url, "interaction", "respond", str(first), "--data", '{"approved": true}')
    assert (done.returncode, done.stdout) == (0, f"interaction {first} is responded\n")
    assert ended(store, first) == ("responded", ["PauseOpened", "PauseResumed"])
    again = run(database_url, "interaction", "respond", str(first), "--data", "1")
    assert again.returncode == 1
    assert again.stderr.startswith(f"error: interaction-{first} is responded: respond() is not possible")
    assert run(database_url, "interaction", "respond", str(second), "--data", "{").returncode == 2
    assert run(database_url, "interaction", "respond", str(uuid4()), "--data", "1").returncode == 1
    assert answer_of(database_url, "interaction", "withdraw", str(second)) == {
        "interaction_id": str(second), "status": "cancelled",
    }  # fmt: skip
    assert ended(store, second) == ("cancelled", ["PauseOpened", "PauseCanceled"])

    unclear = receive(store, slack("perhaps"), workflow_id=WORKFLOW)
    named = receive(store, {"correlation_id": "c3", "approved": False}, "webhook", workflow_id=WORKFLOW)
    drain(database_url)
    swept = {row["response_id"]: row["status"] for row in answer_of(database_url, "response", "sweep")}
    assert swept == {str(unclear): "unprocessed", str(named): "matched"}
    assert ended(store, fourth)[0] == "responded"
    drain(database_url)
    assert run(database_url, "response", "sweep").stdout == "left open: 1\n"
    assert run(database_url, "response", "filter-out", str(unclear), "--reason", "chatter").returncode == 0
    assert answer_of(database_url, "response", "reopen", str(unclear))["status"] == "unprocessed"
    matched = answer_of(database_url, "response", "match", str(unclear), str(third), "--data", '{"approved": false}')
    assert (matched["status"], matched["interaction_id"]) == ("matched", str(third))
    assert ended(store, third) == ("responded", ["PauseOpened", "PauseResumed"])
    all_is_well(connection, database_url)


def test_the_list_says_why_a_response_is_open(store: runfold.Store, connection: Connection, database_url: str) -> None:
    asked = ask(store, channel_type="webhook")
    unclear = receive(store, {"interaction_id": str(asked), "text": "perhaps"}, "webhook")
    unknown = receive(store, {"interaction_id": str(uuid4()), "approved": True}, "webhook")
    unjudged = receive(store, {"interaction_id": str(asked), "approved": True, "by": "ann", "limit": 5}, "webhook")
    noise = receive(store, {"text": "noise"}, "webhook", workflow_id=WORKFLOW)
    store.responses.filter_out(noise, by="me", reason="noise")
    drain(database_url)
    before = connection.execute("SELECT count(*) FROM runfold.events").fetchone()
    reasons = {row["id"]: row["reason"] for row in answer_of(database_url, "response", "list")}
    assert reasons == {
        str(unclear): "interaction id, but it says nothing that answers: approval",
        str(unknown): "names no interaction that is known",
        str(unjudged): "not classified yet: interaction id; says yes",
        str(noise): "filtered out by me: noise",
    }
    assert "says nothing that answers" in run(database_url, "response", "list", columns=200).stdout
    assert store.responses.reason(noise) is None
    assert connection.execute("SELECT count(*) FROM runfold.events").fetchone() == before, "nothing is recorded"
    assert store.responses.classify(unjudged).status == "matched"
    drain(database_url)
    answered = "SELECT responder, response_data FROM human_interactions"
    assert connection.execute(answered).fetchone() == ("ann", {"approved": True, "limit": 5})
    all_is_well(connection, database_url)


def test_a_hanging_deployment_is_failed_and_triggers_are_listed(
    store: runfold.Store, connection: Connection, database_url: str
) -> None:
    workflow = uuid4()
    assert run(database_url, "trigger", "list").stdout == "no active triggers\n"
    store.deployments.deploy(workflow, definition=None, triggers=[Trigger.webhook("/a"), Trigger.cron("@daily")])
    store.deployments.begin(workflow, "UPDATE", definition={})
    done = run(database_url, "deployment", "fail", str(workflow), "--reason", "the builder died")
    assert done.returncode == 0
    assert done.stdout.endswith("of version 2 is DEPLOYMENT_FAILED\n")
    assert run(database_url, "deployment", "fail", str(workflow), "--reason", "again").returncode == 1
    drain(database_url)
    assert [row["key"] for row in answer_of(database_url, "trigger", "list")] == ["@daily", "/a"]
    assert [row["name"] for row in answer_of(database_url, "trigger", "list", "--type", "webhook", "--key", "/a")] == [
        "webhook"
    ]
    assert json.loads(run(database_url, "trigger", "list", "--key", "/b", "--json").stdout) == []
    assert str(workflow) in run(database_url, "trigger", "list").stdout
    all_is_well(connection, database_url)
