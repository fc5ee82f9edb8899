"""Hidden rows stop who would take them for missing, and a right that is missing parks no stream."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

import runfold
from runfold.errors import FoldDenied, RowsHidden
from runfold.projections.definition.catalogue import load_catalogue
from runfold.projections.folding import hidden, poison, projector, sessions
from runfold.projections.reconciling.discard import discard
from runfold.projections.reconciling.rebuild import rebuild
from runfold.projections.reconciling.replay import replay
from runfold.projections.reconciling.retry import retry
from runfold.projections.reconciling.verify import verify
from runfold.reading.past.why import why
from runfold.worker import group_runner
from tests.fixtures.logs import Log, run
from tests.fixtures.processes import checkpoint, drain
from tests.fixtures.tenants import login_of_service
from tests.projections.folding.test_parking import CREATED, parked, smuggle
from tests.projections.user.groups import TABLE, text

TABLES = "public.workflow_executions"
PASSES = '"services see every row"'

CASES: dict[str, tuple[str, dict[str, bool]]] = {
    "as it is shipped": ("", {"runfold_projector": False, "runfold_operator": False, "owner": False}),
    "without row security": (
        f"ALTER TABLE {TABLES} DISABLE ROW LEVEL SECURITY; DROP POLICY {PASSES} ON {TABLES}",
        {"runfold_projector": False, "runfold_operator": False, "owner": False},
    ),
    "without the policy of services": (
        f"DROP POLICY {PASSES} ON {TABLES}",
        {"runfold_projector": True, "runfold_operator": True, "owner": False},
    ),
    "with the policy of one of them": (
        (
            f"DROP POLICY {PASSES} ON {TABLES};"
            f" CREATE POLICY p ON {TABLES} FOR ALL TO runfold_projector USING (true) WITH CHECK (true)"
        ),
        {"runfold_projector": False, "runfold_operator": True, "owner": False},
    ),
    "with a policy that reads only": (
        f"DROP POLICY {PASSES} ON {TABLES}; CREATE POLICY p ON {TABLES} FOR SELECT TO runfold_projector USING (true)",
        {"runfold_projector": True, "runfold_operator": True, "owner": False},
    ),
    "with a policy that lets not every row pass": (
        f"ALTER POLICY {PASSES} ON {TABLES} USING (status <> 'NEW')",
        {"runfold_projector": True, "runfold_operator": True, "owner": False},
    ),
    "with a policy that lets not every row be written": (
        f"ALTER POLICY {PASSES} ON {TABLES} WITH CHECK (status <> 'NEW')",
        {"runfold_projector": True, "runfold_operator": True, "owner": False},
    ),
    "under a restrictive policy": (
        f"CREATE POLICY r ON {TABLES} AS RESTRICTIVE FOR SELECT TO PUBLIC USING (status <> 'NEW')",
        {"runfold_projector": True, "runfold_operator": True, "owner": False},
    ),
    "under a restrictive policy of tenants": (
        f"CREATE POLICY r ON {TABLES} AS RESTRICTIVE FOR SELECT TO authenticated USING (status <> 'NEW')",
        {"runfold_projector": False, "runfold_operator": False, "owner": False},
    ),
}


@pytest.fixture
def log(connection: psycopg.Connection[Any], database_url: str) -> Log:
    """A log with two executions, which is folded."""
    made = Log(connection)
    made.append("execution-a", *run("a"))
    made.append("execution-b", *run("b"))
    drain(database_url)
    return made


@pytest.fixture
def url(database_url: str, log: Log) -> str:
    """The URL of a login that folds and is neither superuser nor owner."""
    return login_of_service(database_url, "runfold_projector")


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("role", ["runfold_projector", "runfold_operator", "owner"])
def test_a_table_is_hidden_from_whom_its_policies_hide_rows(
    connection: psycopg.Connection[Any], database_url: str, case: str, role: str
) -> None:
    change, hides = CASES[case]
    connection.execute(change.encode())
    if role == "owner":
        login_of_service(database_url, "runfold_projector")
        owner = "runfold_test_member_of_projector"
        connection.execute(f"ALTER TABLE {TABLES} OWNER TO {owner}; SET ROLE {owner}".encode())
        asking = connection
    else:
        asking = psycopg.connect(login_of_service(database_url, role), autocommit=True)
    found = asking.execute(f"SELECT runfold.hidden_tables('{{{TABLES}}}'::regclass[])::text".encode()).fetchall()
    connection.execute("RESET ROLE")
    if asking is not connection:
        asking.close()
    assert bool(found) == hides[role]


def group() -> Any:
    return load_catalogue().groups["execution"]


COMMANDS: dict[str, Callable[[str, psycopg.Connection[Any]], object]] = {
    "verify": lambda _, connection: verify(connection, load_catalogue(), ["workflow_executions"]),
    "rebuild": lambda url, _: rebuild(
        lambda: psycopg.connect(url, autocommit=True), load_catalogue(), ["workflow_executions"]
    ),
    "replay": lambda _, connection: replay(connection, load_catalogue(), "execution-a"),
    "retry": lambda _, connection: retry(connection, group(), "execution-sick"),
    "discard": lambda _, connection: discard(connection, group(), "execution-sick", reason="r", by="b"),
}
LOOKS: dict[str, Callable[[str, psycopg.Connection[Any]], object]] = {
    "as of": lambda url, _: _as_of(url),
    "why": lambda _, connection: why(connection, load_catalogue(), "workflow_executions", "a", "status"),
}


def _as_of(url: str) -> list[Any]:
    with runfold.connect(url) as store, store.as_of(position=4) as past:
        return past.execute("SELECT * FROM workflow_executions").fetchall()


@pytest.mark.parametrize("command", COMMANDS)
def test_who_would_take_hidden_rows_for_missing_is_refused(log: Log, database_url: str, url: str, command: str) -> None:
    smuggle(log, "execution-sick", "ExecutionCreated", {**CREATED, "workflow_id": "none"})
    drain(database_url)
    before = parked(log.connection)
    assert len(before) == 1
    log.connection.execute(f"DROP POLICY {PASSES} ON {TABLES}".encode())
    login = login_of_service(database_url, "runfold_operator") if command == "discard" else url
    with psycopg.connect(login, autocommit=True) as connection, pytest.raises(RowsHidden) as refused:
        COMMANDS[command](login, connection)
    assert (refused.value.code, refused.value.facts["tables"]) == ("rows_hidden", ["public.workflow_executions"])
    assert parked(log.connection) == before
    log.connection.execute(str(refused.value.hint).encode())  # the statement that mends it does so
    with psycopg.connect(login, autocommit=True) as connection:
        hidden.require_visible(connection, group())


@pytest.mark.parametrize("command", ["verify", "rebuild", "replay"])
def test_who_compares_copies_in_hidden_workflows_is_refused_and_a_worker_goes_on(
    log: Log, url: str, command: str
) -> None:
    log.connection.execute(f"DROP POLICY {PASSES} ON public.workflows".encode())
    with psycopg.connect(url, autocommit=True) as connection, pytest.raises(RowsHidden) as refused:
        COMMANDS[command](url, connection)
    assert refused.value.facts["tables"] == ["public.workflows"]
    log.append("execution-c", *run("c"))
    assert drain(url) == {}
    log.assert_folded()


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("table", ["runfold.events", "runfold.streams"])
def test_a_look_back_over_a_hidden_log_is_refused(log: Log, url: str, look: str, table: str) -> None:
    log.connection.execute(f"DROP POLICY {PASSES} ON {table}".encode())
    with psycopg.connect(url, autocommit=True) as connection, pytest.raises(RowsHidden) as refused:
        LOOKS[look](url, connection)
    assert refused.value.facts["tables"] == [table]


def test_control_without_asking_verify_takes_hidden_rows_for_missing(
    log: Log, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.connection.execute(f"DROP POLICY {PASSES} ON {TABLES}".encode())
    monkeypatch.setattr(sessions, "require_visible", lambda *_, **__: None)
    with psycopg.connect(url, autocommit=True) as connection:
        (found,) = verify(connection, load_catalogue(), ["workflow_executions"])
    assert (found.rows, found.differing) == (0, 2)


def test_control_without_asking_a_look_back_over_a_hidden_log_is_empty(
    log: Log, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.connection.execute(f"DROP POLICY {PASSES} ON runfold.events".encode())
    monkeypatch.setattr("runfold.reading.past.reader.require_visible_log", lambda _: None)
    monkeypatch.setattr("runfold.reading.past.reader.position_of", lambda *_, **__: 4)
    assert _as_of(url) == []


def test_a_worker_stops_the_group_of_a_hidden_table_alone_and_goes_on_when_it_is_mended(log: Log, url: str) -> None:
    log.append("execution-c", *run("c"))
    before = checkpoint(log.connection)
    log.connection.execute(f"DROP POLICY {PASSES} ON {TABLES}".encode())
    stopped = drain(url)
    assert list(stopped) == ["execution"]
    assert "row security may hide rows of public.workflow_executions" in stopped["execution"]
    assert checkpoint(log.connection) == before
    assert checkpoint(log.connection, "interaction") > before
    assert parked(log.connection) == []
    mend = re.search(r"CREATE POLICY .*;", stopped["execution"])
    assert mend is not None
    log.connection.execute(mend[0].encode())
    assert drain(url) == {}
    log.assert_folded()


def test_a_worker_that_may_not_see_the_log_folds_nothing_and_passes_nothing_by(log: Log, url: str) -> None:
    before = checkpoint(log.connection)
    log.append("execution-c", *run("c"))
    log.connection.execute(f"DROP POLICY {PASSES} ON runfold.events".encode())
    stopped = drain(url)
    assert set(stopped) == {group.name for group in load_catalogue().groups.values()}
    assert checkpoint(log.connection) == before
    mend = re.search(r"CREATE POLICY .*;", stopped["execution"])
    assert mend is not None
    log.connection.execute(mend[0].encode())
    assert drain(url) == {}
    log.assert_folded()


def test_control_a_worker_that_does_not_ask_passes_hidden_events_by(
    log: Log, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.append("execution-c", *run("c"))
    log.connection.execute(f"DROP POLICY {PASSES} ON runfold.events".encode())
    monkeypatch.setattr(group_runner, "require_visible", lambda *_, **__: None)
    assert drain(url) == {}
    assert checkpoint(log.connection) >= log.events[-1].position
    assert log.connection.execute("SELECT count(*) FROM workflow_executions").fetchone() == (2,)


def test_a_users_group_with_a_hidden_table_is_refused_alone(
    log: Log, database_url: str, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.connection.execute(TABLE)
    log.connection.execute("ALTER TABLE projections.mine ENABLE ROW LEVEL SECURITY")
    (tmp_path / "mine.sql").write_text(text())
    log.append("execution-c", *run("c"))
    stopped = drain(database_url, tmp_path)
    assert list(stopped) == ["mine"]
    assert "TO runfold_projections USING (true) WITH CHECK (true)" in stopped["mine"]
    log.assert_folded()
    mend = re.search(r"CREATE POLICY .*;", stopped["mine"])
    assert mend is not None
    log.connection.execute(mend[0].encode())
    assert drain(database_url, tmp_path) == {}
    assert log.connection.execute("SELECT count(*) FROM projections.mine").fetchone() == (3,)


# -- what the role may not do ------------------------------------------------------------------------------------------

REFUSALS = {
    "a grant": (
        "REVOKE UPDATE ON public.node_executions FROM runfold_projector",
        "GRANT UPDATE ON public.node_executions TO runfold_projector",
    ),
    # The row that is folded is refused by the policy: without a look at it, as by any other of its values.
    "a policy": (
        f"ALTER POLICY {PASSES} ON {TABLES} WITH CHECK (execution_id <> 'sick')",
        f"ALTER POLICY {PASSES} ON {TABLES} WITH CHECK (true)",
    ),
}


@pytest.fixture
def asked_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rights are taken away when the groups have been looked at already."""
    for module in (group_runner, projector, sessions):
        monkeypatch.setattr(module, "require_visible", lambda *_, **__: None)


@pytest.mark.usefixtures("asked_before")
@pytest.mark.parametrize("refusal", REFUSALS)
def test_what_a_role_may_not_do_stops_the_group_and_parks_nothing(log: Log, url: str, refusal: str) -> None:
    take, give = REFUSALS[refusal]
    before = checkpoint(log.connection)
    log.append("execution-c", *run("c"))
    log.append("execution-sick", *run("sick"))
    log.connection.execute(take.encode())
    stopped = drain(url)
    assert list(stopped) == ["execution"]
    assert "no event is to blame" in stopped["execution"]
    assert parked(log.connection) == []
    assert checkpoint(log.connection) == before
    assert log.connection.execute(
        "SELECT stopped_sqlstate FROM runfold.checkpoints WHERE group_name = 'execution'"
    ).fetchone() == ("42501",)
    log.connection.execute(give.encode())
    assert drain(url) == {}
    log.assert_folded()


@pytest.mark.usefixtures("asked_before")
def test_control_where_it_counts_as_poison_a_good_stream_is_parked(
    log: Log, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.append("execution-sick", *run("sick"))
    log.connection.execute(REFUSALS["a policy"][0].encode())
    monkeypatch.setattr(poison, "PERMISSION_DENIED", "no state")
    drain(url)
    assert [(stream, state) for _, stream, _, state in parked(log.connection)] == [("execution-sick", "42501")]


@pytest.mark.usefixtures("asked_before")
@pytest.mark.parametrize("command", COMMANDS)
def test_what_a_role_may_not_do_stops_each_command_with_the_error_and_what_to_do(
    log: Log, database_url: str, url: str, command: str
) -> None:
    smuggle(log, "execution-sick", "ExecutionCreated", {**CREATED, "workflow_id": "none"})
    drain(database_url)
    before = parked(log.connection)
    login, role = url, "runfold_projector"
    if command == "discard":
        login, role = login_of_service(database_url, "runfold_operator"), "runfold_operator"
    right = "UPDATE" if command == "rebuild" else "ALL"
    log.connection.execute(f"REVOKE {right} ON {TABLES} FROM {role}".encode())
    log.connection.execute("UPDATE workflow_executions SET status = 'NEW'")
    with psycopg.connect(login, autocommit=True) as connection, pytest.raises(FoldDenied) as refused:
        COMMANDS[command](login, connection)
    assert refused.value.code == "fold_denied"
    assert re.search(r"permission denied for table \w+: no event is to blame, \w+ lacks a right", str(refused.value))
    assert parked(log.connection) == before
    assert log.connection.execute("SELECT count(*) FROM runfold.discarded_events").fetchone() == (0,)
