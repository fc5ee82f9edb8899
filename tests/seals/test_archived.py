"""What left the log for the archive is verified from its files, and what remained is proved by them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest
from pyarrow import parquet

from runfold.archive.restoring import restore_range
from runfold.archive.rewriting import rewrite_without
from runfold.seals.verifying import LogVerification, verify_log
from tests.archive.segments import Segmented
from tests.cli.running import run as run_command
from tests.fixtures.logs import Log
from tests.seals.conftest import seal, tampering

Connection = psycopg.Connection[Any]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "archive"


@pytest.fixture
def archived(connection: Connection, folder: Path) -> Segmented:
    """A sealed log in segments of 100 positions, of which most has left; `execution-open` stays."""
    log = Segmented(Log(connection), 100)
    log.runs(12, "a")
    log.fill()
    log.runs(12, "b")
    log.fill()
    log.folded()
    seal(connection, everything=True)
    assert verify_log(connection).unchecked_events == 0
    assert log.archive(folder).events > 100
    return log


def found(log: Segmented, folder: Path | None) -> LogVerification:
    return verify_log(log.connection, archive=folder)


def test_without_the_folder_what_left_is_not_checked(archived: Segmented, folder: Path) -> None:
    verification = found(archived, None)
    assert verification.differing == 0
    assert verification.archived_ranges > 0
    assert verification.unchecked_events == verification.archived_events > 0
    assert "set RUNFOLD_ARCHIVE" in (verification.unread or "")


def test_with_the_folder_every_event_is_checked(archived: Segmented, folder: Path) -> None:
    (sealed,) = archived.connection.execute("SELECT sum(events) FROM runfold.seals").fetchone() or (0,)
    verification = found(archived, folder)
    assert (verification.differing, verification.unchecked_events, verification.events) == (0, 0, sealed)
    assert verification.archived_ranges == 0


@pytest.mark.parametrize("change", ["data = '{}'", "type = 'Other'", "recorded_at = recorded_at + interval '1 s'"])
def test_a_change_of_what_remained_is_named(archived: Segmented, folder: Path, change: str) -> None:
    position = remaining(archived)
    with tampering(archived.connection) as superuser:
        superuser.execute(f"UPDATE runfold.events SET {change} WHERE position = %s", (position,))  # type: ignore[call-overload]
    (different,) = found(archived, folder).differences
    assert [(event.position, event.kind) for event in different.events] == [(position, "changed")]


def remaining(log: Segmented) -> int:
    """The position of an event that stayed in a segment of which others left."""
    (position,) = log.connection.execute(
        "SELECT min(position) FROM runfold.events WHERE stream_id = 'execution-open'"
    ).fetchone() or (0,)
    return int(position)


def test_what_went_missing_beside_what_left_is_named(archived: Segmented, folder: Path) -> None:
    position = remaining(archived)
    with tampering(archived.connection) as superuser:
        superuser.execute("DELETE FROM runfold.events WHERE position = %s", (position,))
    (different,) = found(archived, folder).differences
    assert [(event.position, event.kind) for event in different.events] == [(position, "missing")]


def test_what_was_added_in_the_place_of_what_left_is_named(archived: Segmented, folder: Path) -> None:
    with tampering(archived.connection) as superuser:
        superuser.execute(
            "INSERT INTO runfold.events SELECT (jsonb_populate_record(e, '{\"position\": 3}')).* FROM runfold.events e"
            " WHERE position = %s",
            (remaining(archived),),
        )
    (different,) = found(archived, folder).differences
    assert [(event.position, event.kind) for event in different.events] == [(3, "changed")]


def test_an_event_that_was_changed_in_a_file_is_named(archived: Segmented, folder: Path) -> None:
    path = sorted(folder.glob("*.parquet"))[0]
    table = parquet.read_table(path)
    types = table.column("type").to_pylist()
    types[4] = "Other"
    position = table.column("position").to_pylist()[4]
    column = table.schema.get_field_index("type")
    parquet.write_table(table.set_column(column, table.schema.field(column), [types]), path)
    (different,) = found(archived, folder).differences
    assert [(event.position, event.kind, event.type) for event in different.events] == [(position, "changed", "Other")]


def test_an_event_that_is_not_in_its_file_any_more_is_named(archived: Segmented, folder: Path) -> None:
    path = sorted(folder.glob("*.parquet"))[0]
    table = parquet.read_table(path)
    position = table.column("position").to_pylist()[4]
    parquet.write_table(table.filter([n != 4 for n in range(table.num_rows)]), path)
    (different,) = found(archived, folder).differences
    assert [(event.position, event.kind) for event in different.events] == [(position, "missing")]


@pytest.mark.parametrize("damage", ["missing", "damaged"])
def test_a_file_that_cannot_be_read_is_not_checked(archived: Segmented, folder: Path, damage: str) -> None:
    path = sorted(folder.glob("*.parquet"))[0]
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:100])
    verification = found(archived, folder)
    assert verification.differing == 0
    assert verification.unchecked_events == verification.archived_events > 0
    assert path.name in (verification.unread or "")


def test_what_came_back_is_verified_without_the_folder(archived: Segmented, folder: Path) -> None:
    restore_range(archived.connection, folder, 1, archived.head())
    verification = found(archived, None)
    assert (verification.differing, verification.unchecked_events) == (0, 0)


def test_a_file_without_an_erased_tenant_still_proves_the_log(archived: Segmented, folder: Path) -> None:
    """Its events are leaves there, without what they said."""
    (tenant,) = archived.connection.execute(
        "SELECT user_id FROM runfold.streams WHERE archived_at IS NOT NULL AND user_id IS NOT NULL LIMIT 1"
    ).fetchone() or (None,)
    while archived.connection.execute("SELECT state FROM runfold.erase_tenant(%s)", (tenant,)).fetchone() != (
        "erased",
    ):
        pass
    seal(archived.connection, everything=True)
    assert rewrite_without(archived.connection, folder, str(tenant))
    verification = found(archived, folder)
    assert (verification.differing, verification.unchecked_events) == (0, 0)


def test_the_command_says_what_it_could_not_read(archived: Segmented, folder: Path, database_url: str) -> None:
    without = run_command(database_url, "log", "verify", columns=300)
    assert without.returncode == 3, without.stderr
    assert "have left for the archive, which could not be read" in without.stdout
    done = run_command(database_url, "log", "verify", "--archive", str(folder))
    assert done.returncode == 0, done.stdout
