"""The digests of format 1 are the same for ever: on every PostgreSQL, under every setting, and as the pages say."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import psycopg
import pytest

from runfold.database.migrations import migrate
from runfold.database.server import EmbeddedServer
from tests.fixtures.databases import create_database, drop_database

Connection = psycopg.Connection[Any]

# Hostile JSON, duplicate keys, every code point as a value and some as a key, bytes, nulls, borders of times.
EVENTS = """
    CREATE TEMPORARY TABLE hostile (LIKE runfold.events);
    INSERT INTO hostile
    SELECT n, 8, 'log-x' || n, n, md5(n::text)::uuid, 'log', 'LogAppended', 1,
           CASE WHEN n % 2 = 0 THEN md5('u')::uuid END,
           CASE n WHEN 1 THEN '{"a": 1, "a": 2, "b": {"z": 1, "aa": 2, "": 3}, "é": "\\u00e9", "x\\"y": "\\\\"}'::jsonb
                  WHEN 2 THEN '[1e400, 1.0, 1.00, -0, 0.0, 1e-7, 1234567890123456789.50, 1E+2, true, null]'::jsonb
                  WHEN 3 THEN to_jsonb((SELECT string_agg(chr(c), '' ORDER BY c) FROM generate_series(1, 1114111) AS c
                                         WHERE c NOT BETWEEN 55296 AND 57343))
                  WHEN 4 THEN (SELECT jsonb_object_agg(chr(c), c ORDER BY c) FROM generate_series(1, 65000, 7) AS c
                                WHERE c NOT BETWEEN 55296 AND 57343)
                  WHEN 5 THEN NULL
                  WHEN 6 THEN '{}'::jsonb
                  WHEN 7 THEN to_jsonb(repeat('x', 100000))
                  WHEN 8 THEN '{"deep": [[[[[[{"k": [[], {}, ""]}]]]]]]}'::jsonb END,
           CASE n WHEN 5 THEN decode('00ff7f80' || repeat('ab', 1000), 'hex') WHEN 6 THEN ''::bytea END,
           CASE n WHEN 1 THEN '{}'::jsonb ELSE '{"producer": "x", "n": 1.10}'::jsonb END,
           CASE n WHEN 1 THEN '0001-01-02 00:00:00+00'::timestamptz WHEN 2 THEN '9999-12-30 23:59:59.999999+00'
                  ELSE '2026-02-29 23:59:59.999999+00'::timestamptz - interval '1 day' * (n - 3) END,
           '1969-12-31 23:59:59.999999+00'::timestamptz + interval '1 microsecond' * n
      FROM generate_series(1, 8) AS n
"""
EVENTS = EVENTS.replace("2026-02-29", "2024-02-29")
DIGEST = "c81476bd103794a7fe19247e827589ba0dc926c05932b52a77c27bb35b230011"


def digest(connection: Connection, setting: str = "bytea_output = 'hex'") -> str:
    connection.execute(EVENTS)  # type: ignore[call-overload]
    connection.execute(f"SET {setting}")  # type: ignore[call-overload]
    row = connection.execute(
        "SELECT events, encode(digest, 'hex') FROM runfold.range_digest('pg_temp.hostile', 1, 8)"
    ).fetchone()
    assert row is not None
    assert row[0] == 8
    return str(row[1])


def test_the_digest_of_a_fixed_set_of_events_is_a_constant(connection: Connection) -> None:
    assert digest(connection) == DIGEST


@pytest.mark.parametrize(
    "setting",
    [
        "TimeZone = 'Asia/Kathmandu'",
        "DateStyle = 'German, DMY'",
        "IntervalStyle = 'sql_standard'",
        "bytea_output = 'escape'",
        "extra_float_digits = -10",
        "client_encoding = 'LATIN1'",
        "search_path = public",
        "standard_conforming_strings = off",
        "enable_sort = off",
    ],
)
def test_no_setting_of_the_session_changes_it(connection: Connection, setting: str) -> None:
    assert digest(connection, setting) == DIGEST


def test_postgresql_15_gives_the_same_digest(postgres15: EmbeddedServer) -> None:
    url = create_database(postgres15.url)
    migrate(url)
    with psycopg.connect(url, autocommit=True) as connection:
        assert connection.info.server_version // 10_000 == 15
        assert digest(connection) == DIGEST
    drop_database(postgres15.url, url)


def leaf(facts: list[Any]) -> bytes:
    """The leaf of an event whose values are plain, computed without PostgreSQL."""
    return hashlib.sha256(json.dumps(facts).encode()).digest()


def test_another_program_computes_the_same(connection: Connection) -> None:
    connection.execute(
        "CREATE TEMPORARY TABLE plain (LIKE runfold.events);"
        " INSERT INTO plain VALUES (7, 8, 'log-1', 1, '6f1e3c1c-32d7-4a5e-9d4a-111111111111', 'log', 'LogAppended', 1,"
        " NULL, '{\"message\": \"hello\"}', NULL, '{}', '1970-01-01 00:00:01+00', '2000-01-01 00:00:00.000001+00'),"
        " (8, 8, 'app-1', 0, '6f1e3c1c-32d7-4a5e-9d4a-222222222222', 'app', 'Opaque', 1,"
        " '6f1e3c1c-32d7-4a5e-9d4a-333333333333', NULL, '\\x00ff', '{}',"
        " '1970-01-01 00:00:01+00', '1970-01-01 00:00:02+00')"
    )
    leaves = leaf(
        [
            1,
            7,
            8,
            "log-1",
            1,
            "6f1e3c1c-32d7-4a5e-9d4a-111111111111",
            "LogAppended",
            1,
            None,
            {"message": "hello"},
            None,
            {},
            1_000_000,
            946_684_800_000_001,
        ]
    ) + leaf(
        [
            1,
            8,
            8,
            "app-1",
            0,
            "6f1e3c1c-32d7-4a5e-9d4a-222222222222",
            "Opaque",
            1,
            "6f1e3c1c-32d7-4a5e-9d4a-333333333333",
            None,
            "00ff",
            {},
            1_000_000,
            2_000_000,
        ]
    )
    row = connection.execute("SELECT digest FROM runfold.range_digest('plain', 1, 10)").fetchone()
    assert row == (hashlib.sha256(leaves).digest(),)


def test_a_range_without_events_has_the_digest_of_nothing(connection: Connection) -> None:
    row = connection.execute(
        "SELECT events, digest, marks FROM runfold.range_digest('runfold.events', 1, 10)"
    ).fetchone()
    assert row == (0, hashlib.sha256(b"").digest(), b"")


def test_the_digest_looks_at_the_order_and_not_at_the_place_in_the_table(connection: Connection) -> None:
    connection.execute(EVENTS)  # type: ignore[call-overload]
    connection.execute("CREATE TEMPORARY TABLE turned AS SELECT * FROM hostile ORDER BY position DESC")
    row = connection.execute("SELECT encode(digest, 'hex') FROM runfold.range_digest('turned', 1, 8)").fetchone()
    assert row == (DIGEST,)
