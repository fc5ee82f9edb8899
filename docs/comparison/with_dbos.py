"""The work of docs/comparison.md on DBOS: `DATABASE_URL=… python with_dbos.py`, on an empty database."""

import os

import psycopg
from dbos import DBOS, DBOSConfig, SetWorkflowID

URL = os.environ["DATABASE_URL"]
CONFIG: DBOSConfig = {"name": "comparison", "system_database_url": URL, "log_level": "ERROR"}
DBOS(config=CONFIG)
RAN: list[str] = []


@DBOS.step()
def load() -> int:
    RAN.append("load")
    return 7


@DBOS.step()
def resize(size: int) -> int:
    RAN.append("resize")
    return size * 2


@DBOS.step()
def store(size: int) -> int:
    RAN.append("store")
    return size


@DBOS.workflow()
def execution() -> int:
    return store(resize(load()))


DBOS.launch()

# Three steps, each recorded by the library when it ends. Nobody appends; a second start of an id is the first one.
for _ in range(2):
    with SetWorkflowID("execution-1"):
        print("result:", execution())
print("steps that ran:", *RAN)

# No projection and no rebuild: the tables are the record. What comes nearest: run again from a step on.
RAN.clear()
again = DBOS.fork_workflow("execution-1", 2)
print("forked:", again.get_result(), "steps that ran:", *RAN)

# A dashboard's query.
with psycopg.connect(URL) as connection:
    for row in connection.execute("SELECT status, count(*) FROM dbos.workflow_status GROUP BY status"):
        print("dashboard:", *row)
print("steps:", *(step["function_name"] for step in DBOS.list_workflow_steps("execution-1")))
DBOS.destroy()
