"""Both forms get checkpoint, parking, verify, rebuild and status; and P1, P2 and P5 hold for them."""

from __future__ import annotations

import itertools
import random
import signal
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

from runfold.errors import RebuildFailed
from runfold.projections.definition.catalogue import Group, load_catalogue
from runfold.projections.folding.projector import Projector
from runfold.projections.folding.user_session import UserLedger
from runfold.projections.reconciling.rebuild import Rebuilt, rebuild
from runfold.projections.reconciling.retry import retry
from tests.fixtures.logs import Log, run
from tests.fixtures.processes import (
    assert_nothing_differs,
    checkpoint,
    drain,
    eventually,
    folded,
    forked,
    fresh_worker,
    verified,
    worker,
)
from tests.projections.user.costs import PYTHON_FORM, SQL_FORM, TABLE, actual, expected, spend, write_form
from tests.projections.user.groups import user_login, user_projector
from tests.worker.dying_worker import die

BOTH = pytest.mark.parametrize("form", ["sql", "py"])


@pytest.fixture
def costs(log: Log) -> Log:
    """A log in which nodes cost something."""
    log.connection.execute(TABLE)
    for name, paid in {"a": [0.25, 0.5], "b": [1], "c": [], "d": [0.125, 2, 3.5]}.items():
        spend(log, name, paid)
    return log


def group_of(url: str, folder: Path) -> Group:
    return load_catalogue(folder).groups["costs"]


def parked(connection: psycopg.Connection[Any]) -> list[tuple[str, str]]:
    return connection.execute("SELECT group_name, stream_id FROM runfold.parked_streams ORDER BY 1, 2").fetchall()


@BOTH
def test_it_is_folded_verified_and_shown(costs: Log, database_url: str, tmp_path: Path, form: str) -> None:
    folder = write_form(tmp_path / "own", form)
    assert drain(database_url, folder) == {}
    assert actual(costs.connection) == expected(costs)
    assert checkpoint(costs.connection, "costs") == costs.events[-1].position
    assert_nothing_differs(database_url, folder)
    workflow = spend(costs, "e", [0.5])
    spend(costs, "f", [0.75], workflow=workflow)
    assert drain(database_url, folder) == {}
    assert actual(costs.connection) == expected(costs)
    assert actual(costs.connection)[workflow][1] == 2
    # Control: a damaged row is found, with the column.
    costs.connection.execute("UPDATE projections.costs SET nodes = 7 WHERE workflow_id = %s", [workflow])
    (differing,) = [item for item in verified(database_url, folder) if item.differing]
    assert (differing.projection, [set(one.columns) for one in differing.differences]) == ("costs", [{"nodes"}])
    costs.assert_folded()


@BOTH
def test_batches_may_be_cut_anywhere(costs: Log, database_url: str, tmp_path: Path, form: str) -> None:
    """P2: every cut of the same log gives the same table."""
    for n in range(12):
        spend(costs, f"more{n}", [0.5 * n, 1], workflow="00000000-0000-4000-8000-00000000000" + str(n % 3))
    rng = random.Random(20_261_125)
    group = group_of(database_url, write_form(tmp_path / "own", form))
    head = costs.events[-1].position
    for _ in range(12):
        costs.connection.execute("TRUNCATE projections.costs")
        costs.connection.execute("UPDATE runfold.checkpoints SET position = 0 WHERE group_name = 'costs'")
        with user_projector(database_url, group) as (projector, stopped):
            while checkpoint(costs.connection, "costs") < head:
                projector.batch_size = rng.choice((1, 2, 3, 7, 100))
                projector.advance(group, rng.randint(checkpoint(costs.connection, "costs") + 1, head))
        assert stopped == []
        assert actual(costs.connection) == expected(costs)


@BOTH
@pytest.mark.parametrize("step", ["before the checkpoint moves", "before the commit", "after the commit"])
def test_a_worker_killed_in_a_batch_applies_it_once(
    costs: Log, database_url: str, tmp_path: Path, form: str, step: str
) -> None:
    """P1."""
    folder = write_form(tmp_path / "own", form)
    for n in range(10):
        spend(costs, f"more{n}", [n, 1])
    calls = itertools.count(1)
    owner, name = (Projector, "_advance") if step == "after the commit" else (UserLedger, "move")
    whole = getattr(owner, name)

    def dying(self: Any, *given: Any) -> Any:
        third = isinstance(getattr(self, "ledger", self), UserLedger) and next(calls) == 3
        if third and step == "before the checkpoint moves":
            die()
        done = whole(self, *given)
        if third:
            die()
        return done

    def body() -> None:
        setattr(owner, name, dying)
        drain(database_url, folder, batch_size=2)

    with forked(body) as killed:
        assert killed.wait() == -signal.SIGKILL, killed.output
    assert 0 < checkpoint(costs.connection, "costs") < costs.events[-1].position, "it died elsewhere"
    assert drain(database_url, folder) == {}
    assert actual(costs.connection) == expected(costs)
    assert_nothing_differs(database_url, folder)


@BOTH
def test_poison_parks_one_stream_of_the_user_s_group(costs: Log, database_url: str, tmp_path: Path, form: str) -> None:
    """P5: a cost that is not a number."""
    spend(costs, "sick", ["much"])
    spend(costs, "well", [4])
    spend(costs, "dear", [2000])  # what a CHECK refuses
    folder = write_form(tmp_path / "own", form)
    assert drain(database_url, folder) == {}
    sick = ["execution-dear", "execution-sick"]
    assert parked(costs.connection) == [("costs", stream) for stream in sick]
    assert actual(costs.connection) == expected(costs, without=sick)
    costs.assert_folded()
    assert_nothing_differs(database_url, folder)
    # With the repaired file, they are folded.
    repaired = (
        (SQL_FORM if form == "sql" else PYTHON_FORM)
        .replace(
            "sum((b.data #>> '{output_data,usage,cost_usd}')::numeric)",
            "sum(CASE WHEN b.data #>> '{output_data,usage,cost_usd}' ~ '^[0-9.]+$'"
            " THEN (b.data #>> '{output_data,usage,cost_usd}')::numeric ELSE 0 END)",
        )
        .replace('Decimal(str(usage["cost_usd"]))', 'Decimal(str(usage["cost_usd"]).replace("much", "0"))')
    )
    costs.connection.execute("ALTER TABLE projections.costs DROP CONSTRAINT costs_cost_check")
    group = group_of(database_url, write_form(folder, form, text=repaired))
    with psycopg.connect(database_url, autocommit=True) as connection:
        for stream in sick:
            assert retry(connection, group, stream, login=user_login(database_url)) is None
    assert parked(costs.connection) == []
    assert sum(nodes for _, nodes in actual(costs.connection).values()) == 9
    assert_nothing_differs(database_url, folder)


@BOTH
def test_a_broken_projection_stops_its_group_and_nothing_else(
    costs: Log, database_url: str, tmp_path: Path, form: str
) -> None:
    broken = SQL_FORM.replace("b.occurred_at", "b.occured_at")
    text = broken if form == "sql" else PYTHON_FORM.replace("sums = ", "sums = undefined_name or ")
    folder = write_form(tmp_path / "own", form, text=text)
    waiting = drain(database_url, folder)
    assert list(waiting) == ["costs"]
    assert ("b.occured_at" if form == "sql" else "undefined_name") in waiting["costs"]
    assert parked(costs.connection) == []
    assert checkpoint(costs.connection, "costs") == 0
    costs.assert_folded()
    assert drain(database_url, write_form(folder, form)) == {}
    assert actual(costs.connection) == expected(costs)


def rebuilt(url: str, folder: Path, **options: Any) -> list[Rebuilt]:
    return rebuild(
        lambda: psycopg.connect(url, autocommit=True),
        load_catalogue(folder),
        ["costs"],
        login=user_login(url),
        **options,
    )


@BOTH
def test_it_is_rebuilt_by_the_same_means(costs: Log, database_url: str, tmp_path: Path, form: str) -> None:
    folder = write_form(tmp_path / "own", form)
    drain(database_url, folder)
    costs.connection.execute("UPDATE projections.costs SET cost = cost + 1 WHERE nodes = 2")
    costs.connection.execute("DELETE FROM projections.costs WHERE nodes = 1")
    costs.connection.execute("INSERT INTO projections.costs VALUES (gen_random_uuid(), '2026-01-01', 1, 1)")
    (dry,) = rebuilt(database_url, folder, dry_run=True)
    assert (dry.differing, {one.kind for one in dry.differences}) == (3, {"missing", "surplus", "different"})
    assert actual(costs.connection) != expected(costs)
    (done,) = rebuilt(database_url, folder)
    assert (done.inserted, done.updated, done.deleted) == (1, 1, 1)
    assert actual(costs.connection) == expected(costs)
    assert_nothing_differs(database_url, folder)


@BOTH
def test_a_new_version_waits_and_goes_on_after_its_rebuild(
    costs: Log, database_url: str, tmp_path: Path, form: str
) -> None:
    folder = write_form(tmp_path / "own", form)
    drain(database_url, folder)
    text = (
        SQL_FORM.replace("version: 1", "version: 2").replace("count(*) AS nodes", "10 * count(*) AS nodes")
        if form == "sql"
        else PYTHON_FORM.replace('name="costs"', 'name="costs", version=2').replace("day[1] += 1", "day[1] += 10")
    )
    write_form(folder, form, text=text)
    with worker(database_url, folder):
        eventually(
            lambda: (
                costs.connection.execute(
                    "SELECT stopped_error FROM runfold.checkpoints WHERE group_name = 'costs'"
                ).fetchone()
                == ("costs was built with version 1, its file is version 2: rebuild it",)
            )
        )
        rebuilt(database_url, folder)
        spend(costs, "later", [1])
        eventually(lambda: folded(costs.connection, costs.events[-1].position))
    tenfold = {workflow: (cost, 10 * nodes) for workflow, (cost, nodes) in expected(costs).items()}
    assert actual(costs.connection) == tenfold
    assert_nothing_differs(database_url, folder)


def test_a_rebuild_refuses_what_can_not_be_folded(costs: Log, database_url: str, tmp_path: Path) -> None:
    folder = write_form(tmp_path / "own", "sql")
    drain(database_url, folder)
    before = actual(costs.connection)
    write_form(folder, "sql", text=SQL_FORM.replace("version: 1", "version: 2").replace("::numeric)", "::date)"))
    with pytest.raises(RebuildFailed, match="cannot be folded"):
        rebuilt(database_url, folder)
    assert actual(costs.connection) == before


# What a function may not do with its connection

ENDS = {
    "COMMIT": "connection.execute('COMMIT')",
    "ROLLBACK": "connection.execute('ROLLBACK'); connection.execute(WRITE, ('{id}', '2026-01-01', 1, 1))",
    "commit()": "connection.commit()",
    "a swallowed error": "\n        ".join(
        ("try:", "    connection.execute('SELECT 1 / 0')", "except Exception:", "    pass")
    ).replace("\n        ", "\n    "),
    "a setting": 'connection.execute("SET search_path = pg_temp")',
    "a lock": "connection.execute('SELECT pg_advisory_lock(7)')",
    "ending its session": "connection.execute('SELECT pg_terminate_backend(pg_backend_pid())')",
}


@pytest.mark.parametrize("end", ENDS)
def test_a_function_that_leaves_its_transaction_changes_nothing(
    costs: Log, database_url: str, tmp_path: Path, end: str
) -> None:
    said = ENDS[end].replace("{id}", "00000000-0000-4000-8000-000000000009")
    text = PYTHON_FORM + f"    {said}\n"
    folder = write_form(tmp_path / "own", "py", text=text)
    waiting = drain(database_url, folder)
    assert list(waiting) == ["costs"], waiting
    assert actual(costs.connection) == {}
    assert checkpoint(costs.connection, "costs") == 0
    assert parked(costs.connection) == []
    costs.assert_folded()


def test_control_without_the_trigger_a_commit_in_a_function_doubles_its_rows(
    costs: Log, database_url: str, tmp_path: Path
) -> None:
    costs.connection.execute("DROP TRIGGER batch_is_settled ON runfold.user_groups")
    folder = write_form(tmp_path / "own", "py", text=PYTHON_FORM + "    connection.execute('COMMIT')\n")
    assert list(drain(database_url, folder)) == ["costs"]
    assert actual(costs.connection) != {}
    assert checkpoint(costs.connection, "costs") == 0


# A user's projection does not stall runfold's


@BOTH
def test_a_projection_that_takes_its_time_delays_no_other_group(
    costs: Log, database_url: str, tmp_path: Path, form: str
) -> None:
    # The contract refuses pg_sleep by name; a function of somebody's hides it.
    costs.connection.execute(
        "CREATE FUNCTION public.slowly() RETURNS numeric LANGUAGE sql VOLATILE AS 'SELECT 0::numeric FROM pg_sleep(30)'"
    )
    text = (
        SQL_FORM.replace("sum((b", "public.slowly() + sum((b")
        if form == "sql"
        else PYTHON_FORM + '    connection.execute("SELECT public.slowly()")\n'
    )
    text = text.replace("public.slowly", "slowly") if form == "sql" else text
    costs.connection.execute("ALTER FUNCTION public.slowly() SET SCHEMA projections")
    text = text.replace("public.slowly", "slowly")
    folder = write_form(tmp_path / "own", form, text=text)

    def body() -> None:
        running = fresh_worker(database_url, folder, projections_timeout=1.0)
        running.stop_on_signals()
        running.run()

    with forked(body):
        eventually(
            lambda: costs.connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE application_name ~ 'projections' AND wait_event = 'PgSleep'"
            ).fetchone()
        )
        longest = 0.0
        for n in range(20):
            began = time.monotonic()
            last = costs.append(f"execution-quick{n}", *run(f"quick{n}"))
            eventually(lambda: checkpoint(costs.connection) >= last)  # noqa: B023
            longest = max(longest, time.monotonic() - began)
        assert longest < 0.9, "the product's groups waited for the user's statement"
        # Cut smaller and smaller, it takes too long for one event, and its group says so.
        (reason,) = eventually(
            lambda: costs.connection.execute(
                "SELECT stopped_error FROM runfold.checkpoints WHERE group_name = 'costs' AND stopped_error IS NOT NULL"
            ).fetchone()
        )
    assert "timeout" in reason
    costs.assert_folded()


def test_a_worker_that_is_told_to_stop_waits_for_no_user_s_statement(
    costs: Log, database_url: str, tmp_path: Path
) -> None:
    costs.connection.execute(
        "CREATE FUNCTION projections.slowly() RETURNS numeric LANGUAGE sql VOLATILE"
        " AS 'SELECT 0::numeric FROM pg_sleep(60)'"
    )
    folder = write_form(tmp_path / "own", "sql", text=SQL_FORM.replace("sum((b", "slowly() + sum((b"))
    with worker(database_url, folder) as running:
        eventually(
            lambda: costs.connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE application_name ~ 'projections' AND wait_event = 'PgSleep'"
            ).fetchone()
        )
        began = time.monotonic()
        running.send(signal.SIGTERM)
        assert running.wait() == 0, running.output
    assert time.monotonic() - began < 15
    assert actual(costs.connection) == {}
    assert parked(costs.connection) == []
    assert drain(database_url, write_form(folder, "sql")) == {}
    assert actual(costs.connection) == expected(costs)


def test_a_login_that_is_refused_stops_the_user_s_groups_only(costs: Log, database_url: str, tmp_path: Path) -> None:
    folder = write_form(tmp_path / "own", "sql")
    running = fresh_worker(database_url, folder, projections_url=database_url)  # type: ignore[arg-type]
    waiting = running.drain()
    assert list(waiting) == ["costs"]
    assert "must not fold your projections: it has SUPERUSER" in waiting["costs"]
    costs.assert_folded()
    assert actual(costs.connection) == {}
