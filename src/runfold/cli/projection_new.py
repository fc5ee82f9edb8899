"""`runfold projection new`: write a first user projection."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from runfold.cli._connection import Projections
from runfold.cli.invocation import settings
from runfold.cli.output import Json, print_json, print_text
from runfold.cli.projection import app


@app.command(epilog="Example: runfold projection new node_counts --events NodeSucceeded,NodeFailed")
def new(
    name: Annotated[str, typer.Argument(help="The name of the projection, its table and its group.")],
    events: Annotated[
        str, typer.Option("--events", help="The event types that it folds, with commas.")
    ] = "NodeSucceeded",
    python: Annotated[bool, typer.Option("--python", help="Write a Python function, not an SQL file.")] = False,
    projections: Projections = None,  # noqa: ARG001 - it is in the settings
    as_json: Json = False,
) -> None:
    """Write a projection that counts the events of each stream, for you to change, and print its CREATE TABLE.

    The file goes into the folder of --projections or RUNFOLD_PROJECTIONS, or into my-projections. No file is
    overwritten.
    """
    from runfold.projections.definition.skeleton import write_skeleton

    folder = settings().projections or Path("my-projections")
    types = [kind.strip() for kind in events.split(",") if kind.strip()]
    written = write_skeleton(folder, name, types=types, python=python)
    if as_json:
        print_json({"file": str(written.path), "create_table": written.create_table})
        return
    print_text(f"wrote {written.path}; create its table (runfold db psql), then start a worker:\n")
    print_text(written.create_table)
    print_text(f"runfold worker --projections {folder}")
