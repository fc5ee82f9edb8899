"""The root of the command line, and how a noun gets into it.

A noun is one module of this package with a function `register`, which is found by being there:

    # cli/execution.py
    app = typer.Typer(help="Executions: list and show.", no_args_is_help=True)

    @app.command("list", epilog="Example: runfold execution list --json")
    def list_(as_json: Json = False) -> None: ...

    def register(root: typer.Typer) -> None:
        root.add_typer(app, name="execution")

A verb without a noun (`runfold migrate`) is `root.command("migrate", epilog="Example: …")(migrate)`. Settings come from
`runfold.cli.invocation.settings()`, a URL from `runfold.database.connections.resolve_url(settings())`; output goes
through `runfold.cli.output`. Raise RunfoldError for `error: …` and exit code 1, `typer.Exit(1)` after a difference was
printed. Every help carries an example (`epilog`), and what a script may read has `--json`. What is slow to import is
imported inside the command: every call imports every noun.
"""

from __future__ import annotations

import importlib
import logging
import pkgutil
from pathlib import Path
from typing import Annotated

import typer

import runfold.cli
from runfold.cli.invocation import Invocation, set_current
from runfold.settings import load_settings

EPILOG = """Exit codes: 0 done; 1 an error (one line on stderr), a difference found, or an interruption; 2 wrong usage.

Example: runfold up"""


def build() -> typer.Typer:
    """The whole command line, every noun in it."""
    root = typer.Typer(
        name="runfold",
        help="The event-sourced execution store for AI-workflow engines, on plain PostgreSQL.",
        epilog=EPILOG,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    root.callback()(_options)
    for module in sorted(pkgutil.iter_modules(runfold.cli.__path__), key=lambda found: found.name):
        noun = importlib.import_module(f"runfold.cli.{module.name}")
        if hasattr(noun, "register"):
            noun.register(root)
    return root


def _print_version(wanted: bool) -> None:
    if wanted:
        import importlib.metadata

        typer.echo(f"runfold {importlib.metadata.version('runfold')}")
        raise typer.Exit


def _options(
    url: Annotated[
        str | None, typer.Option("--url", help="The database, instead of RUNFOLD_DATABASE_URL.", metavar="URL")
    ] = None,
    home: Annotated[
        Path | None, typer.Option("--home", help="The embedded server's folder, instead of RUNFOLD_HOME.")
    ] = None,
    projections: Annotated[
        Path | None,
        typer.Option("--projections", help="Your projections, instead of RUNFOLD_PROJECTIONS.", metavar="DIR"),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[  # noqa: ARG001 - its callback prints and ends
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    set_current(Invocation(debug=debug))
    logging.basicConfig(level=logging.DEBUG if debug else logging.WARNING, format="%(message)s")
    set_current(Invocation(settings=load_settings(database_url=url, home=home, projections=projections), debug=debug))
