"""The log gets its partitions beside a running worker, whatever becomes of other tables' partitions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
import pytest

from runfold.projections.definition.catalogue import load_catalogue
from runfold.reading.status import read_status
from tests.fixtures.logs import Log, event
from tests.fixtures.processes import eventually, worker

MONTHS = (
    "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'public.workflow_execution_logs'::regclass"
    " AND inhrelid::regclass::text ~ '_[0-9]{6}$' ORDER BY 1"
)


def log_end(connection: psycopg.Connection[Any]) -> int:
    (end,) = connection.execute("SELECT runfold.log_end()").fetchone() or (0,)
    return int(end)


def months(connection: psycopg.Connection[Any]) -> list[str]:
    return [month for (month,) in connection.execute(MONTHS).fetchall()]


def use_up_the_log(connection: psycopg.Connection[Any]) -> int:
    """Leave room for fifteen events in the log, as if all others were appended and folded; return its end."""
    end = log_end(connection)
    connection.execute("SELECT setval('runfold.events_position', %s)", (end - 16,))
    connection.execute("UPDATE runfold.checkpoints SET position = %s", (end - 16,))
    return end


def take_a_week(connection: psycopg.Connection[Any]) -> str:
    """Make a user's partition, of a week of the last month, in place of ours; return ours."""
    month = months(connection)[-1]
    first = f"{month[-6:-2]}-{month[-2:]}"
    connection.execute(f"DROP TABLE {month}".encode())
    connection.execute(
        "CREATE TABLE public.second_week PARTITION OF public.workflow_execution_logs"
        f" FOR VALUES FROM ('{first}-08 00:00:00+00') TO ('{first}-15 00:00:00+00')".encode()
    )
    return month


def test_the_log_goes_on_though_a_month_of_the_log_table_cannot_be_made(log: Log, database_url: str) -> None:
    month = take_a_week(log.connection)
    end = use_up_the_log(log.connection)
    with worker(database_url) as running:
        eventually(lambda: log_end(log.connection) > end)
        eventually(lambda: "workflow_execution_logs" in running.output)
        assert running.alive
    for n in range(20):
        log.append(f"log-{n}", event("LogAppended"))
    assert month not in months(log.connection)


def test_the_status_says_how_much_room_the_log_has(log: Log) -> None:
    catalogue = load_catalogue()
    assert read_status(log.connection, catalogue)["room"] > 10_000_000
    use_up_the_log(log.connection)
    assert read_status(log.connection, catalogue)["room"] == 15


def test_control_both_in_one_statement_leave_the_log_without_room(log: Log) -> None:
    take_a_week(log.connection)
    end = use_up_the_log(log.connection)
    with pytest.raises(psycopg.errors.InvalidObjectDefinition):
        log.connection.execute(
            "SELECT runfold.ensure_partitions(), (SELECT count(*) FROM (SELECT runfold.make_log_partition(m)"
            " FROM runfold.missing_log_months() AS m) AS made)"
        )
    assert log_end(log.connection) == end


def test_a_month_that_cannot_be_made_keeps_no_other_from_being_made(log: Log) -> None:
    gone = months(log.connection)[-2]
    taken = take_a_week(log.connection)
    log.connection.execute(f"DROP TABLE {gone}".encode())
    assert log.connection.execute("SELECT runfold.ensure_log_partitions()").fetchone() == (1,)
    assert gone in months(log.connection)
    assert taken not in months(log.connection)


@contextmanager
def a_reader(url: str) -> Iterator[psycopg.Connection[Any]]:
    """A session that has read the log table, and is idle in its transaction."""
    with psycopg.connect(url) as reader:
        reader.execute("SELECT FROM public.workflow_execution_logs")
        yield reader
        reader.rollback()


def test_no_month_is_waited_for_behind_a_reader(log: Log, database_url: str) -> None:
    month = months(log.connection)[-1]
    log.connection.execute(f"DROP TABLE {month}".encode())
    with a_reader(database_url):
        # Longer than that nobody waits behind it: the lock times out before the statement does.
        log.connection.execute("SET statement_timeout = '5s'")
        assert log.connection.execute("SELECT runfold.ensure_log_partitions()").fetchone() == (0,)
    log.connection.execute("SET statement_timeout = 0")
    assert log.connection.execute("SELECT runfold.ensure_log_partitions()").fetchone() == (1,)
    assert month in months(log.connection)


def test_control_a_partition_made_without_a_limit_waits_for_the_reader(log: Log, database_url: str) -> None:
    month = months(log.connection)[-1]
    log.connection.execute(f"DROP TABLE {month}".encode())
    log.connection.execute("ALTER FUNCTION runfold.make_log_partition RESET lock_timeout")
    with a_reader(database_url):
        log.connection.execute("SET statement_timeout = '1s'")
        with pytest.raises(psycopg.errors.QueryCanceled):
            log.connection.execute("SELECT runfold.ensure_log_partitions()")


def test_a_lock_on_a_table_of_one_group_keeps_no_other_group_waiting(log: Log, database_url: str) -> None:
    log.append("log-a", event("LogAppended"))
    log.append(f"interaction-{UUID(int=1)}", event("InteractionRequested"))
    with psycopg.connect(database_url) as other:
        other.execute("LOCK TABLE public.workflow_execution_logs")
        log.connection.execute("SET lock_timeout = '20s'")
        with worker(database_url):
            reached = "SELECT position FROM runfold.checkpoints WHERE group_name = %s"
            eventually(lambda: log.connection.execute(reached, ("interaction",)).fetchone() == (2,))
            failing = "SELECT retried_sqlstate FROM runfold.checkpoints WHERE group_name = 'log'"
            eventually(lambda: log.connection.execute(failing).fetchone() == ("55P03",))
            other.rollback()
            eventually(lambda: log.connection.execute(reached, ("log",)).fetchone() == (2,))
    log.assert_folded()
