"""`--projections`, the login, and the messages for an operator; and a worker that is not a superuser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from psycopg.conninfo import conninfo_to_dict

from runfold.projections.definition.catalogue import load_catalogue
from runfold.worker.worker import Worker
from tests.cli.conftest import Answer, run_console_script
from tests.fixtures.logs import Log
from tests.fixtures.user_logins import as_login, login_of_users
from tests.projections.user.costs import SQL_FORM, TABLE, actual, expected, spend, write_form
from tests.projections.user.groups import user_settings


def test_every_command_that_knows_projections_takes_a_folder(log: Log, database_url: str, tmp_path: Path) -> None:
    log.connection.execute(TABLE)
    spend(log, "a", [0.5])
    spend(log, "sick", ["much"])
    folder = str(write_form(tmp_path / "own", "py"))
    own = {"RUNFOLD_PROJECTIONS_URL": login_of_users(database_url)}

    def runfold(*words: str) -> Answer:
        answer = run_console_script("--url", database_url, *words, "--projections", folder, **own)
        assert answer.code == 0, answer.err
        return answer

    runfold("worker", "--once")
    (group,) = [row for row in runfold("status", "--json").json()["groups"] if row["group"] == "costs"]
    assert (group["checkpoint"], group["parked"], group["tables"]) == (log.events[-1].position, 1, ["costs"])
    (row,) = [row for row in runfold("projection", "list", "--json").json() if row["name"] == "costs"]
    assert (row["table"], row["built_version"]) == ("projections.costs", 1)
    (verified,) = runfold("projection", "verify", "costs", "--json").json()
    assert (verified["rows"], verified["differing"], verified["parked_streams"]) == (1, 0, ["execution-sick"])
    (rebuilt,) = runfold("projection", "rebuild", "costs", "--json").json()
    assert (rebuilt["differing"], rebuilt["parked_streams"]) == (0, ["execution-sick"])
    cost = "sum((b.data #>> '{output_data,usage,cost_usd}')::numeric)"
    write_form(tmp_path / "own", "sql", text=SQL_FORM.replace(cost, "0"))
    retried = runfold("parked", "retry", "execution-sick")
    assert "folded" in retried.out


def test_without_a_login_nothing_is_begun_and_the_operator_is_told(log: Log, database_url: str, tmp_path: Path) -> None:
    log.connection.execute(TABLE)
    folder = str(write_form(tmp_path / "own", "sql"))
    answer = run_console_script("--url", database_url, "worker", "--once", "--projections", folder)
    assert (answer.code, answer.out) == (1, "")
    (line,) = answer.err.splitlines()
    assert line.startswith("error: your projections are folded by a login that may do nothing else, and none is named")
    assert "IN ROLE runfold_projections, and set RUNFOLD_PROJECTIONS_URL" in line
    refused = run_console_script(
        "--url", database_url, "worker", "--once", "--projections", folder, RUNFOLD_PROJECTIONS_URL=database_url
    )
    assert refused.code == 1
    assert "must not fold your projections: it has SUPERUSER" in refused.err
    assert conninfo_to_dict(database_url)["password"] not in answer.err + refused.err


def test_a_worker_with_the_worker_s_role_only_folds_them(log: Log, database_url: str, tmp_path: Path) -> None:
    log.connection.execute(TABLE)
    spend(log, "a", [0.5, 1])
    folder = write_form(tmp_path / "own", "sql")
    role = "runfold_test_worker"
    log.connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'x' IN ROLE runfold_projector")
    try:
        settings = user_settings(database_url, timeout_interval=0)
        url: Any = as_login(database_url, role, "x")
        assert Worker(url, settings, load_catalogue(folder)).drain() == {}
        assert actual(log.connection) == expected(log)
        log.assert_folded()
    finally:
        log.connection.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")
