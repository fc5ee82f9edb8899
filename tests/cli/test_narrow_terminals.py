"""At 80 and 60 columns every column can be read, and ids are in one piece, so that they can be copied."""

from __future__ import annotations

from uuid import uuid4

import pytest

import runfold
from runfold import events
from runfold.cli.output import print_table
from tests.cli.running import NOON, execution, ms, run
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
