"""`runfold backfill`: changes of rows that follow a migration, in small steps beside everything else."""

from __future__ import annotations

from typing import Annotated

import typer

from runfold.cli._connection import open_database
from runfold.cli.output import Json, instant, print_json, print_table, print_text

app = typer.Typer(help="Backfills: changes of rows that follow a migration.", no_args_is_help=True)


@app.command("list", epilog="Example: runfold backfill list")
def list_(as_json: Json = False) -> None:
    """List the backfills that migrations have entered, and how far each is."""
    from dataclasses import asdict

    from runfold.database.backfills import read_backfills

    with open_database(shared=True) as connection:
        found = read_backfills(connection)
    if as_json:
        print_json([{**asdict(each), "state": each.state} for each in found])
        return
    if not found:
        print_text("no migration has entered a backfill")
        return
    print_table(
        [
            {
                "backfill": each.name,
                "state": each.state,
                "changed": f"{each.changed:,}",
                "last step (UTC)": "-" if each.stepped_at is None else instant(each.stepped_at),
                "about": each.about,
            }
            for each in found
        ],
        columns=["backfill", "state", "changed", "last step (UTC)", "about"],
    )


@app.command(epilog="Example: runfold backfill run --share 0.2")
def run(
    name: Annotated[str | None, typer.Argument(help="Only this backfill.", metavar="NAME")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count what is left, and change nothing.")] = False,
    batch_size: Annotated[
        int, typer.Option("--batch-size", min=1, max=100_000, help="So many rows a step, each in a transaction.")
    ] = 1000,
    share: Annotated[
        float, typer.Option("--share", min=0.01, max=1.0, help="The share of the time that steps take, at most.")
    ] = 0.5,
    as_json: Json = False,
) -> None:
    """Run the pending backfills to their end, in steps that hold up nobody for long.

    You can stop it at any moment, and run it again: it goes on behind the last step that was committed.
    """
    from runfold.cli.differences import progress_bar
    from runfold.database.backfills import chosen, left_of, run_backfills

    names = [] if name is None else [name]
    with open_database(role="runfold_operator") as connection:
        if dry_run:
            left = {each.name: left_of(connection, each.name) for each in chosen(connection, names)}
        else:
            with progress_bar(shown=not as_json) as bar:
                changed = run_backfills(
                    connection,
                    names,
                    most=batch_size,
                    share=share,
                    progress=lambda each, done, total: bar(each, "backfill", done, total),
                )
    if as_json:
        print_json({"left": left} if dry_run else {"changed": changed})
    elif dry_run:
        for each, count in left.items():
            print_text(f"{each}: {count:,} left")
    else:
        for each, count in changed.items():
            print_text(f"{each}: done, {count:,} changed")
    if not as_json and not (left if dry_run else changed):
        print_text("nothing is pending")


def register(root: typer.Typer) -> None:
    """Add `runfold backfill`."""
    root.add_typer(app, name="backfill")
