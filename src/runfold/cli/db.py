"""`runfold db`: start and stop the embedded server, and connect to the database."""

from __future__ import annotations

import os
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

    return resolve_url(settings())


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
    """Print the database's URL with its password; start the embedded server if it is used and does not run."""
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
    """Open psql on the database; psql gets the other arguments."""
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    from runfold.database.binaries import child_environment

    parameters = conninfo_to_dict(_url())
    environment = dict(child_environment())
    if (password := parameters.pop("password", None)) is not None:
        environment["PGPASSWORD"] = str(password)  # not in the command line, which everybody sees
    program = settings().binaries / "psql"
    if not program.is_file():
        raise ServerFailed(
            f"{program} is missing", hint="set RUNFOLD_POSTGRES_BIN to a folder with all of PostgreSQL's programs"
        )
    os.execve(program, [str(program), "-d", make_conninfo("", **parameters), *context.args], environment)


def register(root: typer.Typer) -> None:
    """Add `runfold db`."""
    root.add_typer(app, name="db")
