"""Worker processes, forked or started as an operator starts them, and what to wait for."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NoReturn

import psycopg

from runfold.projections.catalogue import load_catalogue
from runfold.projections.projector import DEFAULT_BATCH_SIZE
from runfold.projections.verify import Verification, verify
from runfold.settings import load_settings
from runfold.worker.worker import Worker
from tests.fixtures.own_logins import own_login

ROOT = Path(__file__).parents[2]
CONSOLE_SCRIPT = Path(sys.executable).with_name("runfold")
PATIENCE = 30.0


class Process:
    """A process of ours; what it says goes to a file. Ended by SIGKILL at the latest when the test ends."""

    def __init__(self, pid: int, output: IO[bytes]) -> None:
        self.pid = pid
        self._output = output
        self._code: int | None = None

    @property
    def alive(self) -> bool:
        if self._code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._code = os.waitstatus_to_exitcode(status)
        return self._code is None

    @property
    def output(self) -> str:
        """Everything it said so far."""
        return os.pread(self._output.fileno(), 1 << 20, 0).decode()

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def wait(self, timeout: float = PATIENCE) -> int:
        """Wait for its end; returns the exit code, -9 after a SIGKILL."""
        eventually(lambda: not self.alive, within=timeout)
        assert self._code is not None
        return self._code

    def end(self) -> None:
        if self.alive:
            self.send(signal.SIGKILL)
            self.wait()
        self._output.close()


@contextmanager
def forked(body: Callable[[], object]) -> Iterator[Process]:
    """Run a function in a fork of this process: no imports to wait for, and what it patches is patched there only."""
    output = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
    pid = os.fork()
    if pid == 0:
        _be_a_child(body, output.fileno())
    started = Process(pid, output)
    try:
        yield started
    finally:
        started.end()


def _be_a_child(body: Callable[[], object], output: int) -> NoReturn:
    """Run the body and end without cleaning up: the parent's connections are not ours to close."""
    code = 1
    try:
        os.dup2(output, 1)
        os.dup2(output, 2)
        sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        logging.basicConfig(level=logging.INFO, force=True, stream=sys.stderr)
        body()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


@contextmanager
def command(*words: str, **environment: str) -> Iterator[Process]:
    """Run `runfold` with these words for the length of the block."""
    output = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
    popen = subprocess.Popen(
        [CONSOLE_SCRIPT, *words], cwd=ROOT, env={**os.environ, **environment}, stdout=output, stderr=output
    )
    started = Process(popen.pid, output)
    try:
        yield started
    finally:
        started.end()
        popen.returncode = 0  # it was waited for, not by Popen


def fresh_worker(url: str, *folders: Path, batch_size: int = DEFAULT_BATCH_SIZE, **settings: float) -> Worker:
    """A worker with the product's projections, and those of these folders, folded by a login of their own.

    It appends nothing: a test's interactions and pauses are past their time, and its model knows no worker. A test of
    timeouts says `timeout_interval`.
    """
    own = {"database_url": url, "projections_url": own_login(url) if folders else None}
    chosen = load_settings(**{"timeout_interval": 0, **own, **settings})
    return Worker(url, chosen, load_catalogue(*folders, settings=chosen), batch_size=batch_size)


@contextmanager
def worker(url: str, *folders: Path, batch_size: int = DEFAULT_BATCH_SIZE, **settings: float) -> Iterator[Process]:
    """Run a worker in a process of its own for the length of the block, as the command line does."""

    def body() -> None:
        running = fresh_worker(url, *folders, batch_size=batch_size, **settings)
        running.stop_on_signals()
        running.run()

    with forked(body) as started:
        yield started


def drain(url: str, *folders: Path, batch_size: int = DEFAULT_BATCH_SIZE) -> dict[str, str]:
    """Fold what is there, in this process; returns the groups that wait for an operator, and why."""
    return fresh_worker(url, *folders, batch_size=batch_size).drain()


def eventually(fact: Callable[[], Any], *, within: float = PATIENCE, every: float = 0.005) -> Any:
    """Wait until a fact is true and return it; fails after `within` seconds."""
    deadline = time.monotonic() + within
    while not (found := fact()):
        assert time.monotonic() < deadline, f"still {found!r} after {within} s"
        time.sleep(every)
    return found


def leader(connection: psycopg.Connection[Any]) -> tuple[int, int]:
    """The epoch and the process id of the worker that led last; (0, 0) before the first."""
    row = connection.execute(
        "SELECT epoch, coalesce(split_part(worker, ':', 2), '0')::integer FROM runfold.leader"
    ).fetchone()
    assert row is not None
    return row[0], row[1]


def checkpoint(connection: psycopg.Connection[Any], group: str = "execution") -> int:
    """How far a group is; 0 before the first worker."""
    row = connection.execute("SELECT position FROM runfold.checkpoints WHERE group_name = %s", (group,)).fetchone()
    return 0 if row is None else int(row[0])


def folded(connection: psycopg.Connection[Any], position: int) -> bool:
    """Whether every group has folded the log up to a position."""
    row = connection.execute(
        "SELECT count(*) > 0 AND min(position) >= %s FROM runfold.checkpoints", (position,)
    ).fetchone()
    return row is not None and bool(row[0])


def verified(url: str, *folders: Path) -> list[Verification]:
    """What verify finds in a database, on a connection of its own; the projections of these folders, too."""
    settings = load_settings(database_url=url, projections_url=own_login(url) if folders else None)
    with psycopg.connect(url, autocommit=True) as connection:
        return verify(connection, load_catalogue(*folders, settings=settings))


def assert_nothing_differs(url: str, *folders: Path) -> None:
    """Fail with the differences that verify finds."""
    found = {item.projection: item.differences for item in verified(url, *folders) if item.differing}
    assert not found, found
