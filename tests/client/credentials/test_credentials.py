"""Credentials: kept encrypted, opened where they belong, refreshed by one call of all processes."""

from __future__ import annotations

import asyncio
import json
import pickle
import subprocess
import sys
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from cryptography.fernet import Fernet

import runfold
from runfold.client.credential_values import Granted, Refresh, Token
from runfold.errors import (
    CredentialInvalid,
    InvalidInput,
    KeyUnavailable,
    LeaseLost,
    NotOpened,
    RefreshFailed,
    UnknownCredential,
)
from runfold.settings import Settings

SOON = timedelta(minutes=1)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(master_keys=Fernet.generate_key().decode(), key_home=str(tmp_path / "keys"))  # type: ignore[arg-type]


@pytest.fixture
def store(database_url: str, settings: Settings) -> Iterator[runfold.Store]:
    with runfold.connect(database_url, settings=settings) as made:
        yield made


@pytest.fixture
def user(connection: psycopg.Connection[Any]) -> UUID:
    made = uuid4()
    connection.execute("INSERT INTO auth.users (id) VALUES (%s)", [made])
    return made


class Provider:
    """A provider whose refresh tokens are good for one call; a second use is refused, as OAuth asks for."""

    def __init__(self) -> None:
        self.refresh_token = "refresh-0"
        self.calls: list[str] = []
        self._lock = threading.Lock()

    def answer(self, refresh_token: str) -> dict[str, Any]:
        with self._lock:
            self.calls.append(refresh_token)
            if refresh_token != self.refresh_token:
                return {"error": "invalid_grant"}
            n = len(self.calls)
            self.refresh_token = f"refresh-{n}"
            return {"access_token": f"access-{n}", "refresh_token": self.refresh_token, "expires_in": 3600}

    def __call__(self, asked: Refresh) -> Granted:
        said = self.answer(asked.refresh_token)
        if "error" in said:
            raise CredentialInvalid(f"invalid_grant for {asked.refresh_token}")
        return Granted(**said)


@pytest.fixture
def provider() -> Provider:
    return Provider()


def put(store: runfold.Store, user: UUID, **about: Any) -> UUID:
    given = {"access_token": "access-0", "refresh_token": "refresh-0", "expires_at": datetime.now(UTC) + SOON}
    made = store.credentials.put(user, "github", **{**given, **about})
    with store.transaction() as connection:  # it was put an hour ago
        for table in ("user_external_credentials", "oauth_tokens"):
            connection.execute(f"UPDATE {table} SET updated_at = updated_at - interval '1 hour'".encode())
    return made


def test_a_credential_is_kept_encrypted_and_opened(
    store: runfold.Store, user: UUID, connection: psycopg.Connection[Any]
) -> None:
    store.credentials.put(
        user,
        "custom_http",
        access_token="the-token",
        additional={"name": "ada", "password": "lovelace"},
        scope=["read", "write"],
        credential_type="basic_auth",
        token_type="Basic",
    )
    token = store.credentials.token(user, "custom_http")
    assert (token.value, token.authorization, token.scope) == ("the-token", "Basic the-token", ("read", "write"))
    assert token.additional == {"name": "ada", "password": "lovelace"}
    row = str(connection.execute("SELECT * FROM user_external_credentials").fetchall())
    assert "the-token" not in row
    assert "lovelace" not in row


def test_a_second_put_takes_the_place_of_the_first(store: runfold.Store, user: UUID) -> None:
    first = store.credentials.put(user, "slack", access_token="one")
    assert store.credentials.put(user, "slack", access_token="two") == first
    assert store.credentials.token(user, "slack").value == "two"


def test_an_integration_has_a_token_of_its_own_or_one_of_a_credential(
    store: runfold.Store, user: UUID, provider: Provider
) -> None:
    store.credentials.refresh_with("github", provider)
    store.credentials.put(user, "notion", integration="notion", access_token="its own", additional={"bot": 7})
    own = store.credentials.token(user, integration="notion")
    assert (own.value, own.additional) == ("its own", {"bot": 7})
    put(store, user)
    store.credentials.link(user, "github", "github")
    assert store.credentials.token(user, integration="github").value == "access-1"  # refreshed where it came from
    with store.transaction() as connection:
        row = connection.execute(
            "SELECT expires_at > now() + interval '50 min' FROM oauth_tokens WHERE credential_id IS NOT NULL"
        ).fetchone()
    assert row == (True,)
    assert store.credentials.token(user, "github").value == "access-1"
    assert provider.calls == ["refresh-0"]


def test_an_own_token_of_an_integration_is_refreshed(store: runfold.Store, user: UUID, provider: Provider) -> None:
    store.credentials.refresh_with("github", provider)
    put(store, user, integration="github", additional={"kept": True})
    token = store.credentials.token(user, integration="github")
    assert (token.value, token.additional) == ("access-1", {"kept": True})
    again = store.credentials.token(user, integration="github")
    assert (again.value, again.additional) == ("access-1", {"kept": True})


def test_a_credential_that_is_revoked_is_gone_with_what_comes_from_it(
    store: runfold.Store, user: UUID, connection: psycopg.Connection[Any]
) -> None:
    put(store, user, expires_at=None)
    store.credentials.link(user, "github", "github")
    store.credentials.revoke(user, "github")
    for asked in ({"provider": "github"}, {"integration": "github"}):
        with pytest.raises(CredentialInvalid, match="not valid"):
            store.credentials.token(user, **asked)
    left = connection.execute(
        "SELECT encrypted_access_token, encrypted_refresh_token, is_valid, validation_error"
        "  FROM user_external_credentials"
    ).fetchall()
    assert left == [(None, None, False, "revoked")]
    assert connection.execute("SELECT access_token, is_active FROM oauth_tokens").fetchall() == [(b"", False)]
    put(store, user, expires_at=None)
    assert store.credentials.token(user, "github").value == "access-0"
    with pytest.raises(UnknownCredential):
        store.credentials.revoke(user, "slack")


def test_validation_is_noted_and_repeats_no_secret(
    store: runfold.Store, user: UUID, connection: psycopg.Connection[Any]
) -> None:
    store.credentials.put(user, "slack", access_token="the-token")

    def refused(token: Token) -> None:
        raise CredentialInvalid(f"401 for {token.value}")

    assert store.credentials.validate(user, lambda token: None, "slack")
    assert not store.credentials.validate(user, refused, "slack")
    assert connection.execute("SELECT is_valid, validation_error FROM user_external_credentials").fetchall() == [
        (False, "401 for ***")
    ]
    found = connection.execute(
        "SELECT kept_in, provider, reason, validation_error FROM credentials_to_look_at"
    ).fetchall()
    assert found == [("user_external_credentials", "slack", "invalid", "401 for ***")]
    with pytest.raises(CredentialInvalid, match="401 for"):
        store.credentials.token(user, "slack")


def test_what_expires_is_listed_and_refreshed_ahead(store: runfold.Store, user: UUID, provider: Provider) -> None:
    put(store, user)
    store.credentials.put(user, "slack", access_token="x", expires_at=datetime.now(UTC) + timedelta(hours=2))
    store.credentials.put(user, "notion", access_token="x", expires_at=datetime.now(UTC) + SOON)
    assert [(one.provider, one.can_refresh) for one in store.credentials.expiring()] == [
        ("github", True),
        ("notion", False),
    ]
    assert store.credentials.refresh_expiring() == 0  # nothing here can
    store.credentials.refresh_with("github", provider)
    assert store.credentials.refresh_expiring() == 1
    assert [one.provider for one in store.credentials.expiring()] == ["notion"]


def test_what_needs_eyes_is_in_the_view(store: runfold.Store, user: UUID, connection: psycopg.Connection[Any]) -> None:
    put(store, user, expires_at=datetime.now(UTC) - SOON)
    store.credentials.put(user, "slack", access_token="x", expires_at=datetime.now(UTC) + timedelta(hours=2))
    store.credentials.put(user, "notion", access_token="x")
    store.credentials.put(
        user, "custom_http", access_token="x", integration="slack", expires_at=datetime.now(UTC) + SOON
    )
    connection.execute(
        "UPDATE user_external_credentials SET last_validated_at = now() - interval '31 days' WHERE provider = 'notion'"
    )
    found = connection.execute("SELECT provider, reason FROM credentials_to_look_at ORDER BY provider").fetchall()
    assert found == [
        ("custom_http", "expires soon"),
        ("github", "expired"),
        ("notion", "not validated"),
        ("slack", "expires soon"),
    ]


# Refresh by one


_WORKER = """
import json, sys, urllib.request, urllib.parse
from uuid import UUID
import runfold
from runfold.client.credential_values import Granted
from runfold.errors import CredentialInvalid
url, user, provider = sys.argv[1:]

def ask(asked):
    body = urllib.parse.urlencode({"refresh_token": asked.refresh_token}).encode()
    with urllib.request.urlopen(provider, body, timeout=asked.timeout) as answer:
        said = json.load(answer)
    if "error" in said:
        raise CredentialInvalid(said["error"])
    return Granted(**said)

with runfold.connect(url) as store:
    store.credentials.refresh_with("github", ask)
    print("ready", flush=True)
    sys.stdin.readline()
    print(store.credentials.token(UUID(user), "github").value, flush=True)
"""


@pytest.fixture
def served(provider: Provider) -> Iterator[str]:
    """The URL of a provider that other processes can ask."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            (refresh_token,) = urllib.parse.parse_qs(self.rfile.read(length).decode())["refresh_token"]
            body = json.dumps(provider.answer(refresh_token)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_eight_processes_with_one_time_refresh_tokens_ask_once_and_all_get_the_new_token(
    store: runfold.Store,
    settings: Settings,
    user: UUID,
    provider: Provider,
    served: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put(store, user)
    assert settings.master_keys is not None
    monkeypatch.setenv("RUNFOLD_MASTER_KEYS", settings.master_keys.get_secret_value())
    monkeypatch.setenv("RUNFOLD_KEY_HOME", settings.key_home or "")
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", _WORKER, store.url, str(user), served],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(8)
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    answers = [worker.communicate(timeout=60)[0].strip() for worker in workers]
    assert answers == ["access-1"] * 8
    assert provider.calls == ["refresh-0"]


def test_control_without_the_lease_seven_of_eight_are_refused(
    store: runfold.Store, user: UUID, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, user)
    store.credentials.refresh_with("github", provider)
    read = threading.Barrier(8)
    kept, opened = store.credentials._kept(user, "github", None), store.credentials._opened
    results: list[str] = []

    def naive() -> None:
        plain = opened(kept)
        read.wait()
        results.append(str(provider.answer(plain.refresh_token or "").get("error", "right")))

    threads = [threading.Thread(target=naive) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["invalid_grant"] * 7 + ["right"]


def test_threads_and_tasks_share_one_refresh_too(
    store: runfold.Store, settings: Settings, user: UUID, provider: Provider
) -> None:
    put(store, user)

    async def ask(asked: Refresh) -> Granted:
        await asyncio.sleep(0.1)
        return provider(asked)

    async def all_at_once() -> list[str | None]:
        async with await runfold.connect_async(store.url, settings=settings) as asynchronous:
            asynchronous.credentials.refresh_with("github", ask)
            tokens = await asyncio.gather(*(asynchronous.credentials.token(user, "github") for _ in range(8)))
            return [token.value for token in tokens]

    assert asyncio.run(all_at_once()) == ["access-1"] * 8
    assert provider.calls == ["refresh-0"]


def test_no_transaction_is_open_while_the_provider_is_asked(
    store: runfold.Store, user: UUID, provider: Provider, connection: psycopg.Connection[Any]
) -> None:
    put(store, user)
    open_transactions: list[Any] = []

    def ask(asked: Refresh) -> Granted:
        open_transactions.extend(
            connection.execute(
                "SELECT state FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
                " AND application_name = 'runfold' AND xact_start IS NOT NULL"
            ).fetchall()
        )
        return provider(asked)

    store.credentials.refresh_with("github", ask)
    assert store.credentials.token(user, "github").value == "access-1"
    assert open_transactions == []


def test_who_loses_the_lease_keeps_the_token_in_hand(
    store: runfold.Store, user: UUID, provider: Provider, connection: psycopg.Connection[Any]
) -> None:
    put(store, user)

    def slow(asked: Refresh) -> Granted:
        # The 30 seconds are over, and another process has taken the lease.
        connection.execute("UPDATE user_external_credentials SET refresh_lease = gen_random_uuid()")
        return provider(asked)

    store.credentials.refresh_with("github", slow)
    with pytest.raises(LeaseLost) as lost:
        store.credentials.token(user, "github")
    assert lost.value.token.value == "access-1"
    assert "access-1" not in str(lost.value) + repr(lost.value)


def test_a_lease_whose_process_died_is_taken_over(
    store: runfold.Store, user: UUID, provider: Provider, connection: psycopg.Connection[Any]
) -> None:
    put(store, user)
    connection.execute(
        "UPDATE user_external_credentials SET refresh_lease = gen_random_uuid(), "
        "refresh_lease_until = now() - interval '1 ms'"
    )
    store.credentials.refresh_with("github", provider)
    assert store.credentials.token(user, "github").value == "access-1"


def test_a_refused_refresh_token_makes_the_credential_invalid(
    store: runfold.Store, user: UUID, provider: Provider, connection: psycopg.Connection[Any]
) -> None:
    put(store, user, refresh_token="an-old-one")
    store.credentials.refresh_with("github", provider)
    for _ in range(2):
        with pytest.raises(CredentialInvalid) as refused:
            store.credentials.token(user, "github")
        assert "an-old-one" not in str(refused.value)
    assert provider.calls == ["an-old-one"]
    assert connection.execute(
        "SELECT is_valid, validation_error, refresh_lease FROM user_external_credentials"
    ).fetchall() == [(False, "invalid_grant for ***", None)]


def test_a_provider_that_is_away_gives_the_lease_back(
    store: runfold.Store, user: UUID, provider: Provider, connection: psycopg.Connection[Any]
) -> None:
    put(store, user)

    def away(asked: Refresh) -> Granted:
        raise TimeoutError(f"no answer to {asked.refresh_token}")

    store.credentials.refresh_with("github", away)
    with pytest.raises(RefreshFailed, match=r"TimeoutError: no answer to \*\*\*") as failed:
        store.credentials.token(user, "github")
    assert failed.value.retryable
    store.credentials.refresh_with("github", provider)
    assert store.credentials.token(user, "github").value == "access-1"


def test_a_short_lived_token_is_refreshed_at_half_of_its_life(
    store: runfold.Store, user: UUID, connection: psycopg.Connection[Any]
) -> None:
    store.credentials.put(user, "github", access_token="a", refresh_token="r", expires_at=datetime.now(UTC) + SOON)
    store.credentials.refresh_with("github", lambda asked: Granted("b", expires_in=60))
    assert store.credentials.token(user, "github").value == "a"
    connection.execute(
        "UPDATE user_external_credentials SET updated_at = updated_at - interval '31 s', "
        "token_expires_at = token_expires_at - interval '31 s'"
    )
    assert store.credentials.token(user, "github").value == "b"


def test_an_expired_token_that_nothing_can_refresh_is_refused(store: runfold.Store, user: UUID) -> None:
    put(store, user, expires_at=datetime.now(UTC) - SOON)
    with pytest.raises(CredentialInvalid, match="has expired"):
        store.credentials.token(user, "github")
    put(store, user)  # it has a minute left
    assert store.credentials.token(user, "github").value == "access-0"


# Refusals


@pytest.mark.parametrize(
    ("about", "pointer"),
    [
        ({"access_token": ""}, "/access_token"),
        ({"access_token": b"bytes"}, "/access_token"),
        ({"access_token": "x" * 65537}, "/access_token"),
        ({"access_token": "canary\ud800"}, "/access_token"),
        ({"access_token": None, "refresh_token": None}, "/access_token"),
        ({"additional": {"x": object()}}, "/additional"),
        ({"expires_at": datetime(2026, 1, 1)}, "/expires_at"),  # noqa: DTZ001 - that is the fault
        ({"provider": "myspace"}, "/provider"),
        ({"credential_type": "magic"}, "/credential_type"),
        ({"user_id": UUID(int=7)}, "/user_id"),
        ({"integration": "nothing"}, "/integration"),
        ({"integration": "slack", "access_token": None}, "/access_token"),
    ],
)
def test_what_is_no_credential_is_refused_with_its_place(
    store: runfold.Store, user: UUID, about: dict[str, Any], pointer: str
) -> None:
    given = {"user_id": user, "provider": "github", "access_token": "canary", "refresh_token": "canary", **about}
    with pytest.raises(InvalidInput) as refused:
        store.credentials.put(**given)
    assert refused.value.pointer == pointer
    assert "canary" not in str(refused.value) + repr(refused.value.facts)


def test_the_longest_token_fits(store: runfold.Store, user: UUID) -> None:
    store.credentials.put(user, "github", access_token="x" * 65536)
    assert store.credentials.token(user, "github").value == "x" * 65536


def test_who_asks_for_neither_or_both_is_refused(store: runfold.Store, user: UUID) -> None:
    for asked in ({}, {"provider": "github", "integration": "github"}):
        with pytest.raises(InvalidInput, match="one of the two"):
            store.credentials.token(user, **asked)
    with pytest.raises(UnknownCredential):
        store.credentials.token(user, "github")


def test_a_secret_that_was_moved_does_not_open(
    store: runfold.Store, user: UUID, connection: psycopg.Connection[Any]
) -> None:
    other = uuid4()
    connection.execute("INSERT INTO auth.users (id) VALUES (%s)", [other])
    store.credentials.put(user, "github", access_token="mine", refresh_token="r")
    store.credentials.put(other, "github", access_token="theirs")
    store.credentials.put(user, "slack", access_token="another")
    update = "UPDATE user_external_credentials c SET encrypted_access_token"
    its_own = f"{update} = encrypted_refresh_token WHERE encrypted_refresh_token IS NOT NULL"
    from_github = (
        f"{update} = o.encrypted_access_token FROM user_external_credentials o"
        " WHERE o.provider = 'github' AND o.user_id = c.user_id AND c.provider = 'slack'"
    )
    from_another_user = (
        f"{update} = o.encrypted_access_token, key_id = o.key_id FROM user_external_credentials o"
        " WHERE o.provider = 'slack' AND c.user_id <> o.user_id"
    )
    moves = [
        ("refresh to access", its_own, user, "github", NotOpened),
        ("row to row", from_github, user, "slack", NotOpened),
        ("user to user", from_another_user, other, "github", KeyUnavailable),
    ]
    for name, move, whose, which, error in moves:
        connection.execute(move.encode())
        with pytest.raises(error):
            pytest.fail(f"{name}: {store.credentials.token(whose, which)}")


def test_without_keys_nothing_is_kept_and_nothing_is_opened(store: runfold.Store, user: UUID) -> None:
    store.credentials.put(user, "github", access_token="x")
    with runfold.connect(store.url) as keyless:
        with pytest.raises(KeyUnavailable):
            keyless.credentials.token(user, "github")
        with pytest.raises(KeyUnavailable):
            keyless.credentials.put(user, "slack", access_token="x")


def test_with_its_user_a_credential_is_gone(
    store: runfold.Store, user: UUID, connection: psycopg.Connection[Any]
) -> None:
    put(store, user)
    store.credentials.link(user, "github", "github")
    connection.execute("DELETE FROM auth.users WHERE id = %s", [user])
    assert connection.execute("SELECT FROM oauth_tokens").fetchall() == []
    assert connection.execute("SELECT FROM user_external_credentials").fetchall() == []


def test_tokens_show_nothing_and_cannot_be_pickled(store: runfold.Store, user: UUID) -> None:
    store.credentials.put(user, "github", access_token="canary")
    token = store.credentials.token(user, "github")
    asked = Refresh(user, "github", None, "canary", "canary", (), {})
    for thing in (token, asked, Granted("canary", "canary")):
        assert "canary" not in f"{thing} {thing!r} {[thing]}"
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(thing)


# The tables


_CREDENTIAL = (
    "INSERT INTO user_external_credentials (user_id, provider, key_id, encrypted_access_token{more}) "
    "VALUES (%(user)s, 'github', gen_random_uuid(), {secret}{values})"
)
_TOKEN = (
    "INSERT INTO oauth_tokens (user_id, provider, integration_id, key_id, access_token{more}) "
    "VALUES (%(user)s, 'github', 'github', gen_random_uuid(), {secret}{values})"
)
_BYTES = "decode(repeat('00', 28), 'hex')"


def _statement(text: str, secret: str = _BYTES, **more: str) -> str:
    names = "".join(f", {name}" for name in more)
    return text.format(more=names, values="".join(f", {value}" for value in more.values()), secret=secret)


@pytest.mark.parametrize(
    ("constraint", "statement"),
    [
        ("user_external_credentials_pkey", _statement(_CREDENTIAL, id="%(known)s").replace("'github'", "'slack'")),
        ("user_external_credentials_user_id_provider_key", _statement(_CREDENTIAL)),
        ("user_external_credentials_user_id_fkey", _statement(_CREDENTIAL).replace("%(user)s", "gen_random_uuid()")),
        ("valid_provider", _statement(_CREDENTIAL).replace("'github'", "'myspace'")),
        ("valid_credential_type", _statement(_CREDENTIAL, credential_type="'magic'").replace("'github'", "'slack'")),
        ("valid_credential_holds_a_secret", _statement(_CREDENTIAL, "NULL").replace("'github'", "'slack'")),
        ("secrets_are_ciphertext", _statement(_CREDENTIAL, "'plain text'").replace("'github'", "'slack'")),
        ("lease_has_an_end", _statement(_CREDENTIAL, refresh_lease="gen_random_uuid()").replace("'github'", "'slack'")),
        ("oauth_tokens_pkey", _statement(_TOKEN, id="%(token)s").replace("'github', 'github'", "'slack', 'slack'")),
        ("oauth_tokens_user_id_integration_id_key", _statement(_TOKEN)),
        ("oauth_tokens_user_id_fkey", _statement(_TOKEN).replace("%(user)s", "gen_random_uuid()")),
        ("oauth_tokens_integration_id_fkey", _statement(_TOKEN).replace("'github', 'github'", "'github', 'x'")),
        (
            "token_comes_from_a_credential",
            _statement(_TOKEN, credential_id="%(theirs)s").replace("'github', 'github'", "'slack', 'slack'"),
        ),
        ("oauth_provider_is_not_blank", _statement(_TOKEN).replace("'github', 'github'", "' ', 'slack'")),
        ("tokens_are_ciphertext", _statement(_TOKEN, "'plain'").replace("'github', 'github'", "'slack', 'slack'")),
        (
            "credential_data_is_encrypted",
            _statement(_TOKEN, credential_data='\'{"password": "x"}\'').replace(
                "'github', 'github'", "'slack', 'slack'"
            ),
        ),
        (
            "token_lease_has_an_end",
            _statement(_TOKEN, refresh_lease="gen_random_uuid()").replace("'github', 'github'", "'slack', 'slack'"),
        ),
    ],
)
def test_every_constraint_holds(
    connection: psycopg.Connection[Any], user: UUID, constraint: str, statement: str
) -> None:
    other = uuid4()
    connection.execute("INSERT INTO auth.users (id) VALUES (%s)", [other])
    known, token, theirs = uuid4(), uuid4(), uuid4()
    parameters = {"user": user, "known": known, "token": token, "theirs": theirs}
    connection.execute(_statement(_CREDENTIAL, id="%(known)s").encode(), parameters)
    connection.execute(_statement(_CREDENTIAL, id="%(theirs)s").encode(), {**parameters, "user": other})
    connection.execute(_statement(_TOKEN, id="%(token)s", credential_id="%(known)s").encode(), parameters)
    with pytest.raises(psycopg.errors.IntegrityError) as refused:
        connection.execute(statement.encode(), parameters)
    assert refused.value.diag.constraint_name == constraint


def test_a_tenant_sees_its_own_rows_without_ciphertext_and_writes_none(
    store: runfold.Store, user: UUID, connection: psycopg.Connection[Any]
) -> None:
    other = uuid4()
    connection.execute("INSERT INTO auth.users (id) VALUES (%s)", [other])
    for owner in (user, other):
        put(store, owner)
        store.credentials.link(owner, "github", "github")
    tenant = store.as_user(user)
    for table in ("user_external_credentials", "oauth_tokens"):
        assert [row["user_id"] for row in tenant.fetch(f"SELECT user_id, provider, can_refresh FROM {table}")] == [user]
    assert tenant.fetch("SELECT * FROM credentials_to_look_at") == []
    refused: list[str] = [
        "SELECT encrypted_access_token FROM user_external_credentials",
        "SELECT encrypted_refresh_token FROM user_external_credentials",
        "SELECT encrypted_additional_data FROM user_external_credentials",
        "SELECT access_token FROM oauth_tokens",
        "SELECT refresh_token FROM oauth_tokens",
        "SELECT credential_data FROM oauth_tokens",
        "UPDATE user_external_credentials SET is_valid = true",
        "UPDATE oauth_tokens SET is_active = true",
        f"INSERT INTO oauth_tokens (user_id, provider) VALUES ('{user}', 'x')",
    ]
    for statement in refused:
        with pytest.raises(runfold.errors.PermissionDenied):
            tenant.fetch(statement)
    tenant.fetch("DELETE FROM oauth_tokens RETURNING id")
    tenant.fetch("DELETE FROM user_external_credentials RETURNING id")
    assert connection.execute("SELECT user_id FROM user_external_credentials").fetchall() == [(other,)]
    assert connection.execute("SELECT user_id FROM oauth_tokens").fetchall() == [(other,)]


def test_control_without_the_policy_a_tenant_sees_the_others_rows(
    store: runfold.Store, user: UUID, connection: psycopg.Connection[Any]
) -> None:
    other = uuid4()
    connection.execute("INSERT INTO auth.users (id) VALUES (%s)", [other])
    put(store, other)
    connection.execute("ALTER TABLE user_external_credentials DISABLE ROW LEVEL SECURITY")
    assert len(store.as_user(user).fetch("SELECT user_id FROM user_external_credentials")) == 1
