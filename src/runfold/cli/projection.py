"""`runfold projection`: list, verify, rebuild and replay projections."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from runfold.cli._connection import Projections, catalogue, open_database, opener, user_login
from runfold.cli.archived import ArchiveFolder, WithArchived, archive_folder
from runfold.cli.differences import SHOWN, print_differences, progress_bar
from runfold.cli.output import Json, print_json, print_json_line, print_table, print_text

if TYPE_CHECKING:
    from runfold.projections.reconciling.pair import Difference
    from runfold.projections.reconciling.rebuild import Rebuilt
    from runfold.projections.reconciling.verify import Verification
    from runfold.projections.reconciling.verify_slices import SliceDone

app = typer.Typer(help="Projections: the folds of the read tables.", no_args_is_help=True)

Names = Annotated[list[str] | None, typer.Argument(help="Projections; see `runfold projection list`.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the differences; change nothing.")]


@app.command("list", epilog="Example: runfold projection list --json")
def list_(
    projections: Projections = None,  # noqa: ARG001 - it is in the settings
    as_json: Json = False,
) -> None:
    """List the projections: group, versions, and the last verification."""
    from runfold.reading.status import read_projections

    with open_database(shared=True) as connection:
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
    names: Annotated[list[str] | None, typer.Argument(help="The projections to verify; by default all.")] = None,
    sample: Annotated[int | None, typer.Option("--sample", min=1, help="Verify only this many streams.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="The seed that chooses the streams of a sample.")] = 0,
    stream: Annotated[
        str | None, typer.Option("--stream", help="Verify only this stream, for example execution-7.")
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit", min=1, help="Show at most this many differences of a table.", show_default="20; 100 with --json"
        ),
    ] = None,
    archived: WithArchived = False,
    folder: ArchiveFolder = None,
    all_differences: Annotated[
        bool, typer.Option("--all-differences", help="Print each difference when it is found; with --json, one a line.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on after the slices that an interrupted verification noted.")
    ] = False,
    slice_events: Annotated[
        int | None,
        typer.Option(
            "--slice-events",
            min=1,
            help="Verify in slices of about this many events, each in a snapshot of its own.",
            show_default="100,000 in a log of more than 1,000,000; else all at once",
        ),
    ] = None,
    projections: Projections = None,  # noqa: ARG001 - it is in the settings
    as_json: Json = False,
) -> None:
    """Fold the log again and compare whole rows of the result with the read tables.

    Changes nothing and blocks nobody. Prints the columns that differ; exit code 1 when a row differs. A large log is
    verified in slices, none of which keeps a snapshot for longer than a minute; with --json, each is a line on stderr.
    """
    from runfold.database.sessions import refuse_read_only
    from runfold.projections.reconciling.verify import SHOWN as KEPT
    from runfold.projections.reconciling.verify import verify as verify_projections
    from runfold.projections.reconciling.verify_slices import EVENTS_A_SLICE, is_large, verify_in_slices

    if sample is not None and stream is not None:
        raise typer.BadParameter("--sample and --stream exclude each other: give one of them", param_hint="--sample")
    some = sample is not None or stream is not None
    if (some or archived) and (resume or slice_events is not None):
        raise typer.BadParameter(
            "a sample, a stream and the archive are not verified in slices: leave --resume and --slice-events out",
            param_hint="--resume",
        )
    known = catalogue()
    shown = None if all_differences else limit or KEPT
    tell = _tell(as_json=as_json) if all_differences else None
    with open_database(exact=True) as connection, progress_bar(shown=not as_json and not all_differences) as progress:
        # It notes that it was done, and folds into temporary tables.
        refuse_read_only(connection, "this command")
        if not (some or archived) and (resume or slice_events is not None or is_large(connection)):
            found = verify_in_slices(
                connection,
                known,
                names or [],
                resume=resume,
                events=slice_events or EVENTS_A_SLICE,
                limit=shown,
                on_difference=tell,
                progress=_slices(progress, as_json=as_json),
                login=user_login(known),
            )
        else:
            found = verify_projections(
                connection,
                known,
                names or [],
                streams=None if stream is None else [stream],
                sample=sample,
                seed=seed,
                limit=shown,
                on_difference=tell,
                progress=lambda group, position, upto: progress(group, "fold", position, upto),
                login=user_login(known),
                archive=archive_folder(folder, is_there=True) if archived else None,
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


def _slices(bar: Callable[[str, str, int, int], None], *, as_json: bool) -> Callable[[SliceDone], None]:
    """Return a function that shows a slice: as a line of JSON on stderr, or in the bar of its group."""

    def show(done: SliceDone) -> None:
        if as_json:
            print_json_line({"slice": done}, err=True)
            return
        bar(done.group, f"{done.slices:,} slices, {done.rows:,} rows", min(done.events, done.of_events), done.of_events)

    return show


def _tell(*, as_json: bool) -> Callable[[str, Difference], None]:
    """Return a function that prints one difference."""

    def tell(projection: str, difference: Difference) -> None:
        if as_json:
            print_json_line({"projection": projection, "difference": difference})
            return
        row = ", ".join(f"{name} {value}" for name, value in difference.key.items())
        columns = "".join(f"\n  {name}: {pair[0]} is {pair[1]}" for name, pair in difference.columns.items())
        print_text(f"{projection} {row} {difference.kind}{columns}")

    return tell


def _print_verified(found: list[Verification], *, shown: int) -> None:
    """Print a line for each table, and up to `shown` differences of it."""
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
            if not verification.left_out and not verification.archived
        ],
        columns=["projection", "position", "rows", "differing", "parked"],
    )
    for verification in found:
        if verification.archived:
            print_text(
                f"{verification.projection}: not compared, because events that its rows depend on are archived:"
                " use --archived"
            )
        elif verification.left_out:
            print_text(f"{verification.projection}: its rows do not belong to one stream, verify the whole table")
            continue
        if verification.archived_rows:
            print_text(
                f"{verification.projection}: {verification.archived_rows:,} rows of archived streams were not compared"
            )
        if shown:
            print_differences(verification.projection, verification.differing, verification.differences, limit=shown)


@app.command(epilog="Example: runfold projection rebuild node_executions --dry-run")
def rebuild(
    names: Names = None,
    everything: Annotated[bool, typer.Option("--all", help="Rebuild all projections.")] = False,
    dry_run: DryRun = False,
    jobs: Annotated[int, typer.Option("--jobs", min=1, max=64, help="Fold in this many connections.")] = 2,
    park: Annotated[bool, typer.Option("--park", help="Park streams that cannot be folded.")] = False,
    restored: Annotated[
        bool, typer.Option("--restored", help="Accept a restored log that ends before the checkpoint.")
    ] = False,
    archived: WithArchived = False,
    folder: ArchiveFolder = None,
    skip_archived: Annotated[
        bool, typer.Option("--skip-archived", help="Let a new projection begin without what is archived.")
    ] = False,
    projections: Projections = None,  # noqa: ARG001 - it is in the settings
    as_json: Json = False,
) -> None:
    """Fold the log again and make the read tables equal to the result, while workers and readers continue.

    Tables that foreign keys tie to the named ones are rebuilt too. Only rows that differ are written, all at one
    position. After a kill, the next call continues the rebuild. With --dry-run, exit code 1 when a row differs.
    """
    from runfold.projections.reconciling.rebuild import rebuild as rebuild_projections

    if bool(names) == everything:
        raise typer.BadParameter("give the names of projections, or --all", param_hint="NAMES")
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
            archive=archive_folder(folder, is_there=True) if archived else None,
            skip_archived=skip_archived,
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
                if not rebuilt.archived
            ],
            columns=columns if dry_run else [*columns[:3], "inserted", "updated", "deleted", "parked"],
        )
        for rebuilt in found:
            if rebuilt.archived:
                print_text(
                    f"{rebuilt.projection}: left as it is, because events that its rows depend on are archived:"
                    " use --archived"
                )
                continue
            if rebuilt.archived_rows:
                print_text(f"{rebuilt.projection}: {rebuilt.archived_rows:,} rows of archived streams stay as they are")
            if dry_run:
                print_differences(rebuilt.projection, rebuilt.differing, rebuilt.differences, limit=SHOWN)
            if rebuilt.newly_parked:
                print_text(f"{rebuilt.projection}: parked {', '.join(rebuilt.newly_parked)}")
    if dry_run and any(rebuilt.differing for rebuilt in found):
        raise typer.Exit(1)


@app.command(epilog="Example: runfold projection replay --stream execution-7 --dry-run")
def replay(
    stream_id: Annotated[str, typer.Option("--stream", help="The stream, for example execution-7.")],
    dry_run: DryRun = False,
    projections: Projections = None,  # noqa: ARG001 - it is in the settings
    as_json: Json = False,
) -> None:
    """Fold one stream again from its beginning and make its rows equal to the result.

    Repairs one execution, interaction, response or deployment, also in your tables if their files name the stream's
    column (`stream_key`). A parked stream is folded up to its poison event; `runfold parked retry` folds the rest.
    With --dry-run, exit code 1 when a row differs.
    """
    from runfold.projections.reconciling.replay import replay as replay_stream

    known = catalogue()
    with open_database(folds=True) as connection:
        found = replay_stream(connection, known, stream_id, dry_run=dry_run, login=user_login(known))
    if as_json:
        print_json(found)
    else:
        columns = ["projection", "position", "differing"]
        print_table(
            [asdict(item) for item in found if not item.left_out and not item.archived],
            columns=columns if dry_run else [*columns, "inserted", "updated", "deleted"],
        )
        for item in found:
            print_differences(item.projection, item.differing, item.differences, limit=SHOWN)
            if item.archived:
                print_text(f"{item.projection}: left as it is, because events that its rows depend on are archived")
            if item.left_out:
                print_text(
                    f"{item.projection}: rows of its group do not belong to one stream, rebuild the projection instead"
                )
    if dry_run and any(item.differing for item in found):
        raise typer.Exit(1)


def register(root: typer.Typer) -> None:
    """Add `runfold projection`."""
    root.add_typer(app, name="projection")
