"""`runfold console`: web pages for those who operate the store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from runfold.cli._connection import Projections, catalogue
from runfold.cli.invocation import settings
from runfold.cli.output import print_text


def console(
    host: Annotated[str, typer.Option("--host", help="Listen on this address.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="Listen on this port; 0 takes a free one.")] = 7433,
    base_path: Annotated[
        str, typer.Option("--base-path", help="Serve below this path, for a proxy.", metavar="PATH")
    ] = "",
    name: Annotated[
        list[str] | None,
        typer.Option("--name", help="A name of this console in a request's Host, besides --host.", metavar="HOST"),
    ] = None,
    auth: Annotated[
        str, typer.Option("--auth", help="How people sign in: none (loopback only) or token.", metavar="HOW")
    ] = "none",
    tokens: Annotated[
        Path | None, typer.Option("--tokens", help="The file of tokens for --auth token.", metavar="FILE")
    ] = None,
    projections: Projections = None,  # noqa: ARG001 - it is in the settings
) -> None:
    """Show executions, questions, projections and the log as web pages, until Ctrl-C. It only reads.

    Without --auth it listens on the loopback address only. It needs the extra: pip install 'runfold[console]'.
    """
    from runfold.console.server import serve

    serve(
        settings(),
        catalogue(),
        host=host,
        port=port,
        base_path=base_path,
        names=tuple(name or ()),
        auth=auth,
        tokens=tokens,
        say=lambda text: print_text(text, err=True),
    )


def register(root: typer.Typer) -> None:
    """Add `runfold console`."""
    root.command("console", epilog="Example: runfold console --port 7433")(console)
