"""`runfold spool` shows what a spool holds and sends it; `runfold db adopt` gives a copy an identity of its own."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

import runfold
from runfold.emitter.replay import Sent, offer, refused_entries, resend_refused, send
from runfold.emitter.spool import Spool
from runfold.errors import RunfoldError, SpoolBelongsElsewhere
from runfold.events.envelope import Append, NewEvent
from tests.cli.running import ask, run
from tests.factories import a_stream, append, call, happening, line, lines

pytest_plugins = ["tests.fixtures.stores"]

BAD = NewEvent(type="Nothing", data={})


def spooled(folder: Path, *calls: Iterable[Append], log: UUID | None = None) -> None:
    """Put calls into a spool, as an emitter does while the database is away."""
    with Spool.open(folder, log) as spool:
        for appends in calls:
            spool.append(call(*appends).encode())
        spool.sync()


def recorded(store: runfold.Store, stream: str) -> list[str]:
    return [str(event.event_id) for event in store.read_stream(stream)]


def ids(events: Iterable[NewEvent]) -> list[str]:
    return [str(event.event_id) for event in events]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def test_a_spool_is_shown_sent_once_and_empty_then(store: runfold.Store, database_url: str, folder: Path) -> None:
    one, two = lines(3), lines(2)
    a, b = a_stream(), a_stream()
    spooled(folder, [append(a, one[:2]), append(b, two)], [append(a, one[2:])], log=store.log_identity())
    shown = ask(database_url, "spool", "show", str(folder))
    assert (shown["calls"], shown["events"], shown["streams"], shown["used_by"]) == (2, 5, 2, None)
    assert shown["log"] == str(store.log_identity())
    assert shown["oldest"] <= shown["newest"]
    assert ask(database_url, "spool", "send", str(folder), "--dry-run") == {
        "calls": 2, "events": 5, "refused": 0, "bytes": shown["bytes"], "dry_run": True,
    }  # fmt: skip
    assert recorded(store, a) == []
    # The first call was sent by the engine that died, and another one wrote since.
    store.append_many([append(a, one[:2])])
    done = run(database_url, "spool", "send", str(folder))
    assert (done.returncode, done.stdout) == (0, "5 events in the log now, 0 refused\n"), done.stderr
    assert (recorded(store, a), recorded(store, b)) == (ids(one), ids(two))
    assert ask(database_url, "spool", "send", str(folder))["calls"] == 0
    assert "nothing was refused" in run(database_url, "spool", "refused", str(folder)).stdout


def test_what_the_log_refuses_is_listed_and_sent_again_as_it_is(
    store: runfold.Store, database_url: str, folder: Path
) -> None:
    good, poison = lines(3), happening()
    a, thing = a_stream(), a_stream("thing")
    spooled(folder, [append(a, [good[0], BAD, good[1]]), append(thing, [poison])], [append(a, [good[2]])])
    done = run(database_url, "spool", "send", str(folder), "--json")
    assert (done.returncode, json.loads(done.stdout)["refused"]) == (1, 2), done.stderr
    assert recorded(store, a) == ids(good)
    listed = ask(database_url, "spool", "refused", str(folder))
    assert [entry["event"]["event_id"] for entry in listed] == ids([BAD, poison])
    assert [entry["error"]["code"] for entry in listed] == ["unknown_type", "unknown_category"]
    shown = run(database_url, "spool", "refused", str(folder)).stdout
    assert poison.type in shown
    assert ask(database_url, "spool", "show", str(folder))["refused"] == 2

    again = run(database_url, "spool", "refused", str(folder), "--resend")
    assert (again.returncode, again.stdout) == (1, "0 events in the log now, 2 refused\n"), again.stderr
    store.register_event_types("thing")
    again = run(database_url, "spool", "refused", str(folder), "--resend", "--json")
    assert (again.returncode, json.loads(again.stdout)["events"]) == (1, 1)
    assert recorded(store, thing) == [str(poison.event_id)]
    (left,) = ask(database_url, "spool", "refused", str(folder))
    assert left["event"]["event_id"] == str(BAD.event_id)


def test_a_stream_whose_version_moved_is_refused_and_the_others_are_sent(store: runfold.Store, folder: Path) -> None:
    mine, others = lines(2), lines(2)
    a, b = a_stream(), a_stream()
    store.append_many([append(a, 1)])
    spooled(folder, [append(a, mine, expected_version=0), append(b, others)])
    with Spool.open(folder) as spool:
        (sent,) = send(spool, store)
        assert (sent.events, sent.refused) == (2, 2)
        assert [entry["error"]["code"] for entry, _ in refused_entries(spool)] == ["version_conflict"] * 2
    assert (len(recorded(store, a)), recorded(store, b)) == (1, ids(others))


def test_an_event_that_was_refused_twice_is_listed_once(store: runfold.Store, folder: Path) -> None:
    """A crash between the line of refused.jsonl and the cursor offers the call again."""
    spooled(folder, [append(a_stream(), [BAD])])
    with Spool.open(folder) as spool:
        for _ in range(2):
            for entry in offer(store, json.loads(next(spool.records()).call), Sent()):
                spool.refuse(entry)
        assert (len(refused_entries(spool)), spool.refused_total) == (1, 2)
        (sent,) = resend_refused(spool, store)
        assert (sent.events, sent.refused) == (0, 1)


def test_a_stored_event_is_no_reason_to_drop_a_new_one_before_it(store: runfold.Store, folder: Path) -> None:
    """The new one came too late: it is kept with its error, never put behind."""
    first, second = lines(2)
    a = a_stream()
    store.append_many([append(a, [second])])
    spooled(folder, [append(a, [first, second])])
    with Spool.open(folder) as spool:
        (sent,) = send(spool, store)
        assert (sent.events, sent.refused) == (1, 1)
        ((entry, _),) = refused_entries(spool)
    assert entry["event"]["event_id"] == str(first.event_id)
    assert recorded(store, a) == [str(second.event_id)]


def test_a_failure_that_is_not_the_events_refuses_nothing(
    folder: Path, store: runfold.Store, connection: psycopg.Connection[Any]
) -> None:
    spooled(folder, [append(events=2)])
    with Spool.open(folder) as spool:
        connection.execute("ALTER FUNCTION runfold.append_events RENAME TO gone")
        with pytest.raises((RunfoldError, psycopg.Error)):
            list(send(spool, store))
        assert (spool.is_empty, spool.refused_total) == (False, 0)
        connection.execute("ALTER FUNCTION runfold.gone RENAME TO append_events")
        (sent,) = send(spool, store)
        assert sent.events == 2


def test_a_spool_of_another_log_is_sent_only_by_the_operators_word(
    store: runfold.Store, database_url: str, folder: Path
) -> None:
    events = lines(1)
    a, other = a_stream(), uuid4()
    spooled(folder, [append(a, events)], log=other)
    for words in (["send"], ["send", "--dry-run"]):
        done = run(database_url, "spool", *words, str(folder))
        assert done.returncode == 1
        assert str(other) in done.stderr
        assert "--to-this-log" in done.stderr
    assert recorded(store, a) == []
    assert ask(database_url, "spool", "send", str(folder), "--to-this-log")["events"] == 1
    assert recorded(store, a) == ids(events)


def test_a_spool_in_use_is_shown_and_not_sent(database_url: str, folder: Path) -> None:
    with Spool.open(folder) as spool:
        spool.append(call(append(events=[line()])).encode())
        assert ask(database_url, "spool", "show", str(folder))["events"] == 1
        done = run(database_url, "spool", "send", str(folder))
        assert done.returncode == 1
        assert "uses the spool" in done.stderr


def test_a_folder_that_is_no_spool_is_a_mistake(database_url: str, tmp_path: Path) -> None:
    done = run(database_url, "spool", "show", str(tmp_path))
    assert (done.returncode, list(tmp_path.iterdir())) == (2, [])
    assert "is not a spool" in done.stderr


def test_a_copy_gets_an_identity_of_its_own_and_refuses_the_spools_of_the_first(
    store: runfold.Store, database_url: str, folder: Path
) -> None:
    first = store.log_identity()
    spooled(folder, [append(events=1)], log=first)
    looked = ask(database_url, "db", "adopt", "--new-identity", "--dry-run")
    assert looked == {"former": str(first), "identity": None, "dry_run": True}
    assert store.log_identity() == first
    changed = ask(database_url, "db", "adopt", "--new-identity")
    assert changed["former"] == str(first)
    assert changed["identity"] == str(store.log_identity()) != str(first)
    with pytest.raises(SpoolBelongsElsewhere):
        Spool.open(folder, store.log_identity())
    assert run(database_url, "db", "adopt").returncode == 2


def test_a_log_has_one_identity(connection: psycopg.Connection[Any]) -> None:
    for row in ("(DEFAULT)", "(false)"):
        with pytest.raises(psycopg.errors.IntegrityError), connection.transaction():
            connection.execute(f"INSERT INTO runfold.log_identity (singleton) VALUES {row}")
    with pytest.raises(psycopg.errors.NotNullViolation), connection.transaction():
        connection.execute("UPDATE runfold.log_identity SET id = NULL")


@pytest.mark.parametrize(
    "role",
    ["engine", "projector", "projections", "scheduler", "agent", "reader", "gateway", "operator"],
)
def test_every_role_reads_the_identity_and_only_the_operator_changes_it(
    connection: psycopg.Connection[Any], role: str
) -> None:
    with connection.transaction(force_rollback=True):
        connection.execute(f"SET LOCAL ROLE runfold_{role}")
        assert connection.execute("SELECT id FROM runfold.log_identity").fetchone()
        change = "UPDATE runfold.log_identity SET id = gen_random_uuid()"
        if role == "operator":
            connection.execute(change)
        else:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(change)
