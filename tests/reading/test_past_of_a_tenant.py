"""The past of a tenant is folded from its own events alone, and nothing of it outlives the look."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import runfold
from runfold import errors
from runfold.reading.past import affected
from runfold.reading.past import reader as past_module
from runfold.reading.past.reader import open_past
from tests.fixtures.logs import Log, event, run
from tests.fixtures.poolers import pgbouncer
from tests.fixtures.processes import drain
from tests.fixtures.tenants import GATEWAY, PASSWORD, login_of_gateway, login_of_stranger
from tests.model import reference
from tests.model.compare import assert_tables_equal, read_past
from tests.model.histories import History, histories
from tests.model.payloads import TENANTS
from tests.projections.folding.test_folds_equal_the_model import DELETION, MATCHES, Database
from tests.projections.folding.test_parking import CREATED, smuggle
from tests.projections.user.groups import TABLE, text, user_settings
from tests.reading.test_past_equals_the_model import CATALOGUE, begin, in_one_database

pytest_plugins = ["tests.projections.folding.test_folds_equal_the_model"]

ONE, OTHER = (tenant for tenant in TENANTS if tenant is not None)


@pytest.fixture
def written(log: Log, database_url: str) -> Log:
    """Executions of two tenants, three and two, in turns; all are folded."""
    for number in range(3):
        log.append(f"execution-one{number}", *run(f"one{number}"), user_id=ONE)
        if number < 2:
            log.append(f"execution-other{number}", *run(f"other{number}"), user_id=OTHER)
            log.append(f"log-other{number}", event("LogAppended"), user_id=OTHER)
    drain(database_url)
    return log


@pytest.fixture
def store(written: Log, database_url: str) -> Iterator[runfold.Store]:
    """A store of the gateway's login."""
    with runfold.connect(login_of_gateway(database_url)) as made:
        yield made


def ids(past: Any, table: str = "workflow_executions") -> list[str]:
    return [row[0] for row in past.execute(f"SELECT execution_id FROM {table} ORDER BY 1").fetchall()]


@in_one_database
@example(DELETION, 0.9)
@example(MATCHES, 1.0)
@given(histories(), st.floats(0, 1))
def test_the_past_of_a_tenant_is_the_model_of_its_events(database: Database, history: History, place: float) -> None:
    events = begin(database, history)
    if not events:
        return
    position = events[round(place * (len(events) - 1))].position
    for tenant in (ONE, OTHER):
        with (
            psycopg.connect(database.url, autocommit=True) as connection,
            open_past(connection, CATALOGUE, position=position, tenant=tenant) as past,
        ):
            found = read_past(connection, past)
        own = [each for each in events if each.position <= position and each.user_id == tenant]
        assert_tables_equal(reference.fold(own), found)


def test_a_tenant_sees_its_own_past_and_no_other(store: runfold.Store, written: Log) -> None:
    last = written.events[-1].position
    for user, names in ((ONE, ["one0", "one1", "one2"]), (OTHER, ["other0", "other1"])):
        with store.as_user(user).as_of(position=last) as past:
            assert ids(past) == names
            assert past.execute("SELECT current_user, count(*) FROM events GROUP BY 1").fetchall() == [
                ("authenticated", sum(each.user_id == user for each in written.events))
            ]
            assert past.execute("SELECT count(*) FROM pg_temp.workflow_execution_logs").fetchone() == (
                0 if user == ONE else 2,
            )
            assert {row[0] for row in past.execute("SELECT user_id FROM workflow_status")} <= {user}
    with store.as_user(ONE).as_of(position=written.events[0].position) as past:
        assert ids(past) == ["one0"]


def test_by_a_time_and_for_tasks(written: Log, database_url: str) -> None:
    async def main() -> list[Any]:
        async with (
            await runfold.connect_async(login_of_gateway(database_url)) as store,
            store.as_user(OTHER).as_of(time=datetime.now(UTC)) as past,
        ):
            return await (await past.execute("SELECT execution_id FROM workflow_executions ORDER BY 1")).fetchall()

    assert asyncio.run(main()) == [("other0",), ("other1",)]


def test_one_execution_or_stream_of_its_own_and_none_of_others(store: runfold.Store, written: Log) -> None:
    last = written.events[-1].position
    with store.as_user(ONE).as_of(position=last, execution="one1") as past:
        assert ids(past) == ["one1"]
    with store.as_user(ONE).as_of(position=last, streams=["execution-one2"]) as past:
        assert ids(past) == ["one2"]
    said = []
    for execution in ("other1", "nobody"):
        with (
            pytest.raises(errors.UnknownExecution) as refused,
            store.as_user(ONE).as_of(position=last, execution=execution),
        ):
            pass
        said.append(str(refused.value).replace(execution, ""))
        with (
            pytest.raises(errors.UnknownStream),
            store.as_user(ONE).as_of(position=last, streams=["execution-one1", f"execution-{execution}"]),
        ):
            pass
    assert said[0] == said[1]


def test_parked_and_discarded_are_its_own(store: runfold.Store, written: Log, database_url: str) -> None:
    smuggle(written, "execution-sick", "ExecutionCreated", {**CREATED, "workflow_id": "none"})  # of the first tenant
    drain(database_url)
    last = written.events[-1].position
    found = {}
    for user in (ONE, OTHER):
        with store.as_user(user).as_of(position=last) as past:
            ids(past)
            found[user] = [row["stream_id"] for row in past.parked()]
            assert past.discarded() == []
    assert found == {ONE: ["execution-sick"], OTHER: []}


def test_what_a_query_of_the_past_may_not(store: runfold.Store, written: Log) -> None:
    with store.as_user(ONE).as_of(position=written.events[-1].position) as past:
        ids(past)
        for refused in (
            "DELETE FROM workflow_executions",
            "SELECT runfold.safe_head()",
            "SELECT * FROM runfold.claims",
        ):
            with pytest.raises(errors.PermissionDenied):
                past.execute(refused)
        with pytest.raises(errors.PastReadOnly):
            past.execute("CREATE TEMPORARY TABLE mine (id text)")


def test_nothing_temporary_and_no_role_outlives_it_in_a_poolers_session(written: Log, database_url: str) -> None:
    login_of_gateway(database_url)
    parts = urlsplit(database_url)
    url = parts._replace(netloc=f"{GATEWAY}:{PASSWORD}@{parts.hostname}:{parts.port}").geturl()
    last = written.events[-1].position
    with pgbouncer(url, sessions=1) as pooled, runfold.connect(pooled) as store:
        for user, count in ((ONE, 3), (OTHER, 2), (ONE, 3)):
            with store.as_user(user).as_of(position=last) as past:
                assert len(ids(past)) == count
            with psycopg.connect(pooled, autocommit=True, prepare_threshold=None) as left:
                assert left.execute(
                    "SELECT current_user, coalesce(current_setting('request.jwt.claims', true), ''),"
                    " (SELECT count(*) FROM pg_class WHERE relnamespace = pg_my_temp_schema()),"
                    " current_setting('search_path'), current_setting('jit')"
                ).fetchone() == (GATEWAY, "", 0, '"$user", public', "on")


def test_a_login_that_may_not_act_for_tenants_hears_what_to_grant(written: Log, database_url: str) -> None:
    with (
        runfold.connect(login_of_stranger(database_url)) as store,
        pytest.raises(errors.PermissionDenied, match="GRANT runfold_gateway TO runfold_test_stranger"),
        store.as_user(ONE).as_of(position=1),
    ):
        pass


def test_the_table_of_a_users_projection_has_the_tenants_rows(written: Log, database_url: str, tmp_path: Path) -> None:
    written.connection.execute(TABLE)
    written.connection.execute("GRANT SELECT ON projections.mine TO runfold_reader")
    (tmp_path / "mine.sql").write_text(text())
    settings = user_settings(database_url, projections=tmp_path)
    with (
        runfold.connect(login_of_gateway(database_url), settings=settings) as store,
        store.as_user(OTHER).as_of(position=written.events[-1].position) as past,
    ):
        assert past.execute("SELECT id FROM mine ORDER BY 1").fetchall() == [
            ("execution-other0",),
            ("execution-other1",),
        ]


def test_control_without_the_tenants_condition_the_past_is_everybodys(
    store: runfold.Store, written: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(affected.Reach, "condition", affected.Reach._of_streams)
    monkeypatch.setattr(affected, "events_of_tenant", lambda _: "runfold.events")
    with store.as_user(ONE).as_of(position=written.events[-1].position) as past:
        assert ids(past) == ["one0", "one1", "one2", "other0", "other1"]


def test_control_a_view_without_the_condition_shows_every_event(
    store: runfold.Store, written: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The view has the reader's rights, not the tenant's."""
    monkeypatch.setattr(
        past_module, "_LOG_UP_TO", past_module._LOG_UP_TO.replace("e.user_id = {}::uuid", "true OR {} IS NULL")
    )
    with store.as_user(ONE).as_of(position=written.events[-1].position) as past:
        assert past.execute("SELECT count(*) FROM events").fetchone() == (len(written.events),)
