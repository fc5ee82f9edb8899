"""No secret is anywhere but in the hands of who asked for it: one canary, looked for in all that a process leaves.

The server logs every statement with its parameters, and every error with them; the process fails in every way it can.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from cryptography.fernet import Fernet

import runfold
from runfold.client.credential_values import Granted, Refresh, Token
from runfold.database.migrations import migrate
from runfold.errors import CredentialInvalid, LeaseLost
from runfold.keys.policy import add_policies
from runfold.settings import Settings, load_settings
from tests.fixtures.commands import run_command
from tests.fixtures.processes import drain
from tests.fixtures.servers import PrivateServerFactory

CANARY = "canary7Zq"
LOGS_EVERYTHING = {
    "log_statement": "all",
    "log_min_duration_statement": "0",
    "log_min_messages": "debug1",
    "log_parameter_max_length": "-1",
    "log_parameter_max_length_on_error": "-1",
    "log_error_verbosity": "verbose",
}


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """All that was said: what the test collects, and the log of every module."""
    collected: list[str] = []
    with caplog.at_level(logging.DEBUG):
        yield collected
        collected.append(caplog.text)


@pytest.fixture
def server(private_server: PrivateServerFactory) -> Any:
    return private_server(settings=LOGS_EVERYTHING)


@pytest.fixture
def url(server: Any, schema_copy: Path) -> str:
    found: str = server.start()
    migrate(found, folder=schema_copy)
    return found


def failing(said: list[str], attempt: Callable[[], object]) -> BaseException:
    """Note all that an error shows, its causes and notes included."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - each fails in its own way
        attempt()
    error = caught.value
    said += ["".join(traceback.format_exception(error)), repr(error), str(getattr(error, "facts", ""))]
    if not isinstance(error, LeaseLost):
        said.append(repr(pickle.dumps((str(error), getattr(error, "facts", None)))))
    return error


def unpicklable(said: list[str], thing: object) -> None:
    """Note what a pickle holds, if there can be one."""
    said += [repr(thing), str(thing), f"{thing}"]
    with contextlib.suppress(TypeError):
        said.append(repr(pickle.dumps(thing)))


def use(url: str, settings: Settings, user: UUID, said: list[str]) -> None:
    """Use secrets in every way, and fail with them in every way."""
    with runfold.connect(url, settings=settings, user_id=user) as store:
        credentials = store.credentials
        credentials.put(
            user,
            "github",
            access_token=f"{CANARY}-a",
            refresh_token=f"{CANARY}-r",
            additional={"password": f"{CANARY}-p"},
            expires_at=datetime.now(UTC) - timedelta(seconds=1),
        )
        credentials.put(user, "notion", integration="notion", access_token=f"{CANARY}-n", additional={"x": CANARY})
        unpicklable(said, credentials.token(user, integration="notion"))
        for wrong in (
            {"access_token": f"{CANARY}\ud800"},
            {"access_token": [CANARY]},
            {"access_token": CANARY * 10_000},
            {"access_token": CANARY, "provider": "myspace"},
            {"access_token": CANARY, "token_type": "x" * 100},  # too long for its column: PostgreSQL refuses it
            {"access_token": CANARY, "scope": ["\0"]},
            {"access_token": CANARY, "user_id": uuid4()},
            {"additional": {CANARY: {1, 2}}},
        ):
            given: dict[str, Any] = {"user_id": user, "provider": "slack", **wrong}
            failing(said, lambda given=given: credentials.put(**given))

        def broken(asked: Refresh) -> Granted:
            raise RuntimeError(f"{asked.refresh_token} was refused, with {asked.access_token}, {asked.additional}")

        def refused(asked: Refresh) -> Granted:
            raise CredentialInvalid(f"invalid_grant: {asked.refresh_token}")

        def lost(asked: Refresh) -> Granted:
            with store.transaction() as connection:
                connection.execute(
                    "UPDATE user_external_credentials SET refresh_lease = gen_random_uuid(),"
                    " refresh_lease_until = now() - interval '1 s'"
                )
            return Granted(f"{CANARY}-new", f"{CANARY}-new-r", expires_in=1)

        for refresher in (broken, lost, lambda asked: Granted("", asked.refresh_token), refused):
            credentials.refresh_with("github", refresher)
            failing(said, lambda: credentials.token(user, "github"))

        def unwell(token: Token) -> None:
            raise CredentialInvalid(f"401: {token.authorization}")

        credentials.validate(user, unwell, integration="notion")
        with store.transaction() as connection:  # a CHECK that is violated writes its row into the error
            update = "UPDATE user_external_credentials SET is_valid = true, encrypted_access_token = NULL, scope = NULL"
            failing(said, lambda: connection.execute(update))
        unpicklable(said, settings)
        unpicklable(said, store.encryption.keyring())
        unpicklable(said, store.encryption.keyring().masters)
        unpicklable(said, store.encryption.keyring().home.get(user))
        run = store.executions.create(workflow_id=uuid4(), mode="MANUAL", trigger_data={"body": CANARY})
        run.start()
        with run.node("fetch", node_type="ACTION", input={"x": CANARY}) as node:
            node.succeed({"y": [CANARY]})
        run.log(CANARY, data={"x": CANARY})
        failing(
            said,
            lambda: store.append(
                "log-1",
                [runfold.events.LogAppended(level="INFO", event_type="step_output", message=f"encrypted:{CANARY}")],
            ),
        )
        run.succeed({"done": CANARY})


def everywhere(url: str, server: Any, said: list[str]) -> dict[str, str]:
    """Return all places where a secret could have come to, as text."""
    drain(url)
    with psycopg.connect(url, autocommit=True) as connection:
        tables = connection.execute(
            "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname IN ('public', 'runfold', 'runfold_partitions') AND c.relkind IN ('r', 'p')"
        ).fetchall()
        rows = {
            name: "\n".join(text for (text,) in connection.execute(f"SELECT t::text FROM {name} t".encode()))
            for (name,) in tables
        }
    status = run_command("--url", url, "status", "--json", environment=dict(os.environ))
    log = (server.home / "server.log").read_text(errors="replace")
    assert "user_external_credentials" in log  # it has the statements, with their parameters
    return {**rows, "server.log": log, "status": status.stdout + status.stderr, "said": "\n".join(said)}


def test_no_secret_is_in_any_log_error_repr_pickle_table_or_event(
    url: str, server: Any, said: list[str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    master = Fernet.generate_key().decode()
    settings = load_settings(master_keys=master, key_home=str(tmp_path / "keys"))
    user = uuid4()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("INSERT INTO auth.users (id) VALUES (%s)", [user])
        add_policies(connection, ["*"])
    use(url, settings, user, said)
    said.append(caplog.text)
    found = everywhere(url, server, said)
    assert [place for place, text in found.items() if CANARY in text or master in text] == []
    assert sum(len(text) for text in found.values()) > 100_000


def test_control_a_plain_secret_is_found_in_the_log_the_events_and_the_rows(
    url: str, server: Any, said: list[str], tmp_path: Path
) -> None:
    with runfold.connect(url, user_id=uuid4()) as store:
        run = store.executions.create(workflow_id=uuid4(), mode="MANUAL", trigger_data={"body": CANARY})
        run.fail(CANARY)
    said.append(repr(pickle.dumps({"token": CANARY})))
    found = everywhere(url, server, said)
    places = {place.rpartition(".")[2] for place, text in found.items() if CANARY in text}
    assert {"log", "workflow_executions", "said"} <= places
