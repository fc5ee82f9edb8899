"""`runfold log`: what is proved, what differs, and what was not checked, by words and exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.cli.conftest import Runfold
from tests.seals.conftest import fill, roll_back, seal, tampering
from tests.seals.test_tampering import forge

Connection = psycopg.Connection[Any]


@pytest.fixture
def sealed(connection: Connection) -> Connection:
    """A log of three sealed ranges."""
    for n in range(3):
        fill(connection, 5, stream=f"log-{n}")
        seal(connection, everything=True)
    return connection


def test_what_is_as_it_was_sealed_is_said(runfold: Runfold, sealed: Connection) -> None:
    done = runfold("log", "verify")
    assert done.code == 0, done.err
    assert "15 events in 3 ranges" in done.out
    assert "not checked" not in done.out


@pytest.mark.parametrize("columns", [80, 200])
def test_the_first_range_and_event_that_differ_are_named(runfold: Runfold, sealed: Connection, columns: int) -> None:
    with tampering(sealed):
        sealed.execute('UPDATE runfold.events SET data = data || \'{"message": "x"}\' WHERE position = 8')
        sealed.execute("DELETE FROM runfold.events WHERE position = 12")
    done = runfold("log", "verify", columns=columns)
    assert done.code == 1
    first, event, *_ = done.out.splitlines()
    assert first == "the range 6 to 10 differs: 5 events were sealed, 5 are there"
    assert event.startswith("  position 8: LogAppended of log-1 at version 3, event ")
    assert event.endswith(", was changed")
    assert "  position 12: the event is missing" in done.out
    found = runfold("log", "verify", "--json")
    assert found.code == 1
    assert [one["first_position"] for one in found.json()["differences"]] == [6, 11]
    assert runfold("log", "verify", "--to", "5").code == 0
    assert runfold("log", "verify", "--from", "11").code == 1


def test_what_was_not_checked_is_said_and_is_not_ok(runfold: Runfold, sealed: Connection) -> None:
    fill(sealed, 2)
    done = runfold("log", "verify")
    assert done.code == 3
    assert "not checked: 2 events behind the last seal" in done.out
    assert runfold("log", "verify", "--to", "15").code == 0
    found = runfold("log", "verify", "--json")
    assert (found.code, found.json()["unchecked_events"]) == (3, 2)


def test_what_differs_wins_over_what_was_not_checked(runfold: Runfold, sealed: Connection) -> None:
    fill(sealed, 2)
    with tampering(sealed):
        sealed.execute("DELETE FROM runfold.events WHERE position = 12")
    assert runfold("log", "verify").code == 1


def test_a_range_that_is_none_is_refused(runfold: Runfold, sealed: Connection) -> None:
    done = runfold("log", "verify", "--from", "9", "--to", "8")
    assert done.code == 1
    assert "the positions 9 to 8 are no range" in done.err
    assert runfold("log", "verify", "--from", "0").code == 2


def export(runfold: Runfold, file: Path, *words: str) -> list[dict[str, Any]]:
    """Write an export to a file, at its end, and return its lines."""
    done = runfold("log", "seal", "export", *words)
    assert done.code == 0, done.err
    with file.open("a") as opened:
        opened.write(done.out)
    return [json.loads(line) for line in done.out.splitlines()]


def answer(runfold: Runfold, file: Path) -> tuple[str, int]:
    """What a check says, and its exit code."""
    done = runfold("log", "seal", "check", str(file), "--json")
    assert done.err == ""
    return done.json()["answer"], done.code


def test_an_export_is_the_same_older_newer_or_differs(runfold: Runfold, sealed: Connection, tmp_path: Path) -> None:
    file = tmp_path / "seals.jsonl"
    lines = export(runfold, file)
    assert [line["last"] for line in lines] == [5, 10, 15]
    assert answer(runfold, file) == ("same", 0)
    fill(sealed, 1)
    seal(sealed, everything=True)
    assert answer(runfold, file) == ("export_is_older", 0)
    assert "the export is older" in runfold("log", "seal", "check", str(file)).out
    assert [line["last"] for line in export(runfold, file, "--after", "15")] == [16]
    assert answer(runfold, file) == ("same", 0)
    with tampering(sealed):
        # As a restored dump has it.
        sealed.execute("DELETE FROM runfold.events WHERE position > 10")
        sealed.execute("DELETE FROM runfold.seal_marks WHERE first_position > 10")
        sealed.execute("DELETE FROM runfold.seals WHERE first_position > 10")
    assert answer(runfold, file) == ("log_is_older", 3)
    said = runfold("log", "seal", "check", str(file)).out
    assert "it is sealed up to 10, the export up to 16" in said
    assert "up to 10 they are the same" in said
    # It was restored, and goes on from there.
    sealed.execute("SELECT setval('runfold.events_position', 10)")
    fill(sealed, 20, stream="log-7")
    seal(sealed, everything=True)
    assert answer(runfold, file) == ("differs", 1)
    assert "up to 10 they are the same" in runfold("log", "seal", "check", str(file)).out


def test_a_chain_made_anew_is_found_by_an_export_alone(runfold: Runfold, sealed: Connection, tmp_path: Path) -> None:
    file = tmp_path / "seals.jsonl"
    export(runfold, file)
    with tampering(sealed):
        sealed.execute("UPDATE runfold.events SET type = 'Other' WHERE position = 8")
        for first in (6, 11):
            forge(sealed, first)
    assert runfold("log", "verify").code == 0
    done = runfold("log", "seal", "check", str(file))
    assert done.code == 1
    assert "the seal at position 10 is not the exported one; up to 5 they are the same" in done.out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no seal"),
        ("\n\n", "holds no seal"),
        ("no json\n", "line 1, is no seal"),
        ("[1]\n", "line 1, is no seal"),
        ('{"log": "x", "last": 1}\n', "line 1, is no seal"),
        ('{"log": "x", "last": true, "seal": "' + "0" * 64 + '"}\n', "line 1, is no seal"),
        ('{"log": "x", "last": 0, "seal": "' + "0" * 64 + '"}\n', "line 1, is no seal"),
        ('{"log": "x", "last": 9223372036854775808, "seal": "' + "0" * 64 + '"}\n', "line 1, is no seal"),
        ('{"log": "x", "last": 1, "seal": "' + "0" * 63 + '"}\n', "line 1, is no seal"),
        ("x" * 2_000_000, "line 1, is no seal"),
        ('{"log": "x", "last": 1, "seal": "' + "0" * 64 + '"}\n', "holds seals of the log x in line 1"),
    ],
)
def test_a_file_that_is_no_export_of_this_log_is_refused(
    runfold: Runfold, sealed: Connection, tmp_path: Path, text: str, said: str
) -> None:
    file = tmp_path / "seals.jsonl"
    file.write_text(text)
    done = runfold("log", "seal", "check", str(file))
    assert done.code == 1
    assert said in done.err


def test_a_torn_line_is_named(runfold: Runfold, sealed: Connection, tmp_path: Path) -> None:
    file = tmp_path / "seals.jsonl"
    export(runfold, file)
    file.write_text(file.read_text()[:-20])
    done = runfold("log", "seal", "check", str(file))
    assert done.code == 1
    assert "line 3, is no seal" in done.err


def test_another_logs_export_is_refused(runfold: Runfold, sealed: Connection, tmp_path: Path) -> None:
    file = tmp_path / "seals.jsonl"
    export(runfold, file)
    sealed.execute("UPDATE runfold.log_identity SET id = %s", (uuid4(),))
    done = runfold("log", "seal", "check", str(file))
    assert done.code == 1
    assert "connect to the log that it was made of" in done.err


def test_many_holes_are_verified_and_exported(runfold: Runfold, connection: Connection, tmp_path: Path) -> None:
    fill(connection, 1)
    roll_back(connection, 25_000)
    fill(connection, 1)
    assert runfold("worker", "--once").code == 0
    done = runfold("log", "verify")
    assert done.code == 0
    assert "2 events in 3 ranges" in done.out
    file = tmp_path / "seals.jsonl"
    assert len(export(runfold, file)) == 3
    assert answer(runfold, file) == ("same", 0)
