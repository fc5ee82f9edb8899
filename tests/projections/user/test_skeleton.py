"""The file that `runfold projection new` writes runs unchanged."""

from __future__ import annotations

from pathlib import Path

import pytest

import runfold
from runfold.errors import PermissionDenied, ProjectionInvalid
from runfold.projections.definition.skeleton import write_skeleton
from tests.cli.conftest import run_console_script
from tests.fixtures.logs import Log, run
from tests.fixtures.processes import assert_nothing_differs, drain
from tests.fixtures.tenants import login_of_gateway
from tests.model.payloads import TENANTS


@pytest.mark.parametrize("python", [False, True])
def test_a_skeleton_is_folded_as_it_is(log: Log, database_url: str, tmp_path: Path, python: bool) -> None:
    written = write_skeleton(tmp_path / "own", "counts", types=["NodeStarted", "NodeSucceeded"], python=python)
    log.connection.execute(written.create_table.encode())
    log.append("execution-a", *run("a", nodes=3))
    drain(database_url, tmp_path / "own")
    log.append("execution-b", *run("b", nodes=1))
    drain(database_url, tmp_path / "own")
    rows = log.connection.execute("SELECT stream_id, events FROM projections.counts ORDER BY 1").fetchall()
    assert rows == [("execution-a", 6), ("execution-b", 2)]
    assert_nothing_differs(database_url, tmp_path / "own")


@pytest.mark.parametrize("python", [False, True])
def test_each_tenant_sees_its_own_rows_of_a_skeletons_table(
    log: Log, database_url: str, tmp_path: Path, python: bool
) -> None:
    written = write_skeleton(tmp_path / "own", "counts", types=["NodeSucceeded"], python=python)
    log.connection.execute(written.create_table.encode())
    tenants = [tenant for tenant in TENANTS if tenant is not None]
    for number, tenant in enumerate(tenants):
        log.append(f"execution-{number}", *run(str(number)), user_id=tenant)
    log.append("execution-nobodys", *run("nobodys"), user_id=None)
    assert drain(database_url, tmp_path / "own") == {}
    assert log.connection.execute("SELECT count(*) FROM projections.counts").fetchone() == (len(tenants) + 1,)
    with runfold.connect(login_of_gateway(database_url)) as store:
        for number, tenant in enumerate(tenants):
            rows = store.as_user(tenant).fetch("SELECT stream_id, user_id FROM projections.counts")
            assert rows == [{"stream_id": f"execution-{number}", "user_id": tenant}]
            with pytest.raises(PermissionDenied):
                store.as_user(tenant).fetch("DELETE FROM projections.counts")


def test_control_a_skeletons_table_without_its_policies_shows_a_tenant_everything(
    log: Log, database_url: str, tmp_path: Path
) -> None:
    written = write_skeleton(tmp_path / "own", "counts", types=["NodeSucceeded"], python=False)
    log.connection.execute(written.create_table.encode())
    log.append("execution-a", *run("a"), user_id=TENANTS[0])
    log.append("execution-b", *run("b"), user_id=TENANTS[2])
    drain(database_url, tmp_path / "own")
    log.connection.execute("ALTER TABLE projections.counts DISABLE ROW LEVEL SECURITY")
    with runfold.connect(login_of_gateway(database_url)) as store:
        assert len(store.as_user(str(TENANTS[0])).fetch("SELECT FROM projections.counts")) == 2


@pytest.mark.process
def test_the_command_writes_a_file_and_prints_its_table(tmp_path: Path) -> None:
    folder = tmp_path / "own"
    answer = run_console_script("projection", "new", "counts", "--projections", str(folder))
    assert answer.code == 0, answer.err
    assert (folder / "counts.sql").read_text().startswith("-- name: counts\n")
    assert "CREATE TABLE projections.counts (" in answer.out
    again = run_console_script("projection", "new", "counts", "--python", "--projections", str(folder))
    assert (again.code, again.err.strip()) == (
        1,
        "error: there is a projection counts already: choose another name",
    )
    assert run_console_script("projection", "new", "others", "--python", "--projections", str(folder), "--json").json()[
        "file"
    ] == str(folder / "others.py")


@pytest.mark.parametrize(
    "name", ["Counts", 'x"; drop table y;--', "a b", "", "../x", "x" * 64, "execution", "node_executions"]
)
def test_a_name_that_can_not_be_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ProjectionInvalid):
        write_skeleton(tmp_path, name, types=["NodeSucceeded"], python=False)
    assert list(tmp_path.iterdir()) == []
