"""`runfold deployment`: list deployments, and end one that hangs."""

from __future__ import annotations

from typing import Annotated

import typer

from runfold.cli._connection import open_database, workflow_of
from runfold.cli._opened import opened
from runfold.cli._store import open_store, whole_id
from runfold.cli.output import Json, print_json, print_table, print_text
from runfold.cli.paging import After, Limit, Workflow, one_of, parse_after, parse_id, print_next
from runfold.cli.words import statuses_of

app = typer.Typer(help="Deployments of workflows.", no_args_is_help=True)


def _statuses() -> tuple[str, ...]:
    return statuses_of("deployment")


@app.command("list", epilog="Example: runfold deployment list --status deployment_failed")
def list_(
    status: Annotated[
        str | None,
        typer.Option(
            "--status", help="Only deployments that led to this status.", metavar="STATUS", autocompletion=_statuses
        ),
    ] = None,
    workflow: Workflow = None,
    after: After = None,
    limit: Limit = 20,
    as_json: Json = False,
) -> None:
    """List deployments, the newest first. In JSON, each row has its `page_token` for --after."""
    from runfold.reading.lists import list_deployments

    chosen, place = one_of(status, _statuses, "--status"), parse_after(after)
    with open_database(shared=True) as connection:
        rows = list_deployments(
            connection,
            status=chosen,
            workflow_id=workflow_of(connection, workflow),
            after=place,
            limit=limit,
        )
    rows = opened(rows)
    if as_json:
        print_json(rows)
        return
    print_table(
        [
            {
                **row,
                "workflow": row["workflow"] or row["workflow_id"],
                "action": row["deployment_action"],
                "version": row["deployment_version"],
                "started": row["started_at"].strftime("%Y-%m-%d %H:%M:%S"),
            }
            for row in rows
        ],
        columns=["started", "workflow", "action", "to_status", "version", "error_message"],
        empty="no deployments",
    )
    print_next(rows, limit)


@app.command(epilog="Example: runfold deployment fail WORKFLOW --reason 'the builder died'")
def fail(
    workflow_id: Annotated[
        str, typer.Argument(parser=parse_id, metavar="ID", help="The workflow's id, or its beginning.")
    ],
    reason: Annotated[str, typer.Option("--reason", help="The reason, for the deployment's history.")],
    as_json: Json = False,
) -> None:
    """End a deployment that hangs as failed; triggers do not change. Exit code 1 when none is in progress."""
    with open_store() as store:
        found = store.deployments.fail(whole_id(store, "deployment", workflow_id), reason)
    if as_json:
        print_json(found)
    else:
        print_text(f"deployment {found.deployment_id} of version {found.deployment_version} is {found.status}")


def register(root: typer.Typer) -> None:
    """Add `runfold deployment`."""
    root.add_typer(app, name="deployment")
