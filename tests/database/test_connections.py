"""PostgreSQL's errors are mapped to runfold's by their SQLSTATE, with their facts."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from runfold import errors
from runfold.database.connections import connect, mapped_errors, resolve_url
from runfold.database.dbmate_url import dbmate_url
from runfold.settings import load_settings

RAISE = """
DO $$ BEGIN RAISE EXCEPTION 'execution-7 is at version 5, expected 3' USING
    ERRCODE = 'RF002', HINT = 'reload and retry',
    DETAIL = '{"code": "version_conflict", "stream_id": "execution-7", "version": 5, "expected_version": 3}'; END $$
"""


def test_our_sql_functions_errors_keep_their_facts_and_their_hint(
    connection: psycopg.Connection[tuple[Any, ...]],
) -> None:
    with pytest.raises(errors.VersionConflict) as caught, mapped_errors():
        connection.execute(RAISE)
    assert (caught.value.stream_id, caught.value.version, caught.value.expected_version) == ("execution-7", 5, 3)
    assert str(caught.value) == "execution-7 is at version 5, expected 3: reload and retry"
    assert caught.value.code == "version_conflict"


def test_every_error_class_with_an_sqlstate_is_raised_for_it(
    connection: psycopg.Connection[tuple[Any, ...]],
) -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and vars(kind).get("sqlstate")]
    assert len(kinds) >= 9
    for kind in kinds:
        with pytest.raises(kind), mapped_errors():
            connection.execute(f"DO $$ BEGIN RAISE EXCEPTION 'so' USING ERRCODE = '{kind.sqlstate}'; END $$")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("SELECT runfold.nothing()", errors.SchemaOutdated),
        ("SELECT * FROM runfold.nothing", errors.SchemaOutdated),
        ("BEGIN READ ONLY; CREATE TABLE t ()", errors.DatabaseReadOnly),
        ("SET ROLE anon; SELECT * FROM public.workflows", errors.PermissionDenied),
        ("DO $$ BEGIN RAISE EXCEPTION '' USING ERRCODE = '53100'; END $$", errors.DiskFull),
        ("DO $$ BEGIN RAISE EXCEPTION '' USING ERRCODE = '40P01'; END $$", errors.TransactionFailed),
        ("DO $$ BEGIN RAISE EXCEPTION '' USING ERRCODE = '40001'; END $$", errors.TransactionFailed),
        ("DO $$ BEGIN RAISE EXCEPTION '' USING ERRCODE = '08006'; END $$", errors.DatabaseUnavailable),
        ("SELECT pg_terminate_backend(pg_backend_pid())", errors.DatabaseUnavailable),
        ("SELECT 1 / 0", psycopg.errors.DivisionByZero),
    ],
)
def test_an_sqlstate_has_its_class_and_the_others_pass(
    connection: psycopg.Connection[tuple[Any, ...]], statement: str, kind: type[Exception]
) -> None:
    with pytest.raises(kind), mapped_errors():
        connection.execute(statement)  # type: ignore[arg-type]


@pytest.mark.database  # it asks for a server that is away
def test_a_server_that_is_away_is_unavailable_and_worth_a_retry() -> None:
    with pytest.raises(errors.DatabaseUnavailable) as caught:
        connect("postgresql://nobody@127.0.0.1:1/nothing", load_settings())
    assert caught.value.retryable


def test_a_pool_without_a_free_connection_is_exhausted(database_url: str) -> None:
    with (
        ConnectionPool(database_url, min_size=1, max_size=1) as pool,
        pool.connection(),
        pytest.raises(errors.PoolExhausted, match="RUNFOLD_POOL_MAX_SIZE"),
        mapped_errors(),
        pool.connection(timeout=0.05),
    ):
        pass


def test_a_given_url_is_taken_as_it_is() -> None:
    assert resolve_url(load_settings(database_url="postgresql://a@b/c")) == "postgresql://a@b/c"


def test_a_setting_out_of_its_range_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNFOLD_POOL_MAX_SIZE", "many")
    with pytest.raises(errors.InvalidInput, match="RUNFOLD_POOL_MAX_SIZE is not valid"):
        load_settings()


@pytest.mark.parametrize(
    ("parameters", "encrypted", "url"),
    [
        (
            {"host": "db.example", "user": "a b", "password": "p@ss/w:rd", "dbname": "x y"},
            True,
            "postgres://a%20b:p%40ss%2Fw%3Ard@db.example:5432/x%20y?sslmode=require",
        ),
        ({"host": "::1", "port": 1, "user": "u", "dbname": "d"}, False, "postgres://u@[::1]:1/d?sslmode=disable"),
        (
            {"host": "/a b", "port": 1, "user": "u", "dbname": "d", "sslmode": "prefer", "keepalives": 1},
            False,
            "postgres://u@/d?sslmode=disable&host=%2Fa%20b&port=1",
        ),
    ],
)
def test_dbmate_gets_the_url_that_its_driver_understands(parameters: dict[str, Any], encrypted: bool, url: str) -> None:
    assert dbmate_url(parameters, encrypted=encrypted) == url
