"""`runfold trigger`: list the triggers that start executions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from runfold.cli._store import open_store
from runfold.cli.output import Json, print_json, print_table
from runfold.cli.paging import one_of

if TYPE_CHECKING:
    from runfold.events.fields import TriggerSubtype

app = typer.Typer(help="Triggers of deployed workflows.", no_args_is_help=True)

_SUBTYPES: tuple[TriggerSubtype, ...] = ("CRON", "MANUAL", "WEBHOOK", "EMAIL", "GITHUB", "SLACK")


@app.command("list", epilog="Example: runfold trigger list --type webhook --key /orders")
def list_(
    subtype: Annotated[
        str | None,
        typer.Option("--type", help="Only of this type.", metavar="TYPE", autocompletion=lambda: _SUBTYPES),
    ] = None,
    key: Annotated[
        str | None, typer.Option("--key", help="Only with this path, cron line, workspace, address or repository.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the active triggers by type and key, with the workflows that they start."""
    chosen = one_of(subtype, _SUBTYPES, "--type")
    with open_store() as store:
        found = [one for kind in _SUBTYPES if chosen in (None, kind) for one in store.triggers.all_of(kind, key=key)]
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
