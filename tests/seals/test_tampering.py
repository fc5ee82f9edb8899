"""Whatever a superuser changes in what is sealed is found, and the event is named."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from cryptography.fernet import Fernet
from psycopg import sql

import runfold
from runfold.keys.policy import add_policies
from runfold.seals.verifying import LogVerification, verify_log
from runfold.settings import Settings
from tests.factories import line
from tests.fixtures.evidence import Evidence
from tests.seals.conftest import fill, roll_back, seal, tampering

Connection = psycopg.Connection[Any]

# For each column of the log, another value of it.
CHANGES = {
    "append_end": "append_end + 1",
    "stream_id": "stream_id || 'x'",
    "stream_version": "stream_version + 100",
    "event_id": "gen_random_uuid()",
    "category": "'execution'",
    "type": "type || 'x'",
    "schema_version": "schema_version + 1",
    "user_id": "gen_random_uuid()",
    "data": 'data || \'{"message": "another"}\'',
    "payload": "'\\x00'",
    "metadata": '\'{"by": "me"}\'',
    "occurred_at": "occurred_at + interval '1 microsecond'",
    "recorded_at": "recorded_at - interval '1 microsecond'",
}
OTHER_CHANGES = {
    "one letter": "data = data || jsonb_build_object('message', overlay(data ->> 'message' placing 'k' from 1))",
    "a key more": "data = data || '{\"more\": null}'",
    "no body": "data = NULL",
    "null for a body": "data = 'null'",
    "a time without end": "occurred_at = 'infinity'",
    "a time without beginning": "recorded_at = '-infinity'",
    "a number's last digit": "data = data || '{\"n\": 1.00000000000000000001}'",
    "the same number with another scale": "data = data || '{\"number\": 1.0}'",
}


@pytest.fixture
def sealed(connection: Connection) -> Connection:
    """A log of three ranges, the second with holes, all sealed."""
    for n in range(3):
        fill(connection, 40, stream=f"log-{n}")
        roll_back(connection, 10 * n)
        seal(connection, everything=True)
    assert found(connection).differing == 0
    return connection


def found(connection: Connection, **where: int) -> LogVerification:
    return verify_log(connection, **where)


def only_event(verification: LogVerification) -> Any:
    """The one event that differs."""
    assert verification.differing == 1
    (different,) = verification.differences
    assert (different.kind, different.differing) == ("events", 1)
    (event,) = different.events
    assert different.first_position <= event.position <= different.last_position
    return event


def test_every_column_of_the_log_is_tried(connection: Connection) -> None:
    columns = {
        name
        for (name,) in connection.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = 'runfold.events'::regclass AND attnum > 0"
        )
    }
    assert columns == CHANGES.keys() | {"position"}


@pytest.mark.parametrize(
    "change",
    [f"{column} = {value}" for column, value in CHANGES.items()] + list(OTHER_CHANGES.values()),
    ids=[*CHANGES, *OTHER_CHANGES],
)
def test_a_changed_event_is_named(sealed: Connection, change: str) -> None:
    with tampering(sealed):
        sealed.execute(f"UPDATE runfold.events SET {change} WHERE position = 57")  # type: ignore[call-overload]
    event = only_event(found(sealed))
    assert (event.position, event.kind, event.type[:11]) == (57, "changed", "LogAppended")
    assert found(sealed, from_position=1, to_position=40).differing == 0


def test_control_without_the_category_in_the_digest_its_change_is_not_found(sealed: Connection) -> None:
    definition = sealed.execute("SELECT pg_get_functiondef('runfold.range_digest'::regproc)").fetchone()
    assert definition is not None
    sealed.execute(definition[0].replace("e.category = split_part(e.stream_id, '-', 1)", "true"))
    with tampering(sealed):
        sealed.execute("UPDATE runfold.events SET category = 'execution' WHERE position = 57")
    assert found(sealed).differing == 0


def test_a_missing_event_is_named(sealed: Connection) -> None:
    with tampering(sealed):
        sealed.execute("DELETE FROM runfold.events WHERE position = 60")
    event = only_event(found(sealed))
    assert (event.position, event.kind, event.event_id) == (60, "missing", None)


def add(connection: Connection, position: int) -> None:
    """Put an event into a hole."""
    with tampering(connection):
        connection.execute(
            "INSERT INTO runfold.events SELECT (jsonb_populate_record(e, jsonb_build_object("
            "'position', %s::bigint, 'event_id', gen_random_uuid()))).* FROM runfold.events e WHERE position = 41",
            (position,),
        )


def test_an_added_event_is_named(sealed: Connection) -> None:
    add(sealed, 85)
    event = only_event(found(sealed))
    assert (event.position, event.kind, event.stream_id) == (85, "added", "log-1")


def test_a_whole_range_that_went_missing_is_found(sealed: Connection) -> None:
    with tampering(sealed):
        sealed.execute("DELETE FROM runfold.events WHERE position BETWEEN 41 AND 90")
    (different,) = found(sealed).differences
    assert (different.sealed, different.found, different.differing) == (40, 0, 40)
    assert {event.kind for event in different.events} == {"missing"}


def swap(connection: Connection, one: int, other: int) -> None:
    """Let two events change their positions."""
    with tampering(connection):
        for old, new in ((one, 0), (other, one), (0, other)):
            if old and new:
                connection.execute("UPDATE runfold.events SET position = %s WHERE position = %s", (new, old))
            elif new == 0:
                connection.execute(
                    "CREATE TEMPORARY TABLE aside AS SELECT * FROM runfold.events WHERE position = %s", (old,)
                )
                connection.execute("DELETE FROM runfold.events WHERE position = %s", (old,))
            else:
                connection.execute("UPDATE aside SET position = %s", (new,))
                connection.execute("INSERT INTO runfold.events SELECT * FROM aside")


def test_events_that_changed_places_are_named(sealed: Connection) -> None:
    swap(sealed, 45, 52)
    (different,) = found(sealed).differences
    assert [(event.position, event.kind, event.moved_from) for event in different.events] == [
        (45, "moved", 52),
        (52, "moved", 45),
    ]


def test_an_event_that_was_moved_into_a_hole_is_named_once(sealed: Connection) -> None:
    with tampering(sealed):
        sealed.execute("UPDATE runfold.events SET position = 88 WHERE position = 44")
    event = only_event(found(sealed))
    assert (event.position, event.kind, event.moved_from) == (88, "moved", 44)


def test_an_event_in_the_place_of_another_is_named(sealed: Connection) -> None:
    with tampering(sealed):
        sealed.execute("DELETE FROM runfold.events WHERE position = 47")
    add(sealed, 47)
    event = only_event(found(sealed))
    assert (event.position, event.kind) == (47, "changed")


def test_the_range_is_found_where_the_marks_were_forged_with_the_event(sealed: Connection) -> None:
    with tampering(sealed):
        sealed.execute("UPDATE runfold.events SET type = 'Other' WHERE position = 57")
        sealed.execute(
            "UPDATE runfold.seal_marks m SET marks = d.marks"
            " FROM runfold.seals s"
            " CROSS JOIN LATERAL runfold.range_digest('runfold.events', s.first_position, s.last_position) d"
            " WHERE s.first_position = m.first_position"
        )
    (different,) = found(sealed).differences
    assert (different.kind, different.differing, different.events) == ("events", None, [])


def test_without_marks_the_range_is_named(sealed: Connection) -> None:
    with tampering(sealed):
        sealed.execute("UPDATE runfold.events SET type = 'Other' WHERE position = 57")
        sealed.execute("DELETE FROM runfold.seal_marks")
    (different,) = found(sealed).differences
    assert (different.first_position, different.last_position, different.differing) == (41, 90, None)


def forge(connection: Connection, first: int) -> None:
    """Seal one range anew, its link to the next one left as it is."""
    connection.execute(
        "UPDATE runfold.seals s SET events = d.events, range_digest = d.digest, seal = runfold.seal_of("
        " (SELECT p.seal FROM runfold.seals p WHERE p.last_position = s.first_position - 1),"
        " s.first_position, s.last_position, d.events, d.digest)"
        " FROM runfold.seals o"
        " CROSS JOIN LATERAL runfold.range_digest('runfold.events', o.first_position, o.last_position) d"
        " WHERE s.first_position = %s AND o.first_position = s.first_position",
        (first,),
    )


def test_a_range_that_was_sealed_anew_breaks_the_chain_behind_it(sealed: Connection) -> None:
    with tampering(sealed):
        sealed.execute("UPDATE runfold.events SET type = 'Other' WHERE position = 57")
        forge(sealed, 41)
    (different,) = found(sealed).differences
    assert (different.kind, different.first_position) == ("seal", 91)


def test_a_seal_that_was_deleted_leaves_a_gap(sealed: Connection) -> None:
    with tampering(sealed):
        sealed.execute("DELETE FROM runfold.seals WHERE first_position = 41")
    (different,) = found(sealed).differences
    assert (different.kind, different.first_position) == ("gap", 91)


def test_a_chain_that_was_made_anew_as_a_whole_verifies_and_only_an_export_finds_it(sealed: Connection) -> None:
    """Why exports are kept elsewhere."""
    with tampering(sealed):
        sealed.execute("UPDATE runfold.events SET type = 'Other' WHERE position = 57")
        for (first,) in sealed.execute("SELECT first_position FROM runfold.seals ORDER BY 1").fetchall():
            forge(sealed, first)
    assert found(sealed).differing == 0


def test_events_behind_the_last_seal_are_counted_as_not_checked(sealed: Connection) -> None:
    assert found(sealed).unchecked_events == 0
    fill(sealed, 7)
    verification = found(sealed)
    assert (verification.events, verification.unchecked_events, verification.differing) == (120, 7, 0)
    assert found(sealed, to_position=100).unchecked_events == 0
    assert found(sealed, from_position=151).ranges == 0


def test_random_changes_by_a_superuser_are_found(sealed: Connection, evidence: Evidence) -> None:
    """D7: one event at a time is changed, deleted, added or moved, found by its position, and put back."""
    random = evidence.rng
    sealed.execute("CREATE TEMPORARY TABLE kept AS SELECT * FROM runfold.events")
    tried = evidence.scaled(40)
    named = 0
    for _ in range(tried):
        verb = random.choice(["change", "delete", "add", "move"])
        position = random.randint(1, 40) + random.choice([0, 40, 90])
        if verb == "change":
            column = random.choice(sorted(CHANGES))
            with tampering(sealed):
                sealed.execute(
                    sql.SQL("UPDATE runfold.events SET {} = {} WHERE position = %s").format(
                        sql.Identifier(column),
                        sql.SQL(CHANGES[column]),  # type: ignore[arg-type]
                    ),
                    (position,),
                )
        elif verb == "delete":
            with tampering(sealed):
                sealed.execute("DELETE FROM runfold.events WHERE position = %s", (position,))
        elif verb == "add":
            position = random.randint(81, 90)
            add(sealed, position)
        else:
            hole = random.randint(81, 90)
            with tampering(sealed):
                sealed.execute("UPDATE runfold.events SET position = %s WHERE position = %s", (hole, position))
            position = hole if 41 <= position <= 80 else position
        verification = found(sealed)
        assert verification.differing >= 1, (verb, position)
        positions = {event.position for one in verification.differences for event in one.events}
        assert position in positions, (verb, position, positions)
        named += 1
        with tampering(sealed):
            sealed.execute("DELETE FROM runfold.events")
            sealed.execute("INSERT INTO runfold.events SELECT * FROM kept")
        assert found(sealed).differing == 0
    evidence.note(tried=tried, named=named)


def test_erasing_a_tenant_leaves_the_seals_valid(sealed: Connection, database_url: str, tmp_path: Path) -> None:
    """What is sealed of an encrypted value is its encrypted form, which erasing leaves in the log."""
    keys = Settings(master_keys=Fernet.generate_key().decode(), key_home=str(tmp_path))  # type: ignore[arg-type]
    add_policies(sealed, ["*"])
    tenant = uuid4()
    with runfold.connect(database_url, settings=keys, user_id=tenant) as store:
        store.append("log-erased", [line("a secret")])
    seal(sealed, everything=True)
    (message,) = sealed.execute(
        "SELECT data ->> 'message' FROM runfold.events WHERE stream_id = 'log-erased'"
    ).fetchone()
    assert message.startswith("encrypted:")
    shutil.rmtree(tmp_path)
    while sealed.execute("SELECT state FROM runfold.erase_tenant(%s)", (tenant,)).fetchone() != ("erased",):
        pass
    seal(sealed, everything=True)
    verification = found(sealed)
    assert (verification.differing, verification.unchecked_events) == (0, 0)
