"""The log is append-only for every role, and identifiers are data: a name is never executed."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import errors, sql

import runfold
from runfold.errors import InvalidInput, LogImmutable
from tests.factories import CATEGORY, a_stream, append, call, happening, line, lines, streams
from tests.fixtures.evidence import Evidence

Connection = psycopg.Connection[Any]

ROLES = ("runfold_engine", "runfold_projector", "runfold_operator", "service_role", "anon", "authenticated")
APPENDERS = ("runfold_engine", "runfold_operator", "service_role")
TABLES = ("events", "streams", "event_ids", "claims", "commands")

VERBS = {
    "UPDATE": "UPDATE {table} SET {column} = {column}",
    "DELETE": "DELETE FROM {table}",
    "TRUNCATE": "TRUNCATE {table}",
    "INSERT": "INSERT INTO {table} SELECT * FROM {table}",
    "INSERT nothing": "INSERT INTO {table} DEFAULT VALUES",
    "COPY": "COPY {table} FROM STDIN",
    "LOCK": "LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE",
    "DROP": "DROP TABLE {table}",
    "ALTER": "ALTER TABLE {table} DISABLE TRIGGER ALL",
    "MERGE": "MERGE INTO {table} AS t USING (SELECT 1) AS s ON false WHEN MATCHED THEN DELETE",
}
FIRST_COLUMN = {"events": "type", "streams": "version", "event_ids": "event_id", "claims": "key", "commands": "result"}

HOSTILE = (
    'x"; drop table runfold.events;--',
    "x'); drop table runfold.events;--",
    "$$; drop table runfold.events; $$",
    "%s%(appends)s{}%I",
    "..\\..\\etc/passwd",
    "x" * 71,
    "naïve-Ω-世界-\U0001f680",
    "SELECT pg_sleep(60)",
    "ẞ" * 80,
)


def execute_as(connection: Connection, role: str, statement: sql.Composed) -> None:
    """Run a statement as a role, in a transaction that is rolled back."""
    with connection.transaction(force_rollback=True):
        connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))
        if b"FROM STDIN" in statement.as_bytes(connection):
            with connection.cursor().copy(statement):
                pass
        else:
            connection.execute(statement)


def partitions(connection: Connection) -> list[str]:
    rows = connection.execute("SELECT relid::text FROM pg_partition_tree('runfold.events') WHERE isleaf").fetchall()
    return [str(name) for (name,) in rows]


def identifier(table: str) -> sql.Identifier:
    """Return a table of the schema runfold, or one whose schema is named."""
    return sql.Identifier(*table.split(".")) if "." in table else sql.Identifier("runfold", table)


def contents(connection: Connection) -> list[Any]:
    rows = sql.SQL("SELECT t::text FROM {} t ORDER BY 1")
    return [connection.execute(rows.format(sql.Identifier("runfold", table))).fetchall() for table in TABLES]


@pytest.fixture
def written(store: runfold.Store) -> runfold.Store:
    """A log with rows in every table."""
    store.append_many([append(events=3, claims=[("kind", "key")])], command_id=uuid4())
    return store


@pytest.mark.parametrize("role", ROLES)
def test_every_role_is_refused_to_change_the_log(
    connection: Connection, written: runfold.Store, evidence: Evidence, role: str
) -> None:
    before = contents(connection)
    refused = 0
    for table in (*TABLES, *partitions(connection)):
        for verb, template in VERBS.items():
            column = sql.Identifier(FIRST_COLUMN.get(table, FIRST_COLUMN["events"]))
            statement = sql.SQL(template).format(table=identifier(table), column=column)
            with pytest.raises(psycopg.Error) as error:
                execute_as(connection, role, statement)
            assert isinstance(error.value, errors.InsufficientPrivilege), (verb, table, error.value)
            refused += 1
    for call_of in ("setval('runfold.events_position', 1)", "nextval('runfold.events_position')"):
        with pytest.raises(errors.InsufficientPrivilege):
            execute_as(connection, role, sql.SQL("SELECT {}").format(sql.SQL(call_of)))
        refused += 1
    evidence.note(refused=refused)
    assert contents(connection) == before


@pytest.mark.parametrize("verb", ["UPDATE", "DELETE", "TRUNCATE"])
def test_the_owner_is_refused_to_change_events_also_in_a_partition(
    connection: Connection, written: runfold.Store, evidence: Evidence, verb: str
) -> None:
    before = contents(connection)
    tables = ("events", *partitions(connection))
    for table in tables:
        statement = sql.SQL(VERBS[verb]).format(table=identifier(table), column=sql.Identifier("type"))
        if verb != "TRUNCATE" and table not in ("events", tables[1]):
            continue  # row triggers have no row to refuse in an empty partition
        with pytest.raises(psycopg.Error) as refused:
            connection.execute(statement)
        assert refused.value.sqlstate == LogImmutable.sqlstate
    evidence.note(tables=len(tables))
    assert contents(connection) == before


def test_partitions_made_later_refuse_changes_too(connection: Connection, written: runfold.Store) -> None:
    (made,) = connection.execute("SELECT runfold.ensure_partitions(spare => 6)").fetchone() or (0,)
    assert made > 0
    newest = max(partitions(connection))
    connection.execute("SELECT setval('runfold.events_position', runfold.log_end() - 10)")
    written.append(a_stream(), lines(2))
    for verb in ("UPDATE", "DELETE", "TRUNCATE"):
        statement = sql.SQL(VERBS[verb]).format(table=identifier(newest), column=sql.Identifier("type"))
        with pytest.raises(psycopg.Error) as refused:
            connection.execute(statement)
        assert refused.value.sqlstate == LogImmutable.sqlstate


def test_without_its_triggers_the_owner_could_change_the_log(connection: Connection, written: runfold.Store) -> None:
    connection.execute("DROP TRIGGER events_are_never_changed ON runfold.events")
    connection.execute("DROP TRIGGER events_are_never_truncated ON runfold.events")
    assert connection.execute("UPDATE runfold.events SET type = 'Forged'").rowcount == 3
    assert connection.execute("DELETE FROM runfold.events").rowcount == 3


@pytest.mark.parametrize("role", ROLES)
def test_only_appenders_append(connection: Connection, written: runfold.Store, role: str) -> None:
    statement = sql.SQL("SELECT * FROM runfold.append_events({})").format(call(append()))
    if role in APPENDERS:
        execute_as(connection, role, statement)
    else:
        with pytest.raises(errors.InsufficientPrivilege):
            execute_as(connection, role, statement)


def test_no_function_of_ours_is_the_publics(connection: Connection) -> None:
    public = connection.execute(
        """SELECT p.oid::regprocedure::text FROM pg_proc p
             LEFT JOIN LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a ON true
            WHERE p.pronamespace = 'runfold'::regnamespace AND a.grantee = 0 AND a.privilege_type = 'EXECUTE'"""
    ).fetchall()
    assert public == []
    no_path = connection.execute(
        """SELECT p.oid::regprocedure::text FROM pg_proc p
            WHERE p.pronamespace = 'runfold'::regnamespace AND p.prosecdef
              AND NOT EXISTS (SELECT FROM unnest(p.proconfig) AS c WHERE c LIKE 'search_path=%')"""
    ).fetchall()
    assert no_path == []  # what runs with its owner's rights names its own search_path


def test_a_function_made_public_would_be_found(connection: Connection) -> None:
    connection.execute("GRANT EXECUTE ON FUNCTION runfold.safe_head() TO PUBLIC")
    with pytest.raises(AssertionError):
        test_no_function_of_ours_is_the_publics(connection)


def test_a_roles_own_functions_and_operators_are_never_run_by_an_append(
    database_url: str, connection: Connection
) -> None:
    """An engine offers, in its own schemas, everything that append_events calls by an unqualified name."""
    connection.execute(
        """CREATE SCHEMA hostile AUTHORIZATION runfold_engine;
           CREATE TABLE public.executed (what text);
           GRANT INSERT ON public.executed TO PUBLIC;
           GRANT TEMPORARY ON DATABASE """
        + connection.info.dbname
        + " TO runfold_engine"
    )
    with psycopg.connect(database_url, autocommit=True) as engine:
        engine.execute("SET ROLE runfold_engine")
        engine.execute(
            """CREATE FUNCTION hostile.note(what text) RETURNS void LANGUAGE sql AS
                   $$ INSERT INTO public.executed VALUES (what || ' as ' || current_user) $$;
               CREATE FUNCTION hostile.jsonb_array_length(jsonb) RETURNS integer LANGUAGE sql AS
                   $$ SELECT hostile.note('jsonb_array_length'); SELECT pg_catalog.jsonb_array_length($1) $$;
               CREATE FUNCTION hostile.split_part(text, text, integer) RETURNS text LANGUAGE sql AS
                   $$ SELECT hostile.note('split_part'); SELECT pg_catalog.split_part($1, $2, $3) $$;
               CREATE FUNCTION hostile.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS
                   $$ SELECT hostile.note('clock_timestamp'); SELECT pg_catalog.now() $$;
               CREATE FUNCTION hostile.nextval(regclass) RETURNS bigint LANGUAGE sql AS
                   $$ SELECT hostile.note('nextval'); SELECT pg_catalog.nextval($1) $$;
               CREATE FUNCTION hostile.equals(text, text) RETURNS boolean LANGUAGE sql AS
                   $$ SELECT hostile.note('='); SELECT pg_catalog.texteq($1, $2) $$;
               CREATE OPERATOR hostile.= (LEFTARG = text, RIGHTARG = text, FUNCTION = hostile.equals);
               CREATE FUNCTION hostile.at(jsonb, text) RETURNS text LANGUAGE sql AS
                   $$ SELECT hostile.note('->>'); SELECT pg_catalog.jsonb_object_field_text($1, $2) $$;
               CREATE OPERATOR hostile.->> (LEFTARG = jsonb, RIGHTARG = text, FUNCTION = hostile.at);
               CREATE FUNCTION hostile.append_events(text, uuid DEFAULT NULL) RETURNS void LANGUAGE sql AS
                   $$ SELECT hostile.note('append_events') $$;
               CREATE TEMPORARY TABLE events (position bigint);
               CREATE TEMPORARY TABLE streams (stream_id text)"""
        )
        engine.execute("SET search_path = pg_temp, hostile, runfold, pg_catalog")
        for expected in (0, 1, None):
            engine.execute(
                "SELECT * FROM runfold.append_events(%s)", (call(append("log-victim", expected_version=expected)),)
            )
        engine.execute("SELECT runfold.safe_head()")
        engine.execute("SELECT * FROM runfold.read_all()")
        engine.execute("SELECT * FROM runfold.read_stream('log-victim')")
        assert connection.execute("SELECT * FROM public.executed").fetchall() == []
        assert connection.execute("SELECT count(*) FROM runfold.events").fetchone() == (3,)

        # The control: without its own search_path the function would run them.
        connection.execute("ALTER FUNCTION runfold.append_events(text, uuid, text) RESET search_path")
        engine.execute("SET search_path = hostile, pg_catalog")
        engine.execute("SELECT * FROM runfold.append_events(%s)", (call(append("log-victim")),))
        owner = connection.info.user
        ran = {what for (what,) in connection.execute("SELECT what FROM public.executed")}
        assert {f"split_part as {owner}", f"->> as {owner}"} <= ran


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_data_or_refused(
    connection: Connection, store: runfold.Store, evidence: Evidence, name: str
) -> None:
    """As the name of a stream, an event type, a claim, a message: stored unchanged, or refused with a code."""
    store.register_event_types(CATEGORY)
    attempts = {
        "stream": append(f"log-{name}"),
        "own category": append(f"{CATEGORY}-{name}", [happening()]),
        "category": append(f"{name}-1", [happening()]),
        "type": append(a_stream(CATEGORY), [happening(name)]),
        "claim": append(claims=[(name, name)]),
        "body": append(events=[line(name, metadata={name: name})]),
    }
    outcome = {}
    for what, attempt in attempts.items():
        try:
            appended = store.append_many([attempt])[0]
        except InvalidInput as refused:
            outcome[what] = refused.code if refused.pointer is not None else "no pointer"
            with pytest.raises(psycopg.Error) as by_sql:
                connection.execute("SELECT FROM runfold.append_events(%s)", (call(attempt),))
            assert by_sql.value.sqlstate == InvalidInput.sqlstate
            continue
        outcome[what] = "stored"
        (stored,) = store.read_stream(appended.stream_id)
        (sent,) = attempt.events
        assert stored.stream_id == attempt.stream_id
        assert isinstance(sent, runfold.NewEvent)
        assert (stored.type, stored.data, stored.metadata) == (sent.type, sent.data, sent.metadata)
        claims = connection.execute("SELECT kind, key FROM runfold.claims WHERE stream_id = %s", (stored.stream_id,))
        assert claims.fetchall() == list(attempt.claims)
    evidence.note(**outcome)
    assert set(outcome.values()) <= {"stored", "invalid_stream_id", "unknown_category"}
    assert list(store.read_stream(name)) == []
    assert list(store.read_all(types=[name])) == [
        event for event in store.read_all() if event.type == name and outcome["type"] == "stored"
    ]
    count = list(outcome.values()).count("stored")
    assert connection.execute("SELECT count(*) FROM runfold.events").fetchone() == (count,)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_category_or_type_registers_as_data_or_is_refused(
    connection: Connection, store: runfold.Store, name: str
) -> None:
    codes: set[str] = set()
    for category, types in ((name, ["*"]), (CATEGORY, [name])):
        try:
            store.register_event_types(category, types)
        except InvalidInput as refused:
            codes.add(refused.code)
            continue
        registered = connection.execute(
            "SELECT type FROM runfold.event_types WHERE category = %s", (category,)
        ).fetchall()
        assert registered == [(types[0],)]
    assert codes <= {"invalid_stream_id"}


def test_two_streams_whose_names_differ_late_are_two_streams(store: runfold.Store) -> None:
    """Nothing is truncated, although PostgreSQL's own identifiers end at 63 bytes."""
    names = [f"log-{'x' * 200}{end}" for end in "ab"]
    for name in (*names, *streams(1)):
        assert store.append(name, lines(1), expected_version=0).stream_id == name
