"""Discarding in a user's group works as in runfold's, is recorded for the operator and never by the file."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from runfold.errors import DiscardFailed, FoldDenied, StreamNotParked
from runfold.projections.definition.catalogue import Group, load_catalogue
from runfold.projections.folding.fold import bind, live_schemas
from runfold.projections.folding.ledger import Ledger
from runfold.projections.folding.poison import Bad, fold_to_the_bad_one
from runfold.projections.reconciling.discard import Discarded, _Discard, discard
from runfold.projections.reconciling.rebuild import rebuild
from runfold.projections.reconciling.retry import fold_waiting, retry
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


def try_again(url: str, group: Group, stream_id: str = SICK) -> Bad | None:
    with psycopg.connect(url, autocommit=True) as connection:
        return retry(connection, group, stream_id, login=user_login(url))


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


MENDED = {
    "sql": SQL_FORM.replace(
        "(b.data #>> '{output_data,usage,cost_usd}')::numeric",
        "replace(b.data #>> '{output_data,usage,cost_usd}', 'free', '0')::numeric",
    ),
    "py": PYTHON_FORM.replace('str(usage["cost_usd"])', 'str(usage["cost_usd"]).replace("free", "0")'),
}
OTHER = "execution-other"


@dataclass(frozen=True)
class Mended:
    """Two streams are parked at `free`, which the file can fold by now; behind it, in SICK, comes what it never can."""

    log: Log
    url: str
    folder: Path
    group: Group
    free: int
    much: int
    others: int

    def assert_rows(self, *, without: tuple[int, ...] = ()) -> None:
        """The rows hold the log but for these positions, and verify agrees."""
        whole, self.log.events = self.log.events, [item for item in self.log.events if item.position not in without]
        try:
            assert actual(self.log.connection) == expected(self.log)
        finally:
            self.log.events = whole
        assert_nothing_differs(self.url, self.folder)


@pytest.fixture(params=["sql", "py"])
def mended(request: pytest.FixtureRequest, log: Log, database_url: str, tmp_path: Path) -> Mended:
    log.connection.execute(TABLE)
    workflow = spend(log, "sick", [2, "free", 8, "much", 4])
    spend(log, "other", [16, "free"], workflow=workflow)
    spend(log, "well", [32], workflow=workflow)
    folder = write_form(tmp_path / "own", request.param)
    drain(database_url, folder)
    free, others = (
        item.position
        for item in log.events
        if item.type == "NodeSucceeded" and item.data["output_data"]["usage"]["cost_usd"] == "free"
    )
    assert sorted(parked(log)) == [(OTHER, others), (SICK, free)]
    write_form(folder, request.param, text=MENDED[request.param])
    much = position_of(log, "much")
    for item in log.events:
        if item.position in (free, others):
            item.data["output_data"]["usage"]["cost_usd"] = 0
    return Mended(log, database_url, folder, group_of(folder), free, much, others)


def begin_with(mended: Mended, before: str) -> None:
    if before == "a retry":
        assert try_again(mended.url, mended.group) is not None
    if before == "a rebuild":
        login = user_login(mended.url)
        rebuild(
            partial(psycopg.connect, mended.url, autocommit=True),
            load_catalogue(mended.folder),
            ["costs"],
            park=True,
            login=login,
        )


@pytest.mark.parametrize("before", ["nothing", "a retry", "a rebuild"])
def test_what_lies_before_the_discarded_event_is_folded_too(mended: Mended, before: str) -> None:
    """Also while another stream of the group is parked, which stays as it is."""
    begin_with(mended, before)
    found = give_up(mended.url, mended.group)
    assert (found.position, found.parked_again_at) == (mended.much, None)
    assert parked(mended.log) == [(OTHER, mended.others)]
    mended.assert_rows(without=(mended.much, mended.others))
    assert try_again(mended.url, mended.group, OTHER) is None
    assert parked(mended.log) == []
    mended.assert_rows(without=(mended.much,))


def test_control_folding_only_what_lies_behind_the_discarded_event_loses_another(
    mended: Mended, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "runfold.projections.reconciling.discard.fold_waiting",
        lambda *given, first, upto: fold_waiting(*given, first=mended.much, upto=upto),
    )
    give_up(mended.url, mended.group)
    with pytest.raises(AssertionError):
        mended.assert_rows(without=(mended.much, mended.others))


def test_a_retry_that_fails_later_parks_the_stream_where_it_fails(mended: Mended) -> None:
    """So the error that is listed is that of the event whose position is listed, and what comes before is folded."""
    bad = try_again(mended.url, mended.group)
    assert bad is not None
    assert bad.position == mended.much
    row = mended.log.connection.execute(
        "SELECT position, error FROM runfold.parked_streams WHERE stream_id = %s", [SICK]
    ).fetchone()
    assert row == (mended.much, bad.message)
    assert "much" in bad.message or "InvalidOperation" in bad.message
    waiting = [item.position for item in mended.log.events if item.stream_id == SICK and item.position > mended.much]
    mended.assert_rows(without=(mended.much, mended.others, *waiting))
    # It fails there again, and nothing has changed.
    before = mended.log.connection.execute("SELECT * FROM runfold.parked_streams ORDER BY 2").fetchall()
    assert try_again(mended.url, mended.group) is not None
    assert mended.log.connection.execute("SELECT * FROM runfold.parked_streams ORDER BY 2").fetchall() == before
    mended.assert_rows(without=(mended.much, mended.others, *waiting))


ENDED = """
    import runfold

    @runfold.projection(
        name="costs", types=["NodeSkipped", "ExecutionSucceeded"], key=["id"], barriers=["ExecutionSucceeded"]
    )
    def ended(batch, connection):
        for event in batch:
            if event.type == "ExecutionSucceeded":
                connection.execute("INSERT INTO costs (id) VALUES (%s) ON CONFLICT DO NOTHING", [event.stream_id])
            elif event.data["activation"] in BAD:
                raise ValueError(event.data["activation"])
"""


def fold_while_parked(ledger: Ledger, cursor: psycopg.Cursor[Any], group: Group, stream: str, **range_: int) -> None:
    """What `fold_waiting` does, but the stream is unparked afterwards."""
    bind(cursor, live_schemas(group))
    fold_to_the_bad_one(ledger, cursor, group, stream, after=range_["first"] - 1, upto=range_["upto"])
    ledger.unpark(group, stream)


@pytest.mark.parametrize("how", ["retry", "discard"])
def test_control_while_it_is_parked_its_barriers_are_passed_over(
    log: Log, database_url: str, tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runfold.projections.reconciling.retry.fold_waiting", fold_while_parked)
    monkeypatch.setattr("runfold.projections.reconciling.discard.fold_waiting", fold_while_parked)
    with pytest.raises(AssertionError, match="execution-sick"):
        test_a_barrier_of_the_parked_stream_itself_is_folded(log, database_url, tmp_path, how)


@pytest.mark.parametrize("how", ["retry", "discard"])
def test_a_barrier_of_the_parked_stream_itself_is_folded(log: Log, database_url: str, tmp_path: Path, how: str) -> None:
    log.connection.execute("CREATE TABLE projections.costs (id text PRIMARY KEY)")
    folder = write_form(tmp_path / "own", "py", text=ENDED.replace("BAD", '("a", "b")'))
    for name in ("well", "sick"):
        skipped = [event("NodeSkipped", activation=activation) for activation in "ab" if name == "sick"]
        log.append(f"execution-{name}", event("ExecutionCreated", execution_id=name))
        log.append(f"execution-{name}", event("ExecutionStarted"), *skipped, event("ExecutionSucceeded"))
    drain(database_url, folder)
    assert len(parked(log)) == 1
    write_form(folder, "py", text=ENDED.replace("BAD", "()" if how == "retry" else '("b",)'))
    if how == "retry":
        assert try_again(database_url, group_of(folder)) is None
    else:
        assert give_up(database_url, group_of(folder)).parked_again_at is None
    assert parked(log) == []
    ended = log.connection.execute("SELECT id FROM projections.costs ORDER BY id").fetchall()
    assert ended == [(SICK,), ("execution-well",)]
    assert_nothing_differs(database_url, folder)


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
    with pytest.raises(FoldDenied, match=r"permission denied for table costs: no event is to blame"):
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
