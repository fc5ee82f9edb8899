"""Who follows the publication hears of each row that a fold changed once, under the name of a table that users see."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest

from runfold.database.migrations import migrate
from runfold.projections.definition.catalogue import load_catalogue
from runfold.projections.reconciling.rebuild import rebuild
from tests.fixtures.logs import Log, event, run
from tests.fixtures.processes import drain
from tests.fixtures.servers import PrivateServerFactory

KINDS = {"I": "INSERT", "U": "UPDATE", "D": "DELETE", "T": "TRUNCATE"}


@pytest.fixture
def url(private_server: PrivateServerFactory) -> str:
    """A migrated database on a server that decodes its log of changes."""
    server = private_server(settings={"wal_level": "logical"})
    migrate(server.url)
    return server.url


@pytest.fixture
def followed(url: str) -> Iterator[Log]:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_create_logical_replication_slot('follower', 'pgoutput')")
        yield Log(connection)


def changes(connection: psycopg.Connection[Any], publication: str = "runfold_realtime") -> Counter[tuple[str, str]]:
    """What was published since the last call: how often each table was changed, and how."""
    with connection.transaction():  # what is not flushed is not decoded
        connection.execute("SET LOCAL synchronous_commit = on")
        connection.execute("SELECT pg_logical_emit_message(true, 'flush', '')")
    rows = connection.execute(
        "SELECT data FROM pg_logical_slot_get_binary_changes('follower', NULL, NULL, 'proto_version', '1',"
        " 'publication_names', %s)",
        (publication,),
    ).fetchall()
    tables: dict[bytes, str] = {}
    found: Counter[tuple[str, str]] = Counter()
    for (message,) in rows:
        kind = chr(message[0])
        if kind == "R":
            schema, name = message[5:].split(b"\0")[:2]
            tables[message[1:5]] = f"{schema.decode()}.{name.decode()}"
        # The counts are changed by each row, as their own tests say.
        elif kind in KINDS and not tables[message[1:5]].endswith(("_hours", "_days")):
            found[tables[message[1:5]], KINDS[kind]] += 1
    return found


def test_a_fold_publishes_each_row_that_it_changes_once(followed: Log, url: str) -> None:
    followed.append("execution-a", *run("a")[:2])
    drain(url)
    assert changes(followed.connection) == {
        ("public.workflow_executions", "INSERT"): 1,
        ("public.workflow_status", "INSERT"): 1,
    }
    followed.append("execution-a", *run("a")[2:])
    drain(url)
    assert changes(followed.connection) == {
        ("public.workflow_executions", "UPDATE"): 1,
        ("public.workflow_status", "UPDATE"): 1,
        ("public.node_executions", "INSERT"): 2,
    }


def test_log_lines_are_published_as_their_table_and_not_as_its_partitions(followed: Log, url: str) -> None:
    followed.append("log-a", event("LogAppended"), event("LogAppended"))
    drain(url)
    assert changes(followed.connection) == {("public.workflow_execution_logs", "INSERT"): 2}


def test_a_rebuild_publishes_what_differed_and_no_shadow(followed: Log, url: str) -> None:
    followed.append("execution-a", *run("a"))
    followed.append(f"interaction-{UUID(int=1)}", event("InteractionRequested"))
    drain(url)
    changes(followed.connection)
    followed.connection.execute("UPDATE public.node_executions SET node_name = 'by hand' WHERE activation = 'n0'")
    changes(followed.connection)
    rebuild(lambda: psycopg.connect(url, autocommit=True), load_catalogue(), jobs=2)
    assert changes(followed.connection) == {("public.node_executions", "UPDATE"): 1}


def test_control_a_publication_of_everything_publishes_the_log_and_what_folds_keep(followed: Log, url: str) -> None:
    followed.connection.execute("CREATE PUBLICATION everything FOR ALL TABLES")
    followed.append("execution-a", *run("a"))
    drain(url)
    tables = {table for table, _ in changes(followed.connection, "everything")}
    assert {"runfold.streams", "runfold.checkpoints"} <= tables
    assert any(table.startswith("runfold_partitions.events_") for table in tables)
