"""A tenant reads and writes its own rows only, in a transaction of each call, and leaves nothing in the session."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.pq import Trace

import runfold
from runfold import errors
from runfold.client.aio import tenant as aio_tenant
from runfold.client.sync import tenant as sync_tenant
from runfold.database import tenants
from runfold.settings import Settings
from tests.client.tenants.conftest import ONE, OTHER, ROWS
from tests.factories import line
from tests.fixtures.blocking import Blocking, Loop
from tests.fixtures.tenants import GATEWAY, login_of_stranger

ONE_SESSION = Settings(pool_min_size=1, pool_max_size=1)

Open = Callable[[str], runfold.Store]


@pytest.fixture(params=["threads", "asyncio"])
def opened(request: pytest.FixtureRequest) -> Iterator[Open]:
    """Open stores of one session, of both kinds behind the synchronous API; all are closed at the end."""
    stores: list[Any] = []
    with Loop() as loop:

        def connect(url: str) -> Any:
            if request.param == "threads":
                made: Any = runfold.connect(url, settings=ONE_SESSION)
            else:
                made = Blocking(loop.call(runfold.connect_async, url, settings=ONE_SESSION), loop)
            stores.append(made)
            return made

        yield connect
        for store in stores:
            store.close()


@pytest.fixture
def store(gateway_url: str, opened: Open) -> runfold.Store:
    """A store of the gateway's login."""
    return opened(gateway_url)


def who(store: runfold.Store) -> tuple[Any, ...]:
    """Who the store's one session is, and for whom."""
    with store.transaction() as connection:
        cursor = connection.execute(
            "SELECT current_user, current_setting('request.jwt.claims', true) AS claims, current_setting('role')"
        )
        return tuple(cursor.fetchone() or ())


def is_clean(store: runfold.Store) -> bool:
    """Whether the session has its login's role again, and nobody's claims."""
    role, claims, setting = who(store)
    return (role, claims or None, setting) == (GATEWAY, None, "none")


def names(rows: list[dict[str, Any]]) -> list[str]:
    return [row["name"] for row in rows]


@pytest.mark.parametrize("user", [ONE, OTHER])
def test_a_tenant_reads_its_own_rows_as_dicts(store: runfold.Store, user: UUID) -> None:
    rows = store.as_user(user).fetch("SELECT user_id, name FROM workflows WHERE name <> %s ORDER BY name", ["x"])
    assert [row["user_id"] for row in rows] == [user] * ROWS[user]
    assert names(rows) == [f"w{n}" for n in range(1, ROWS[user] + 1)]
    named = store.as_user(str(user)).fetch("SELECT count(*) AS n FROM workflows WHERE name <> %(no)s", {"no": "x"})
    assert named == [{"n": ROWS[user]}]


def test_control_the_login_of_a_service_reads_the_rows_of_both(
    opened: Open, gateway_url: str, database_url: str
) -> None:
    rows = opened(database_url)._retried("SELECT count(*) FROM workflows", {})
    assert rows == [(sum(ROWS.values()),)]


def test_a_user_without_rows_and_the_gateway_itself_read_nothing(store: runfold.Store) -> None:
    assert store.as_user(uuid4()).fetch("SELECT * FROM workflows") == []
    with pytest.raises(errors.PermissionDenied), store.transaction() as connection:
        connection.execute("SELECT * FROM workflows")


def test_nothing_of_a_tenant_stays_in_the_session(store: runfold.Store) -> None:
    assert is_clean(store)
    store.as_user(ONE).fetch("SELECT 1 AS one")
    assert is_clean(store)
    with pytest.raises(psycopg.errors.DivisionByZero):
        store.as_user(ONE).fetch("SELECT 1 / 0")
    assert is_clean(store)
    with store.as_user(ONE).transaction() as cursor:
        cursor.execute("SELECT 1")
    assert is_clean(store)
    with pytest.raises(KeyError), store.as_user(ONE).transaction() as cursor:
        raise KeyError
    assert is_clean(store)


def test_a_session_that_says_it_is_another_is_overruled(opened: Open, database_url: str, connection: Any) -> None:
    """auth.uid() reads an older setting first; who set it for the session would be every tenant."""
    store = opened(database_url)
    with store.transaction() as session:
        session.execute(f"SELECT set_config('request.jwt.claim.sub', '{OTHER}', false)")
        session.execute("SELECT set_config('request.jwt.claims', '{\"sub\": \"x\"}', false)")
    assert store.as_user(ONE).fetch("SELECT auth.uid() AS id, current_user AS who") == [
        {"id": ONE, "who": "authenticated"}
    ]


def test_a_write_is_kept_and_a_failed_one_is_not(store: runfold.Store, connection: Any) -> None:
    one = store.as_user(ONE)
    assert one.fetch("UPDATE workflows SET name = 'new' WHERE name IN ('w1', 'w4') RETURNING name") == [{"name": "new"}]
    assert one.fetch("UPDATE workflows SET name = 'none' WHERE false") == []
    with one.transaction() as cursor:
        assert cursor.execute("UPDATE workflows SET description = 'd'") is not None
        assert cursor.rowcount == ROWS[ONE]
        cursor.execute("SELECT name FROM workflows ORDER BY name")
        assert names(cursor.fetchall()) == ["new", "w2", "w3"]
    with pytest.raises(psycopg.errors.DivisionByZero), one.transaction() as cursor:
        cursor.executemany("UPDATE workflows SET name = 'gone' WHERE 1 / %s > 0", [[1], [0]])
    found = "SELECT name, description FROM workflows WHERE user_id = %s ORDER BY name"
    assert connection.execute(found, [ONE]).fetchall() == [("new", "d"), ("w2", "d"), ("w3", "d")]
    assert {row[1] for row in connection.execute(found, [OTHER])} == {None}


def test_a_row_of_another_tenant_is_not_written(store: runfold.Store) -> None:
    with pytest.raises(errors.PermissionDenied) as refused:
        store.as_user(ONE).fetch("UPDATE workflows SET user_id = %s", [OTHER])
    assert (refused.value.code, refused.value.facts["role"]) == ("permission_denied", "authenticated")
    with (
        pytest.raises(errors.PermissionDenied, match="a tenant may not do this"),
        store.as_user(ONE).transaction() as cursor,
    ):
        cursor.execute("UPDATE workflows SET user_id = %s", [OTHER])


def test_a_tenant_does_not_append_and_the_error_says_who_does(store: runfold.Store) -> None:
    one = store.as_user(ONE)
    for append in (one.append, one.append_many):
        with pytest.raises(errors.TenantCannotAppend, match="store of a service") as refused:
            append("log-a", [line()])
        assert refused.value.code == "tenant_cannot_append"
    with pytest.raises(errors.PermissionDenied, match="store of a service"):
        one.fetch("SELECT runfold.append_events('[]')")


def test_a_login_that_may_not_act_for_tenants_hears_what_to_grant(
    opened: Open, database_url: str, connection: Any
) -> None:
    url = login_of_stranger(database_url)
    stranger = opened(url).as_user(ONE)
    with pytest.raises(errors.PermissionDenied, match="GRANT runfold_gateway TO runfold_test_stranger") as refused:
        stranger.fetch("SELECT * FROM workflows")
    assert refused.value.facts["role"] == "runfold_gateway"
    with pytest.raises(errors.PermissionDenied, match="GRANT runfold_gateway"), stranger.transaction():
        pytest.fail("the block has begun")


@pytest.mark.parametrize("ending", ["COMMIT", "ROLLBACK"])
def test_a_block_that_ends_its_transaction_goes_on_with_nothing(
    opened: Open, database_url: str, connection: Any, ending: str
) -> None:
    """The login's rights would be back: here, those of a superuser."""
    one = opened(database_url).as_user(ONE)
    read: list[Any] = []

    def go_on() -> None:
        with one.transaction() as cursor:
            cursor.execute(ending)
            read.append(cursor.execute("SELECT count(*) AS n FROM workflows"))

    with pytest.raises(errors.TransactionEnded) as refused:
        go_on()
    assert read == []
    assert refused.value.code == "transaction_ended"
    with pytest.raises(errors.TransactionEnded), one.transaction() as cursor:
        cursor.execute(ending)


def test_control_without_the_look_at_the_transaction_the_login_reads_everything(
    database_url: str, connection: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync_tenant.TenantCursor, "refuse_outside", lambda _: None)
    read: list[Any] = []

    def go_on(one: runfold.Tenant) -> None:
        with one.transaction() as cursor:
            cursor.execute("COMMIT")
            read.extend(cursor.execute("SELECT count(*) AS n FROM workflows").fetchall())

    with runfold.connect(database_url, settings=ONE_SESSION) as store, pytest.raises(errors.TransactionEnded):
        go_on(store.as_user(ONE))
    assert read == [{"n": sum(ROWS.values())}]


def test_a_block_that_swallows_an_error_is_rolled_back_and_says_so(store: runfold.Store, connection: Any) -> None:

    def go_on() -> None:
        with store.as_user(ONE).transaction() as cursor:
            cursor.execute("UPDATE workflows SET name = 'gone'")
            with pytest.raises(psycopg.errors.DivisionByZero):
                cursor.execute("SELECT 1 / 0")

    with pytest.raises(errors.TransactionFailed, match="let the error leave the block") as refused:
        go_on()
    assert not refused.value.retryable
    assert connection.execute("SELECT count(*) FROM workflows WHERE name = 'gone'").fetchone() == (0,)


def directions(tmp_path: Path, store: runfold.Store, work: Callable[[runfold.Tenant], object]) -> str:
    """The messages of some work on the store's one session: F to the server and B back, runs of one kind as one."""
    with store.transaction() as held:
        pass
    with (tmp_path / "trace").open("w+") as trace:
        held.pgconn.trace(trace.fileno())
        held.pgconn.set_trace_flags(Trace.SUPPRESS_TIMESTAMPS)
        work(store.as_user(ONE))
        held.pgconn.untrace()
        trace.seek(0)
        sent = [line[0] for line in trace if line[:2] in ("F\t", "B\t")]  # a statement's text has lines of its own
        return "".join(direction for direction, _ in groupby(sent))


def test_a_fetch_is_one_round_trip(tmp_path: Path, gateway_url: str) -> None:
    with runfold.connect(gateway_url, settings=ONE_SESSION) as store:
        assert directions(tmp_path, store, lambda one: one.fetch("SELECT 1 AS n")) == "FB"


def test_control_a_transaction_begins_in_one_round_trip_and_each_statement_is_one_more(
    tmp_path: Path, gateway_url: str
) -> None:
    def work(one: runfold.Tenant) -> None:
        with one.transaction() as cursor:
            cursor.execute("SELECT 1")

    with runfold.connect(gateway_url, settings=ONE_SESSION) as store:
        assert directions(tmp_path, store, work) == "FBFBFB"


@pytest.mark.parametrize("wrong", ["", "x", 7, None, "11111111-1111-4111-8111-11111111111"])
def test_what_is_no_user_is_refused_before_the_database_is_asked(store: runfold.Store, wrong: Any) -> None:
    with pytest.raises(errors.InvalidInput) as refused:
        store.as_user(wrong)
    assert (refused.value.code, refused.value.pointer) == ("invalid_user_id", "/user_id")


def test_rows_are_streamed_and_copied_as_the_tenant_and_not_after_its_transaction(gateway_url: str) -> None:
    names_of_all = "SELECT name FROM workflows ORDER BY name"
    with runfold.connect(gateway_url, settings=ONE_SESSION) as store, store.as_user(ONE).transaction() as cursor:
        assert names(list(cursor.stream(names_of_all))) == ["w1", "w2", "w3"]
        with cursor.copy(f"COPY ({names_of_all}) TO STDOUT") as copy:
            assert b"".join(map(bytes, copy)) == b"w1\nw2\nw3\n"
    for go_on in ("stream", "copy", "executemany"):
        with runfold.connect(gateway_url, settings=ONE_SESSION) as store, pytest.raises(errors.TransactionEnded):
            _commit_and(go_on, store.as_user(ONE))


def _commit_and(go_on: str, one: runfold.Tenant) -> None:
    with one.transaction() as cursor:
        cursor.execute("COMMIT")
        getattr(cursor, go_on)("SELECT 1", [])
        pytest.fail(f"{go_on} has run after the transaction")


def test_several_statements_in_one_fetch_are_refused(store: runfold.Store) -> None:
    with pytest.raises(psycopg.errors.SyntaxError):
        store.as_user(ONE).fetch("SELECT 1; COMMIT; SELECT 2")


def test_a_statement_that_returns_to_the_login_is_not_guarded_against(store: runfold.Store) -> None:
    """As the pages say: who runs SQL of others needs a login that is authenticated and nothing else."""
    with store.as_user(ONE).transaction() as cursor:
        cursor.execute("RESET ROLE")
        cursor.execute("SELECT current_user AS who")
        assert cursor.fetchone() == {"who": "runfold_test_gateway"}


def test_a_role_that_is_not_the_tenants_fails_before_the_query(
    store: runfold.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def becoming(user_id: UUID) -> Any:
        statement, parameters = tenants.becoming(user_id)
        return statement.replace("set_config('role', 'authenticated', true)", "now()::text"), parameters

    for module in (aio_tenant, sync_tenant):
        monkeypatch.setattr(module, "becoming", becoming)
    with pytest.raises(psycopg.errors.InvalidTextRepresentation, match="the role is runfold_test_gateway"):
        store.as_user(ONE).fetch("SELECT count(*) FROM workflows")


def test_a_task_that_is_cancelled_gives_back_a_clean_session(gateway_url: str, connection: Any) -> None:
    async def main() -> list[dict[str, Any]]:
        async with await runfold.connect_async(gateway_url, settings=ONE_SESSION) as store:
            one = store.as_user(ONE)
            sleeping = asyncio.create_task(one.fetch("SELECT pg_sleep(60)"))
            while not await _sleeps(connection):
                await asyncio.sleep(0.01)
            sleeping.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sleeping
            return await store.as_user(OTHER).fetch("SELECT count(*) AS n, auth.uid() AS id FROM workflows")

    assert asyncio.run(main()) == [{"n": ROWS[OTHER], "id": OTHER}]


async def _sleeps(connection: Any) -> bool:
    found = connection.execute("SELECT FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)' AND state = 'active'")
    return found.fetchone() is not None


def test_a_tenant_reads_where_nothing_can_be_written_and_keeps_its_session(
    gateway_url: str, connection: psycopg.Connection[Any]
) -> None:
    connection.execute(f"ALTER DATABASE {connection.info.dbname} SET default_transaction_read_only = on".encode())
    with runfold.connect(gateway_url, settings=ONE_SESSION) as store:
        one = store.as_user(ONE)
        pids = [one.fetch("SELECT pg_backend_pid() AS pid, count(*) AS n FROM workflows") for _ in range(3)]
        assert pids[0] == pids[1] == pids[2]
        assert pids[0][0]["n"] == ROWS[ONE]
        with pytest.raises(errors.DatabaseReadOnly):
            one.fetch("UPDATE workflows SET name = 'new'")
        connection.execute(f"ALTER DATABASE {connection.info.dbname} RESET default_transaction_read_only".encode())
        assert one.fetch("UPDATE workflows SET name = 'new' WHERE name = 'w1' RETURNING 1 AS done") == [{"done": 1}]


def test_triggers_of_a_tenant_are_its_own(store: runfold.Store, connection: Any) -> None:
    for tenant in ROWS:
        connection.execute(
            """INSERT INTO trigger_index (id, workflow_id, name, node_id, user_id, trigger_type, trigger_subtype,
                                          trigger_config, index_key, deployment_status, is_active, created_at,
                                          updated_at, last_event_position)
               VALUES (gen_random_uuid(), gen_random_uuid(), 't', 'n', %s, 'TRIGGER', 'CRON', '{}', '* * * * *',
                       'active', true, now(), now(), 1)""",
            [tenant],
        )
    (found,) = store.as_user(ONE).triggers.by_cron("* * * * *")
    assert found.user_id == ONE
