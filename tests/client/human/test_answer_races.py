"""Concurrent events of one question have one winner; no answer is used twice or lost."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
import pytest

import runfold
from runfold.domain.matching.outcomes import Classified
from runfold.events.envelope import Append, Appended
from tests.client.human.asking import PAST, WORKFLOW, server_time
from tests.client.human.test_answers import all_is_well, ask, receive, running
from tests.fixtures.evidence import Evidence
from tests.fixtures.processes import drain

Connection = psycopg.Connection[Any]


class CarelessStore(runfold.Store):
    """The negative control: a store whose appends expect no version."""

    def append_many(self, appends: Sequence[Append], **about: Any) -> list[Appended]:
        return super().append_many([replace(append, expected_version=None) for append in appends], **about)


@pytest.fixture
def careless(database_url: str) -> Iterator[CarelessStore]:
    with CarelessStore.connected(database_url) as made:
        yield made


def at_once(*actions: Sequence[Callable[[], Any]]) -> list[list[Any]]:
    """Run the lists of actions concurrently, step by step together; a refusal is an outcome too."""
    together = threading.Barrier(len(actions))
    outcomes: list[list[Any]] = [[] for _ in actions]

    def run(number: int) -> None:
        for action in actions[number]:
            together.wait(60)
            try:
                outcomes[number].append(action())
            except runfold.RunfoldError as exc:
                outcomes[number].append(exc)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(actions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert all(len(found) == len(wanted) for found, wanted in zip(outcomes, actions, strict=True))
    return outcomes


ENDS = ("InteractionResponded", "InteractionTimedOut", "InteractionCanceled")
PAUSE_ENDS = ("PauseResumed", "PauseTimedOut", "PauseCanceled")
OF_THE_PAUSE = dict(zip(ENDS, PAUSE_ENDS, strict=True))


@dataclass
class Ends:
    """The ends of the questions: how often each way, and which ended twice, never, or in two ways."""

    ways: Counter[str]
    wrong: list[str]

    @classmethod
    def of(cls, store: runfold.Store, questions: Sequence[UUID]) -> Ends:
        ways: Counter[str] = Counter()
        wrong = []
        for question in questions:
            asked = store.interactions.get(question).state
            ends = [event.type for event in store.read_stream(f"interaction-{question}") if event.type in ENDS]
            pauses = [
                event.type
                for event in store.read_stream(f"execution-{asked.execution_id}")
                if event.type in PAUSE_ENDS and event.data and event.data["pause"] == asked.pause
            ]
            ways.update(ends)
            if len(ends) != 1 or pauses != [OF_THE_PAUSE[ends[0]]]:
                wrong.append(f"{question}: {ends} {pauses}")
        return cls(ways, wrong)


def naming(question: UUID, number: int) -> dict[str, Any]:
    return {"interaction_id": str(question), "approved": number % 2 == 0, "id": f"{question}/{number}"}


def answers(store: runfold.Store, questions: Sequence[UUID], number: int) -> list[Callable[[], Classified]]:
    """Receive one answer to each question, to be classified."""
    received = [receive(store, naming(question, number), "in_app", workflow_id=WORKFLOW) for question in questions]
    return [partial(store.responses.classify, response) for response in received]


def test_of_two_answers_at_once_one_is_taken_and_the_other_says_why_not(
    store: runfold.Store, connection: Connection, database_url: str, evidence: Evidence
) -> None:
    questions = [ask(store) for _ in range(evidence.scaled(40))]
    outcomes = at_once(*(answers(store, questions, number) for number in range(3)))
    statuses = Counter(found.status for thread in outcomes for found in thread)
    ends = Ends.of(store, questions)
    evidence.note(questions=len(questions), statuses=statuses, wrong=ends.wrong)
    assert statuses == {"matched": len(questions), "filtered_out": 2 * len(questions)}
    assert (ends.ways, ends.wrong) == ({"InteractionResponded": len(questions)}, [])
    late = [found for thread in outcomes for found in thread if found.status == "filtered_out"]
    assert all("ended" in found.reasoning or "too late" in found.reasoning for found in late)
    all_is_well(connection, database_url)


def test_control_without_expected_versions_a_question_is_answered_twice(
    careless: CarelessStore, evidence: Evidence
) -> None:
    wrong: list[str] = []
    tries = 0
    while not wrong and tries < 10:
        tries += 1
        questions = [ask(careless) for _ in range(evidence.scaled(20))]
        at_once(*(answers(careless, questions, number) for number in range(3)))
        wrong = Ends.of(careless, questions).wrong
    evidence.note(tries=tries)
    assert wrong, "the test above cannot fail"


def test_an_answer_and_a_timeout_at_once_have_one_winner(
    store: runfold.Store, connection: Connection, database_url: str, evidence: Evidence
) -> None:
    def time_out() -> None:
        time.sleep(evidence.rng.uniform(0, 0.03))
        with psycopg.connect(database_url, autocommit=True) as other:
            other.execute("SELECT runfold.append_due_timeouts(2)")

    ways: Counter[str] = Counter()
    # On a busy machine one side may be first everywhere: then it is tried again.
    for _ in range(8):
        until = server_time(connection) + PAST
        questions = [ask(store, timeout_at=until) for _ in range(evidence.scaled(60))]
        drain(database_url)
        statuses = Counter(
            found.status for found in at_once(answers(store, questions, 0), [time_out] * len(questions))[0]
        )
        while connection.execute("SELECT * FROM runfold.append_due_timeouts()").fetchall():
            pass
        ends = Ends.of(store, questions)
        evidence.note(questions=len(questions), statuses=statuses, ends=ends)
        assert ends.wrong == []
        assert ends.ways["InteractionResponded"] == statuses["matched"]
        assert ends.ways["InteractionTimedOut"] == statuses["filtered_out"]
        ways += ends.ways
        if len(ways) == 2:
            break
    assert len(ways) == 2, "there was no race"
    all_is_well(connection, database_url)


def test_an_answer_and_a_withdrawal_at_once_have_one_winner(
    store: runfold.Store, connection: Connection, database_url: str, evidence: Evidence
) -> None:
    questions = [ask(store) for _ in range(evidence.scaled(60))]

    def withdraw(question: UUID) -> None:
        time.sleep(evidence.rng.uniform(0, 0.03))
        store.interactions.withdraw(question)

    withdrawals = [partial(withdraw, question) for question in questions]
    classified, withdrawn = at_once(answers(store, questions, 0), withdrawals)
    statuses = Counter(found.status for found in classified)
    refused = [found for found in withdrawn if isinstance(found, runfold.errors.IllegalTransition)]
    ends = Ends.of(store, questions)
    evidence.note(questions=len(questions), statuses=statuses, refused=len(refused), ends=ends)
    assert ends.wrong == []
    assert statuses["matched"] == len(refused) == ends.ways["InteractionResponded"]
    assert statuses["filtered_out"] == ends.ways["InteractionCanceled"]
    assert sum(statuses.values()) == len(questions)
    all_is_well(connection, database_url)


def test_one_answer_that_two_classify_at_once_is_taken_once(
    store: runfold.Store, connection: Connection, database_url: str, evidence: Evidence
) -> None:
    questions = [ask(store) for _ in range(evidence.scaled(40))]
    judging = answers(store, questions, 0)
    outcomes = at_once(judging, judging, judging)
    for question, *found in zip(questions, *outcomes, strict=True):
        assert {(one.status, one.interaction_id) for one in found} == {("matched", question)}
        assert sum(one.now for one in found) == 1
    assert Ends.of(store, questions).wrong == []
    all_is_well(connection, database_url)


def test_a_message_delivered_by_several_at_once_is_kept_once(
    store: runfold.Store, connection: Connection, database_url: str, evidence: Evidence
) -> None:
    questions = [ask(store) for _ in range(evidence.scaled(20))]
    delivering = [
        partial(store.responses.receive, channel="in_app", raw_payload=naming(question, 0)) for question in questions
    ]
    for found in zip(*at_once(*([delivering] * 4)), strict=True):
        assert len({one.response_id for one in found}) == 1
        assert sum(not one.repeated for one in found) == 1
    drain(database_url)
    assert connection.execute("SELECT count(*) FROM hil_responses").fetchone() == (len(questions),)


def test_the_open_questions_of_one_execution_are_all_answered_at_once(
    store: runfold.Store, connection: Connection, database_url: str, evidence: Evidence
) -> None:
    rounds, width = evidence.scaled(15), 3
    asked = []
    for _ in range(rounds):
        execution = running(store)
        asked.append([ask(store, execution) for _ in range(width)])
    by_thread = [[questions[number] for questions in asked] for number in range(width)]
    outcomes = at_once(*(answers(store, questions, 0) for questions in by_thread))
    for number, found in enumerate(outcomes):
        assert [(one.status, one.interaction_id) for one in found] == [
            ("matched", question) for question in by_thread[number]
        ]
    assert Ends.of(store, [question for questions in asked for question in questions]).wrong == []
    all_is_well(connection, database_url)


def test_answers_and_their_questions_stored_at_once_find_each_other(
    store: runfold.Store, connection: Connection, database_url: str, evidence: Evidence
) -> None:
    names = [UUID(int=evidence.rng.getrandbits(128), version=4) for _ in range(evidence.scaled(40))]
    asking = [partial(ask, store, interaction_id=name) for name in names]
    answering = [
        lambda name=name: store.responses.classify(receive(store, naming(name, 0), "in_app"))  # type: ignore[misc]
        for name in names
    ]
    _, classified = at_once(asking, answering)
    early = Counter(found.status for found in classified)
    drain(database_url)
    statuses = Counter(found.status for found in store.responses.sweep())
    ends = Ends.of(store, names)
    evidence.note(questions=len(names), at_first=early, swept=statuses, wrong=ends.wrong)
    assert (ends.ways, ends.wrong) == ({"InteractionResponded": len(names)}, [])
    assert set(statuses) <= {"matched"}
    all_is_well(connection, database_url)
