"""`runfold projection`: the read tables' folds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from runfold.cli._connection import Projections, catalogue, open_database, opener, user_login
from runfold.cli.differences import SHOWN, print_differences, progress_bar
from runfold.cli.output import Json, print_json, print_json_line, print_table, print_text

if TYPE_CHECKING:
    from runfold.projections.reconciling.pair import Difference
    from runfold.projections.reconciling.rebuild import Rebuilt
    from runfold.projections.reconciling.verify import Verification

app = typer.Typer(help="Projections: the folds of the read tables.", no_args_is_help=True)

Names = Annotated[list[str] | None, typer.Argument(help="Projections; see `runfold projection list`.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the differences and change nothing.")]


@app.command("list", epilog="Example: runfold projection list --json")
def list_(
    projections: Projections = None,  # noqa: ARG001 - it is in the settings
    as_json: Json = False,
) -> None:
    """List the projections: group, table, versions and what was verified last."""
    from runfold.reading.status import read_projections

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


@app.command(epilog="Example: runfold projection verify node_executions --sample 1000")
def verify(
    names: Annotated[list[str] | None, typer.Argument(help="Projections to verify; all without.")] = None,
    sample: Annotated[int | None, typer.Option("--sample", min=1, help="Only so many streams.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Which streams a sample has.")] = 0,
    stream: Annotated[str | None, typer.Option("--stream", help="Only one stream, as execution-7.")] = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", min=1, help="Differences of a table to show.", show_default="20; 100 with --json"),
    ] = None,
    all_differences: Annotated[
        bool, typer.Option("--all-differences", help="Print each difference as it is found: with --json one a line.")
    ] = False,
    projections: Projections = None,  # noqa: ARG001 - it is in the settings
    as_json: Json = False,
) -> None:
    """Fold the log again and compare the result with the read tables, whole rows.

    Changes nothing and holds nobody up. Exit code 1 when a row differs; the differing columns are printed.
    """
    from runfold.projections.reconciling.verify import SHOWN as KEPT
    from runfold.projections.reconciling.verify import verify as verify_projections

    if sample is not None and stream is not None:
        raise typer.BadParameter("either a sample or one stream", param_hint="--sample")
    known = catalogue()
    with open_database() as connection, progress_bar(shown=not as_json and not all_differences) as progress:
        found = verify_projections(
            connection,
            known,
            names or [],
            streams=None if stream is None else [stream],
            sample=sample,
            seed=seed,
            limit=None if all_differences else limit or KEPT,
            told=_tell(as_json=as_json) if all_differences else None,
            progress=lambda group, position, upto: progress(group, "fold", position, upto),
            login=user_login(known),
        )
    if all_differences and as_json:
        for verification in found:
            print_json_line({"verification": verification})
    elif as_json:
        print_json(found)
    else:
        _print_verified(found, shown=0 if all_differences else limit or SHOWN)
    if any(verification.differing for verification in found):
        raise typer.Exit(1)


def _tell(*, as_json: bool) -> Callable[[str, Difference], None]:
    """Prints a difference when it is found."""

    def tell(projection: str, difference: Difference) -> None:
        if as_json:
            print_json_line({"projection": projection, "difference": difference})
            return
        row = ", ".join(f"{name} {value}" for name, value in difference.key.items())
        columns = "".join(f"\n  {name}: {pair[0]} is {pair[1]}" for name, pair in difference.columns.items())
        print_text(f"{projection} {row} {difference.kind}{columns}")

    return tell


def _print_verified(found: list[Verification], *, shown: int) -> None:
    """Print what was found in each table; the differences themselves where `shown` is not 0."""
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
            if not verification.left_out
        ],
        columns=["projection", "position", "rows", "differing", "parked"],
    )
    for verification in found:
        if verification.left_out:
            typer.echo(f"{verification.projection}: its rows belong to no stream, verify the whole table")
        elif shown:
            print_differences(verification.projection, verification.differing, verification.differences, limit=shown)


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
    projections: Projections = None,  # noqa: ARG001 - it is in the settings
    as_json: Json = False,
) -> None:
    """Fold the log again and make the read tables the same, while everything goes on.

    Tables that foreign keys tie to the named ones come along. Only rows that differ are written, all at one position.
    Killed, it goes on where it was when it is called again. With --dry-run, exit code 1 when a row differs.
    """
    from runfold.projections.reconciling.rebuild import rebuild as rebuild_projections

    if bool(names) == everything:
        raise typer.BadParameter("name projections, or say --all", param_hint="NAMES")
    known = catalogue()
    with opener("rebuild") as connect, progress_bar(shown=not as_json) as progress:
        found = rebuild_projections(
            connect,
            known,
            names or [],
            jobs=jobs,
            dry_run=dry_run,
            park=park,
            restored=restored,
            progress=progress,
            login=user_login(known),
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


@app.command(epilog="Example: runfold projection replay --stream execution-7 --dry-run")
def replay(
    stream_id: Annotated[str, typer.Option("--stream", help="The stream, as execution-7.")],
    dry_run: DryRun = False,
    projections: Projections = None,  # noqa: ARG001 - it is in the settings
    as_json: Json = False,
) -> None:
    """Fold one stream again from its beginning and make its rows what the log says.

    Mends one execution, interaction, response or deployment; in your own tables, too, where their files name the
    stream's column (`stream_key`). A parked stream is folded up to its bad event: `runfold parked retry` folds the
    rest. With --dry-run, exit code 1 when a row differs.
    """
    from runfold.projections.reconciling.replay import replay as replay_stream

    known = catalogue()
    with open_database() as connection:
        found = replay_stream(connection, known, stream_id, dry_run=dry_run, login=user_login(known))
    if as_json:
        print_json(found)
    else:
        columns = ["projection", "position", "differing"]
        print_table(
            [asdict(item) for item in found if not item.left_out],
            columns=columns if dry_run else [*columns, "inserted", "updated", "deleted"],
        )
        for item in found:
            print_differences(item.projection, item.differing, item.differences, limit=SHOWN)
            if item.left_out:
                typer.echo(
                    f"{item.projection}: rows of its group belong to no one stream, only a rebuild makes them right"
                )
    if dry_run and any(item.differing for item in found):
        raise typer.Exit(1)


def register(root: typer.Typer) -> None:
    """Add `runfold projection`."""
    root.add_typer(app, name="projection")
