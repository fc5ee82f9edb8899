"""Mistakes get one line that says what to do, and an exit code; every help has an example."""

from __future__ import annotations

import pytest
import typer.main

from runfold.cli.app import build
from tests.cli.conftest import Answer, Runfold, run_console_script

NOUNS = ("worker", "status", "execution", "projection", "parked")


def commands() -> list[tuple[str, ...]]:
    """Return every command of these nouns."""
    found: list[tuple[str, ...]] = []

    def walk(command: object, words: tuple[str, ...]) -> None:
        for name, inner in getattr(command, "commands", {}).items():
            walk(inner, (*words, name))
        if not getattr(command, "commands", None):
            found.append(words)

    root = typer.main.get_command(build())
    for noun in NOUNS:
        walk(root.commands[noun], (noun,))  # type: ignore[attr-defined]
    return found


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_help_has_an_example(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        build()([*words, "--help"], prog_name="runfold")
    assert end.value.code == 0
    shown = capsys.readouterr().out
    assert f"Example: runfold {' '.join(words[:1])}" in " ".join(shown.split())


def one_line(answer: Answer, *, code: int = 1) -> str:
    assert answer.code == code
    assert answer.out == ""
    (line,) = answer.err.splitlines()
    return line


def test_an_unknown_execution_is_told_where_to_look(runfold: Runfold) -> None:
    assert one_line(runfold("execution", "show", "nope")) == (
        "error: there is no execution 'nope': see `runfold execution list`"
    )


def test_an_unknown_projection_is_told_what_there_is(runfold: Runfold) -> None:
    line = one_line(runfold("projection", "verify", "executions"))
    assert line.startswith("error: there is no projection 'executions': choose one of ")
    assert "workflow_executions" in line


def test_an_unknown_status_is_told_what_there_is(runfold: Runfold) -> None:
    answer = runfold("execution", "list", "--status", "failed")
    assert answer.code == 2
    assert "WAITING_FOR_HUMAN" in answer.err


def test_a_folder_of_projections_that_is_not_there_is_named(runfold: Runfold) -> None:
    assert one_line(runfold("status", RUNFOLD_PROJECTIONS="/nowhere")) == (
        "error: there is no folder /nowhere: set RUNFOLD_PROJECTIONS to your projection files"
    )


@pytest.mark.parametrize(
    "words", [("status",), ("worker", "--once"), ("execution", "list"), ("parked", "list")], ids=" ".join
)
def test_a_database_that_was_never_migrated_says_how(empty_database_url: str, words: tuple[str, ...]) -> None:
    line = one_line(run_console_script("--url", empty_database_url, *words))
    assert line.startswith("error: ")
    assert "runfold migrate" in line


@pytest.mark.database  # it asks for a server that is away
@pytest.mark.parametrize("words", [("status",), ("worker", "--once"), ("projection", "verify")], ids=" ".join)
def test_a_server_that_is_away_is_named_and_no_password_is_told(words: tuple[str, ...]) -> None:
    line = one_line(run_console_script("--url", "postgresql://me:geheim@127.0.0.1:9/runfold", *words))
    assert line.startswith("error: ")
    assert "cannot be reached" in line
    assert "geheim" not in line
