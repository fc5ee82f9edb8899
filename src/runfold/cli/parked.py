"""`runfold parked`: streams that could not be folded."""

from __future__ import annotations

from typing import Annotated

import typer

from runfold.cli.database import Projections, catalogue, open_database
from runfold.cli.output import Json, instant, print_json

app = typer.Typer(help="Parked streams: their events wait behind one that could not be folded.", no_args_is_help=True)


@app.command("list", epilog="Example: runfold parked list")
def list_(as_json: Json = False) -> None:
    """List the parked streams with the error that parked them."""
    from runfold.history.status import read_parked

    with open_database() as connection:
        rows = read_parked(connection)
    if as_json:
        print_json(rows)
        return
    if not rows:
        typer.echo("no parked streams")
    for row in rows:
        typer.echo(f"{row['stream_id']}  group {row['group_name']}, from position {row['position']:,} on")
        typer.echo(f"  {row['sqlstate']}: {row['error']}")
        typer.echo(f"  since {instant(row['parked_at'])} UTC")


@app.command(epilog="Example: runfold parked retry execution-7")
def retry(
    stream_id: Annotated[str, typer.Argument(help="The parked stream.")],
    group: Annotated[str | None, typer.Option("--group", help="Only in this group of projections.")] = None,
    projections: Projections = None,  # noqa: ARG001 - it is in the settings
    as_json: Json = False,
) -> None:
    """Fold a parked stream's waiting events, after what parked it was mended. Exit code 1 when it fails again."""
    from runfold.errors import RetryFailed
    from runfold.history.status import read_parked
    from runfold.projections.own_projector import retrying_projector

    groups = catalogue().groups
    done: list[dict[str, object]] = []
    with open_database() as connection:
        parked = [
            row
            for row in read_parked(connection)
            if row["stream_id"] == stream_id and group in (None, row["group_name"])
        ]
        if not parked:
            raise RetryFailed(f"{stream_id} is not parked", hint="see `runfold parked list`")
        for row in parked:
            if row["group_name"] not in groups:
                raise RetryFailed(
                    f"there is no projection of the group {row['group_name']}",
                    hint="set RUNFOLD_PROJECTIONS to its files",
                )
            group_of = groups[row["group_name"]]
            with retrying_projector(connection, group_of) as projector:
                failure = projector.retry_parked(group_of, stream_id)
            done.append({"group": row["group_name"], "stream_id": stream_id, "error": failure and str(failure)})
    if as_json:
        print_json(done)
    else:
        for row in done:
            outcome = f"still parked: {row['error']}" if row["error"] else "folded"
            typer.echo(f"{stream_id}  group {row['group']}, {outcome}")
    if any(row["error"] for row in done):
        raise typer.Exit(1)


def register(root: typer.Typer) -> None:
    """Add `runfold parked`."""
    root.add_typer(app, name="parked")
