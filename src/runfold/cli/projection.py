"""`runfold projection`: the read tables' folds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from runfold.cli.database import catalogue, open_database, opener
from runfold.cli.differences import SHOWN, print_differences, progress_bar
from runfold.cli.output import Json, print_json, print_table

if TYPE_CHECKING:
    from runfold.projections.rebuild import Rebuilt
    from runfold.projections.verify import Verification

app = typer.Typer(help="Projections: the folds of the read tables.", no_args_is_help=True)

Names = Annotated[list[str] | None, typer.Argument(help="Projections; see `runfold projection list`.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the differences and change nothing.")]


@app.command("list", epilog="Example: runfold projection list --json")
def list_(as_json: Json = False) -> None:
    """List the projections: group, table, versions and what was verified last."""
    from runfold.history.status import read_projections

    with open_database() as connection:
        rows = read_projections(connection, catalogue())
    if as_json:
        print_json(rows)
        return
    print_table(
        [_listed(row) for row in rows], columns=["projection", "group", "version", "verified up to", "differing"]
    )


def _listed(row: dict[str, Any]) -> dict[str, Any]:
    version = str(row["version"])
    if row["built_version"] not in (None, row["version"]):
        version += f", built with {row['built_version']}: rebuild it"
    elif row["text_changed"]:
        version += ", text changed"
    return {
        "projection": row["name"],
        "group": row["group"],
        "version": version,
        "verified up to": row["verified_position"],
        "differing": row["verified_differences"],
    }


@app.command(epilog="Example: runfold projection verify node_executions")
def verify(
    names: Annotated[list[str] | None, typer.Argument(help="Projections to verify; all without.")] = None,
    as_json: Json = False,
) -> None:
    """Fold the log again and compare the result with the read tables, whole rows.

    Changes nothing and holds nobody up. Exit code 1 when a row differs; the differing columns are printed.
    """
    from runfold.projections.verify import verify as verify_projections

    with open_database() as connection, progress_bar(shown=not as_json) as progress:
        found = verify_projections(
            connection,
            catalogue(),
            names or [],
            progress=lambda group, position, upto: progress(group, "fold", position, upto),
        )
    if as_json:
        print_json(found)
    else:
        _print_verified(found)
    if any(verification.differing for verification in found):
        raise typer.Exit(1)


def _print_verified(found: list[Verification]) -> None:
    print_table(
        [
            {
                "projection": verification.projection,
                "position": f"{verification.position:,}",
                "rows": f"{verification.rows:,}",
                "differing": f"{verification.differing:,}",
                "parked": len(verification.parked_streams),
            }
            for verification in found
        ],
        columns=["projection", "position", "rows", "differing", "parked"],
    )
    for verification in found:
        print_differences(verification.projection, verification.differing, verification.differences, limit=SHOWN)


@app.command(epilog="Example: runfold projection rebuild node_executions --dry-run")
def rebuild(
    names: Names = None,
    everything: Annotated[bool, typer.Option("--all", help="All projections.")] = False,
    dry_run: DryRun = False,
    jobs: Annotated[int, typer.Option("--jobs", min=1, max=64, help="Connections that fold at a time.")] = 2,
    park: Annotated[bool, typer.Option("--park", help="Park streams that can not be folded.")] = False,
    restored: Annotated[
        bool, typer.Option("--restored", help="The log was restored and ends before the checkpoint: take it as it is.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Fold the log again and make the read tables the same, while everything goes on.

    Tables that foreign keys tie to the named ones come along. Only rows that differ are written, all at one position.
    Killed, it goes on where it was when it is called again. With --dry-run, exit code 1 when a row differs.
    """
    from runfold.projections.rebuild import rebuild as rebuild_projections

    if bool(names) == everything:
        raise typer.BadParameter("name projections, or say --all", param_hint="NAMES")
    with opener("rebuild") as connect, progress_bar(shown=not as_json) as progress:
        found = rebuild_projections(
            connect,
            catalogue(),
            names or [],
            jobs=jobs,
            dry_run=dry_run,
            park=park,
            restored=restored,
            progress=progress,
        )
    _report(found, dry_run=dry_run, as_json=as_json)


def _report(found: list[Rebuilt], *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        print_json(found)
    else:
        columns = ["projection", "position", "differing", "parked"]
        print_table(
            [
                {
                    "projection": rebuilt.projection,
                    "position": f"{rebuilt.position:,}",
                    "differing": f"{rebuilt.differing:,}",
                    "inserted": f"{rebuilt.inserted:,}",
                    "updated": f"{rebuilt.updated:,}",
                    "deleted": f"{rebuilt.deleted:,}",
                    "parked": len(rebuilt.parked_streams),
                }
                for rebuilt in found
            ],
            columns=columns if dry_run else [*columns[:3], "inserted", "updated", "deleted", "parked"],
        )
        for rebuilt in found:
            if dry_run:
                print_differences(rebuilt.projection, rebuilt.differing, rebuilt.differences, limit=SHOWN)
            if rebuilt.newly_parked:
                typer.echo(f"{rebuilt.projection}: parked {', '.join(rebuilt.newly_parked)}")
    if dry_run and any(rebuilt.differing for rebuilt in found):
        raise typer.Exit(1)


def register(root: typer.Typer) -> None:
    """Add `runfold projection`."""
    root.add_typer(app, name="projection")
