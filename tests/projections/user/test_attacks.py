"""S4: a projection file can touch only its own tables; on the worker's connection it does harm.

The contract refuses most of this when a file is read (test_user_rules.py). Here it never saw the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from runfold.errors import ProjectionRoleMissing, ProjectionRoleUnsafe
from runfold.projections.definition.catalogue import Group
from runfold.projections.folding.fold import fold_batch
from runfold.projections.folding.projector import GroupStopped, Projector
from runfold.projections.folding.user_session import UserLogin
from tests.fixtures.logs import Log, run
from tests.fixtures.processes import checkpoint, drain
from tests.fixtures.user_logins import login_of_users
from tests.projections.user.groups import (
    HONEST,
    epoch,
    no_login,
    refused,
    smuggled,
    unguarded_projector,
    user_group,
    user_projector,
    user_settings,
)

Connection = psycopg.Connection[Any]


def calling(expression: str) -> str:
    return (
        f"INSERT INTO mine (id) SELECT left(({expression})::text, 100) || b.stream_id"
        " FROM (SELECT * FROM batch LIMIT 1) b"
    )


EVENT = (
    '[{"stream_id": "execution-z", "events": [{"event_id": "6f1d5a0e-0000-4000-8000-000000000001", "type":'
    ' "ExecutionCreated", "occurred_at": "2026-01-01T00:00:00Z", "data": {"execution_id": "z", "mode": "MANUAL",'
    ' "workflow_id": "6f1d5a0e-0000-4000-8000-000000000002"}}]}]'
)

# Statements, in the order in which one file has them. Words in braces are filled in by the test.
ATTACKS: dict[str, list[str]] = {
    "DELETE FROM the log": ["DELETE FROM runfold.events"],
    "UPDATE of the log": ["UPDATE runfold.events SET type = 'Changed'"],
    "INSERT into the log": [
        """INSERT INTO runfold.events
           SELECT position + 1000, append_end + 1000, stream_id, stream_version + 1000, event_id, category, type,
                  schema_version, user_id, data, payload, metadata, occurred_at, recorded_at FROM batch"""
    ],
    "a WITH of its own that deletes from the log": [
        ", gone AS (DELETE FROM runfold.events RETURNING *) INSERT INTO mine SELECT DISTINCT 'x' || stream_id FROM gone"
    ],
    "MERGE that deletes streams": [
        "MERGE INTO runfold.streams s USING batch b ON b.stream_id = s.stream_id WHEN MATCHED THEN DELETE"
    ],
    "another group's checkpoint": ["UPDATE runfold.checkpoints SET position = 1000000 WHERE group_name <> 'mine'"],
    "who leads": ["UPDATE runfold.leader SET worker = 'me', beat = 0"],
    "who owns a group": ["UPDATE runfold.user_groups SET role_name = 'somebody'"],
    "a read table of runfold's": ["UPDATE public.workflow_executions SET status = 'SUCCESS'"],
    "what is parked": ["DELETE FROM runfold.parked_streams"],
    "append_events": [calling(f"SELECT count(*) FROM runfold.append_events('{EVENT}')")],
    "the log's sequence": [calling("setval('runfold.events_position', 999999)")],
    "reading a file": [calling("pg_read_file('PG_VERSION')")],
    "reading a folder": [calling("SELECT string_agg(f, ',') FROM pg_ls_dir('.') f")],
    "importing a file": [calling("lo_import('{file}')")],
    "exporting a file": [calling("lo_export(lo_from_bytea(0, 'x'), '{absent}')")],
    "ending another's session": [calling("pg_terminate_backend({victim})")],
    "passwords": [calling("SELECT string_agg(rolpassword, ',') FROM pg_authid")],
    "another's function that deletes": [calling("public.obliging('DELETE FROM runfold.streams')")],
    "another's function that makes a superuser": [calling("public.obliging('ALTER ROLE {login} SUPERUSER')")],
    "another's function that runs a program": [
        calling("public.obliging('COPY (SELECT 1) TO PROGRAM ''touch {absent}''')")
    ],
    "another's function that makes a table": [calling("public.obliging('CREATE TABLE public.planted (id int)')")],
    "another's function that installs an extension": [calling("public.obliging('CREATE EXTENSION hstore')")],
    "another's function that makes a trigger": [
        calling(
            "public.obliging('CREATE TRIGGER planted AFTER INSERT ON projections.mine FOR EACH ROW"
            " EXECUTE FUNCTION runfold.refuse_change()')"
        )
    ],
    "SET ROLE, undone by set_config": [
        "INSERT INTO mine (id) SELECT set_config('role', 'none', false) FROM batch b LIMIT 1",
        "UPDATE public.workflow_executions SET status = 'SUCCESS'",
    ],
    "another session's authority": [
        "INSERT INTO mine (id) SELECT set_config('session_authorization', '{superuser}', false) FROM batch b LIMIT 1",
        "UPDATE public.workflow_executions SET status = 'SUCCESS'",
    ],
    "triggers switched off": [
        "INSERT INTO mine (id) SELECT set_config('session_replication_role', 'replica', false) FROM batch b LIMIT 1",
        "DELETE FROM runfold.events",
    ],
    "a search_path that outlives it": [calling("set_config('search_path', 'pg_temp', false)")],
    "a time limit lifted": [calling("set_config('statement_timeout', '86400000', false)")],
    "a lock of the session's": [calling("pg_advisory_lock(77)")],
    "its own checkpoint": [calling("runfold.move_checkpoint('mine', 0, 100000, {epoch})")],
    "another user's checkpoint": [calling("runfold.move_checkpoint('other', 0, 100000, {epoch})")],
    "another user's batch": [calling("(runfold.begin_batch('other')).position")],
    "parking for another user": [calling("runfold.park_stream('other', 'execution-a', 1, 'x', 'x')")],
    "parking in a group of runfold's": [calling("runfold.park_stream('execution', 'execution-a', 1, 'x', 'x')")],
    "two statements in one": ["INSERT INTO mine VALUES ('x'); DELETE FROM runfold.streams"],
    "a COMMIT in one string": ["INSERT INTO mine VALUES ('x'); COMMIT; INSERT INTO mine VALUES ('y')"],
}

# These do no harm on the worker's connection either: the protocol takes one statement, the functions ask for the login.
HARMLESS_ANYWHERE = {
    "two statements in one",
    "a COMMIT in one string",
    "its own checkpoint",
    "another user's checkpoint",
    "another user's batch",
    "parking for another user",
}
# Where the worker's connection is taken under SET ROLE: this is what can be undone.
UNDER_SET_ROLE = {"SET ROLE, undone by set_config"}


class Scene:
    """A folded log and a bystander, and everything that an attack could have changed."""

    def __init__(self, log: Log, url: str, folder: Path, victim: Connection) -> None:
        self.log, self.url, self.folder, self.victim = log, url, folder, victim
        (folder / "file").write_text("secret")
        (folder / "file").chmod(0o644)
        login = psycopg.conninfo.conninfo_to_dict(login_of_users(url))["user"]
        self.words = {
            "file": str(folder / "file"), "absent": str(folder / "absent"), "victim": str(victim.info.backend_pid),
            "epoch": str(epoch(log.connection)),
            "superuser": log.connection.info.user, "login": str(login),
        }  # fmt: skip

    def fill(self, statements: list[str]) -> list[str]:
        for word, value in self.words.items():
            statements = [each.replace(f"{{{word}}}", str(value)) for each in statements]
        return statements

    def facts(self) -> dict[str, Any]:
        """Return the facts that must not change."""
        queries = {
            name: f"SELECT coalesce(jsonb_agg(to_jsonb(t) ORDER BY to_jsonb(t)), '[]') FROM {table} t"
            for name, table in {
                "events": "runfold.events", "streams": "runfold.streams", "leader": "runfold.leader",
                "executions": "public.workflow_executions", "parked": "runfold.parked_streams",
                "others": "(SELECT group_name, position FROM runfold.checkpoints WHERE group_name <> 'mine')",
                "owners": "(SELECT group_name, role_name FROM runfold.user_groups WHERE group_name <> 'mine')",
                "sequence": "(SELECT last_value FROM runfold.events_position)",
                "roles": "(SELECT rolname, rolsuper, rolcreaterole FROM pg_roles WHERE rolname !~ '^pg_')",
                "large objects": "(SELECT oid FROM pg_largeobject_metadata)", "extensions": "pg_extension",
                "tables": "(SELECT relname FROM pg_class WHERE relnamespace IN (2200, 'projections'::regnamespace))",
                "triggers": "(SELECT tgname, tgrelid FROM pg_trigger WHERE NOT tgisinternal)",
            }.items()
        }  # fmt: skip
        found = {name: (self.log.connection.execute(query).fetchone() or (None,))[0] for name, query in queries.items()}
        found["victim"] = refused(lambda: self.victim.execute("SELECT 1")) is None
        found["file"] = (self.folder / "absent").exists()
        return found

    def locks(self) -> list[Any]:
        """Return the advisory locks of all sessions."""
        return self.log.connection.execute("SELECT objid FROM pg_locks WHERE locktype = 'advisory'").fetchall()

    def restore(self) -> None:
        """Undo the effects of a control, as far as the next one needs it, and append one more event to fold."""
        connection = self.log.connection
        (self.folder / "absent").unlink(missing_ok=True)
        connection.execute(f"ALTER ROLE {self.words['login']} NOSUPERUSER")
        connection.execute(
            "TRUNCATE projections.mine; DROP TABLE IF EXISTS public.planted; DROP EXTENSION IF EXISTS hstore"
        )
        connection.execute("DROP TRIGGER IF EXISTS planted ON projections.mine")
        connection.execute(
            "INSERT INTO runfold.parked_streams VALUES ('other', 'execution-p', 1, 'x', 'x') ON CONFLICT DO NOTHING"
        )
        connection.execute("UPDATE runfold.checkpoints SET position = 0 WHERE group_name = 'mine'")
        name = str(uuid4())
        self.log.append(f"execution-{name}", *run(name))
        connection.execute("UPDATE public.workflow_executions SET status = 'RUNNING'")
        self.words["epoch"] = str(epoch(connection))
        self.words["victim"] = str(self.victim.info.backend_pid)

    def took(self) -> bool:
        """Return whether the user's table holds other rows than those of an honest fold."""
        rows = self.log.connection.execute("SELECT FROM projections.mine WHERE id !~ '^execution-'").fetchall()
        return bool(rows)


@pytest.fixture
def scene(log: Log, database_url: str, tmp_path: Path) -> Iterator[Scene]:
    tmp_path.chmod(0o777)
    for parent in tmp_path.parents[:3]:
        parent.chmod(parent.stat().st_mode | 0o011)
    for name in ("a", "b", "c"):
        log.append(f"execution-{name}", *run(name))
    # A database may have a function of another user that runs any text with the rights of its caller.
    log.connection.execute(
        "CREATE FUNCTION public.obliging(command text) RETURNS text LANGUAGE plpgsql"
        " AS 'BEGIN EXECUTE command; RETURN command; END'"
    )
    with user_projector(database_url, user_group(smuggled([HONEST.replace("mine", "other")], name="other"))):
        pass
    drain(database_url)
    with psycopg.connect(database_url, autocommit=True) as victim:
        yield Scene(log, database_url, tmp_path, victim)
    if (tmp_path / "absent").exists():
        (tmp_path / "absent").unlink()
    login = psycopg.conninfo.conninfo_to_dict(login_of_users(database_url))["user"]
    log.connection.execute(f"ALTER ROLE {login} NOSUPERUSER")


def test_a_projection_touches_its_own_table_only(scene: Scene) -> None:
    before = scene.facts()
    for attack, statements in ATTACKS.items():
        group = user_group(smuggled(scene.fill(statements)))
        with user_projector(scene.url, group) as (projector, stopped):
            error = refused(lambda: projector.advance(group, scene.log.events[-1].position))  # noqa: B023
        assert isinstance(error, GroupStopped), f"{attack}: it was folded: {error!r}"
        assert [group for group, _, _ in stopped] == ["mine"], attack
        assert scene.facts() == before, attack
        assert not scene.took(), attack
        assert checkpoint(scene.log.connection, "mine") == 0, attack
        assert scene.locks() == [], attack


def test_an_honest_projection_is_folded_by_the_same_login(scene: Scene) -> None:
    group = user_group(smuggled([HONEST]))
    with user_projector(scene.url, group) as (projector, stopped):
        assert projector.advance(group, scene.log.events[-1].position) is not None
    assert stopped == []
    assert scene.log.connection.execute("SELECT count(*) FROM projections.mine").fetchone() == (3,)
    assert checkpoint(scene.log.connection, "mine") == scene.log.events[-1].position


def does_harm(scene: Scene, projector: Projector, group: Group, before: dict[str, Any]) -> bool:
    """Fold up to the head until harm is seen; an attack on the sequence has left a hole of several spans before it."""
    moved: list[object] = [True]
    while moved.pop() is not None:
        error = refused(lambda: moved.append(projector.advance(group, scene.log.events[-1].position)))
        if scene.facts() != before or scene.took() or scene.locks():
            return True
        if error is not None:
            return False
    return False


def test_control_the_same_files_on_the_worker_s_own_connection_do_harm(scene: Scene) -> None:
    harmed = set()
    for attack, statements in ATTACKS.items():
        if attack in HARMLESS_ANYWHERE:
            continue
        with psycopg.connect(scene.url, autocommit=True) as scene.victim:
            scene.restore()
            group = no_login(user_group(smuggled(scene.fill(statements))))
            before = scene.facts()
            with unguarded_projector(scene.url, group, set_role=attack in UNDER_SET_ROLE) as projector:
                if "log" in attack:
                    projector.connection.execute("SET session_replication_role = replica")  # its triggers guard it, too
                if does_harm(scene, projector, group, before):
                    harmed.add(attack)
    assert harmed == set(ATTACKS) - HARMLESS_ANYWHERE


# What is no INSERT, MERGE, UPDATE or DELETE, sent as it is: the protocol takes any one statement.
COMMANDS = {
    "COPY to a program": "COPY (SELECT 1) TO PROGRAM 'true'",
    "COPY from a program": "COPY projections.mine FROM PROGRAM 'echo x'",
    "COPY to a file": "COPY (SELECT 1) TO '{absent}'",
    "COPY from a file": "COPY projections.mine FROM '{file}'",
    "CREATE EXTENSION": "CREATE EXTENSION hstore",
    "CREATE TABLE": "CREATE TABLE public.planted (id int)",
    "CREATE TABLE among the users'": "CREATE TABLE projections.planted (id int)",
    "CREATE FUNCTION": "CREATE FUNCTION projections.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE SCHEMA": "CREATE SCHEMA planted",
    "ALTER TABLE": "ALTER TABLE projections.mine ADD COLUMN planted int",
    "CREATE TRIGGER": "CREATE TRIGGER t AFTER INSERT ON projections.mine EXECUTE FUNCTION runfold.refuse_change()",
    "TRUNCATE its own table": "TRUNCATE projections.mine",
    "DROP its own table": "DROP TABLE projections.mine",
    "DROP the log": "DROP TABLE runfold.events",
    "LOCK the log": "LOCK TABLE runfold.events IN SHARE MODE",
    "row locks on the log": "SELECT FROM runfold.events FOR SHARE",
    "SET ROLE": "SET ROLE runfold_projector",
    "SET SESSION AUTHORIZATION": "SET SESSION AUTHORIZATION {superuser}",
    "replica mode": "SET session_replication_role = replica",
    "ALTER ROLE": "ALTER ROLE {login} SUPERUSER",
    "CREATE ROLE": "CREATE ROLE planted LOGIN",
    "GRANT": "GRANT SELECT ON runfold.streams TO {login}",
    "reading streams": "SELECT * FROM runfold.streams",
    "reading who may append": "SELECT * FROM runfold.claims",
    "reading a read table": "SELECT * FROM public.workflow_executions",
    "DO with dynamic SQL": "DO $$ BEGIN EXECUTE 'DELETE FROM runfold.claims'; END $$",
    "a publication of everything": "CREATE PUBLICATION p FOR ALL TABLES",
}  # fmt: skip


def test_the_login_may_run_no_other_command(scene: Scene) -> None:
    before = scene.facts()
    with psycopg.connect(login_of_users(scene.url), autocommit=True) as own:
        for command, text in COMMANDS.items():
            (said,) = scene.fill([text])
            error = refused(lambda: own.execute(f"BEGIN; {said}".encode()))  # noqa: B023
            assert isinstance(error, psycopg.errors.InsufficientPrivilege), (command, error)
            own.execute("ROLLBACK")
            assert scene.facts() == before, command


def test_control_the_worker_s_own_connection_may(scene: Scene) -> None:
    for command, text in COMMANDS.items():
        (said,) = scene.fill([text])
        error = refused(lambda: scene.log.connection.execute(f"BEGIN; {said}".encode()))  # noqa: B023
        scene.log.connection.execute("ROLLBACK")
        assert not isinstance(error, psycopg.errors.InsufficientPrivilege), (command, error)


# Logins that may do too much are refused before they fold anything.

OWNED = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I OWNER TO {owner}', current_database()); END $$"
MINE_AGAIN = OWNED.format(owner="CURRENT_USER")
UNSAFE = {
    "a superuser": ("ALTER ROLE {role} SUPERUSER", "it has SUPERUSER"),
    "who makes roles": ("ALTER ROLE {role} CREATEROLE", "it has CREATEROLE"),
    "who bypasses row security": ("ALTER ROLE {role} BYPASSRLS", "it has BYPASSRLS"),
    "the worker's role": ("GRANT runfold_projector TO {role}", "it is a member of runfold_projector"),
    "the engine's role": ("GRANT runfold_engine TO {role}", "it is a member of runfold_engine"),
    "who runs programs": ("GRANT pg_execute_server_program TO {role}", "it is a member of pg_execute_server_program"),
    "who writes the log": ("GRANT INSERT ON runfold.events TO {role}", "it may write runfold.events"),
    "who writes a read table": (
        "GRANT UPDATE ON public.workflow_executions TO {role}",
        "it may write public.workflow_executions",
    ),
    "the owner of the database": (OWNED.format(owner="{role}"), "it owns the database"),
    "no member": ("REVOKE runfold_projections FROM {role}", "it is not a member of runfold_projections"),
}  # fmt: skip


def test_a_login_that_may_do_more_is_refused(scene: Scene) -> None:
    connection = scene.log.connection
    settings = user_settings(scene.url)
    role = "runfold_test_unsafe"
    url = psycopg.conninfo.make_conninfo(login_of_users(scene.url), user=role, password="x")
    login = UserLogin(settings.model_copy(update={"projections_url": url}), ("public.workflow_executions",))
    for why, (change, said) in UNSAFE.items():
        connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'x' IN ROLE runfold_projections")
        try:
            login.open().close()  # as it was made, it is good
            connection.execute(change.format(role=role))
            with pytest.raises(ProjectionRoleUnsafe) as error:
                login.open()
            assert said in str(error.value), why
        finally:
            connection.execute(MINE_AGAIN)
            connection.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_without_a_login_an_operator_is_told_what_to_do(scene: Scene) -> None:
    login = UserLogin(user_settings(scene.url).model_copy(update={"projections_url": None}))
    with pytest.raises(ProjectionRoleMissing, match="RUNFOLD_PROJECTIONS_URL"):
        login.open()


def test_a_user_s_projections_are_folded_in_no_other_session(scene: Scene) -> None:
    group = user_group(smuggled([HONEST]))
    refusal = pytest.raises(ProjectionRoleUnsafe, match="in a session of their login")
    with psycopg.connect(scene.url) as connection, connection.cursor() as cursor, refusal:
        fold_batch(cursor, group, after=0, upto=5, types=frozenset(group.events))
