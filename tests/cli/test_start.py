"""`runfold --version`, `--help` and completion import nothing slow, and list every noun without its modules."""

from __future__ import annotations

import os
import pkgutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer.main

import runfold.cli
from runfold.cli.app import build, load
from runfold.cli.nouns import NOUNS

SLOW = {"psycopg", "psycopg_pool", "pydantic", "sqlparse", "psutil"}

# The command line as its console script calls it; at the end, which modules were imported.
PROBE = """
import atexit, sys
atexit.register(lambda: print("imported:", *sorted(sys.modules)))
from runfold.cli import main
main()
"""


def printed(*words: str, **environment: str) -> list[str]:
    """The lines that a call of `runfold` printed, and last the modules that it imported."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *words], env={**os.environ, **environment}, capture_output=True, text=True
    )
    return done.stdout.splitlines()


def imported(lines: list[str]) -> set[str]:
    """The top-level modules that were imported."""
    assert lines[-1].startswith("imported: ")
    return {name.partition(".")[0] for name in lines[-1].split()[1:]}


def completing(*words: str) -> dict[str, str]:
    """The environment in which bash asks for what follows these words."""
    return {
        "_RUNFOLD_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(("runfold", *words)),
        "COMP_CWORD": str(len(words)),
    }


@pytest.mark.process
@pytest.mark.parametrize("words", [("--version",), ("--help",), ("-h",), ()], ids=" ".join)
def test_version_and_help_import_neither_psycopg_nor_pydantic(words: tuple[str, ...]) -> None:
    assert imported(printed(*words)) & SLOW == set()


@pytest.mark.process
@pytest.mark.parametrize(
    ("words", "found"),
    [
        pytest.param(("exe",), {"execution"}, id="a noun"),
        pytest.param(("execution", "s"), {"show", "stuck"}, id="a verb"),
        pytest.param(("--url", "postgresql://u@127.0.0.1:1/x", "execution", "s"), {"show", "stuck"}, id="after --url"),
        pytest.param(("--ur",), {"--url"}, id="an option"),
    ],
)
def test_completion_names_nouns_and_verbs_and_imports_neither(words: tuple[str, ...], found: set[str]) -> None:
    lines = printed(**completing(*words))
    assert set(lines[:-1]) == found
    assert imported(lines) & SLOW == set()


@pytest.mark.process
def test_control_a_command_imports_both() -> None:
    assert {"psycopg", "pydantic"} <= imported(printed("--url", "postgresql://u@127.0.0.1:1/x", "status"))


def test_the_lines_of_the_help_are_those_of_the_modules() -> None:
    assert {name: noun.help for name, noun in NOUNS.items()} == {
        name: " ".join(load(name).help.strip().split("\n\n")[0].split()) for name in NOUNS
    }


def test_every_module_that_adds_a_command_belongs_to_a_noun() -> None:
    named = [module for noun in NOUNS.values() for module in noun.modules]
    folder = Path(runfold.cli.__path__[0])
    adding = {
        module.name
        for module in pkgutil.iter_modules([str(folder)])
        if ".command(" in (folder / f"{module.name}.py").read_text() and module.name != "app"
    }
    assert adding == set(named)
    assert len(named) == len(set(named))


def verbs() -> dict[str, int]:
    """How many commands each noun's module has registered."""
    apps = {name: getattr(import_module(f"runfold.cli.{noun.modules[0]}"), "app", None) for name, noun in NOUNS.items()}
    return {name: len(app.registered_commands) for name, app in apps.items() if app is not None}


def tree(command: Any) -> dict[str, Any] | None:
    """The names below a command."""
    below = getattr(command, "commands", None)
    return None if below is None else {name: tree(one) for name, one in below.items()}


def test_building_the_command_line_again_registers_nothing_again() -> None:
    first = tree(typer.main.get_command(build()))
    assert first is not None
    assert {"list", "show", "diff", "tail", "stuck"} <= set(first["execution"] or ())
    before = verbs()
    for _ in range(3):
        assert tree(typer.main.get_command(build())) == first
    assert verbs() == before


AWAY = ("--url", "postgresql://nobody@127.0.0.1:1/nothing")
MODELS = "runfold.events.execution"


@pytest.mark.process
@pytest.mark.parametrize(
    "words",
    ["status", "worker --once", "projection verify", "projection list", "execution list", "parked list", "migrate"],
)
def test_a_command_imports_no_model_of_an_event_and_no_parser_before_its_first_statement(words: str) -> None:
    found = set(printed(*AWAY, *words.split())[-1].split())
    assert "psycopg" in found
    assert found & {MODELS, "runfold.events", "sqlparse", "psycopg_pool"} == set()


@pytest.mark.process
def test_control_a_command_that_appends_imports_the_models() -> None:
    assert MODELS in printed(*AWAY, "interaction", "withdraw", "00000000-0000-0000-0000-000000000000")[-1].split()
