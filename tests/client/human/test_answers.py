"""A response answers at most one question, the right one, and no response is lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

import runfold
from runfold.domain.matching.classifier import Answer, Classifier, FilteredOut, Match, Question, Undecided, Verdict
from runfold.domain.matching.outcomes import NO_WORKFLOW
from runfold.domain.trigger import Trigger
from tests.client.human.asking import PAST, TENANT, WORKFLOW, anomalies, server_time, types_of
from tests.fixtures.processes import assert_nothing_differs, drain

Connection = psycopg.Connection[Any]


def running(store: runfold.Store, **about: Any) -> str:
    return store.executions.create(**{"workflow_id": WORKFLOW, "mode": "MANUAL", **about}, start=True).execution_id


def ask(store: runfold.Store, execution_id: str | None = None, **about: Any) -> UUID:
    """Ask for an approval in Slack, for a running execution."""
    name = f"node {uuid4()}"
    return store.interactions.ask(
        **{
            "execution_id": execution_id or running(store),
            "node_id": name,
            "interaction_type": "approval",
            "channel_type": "slack",
            "request_data": {"question": "may it?"},
            **about,
        }
    ).interaction_id


def slack(text: str, *, ts: str = "9.9", thread: str | None = None) -> dict[str, Any]:
    event = {"type": "message", "channel": "C", "user": "U1", "ts": ts, "text": text}
    return {"event": event if thread is None else {**event, "thread_ts": thread}}


def receive(store: runfold.Store, payload: Any, channel: Any = "slack", **about: Any) -> UUID:
    return store.responses.receive(channel=channel, raw_payload=payload, **about).response_id


def ended(store: runfold.Store, interaction_id: UUID) -> tuple[str | None, list[str]]:
    """Return the status of an interaction, and the events of its execution about pauses and nodes since the request."""
    asked = store.interactions.get(interaction_id).state
    recorded = store.read_stream(f"execution-{asked.execution_id}")
    return asked.status, [event.type for event in recorded if event.data and event.data.get("pause") == asked.pause]


def swept(store: runfold.Store, **about: Any) -> Counter[str]:
    return Counter(found.status for found in store.responses.sweep(**about))


def all_is_well(connection: Connection, url: str) -> None:
    drain(url)
    assert anomalies(connection) == []
    assert_nothing_differs(url)


def test_the_whole_loop_from_the_request_to_the_execution_that_goes_on(
    store: runfold.Store, connection: Connection, database_url: str
) -> None:
    run = store.executions.create(workflow_id=WORKFLOW, mode="MANUAL", start=True)
    node = run.node("approve", node_type="HUMAN_IN_THE_LOOP", input={"amount": 7})
    node.start()
    until = server_time(connection) + timedelta(hours=1)
    asked = store.interactions.ask(
        execution_id=run.execution_id, node_id="approve", activation=node.activation, interaction_type="approval",
        channel_type="slack", request_data={"question": "pay 7?"}, timeout_at=until,
    )  # fmt: skip
    drain(database_url)
    assert connection.execute("SELECT status FROM workflow_executions").fetchone() == ("WAITING_FOR_HUMAN",)
    assert connection.execute("SELECT status FROM node_executions").fetchone() == ("WAITING_INPUT",)
    store.interactions.notified(asked.interaction_id, message_id="1.1")
    payload = slack("Approved, thanks", thread="1.1")
    received = store.responses.receive(
        channel="slack", raw_payload=payload, headers={"X-Slack-Signature": "v0=a"}, workflow_id=WORKFLOW
    )
    found = store.responses.classify(received.response_id)
    assert (found.status, found.interaction_id, found.score, found.now) == ("matched", asked.interaction_id, 0.9, True)
    assert ended(store, asked.interaction_id) == (
        "responded",
        ["NodeWaiting", "PauseOpened", "PauseResumed", "NodeContinued"],
    )
    drain(database_url)
    assert connection.execute("SELECT status FROM workflow_executions").fetchone() == ("RUNNING",)
    assert connection.execute("SELECT status FROM node_executions").fetchone() == ("RUNNING",)
    assert connection.execute(
        "SELECT status, responder, response_data -> 'approved' FROM human_interactions"
    ).fetchone() == ("responded", "U1", True)
    row = connection.execute(
        "SELECT status, raw_payload, headers, matched_interaction_id, ai_relevance_score::float8, ai_reasoning"
        " FROM hil_responses"
    ).fetchone()
    assert row is not None
    assert row[:5] == ("matched", payload, {"X-Slack-Signature": "v0=a"}, asked.interaction_id, 0.9)
    assert "replies to" in row[5]
    run.refresh()
    run.succeed()
    all_is_well(connection, database_url)


@pytest.mark.parametrize("folded", [True, False], ids=["folded", "not folded"])
def test_each_of_three_open_questions_of_an_execution_gets_its_own_answer(
    store: runfold.Store, connection: Connection, database_url: str, folded: bool
) -> None:
    execution = running(store)
    questions = [ask(store, execution, correlation_id=f"c{n}") for n in range(3)]
    if folded:
        drain(database_url)
    unnamed = receive(store, slack("yes"), workflow_id=WORKFLOW)
    assert store.responses.classify(unnamed).status == "unprocessed"
    for n in (2, 0, 1):
        answer = receive(store, {"approved": n != 0, "correlation_id": f"c{n}"}, "webhook", workflow_id=WORKFLOW)
        found = store.responses.classify(answer)
        assert (found.status, found.interaction_id) == ("matched", questions[n])
        assert ended(store, questions[n]) == ("responded", ["PauseOpened", "PauseResumed"])
    responded = [store.read_stream(f"interaction-{one}")[-1].data for one in questions]
    assert [data and data["response_data"]["approved"] for data in responded] == [False, True, True]
    all_is_well(connection, database_url)
    assert swept(store) == {"unprocessed": 1}, "it may be late for any of the three"


def test_a_message_that_is_delivered_again_is_kept_once(
    store: runfold.Store, connection: Connection, database_url: str
) -> None:
    question = ask(store)
    store.interactions.notified(question, message_id="1.1")
    first = store.responses.receive(channel="slack", raw_payload=slack("yes", thread="1.1"), workflow_id=WORKFLOW)
    assert store.responses.classify(first.response_id).status == "matched"
    for _ in range(3):
        again = store.responses.receive(channel="slack", raw_payload=slack("yes", thread="1.1"), workflow_id=WORKFLOW)
        assert (again.response_id, again.repeated) == (first.response_id, True)
        found = store.responses.classify(again.response_id)
        assert (found.status, found.interaction_id, found.now) == ("matched", question, False)
    other = store.responses.receive(channel="email", raw_payload=slack("yes", thread="1.1"), workflow_id=WORKFLOW)
    assert not other.repeated
    assert ended(store, question) == ("responded", ["PauseOpened", "PauseResumed"])
    all_is_well(connection, database_url)


@pytest.mark.parametrize("named", [True, False], ids=["names it", "names nothing"])
@pytest.mark.parametrize("folded", [True, False], ids=["folded", "not folded"])
def test_who_is_late_never_answers_another_question(
    store: runfold.Store, connection: Connection, database_url: str, named: bool, folded: bool
) -> None:
    asked = {}
    for end in ("answered", "withdrawn", "timed out"):
        workflow = uuid4()
        execution = running(store, workflow_id=workflow)
        asked[end] = workflow, execution, ask(store, execution, timeout_at=server_time(connection) + PAST)
    store.interactions.answer(asked["answered"][2], {"approved": True})
    store.interactions.withdraw(asked["withdrawn"][2], by="somebody")
    drain(database_url)
    connection.execute("SELECT runfold.append_due_timeouts()")
    second = {end: ask(store, execution) for end, (_, execution, _) in asked.items()}
    if folded:
        drain(database_url)
    for workflow, _, first in asked.values():
        said = {**slack("yes"), **({"interaction_id": str(first)} if named else {})}
        found = store.responses.classify(receive(store, said, workflow_id=workflow))
        assert (found.status, found.interaction_id) == ("filtered_out" if named else "unprocessed", None)
    drain(database_url)
    assert swept(store) == ({} if named else {"unprocessed": 3})
    for question in second.values():
        assert ended(store, question) == ("pending", ["PauseOpened"])
    all_is_well(connection, database_url)


def test_an_answer_that_comes_before_its_question_is_stored_answers_it_later(
    store: runfold.Store, connection: Connection, database_url: str
) -> None:
    interaction_id = uuid4()
    early = [
        receive(store, {"interaction_id": str(interaction_id), "data": True}, "in_app", workflow_id=WORKFLOW),
        # Nobody says for which workflow: it is kept all the same.
        receive(store, {"interaction_id": str(interaction_id), "data": False, "id": "m1"}, "in_app"),
        receive(store, slack("yes"), workflow_id=WORKFLOW),
    ]
    assert [store.responses.classify(one).status for one in early] == ["unprocessed"] * 3
    assert store.responses.get(early[1]).workflow_id == NO_WORKFLOW
    ask(store, interaction_id=interaction_id)
    drain(database_url)
    found = list(store.responses.sweep())
    assert [(one.response_id, one.status) for one in found if one.response_id in (early[0], early[2])] == [
        (early[0], "matched"),
        (early[2], "unprocessed"),
    ], "it cannot answer a question that came later"
    assert ended(store, interaction_id) == ("responded", ["PauseOpened", "PauseResumed"])
    (moved,) = (one for one in found if one.response_id not in early)
    assert moved.status == "filtered_out", "the first answer was the one"
    assert store.responses.get(early[1]).status == "filtered_out"
    assert moved.response_id == receive(
        store, {"interaction_id": str(interaction_id), "data": False, "id": "m1"}, "in_app", workflow_id=WORKFLOW
    ), "delivered again, it is the same message"
    drain(database_url)
    shown = dict(connection.execute("SELECT status, count(*) FROM hil_responses GROUP BY 1").fetchall())
    assert shown == {"matched": 1, "unprocessed": 1, "filtered_out": 2}
    all_is_well(connection, database_url)


def test_what_names_an_interaction_finds_its_workflow(
    store: runfold.Store, connection: Connection, database_url: str
) -> None:
    question = ask(store, correlation_id="c1")
    by_id = store.responses.receive(channel="in_app", raw_payload={"interaction_id": str(question), "data": True})
    assert by_id.workflow_id == WORKFLOW
    drain(database_url)
    by_correlation = store.responses.receive(channel="webhook", raw_payload={"correlation_id": "c1", "approved": True})
    assert by_correlation.workflow_id == WORKFLOW
    assert store.responses.classify(by_id.response_id).status == "matched"
    assert store.responses.classify(by_correlation.response_id).status == "filtered_out"
    all_is_well(connection, database_url)


def test_a_tenants_answer_is_for_the_tenants_questions(connection: Connection, database_url: str) -> None:
    other = UUID(int=0xC, version=4)
    with runfold.connect(database_url, user_id=TENANT) as mine, runfold.connect(database_url, user_id=other) as theirs:
        question = ask(mine, correlation_id="c1")
        drain(database_url)
        placed = theirs.responses.receive(channel="webhook", raw_payload={"correlation_id": "c1", "approved": True})
        assert placed.workflow_id == NO_WORKFLOW, "its existence was revealed"
        foreign = receive(theirs, {"correlation_id": "c1", "approved": True}, "webhook", workflow_id=WORKFLOW)
        assert theirs.responses.classify(foreign).status == "unprocessed"
        with runfold.connect(database_url) as engine:
            assert engine.responses.classify(foreign).status == "unprocessed"
        own = receive(mine, {"correlation_id": "c1", "approved": True}, "webhook")
        assert mine.responses.classify(own).status == "matched"
        assert ended(mine, question)[0] == "responded"
    all_is_well(connection, database_url)


def said(verdict: Verdict | Exception) -> Classifier:
    def classifier(answer: Answer, questions: Sequence[Question]) -> Verdict:
        if isinstance(verdict, Exception):
            raise verdict
        return verdict

    return classifier


def test_a_classifier_of_ones_own_decides(store: runfold.Store, connection: Connection, database_url: str) -> None:
    question, elsewhere = ask(store), ask(store)
    store.interactions.answer(elsewhere, True)
    seen: list[tuple[Answer, Sequence[Question]]] = []

    def careful(answer: Answer, questions: Sequence[Question]) -> Verdict:
        seen.append((answer, questions))
        return Match(question, 0.83, "a model says so", {"approved": True}, "somebody")

    found = store.responses.classify(receive(store, "hm, fine", "email", workflow_id=WORKFLOW), classifier=careful)
    assert (found.status, found.score) == ("matched", 0.83)
    ((answer, questions),) = seen
    assert (answer.raw_payload, answer.message.text) == ("hm, fine", "hm, fine")
    assert [(one.interaction_id, one.request_data) for one in questions] == [(question, {"question": "may it?"})]
    recorded = store.read_stream(f"response-{found.response_id}")[-1].data
    assert recorded is not None
    assert (recorded["classifier"], recorded["ai_reasoning"]) == ("careful", "a model says so")
    for verdict, status in (
        (FilteredOut(0.1, "spam"), "filtered_out"),
        (Undecided("who knows"), "unprocessed"),
        (ConnectionError("no model"), "error"),
        (Match(elsewhere, 1.0, "wrong", None), "error"),
    ):
        response = receive(store, "x", "email", workflow_id=WORKFLOW)
        assert store.responses.classify(response, classifier=said(verdict)).status == status
    drain(database_url)
    assert connection.execute("SELECT error FROM hil_responses WHERE status = 'error' ORDER BY 1").fetchall() == [
        ("ConnectionError: no model",),
        (f"the classifier names {elsewhere}, which is not open",),
    ]
    all_is_well(connection, database_url)


def test_people_match_filter_and_reopen_by_hand(
    store: runfold.Store, connection: Connection, database_url: str
) -> None:
    question = ask(store)
    response = receive(store, slack("I think so"), workflow_id=WORKFLOW)
    assert store.responses.classify(response).status == "unprocessed"
    assert store.responses.filter_out(response, by="ann", reason="chatter").status == "filtered_out"
    with pytest.raises(runfold.errors.IllegalTransition):
        store.responses.match(response, question, {"approved": True}, by="ann")
    store.responses.reopen(response, by="ann")
    found = store.responses.match(response, question, {"approved": True}, by="ann")
    assert (found.status, found.interaction_id) == ("matched", question)
    assert ended(store, question) == ("responded", ["PauseOpened", "PauseResumed"])
    again = receive(store, slack("me too", ts="10.1"), workflow_id=WORKFLOW)
    with pytest.raises(runfold.errors.IllegalTransition):
        store.responses.match(again, question, {"approved": True}, by="ann")
    assert store.responses.get(again).status == "unprocessed"
    with pytest.raises(runfold.errors.IllegalTransition):
        store.responses.classify(uuid4())
    all_is_well(connection, database_url)


def test_asked_again_with_the_same_id_it_is_asked_once(
    store: runfold.Store, connection: Connection, database_url: str
) -> None:
    execution, interaction_id = running(store), uuid4()
    for _ in range(3):
        assert ask(store, execution, interaction_id=interaction_id, node_id="n") == interaction_id
    with pytest.raises(runfold.errors.IllegalTransition):
        ask(store, execution, node_id="n")
    with pytest.raises(runfold.errors.UnknownExecution):
        ask(store, "nowhere")
    for command in (store.interactions.notified, store.interactions.withdraw):
        with pytest.raises(runfold.errors.UnknownInteraction):
            command(uuid4())
    assert types_of(store, f"interaction-{interaction_id}") == ["InteractionRequested"]
    all_is_well(connection, database_url)


def test_the_loop_works_for_asyncio_and_for_the_role_of_an_engine(connection: Connection, database_url: str) -> None:
    async def loop(url: str) -> None:
        async with await runfold.connect_async(url) as store:
            run = await store.executions.create(workflow_id=WORKFLOW, mode="MANUAL", start=True)
            asked = await store.interactions.ask(
                execution_id=run.execution_id, node_id="n", interaction_type="approval", channel_type="slack",
                request_data={}, interaction_id=uuid4(),
            )  # fmt: skip
            await store.interactions.notified(asked.interaction_id, message_id="1.1")
            answers = [
                await store.responses.receive(
                    channel="slack", raw_payload=slack("yes", thread="1.1", ts=f"{n}"), workflow_id=WORKFLOW
                )
                for n in range(3)
            ]
            judged = await asyncio.gather(*(store.responses.classify(one.response_id) for one in answers))
            assert [found.status for found in judged].count("matched") == 1
            assert (await asked.refresh()).status == "responded"
            workflow = uuid4()
            await store.deployments.deploy(workflow, definition={}, triggers=[Trigger.webhook(f"/{workflow}")])
            assert [found async for found in store.responses.sweep()] == []
            assert await store.triggers.by_webhook("/nowhere") == []

    asyncio.run(loop(f"{database_url}?options=-c%20role%3Drunfold_engine"))
    all_is_well(connection, database_url)
