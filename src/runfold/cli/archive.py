"""`runfold archive`: list, write, verify, restore and rewrite the files that old events of the log leave for."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from runfold.cli._connection import open_database
from runfold.cli.archived import ArchiveFolder, archive_folder
from runfold.cli.durations import parse_duration
from runfold.cli.invocation import settings
from runfold.cli.output import Json, instant, print_json, print_table, print_text

if TYPE_CHECKING:
    from runfold.archive.listing import Finding

app = typer.Typer(help="The archive: files that old events of the log leave for.", no_args_is_help=True)

DryRun = Annotated[bool, typer.Option("--dry-run", help="Count what would leave; change nothing.")]


@app.command("list", epilog="Example: runfold archive list")
def list_(archive: ArchiveFolder = None, as_json: Json = False) -> None:
    """List the segments that have a file: what of them left the log, and whether the file is there.

    With a folder, also its files that are not archived in this log, as after a restore.
    """
    from runfold.archive.listing import list_archives

    with open_database(shared=True) as connection:
        found = list_archives(connection, archive or settings().archive)
    _print(found, as_json)


@app.command(epilog="Example: runfold archive write --older-than 180d")
def write(
    archive: ArchiveFolder = None,
    older_than: Annotated[
        str | None,
        typer.Option(
            "--older-than",
            metavar="TIME",
            help="Archive executions and what belongs to them whose last event is so old, whatever the policies say.",
        ),
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Write closed segments to files, and take what has ended and is old out of the log."""
    from runfold.archive.writing import write_archives

    age = None if older_than is None else timedelta(milliseconds=parse_duration(older_than))
    folder = Path() if dry_run else archive_folder(archive)
    with open_database(role="runfold_operator") as connection:
        written = write_archives(connection, folder, older_than=age, dry_run=dry_run)
    if as_json:
        print_json(written)
        return
    print_text(
        f"{written.streams:,} streams with {written.events:,} events {'would leave' if dry_run else 'left'} the log"
    )
    for file in written.files:
        print_text(f"wrote {folder / file}")
    if written.stayed:
        print_text(f"{written.stayed:,} streams stayed, because something changed since they were chosen")


@app.command(epilog="Example: runfold archive verify --from 1 --to 5000000")
def verify(
    archive: ArchiveFolder = None,
    from_position: Annotated[int, typer.Option("--from", min=1, help="Files from this position on.")] = 1,
    to_position: Annotated[int | None, typer.Option("--to", min=1, help="Files up to this position.")] = None,
    as_json: Json = False,
) -> None:
    """Read the files, and compare them with what was written; exit code 1 when one is missing or differs."""
    from runfold.archive.listing import verify_archives

    with open_database(shared=True) as connection:
        found = list(verify_archives(connection, archive_folder(archive), from_position, to_position))
    _print(found, as_json)
    if any(each.found != "ok" for each in found):
        raise typer.Exit(1)


@app.command(epilog="Example: runfold archive restore 1..5000000")
def restore(
    span: Annotated[str | None, typer.Argument(help="The positions FROM..TO.", metavar="FROM..TO")] = None,
    stream: Annotated[str | None, typer.Option("--stream", help="This stream only.", metavar="STREAM")] = None,
    archive: ArchiveFolder = None,
    as_json: Json = False,
) -> None:
    """Put events back into the log, where they were: one stream, or all streams that left a range of positions."""
    from runfold.archive.restoring import restore_range, restore_stream

    bounds = None if span is None else _span(span)
    if (bounds is None) == (stream is None):
        raise typer.BadParameter("give either FROM..TO or --stream")
    folder = archive_folder(archive)
    with open_database(role="runfold_operator") as connection:
        if stream is not None:
            found = restore_stream(connection, folder, stream)
        else:
            found = restore_range(connection, folder, *(bounds or (1, 1)))
    if as_json:
        print_json(found)
        return
    print_text(f"{found.streams:,} streams with {found.events:,} events are in the log again")
    if found.erased:
        print_text(f"{found.erased:,} streams of erased tenants cannot come back")


@app.command(epilog="Example: runfold archive rewrite --without 6f0c6a3e-0000-4000-8000-000000000001")
def rewrite(
    without: Annotated[str, typer.Option("--without", help="An erased tenant.", metavar="USER")],
    archive: ArchiveFolder = None,
    as_json: Json = False,
) -> None:
    """Write the files anew without the data of an erased tenant; its events stay as hashes, so that seals verify."""
    from runfold.archive.rewriting import rewrite_without

    with open_database(role="runfold_operator") as connection:
        found = rewrite_without(connection, archive_folder(archive), without)
    if as_json:
        print_json(found)
        return
    print_text(f"{found.events:,} events in {len(found.files):,} files are hashes now")


def _span(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"([1-9]\d{0,17})\.\.([1-9]\d{0,17})", text)
    if found is None or int(found[1]) > int(found[2]):
        raise typer.BadParameter(
            f"{text!r} is not a range of positions: write two of them, as 1..5000000", param_hint="RANGE"
        )
    return int(found[1]), int(found[2])


def _print(found: list[Finding], as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    print_table(
        [_line(each) for each in found],
        columns=["file", "state", "events", "left", "streams", "written (UTC)"],
        empty="nothing is archived",
    )
    for each in found:
        if each.text is not None:
            print_text(each.text)


def _line(each: Finding) -> dict[str, Any]:
    archive = each.archive
    if archive is None:
        return {"file": each.file, "state": each.found}
    return {
        "file": each.file,
        "state": archive.state if each.found == "ok" else each.found,
        "events": f"{archive.events:,}",
        "left": f"{archive.left_events:,}",
        "streams": f"{archive.left_streams:,}",
        "written (UTC)": instant(archive.written_at),
    }


def register(root: typer.Typer) -> None:
    """Add `runfold archive`."""
    root.add_typer(app, name="archive")
