"""`runfold parked`: list, show, retry and discard, for people and for scripts."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Runfold
from tests.fixtures.logs import Log, event, run
from tests.fixtures.processes import drain
from tests.projections.folding.test_parking import smuggle
from tests.projections.reconciling.test_discard import ALSO_BAD, BAD, SICK


@pytest.fixture
def sick(log: Log, database_url: str) -> int:
    log.append(SICK, event("ExecutionCreated", execution_id="sick"))
    position = smuggle(log, SICK, *BAD)
    log.append(SICK, event("ExecutionPaused"), event("NodeSucceeded", activation="a"))
    log.append("execution-well", *run("well"))
    drain(database_url)
    return position


def test_the_list_tells_how_much_waits(runfold: Runfold, sick: int) -> None:
    (row,) = runfold("parked", "list", "--json").json()
    assert set(row) == {"group_name", "stream_id", "position", "sqlstate", "error", "parked_at", "waiting"}
    assert (row["stream_id"], row["position"], row["waiting"]) == (SICK, sick, 2)
    shown = runfold("parked", "list").out
    assert f"{SICK}  group execution, from position {sick} on, 2 events wait behind it" in shown
    assert runfold("parked", "list", "--discarded").out == "no discarded events\n"
    assert runfold("parked", "list", "--discarded", "--json").json() == []


@pytest.mark.parametrize("columns", [80, 200])
def test_one_is_shown_with_its_bad_event_whole(runfold: Runfold, sick: int, columns: int) -> None:
    shown = runfold("parked", "show", SICK, columns=columns)
    assert shown.code == 0
    text = " ".join(shown.out.split())
    for words in (f"stream {SICK}", "22P02: invalid input syntax", "poison event ExecutionStarted, event 2",
                  '"start_time": "soon"', "2 events wait", "ExecutionPaused", "NodeSucceeded"):  # fmt: skip
        assert words in text
    assert max(map(len, shown.out.splitlines())) <= columns


def test_one_is_told_to_scripts(runfold: Runfold, sick: int) -> None:
    (row,) = runfold("parked", "show", SICK, "--json").json()
    assert row["event"]["data"] == {"start_time": "soon"}
    assert [waiting["type"] for waiting in row["waiting_events"]] == ["ExecutionPaused", "NodeSucceeded"]


def test_an_event_is_given_up_after_a_dry_run(runfold: Runfold, log: Log, sick: int) -> None:
    would = runfold("parked", "discard", SICK, "--reason", "sent by a test", "--dry-run")
    assert (would.code, would.err) == (0, "")
    assert would.out.splitlines()[0] == (
        f"{SICK}  group execution, position {sick}: ExecutionStarted would be discarded"
    )
    assert would.out.splitlines()[2] == "  the waiting events would be folded"
    assert len(runfold("parked", "list", "--json").json()) == 1
    done = runfold("parked", "discard", SICK, "--reason", "sent by a test", "--by", "ann", "--json")
    assert done.code == 0
    (row,) = done.json()
    assert set(row) == {
        "group", "stream_id", "position", "stream_version", "type", "error", "reason", "discarded_by",
        "parked_again_at", "parked_again_error",
    }  # fmt: skip
    assert runfold("parked", "list").out == "no parked streams\n"
    listed = runfold("parked", "list", "--discarded").out
    assert "ExecutionStarted was discarded" in listed
    assert "by ann, " in listed
    assert "sent by a test" in listed
    status = runfold("status")
    assert "1 events are in no table" in status.out
    assert "sent by a test" in status.out
    found = runfold("status", "--json").json()
    assert (found["discarded"], found["discarded_events"][0]["position"]) == (1, sick)
    at = runfold("execution", "at", "sick", "--event", "4")
    assert f"position {sick}, ExecutionStarted of {SICK}, was discarded in group execution: sent by a test" in " ".join(
        at.out.split()
    )
    verified = runfold("projection", "verify", "workflow_executions", "--json")
    assert (verified.code, verified.json()[0]["discarded_events"]) == (0, [sick])


def test_a_stream_that_is_parked_again_says_where(runfold: Runfold, log: Log, sick: int, database_url: str) -> None:
    later = smuggle(log, SICK, *ALSO_BAD)
    drain(database_url)
    done = runfold("parked", "discard", SICK, "--reason", "no use")
    assert done.code == 1
    assert f"is parked again at position {later}: null value" in done.out
    (row,) = runfold("parked", "list", "--json").json()
    assert (row["position"], row["waiting"]) == (later, 0)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["show", "execution-well"], 1, "error: execution-well is not parked: see `runfold parked list`"),
        (["discard", SICK], 2, "--reason"),
        (["discard", SICK, "--reason", "  "], 1, "error: reason is blank: give one, because it is on record for ever"),
        (["discard", SICK, "--reason", "x", "--by", " "], 1, "error: by is blank"),
        (["discard", "execution-well", "--reason", "x"], 1, "error: execution-well is not parked: see"),
        (["discard", SICK, "--reason", "x", "--group", "log"], 1, f"error: {SICK} is not parked in group log"),
        (["retry", "execution-well"], 1, "error: execution-well is not parked: see"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistakes_say_what_to_do(runfold: Runfold, sick: int, words: list[str], code: int, said: str) -> None:
    refused = runfold("parked", *words)
    assert refused.code == code
    assert said in " ".join(refused.err.split())
    assert "Traceback" not in refused.err
    assert json.loads(runfold("parked", "list", "--json").out)[0]["position"] == sick
