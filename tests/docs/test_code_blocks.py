"""Every block of the documentation runs on a fresh migrated database: Python, SQL and commands."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

import runfold
from runfold.reference.commands import commands, root
from tests.docs.pages import DOCS, ROOT, Block, blocks, pages, said_commands
from tests.docs.running import Runner, login
from tests.fixtures.logs import Log, created
from tests.fixtures.processes import assert_nothing_differs, drain
from tests.projections.folding.test_parking import correct, smuggle

LANGUAGES = ("python", "sql", "console")
# The commands of the comparison fetch three other libraries into an environment of their own: see test_comparison. The
# schema's page shows the form of a function's file.
NOT_RUN = {DOCS / "comparison.md", ROOT / "schema" / "README.md"}
PAGES_WITH_CODE = [page for page in pages() if blocks(page, *LANGUAGES) and page not in NOT_RUN]
SAID = [said for page in pages() for said in said_commands(page)]


def named(value: object) -> str:
    return str(value.relative_to(DOCS.parent)) if isinstance(value, Path) else str(value)


def parked_streams_one_of_them_mended(url: str) -> None:
    """Park execution-7 and execution-8, then repair the event of the first, so that an operator finds both cases."""
    with psycopg.connect(url, autocommit=True) as connection:
        log = Log(connection)
        for name in ("8", "7"):
            log.append(f"execution-{name}", created(name))
            position = smuggle(log, f"execution-{name}", "ExecutionStarted", {"start_time": "soon"})
        drain(url)
        correct(log, position, {"start_time": 1})


def the_owner_may_become_a_tenant(url: str) -> None:
    """Let the page's SQL run as the owner, as which pages are read, where the page means a login of the gateway."""
    with psycopg.connect(url, autocommit=True) as connection:
        if connection.execute("SELECT to_regrole('owner')").fetchone() != (None,):
            option = " WITH SET TRUE" if connection.info.server_version >= 160000 else ""
            connection.execute(f"GRANT authenticated TO owner{option}".encode())


# What a page takes for granted.
GIVEN = {
    DOCS / "how-to" / "run-the-worker.md": parked_streams_one_of_them_mended,
    DOCS / "how-to" / "serve-tenants.md": the_owner_may_become_a_tenant,
}


@pytest.mark.parametrize("page", PAGES_WITH_CODE, ids=named)
def test_every_block_of_a_page_runs_in_its_order(page: Path, runner: Runner) -> None:
    if page in GIVEN:
        GIVEN[page](runner.url)
    for block in blocks(page, *LANGUAGES):
        runner.run(block)


def test_a_block_that_fails_is_noticed(runner: Runner) -> None:
    with pytest.raises(AssertionError):
        runner.run(Block(DOCS / "concepts.md", 1, "python", "assert 1 == 2\n"))
    with pytest.raises(psycopg.errors.UndefinedTable):
        runner.run(Block(DOCS / "concepts.md", 1, "sql", "SELECT * FROM nowhere;\n"))
    for line in ("runfold execution show nothing", "runfold projection verify nothing", "curl example.com"):
        with pytest.raises(AssertionError):
            runner.run(Block(DOCS / "concepts.md", 1, "console", f"$ {line}\n"))


def faults_of(line: str) -> list[str]:
    """Return the faults of a `runfold …` command line: an unknown command, or an unknown option of it."""
    words = shlex.split(line, comments=True)[1:]
    options = {name for one in root().params for name in one.opts}
    known = commands()
    if not words or words[0].startswith("-"):
        return [word for word in words if word.startswith("-") and word not in options | {"--help"}]
    length = next((n for n in (1, 2, 3) if " ".join(["runfold", *words[:n]]) in known), 2)
    name = " ".join(["runfold", *words[:length]])
    if name not in known:
        return [f"there is no command {name!r}"]
    command: Any = known[name]
    if command.context_settings.get("ignore_unknown_options"):
        return []
    allowed = {name for one in command.params for name in (*one.opts, *one.secondary_opts)} | {"--help", "-h"}
    given = [word.partition("=")[0] for word in words[length:] if word.startswith("-")]
    return [f"{name} has no option {option}" for option in given if option not in allowed]


@pytest.mark.parametrize(("place", "line"), SAID, ids=[f"{place}-{line}" for place, line in SAID])
def test_every_command_that_is_shown_exists_with_its_options(place: str, line: str) -> None:
    assert not faults_of(line), place


def test_a_command_that_does_not_exist_is_noticed() -> None:
    assert faults_of("runfold executions list")
    assert faults_of("runfold execution list --colour")
    assert not faults_of("runfold execution list --json")


def test_the_roles_of_the_how_to_can_do_what_the_page_says(runner: Runner) -> None:
    (roles, *_) = blocks(DOCS / "how-to" / "use-your-own-postgresql.md", "sql")
    runner.run(roles)
    runner.start_worker(login(runner.url, "my_worker", "change me"))
    created = runfold.events.ExecutionCreated(execution_id="r", workflow_id=uuid4(), mode="MANUAL")
    with runfold.connect(login(runner.url, "my_engine", "change me")) as engine:
        appended = engine.append("execution-r", [created], expected_version=0)
        engine.wait_for(appended.last_position, timeout=30)
        assert [event.type for event in engine.read_all()] == ["ExecutionCreated"]
    with runfold.connect(login(runner.url, "my_operator", "change me")) as operator:
        operator.register_event_types("billing")
    assert_nothing_differs(runner.url)


def test_roles_of_the_page_and_policies_show_users_their_own_rows_and_let_the_worker_write(runner: Runner) -> None:
    (roles, *_) = blocks(DOCS / "how-to" / "use-your-own-postgresql.md", "sql")
    runner.run(roles)
    runner.start_worker(login(runner.url, "my_worker", "change me"))
    mine, other = uuid4(), uuid4()
    with runfold.connect(login(runner.url, "my_engine", "change me")) as engine:
        for name, user_id in (("mine", mine), ("other", other), ("nobody", None)):
            created = runfold.events.ExecutionCreated(execution_id=name, workflow_id=uuid4(), mode="MANUAL")
            appended = engine.append(f"execution-{name}", [created], user_id=user_id)
        engine.wait_for(appended.last_position, timeout=30)
    with psycopg.connect(runner.url) as connection:
        assert connection.execute("SELECT count(*) FROM workflow_executions").fetchone() == (3,)
        connection.execute("SET LOCAL ROLE authenticated")
        connection.execute("SELECT set_config('request.jwt.claims', %s, true)", [f'{{"sub": "{mine}"}}'])
        for table in ("workflow_executions", "workflow_status", "runfold.events", "runfold.streams"):
            users = connection.execute(f"SELECT user_id FROM {table}".encode()).fetchall()
            assert users == [(mine,)], table
