"""`runfold trigger`: list the triggers that start executions."""

from __future__ import annotations

from typing import Annotated

import typer

from runfold.cli._store import open_store
from runfold.cli.output import Json, print_json, print_table
from runfold.cli.paging import one_of
from runfold.cli.words import trigger_kinds

app = typer.Typer(help="Triggers of deployed workflows.", no_args_is_help=True)


@app.command("list", epilog="Example: runfold trigger list --type webhook --key /orders")
def list_(
    subtype: Annotated[
        str | None,
        typer.Option("--type", help="Only of this type.", metavar="TYPE", autocompletion=trigger_kinds),
    ] = None,
    key: Annotated[
        str | None, typer.Option("--key", help="Only with this path, cron line, workspace, address or repository.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the active triggers by type and key, with the workflows that they start."""
    chosen = one_of(subtype, trigger_kinds, "--type")
    with open_store() as store:
        kinds = [kind for kind in trigger_kinds() if chosen in (None, kind)]
        found = [one for kind in kinds for one in store.triggers.all_of(kind, key=key)]
    if as_json:
        print_json(found)
        return
    print_table(
        [
            {"type": one.subtype, "key": one.key, "workflow": one.workflow_id, "name": one.name, "node_id": one.node_id}
            for one in found
        ],
        columns=["type", "key", "workflow", "name", "node_id"],
        empty="no active triggers",
    )


def register(root: typer.Typer) -> None:
    """Add `runfold trigger`."""
    root.add_typer(app, name="trigger")
