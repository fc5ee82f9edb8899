"""The leader makes the months of API calls ahead of time, and copies prices that begin to be valid."""

from __future__ import annotations

from typing import Any

import psycopg

from tests.fixtures.logs import Log
from tests.fixtures.processes import eventually, worker

PARTITIONS = (
    "SELECT count(*) FROM pg_inherits WHERE inhparent = 'public.external_api_call_logs'::regclass"
    " AND inhrelid::regclass::text ~ '_[0-9]{6}$'"
)
CALL = "INSERT INTO public.external_api_call_logs (provider, operation, success, called_at) VALUES ('p', 'o', true, %s)"


def months(connection: psycopg.Connection[Any]) -> int:
    (count,) = connection.execute(PARTITIONS).fetchone() or (0,)
    return int(count)


def drop_last(connection: psycopg.Connection[Any]) -> None:
    (name,) = connection.execute(PARTITIONS.replace("count(*)", "max(inhrelid::regclass::text)")).fetchone() or ("",)
    connection.execute(f"DROP TABLE {name}".encode())


def test_a_new_database_has_the_last_month_this_one_and_twelve_ahead(connection: psycopg.Connection[Any]) -> None:
    assert months(connection) == 14
    connection.execute(CALL, ("now",))
    connection.execute(CALL, ("1999-01-01",))
    found = connection.execute(
        "SELECT tableoid::regclass::text FROM public.external_api_call_logs ORDER BY called_at"
    ).fetchall()
    assert found[0] == ("runfold_partitions.external_api_call_logs_default",)
    assert found[1][0].startswith("runfold_partitions.external_api_call_logs_2")


def test_the_leader_makes_what_is_missing_and_copies_present_prices(log: Log, database_url: str) -> None:
    drop_last(log.connection)
    log.connection.execute("ALTER TABLE public.ai_model_prices DISABLE TRIGGER USER")
    log.connection.execute(
        "INSERT INTO public.ai_model_prices (model, valid_from, input_per_million, source, seen_on)"
        " SELECT id, '2026-01-01', 2, 'page', '2026-01-01' FROM public.ai_models WHERE name = 'GPT-5'"
    )
    copied = "SELECT cost_per_input_token * 1000000 FROM public.ai_models WHERE name = 'GPT-5'"
    with worker(database_url):
        eventually(lambda: months(log.connection) == 14)
        eventually(lambda: log.connection.execute(copied).fetchone() == (2,))


def test_a_reader_is_waited_for_a_moment_and_a_month_with_rows_stays_where_they_are(
    connection: psycopg.Connection[Any], database_url: str
) -> None:
    drop_last(connection)
    with psycopg.connect(database_url) as reader:
        reader.execute("SELECT count(*) FROM public.external_api_call_logs")
        assert connection.execute("SELECT runfold.make_api_log_months()").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM public.external_api_call_logs").fetchone() == (0,)
    (month,) = connection.execute(
        "SELECT date_trunc('month', now(), 'UTC') + interval '12 months 3 days'"
    ).fetchone() or ("",)
    connection.execute(CALL, (month,))
    assert connection.execute("SELECT runfold.make_api_log_months()").fetchone() == (0,)
    connection.execute("DELETE FROM public.external_api_call_logs")
    assert connection.execute("SELECT runfold.make_api_log_months()").fetchone() == (1,)


def test_a_month_that_has_expired_is_not_made_again(connection: psycopg.Connection[Any]) -> None:
    connection.execute("UPDATE runfold.retention SET keep = '0' WHERE table_name = 'public.external_api_call_logs'")
    (last,) = connection.execute(
        "SELECT 'external_api_call_logs_' || to_char(now() AT TIME ZONE 'UTC' - interval '1 month', 'YYYYMM')"
    ).fetchone() or ("",)
    connection.execute(f"DROP TABLE IF EXISTS runfold_partitions.{last}".encode())
    assert connection.execute("SELECT runfold.make_api_log_months()").fetchone() == (0,)
    # Control: kept for ever, the month is wanted.
    connection.execute("UPDATE runfold.retention SET keep = NULL WHERE table_name = 'public.external_api_call_logs'")
    assert connection.execute("SELECT runfold.make_api_log_months()").fetchone() == (1,)
