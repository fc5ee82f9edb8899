"""At 80 and 60 columns every column can be read, and ids are in one piece, so that they can be copied."""

from __future__ import annotations

from uuid import uuid4

import pytest

import runfold
from runfold import events
from runfold.cli.output import print_facts, print_table
from tests.cli.running import NOON, ask, execution, ms, run
from tests.fixtures.processes import drain

pytest_plugins = ["tests.fixtures.stores"]

ERROR = "the payment service answered 503 three times"
COLUMNS = ["execution_id", "status", "workflow", "started", "took", "error"]


def row(execution_id: str) -> dict[str, str]:
    return {
        "execution_id": execution_id, "status": "ERROR", "workflow": "invoices of the week",
        "started": "2026-03-01 12:00:00", "took": "1:10 min", "error": ERROR,
    }  # fmt: skip


@pytest.mark.parametrize("width", [40, 60, 80, 100])
@pytest.mark.parametrize("length", [36, 90])
def test_ids_are_in_one_piece_and_words_are_whole(
    width: int, length: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    ids = [letter * length for letter in "ab"]
    print_table(map(row, ids), columns=COLUMNS)
    shown = capsys.readouterr().out
    for execution_id in ids:
        assert execution_id in shown.split()
    for word in [*ERROR.split(), "ERROR", "invoices", "12:00:00", "1:10"]:
        assert shown.split().count(word) >= 2, word


def test_control_a_wide_terminal_shows_a_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    print_table([row("a")], columns=COLUMNS)
    header, line = capsys.readouterr().out.splitlines()
    assert header.split() == COLUMNS
    assert line.endswith(ERROR)


@pytest.mark.parametrize("width", [60, 80])
def test_the_lists_of_executions_and_interactions_can_be_copied_from(
    width: int, store: runfold.Store, database_url: str
) -> None:
    names, interaction = [str(uuid4()) for _ in range(3)], uuid4()
    store.append_many(
        [
            *(execution(name, events.ExecutionFailed(end_time=ms(NOON), error_message=ERROR)) for name in names),
            runfold.Append(
                stream_id=f"interaction-{interaction}",
                events=[
                    events.InteractionRequested(
                        workflow_id=uuid4(), execution_id=names[0], node_id="ask", interaction_type="approval",
                        channel_type="in_app", priority="high", request_data={"question": "May we go on?"},
                    )
                ],
            ),
        ]
    )  # fmt: skip
    drain(database_url)
    listed = run(database_url, "execution", "list", columns=width).stdout
    assert set(names) <= set(listed.split())
    assert listed.count(ERROR.split()[-2]) == 3
    asked = run(database_url, "interaction", "list", columns=width).stdout
    assert {str(interaction), names[0]} <= set(asked.split())


@pytest.mark.parametrize("width", [60, 80])
def test_facts_have_their_ids_in_one_piece_and_words_whole(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    long = "x" * 90
    print_facts({"matched_interaction_id": str(uuid4()), "an id of an engine": long, "error": f"{ERROR}, {ERROR}"})
    shown = capsys.readouterr().out
    assert long in shown.splitlines()
    assert shown.split().count("payment") == 2
    assert all(len(line) <= width or line == long for line in shown.splitlines())


def test_a_record_has_a_long_value_below_its_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    known = str(uuid4())
    print_table(
        [{"id": str(uuid4()), "matched_interaction_id": known, "why": ERROR * 2}],
        columns=["id", "matched_interaction_id", "why"],
    )
    lines = capsys.readouterr().out.splitlines()
    assert f"    {known}" in lines
    assert all(len(line) <= 60 for line in lines)


FULL = {"text": "all of it, " * 20}


@pytest.mark.parametrize("width", [60, 80])
def test_everything_of_an_execution_is_shown_whole(width: int, store: runfold.Store, database_url: str) -> None:
    run_ = store.executions.create(workflow_id=uuid4(), mode="MANUAL", start=True)
    node = run_.node("fetch", node_type="ACTION")
    node.start(input_data={"url": "https://example.org"})
    node.succeed(output_data=FULL)
    run_.node("mail", node_type="ACTION").skip(reason="nobody is subscribed")
    run_.cancel(reason="the customer called", by="anna")
    drain(database_url)
    done = run(database_url, "execution", "show", run_.execution_id[:18], "--full", columns=width)
    assert done.returncode == 0, done.stderr
    for text in ("https://example.org", FULL["text"], "nobody is subscribed", "the customer called by anna"):
        assert text in done.stdout, text
    short = run(database_url, "execution", "show", run_.execution_id, columns=width).stdout
    assert FULL["text"] not in short
    past = run(database_url, "execution", "at", run_.execution_id, "--event", "4", "--full", columns=width).stdout
    assert FULL["text"] in past
    assert "the customer called" not in past
    found = ask(database_url, "execution", "show", run_.execution_id, "--full")
    assert found["reasons"][-1]["reason"] == "the customer called"
