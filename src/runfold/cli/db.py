"""`runfold db`: the embedded server, and a way into the database."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from runfold.cli.invocation import settings
from runfold.cli.output import Json, print_facts, print_json
from runfold.errors import ServerFailed

if TYPE_CHECKING:
    from runfold.database.server import EmbeddedServer

app = typer.Typer(help="The embedded PostgreSQL, and a way into the database.", no_args_is_help=True)


def _embedded() -> EmbeddedServer:
    from runfold.database.connections import embedded_server

    return embedded_server(settings())


def _url() -> str:
    from runfold.database.connections import resolve_url

    return resolve_url(settings())


@app.command(epilog="Example: runfold db start --json")
def start(as_json: Json = False) -> None:
    """Start the embedded server, unless it runs. It runs on until `runfold db stop`."""
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
    """Stop the embedded server, and wait for its end. Connections are ended, transactions rolled back."""
    stopped = _embedded().stop(mode)
    if as_json:
        print_json({"stopped": stopped})
    else:
        typer.echo("stopped" if stopped else "it was not running")


@app.command(epilog='Example: psql "$(runfold db url)"')
def url(
    socket: Annotated[bool, typer.Option("--socket", help="The embedded server's unix socket, not its port.")] = False,
    as_json: Json = False,
) -> None:
    """Print the database's URL, password included; starts the embedded server where it serves and does not run."""
    chosen = _url()
    if socket:
        if settings().database_url is not None:
            raise ServerFailed("RUNFOLD_DATABASE_URL is set", hint="--socket is for the embedded server")
        chosen = _embedded().socket_url
    if as_json:
        print_json({"url": chosen})
    else:
        typer.echo(chosen)


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    epilog="Example: runfold db psql -c 'SELECT count(*) FROM runfold.events'",
)
def psql(context: typer.Context) -> None:
    """Open psql on the database; what follows is psql's own."""
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    from runfold.database.binaries import child_environment

    parameters = conninfo_to_dict(_url())
    environment = dict(child_environment())
    if (password := parameters.pop("password", None)) is not None:
        environment["PGPASSWORD"] = str(password)  # not in the command line, which everybody sees
    program = settings().binaries / "psql"
    if not program.is_file():
        raise ServerFailed(f"{program} is missing", hint="check RUNFOLD_POSTGRES_BIN")
    os.execve(program, [str(program), "-d", make_conninfo("", **parameters), *context.args], environment)


def register(root: typer.Typer) -> None:
    """Add `runfold db`."""
    root.add_typer(app, name="db")
