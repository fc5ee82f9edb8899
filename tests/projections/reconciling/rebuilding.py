"""Rebuild a test's tables, damage them, and count the rows that are written."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import psycopg

from runfold.projections.definition.catalogue import load_catalogue
from runfold.projections.reconciling.rebuild import Rebuilt, rebuild
from tests.fixtures.logs import Log, event, run
from tests.model.payloads import DEPLOYMENTS, INTERACTIONS, RESPONSES, WORKFLOWS

TABLES = tuple(f"{projection.schema}.{projection.table}" for projection in load_catalogue().projections)
INTERACTION = f"interaction-{UUID(INTERACTIONS[0])}"
RESPONSE = f"response-{RESPONSES[0]}"


@dataclass
class Rebuilder:
    """Rebuilds tables of one database, in this process."""

    url: str

    def connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.url, autocommit=True)

    def __call__(self, *names: str, folders: Iterable[Path] = (), **options: Any) -> dict[str, Rebuilt]:
        """Rebuild the named projections, or all, and return the results."""
        found = rebuild(self.connect, load_catalogue(*folders), names, **options)
        return {rebuilt.projection: rebuilt for rebuilt in found}


def append_everything(log: Log, seed: int = 1, appends: int = 15) -> None:
    """Append events for every table, with deletions of workflows."""
    workflow, other = (str(UUID(name)) for name in WORKFLOWS[:2])
    log.wander(seed=seed, appends=appends)
    log.append(f"execution-a{seed}", *run(f"a{seed}", nodes=3, workflow_id=workflow))
    log.append(f"execution-b{seed}", *run(f"b{seed}", workflow_id=other))
    log.append(f"log-a{seed}", event("LogAppended"), event("LogAppended"))
    log.append(f"deployment-{other}", event("DeploymentStarted", deployment_id=DEPLOYMENTS[0]),
               event("TriggerRegistered", trigger=f"t{seed}"))  # fmt: skip
    log.append(INTERACTION, event("InteractionRequested", workflow_id=workflow))
    log.append(RESPONSE, event("ResponseReceived", workflow_id=workflow),
               event("ResponseMatched", interaction_id=INTERACTIONS[0]))  # fmt: skip
    log.append(f"deployment-{workflow}", event("WorkflowDeleted"))
    log.append(f"execution-c{seed}", *run(f"c{seed}", workflow_id=workflow))
    log.append(INTERACTION, event("InteractionRequested", workflow_id=workflow))
    log.append(RESPONSE, event("ResponseReceived", workflow_id=workflow))
    log.wander(seed=seed + 1000, appends=appends)


def damage(connection: psycopg.Connection[Any], seed: int = 1) -> int:
    """Delete, change and invent rows of every table; return how many."""
    random = Random(seed)
    done = 0
    for projection in load_catalogue().projections:
        table = f"{projection.schema}.{projection.table}"
        keys = connection.execute(
            f"SELECT {', '.join(projection.key)} FROM {table} ORDER BY 1, 2".encode()
            if len(projection.key) > 1
            else f"SELECT {projection.key[0]} FROM {table}".encode()
        )
        where = " AND ".join(f"{name} = %s" for name in projection.key)
        column = "last_event_position" if "anomalies" not in table else "stream_id"
        for number, key in enumerate(sorted(keys.fetchall(), key=str)):
            # Of every table at least one.
            match 1 if number == 0 else random.randrange(6):
                case 0:
                    # The parent of rows takes them along: deleted rows are counted by who deletes them.
                    cursor = connection.execute(f"DELETE FROM {table} WHERE {where}".encode(), key)
                case 1:
                    value = "last_event_position + 1000000" if column != "stream_id" else "stream_id || 'x'"
                    cursor = connection.execute(f"UPDATE {table} SET {column} = {value} WHERE {where}".encode(), key)
                case _:
                    continue
            done += cursor.rowcount
    done += connection.execute(
        "INSERT INTO public.workflow_status (workflow_id, last_event_position, updated_at)"
        " VALUES (gen_random_uuid(), 1, now())"
    ).rowcount
    return done


@contextmanager
def counted_writes(connection: psycopg.Connection[Any]) -> Any:
    """Count the rows that are written to each read table in the block, by row triggers."""
    connection.execute("CREATE TABLE public.writes (name text, how text)")
    connection.execute(
        "CREATE FUNCTION public.count_write() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN INSERT INTO public.writes VALUES (TG_ARGV[0], TG_OP); RETURN NULL; END'"
    )
    for table in TABLES:
        connection.execute(
            f"CREATE TRIGGER counts AFTER INSERT OR UPDATE OR DELETE ON {table} FOR EACH ROW"
            f" EXECUTE FUNCTION public.count_write('{table.partition('.')[2]}')".encode()
        )
    counts: dict[tuple[str, str], int] = {}
    yield counts
    for name, how, count in connection.execute("SELECT name, how, count(*) FROM public.writes GROUP BY 1, 2"):
        counts[name, how] = count


def shadows(connection: psycopg.Connection[Any]) -> list[str]:
    """Return the tables that rebuilds have left."""
    rows = connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'runfold_shadow'::regnamespace AND relkind = 'r' ORDER BY 1"
    )
    return [name for (name,) in rows.fetchall()]


@contextmanager
def appending(log: Log, url: str) -> Iterator[None]:
    """Append to the log without a rest during the block; what fails there fails the block."""
    stop = threading.Event()
    failures: list[BaseException] = []

    def append() -> None:
        seed = 0
        try:
            with psycopg.connect(url, autocommit=True) as connection:
                log.connection = connection
                while not stop.is_set():
                    seed += 1
                    log.wander(seed=seed, appends=10, executions=3)
        except BaseException as exc:
            failures.append(exc)

    appender = threading.Thread(target=append)
    appender.start()
    try:
        yield
    finally:
        stop.set()
        appender.join()
    assert failures == []
