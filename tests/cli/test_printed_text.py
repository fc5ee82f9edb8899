"""What users and failing steps wrote cannot steer an operator's terminal, in any verb; every print has one door."""

from __future__ import annotations

import ast
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

import runfold
from runfold import events
from runfold.cli.output import print_json, print_table, print_text
from runfold.cli.printable import printable
from tests.cli.running import NOON, WORKFLOW, execution, ms, run
from tests.factories import line
from tests.fixtures.processes import drain

pytest_plugins = ["tests.fixtures.stores"]

STEER = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202eleft\u2066"
"""A title, a bell, a cleared screen, a colour by a C1 control, and controls of the direction of writing."""

STEERING = ("\x1b]0", "\x1b[2J", "\x07", "\x9b", "\u202e", "\u2066")

SOURCES = Path(runfold.__file__).parent


@pytest.fixture
def steered(store: runfold.Store, connection: psycopg.Connection[object], database_url: str) -> str:
    """A database whose names, messages and data carry sequences that steer a terminal."""
    connection.execute(
        "INSERT INTO workflows (id, name, workflow_data, created_at, updated_at) VALUES (%s, %s, '{}', 1, 1)",
        [WORKFLOW, f"orders {STEER}"],
    )
    connection.commit()
    at = {"node_id": "fetch", "activation": "fetch"}
    store.append_many(
        [
            execution(
                name,
                events.NodeStarted(**at, node_type="ACTION", attempt=1, start_time=ms(NOON)),
                events.NodeFailed(**at, end_time=ms(NOON), error_data={"message": f"500 {name} {STEER}"}),
                events.ExecutionFailed(end_time=ms(NOON), error_message=f"failed {name} {STEER}"),
            )
            for name in ("one", "two")
        ]
    )
    store.append("log-one", [line(f"said {STEER}")])
    drain(database_url)
    return database_url


def on_a_terminal(url: str, *words: str) -> str:
    """Return what the command writes to a pseudo-terminal."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "runfold", "--url", url, *words],
        env={**os.environ, "COLUMNS": "100", "TERM": "xterm-256color"},
        stdout=follower,
        stderr=follower,
        stdin=subprocess.DEVNULL,
    )
    os.close(follower)
    seen = bytearray()
    while True:
        try:
            part = os.read(leader, 65_536)
        except OSError:  # Linux answers so when the other side has closed
            break
        if not part:
            break
        seen += part
    os.close(leader)
    process.wait(timeout=60)
    return seen.decode()


@pytest.mark.parametrize(
    "words",
    [
        "execution list",
        "execution show one",
        "execution show one --json",
        "execution at one --event 4",
        "execution tail one --no-follow",
        "execution tail one --no-follow --json",
        "execution diff one two",
        "execution diff one two --json",
        "why workflow_executions one status",
        pytest.param(f"execution show {STEER}", id="an unknown id"),
        pytest.param(f"why workflow_executions one {STEER}", id="an unknown column"),
        pytest.param(f"--debug execution show {STEER}", id="a traceback"),
    ],
)
def test_what_events_say_steers_no_terminal(words: str, steered: str) -> None:
    seen = on_a_terminal(steered, *words.split())
    assert [sign for sign in STEERING if sign in seen] == []
    assert "owned" in seen or "one" in seen, "it has printed something"


def test_every_print_goes_through_the_door() -> None:
    found = [
        f"{path.relative_to(SOURCES)}:{number}"
        for room in ("cli", "demo")
        for path in sorted((SOURCES / room).glob("*.py"))
        if path.name != "output.py"
        for number in prints(path.read_text())
    ]
    assert found == [], "these print without `runfold.cli.output`"


@pytest.mark.parametrize(
    "code", ["print('x')", "typer.echo(x)", "sys.stderr.write(x)", "console = Console()", "traceback.print_exc()"]
)
def test_control_a_print_beside_the_door_is_found(code: str) -> None:
    assert list(prints(f"import x\n\n{code}\n")) == [3]


def prints(source: str) -> list[int]:
    """Return the lines that print, or make a console of rich's own."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in {"print", "Console", "rich.print"} or called.endswith(
                (".echo", ".secho", "stdout.write", "stderr.write", ".print_exc", ".print_exception")
            ):
                found.append(node.lineno)
    return found


def test_a_text_keeps_its_letters_and_lines() -> None:
    assert printable("señor 山田\n✓ ok") == "señor 山田\n✓ ok"
    assert not set(STEERING) & set(printable(STEER))


def test_markup_and_emoji_names_in_a_cell_are_shown_as_written(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([{"message": "[red]x[/red] :warning: \\"}], columns=["message"])
    assert "[red]x[/red] :warning: \\" in capsys.readouterr().out


def test_json_keeps_its_value(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"a": STEER + "\U000e0001\x7f", "b": "山田\n"}
    print_json(value)
    shown = capsys.readouterr().out
    assert json.loads(shown) == value
    assert [sign for sign in shown if not sign.isprintable() and sign != "\n"] == []


def test_an_error_line_is_printable(database_url: str) -> None:
    done = run(database_url, "execution", "show", STEER)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert done.stderr.removesuffix("\n").isprintable()


def test_a_log_line_on_stderr_is_printable() -> None:
    import logging

    from runfold.cli.output import PrintableFormatter

    record = logging.LogRecord("runfold", logging.WARNING, "", 1, "parked: %s", (STEER,), None)
    assert PrintableFormatter("%(message)s").format(record).isprintable()
    assert not logging.Formatter("%(message)s").format(record).isprintable(), "control: another formatter lets it pass"


def test_print_text_is_the_door(capsys: pytest.CaptureFixture[str]) -> None:
    print_text(f"x{STEER}")
    print_text("e\x07", err=True)
    shown = capsys.readouterr()
    assert shown.out.removesuffix("\n").isprintable()
    assert shown.err == "e \n"


def test_what_is_drawn_by_rich_is_printable_and_keeps_its_colours() -> None:
    from io import StringIO

    from rich.console import Console
    from rich.text import Text

    from runfold.cli.terminal import Terminal

    def drawn(kind: type[Console]) -> str:
        file = StringIO()
        kind(file=file, force_terminal=True, color_system="standard", width=80).print(Text(STEER, style="red"))
        return file.getvalue()

    assert not [sign for sign in STEERING if sign in drawn(Terminal)]
    assert "\x1b[31m" in drawn(Terminal), "the product's own colour"
    assert "\x1b[2J" in drawn(Console), "control: rich's own console lets it pass"
