"""A program that never closes its store ends at once and says nothing about it."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import pytest

STORE = """
import runfold
store = runfold.connect({url!r})
print(len(store.read_all()))
"""

# The loop ends while the pool still connects.
ASYNC_STORE = """
import asyncio, logging, runfold
logging.disable()

async def main():
    global store
    store = await runfold.connect_async({url!r})
    print(0)

asyncio.run(main())
"""

PLAIN_POOL = """
from psycopg_pool import AsyncConnectionPool
from runfold.client.pools import AsyncPool
AsyncPool.worker = AsyncConnectionPool.worker
"""


def ended(program: str, *, seconds: float = 60) -> tuple[int, str, str]:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=seconds)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("program", [STORE, ASYNC_STORE], ids=["sync", "async"])
def test_a_program_ends_whose_store_was_never_closed(program: str, database_url: str) -> None:
    assert ended(program.format(url=database_url)) == (0, "0\n", "")


@pytest.mark.skipif(version("psycopg-pool") < "3.3", reason="an older pool does not take a cancellation for a failure")
def test_control_with_the_pool_as_it_is_a_loop_never_ends(database_url: str) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        ended(PLAIN_POOL + ASYNC_STORE.format(url=database_url), seconds=10)


@pytest.mark.skipif(sys.version_info < (3, 13), reason="older interpreters end the threads that a pool waits for")
def test_control_with_the_pool_as_it_is_the_interpreter_waits_for_its_threads(database_url: str) -> None:
    plain = "from psycopg_pool import ConnectionPool\nfrom runfold.client.pools import Pool\n"
    # A thread that has not come to wait for a task yet ends by itself.
    waits = "store._pool.wait()\nimport time\ntime.sleep(1)\n"
    code, _, said = ended(f"{plain}Pool.__del__ = ConnectionPool.__del__\n{STORE.format(url=database_url)}{waits}")
    assert code == 0
    assert "couldn't stop thread" in said or "ConnectionPool.__del__" in said
