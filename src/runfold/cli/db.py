"""`runfold db`: start and stop the embedded server, and connect to the database."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from runfold.cli.invocation import settings
from runfold.cli.output import Json, print_facts, print_json, print_text
from runfold.errors import ServerFailed

if TYPE_CHECKING:
    from runfold.database.server import EmbeddedServer

app = typer.Typer(help="The embedded PostgreSQL, and connections to the database.", no_args_is_help=True)


def _embedded() -> EmbeddedServer:
    from runfold.database.connections import embedded_server

    return embedded_server(settings())


def _url() -> str:
    from runfold.database.connections import resolve_url

    return resolve_url(settings(), create=False)


@app.command(epilog="Example: runfold db start --json")
def start(as_json: Json = False) -> None:
    """Start the embedded server, unless it runs. It keeps running until `runfold db stop`."""
    server = _embedded()
    server.start()
    facts = {"home": str(server.home), "port": server.port, "pid": server.postmaster_pid()}
    if as_json:
        print_json({**facts, "url": server.url, "socket_url": server.socket_url})
    else:
        print_facts(facts)


@app.command(epilog="Example: runfold db stop")
def stop(
    mode: Annotated[
        Literal["fast", "immediate"],
        typer.Option(help="immediate: without a checkpoint; the next start recovers from the log."),
    ] = "fast",
    as_json: Json = False,
) -> None:
    """Stop the embedded server and wait until it has ended. Connections end, open transactions are rolled back."""
    stopped = _embedded().stop(mode)
    if as_json:
        print_json({"stopped": stopped})
    else:
        print_text("stopped" if stopped else "it was not running")


@app.command(epilog='Example: psql "$(runfold db url)"')
def url(
    socket: Annotated[
        bool, typer.Option("--socket", help="Use the embedded server's unix socket, not its port.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Print the database's URL with its password; start the embedded server if it was made and does not run."""
    chosen = _url()
    if socket:
        if settings().database_url is not None:
            raise ServerFailed(
                "--socket is for the embedded server, and RUNFOLD_DATABASE_URL names another one",
                hint="leave out --socket, or unset RUNFOLD_DATABASE_URL",
            )
        chosen = _embedded().socket_url
    if as_json:
        print_json({"url": chosen})
    else:
        print_text(chosen)


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    epilog="Example: runfold db psql -c 'SELECT count(*) FROM runfold.events'",
)
def psql(context: typer.Context) -> None:
    """Open psql on the database; psql gets the other arguments.

    Uses the psql of RUNFOLD_POSTGRES_BIN, or the one on PATH, or the bundled one, which cannot encrypt.
    """
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    from runfold.database.binaries import child_environment

    parameters = conninfo_to_dict(_url())
    # What PG… says is meant for the user's own server, which the embedded one is not.
    environment = dict(child_environment() if settings().database_url is None else os.environ)
    if (password := parameters.pop("password", None)) is not None:
        environment["PGPASSWORD"] = str(password)  # not in the command line, which everybody sees
    program = _psql(str(parameters.get("sslmode", "")))
    os.execve(program, [str(program), "-d", make_conninfo("", **parameters), *context.args], environment)


def _psql(sslmode: str) -> Path:
    """Return the psql to run; raises ServerFailed where there is none, or none that can encrypt as the URL wants it."""
    chosen = settings()
    if chosen.postgres_bin is None and (found := shutil.which("psql")) is not None:
        return Path(found)
    program = chosen.binaries / "psql"
    if not program.is_file():
        raise ServerFailed(
            f"{program} is missing",
            hint="install psql, or set RUNFOLD_POSTGRES_BIN to a folder with all of PostgreSQL's programs",
        )
    if chosen.postgres_bin is None and sslmode in ("require", "verify-ca", "verify-full"):
        raise ServerFailed(
            f"the URL has sslmode={sslmode}, and the bundled psql cannot encrypt",
            hint="install psql, for example from the package postgresql-client",
        )
    return program


@app.command(epilog="Example: runfold db adopt --new-identity --dry-run")
def adopt(
    new_identity: Annotated[
        bool, typer.Option("--new-identity", help="Give this database's log an identity of its own.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the present identity; change nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Make a restored copy a log of its own: no spool of the first log is sent to it any more.

    The identity is made with the database, and travels with its dumps and replicas. Leave it where the copy takes the
    first one's place.
    """
    from runfold.cli._connection import open_database
    from runfold.database.identity import adopt_identity

    if not new_identity:
        raise typer.BadParameter("it is not clear what to adopt: give --new-identity", param_hint="--new-identity")
    with open_database(role="runfold_operator") as connection:
        former, identity = adopt_identity(connection, dry_run=dry_run)
    if as_json:
        print_json({"former": former, "identity": identity, "dry_run": dry_run})
    elif dry_run:
        print_text(f"the log is {former}, and would get an identity of its own")
    else:
        print_text(f"the log was {former}, and is {identity} now")


def register(root: typer.Typer) -> None:
    """Add `runfold db`."""
    root.add_typer(app, name="db")
