"""`runfold up`: start the database, migrate it and run a worker, in one terminal."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import typer

from runfold.cli._connection import Projections, catalogue, check_user_login, when_it_answers
from runfold.cli.invocation import settings
from runfold.cli.output import print_facts, print_text


def up(projections: Projections = None) -> None:  # noqa: ARG001 - it is in the settings
    """Start the database if it does not run, migrate it, and fold until Ctrl-C.

    Prints the URL for engines, and the console's address where its extra is installed. Ctrl-C ends the worker; the
    database keeps running until `runfold db stop`.
    """
    from runfold.console.server import beside
    from runfold.database import migrations
    from runfold.database.connections import resolve_url
    from runfold.database.urls import shown_url
    from runfold.worker.worker import Worker

    chosen = settings()
    embedded = chosen.database_url is None
    if embedded:
        print_text("1/3 starting the database", err=True)
    url = resolve_url(chosen)
    if not embedded:
        print_text("1/3 connecting to the database", err=True)
    print_text("2/3 migrating it", err=True)
    state = when_it_answers(lambda: migrations.migrate(url, chosen))
    print_text("3/3 loading the projections", err=True)
    found = catalogue()
    check_user_login(found)
    worker = Worker(url, chosen, found)
    worker.stop_on_signals()
    logging.getLogger("runfold").setLevel(logging.INFO)
    with beside(chosen, found) as console:
        print_facts(
            {
                "database": f"the embedded one in {chosen.home}" if embedded else shown_url(url),
                # The embedded server's password belongs to this machine; never show the password of another server.
                **({"url": url} if embedded else {}),
                "schema": f"version {state.applied[-1]}",
                **({} if console is None else {"console": console}),
                "worker": "folds; stop it with Ctrl-C",
            }
        )
        sys.stdout.flush()
        worker.run()
    home = "" if chosen.home == Path(".runfold") else f" --home {chosen.home}"
    running_on = (
        f"the database keeps running: stop it with `runfold{home} db stop`"
        if embedded
        else "the database keeps running"
    )
    print_text(f"the worker has stopped; {running_on}")


def register(root: typer.Typer) -> None:
    """Add `runfold up`."""
    root.command("up", epilog="Example: runfold up")(up)
