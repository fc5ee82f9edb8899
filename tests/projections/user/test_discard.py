"""Discarding in a user's group works as in runfold's, is recorded for the operator and never by the file."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from runfold.errors import DiscardFailed, StreamNotParked
from runfold.projections.definition.catalogue import Group, load_catalogue
from runfold.projections.reconciling.discard import Discarded, _Discard, discard
from tests.cli.conftest import run_console_script
from tests.fixtures.logs import Log, event
from tests.fixtures.processes import assert_nothing_differs, drain
from tests.fixtures.user_logins import login_of_users
from tests.projections.user.costs import PYTHON_FORM, SQL_FORM, TABLE, actual, expected, spend, write_form
from tests.projections.user.groups import user_login

BOTH = pytest.mark.parametrize("form", ["sql", "py"])
SICK = "execution-sick"


@pytest.fixture
def sick(log: Log) -> Log:
    """A log in which the second of three costs of one stream is not a number."""
    log.connection.execute(TABLE)
    spend(log, "a", [0.25, 0.5])
    spend(log, "sick", [2, "much", 4])
    spend(log, "b", [1])
    return log


def group_of(folder: Path) -> Group:
    return load_catalogue(folder).groups["costs"]


def give_up(url: str, group: Group, stream_id: str = SICK, *, dry_run: bool = False) -> Discarded:
    with psycopg.connect(url, autocommit=True) as connection:
        return discard(
            connection, group, stream_id, reason="a test sent it", by="ann", dry_run=dry_run, login=user_login(url)
        )


def parked(log: Log) -> list[Any]:
    return log.connection.execute("SELECT stream_id, position FROM runfold.parked_streams").fetchall()


def discarded(log: Log) -> list[Any]:
    return log.connection.execute(
        "SELECT group_name, position, type, reason, discarded_by, role_name FROM runfold.discarded_events"
    ).fetchall()


def permits(log: Log) -> list[Any]:
    return log.connection.execute("SELECT * FROM runfold.allowed_discards").fetchall()


def position_of(log: Log, cost: object) -> int:
    (found,) = [
        item.position
        for item in log.events
        if item.type == "NodeSucceeded" and item.data["output_data"]["usage"]["cost_usd"] == cost
    ]
    return found


def forget(log: Log, position: int) -> None:
    log.events = [item for item in log.events if item.position != position]


@BOTH
def test_the_event_is_given_up_and_what_waited_is_folded(
    sick: Log, database_url: str, tmp_path: Path, form: str
) -> None:
    folder = write_form(tmp_path / "own", form)
    drain(database_url, folder)
    bad = position_of(sick, "much")
    # What comes before the bad one is folded already.
    assert parked(sick) == [(SICK, bad)]
    assert sum(nodes for _, nodes in actual(sick.connection).values()) == 4
    group = group_of(folder)
    before = actual(sick.connection)
    dry = give_up(database_url, group, dry_run=True)
    assert (dry.position, dry.type, dry.parked_again_at) == (bad, "NodeSucceeded", None)
    assert (parked(sick), discarded(sick), actual(sick.connection)) == ([(SICK, bad)], [], before)
    assert permits(sick) == []
    found = give_up(database_url, group)
    assert (found.position, found.stream_version, found.parked_again_at) == (bad, 4, None)
    assert ("numeric" in found.error) if form == "sql" else ("InvalidOperation" in found.error)
    assert parked(sick) == []
    role = sick.connection.info.user
    assert discarded(sick) == [("costs", bad, "NodeSucceeded", "a test sent it", "ann", role)]
    assert permits(sick) == []
    forget(sick, bad)
    assert actual(sick.connection) == expected(sick)
    # The stream goes on, and verify agrees.
    sick.append(SICK, event("NodeSucceeded", activation="z", node_id="z", output_data={"usage": {"cost_usd": 8}}))
    assert drain(database_url, folder) == {}
    assert actual(sick.connection) == expected(sick)
    assert_nothing_differs(database_url, folder)
    with pytest.raises(StreamNotParked):
        give_up(database_url, group)


@BOTH
def test_a_later_bad_event_parks_the_stream_again(sick: Log, database_url: str, tmp_path: Path, form: str) -> None:
    spend(sick, "twice", ["much more", 16, "most", 32])
    folder = write_form(tmp_path / "own", form)
    drain(database_url, folder)
    group = group_of(folder)
    found = give_up(database_url, group, "execution-twice")
    assert (found.position, found.parked_again_at) == (position_of(sick, "much more"), position_of(sick, "most"))
    assert set(parked(sick)) == {(SICK, position_of(sick, "much")), ("execution-twice", position_of(sick, "most"))}
    assert Decimal(16) in {cost for cost, _ in actual(sick.connection).values()}
    assert_nothing_differs(database_url, folder)


@BOTH
def test_what_only_the_standing_rows_refuse_is_given_up(
    sick: Log, database_url: str, tmp_path: Path, form: str
) -> None:
    """A sum over streams that a CHECK refuses: alone, each event could be folded."""
    workflow = spend(sick, "first", [900])
    spend(sick, "second", [901], workflow=workflow)
    folder = write_form(tmp_path / "own", form)
    drain(database_url, folder)
    found = give_up(database_url, group_of(folder), "execution-second")
    assert (found.position, found.parked_again_at) == (position_of(sick, 901), None)
    assert actual(sick.connection)[workflow] == (Decimal(900), 1)


def test_where_no_event_is_to_blame_nothing_is_discarded(sick: Log, database_url: str, tmp_path: Path) -> None:
    folder = write_form(tmp_path / "own", "sql")
    drain(database_url, folder)
    broken = write_form(folder, "sql", text=SQL_FORM.replace("b.occurred_at", "b.occured_at"))
    with pytest.raises(DiscardFailed, match="no event of the group costs is to blame"):
        give_up(database_url, group_of(broken))
    repaired = write_form(
        folder, "py", text=PYTHON_FORM.replace('(usage["cost_usd"])', '(usage["cost_usd"]).replace("much", "0")')
    )
    with pytest.raises(DiscardFailed, match="can be folded now"):
        give_up(database_url, group_of(repaired))
    sick.connection.execute("REVOKE INSERT ON projections.costs FROM runfold_projections")
    with pytest.raises(DiscardFailed, match="permission denied for table costs"):
        give_up(database_url, group_of(write_form(folder, "py")))
    assert (discarded(sick), permits(sick)) == ([], [])


def test_killed_between_its_steps_it_is_done_wholly_or_not_at_all(
    sick: Log, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_form(tmp_path / "own", "sql")
    drain(database_url, folder)
    group, before = group_of(folder), actual(sick.connection)
    whole = _Discard._leave_parked

    def ended(self: _Discard, bad: Any) -> None:
        whole(self, bad)
        sick.connection.execute("SELECT pg_terminate_backend(%s)", [self.ledger.connection.info.backend_pid])

    with monkeypatch.context() as patched:
        patched.setattr(_Discard, "_leave_parked", ended)
        with pytest.raises(psycopg.OperationalError):
            give_up(database_url, group)
    assert (actual(sick.connection), discarded(sick), len(parked(sick))) == (before, [], 1)
    give_up(database_url, group)
    assert (len(discarded(sick)), parked(sick)) == (1, [])


SNEAK = """
    discarding = "SELECT * FROM runfold.discard_event('costs', %s, '22P02', 'made up')"
    if any(event.stream_id == "execution-b" for event in batch):
        connection.execute(discarding, [batch[0].position])
"""


def test_a_file_can_not_discard_by_itself(sick: Log, database_url: str, tmp_path: Path) -> None:
    folder = write_form(tmp_path / "own", "py", text=PYTHON_FORM + SNEAK)
    # What another session of the login was allowed helps nobody else.
    allow = "INSERT INTO runfold.allowed_discards VALUES ('costs', %s, 'execution-b', 'r', 'ann')"
    sick.connection.execute(allow, [sick.connection.info.backend_pid])
    assert "no operator has allowed" in drain(database_url, folder)["costs"]
    assert discarded(sick) == []
    assert len(permits(sick)) == 1


def test_control_the_function_discards_what_was_allowed(sick: Log, database_url: str, tmp_path: Path) -> None:
    drain(database_url, write_form(tmp_path / "own", "sql"))
    bad = position_of(sick, "much")
    with psycopg.connect(login_of_users(database_url)) as own:
        pid = own.info.backend_pid
        sick.connection.execute(
            "INSERT INTO runfold.allowed_discards VALUES ('costs', %s, %s, 'r', 'ann')", [pid, SICK]
        )
        own.execute("SELECT runfold.begin_batch('costs')")
        own.execute("SELECT runfold.discard_event('costs', %s, '22P02', 'x')", [bad])
        # Once.
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="no operator has allowed"), own.transaction():
            own.execute("SELECT runfold.discard_event('costs', %s, '22P02', 'x')", [bad + 1])
        own.execute("SELECT runfold.end_batch('costs')")
    assert [row[1] for row in discarded(sick)] == [bad]


def test_the_command_discards_and_says_so(sick: Log, database_url: str, tmp_path: Path) -> None:
    folder = str(write_form(tmp_path / "own", "sql"))
    drain(database_url, Path(folder))
    own = {"RUNFOLD_PROJECTIONS_URL": login_of_users(database_url)}
    words = ("--url", database_url, "parked", "discard", SICK, "--reason", "a test sent it", "--by", "ann")
    refused = run_console_script(*words, **own)
    assert (refused.code, "set RUNFOLD_PROJECTIONS to its files" in refused.err) == (1, True)
    done = run_console_script(*words, "--projections", folder, **own)
    assert (done.code, done.err) == (0, "")
    assert "NodeSucceeded is discarded" in done.out
    assert "the waiting events are folded" in done.out
    shown = run_console_script("--url", database_url, "parked", "list", "--discarded", "--json", **own)
    assert [row["discarded_by"] for row in shown.json()] == ["ann"]
