"""What each service role can do, and that it can do nothing else, tried by statements."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import errors, sql

from runfold.database.connections import map_error
from runfold.database.migrations import migrate
from runfold.errors import InvalidInput, LogImmutable
from runfold.events.codec import encode_appends
from runfold.events.envelope import Append, NewEvent
from tests.factories import a_stream, append, call
from tests.fixtures.logs import Log, event, run
from tests.fixtures.owned import LOGINS, OWNER, Owned
from tests.fixtures.processes import drain
from tests.model.payloads import DEPLOYMENTS

Connection = psycopg.Connection[Any]

ALICE, BOB = UUID(int=1, version=4), UUID(int=2, version=4)
FOLDED = {
    "workflow_executions", "node_executions", "workflow_execution_pauses", "workflow_execution_logs", "workflow_status",
    "human_interactions", "hil_responses", "workflow_deployment_history", "trigger_index",
}  # fmt: skip
DEFINITIONS = {"workflows", "nodes", "node_connections"}
EVERYTHING = FOLDED | DEFINITIONS | {"sessions", "events", "streams"}
# The worker needs whose workflow it is, and nothing of a definition.
READS = {
    "runfold_engine": EVERYTHING,
    "runfold_projector": EVERYTHING - {"nodes", "node_connections", "sessions"},
    "runfold_operator": EVERYTHING,
    "runfold_reader": EVERYTHING,
    "service_role": EVERYTHING,
    "runfold_scheduler": {"workflows", "trigger_index", "workflow_deployment_history"},
    "runfold_agent": DEFINITIONS,
    "runfold_projections": {"events"},
    "runfold_gateway": EVERYTHING,  # as the reader, which it may become
}
"""Every role, with those tables of the core that it reads."""

# Functions that write, by who may call them.
WRITERS = {
    "append_events": {"runfold_engine", "runfold_operator", "service_role"},
    "append_batch": {"runfold_engine", "runfold_operator", "service_role"},
    "append_opaque_events": {"runfold_engine", "runfold_operator", "service_role"},
    "append_deployment_events": {"runfold_scheduler"},
    "declare_lost": {"runfold_operator"},
    "register_event_types": {"runfold_operator"},
    "ensure_partitions": {"runfold_projector", "runfold_operator"},
    "sync_workflows": {"runfold_projector", "runfold_operator"},
}
# Who folds into read tables; who edits workflows.
FOLDERS = {"runfold_projector"}
EDITORS = {"runfold_operator", "service_role"}

TENANT_TABLES = """
    SELECT c.relname, bool_or(p.polcmd = '*') FILTER (WHERE 'authenticated'::regrole = ANY (p.polroles))
      FROM pg_class c JOIN pg_policy p ON p.polrelid = c.oid
     WHERE c.relnamespace = ANY ('{public,runfold}'::regnamespace[]) AND c.relkind IN ('r', 'p')
     GROUP BY c.relname
    HAVING bool_or('authenticated'::regrole = ANY (p.polroles) AND p.polqual IS NOT NULL
                   AND pg_get_expr(p.polqual, p.polrelid) <> 'true')
     ORDER BY c.relname
"""


def tenant_tables(connection: Connection) -> dict[str, bool]:
    """The tables that tenants see, and whether they edit them."""
    return dict(connection.execute(TENANT_TABLES).fetchall())


@pytest.fixture
def filled(log: Log, database_url: str) -> Log:
    """Two tenants and nobody, each with an execution that is folded."""
    for user in (ALICE, BOB):
        log.connection.execute("INSERT INTO auth.users (id) VALUES (%s)", (user,))
    for name, user in (("a", ALICE), ("b", BOB), ("n", None)):
        log.append(f"execution-{name}", *run(name), user_id=user)
    assert drain(database_url) == {}
    return log


def become(connection: Connection, role: str) -> None:
    connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))


def qualified(connection: Connection, table: str) -> sql.Identifier:
    schema = connection.execute(
        "SELECT relnamespace::regnamespace::text FROM pg_class WHERE relname = %s AND relnamespace ="
        " ANY ('{public,runfold}'::regnamespace[])",
        (table,),
    ).fetchone()
    assert schema is not None
    return sql.Identifier(schema[0], table)


def test_the_matrix_names_every_service_role(connection: Connection) -> None:
    roles = connection.execute(
        "SELECT rolname FROM pg_roles WHERE rolname LIKE 'runfold\\_%' AND rolname NOT LIKE '%\\_test\\_%'"
    ).fetchall()
    assert {name for (name,) in roles} | {"service_role"} == set(READS)


def rows_seen(connection: Connection, role: str, table: str) -> int | None:
    """The rows of a table that a role sees; None if it may not read it."""
    name = qualified(connection, table)
    (column,) = connection.execute(
        "SELECT max(a.attname) FROM pg_attribute a WHERE a.attrelid = %s::regclass AND a.attnum > 0"
        " AND NOT a.attisdropped AND has_column_privilege(%s, a.attrelid, a.attnum, 'SELECT')",
        (name.as_string(connection), role),
    ).fetchone() or (None,)
    try:
        with connection.transaction(force_rollback=True):
            become(connection, role)
            # Of a table that only some columns are granted of, one of these.
            statement = sql.SQL("SELECT count(*) FROM (SELECT {} FROM {}) AS t")
            rows = connection.execute(statement.format(sql.Identifier(column or "ctid"), name)).fetchone()
            return int((rows or (0,))[0])
    except errors.InsufficientPrivilege:
        return None


def count(connection: Connection, table: str) -> int:
    statement = sql.SQL("SELECT count(*) FROM {}").format(qualified(connection, table))
    (rows,) = connection.execute(statement).fetchone() or (0,)
    return int(rows)


@pytest.mark.parametrize("role", READS)
def test_a_role_sees_every_row_of_what_it_reads_and_reads_nothing_else(filled: Log, role: str) -> None:
    """Of the core the list above says what that is; of other tables a grant, which no policy must hide."""
    wrong = []
    for table in tenant_tables(filled.connection):
        seen = rows_seen(filled.connection, role, table)
        if table in EVERYTHING and (seen is not None) != (table in READS[role]):
            wrong.append((table, seen))
        if seen is not None and seen != count(filled.connection, table):
            wrong.append((table, seen))
    assert wrong == []


def test_control_a_role_that_is_granted_a_table_and_in_no_policy_of_it_is_noticed(filled: Log) -> None:
    filled.connection.execute("GRANT SELECT ON public.workflow_executions TO runfold_agent")
    with pytest.raises(AssertionError, match="'workflow_executions', 0"):
        test_a_role_sees_every_row_of_what_it_reads_and_reads_nothing_else(filled, "runfold_agent")


@pytest.mark.parametrize("role", READS)
def test_a_role_writes_what_is_its_own_and_nothing_else(filled: Log, role: str) -> None:
    """Folds are the projector's, definitions the operator's; the log is nobody's but through its functions."""
    wrong = []
    for table, edited in tenant_tables(filled.connection).items():
        if table not in EVERYTHING:
            continue
        name = qualified(filled.connection, table)
        may = table not in ("events", "streams") and role in (EDITORS if edited else FOLDERS)
        for verb, statement in {
            "INSERT": "INSERT INTO {} SELECT * FROM {} WHERE false",
            "DELETE": "DELETE FROM {} AS t USING {} AS u WHERE false",
            "TRUNCATE": "TRUNCATE {}, {} CASCADE",
        }.items():
            allowed = may and (verb != "TRUNCATE" or edited)
            allowed = allowed or (role == "runfold_gateway" and edited and verb == "DELETE")  # as a tenant, its own
            try:
                with filled.connection.transaction(force_rollback=True):
                    become(filled.connection, role)
                    filled.connection.execute(sql.SQL(statement).format(name, name))
                done = True
            except errors.InsufficientPrivilege:
                done = False
            if done != allowed:
                wrong.append((table, verb, done))
    assert wrong == []


@pytest.mark.parametrize("function", WRITERS)
def test_a_function_that_writes_is_called_by_those_who_may(connection: Connection, function: str) -> None:
    found = connection.execute(
        "SELECT r.rolname FROM pg_roles r, pg_proc p WHERE p.oid = %s::regproc"
        " AND (r.rolname LIKE 'runfold\\_%%' OR r.rolname IN ('service_role', 'authenticated', 'anon'))"
        " AND r.rolname NOT LIKE '%%\\_test\\_%%'"
        " AND has_function_privilege(r.oid, p.oid, 'EXECUTE')",
        (f"runfold.{function}",),
    ).fetchall()
    assert {name for (name,) in found} == WRITERS[function]


def test_the_reader_calls_no_function_that_changes_anything(connection: Connection) -> None:
    """All that it may call is stable, or reads the log's locks."""
    volatile = connection.execute(
        "SELECT p.proname FROM pg_proc p WHERE p.pronamespace = 'runfold'::regnamespace AND p.provolatile = 'v'"
        " AND has_function_privilege('runfold_reader', p.oid, 'EXECUTE') ORDER BY 1"
    ).fetchall()
    assert {name for (name,) in volatile} <= READS_LOCKS


READS_LOCKS = {"head_holders", "position_at", "read_all", "read_opaque_events", "safe_head", "last_opaque_position"}


# -- the scheduler -----------------------------------------------------------------------------------------------------


def deployment(workflow: UUID, **events: dict[str, Any]) -> list[Any]:
    """A call with these events, by type, of a deployment."""
    made = [NewEvent(type=kind, data=data) for kind, data in events.items()]
    appends: list[Any] = json.loads(encode_appends([Append(stream_id=f"deployment-{workflow}", events=made)]))
    return appends


def deployment_started(workflow: UUID) -> list[Any]:
    kind, data = event("DeploymentStarted", deployment_id=DEPLOYMENTS[0], to_status="DEPLOYING", deployment_version=7)
    return deployment(workflow, **{kind: dict(data)})


def as_scheduler(connection: Connection, appends: Any) -> list[Any]:
    with connection.transaction():
        become(connection, "runfold_scheduler")
        text = appends if isinstance(appends, str) else json.dumps(appends)
        return connection.execute("SELECT * FROM runfold.append_deployment_events(%s)", (text,)).fetchall()


def test_the_scheduler_appends_events_of_deployments(connection: Connection) -> None:
    workflow = uuid4()
    ((stream, version, *_, repeated),) = as_scheduler(connection, given := deployment_started(workflow))
    assert (stream, version, repeated) == (f"deployment-{workflow}", 1, False)
    assert as_scheduler(connection, given)[0][-1] is True


OTHERS: dict[str, tuple[str, dict[str, Any]]] = {
    "execution": ("ExecutionCanceled", {"end_time": 1}),
    "interaction": ("InteractionTimedOut", {"at": "2026-01-01T00:00:00Z", "action": "fail"}),
    "log": ("LogAppended", {"level": "INFO", "event_type": "step_input", "message": "m"}),
}


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("category", OTHERS)
def test_the_scheduler_appends_nothing_else_and_nothing_beside_it(
    connection: Connection, category: str, place: int
) -> None:
    kind, data = OTHERS[category]
    appends = deployment_started(uuid4())
    appends[place:place] = deployment(uuid4(), **{kind: data})
    appends[place]["stream_id"] = f"{category}-{uuid4()}"
    with pytest.raises(psycopg.Error) as refused:
        as_scheduler(connection, appends)
    error = map_error(refused.value)
    assert isinstance(error, InvalidInput)
    assert (error.code, error.pointer) == ("not_of_a_deployment", f"/{place}/stream_id")
    assert connection.execute("SELECT count(*) FROM runfold.events").fetchone() == (0,)


def test_the_scheduler_deletes_no_workflow(connection: Connection) -> None:
    appends = deployment_started(workflow := uuid4())
    appends[0]["events"] += deployment(workflow, WorkflowDeleted={"at": "2026-01-01T00:00:00Z"})[0]["events"]
    with pytest.raises(psycopg.Error) as refused:
        as_scheduler(connection, appends)
    error = map_error(refused.value)
    assert isinstance(error, InvalidInput)
    assert (error.code, error.pointer) == ("reserved_category", "/0/events/1/type")


def test_what_is_no_call_is_refused_to_the_scheduler_as_to_everybody(connection: Connection) -> None:
    for text, code in (("{", "invalid_json"), ("[]", "empty_call")):
        with pytest.raises(psycopg.Error) as refused:
            as_scheduler(connection, text)
        assert map_error(refused.value).code == code


def test_control_a_wrapper_that_looks_at_nothing_appends_everything(connection: Connection) -> None:
    connection.execute(
        "CREATE OR REPLACE FUNCTION runfold.append_deployment_events(appends text, command_id uuid DEFAULT NULL)"
        " RETURNS TABLE (stream_id text, version bigint, first_position bigint, last_position bigint, repeated boolean)"
        " LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp"
        " AS 'SELECT * FROM runfold.append_events(appends, command_id)'"
    )
    assert len(as_scheduler(connection, call(append(a_stream())))) == 1


# -- the gateway -------------------------------------------------------------------------------------------------------


def test_a_login_of_the_gateway_has_nothing_until_it_becomes_somebody(owned: Owned) -> None:
    with psycopg.connect(owned.login(LOGINS["runfold_gateway"])) as gateway:
        for table in ("public.workflow_executions", "public.workflows", "runfold.events"):
            with pytest.raises(errors.InsufficientPrivilege), gateway.transaction():
                gateway.execute(f"SELECT FROM {table}".encode())
        for role in ("anon", "authenticated", "runfold_reader"):
            with gateway.transaction():
                become(gateway, role)
                assert gateway.execute("SELECT current_user").fetchone() == (role,)
        for role in ("runfold_engine", "runfold_projector", "runfold_operator", "service_role"):
            with pytest.raises(errors.InsufficientPrivilege), gateway.transaction():
                become(gateway, role)


# -- temporary tables --------------------------------------------------------------------------------------------------

TEMPORARY = ("runfold_engine", "runfold_projector", "runfold_operator", "runfold_reader")


@pytest.mark.parametrize("role", [*LOGINS, "anon", "authenticated"])
def test_only_who_folds_makes_temporary_tables(owned: Owned, role: str) -> None:
    with psycopg.connect(owned.superuser) as connection:
        become(connection, role)
        if role in (*TEMPORARY, "runfold_gateway"):  # which may do what the reader may
            connection.execute("CREATE TEMPORARY TABLE workflow_executions (id uuid)")
        else:
            with pytest.raises(errors.InsufficientPrivilege, match="temporary"):
                connection.execute("CREATE TEMPORARY TABLE workflow_executions (id uuid)")


def test_who_does_not_own_the_database_migrates_it_and_leaves_temporary_tables_to_all(owned: Owned) -> None:
    """Only the owner can revoke them; the page says what the owner has to run."""
    with psycopg.connect(owned.superuser, autocommit=True) as connection:
        connection.execute("CREATE ROLE a_migrator LOGIN CREATEROLE PASSWORD 'change'")
        connection.execute("CREATE DATABASE of_another")
        connection.execute("GRANT CREATE ON DATABASE of_another TO a_migrator")
    other = Owned(urlsplit(owned.superuser)._replace(path="/of_another").geturl())
    with psycopg.connect(other.superuser, autocommit=True) as connection:
        connection.execute("GRANT CREATE ON SCHEMA public TO a_migrator")
        migrate(other.login("a_migrator"))
        assert connection.execute(
            "SELECT has_database_privilege('authenticated', current_database(), 'TEMPORARY')"
        ).fetchone() == (True,)
        assert connection.execute("SELECT count(*) FROM pg_publication_rel").fetchone() != (0,)


def test_control_everybody_makes_temporary_tables_where_that_is_not_revoked(owned: Owned) -> None:
    with psycopg.connect(owned.superuser) as connection:
        connection.execute(f"GRANT TEMPORARY ON DATABASE {connection.info.dbname} TO PUBLIC".encode())
        become(connection, "authenticated")
        connection.execute("CREATE TEMPORARY TABLE workflow_executions (id uuid)")
        connection.rollback()


def test_the_owner_who_is_no_superuser_passes_and_does_not_change_the_log(owned: Owned) -> None:
    """The policies name services: the owner passes because it is the owner."""
    with psycopg.connect(owned.login(OWNER)) as owner:
        powers = "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = %s"
        assert owner.execute(powers, (OWNER,)).fetchone() == (False,)
        assert owner.execute("SELECT row_security_active('public.workflow_executions')").fetchone() == (False,)
        with pytest.raises(psycopg.Error) as refused:
            owner.execute("UPDATE runfold.events SET type = 'x'")
        assert refused.value.sqlstate == LogImmutable.sqlstate
