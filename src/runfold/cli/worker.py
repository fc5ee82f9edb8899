"""`runfold worker`: run a worker, which folds the log into the read tables."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from runfold.cli._connection import Projections, catalogue, check_user_login, open_database, when_it_answers
from runfold.cli._health import HealthHost, HealthPort, health
from runfold.cli.invocation import settings
from runfold.cli.output import Json, console, print_facts, print_json, print_text


def worker(
    once: Annotated[bool, typer.Option("--once", help="Fold all events of now, then exit.")] = False,
    batch_size: Annotated[
        int | None,
        typer.Option("--batch-size", min=1, help="About this many events in a transaction.", show_default="20000"),
    ] = None,
    projections: Projections = None,  # noqa: ARG001 - it is in the settings
    health_port: HealthPort = None,  # noqa: ARG001 - it is in the settings
    health_host: HealthHost = None,  # noqa: ARG001 - it is in the settings
    as_json: Json = False,
) -> None:
    """Fold every event of the log into the read tables exactly once.

    You can run any number of workers: one is the leader, the others wait to take over. SIGTERM ends a worker after its
    current batch. Where a newer runfold migrated the database, a worker waits and says so. With --once, the exit
    code is 1 when a group of projections has stopped.
    """
    from runfold.database.connections import resolve_url
    from runfold.database.safe_head import safe_head
    from runfold.errors import GroupWaits
    from runfold.projections.folding.projector import DEFAULT_BATCH_SIZE
    from runfold.worker.worker import Worker

    chosen = settings()

    url = resolve_url(chosen, create=False)
    found = catalogue()
    running = Worker(url, chosen, found, batch_size=batch_size or DEFAULT_BATCH_SIZE)

    def head() -> int:
        running.numbers.moved()
        with open_database(folds=True, may_wait=not once) as connection:
            return safe_head(connection)

    if not once:
        # A script is told that the database is away; a worker that runs on waits, as it does later.
        with health(running, url, chosen, found):
            when_it_answers(head)
            check_user_login(found)
            running.stop_on_signals()
            logging.getLogger("runfold").setLevel(logging.INFO)
            print_text("runfold worker: folding; stop with Ctrl-C", err=True)
            running.run()
        return
    before = head()
    check_user_login(found)
    running.stop_on_signals()
    with _progress(shown=not as_json) as progress:
        waiting = running.drain(progress)
    if running.was_stopped:
        raise KeyboardInterrupt  # some of the log may not be folded
    facts = {"position": before, "waiting": waiting}
    if as_json:
        print_json(facts)
    elif not waiting:
        print_facts({"folded up to": facts["position"]})
    if waiting:
        raise GroupWaits(
            "; ".join(f"{name}: {reason}" for name, reason in waiting.items()), hint="see `runfold status`"
        )


@contextmanager
def _progress(*, shown: bool) -> Iterator[Callable[[int, int], None]]:
    """Show a bar over positions on stderr."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    screen = console(err=True)
    if not (shown and screen.is_terminal):
        yield lambda *_: None
        return
    columns = (TextColumn("folding"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=screen, transient=True) as progress:
        task = progress.add_task("folding", total=None)
        yield lambda position, head: progress.update(task, completed=min(position, head), total=head)


def register(root: typer.Typer) -> None:
    """Add `runfold worker`."""
    root.command("worker", epilog="Example: runfold worker --once")(worker)
