"""Run the show: a database, a deployment, an execution, a killed worker, the tables, and a proof at the end."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Any

import psycopg
import typer
from psycopg.rows import dict_row

from runfold.cli import projection
from runfold.cli.invocation import Invocation, set_current
from runfold.cli.output import print_text
from runfold.cli.terminal import Terminal
from runfold.database import migrations
from runfold.database.connections import connect
from runfold.database.server import EmbeddedServer
from runfold.demo.counting import CountingStore
from runfold.demo.deployment import deploy, save
from runfold.demo.engine import Engine
from runfold.demo.page import Page, statement
from runfold.demo.person import Person
from runfold.demo.screen import Screen
from runfold.demo.worker_process import WorkerProcess, demo_environment
from runfold.demo.workflow import Book
from runfold.errors import RunfoldError, ServerFailed
from runfold.settings import Settings, load_settings

EXECUTION = "book-report-1"
WEBHOOK = "/demo/book-report"

# The worker is killed when this many activations, about half of them, have succeeded; the next one starts after this.
_KILL_AFTER = 7
_DEAD_SECONDS = 1.5
_PATIENCE = 60.0


def main() -> int:
    """Run the demo in `demo/` of runfold's folder on a new database; return 0 if all its claims were true."""
    signal.signal(signal.SIGTERM, _interrupt)
    page = Page(Terminal(highlight=False))
    began = time.monotonic()
    try:
        home = load_settings().home / "demo"
        page.console.print(
            "runfold demo: a small engine works, each of its steps is an event, and the tables are folds of the events."
        )
        with _alone(home):
            settings = load_settings(home=home).model_copy(update={"database_url": None, "projections": None})
            true = _Tour(page, settings).run()
    except RunfoldError as error:
        print_text(f"error: {error}", err=True)
        return 1
    except KeyboardInterrupt:
        print_text("\ninterrupted; the demo's worker and database are stopped", err=True)
        return 1
    program = _program()
    page.title(f"{time.monotonic() - began:.0f} s in all. Look around; the database starts by itself:")
    page.say(f"{program} --home {home} execution show {EXECUTION}")
    if find_spec("fastapi") is not None:  # the extra `console`
        page.say(f"{program} --home {home} console")
    page.say(f"{program} --home {home} db psql")
    page.say(f"{program} --home {home} db stop")
    return 0 if true else 1


class _Tour:
    def __init__(self, page: Page, settings: Settings) -> None:
        self._page = page
        self._settings = settings
        self._home = settings.home
        self._environment = demo_environment(self._home.absolute())
        self._workers: list[WorkerProcess] = []

    def run(self) -> bool:
        """Run all parts in order; end the workers and the database in any case."""
        # With fsync initdb takes seconds, and the demo kills workers, not the machine.
        server = EmbeddedServer(self._home, self._settings.binaries, settings={"fsync": "off"})
        server.stop("immediate")
        for remains in ("data", "book", "worker.log"):
            path = self._home / remains
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        try:
            self._page.title("A database of its own, and a worker")
            began = time.monotonic()
            url = server.start()
            state = migrations.migrate(url, self._settings)
            self._page.say(
                f"PostgreSQL in {self._home}, {len(state.applied)} migrations, {time.monotonic() - began:.1f} s"
            )
            self._start_worker()
            with connect(url, self._settings, application="runfold demo", autocommit=True) as connection:
                store = asyncio.run(self._work(url, Screen(self._page, connection)))
                nothing_lost = self._compare(store, connection)
                self._page.title("What the tables hold")
                for name in ("show_executions", "show_nodes", "show_questions", "show_deployments", "show_log"):
                    self._page.query(connection, name)
            self._page.title("The proof: every table folded again from the log, and compared row by row")
            return self._verify() and nothing_lost
        finally:
            for worker in self._workers:
                worker.stop()
            if server.stop():
                self._page.say("the database is stopped")

    async def _work(self, url: str, screen: Screen) -> CountingStore:
        """Deploy and run the workflows while a worker is killed; return the store, which has counted its events."""
        folder = self._home / "book"
        folder.mkdir()
        book = Book(folder)
        began = time.monotonic()
        async with await CountingStore.connected(url, settings=self._settings) as store:
            self._page.title("Two workflows are deployed, one of them with a webhook")
            for workflow, webhook in ((book.archive, None), (book.report, WEBHOOK)):
                await save(store, workflow)
                await deploy(store, workflow, webhook=webhook)
                start = f", starts at POST {webhook}" if webhook else ""
                self._page.say(f"{workflow.name}: {len(workflow.nodes)} nodes{start}")
            await store.wait_for(store.position, timeout=_PATIENCE)
            self._page.say(f"the worker has folded these {store.position} events: {time.monotonic() - began:.1f} s")
            self._page.title("An execution, as the read tables show it")
            engine = Engine(store, Person(screen.ask))
            async with screen.following(EXECUTION), asyncio.TaskGroup() as tasks:
                tasks.create_task(self._kill_a_worker(store, screen))
                await engine.run(book.report, EXECUTION, trigger={"path": WEBHOOK, "body": {"chapters": "all"}})
                await store.wait_for(store.position, timeout=_PATIENCE)
            return store

    async def _kill_a_worker(self, store: CountingStore, screen: Screen) -> None:
        """Kill the worker during the work, start another one, and print the positions of log and tables."""
        first = self._workers[-1]
        while store.written["NodeSucceeded"] < _KILL_AFTER:
            await asyncio.sleep(0.02)
        first.kill()
        at_death = store.position
        self._page.say(f"!! worker {first.pid} is killed (SIGKILL); the log is at {at_death}", "bold red")
        await asyncio.sleep(_DEAD_SECONDS)
        missed, folded = store.position, (await screen.positions())["folded"]
        self._page.say(
            f"!! {_DEAD_SECONDS:g} s without a worker: the log grew to {missed}, the tables are at {folded}",
            "bold red",
        )
        began = time.monotonic()
        second = self._start_worker()
        while (await screen.positions())["folded"] < missed:
            await asyncio.sleep(0.02)
        took = time.monotonic() - began
        self._page.say(
            f"!! worker {second.pid} continued at {folded} and caught up, {took:.1f} s after its start", "bold green"
        )

    def _start_worker(self) -> WorkerProcess:
        worker = WorkerProcess(self._home, self._environment)
        self._workers.append(worker)
        self._page.say(f"worker {worker.pid} is started")
        return worker

    def _compare(self, store: CountingStore, connection: psycopg.Connection[Any]) -> bool:
        """Compare the engine's counts with the rows of the tables."""
        self._page.title("Nothing was lost, nothing was done twice")
        written = store.written
        did = {
            "events": written.total(),
            "executions created": written["ExecutionCreated"],
            "activations succeeded": written["NodeSucceeded"],
            "attempts repeated": written["NodeAttemptFailed"] - written["NodeFailed"],
            "pauses resumed": written["PauseResumed"],
            "log lines written": written["LogAppended"],
            "questions answered": written["InteractionResponded"],
            "deployments completed": written["DeploymentCompleted"],
        }
        with connection.cursor(row_factory=dict_row) as cursor:
            held = cursor.execute(statement("held")).fetchone() or {}
        same = {name: held.get(name) == count for name, count in did.items()}
        self._page.table(
            ["", "the engine did", "the tables hold", ""],
            [(name, count, held.get(name), "ok" if same[name] else "DIFFERENT") for name, count in did.items()],
        )
        return all(same.values())

    def _verify(self) -> bool:
        """Run `runfold projection verify` and return whether no row differs."""
        self._page.say("$ runfold projection verify\n")
        set_current(Invocation(settings=self._settings))
        try:
            projection.verify()
        except typer.Exit as found:
            return found.exit_code == 0
        return True


@contextlib.contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Let one demo at a time use the folder; the lock of a killed demo is released."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        lock = (home / "demo.lock").open("w")
    except OSError as error:
        raise ServerFailed(
            f"the folder {home} cannot be used: {error.strerror}", hint="set RUNFOLD_HOME to another one"
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ServerFailed(
                f"another demo runs in {home}", hint="wait until it ends, or set RUNFOLD_HOME to another folder"
            ) from None
        yield


def _interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a signal handler's
    raise KeyboardInterrupt


def _program() -> str:
    """Return the command for this runfold, from the current folder."""
    script = Path(sys.executable).with_name("runfold")
    if not script.is_file():
        return f"{sys.executable} -m runfold"
    return str(script.relative_to(Path.cwd()) if script.is_relative_to(Path.cwd()) else script)
