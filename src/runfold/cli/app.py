"""Build the root of the command line, with the nouns of `nouns.py`.

A noun is one module of this package with a function `register`, and its name is in `nouns.py`:

    # cli/execution.py
    app = typer.Typer(help="Executions: list and show.", no_args_is_help=True)

    @app.command("list", epilog="Example: runfold execution list --json")
    def list_(as_json: Json = False) -> None: ...

    def register(root: typer.Typer) -> None:
        root.add_typer(app, name="execution")

A verb without a noun (`runfold migrate`) is `root.command("migrate", epilog="Example: …")(migrate)`. Settings come from
`runfold.cli.invocation.settings()`, a URL from `runfold.database.connections.resolve_url(settings())`; output goes
through `runfold.cli.output`. Raise RunfoldError for `error: …` and exit code 1, `typer.Exit(1)` after a difference was
printed. Every help has an example (`epilog`), and every output that a script may read has `--json`.

A noun's modules are imported when the noun is used. Help and completion import neither psycopg nor pydantic: a command
imports slow modules inside its function.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
import typer.core
import typer.main

from runfold.cli.ending import interruptible
from runfold.cli.invocation import Invocation, set_current
from runfold.cli.nouns import NOUNS

EPILOG = """Exit codes: 0 success; 1 an error (a line on stderr) or a difference found; 2 wrong usage;
3 not all could be checked; 130 Ctrl-C.

Example: runfold up"""


class _Group(typer.core.TyperGroup):
    """A group whose names are completed without parsing its options' values, for which typer imports pydantic."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not ctx.resilient_parsing:
            return super().parse_args(ctx, args)
        parser = self.make_parser(ctx)
        _, rest, _ = parser.parse_args(args=args)
        ctx._protected_args, ctx.args = rest[:1], rest[1:]
        ctx._opt_prefixes.update(parser._opt_prefixes)
        return rest[1:]


@cache
def load(name: str) -> Any:
    """Return the command of this name in NOUNS with all its verbs; the first call imports its modules."""
    modules = [import_module(f"runfold.cli.{module}") for module in NOUNS[name].modules]
    root = typer.Typer()
    modules[0].register(root)
    for noun in root.registered_groups:
        noun.cls = _Group
    return typer.main.get_group(root).commands[name]


class _Commands(Mapping[str, Any]):
    """The nouns by name, each loaded when it is used."""

    def __getitem__(self, name: str) -> Any:
        return load(name)

    def __iter__(self) -> Iterator[str]:
        return iter(NOUNS)

    def __len__(self) -> int:
        return len(NOUNS)


class CommandLine(_Group):
    """The root, which knows the nouns' names and lines without their modules."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands = _Commands()  # type: ignore[assignment]  # nothing is added to it

    def make_context(self, *args: Any, **options: Any) -> Any:
        with interruptible():
            return super().make_context(*args, **options)

    def invoke(self, ctx: Any) -> Any:
        with interruptible():
            return super().invoke(ctx)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        with self._names_only():
            super().format_help(ctx, formatter)

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        with self._names_only():
            return super().shell_complete(ctx, incomplete)

    @contextmanager
    def _names_only(self) -> Iterator[None]:
        """Have only names and lines in the block, without importing modules."""
        whole = self.commands
        self.commands = {name: typer.core.TyperCommand(name, help=noun.help) for name, noun in NOUNS.items()}
        try:
            yield
        finally:
            self.commands = whole


def build() -> typer.Typer:
    """Return the command line with every noun."""
    root = typer.Typer(
        name="runfold",
        cls=CommandLine,
        help="The event-sourced execution store for AI-workflow engines, on plain PostgreSQL.",
        epilog=EPILOG,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    root.callback()(_options)
    return root


def _print_version(wanted: bool) -> None:
    if wanted:
        import importlib.metadata

        from runfold.cli.output import print_text

        print_text(f"runfold {importlib.metadata.version('runfold')}")
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
    import logging

    from runfold.cli.output import PrintableFormatter

    set_current(Invocation({"database_url": url, "home": home, "projections": projections}, debug=debug))
    handler = logging.StreamHandler()
    handler.setFormatter(PrintableFormatter("%(message)s"))
    logging.basicConfig(level=logging.DEBUG if debug else logging.WARNING, handlers=[handler])
