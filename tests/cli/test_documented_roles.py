"""Each documented role can do what the pages say, on a database whose owner is no superuser; errors name the role."""

from __future__ import annotations

import json
import re
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
from typer.testing import CliRunner

import runfold
from runfold.cli.app import build
from runfold.cli.invocation import Invocation, set_current
from runfold.emitter.spool import Spool
from runfold.errors import PermissionDenied
from runfold.reference.commands import commands
from tests.cli.running import run as run_command
from tests.docs.pages import DOCS
from tests.factories import CATEGORY, append, call
from tests.fixtures.logs import Log, event, run
from tests.fixtures.owned import LOGINS, OWNER, Owned
from tests.fixtures.user_logins import as_login
from tests.projections.folding.test_parking import POISON, smuggle

XES = (
    '<log xmlns="http://www.xes-standard.org/"><trace><string key="concept:name" value="c1"/><event>'
    '<string key="concept:name" value="A"/><date key="time:timestamp" value="2020-01-01T00:00:00Z"/>'
    "</event></trace></log>"
)
# These start, stop or show a server or a file of the user's own.
OF_NO_ROLE = {"db start", "db stop", "db url", "db psql", "projection new", "up", "migrate", "vector index"}
OF_NO_ROLE |= {
    "schema export",
    "spool show",
    "spool refused",
    "otlp serve",
    "health rules",
    "health dashboard",
    "console",
}
# What they need depends on where the keys are: tests/keys/test_homes.py.
OF_NO_ROLE |= {"keys status", "keys rotate", "keys encrypt"}
# They do nothing where no backfill is pending, the rules leave every response open, and there is no such workflow.
WRITES_SOMETIMES = {"backfill run", "response sweep", "workflow restore"}
# In a process of its own: it sets what signals do.
LEADS = "worker"


def documented() -> dict[str, set[str]]:
    """The how-to's table: which roles may run which command."""
    page = (DOCS / "how-to" / "use-your-own-postgresql.md").read_text(encoding="utf-8")
    table = page.split("| commands | a login with |\n|---|---|\n")[1].split("\n\n")[0]
    found: dict[str, set[str]] = {}
    last: set[str] = set()
    for row in table.splitlines():
        _, named, said, _ = row.split("|")
        roles = set(re.findall(r"`(runfold_\w+)`", said))
        if "the same" in said:
            roles |= last
        last = roles
        for command in re.findall(r"`([^`]+)`", named):
            found[command] = set(LOGINS) if "any of the roles" in said else roles
    return found


ROLES = documented()


@pytest.fixture(scope="module")
def prepared(owned: Owned, tmp_path_factory: pytest.TempPathFactory) -> Owned:
    """Something for each command, folded by the worker's login."""
    (tmp_path_factory.getbasetemp() / "log.xes").write_text(XES)
    for role in (*LOGINS, OWNER):
        with Spool.open(tmp_path_factory.getbasetemp() / f"spool-{role}") as spool:
            spool.append(call(append(events=1)).encode())
    with psycopg.connect(owned.superuser, autocommit=True) as connection:
        log = Log(connection)
        log.append("execution-e", *run("e"))
        for name in ("billing", *(f"of-{role}" for role in (*LOGINS, OWNER))):
            connection.execute("SELECT FROM runfold.begin_subscription(%s)", (name,))
        log.append("execution-f", *run("f"))
        for role in (*LOGINS, OWNER):
            log.append(f"execution-lost-{role}", *run(f"lost-{role}")[:2])
            smuggle(log, f"execution-sick-{role}", *POISON["a bad cast"][:2])
            started = event("DeploymentStarted", to_status="DEPLOYING", deployment_id=str(_id(role, 9)))
            log.append(f"deployment-{_id(role, 9)}", started)
            for number in range(2):
                log.append(f"interaction-{_id(role, number)}", event("InteractionRequested"))
            for number in range(2):
                log.append(f"response-{_id(role, number)}", event("ResponseReceived"))
            log.append(f"response-{_id(role, 2)}", event("ResponseReceived"), event("ResponseFilteredOut"))
    assert run_command(owned.login(LOGINS["runfold_projector"]), "worker", "--once").returncode == 0
    written = ["--format", "parquet", "--out", str(tmp_path_factory.getbasetemp() / "log.parquet")]
    assert run_command(owned.login(LOGINS["runfold_reader"]), "export", *written).returncode == 0
    return owned


def _id(role: str, number: int) -> UUID:
    return UUID(int=sorted([*LOGINS, OWNER]).index(role) * 16 + number, version=4)


def typed(command: str, role: str, xes: Path) -> list[str]:
    """The command with what it needs, about something that this role has for itself."""
    sick, first, second = f"execution-sick-{role}", str(_id(role, 0)), str(_id(role, 1))
    more = {
        "execution show": ["e"],
        "execution at": ["e", "--event", "2"],
        "execution diff": ["e", "e"],
        "execution tail": ["e"],
        "execution stuck --declare-lost": ["--idle", "1ms", "--yes", "--limit", "1"],
        "why": ["workflow_executions", "e", "status"],
        "parked show": [sick],
        "parked retry": [sick],
        "parked discard": [sick, "--reason", "r"],
        "projection rebuild": ["--all"],
        "projection replay": ["--stream", "execution-e"],
        "interaction show": [first],
        "response show": [first],
        "interaction respond": [first, "--data", "{}"],
        "interaction withdraw": [second],
        "response match": [first, second, "--data", "{}"],
        "response filter-out": [second, "--reason", "r"],
        "response reopen": [str(_id(role, 2))],
        "deployment fail": [str(_id(role, 9)), "--reason", "r"],
        "import xes": [str(xes)],
        "import jsonl": [str(_file(xes.parent, role, "jsonl"))],
        "import cloudevents": [str(_file(xes.parent, role, "cloudevents"))],
        "import parquet": [str(xes.parent / "log.parquet")],
        "import ocel": [str(_file(xes.parent, role, "ocel")), "--case", "order"],
        "export": ["--out", str(xes.parent / "exported.jsonl")],
        "doctor": ["--advise"],
        "workflow show": [str(_id(role, 9))],
        "workflow history": [str(_id(role, 9))],
        "workflow diff": [str(_id(role, 9)), "1"],
        "workflow restore": [str(_id(role, 9)), "1"],
        "log seal check": [str(xes)],
        "retention set": ["workflow_execution_logs", "--days", "30"],
        "archive write": ["--archive", str(xes.parent / "archive"), "--older-than", "1d"],
        "archive verify": ["--archive", str(xes.parent / "archive")],
        "archive restore": ["1..100", "--archive", str(xes.parent / "archive")],
        "archive rewrite": ["--without", str(_id(role, 9)), "--archive", str(xes.parent / "archive")],
        "subscription show": ["billing"],
        "subscription move": ["billing", "--to", "start", "--yes"],
        "subscription drop": [f"of-{role}", "--yes"],
        "tenant erase": [str(_id(role, 15)), "--yes", "--timeout", "0"],
        "worker": ["--once"],
        "spool send": [str(xes.parent / f"spool-{role}")],
        "db adopt": ["--new-identity"],
    }
    return [*command.split(), *more.get(command, [])]


def _file(folder: Path, role: str, form: str) -> Path:
    """Write something to import, which no other role has imported."""
    event_id, stream, at = str(uuid4()), f"log-{role}-{form}", "2026-03-01T12:00:00Z"
    data = {"level": "INFO", "event_type": "workflow_progress", "message": "m"}
    order = {"id": f"order-{role}", "type": "order"}
    made: dict[str, dict[str, object]] = {
        "jsonl": {"stream_id": stream, "event_id": event_id, "type": "LogAppended", "data": data, "occurred_at": at},
        "cloudevents": {
            "specversion": "1.0", "id": event_id, "source": "/a", "type": "LogAppended", "subject": stream,
            "time": at, "data": data,
        },
        "ocel": {
            "events": [{"id": "1", "type": "pay", "time": at, "relationships": [{"objectId": order["id"]}]}],
            "objects": [order],
        },
    }  # fmt: skip
    path = folder / f"{role}.{form}"
    path.write_text(json.dumps(made[form]) + "\n")
    return path


@pytest.mark.parametrize("role", [*LOGINS, OWNER])
def test_each_role_can_run_the_commands_that_the_page_says_and_the_others_name_the_role(
    prepared: Owned, role: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    login = OWNER if role == OWNER else LOGINS[role]
    url = prepared.login(login)
    xes = tmp_path_factory.getbasetemp() / "log.xes"
    wrong = []
    for command, roles in ROLES.items():
        denied = denial(url, typed(command, role, xes))
        expected = f"this needs {_needed(roles)}: GRANT {_needed(roles)} TO {login}"
        if role == OWNER or role in roles:
            if denied is not None:
                wrong.append((command, denied))
        elif (denied is None and command not in WRITES_SOMETIMES) or expected not in (denied or expected):
            wrong.append((command, denied, expected))
    assert wrong == [], "\n".join(map(str, wrong))


def _needed(roles: set[str]) -> str:
    """The role that an error names: the one that may do least besides."""
    return next(role for role in ("runfold_engine", "runfold_operator", "runfold_projector") if role in roles)


def denial(url: str, words: list[str]) -> str | None:
    """Run a command, and return why it was denied; any other end is the command's own matter."""
    if words[0] == LEADS:
        done = run_command(url, *words)
        assert "Traceback" not in done.stderr
        return done.stderr if "this needs" in done.stderr or "permission denied" in done.stderr else None
    done = CliRunner().invoke(build(), ["--url", url, *words])
    set_current(Invocation())
    if done.exception is None or isinstance(done.exception, SystemExit):
        assert "permission denied" not in done.output, done.output
        assert done.exit_code in (0, 1, 3), (words, done.output)
        return None
    # A refusal of another kind must not hide that a permission is missing.
    assert isinstance(done.exception, runfold.RunfoldError), (words, done.exception)
    said = str(done.exception)
    assert isinstance(done.exception, PermissionDenied) == ("permission denied" in said or "this needs" in said), said
    return said if isinstance(done.exception, PermissionDenied) else None


def test_the_page_names_every_command() -> None:
    known = {name.removeprefix("runfold ") for name in commands()}
    assert set(ROLES) == known - OF_NO_ROLE | {"execution stuck --declare-lost", "migrate --check"}


def test_control_a_column_that_was_not_granted_is_noticed(prepared: Owned) -> None:
    with psycopg.connect(prepared.login(OWNER), autocommit=True) as owner:
        owner.execute("REVOKE SELECT (deployment_config) ON public.workflows FROM runfold_projector")
        try:
            for words in (["projection", "verify"], ["projection", "rebuild", "workflow_status"]):
                said = denial(prepared.login(LOGINS["runfold_projector"]), words)
                assert said is not None
                assert "permission denied for table workflows" in said
        finally:
            owner.execute("GRANT SELECT (deployment_config) ON public.workflows TO runfold_projector")


def test_a_store_s_permission_errors_name_the_role_to_be_granted(prepared: Owned) -> None:
    with runfold.connect(prepared.login(LOGINS["runfold_projector"])) as store:
        with pytest.raises(PermissionDenied, match="GRANT runfold_engine TO a_worker") as caught:
            store.append("execution-new", [runfold.events.ExecutionStarted(start_time=1)])
        assert caught.value.facts["role"] == "runfold_engine"
    with (
        runfold.connect(prepared.login(LOGINS["runfold_engine"])) as store,
        pytest.raises(PermissionDenied, match="GRANT runfold_operator TO an_engine"),
    ):
        store.register_event_types(CATEGORY)


def test_a_worker_of_the_wrong_role_does_not_lead(prepared: Owned) -> None:
    """Leading and unable to fold it would keep the others from it."""
    with psycopg.connect(prepared.superuser) as connection:
        before = connection.execute("SELECT epoch FROM runfold.leader").fetchone()
    done = run_command(prepared.login(LOGINS["runfold_operator"]), "worker")
    assert done.returncode == 1
    assert "GRANT runfold_projector TO an_operator" in done.stderr
    with psycopg.connect(prepared.superuser) as connection:
        assert connection.execute("SELECT epoch FROM runfold.leader").fetchone() == before


def test_a_lost_execution_is_declared_lost_by_the_operator_and_not_by_an_engine(prepared: Owned) -> None:
    name = f"lost-{uuid4()}"
    with psycopg.connect(prepared.superuser, autocommit=True) as connection:
        Log(connection).append(f"execution-{name}", *run(name)[:2])
        call = "SELECT runfold.declare_lost(%s, '0 s', 'a test')"
        for login in ("an_engine", "a_worker"):
            with psycopg.connect(prepared.login(login)) as other, pytest.raises(psycopg.errors.InsufficientPrivilege):
                other.execute(call, (name,))
        with psycopg.connect(as_login(prepared.superuser, "an_operator", "change"), autocommit=True) as operator:
            assert operator.execute(call, (name,)).fetchone() != (None,)
