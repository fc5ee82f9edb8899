"""The work of docs/comparison.md on procrastinate: `DATABASE_URL=… python with_procrastinate.py`."""

import asyncio
import os

import procrastinate
import psycopg
from procrastinate.exceptions import AlreadyEnqueued

URL = os.environ["DATABASE_URL"]
app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=URL))
attempts = 0


@app.task(queue="executions", retry=procrastinate.RetryStrategy(max_attempts=3))
async def resize(size: int) -> int:
    global attempts
    attempts += 1
    if attempts == 1:
        raise RuntimeError("a flaky disk")
    return size * 2


async def main() -> None:
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        # A job's history is written by triggers. Nobody appends; what comes nearest to a conflict is a queueing lock.
        deferring = resize.configure(lock="execution-1", queueing_lock="execution-1")
        await deferring.defer_async(size=7)
        try:
            await deferring.defer_async(size=8)
        except AlreadyEnqueued as conflict:
            print("conflict:", type(conflict).__name__)
        while attempts < 2:
            await app.run_worker_async(queues=["executions"], wait=False, listen_notify=False)


asyncio.run(main())

# No projection and no rebuild: the tables are the record. A dashboard's queries.
with psycopg.connect(URL) as connection:
    for row in connection.execute(
        "SELECT status, attempts, count(*) FROM procrastinate_jobs GROUP BY status, attempts"
    ):
        print("dashboard:", *row)
    history = connection.execute("SELECT type FROM procrastinate_events ORDER BY id").fetchall()
    print("history:", *(kind for (kind,) in history))
