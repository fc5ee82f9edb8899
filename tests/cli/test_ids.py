"""The beginning of an id does wherever an id is asked for, if no other begins so."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import psycopg
import pytest

import runfold as library
from runfold import events
from runfold.errors import AmbiguousId, IdTooShort, UnknownId
from runfold.projections.definition.catalogue import load_catalogue
from runfold.reading.executions import read_execution, read_execution_at
from runfold.reading.ids import find_id
from runfold.reading.lists import read_interaction
from runfold.reading.status import statement
from tests.cli.conftest import Runfold
from tests.cli.running import WORKFLOW, execution
from tests.fixtures.processes import drain

pytest_plugins = ["tests.fixtures.stores"]

Connection = psycopg.Connection[Any]

FIRST = "0198c1f2-aaaa-7000-8000-000000000001"
SECOND = "0198c1f2-bbbb-7000-8000-000000000002"
QUESTION = UUID("5f3e0000-0000-7000-8000-000000000001")
MESSAGE = UUID("7abc0000-0000-7000-8000-000000000001")


@pytest.fixture
def stored(store: library.Store, database_url: str) -> library.Store:
    """Two executions whose ids begin alike, one with a short name, a question and a message."""
    asked = events.InteractionRequested(
        workflow_id=WORKFLOW, execution_id=FIRST, node_id="ask", interaction_type="approval", channel_type="in_app",
        priority="high", request_data={"question": "May we go on?"},
    )  # fmt: skip
    received = events.ResponseReceived(
        workflow_id=WORKFLOW, source_channel="email", raw_payload={"text": "yes"}, received_at="2026-03-01T12:00:00Z"
    )
    store.append_many([execution(FIRST), execution(SECOND, parent_execution_id=FIRST), execution("0198")])
    store.append(f"interaction-{QUESTION}", [asked])
    store.append(f"response-{MESSAGE}", [received])
    drain(database_url)
    return store


VERBS = [
    (["execution", "show", "0198c1f2-a"], FIRST),
    (["execution", "show", "0198c1f2-a", "--full"], FIRST),
    (["execution", "at", "0198c1f2-a", "--event", "1"], FIRST),
    (["execution", "tail", "0198c1f2-b", "--no-follow"], SECOND),
    (["execution", "diff", "0198c1f2-a", "0198c1f2-b"], SECOND),
    (["execution", "list", "--parent", "0198c1f2-a"], SECOND),
    (["execution", "list", "--workflow", str(WORKFLOW)[:8]], SECOND),
    (["why", "workflow_executions", "0198c1f2-a", "status"], FIRST),
    (["why", "human_interactions", "5f3e", "status"], str(QUESTION)),
    (["interaction", "list", "--workflow", str(WORKFLOW)[:10]], str(QUESTION)),
    (["interaction", "show", "5F3E0000"], str(QUESTION)),
    (["response", "show", "7abc"], str(MESSAGE)),
    (["response", "list", "--workflow", str(WORKFLOW)[:4]], str(MESSAGE)),
    (["response", "filter-out", "7abc0000-00", "--reason", "a test"], str(MESSAGE)),
    (["response", "reopen", "7abc0000"], str(MESSAGE)),
    (["response", "match", "7abc", "5f3e", "--data", "{}"], str(QUESTION)),
]


def test_every_verb_takes_the_beginning_of_an_id(stored: library.Store, runfold: Runfold) -> None:
    for words, whole in VERBS:
        answer = runfold(*words, columns=200)
        assert whole in answer.out, (words, answer)


def test_the_verbs_that_end_a_question_take_it(stored: library.Store, runfold: Runfold) -> None:
    answer = runfold("interaction", "withdraw", "5f3e00000000")
    assert (answer.code, str(QUESTION) in answer.out) == (0, True), answer


def test_a_deployment_is_found_by_the_beginning_of_its_workflow(store: library.Store, runfold: Runfold) -> None:
    store.deployments.begin(WORKFLOW, "DEPLOY", definition={})
    answer = runfold("deployment", "fail", str(WORKFLOW)[:6], "--reason", "the builder died")
    assert answer.code == 0, answer


@pytest.mark.parametrize(
    "words",
    [
        ["execution", "show"],
        ["execution", "tail"],
        ["execution", "list", "--parent"],
        ["execution", "at", "--event", "1"],
    ],
    ids=" ".join,
)
def test_a_beginning_of_several_ids_is_refused_with_them(
    words: list[str], stored: library.Store, runfold: Runfold
) -> None:
    answer = runfold(*words, "0198c1f2")
    assert answer.code == 1
    several = f"several executions have ids that begin with '0198c1f2': {FIRST}, {SECOND}"
    assert answer.err == f"error: {several}: give more characters of it\n"


def test_a_beginning_that_is_too_short_is_refused_with_what_it_begins(stored: library.Store, runfold: Runfold) -> None:
    answer = runfold("interaction", "show", "5f3")
    assert answer.code == 1
    assert "'5f3' is too short" in answer.err
    assert str(QUESTION) in answer.err
    assert "at least 4 characters" in answer.err


def test_a_whole_id_wins_over_what_it_begins(stored: library.Store, connection: Connection) -> None:
    assert read_execution(connection, "0198")["execution_id"] == "0198"


def test_an_id_of_nothing_is_unknown(stored: library.Store, runfold: Runfold) -> None:
    assert "there is no execution '0198d'" in runfold("execution", "show", "0198d").err
    assert "there is no response 9999" in runfold("response", "show", "9999").err
    assert runfold("interaction", "show", "no-uuid").code == 2
    assert "there is no interaction whose id begins" in runfold("interaction", "withdraw", "9999").err
    assert "there is no workflow whose id begins" in runfold("execution", "list", "--workflow", "9999").err


def test_reading_functions_take_the_beginning_too(stored: library.Store, connection: Connection) -> None:
    assert read_execution(connection, "0198c1f2-a")["execution_id"] == FIRST
    assert read_execution_at(connection, load_catalogue(), "0198c1f2-b", event=1)["execution_id"] == SECOND
    assert read_interaction(connection, "5f3e")["id"] == QUESTION
    with pytest.raises(AmbiguousId) as several:
        find_id(connection, "execution", "0198c")
    assert (several.value.code, several.value.facts["candidates"]) == ("ambiguous_id", [FIRST, SECOND])
    with pytest.raises(IdTooShort) as short:
        find_id(connection, "response", "7")
    assert short.value.facts["candidates"] == [str(MESSAGE)]
    with pytest.raises(UnknownId):
        find_id(connection, "workflow", "ffff")


@pytest.mark.parametrize("name", ["streams_that_begin", "workflows_that_begin"])
def test_a_look_up_reads_an_index_and_is_bounded(name: str, connection: Connection) -> None:
    connection.execute(
        "INSERT INTO runfold.streams (stream_id, version)"
        " SELECT 'execution-' || gen_random_uuid(), 1 FROM generate_series(1, 20000)"
    )
    connection.execute("ANALYZE runfold.streams")
    connection.execute("SET enable_seqscan = off")  # small tables; the test is whether an index can do it
    parameters = {"beginning": "execution-0", "least": UUID(int=0), "greatest": UUID(int=2**64), "limit": 6}
    lines = connection.execute("EXPLAIN (ANALYZE, TIMING OFF, BUFFERS) " + statement(name), parameters).fetchall()
    plan = "\n".join(line[0] for line in lines)
    assert "Index" in plan
    assert "Seq Scan" not in plan
    assert "Filter:" not in plan
