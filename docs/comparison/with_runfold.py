"""The work of docs/comparison.md on runfold: `DATABASE_URL=… python with_runfold.py`, on an empty database."""

import os
import subprocess
import sys
import uuid

import psycopg

import runfold
from runfold import events
from runfold.errors import VersionConflict

URL = os.environ["DATABASE_URL"]


def command(*words: str) -> None:
    """Run the command line; its output is not shown."""
    subprocess.run([sys.executable, "-m", "runfold", "--url", URL, *words], check=True, stdout=subprocess.DEVNULL)


command("migrate")

# Three events of an execution; a second writer that is late.
execution = str(uuid.uuid4())
stream = f"execution-{execution}"
node = {"activation": "resize#1", "node_id": "resize", "node_type": "ACTION"}
with runfold.connect(URL) as store:
    created = events.ExecutionCreated(execution_id=execution, workflow_id=uuid.uuid4(), mode="MANUAL")
    version = store.append(stream, [created], expected_version=0).version
    version = store.append(
        stream, [events.NodeSucceeded(**node, end_time=1, output_data=7)], expected_version=1
    ).version
    store.append(stream, [events.ExecutionSucceeded(end_time=2)], expected_version=version)
    try:
        store.append(stream, [events.ExecutionCanceled(end_time=2)], expected_version=version)
    except VersionConflict as conflict:
        print("conflict:", conflict)

# Project: the folds are there. Fold again and compare: verify.
command("worker", "--once")
command("projection", "verify")

# A dashboard's query.
with psycopg.connect(URL) as connection:
    for row in connection.execute("SELECT status, count(*) FROM workflow_executions GROUP BY status"):
        print("dashboard:", *row)
